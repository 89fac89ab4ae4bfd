//! CONFIG REWRITE: the file of the start follows what was set since.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::*;

/// Runs a test with each driver and a server that was started with a file.
fn each_with_file(text: &str, test: impl Fn(&mut Server)) {
    for backend in backends() {
        test(&mut Server::start_with(backend, &[], &[(CONFIG_FILE, text.as_bytes())]));
    }
}

fn file(server: &Server) -> String {
    fs::read_to_string(server.dir().join(CONFIG_FILE)).expect("the file")
}

#[test]
fn what_was_set_holds_after_the_next_start() {
    each_with_file("# the shop's cache\nmaxmemory 10mb\nrename-command LOLWUT \"\"\n", |server| {
        let mut client = server.client();
        client.check("CONFIG SET maxmemory 20mb timeout 77", ok());
        client.check("CONFIG REWRITE", ok());
        let text = file(server);
        let head = "# the shop's cache\nmaxmemory 20mb\nrename-command LOLWUT \"\"\n";
        assert!(text.starts_with(head) && text.contains("\ntimeout 77\n"), "{text}");
        server.restart();
        let mut client = server.client();
        client.check("CONFIG GET timeout", bulks(["timeout", "77"]));
        client.check("CONFIG GET maxmemory", bulks(["maxmemory", "20971520"]));
        assert!(client.run("LOLWUT").is_error());
        client.check("CONFIG REWRITE", ok());
        assert_eq!(file(server), text);
    });
}

#[test]
fn who_could_not_read_the_file_still_cannot() {
    each_with_file("maxmemory 10mb\n", |server| {
        let path = server.dir().join(CONFIG_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file");
        server.client().check("CONFIG REWRITE", ok());
        assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    });
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    each_with_file("maxmemory 10mb\n", |server| {
        fs::create_dir(server.dir().join(format!("temp-{CONFIG_FILE}"))).expect("in the way");
        let reply = server.client().run("CONFIG REWRITE").text();
        assert_eq!(reply, "ERR Rewriting config file: Is a directory");
        assert_eq!(file(server), "maxmemory 10mb\n");
    });
}

#[test]
fn without_a_file_there_is_nothing_to_rewrite() {
    each_backend(|server| {
        let error = err("ERR The server is running without a config file");
        server.client().check("CONFIG REWRITE", error);
    });
}

/// Another value that a parameter takes, if one follows from the value alone.
fn another(name: &str, value: &str) -> Option<String> {
    match (name, value) {
        // The sockets of this test, and limits that would end its connection.
        ("port" | "bind" | "timeout" | "maxmemory-clients", _) => None,
        (_, "yes") => Some("no".into()),
        (_, "no") => Some("yes".into()),
        (_, number) => number.parse::<i64>().ok().map(|number| (number + 1).to_string()),
    }
}

fn parameters(client: &mut Client) -> Vec<(String, String)> {
    let all = client.run("CONFIG GET *");
    let pairs = all.items().chunks(2).map(|pair| (pair[0].text(), pair[1].text()));
    pairs.collect()
}

#[test]
fn every_parameter_that_can_be_set_survives_a_rewrite_and_a_start() {
    each_with_file("# nothing is set\n", |server| {
        let mut client = server.client();
        let mut set = 0;
        for (name, value) in parameters(&mut client) {
            // What CONFIG GET shows is taken back, but for what only the start decides.
            let kept = client.cmd(&["CONFIG", "SET", &name, &value]);
            let refused = kept.is_error();
            assert!(!refused || kept.text().contains("can't set "), "{name}: {kept:?}");
            let other = another(&name, &value).filter(|_| !refused);
            let taken = other.map(|other| client.cmd(&["CONFIG", "SET", &name, &other]));
            set += usize::from(taken.is_some_and(|reply| !reply.is_error()));
        }
        assert!(set > 80, "{set} parameters were changed");
        let before = parameters(&mut client);
        client.check("CONFIG REWRITE", ok());
        server.restart();
        let after = parameters(&mut server.client());
        let differs: Vec<_> =
            before.iter().zip(&after).filter(|(one, other)| one != other).collect();
        assert!(differs.is_empty(), "{differs:?}");
    });
}
