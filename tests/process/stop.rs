//! Ending: signals, and what the log says of them.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use crate::support::*;

#[test]
fn signals_end_the_server_in_the_words_that_scripts_look_for() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        for backend in backends() {
            let mut server = Server::start(backend, &[]);
            server.signal(signal);
            assert!(server.wait().success(), "{}", server.log());
            let log = server.log();
            let received = format!("Received {name} scheduling shutdown...");
            for line in [&received, "User requested shutdown...", "bye bye..."] {
                assert!(log.contains(line), "{line} in {log}");
            }
        }
    }
}

#[test]
fn a_second_interrupt_does_not_wait_for_the_last_snapshot() {
    for backend in backends() {
        let mut server = Server::start(backend, &["--save", "3600 1"]);
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("CONFIG SET rdb-key-save-delay 1000000000", ok());
        server.signal(Signal::INT);
        let begun = "Saving the final RDB snapshot before exiting.";
        server.wait_until("the snapshot has begun", |server| server.log().contains(begun));
        server.signal(Signal::INT);
        assert_eq!(server.wait().signal(), Some(Signal::INT.as_raw()));
        assert!(!server.dir().join("dump.rdb").exists());
    }
}

#[test]
fn a_hangup_ends_nothing() {
    each_backend(|server| {
        server.signal(Signal::HUP);
        server.client().check("PING", simple("PONG"));
    });
}

#[test]
fn clients_see_the_end_of_a_server_that_is_told_to_stop() {
    for backend in backends() {
        let mut server = Server::start(backend, &[]);
        let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
        clients.iter_mut().for_each(|client| client.check("PING", simple("PONG")));
        server.signal(Signal::TERM);
        assert!(clients.iter_mut().all(|client| client.recv_to_end().is_empty()));
        assert!(server.wait().success());
    }
}

#[test]
fn a_signal_that_asks_to_save_is_refused_when_that_fails_unless_forced() {
    each_backend_with(&["--shutdown-on-sigterm", "save"], |server| {
        // Where the snapshot is to be written stands a directory.
        let temporary = server.dir().join(format!("temp-{}.rdb", server.pid()));
        std::fs::create_dir(temporary).expect("a directory");
        server.signal(Signal::TERM);
        server.wait_until("the signal is noticed", |server| server.log().contains("can't exit"));
        let mut client = server.client();
        client.check("PING", simple("PONG"));
        client.check("CONFIG SET shutdown-on-sigterm 'save force'", ok());
        server.signal(Signal::TERM);
        assert_eq!(client.recv_to_end(), b"");
    });
}
