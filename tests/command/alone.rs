//! CLUSTER, MODULE, ROLE and their companions on a server that has none of it.

use crate::support::*;

#[test]
fn cluster_mode_is_disabled() {
    let disabled = || err("ERR This instance has cluster support disabled");
    check(&[
        ("CLUSTER INFO", disabled()),
        ("CLUSTER KEYSLOT key", disabled()),
        ("CLUSTER HELP", disabled()),
        ("CLUSTER NOTHING", err("ERR unknown subcommand 'NOTHING'. Try CLUSTER HELP.")),
        ("CLUSTER ADDSLOTS", err("ERR wrong number of arguments for 'cluster|addslots' command")),
        ("ASKING", disabled()),
        ("READONLY", disabled()),
        ("READWRITE", disabled()),
    ]);
}

#[test]
fn there_are_no_modules() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("MODULE LIST", array([]));
        let reply = client.run("MODULE LOAD /tmp/x.so").text();
        assert!(reply.starts_with("ERR MODULE command not allowed. If the enable-module-command"));
    });
    let failed = "ERR Error loading the extension. Please check the server logs.";
    check_with(
        &["--enable-module-command", "local"],
        &[
            ("MODULE LOAD /tmp/x.so", err(failed)),
            ("MODULE UNLOAD x", err("ERR Error unloading module: no such module with that name")),
        ],
    );
}

#[test]
fn the_server_is_a_master_without_replicas() {
    check(&[
        ("ROLE", array([bulk("master"), int(0), array([])])),
        ("REPLICAOF NO ONE", ok()),
        ("SLAVEOF no one", ok()),
        ("REPLICAOF host 70000", err("ERR Invalid master port")),
        ("REPLICAOF host x", err("ERR value is not an integer or out of range")),
        ("FAILOVER", err("ERR FAILOVER requires connected replicas.")),
        ("FAILOVER TO host 1 FORCE", err("ERR FAILOVER requires connected replicas.")),
        ("FAILOVER ABORT", err("ERR No failover in progress.")),
        ("FAILOVER TIMEOUT 0", err("ERR FAILOVER timeout must be greater than 0")),
        ("FAILOVER NOW", err("ERR syntax error")),
    ]);
    each_backend(|server| {
        let reply = server.client().run("REPLICAOF 127.0.0.1 6379").text();
        assert_eq!(reply, "ERR Replication is not supported: this server is always a master");
    });
}
