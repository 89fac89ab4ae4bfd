//! Each step on disk of a piece of work fails once: the first one, then the second, ... until a run
//! has no fault. What was there stays, the error is told, and the next try works.

use std::fs;

use super::digest;
use super::fault::{fault, knows_faults, with_faults};
use crate::support::*;

/// Has the first, second, ... step on a path with `part` in it fail by `error` while `run` is called,
/// until none does; `check` looks at what is left each time. Returns how many there were.
fn each_step(
    server: &mut Server,
    (part, error): (&str, &str),
    run: impl Fn(&Server, &mut Client),
    check: impl Fn(&mut Server, &mut Client),
) -> usize {
    for nth in 1.. {
        let mut client = server.client();
        client.check(&format!("SET key:{nth} {error}"), ok());
        let rules = format!("any@{part}:{error}:{nth}");
        fault(&mut client, &rules);
        run(server, &mut client);
        let acted = fault(&mut client, "");
        check(server, &mut client);
        if acted == 0 {
            return nth - 1;
        }
    }
    unreachable!("every work ends")
}

/// Names of files under the server's directory that begin with `temp`.
fn temporary_files(server: &Server) -> Vec<String> {
    let dirs = [server.dir().to_owned(), server.dir().join("appendonlydir")];
    let entries = dirs.iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten());
    let names = entries.map(|entry| entry.expect("one").file_name().into_string().expect("text"));
    names.filter(|name| name.starts_with("temp")).collect()
}

fn rewrite(server: &Server, client: &mut Client) {
    client.run("BGREWRITEAOF");
    server.wait_until("it is over", |server| {
        server.info("aof_rewrite_in_progress") == "0"
            && server.info("aof_last_write_status") == "ok"
    });
}

#[test]
fn a_rewrite_of_the_log_fails_at_any_step_without_loss() {
    for error in ["EIO", "ENOSPC"] {
        with_faults(&["--appendonly", "yes", "--appendfsync", "no"], |server| {
            let descriptors = server.fd_count();
            let steps = each_step(server, ("appendonly", error), rewrite, |server, client| {
                let failed = server.log().matches("rewrite terminated with error").count() > 0;
                let status = server.info("aof_last_bgrewrite_status");
                let healed = server.log().matches("rewrite finished successfully").count() > 0;
                assert_eq!(
                    status,
                    if failed && !healed { "err" } else { "ok" },
                    "{}",
                    server.log()
                );
                client.check("SET after 1", ok());
                rewrite(server, client);
                assert_eq!(server.info("aof_last_bgrewrite_status"), "ok", "{}", server.log());
                assert_eq!(temporary_files(server), [""; 0]);
                client.check("SET last 1", ok());
                let whole = digest(server);
                server.restart();
                assert_eq!(digest(server), whole, "{}", server.log());
                server.wait_until("nothing is left open", |server| {
                    server.fd_count() <= descriptors + 2
                });
            });
            assert!(steps > 20, "only {steps} steps");
        });
    }
}

#[test]
fn a_snapshot_fails_at_any_step_and_the_old_one_stays() {
    for error in ["EIO", "ENOSPC"] {
        with_faults(&["--save", "3600 1000000"], |server| {
            server.client().check("SAVE", ok());
            let save = |server: &Server, client: &mut Client| {
                client.run("BGSAVE");
                server.wait_until("it is over", |server| {
                    server.info("rdb_bgsave_in_progress") == "0"
                });
            };
            let path = server.dir().join("dump.rdb");
            let steps = each_step(server, (".rdb", error), save, |server, client| {
                if server.info("rdb_last_bgsave_status") == "err" {
                    assert!(server.log().contains("Background saving error: "), "{}", server.log());
                    assert!(client.run("SET refused 1").text().starts_with("MISCONF Redis is"));
                    let checked = std::process::Command::new(binary_under_test())
                        .args(["check-rdb".as_ref(), path.as_os_str()])
                        .output();
                    assert!(checked.expect("it runs").status.success());
                }
                save(server, client);
                assert_eq!(server.info("rdb_last_bgsave_status"), "ok", "{}", server.log());
                assert_eq!(temporary_files(server), [""; 0]);
                client.check("SET after 1", ok());
            });
            assert!(steps >= 3, "only {steps} steps");
            let whole = digest(server);
            server.client().check("SAVE", ok());
            server.restart();
            assert_eq!(digest(server), whole);
        });
    }
}

#[test]
fn a_start_without_space_says_so_and_the_next_one_works() {
    with_faults(&[], |server| {
        server.add_args(&["--appendonly", "yes"]);
        for nth in 1.. {
            let _ = fs::remove_dir_all(server.dir().join("appendonlydir"));
            server.kill();
            server.set_faults(&format!("any:ENOSPC:{nth}"));
            if server.starts() {
                assert!(nth > 10, "only {nth} steps");
                break;
            }
            assert_eq!(server.wait().code(), Some(1));
            let log = server.log();
            assert!(log.contains("No space left on device") && log.contains("append"), "{log}");
            server.set_faults("");
            assert!(server.starts(), "{}", server.log());
        }
    });
}

#[test]
fn a_log_that_cannot_be_read_stops_the_start() {
    with_faults(&["--appendonly", "yes"], |server| {
        server.client().check("SET key 1", ok());
        rewrite(server, &mut server.client());
        server.client().check("SET key 2", ok());
        for (rule, name) in [
            ("read@manifest:EIO", "appendonly.aof.manifest"),
            ("open@base:EACCES", "base.rdb"),
            ("sync@base:EIO", "base.rdb"),
            ("open@incr:EMFILE", "incr.aof"),
            ("open@incr:EIO:2", "incr.aof"),
            ("read@incr:EIO:1", "incr.aof"),
            ("read@incr:EIO:2", "incr.aof"),
            ("sync@incr:EIO", "incr.aof"),
            ("syncdir@appendonlydir:EIO", "appendonlydir"),
        ] {
            server.kill();
            server.set_faults(rule);
            assert!(!server.starts(), "{rule}");
            assert_eq!(server.wait().code(), Some(1), "{rule}");
            assert!(server.log().contains(name), "{rule}: {}", server.log());
        }
        server.set_faults("");
        assert!(server.starts(), "{}", server.log());
        server.client().check("GET key", bulk("2"));
    });
}

#[test]
fn a_snapshot_that_cannot_be_read_stops_the_start() {
    with_faults(&[], |server| {
        let mut client = server.client();
        client.check("SET key 1", ok());
        client.check("SAVE", ok());
        for rule in ["open@dump:EIO", "open@dump:EACCES", "sync@dump:EIO"] {
            server.kill();
            server.set_faults(rule);
            assert!(!server.starts(), "{rule}");
            assert_eq!(server.wait().code(), Some(1), "{rule}");
            assert!(server.log().contains("Fatal error loading the DB"), "{}", server.log());
        }
        server.set_faults("");
        assert!(server.starts(), "{}", server.log());
        server.client().check("GET key", bulk("1"));
    });
}

#[test]
fn files_of_settings_and_users_stay_whole_at_any_step() {
    for backend in backends() {
        let (config, users) = (CONFIG_FILE, "users.acl");
        let text = format!("aclfile {users}\n");
        let files = [(config, text.as_bytes()), (users, &b"user default on nopass ~* +@all\n"[..])];
        let mut server = Server::start_with(backend, &[], &files);
        if !knows_faults(&server) {
            return;
        }
        for (name, command) in [(config, "CONFIG REWRITE"), (users, "ACL SAVE")] {
            let read = |server: &Server| fs::read(server.dir().join(name)).expect("the file");
            for nth in 1.. {
                let mut client = server.client();
                let change = match name == users {
                    true => format!("ACL SETUSER alice{nth} on"),
                    false => format!("CONFIG SET timeout {nth}"),
                };
                client.check(&change, ok());
                let before = read(&server);
                fault(&mut client, &format!("any@{name}:ENOSPC:{nth}"));
                let reply = client.run(command);
                if fault(&mut client, "") == 0 {
                    assert_eq!(reply, ok());
                    assert!(nth > 4, "{command} has {} steps", nth - 1);
                    break;
                }
                assert!(reply.is_error() && read(&server) == before, "{command}, step {nth}");
                client.check(command, ok());
                assert_ne!(read(&server), before);
                assert_eq!(temporary_files(&server), [""; 0]);
            }
        }
        server.restart();
        server.client().check("CONFIG GET timeout", bulks(["timeout", "5"]));
    }
}
