//! HELLO and the types that RESP3 adds.

use crate::support::*;

#[test]
fn hello_describes_the_server_in_both_protocols() {
    each_backend(|server| {
        let mut client = server.client();
        let id = client.run("CLIENT ID");
        for (version, line) in [(2, "HELLO"), (3, "HELLO 3"), (3, "HELLO"), (2, "HELLO 2")] {
            let hello = client.run(line);
            assert_eq!(matches!(hello, Value::Map(_)), version == 3, "{hello:?}");
            assert_eq!(hello.get("proto"), Some(&int(version)));
            assert_eq!(hello.get("id"), Some(&id));
            assert_eq!(hello.get("server"), Some(&bulk("redis")));
            assert_eq!(hello.get("mode"), Some(&bulk("standalone")));
            assert_eq!(hello.get("role"), Some(&bulk("master")));
            assert_eq!(hello.get("modules"), Some(&array([])));
        }
    });
}

#[test]
fn nulls_and_maps_follow_the_protocol() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("GET nokey", nil());
        client.run("HELLO 3");
        client.check("GET nokey", null());
        client.check("MGET nokey nokey", array([null(), null()]));
        let port = bulk(server.port().to_string());
        client.check("CONFIG GET port", Value::Map(vec![(bulk("port"), port)]));
        client.check("RESET", simple("RESET"));
        client.check("GET nokey", nil());
    });
}

#[test]
fn hello_takes_auth_and_setname() {
    each_backend_with(&["--requirepass", "secret"], |server| {
        let mut client = server.client();
        let refusal = client.run("HELLO 3");
        // Redis 7.0 words it differently.
        assert!(server.is_stand_in() || refusal == err(NOAUTH_HELLO), "{refusal:?}");
        client.check(
            "HELLO 3 AUTH default wrong",
            err("WRONGPASS invalid username-password pair or user is disabled."),
        );
        let hello = client.run("HELLO 3 AUTH default secret SETNAME worker");
        assert_eq!(hello.get("proto"), Some(&int(3)));
        client.check("CLIENT GETNAME", bulk("worker"));
    });
}

const NOAUTH_HELLO: &str = "NOAUTH HELLO must be called with the client already authenticated, \
     otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client \
     and select the RESP protocol version at the same time";

#[test]
fn a_refused_hello_changes_nothing() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("HELLO 1", err("NOPROTO unsupported protocol version"));
        client.check("HELLO 4", err("NOPROTO unsupported protocol version"));
        client.check("HELLO x", err("Protocol version is not an integer or out of range"));
        client.check("HELLO 3 NOSUCH", err("Syntax error in HELLO option 'NOSUCH'"));
        client.check("GET nokey", nil());
    });
}
