//! CLUSTER and its companions: there is no cluster mode, and they say so, as Redis's do without it.
//!
//! Invariant: rows only; one handler answers them all.

use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::{self, Outcome};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    sub("asking", 1, Flags::FAST, "3.0.0")
        .acl(Categories::CONNECTION)
        .summary("Signals that a cluster client is following an -ASK redirect."),
    Command::group("cluster", CLUSTER)
        .arity(-2)
        .of(Group::Cluster)
        .summary("A container for Redis Cluster commands.")
        .complexity("Depends on subcommand.")
        .since("3.0.0"),
    sub("readonly", 1, ANYTIME.or(Flags::FAST), "3.0.0")
        .acl(Categories::CONNECTION)
        .summary("Enables read-only queries for a connection to a Redis Cluster replica node."),
    sub("readwrite", 1, ANYTIME.or(Flags::FAST), "3.0.0")
        .acl(Categories::CONNECTION)
        .summary("Enables read-write queries for a connection to a Reids Cluster replica node."),
];

const CLUSTER: &[Command] = &[
sub("addslots", -3, CHANGE, "3.0.0")
.summary("Assigns new hash slots to a node.")
.complexity("O(N) where N is the total number of hash slot arguments")
.args(&[Arg::int("slot").multiple()]),
sub("addslotsrange", -4, CHANGE, "7.0.0")
.summary("Assigns new hash slot ranges to a node.")
.complexity("O(N) where N is the total number of the slots between the start slot and end slot arguments.")
.args(&[Arg::block("range", &[Arg::int("start-slot"), Arg::int("end-slot")]).multiple()]),
sub("bumpepoch", 2, CHANGE, "3.0.0")
.summary("Advances the cluster config epoch.")
.tips(&["nondeterministic_output"]),
sub("count-failure-reports", 3, ADMIN_STALE, "3.0.0")
.summary("Returns the number of active failure reports active for a node.")
.complexity("O(N) where N is the number of failure reports")
.tips(&["nondeterministic_output"])
.args(&[Arg::string("node-id")]),
sub("countkeysinslot", 3, Flags::STALE, "3.0.0")
.summary("Returns the number of keys in a hash slot.")
.args(&[Arg::int("slot")]),
sub("delslots", -3, CHANGE, "3.0.0")
.summary("Sets hash slots as unbound for a node.")
.complexity("O(N) where N is the total number of hash slot arguments")
.args(&[Arg::int("slot").multiple()]),
sub("delslotsrange", -4, CHANGE, "7.0.0")
.summary("Sets hash slot ranges as unbound for a node.")
.complexity("O(N) where N is the total number of the slots between the start slot and end slot arguments.")
.args(&[Arg::block("range", &[Arg::int("start-slot"), Arg::int("end-slot")]).multiple()]),
sub("failover", -2, CHANGE, "3.0.0")
.summary("Forces a replica to perform a manual failover of its master.")
.args(&[Arg::one_of("options", &[Arg::word("force", "FORCE"), Arg::word("takeover", "TAKEOVER")]).optional()]),
sub("flushslots", 2, CHANGE, "3.0.0")
.summary("Deletes all slots information from a node."),
sub("forget", 3, CHANGE, "3.0.0")
.summary("Removes a node from the nodes table.")
.args(&[Arg::string("node-id")]),
sub("getkeysinslot", 4, Flags::STALE, "3.0.0")
.summary("Returns the key names in a hash slot.")
.complexity("O(N) where N is the number of requested keys")
.tips(&["nondeterministic_output"])
.args(&[Arg::int("slot"), Arg::int("count")]),
sub("help", 2, ANYTIME, "5.0.0")
.summary("Returns helpful text about the different subcommands."),
sub("info", 2, Flags::STALE, "3.0.0")
.summary("Returns information about the state of a node.")
.tips(&["nondeterministic_output"]),
sub("keyslot", 3, Flags::STALE, "3.0.0")
.summary("Returns the hash slot for a key.")
.complexity("O(N) where N is the number of bytes in the key")
.args(&[Arg::string("key")]),
sub("links", 2, Flags::STALE, "7.0.0")
.summary("Returns a list of all TCP links to and from peer nodes.")
.complexity("O(N) where N is the total number of Cluster nodes")
.tips(&["nondeterministic_output"]),
sub("meet", -4, CHANGE, "3.0.0")
.summary("Forces a node to handshake with another node.")
.history(&[("4.0.0", "Added the optional `cluster_bus_port` argument.")])
.args(&[Arg::string("ip"), Arg::int("port"), Arg::int("cluster-bus-port").since("4.0.0").optional()]),
sub("myid", 2, Flags::STALE, "3.0.0")
.summary("Returns the ID of a node."),
sub("myshardid", 2, Flags::STALE, "7.2.0")
.summary("Returns the shard ID of a node.")
.tips(&["nondeterministic_output"]),
sub("nodes", 2, Flags::STALE, "3.0.0")
.summary("Returns the cluster configuration for a node.")
.complexity("O(N) where N is the total number of Cluster nodes")
.tips(&["nondeterministic_output"]),
sub("replicas", 3, ADMIN_STALE, "5.0.0")
.summary("Lists the replica nodes of a master node.")
.complexity("O(N) where N is the number of replicas.")
.tips(&["nondeterministic_output"])
.args(&[Arg::string("node-id")]),
sub("replicate", 3, CHANGE, "3.0.0")
.summary("Configure a node as replica of a master node.")
.args(&[Arg::string("node-id")]),
sub("reset", -2, RESET, "3.0.0")
.summary("Resets a node.")
.complexity("O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.")
.args(&[Arg::one_of("reset-type", &[Arg::word("hard", "HARD"), Arg::word("soft", "SOFT")]).optional()]),
sub("saveconfig", 2, CHANGE, "3.0.0")
.summary("Forces a node to save the cluster configuration to disk."),
sub("set-config-epoch", 3, CHANGE, "3.0.0")
.summary("Sets the configuration epoch for a new node.")
.args(&[Arg::int("config-epoch")]),
sub("setslot", -4, CHANGE, "3.0.0")
.summary("Binds a hash slot to a node.")
.args(&[Arg::int("slot"), Arg::one_of("subcommand", &[Arg::string("importing").token("IMPORTING").display("node-id"), Arg::string("migrating").token("MIGRATING").display("node-id"), Arg::string("node").token("NODE").display("node-id"), Arg::word("stable", "STABLE")])]),
sub("shards", 2, ANYTIME, "7.0.0")
.summary("Returns the mapping of cluster slots to shards.")
.complexity("O(N) where N is the total number of cluster nodes")
.tips(&["nondeterministic_output"]),
sub("slaves", 3, ADMIN_STALE, "3.0.0")
.summary("Lists the replica nodes of a master node.")
.complexity("O(N) where N is the number of replicas.")
.deprecated("5.0.0", "`CLUSTER REPLICAS`")
.tips(&["nondeterministic_output"])
.args(&[Arg::string("node-id")]),
sub("slots", 2, ANYTIME, "3.0.0")
.summary("Returns the mapping of cluster slots to nodes.")
.complexity("O(N) where N is the total number of Cluster nodes")
.deprecated("7.0.0", "`CLUSTER SHARDS`")
.history(&[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")])
.tips(&["nondeterministic_output"]),
];

const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const ADMIN_STALE: Flags = Flags::ADMIN.or(Flags::STALE);
const CHANGE: Flags = ADMIN_STALE.or(Flags::NO_ASYNC_LOADING);
const RESET: Flags = ADMIN_STALE.or(Flags::NOSCRIPT);

/// What the rows have in common.
const fn sub(name: &'static str, arity: i16, flags: Flags, since: &'static str) -> Command {
    Command::new(name, disabled)
        .arity(arity)
        .of(Group::Cluster)
        .flags(flags)
        .complexity("O(1)")
        .since(since)
}

fn disabled(_: &mut Ctx) -> Outcome {
    Err(errors::CLUSTER_DISABLED.into())
}
