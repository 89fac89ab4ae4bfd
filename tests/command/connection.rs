//! Clients about themselves and others: AUTH, CLIENT, RESET, pauses and kills.

use crate::support::*;

#[test]
fn a_password_opens_the_door() {
    each_backend_with(&["--requirepass", "secret"], |server| {
        let mut client = server.client();
        client.check("GET k", err("NOAUTH Authentication required."));
        let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
        client.check("AUTH wrong", err(wrong));
        client.check("AUTH default secret", ok());
        client.check("GET k", nil());
        client.check("RESET", simple("RESET"));
        client.check("GET k", err("NOAUTH Authentication required."));
    });
}

#[test]
fn a_password_set_at_run_time_binds_new_clients() {
    each_backend(|server| {
        let mut old = server.client();
        old.check("CONFIG SET requirepass new", ok());
        old.check("GET k", nil());
        server.client().check("GET k", err("NOAUTH Authentication required."));
        old.check("CONFIG SET requirepass \"\"", ok());
        server.client().check("GET k", nil());
    });
}

#[test]
fn a_client_has_name_library_and_number() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CLIENT GETNAME", nil());
        client.check("CLIENT SETNAME site", ok());
        client.check("CLIENT SETINFO LIB-NAME lib", ok());
        client.check("CLIENT GETNAME", bulk("site"));
        let id = client.run("CLIENT ID").as_int();
        let info = client.run("CLIENT INFO").text();
        for field in [&format!("id={id} "), " name=site ", " lib-name=lib ", " cmd=client|info "] {
            assert!(info.contains(field), "{field} in {info}");
        }
        let blanks = "ERR Client names cannot contain spaces, newlines or special characters.";
        client.check("CLIENT SETNAME \"a b\"", err(blanks));
        assert!(server.client().run("CLIENT ID").as_int() > id);
    });
}

#[test]
fn clients_are_killed_by_what_they_are() {
    each_backend(|server| {
        let mut killer = server.client();
        for filter in ["ID", "LADDR", "USER", "TYPE"] {
            let mut victim = server.client();
            let info = victim.run("CLIENT INFO").text();
            let field = |name: &str| {
                let words = info.split_whitespace();
                words.filter_map(|word| word.strip_prefix(name)).next().expect("a field").to_owned()
            };
            let value = match filter {
                "ID" => field("id="),
                "LADDR" => field("laddr="),
                "USER" => "default".into(),
                _ => "normal".into(),
            };
            killer.check(&format!("CLIENT KILL {filter} {value}"), int(1));
            assert!(victim.recv_to_end().is_empty(), "{filter}");
        }
        killer.check("CLIENT KILL 127.0.0.1:1", err("ERR No such client"));
        let id = killer.run("CLIENT ID").as_int();
        killer.send(&encode(&["CLIENT", "KILL", "ID", &id.to_string(), "SKIPME", "no"]));
        assert_eq!(killer.recv_to_end(), b":1\r\n");
    });
}

#[test]
fn a_pause_holds_writes_in_order_and_lets_reads_pass() {
    each_backend(|server| {
        let (mut admin, mut writer) = (server.client(), server.client());
        admin.check("SET k 1", ok());
        admin.check("CLIENT PAUSE 100000 WRITE", ok());
        writer.send(b"GET k\r\nINCR k\r\nGET k\r\nINCR k\r\n");
        assert_eq!(writer.recv(), bulk("1"));
        let blocked = |server: &Server| server.info("blocked_clients") == "1";
        server.wait_until("the writer is held", blocked);
        admin.check("GET k", bulk("1"));
        admin.check("CLIENT UNPAUSE", ok());
        assert_eq!([writer.recv(), writer.recv(), writer.recv()], [int(2), bulk("2"), int(3)]);
    });
}

#[test]
fn a_pause_ends_by_itself() {
    each_backend(|server| {
        let (mut admin, mut other) = (server.client(), server.client());
        admin.check("CLIENT PAUSE 50 ALL", ok());
        assert_eq!(
            other.pipeline(&["PING", "SET k v", "GET k"]),
            [simple("PONG"), ok(), bulk("v")]
        );
    });
}

#[test]
fn replies_can_be_silenced() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"CLIENT REPLY OFF\r\nSET k 1\r\nCLIENT REPLY ON\r\n");
        assert_eq!(client.recv(), ok());
        client.send(b"CLIENT REPLY SKIP\r\nINCR k\r\nGET k\r\n");
        assert_eq!(client.recv(), bulk("2"));
    });
}

#[test]
fn idle_clients_are_closed_and_monitors_are_not() {
    each_backend_with(&["--timeout", "1"], |server| {
        let (mut monitor, mut idle) = (server.client(), server.client());
        monitor.check("MONITOR", ok());
        idle.check("PING", simple("PONG"));
        assert!(idle.recv_to_end().is_empty());
        server.client().check("SET k v", ok());
        while !monitor.recv().text().contains("\"SET\" \"k\" \"v\"") {}
    });
}

#[test]
fn a_monitor_that_does_not_read_stalls_nobody() {
    each_backend(|server| {
        let (mut monitor, mut client) = (server.client(), server.client());
        monitor.check("MONITOR", ok());
        let value = "x".repeat(10_000);
        for _ in 0..2_000 {
            client.check(&format!("SET k {value}"), ok());
        }
        client.check("PING", simple("PONG"));
    });
}
