//! Users in the configuration and in a file of their own.

use crate::support::*;
use std::fs;
use std::process::{Command, Output};

const LINES: &str = "user alice on nopass allkeys +@all\n\n  user bob on >geheim ~set* resetchannels &c -@all +@set (+get  ~rw*)\r\n";

/// What the server says that does not start with these arguments.
fn refused(args: &[&str]) -> Output {
    let socket = std::env::temp_dir().join(format!("sidering-users-{}", std::process::id()));
    let output = Command::new(binary_under_test())
        .args(["--port", "0", "--unixsocket", socket.to_str().expect("a plain path")])
        .args(args)
        .output()
        .expect("the binary");
    let _ = fs::remove_file(&socket);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts a server with this file of users on each driver.
fn each_backend_with_file(users: &str, test: impl Fn(&mut Server)) {
    for backend in backends() {
        let files = [("users.acl", users.as_bytes())];
        test(&mut Server::start_with(backend, &["--aclfile", "users.acl"], &files));
    }
}

#[test]
fn a_file_of_users_is_loaded_at_start_and_written_and_read_again() {
    each_backend_with_file(LINES, |server| {
        let mut admin = server.client();
        admin.check("ACL WHOAMI", bulk("default"));
        let bob = admin.run("ACL GETUSER bob");
        assert_eq!(bob.get("commands"), Some(&bulk("-@all +@set")));
        admin.check("ACL SETUSER carol on nopass %W~c* +get", ok());
        let (list, mut alice) = (admin.run("ACL LIST"), server.client());
        alice.check("AUTH alice any", ok());
        admin.check("ACL SAVE", ok());
        let written = fs::read_to_string(server.dir().join("users.acl")).expect("the file");
        assert_eq!(bulks(written.lines()), list);
        admin.check("ACL SETUSER dave", ok());
        admin.check("ACL LOAD", ok());
        admin.check("ACL LIST", list.clone());
        // The users of before are gone, and so are their clients.
        assert!(alice.recv_to_end().is_empty());
        server.restart();
        server.client().check("ACL LIST", list);
        let names: Vec<_> = fs::read_dir(server.dir()).expect("a directory").collect();
        assert!(!format!("{names:?}").contains("temp-"), "{names:?}");
    });
}

#[test]
fn a_client_that_reloads_the_users_loses_its_own() {
    each_backend_with_file(LINES, |server| {
        let mut alice = server.client();
        alice.check("AUTH alice any", ok());
        alice.send(b"ACL LOAD\r\nGET k\r\n");
        assert_eq!(alice.recv_to_end(), b"+OK\r\n");
    });
}

#[test]
fn a_file_with_mistakes_changes_nothing() {
    each_backend_with_file(LINES, |server| {
        let mut admin = server.client();
        let list = admin.run("ACL LIST");
        let mistakes = "user alice on\nuser alice off\nnobody\nuser\nuser eve +nope >geheim +no2 ~* ~a !x\n\
                        user x (+get\nuser a\tb on\n";
        fs::write(server.dir().join("users.acl"), mistakes).expect("a file");
        let unknown = "Unknown command or category name in ACL";
        let start = "should start with user keyword followed by the username.";
        let expected = format!(
            "WARNING: Duplicate user 'alice' found on line 2. users.acl:3 {start} users.acl:4 {start} \
             users.acl:5: Error in applying operation '+nope': {unknown}. \
             users.acl:5: Error in applying operation '+no2': {unknown}. \
             users.acl:5: Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
             have any effect. Try 'resetkeys' to start with an empty list of patterns. \
             users.acl:6: Unmatched parenthesis in selector definition.\
             'users.acl:7: username 'a\tb' contains invalid characters. \
             WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        );
        admin.check("ACL LOAD", err(&expected));
        admin.check("ACL LIST", list.clone());
        fs::remove_file(server.dir().join("users.acl")).expect("the file");
        let missing = "Error loading ACLs, opening file 'users.acl': No such file or directory";
        admin.check("ACL LOAD", err(missing));
        admin.check("ACL LIST", list);
        server.kill();
        assert!(!server.starts());
        let log = server.log();
        assert!(
            log.contains(&format!("Aborting Redis startup because of ACL errors: {missing}")),
            "{log}"
        );
    });
}

#[test]
fn without_a_file_there_is_nothing_to_load_or_save() {
    each_backend(|server| {
        for line in ["ACL LOAD", "ACL SAVE"] {
            let text = server.client().run(line).text();
            let start =
                "ERR This Redis instance is not configured to use an ACL file. You may want";
            assert!(text.starts_with(start), "{text}");
        }
    });
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    each_backend_with_file(LINES, |server| {
        let mut admin = server.client();
        // A directory stands where the new file would be written.
        fs::create_dir(server.dir().join("temp-users.acl")).expect("a directory");
        let text = "There was an error trying to save the ACLs. Please check the server logs for more information";
        admin.check("ACL SAVE", err(text));
        let kept = fs::read_to_string(server.dir().join("users.acl")).expect("the file");
        assert_eq!(kept, LINES);
        assert!(server.log().contains("ACL SAVE: creating"), "{}", server.log());
    });
}

#[test]
fn the_configuration_defines_users() {
    each_backend_with(
        &[
            "--user", "bob", "on", ">geheim", "(+get", "~a)", "--user", "default", "on", "nopass",
            "~*", "+@all",
        ],
        |server| {
            let mut client = server.client();
            client.check("SUBSCRIBE c", err("NOPERM No permissions to access a channel"));
            client.check("SET a 1", ok());
            client.check("AUTH bob geheim", ok());
            client.check("GET a", bulk("1"));
            client.check("GET b", err("NOPERM No permissions to access a key"));
            assert!(!server.log().contains("geheim"));
        },
    );
    each_backend_with(&["--acl-pubsub-default", "allchannels", "--user", "bob"], |server| {
        let mut client = server.client();
        let channels = |client: &mut Client| {
            client.run("ACL GETUSER bob").get("channels").expect("a field").text()
        };
        assert_eq!(channels(&mut client), "&*");
        client.check("CONFIG SET acl-pubsub-default resetchannels", ok());
        assert_eq!(channels(&mut client), "&*");
        client.check("ACL SETUSER bob reset", ok());
        assert_eq!(channels(&mut client), "");
        assert!(server.log().contains("The user 'bob' is disabled"), "{}", server.log());
    });
}

#[test]
fn users_are_written_back_to_the_configuration() {
    for backend in backends() {
        let files = [(CONFIG_FILE, &b"port 6379\nuser gone on\n# end\n"[..])];
        let mut server = Server::start_with(backend, &[], &files);
        let mut admin = server.client();
        admin.check("ACL DELUSER gone", int(1));
        let rules = [&b"on"[..], b">geheim", b"~a\"b", b"(+get \"~c'd\" ~e)", b"&\xff"];
        let words = [&[&b"ACL"[..], b"SETUSER", b"bob"], &rules[..]].concat();
        assert_eq!(admin.cmd(&words), ok());
        admin.check("CONFIG REWRITE", ok());
        let list = admin.run("ACL LIST");
        let written = fs::read_to_string(server.dir().join(CONFIG_FILE)).expect("the file");
        assert!(!written.contains("gone") && !written.contains("geheim"), "{written}");
        server.restart();
        server.client().check("ACL LIST", list);
    }
}

#[test]
fn mistakes_in_the_configuration_are_told_without_passwords() {
    for (args, reason) in [
        (&["--user", "u", ">geheim", "nope"][..], "Error in user declaration 'nope': Syntax error"),
        (&["--user", "u", "<geheim"], "Error in user declaration '>(redacted)': The password you"),
        (&["--user", "u", "(+get"], "Error in user declaration '(+get': Unmatched parenthesis"),
        (
            &["--user", "u", ">geheim", "--user", "u"],
            "Error in user declaration 'u': Duplicate user found. A user can only be defined once in config files",
        ),
    ] {
        let output = refused(args);
        let stderr = text(&output.stderr);
        assert!(stderr.contains(reason) && !stderr.contains("geheim"), "{stderr}");
    }
    for (args, reason) in [
        (&["--user", "u", "+nope"][..], "'+nope': Unknown command or category name in ACL"),
        (&["--user", "a b"], "Spaces not allowed in ACL usernames"),
        (&["--user", "u", "--aclfile", "f"], "please define either an ACL file or declare users"),
    ] {
        let output = refused(args);
        let log = text(&output.stdout);
        assert!(log.contains(reason), "{log}");
    }
}
