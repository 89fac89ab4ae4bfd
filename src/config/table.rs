//! One row per parameter. CONFIG GET and SET, the file parser, the notices in the log and
//! `--help` derive from it; a new parameter is a new row and, if the server reads it, a field.
//!
//! Invariant: rows declare; they never act. What a change does to a running server is decided
//! by the server, which learns the parameter's name.

use super::Config;
use super::kind::{Kind, Names, Unit};
use super::value::{
    AclPubsubDefault, Appendfsync, Held, IoBackend, LogFormat, LogLevel, LogTimestamps,
    MaxmemoryPolicy, ProtectedAction, SanitizeDumpPayload, Supervised, Value, shutdown,
};

/// Where the value of a row lives.
#[derive(Clone, Copy)]
pub enum Store {
    /// In `Config`, under the row's index: nothing in the server reads it by type.
    Kept,
    /// In a typed field of `Config`.
    Field {
        /// Reads the field.
        get: fn(&Config) -> Value,
        /// Writes the field with a value the row's kind has checked.
        set: fn(&mut Config, Value),
    },
}

/// Whether setting the parameter does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Now,
    /// Not yet: it waits for the named part of the server.
    Later(&'static str),
    /// Never, for the reason given.
    Never(&'static str),
}

/// One parameter.
#[derive(Clone, Copy)]
pub struct Param {
    /// Name, in lower case.
    pub name: &'static str,
    /// A second name from older versions; CONFIG GET lists it as a parameter of its own.
    pub alias: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// The default, as CONFIG SET would take it.
    pub default: &'static str,
    /// Where the value lives.
    pub store: Store,
    /// Can only be set before the start.
    pub immutable: bool,
    /// Set at run time only where `enable-protected-configs` permits.
    pub protected: bool,
    /// Cannot be set while files are loaded: it says where those are, or which.
    pub fixed_while_loading: bool,
    /// The value must not appear in MONITOR, SLOWLOG or the log.
    pub sensitive: bool,
    /// CONFIG GET shows it by its exact name only.
    pub hidden: bool,
    /// What setting it does.
    pub effect: Effect,
    /// One line for `--help`.
    pub doc: &'static str,
    /// What it and the rows behind it concern, where that changes.
    pub section: Option<&'static str>,
}

impl Param {
    const fn new(name: &'static str, default: &'static str, kind: Kind) -> Param {
        Param {
            name,
            alias: None,
            kind,
            default,
            store: Store::Kept,
            immutable: false,
            protected: false,
            fixed_while_loading: false,
            sensitive: false,
            hidden: false,
            effect: Effect::Now,
            doc: "",
            section: None,
        }
    }

    const fn opens(mut self, section: &'static str) -> Param {
        self.section = Some(section);
        self
    }

    const fn alias(mut self, alias: &'static str) -> Param {
        self.alias = Some(alias);
        self
    }

    const fn field(mut self, store: Store) -> Param {
        self.store = store;
        self
    }

    const fn immutable(mut self) -> Param {
        self.immutable = true;
        self
    }

    const fn protected(mut self) -> Param {
        self.protected = true;
        self
    }

    const fn fixed_while_loading(mut self) -> Param {
        self.fixed_while_loading = true;
        self
    }

    const fn sensitive(mut self) -> Param {
        self.sensitive = true;
        self
    }

    const fn hidden(mut self) -> Param {
        self.hidden = true;
        self
    }

    const fn later(mut self, part: &'static str) -> Param {
        self.effect = Effect::Later(part);
        self
    }

    const fn never(mut self, reason: &'static str) -> Param {
        self.effect = Effect::Never(reason);
        self
    }

    const fn doc(mut self, doc: &'static str) -> Param {
        self.doc = doc;
        self
    }

    /// Name and alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }
}

/// Index of the row that `name` (or an alias, in any case) names.
pub fn find(name: &[u8]) -> Option<usize> {
    find_named(name).map(|(index, _)| index)
}

/// The row that `name` names, and which of its names that is.
pub fn find_named(name: &[u8]) -> Option<(usize, &'static str)> {
    TABLE.iter().enumerate().find_map(|(index, row)| {
        let own = row.names().find(|own| own.as_bytes().eq_ignore_ascii_case(name))?;
        Some((index, own))
    })
}

const fn flag(name: &'static str, default: &'static str) -> Param {
    Param::new(name, default, Kind::Bool)
}

const fn int(name: &'static str, default: &'static str, min: i128, max: i128) -> Param {
    Param::new(name, default, Kind::Int { min, max, unit: Unit::Plain })
}

const fn memory(name: &'static str, default: &'static str, min: i128, max: i128) -> Param {
    Param::new(name, default, Kind::Int { min, max, unit: Unit::Memory })
}

const fn choice(name: &'static str, default: &'static str, names: Names) -> Param {
    Param::new(name, default, Kind::Choice(names))
}

const fn text(name: &'static str, default: &'static str) -> Param {
    Param::new(name, default, Kind::Text(anything))
}

const fn checked(
    name: &'static str,
    default: &'static str,
    check: fn(&str) -> Result<(), &'static str>,
) -> Param {
    Param::new(name, default, Kind::Text(check))
}

const fn secret(name: &'static str) -> Param {
    Param::new(name, "", Kind::Secret).sensitive()
}

macro_rules! field {
    ($name:ident) => {
        Store::Field {
            get: |config| config.$name.to_value(),
            set: |config, value| config.$name = Held::from_value(value),
        }
    };
}

fn anything(_: &str) -> Result<(), &'static str> {
    Ok(())
}

fn is_base_name(path: &str) -> bool {
    !path.contains(['/', '\\'])
}

fn dump_name(name: &str) -> Result<(), &'static str> {
    if is_base_name(name) { Ok(()) } else { Err("dbfilename can't be a path, just a filename") }
}

fn log_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("appendfilename can't be empty"),
        name if is_base_name(name) => Ok(()),
        _ => Err("appendfilename can't be a path, just a filename"),
    }
}

fn log_directory_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("appenddirname can't be empty"),
        name if is_base_name(name) => Ok(()),
        _ => Err("appenddirname can't be a path, just a dirname"),
    }
}

const HOSTNAME_BYTES_MAX: usize = 255;

fn host_name(name: &str) -> Result<(), &'static str> {
    if name.len() > HOSTNAME_BYTES_MAX {
        return Err("Hostnames must be less than 256 characters");
    }
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
    }
}

fn node_name(name: &str) -> Result<(), &'static str> {
    if name.contains(|letter| "!#$%&()*+:;<>?@[]^{|}~".contains(letter)) {
        return Err("Announced human node name contained invalid character");
    }
    Ok(())
}

/// Braces enclose variables that exist; two opening ones stand for one.
fn title_template(template: &str) -> Result<(), &'static str> {
    const COMPLAINT: &str = "template format is invalid or contains unknown variables";
    const VARIABLES: &[&str] =
        &["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    if template.is_empty() {
        return Err(COMPLAINT);
    }
    let mut rest = template;
    while let Some((_, tail)) = rest.split_once('{') {
        if let Some(tail) = tail.strip_prefix('{') {
            rest = tail;
            continue;
        }
        let (variable, tail) = tail.split_once('}').ok_or(COMPLAINT)?;
        if !VARIABLES.contains(&variable) {
            return Err(COMPLAINT);
        }
        rest = tail;
    }
    Ok(())
}

const INT_MAX: i128 = i32::MAX as i128;
const INT_MIN: i128 = i32::MIN as i128;
const UINT_MAX: i128 = u32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const ULONG_MAX: i128 = u64::MAX as i128;
const PORT_MAX: i128 = u16::MAX as i128;
const MIB: i128 = 1 << 20;

const REPLICATION: &str = "replication";
const CLUSTER: &str = "cluster mode";
const TLS: &str = "TLS";
const NO_DEFRAG: &str = "entries and values among many holes are moved in any case";
const NO_FORK: &str = "there are no child processes";
const NO_TICK: &str = "there is no timer tick";
const ALWAYS_IN_SLICES: &str = "what takes long to be freed always leaves in slices";
const NO_MODULES: &str = "there are no modules";
const NO_TITLE: &str = "the process title is left alone";
const NO_PINNING: &str = "threads are not pinned; taskset pins the process";

const LISTEN_ON_ALL: &str = "* -::*";
const SYSLOG_FACILITIES: Names = &[
    ("user", 1),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Every parameter, grouped by what it concerns.
pub static TABLE: &[Param] = &[
    Param::new("bind", LISTEN_ON_ALL, Kind::Bind)
        .field(field!(bind))
        .opens("Network")
        .doc("Addresses to listen on; a leading - means: if it is there."),
    int("port", "6379", 0, PORT_MAX).field(field!(port)).doc("TCP port; 0 listens on none."),
    text("unixsocket", "").field(field!(unixsocket)).immutable().doc("Path of the unix socket."),
    Param::new("unixsocketperm", "0", Kind::Int { min: 0, max: 0o777, unit: Unit::Octal })
        .field(field!(unixsocketperm))
        .immutable()
        .doc("Permissions of the unix socket, octal; 0 leaves them to the umask."),
    int("tcp-backlog", "511", 0, INT_MAX)
        .field(field!(tcp_backlog))
        .immutable()
        .doc("Length of the queue of connections not yet accepted."),
    int("tcp-keepalive", "300", 0, INT_MAX)
        .field(field!(tcp_keepalive))
        .doc("Seconds of silence before the kernel probes a client; 0 never."),
    int("timeout", "0", 0, INT_MAX)
        .field(field!(timeout))
        .doc("Close a client after this many idle seconds; 0 never."),
    int("maxclients", "10000", 1, UINT_MAX)
        .field(field!(maxclients))
        .doc("Connections served at once."),
    flag("protected-mode", "yes")
        .field(field!(protected_mode))
        .doc("Without a password, serve local connections only."),
    choice("io-backend", "auto", IoBackend::NAMES)
        .field(field!(io_backend))
        .immutable()
        .doc("I/O driver: auto, uring or epoll."),
    int("socket-mark-id", "0", 0, UINT_MAX)
        .immutable()
        .later("socket marks")
        .doc("Mark on listening sockets for packet filters."),
    text("bind-source-addr", "").later(REPLICATION).doc("Local address of outgoing connections."),
    memory("proto-max-bulk-len", "512mb", MIB, LONG_MAX)
        .field(field!(proto_max_bulk_len))
        .doc("Longest string of a request, in bytes."),
    memory("client-query-buffer-limit", "1gb", MIB, LONG_MAX)
        .field(field!(client_query_buffer_limit))
        .doc("Most bytes of requests kept for one client."),
    Param::new(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
        Kind::OutputLimits,
    )
    .field(field!(client_output_buffer_limits))
    .doc("Reply bytes kept per class of client: class, hard, soft, seconds."),
    int("io-threads", "1", 1, 128)
        .immutable()
        .never("one thread serves all clients")
        .doc("Number of I/O threads."),
    flag("io-threads-do-reads", "no")
        .immutable()
        .never("one thread serves all clients")
        .doc("Read in I/O threads too."),
    int("tls-port", "0", 0, PORT_MAX).later(TLS).opens("TLS").doc("TLS port; 0 listens on none."),
    text("tls-cert-file", "").later(TLS).doc("Certificate of the server."),
    text("tls-key-file", "").later(TLS).doc("Key of the certificate."),
    Param::new("tls-key-file-pass", "", Kind::Secret)
        .sensitive()
        .later(TLS)
        .doc("Passphrase of the key."),
    text("tls-client-cert-file", "").later(TLS).doc("Certificate for outgoing connections."),
    text("tls-client-key-file", "").later(TLS).doc("Key for outgoing connections."),
    Param::new("tls-client-key-file-pass", "", Kind::Secret)
        .sensitive()
        .later(TLS)
        .doc("Passphrase of that key."),
    text("tls-dh-params-file", "").later(TLS).doc("Diffie-Hellman parameters."),
    text("tls-ca-cert-file", "").later(TLS).doc("Authorities that sign client certificates."),
    text("tls-ca-cert-dir", "").later(TLS).doc("Directory of such authorities."),
    choice("tls-auth-clients", "yes", &[("no", 0), ("yes", 1), ("optional", 2)])
        .later(TLS)
        .doc("Whether clients need a certificate."),
    flag("tls-cluster", "no").later(TLS).doc("TLS on the cluster bus."),
    flag("tls-replication", "no").later(TLS).doc("TLS towards the master."),
    text("tls-protocols", "").later(TLS).doc("Protocol versions."),
    text("tls-ciphers", "").later(TLS).doc("Ciphers up to TLS 1.2."),
    text("tls-ciphersuites", "").later(TLS).doc("Cipher suites of TLS 1.3."),
    flag("tls-prefer-server-ciphers", "no").later(TLS).doc("The server's order of ciphers wins."),
    flag("tls-session-caching", "yes").later(TLS).doc("Resume sessions."),
    int("tls-session-cache-size", "20480", 0, INT_MAX).later(TLS).doc("Sessions remembered."),
    int("tls-session-cache-timeout", "300", 0, INT_MAX)
        .later(TLS)
        .doc("Seconds a session is remembered."),
    flag("daemonize", "no")
        .field(field!(daemonize))
        .immutable()
        .opens("Process")
        .doc("Detach from the terminal and run in the background."),
    text("pidfile", "").field(field!(pidfile)).immutable().doc("File that gets the process id."),
    choice("supervised", "no", Supervised::NAMES)
        .field(field!(supervised))
        .immutable()
        .doc("Init system to notify: no, upstart, systemd or auto."),
    choice("loglevel", "notice", LogLevel::NAMES)
        .field(field!(loglevel))
        .doc("debug, verbose, notice, warning or nothing."),
    text("logfile", "").field(field!(logfile)).immutable().doc("Log file; empty is stdout."),
    choice("log-format", "legacy", LogFormat::NAMES)
        .field(field!(log_format))
        .doc("legacy (Redis's), logfmt or json."),
    choice("log-timestamp-format", "legacy", LogTimestamps::NAMES)
        .field(field!(log_timestamp_format))
        .doc("legacy (Redis's), iso8601 or milliseconds."),
    flag("syslog-enabled", "no")
        .field(field!(syslog_enabled))
        .immutable()
        .doc("Log to syslog too."),
    text("syslog-ident", "redis").field(field!(syslog_ident)).immutable().doc("Name in syslog."),
    choice("syslog-facility", "local0", SYSLOG_FACILITIES)
        .field(field!(syslog_facility))
        .immutable()
        .doc("Facility in syslog."),
    int("databases", "16", 1, INT_MAX)
        .field(field!(databases))
        .immutable()
        .doc("Number of databases."),
    flag("always-show-logo", "no")
        .field(field!(always_show_logo))
        .immutable()
        .doc("Logo at start even without a terminal."),
    flag("set-proc-title", "yes").immutable().never(NO_TITLE).doc("Set the process title."),
    checked("proc-title-template", "{title} {listen-addr} {server-mode}", title_template)
        .never(NO_TITLE)
        .doc("The process title."),
    text("locale-collate", "").never("strings compare byte by byte").doc("Order of strings."),
    flag("crash-log-enabled", "yes").later("crash reports").doc("Report a crash in the log."),
    flag("crash-memcheck-enabled", "yes")
        .never("memory is not tested after a crash")
        .doc("Test memory after a crash."),
    flag("use-exit-on-panic", "no")
        .hidden()
        .never("a panic always aborts")
        .doc("Exit instead of abort."),
    flag("disable-thp", "yes")
        .field(field!(disable_thp))
        .immutable()
        .doc("Opt out of transparent huge pages."),
    choice("oom-score-adj", "no", &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)])
        .later("the OOM score")
        .doc("Adjust the process's OOM score."),
    Param::new("oom-score-adj-values", "0 200 800", Kind::OomScoreValues)
        .later("the OOM score")
        .doc("Adjustments for master, replica and child."),
    text("ignore-warnings", "")
        .never("the check it silences does not exist")
        .doc("Warnings not to stop for."),
    text("server_cpulist", "").immutable().never(NO_PINNING).doc("CPUs of the main thread."),
    text("bio_cpulist", "").immutable().never(NO_PINNING).doc("CPUs of background threads."),
    text("aof_rewrite_cpulist", "").immutable().never(NO_FORK).doc("CPUs of the rewriting child."),
    text("bgsave_cpulist", "").immutable().never(NO_FORK).doc("CPUs of the saving child."),
    int("hz", "10", 0, INT_MAX).field(field!(hz)).never(NO_TICK).doc("Background runs a second."),
    flag("dynamic-hz", "yes").never(NO_TICK).doc("More background runs with more clients."),
    Param::new("shutdown-on-sigint", "default", Kind::Flags(shutdown::NAMES))
        .field(field!(shutdown_on_sigint))
        .doc("How to leave on SIGINT: default, save, nosave, now, force."),
    Param::new("shutdown-on-sigterm", "default", Kind::Flags(shutdown::NAMES))
        .field(field!(shutdown_on_sigterm))
        .doc("How to leave on SIGTERM: default, save, nosave, now, force."),
    int("shutdown-timeout", "10", 0, INT_MAX)
        .field(field!(shutdown_timeout))
        .later(REPLICATION)
        .doc("Seconds to wait for replicas when leaving."),
    int("watchdog-period", "0", 0, INT_MAX)
        .hidden()
        .never("there is no software watchdog")
        .doc("Milliseconds between looks of the watchdog."),
    secret("requirepass")
        .field(field!(requirepass))
        .opens("Access")
        .doc("Password of the default user."),
    text("aclfile", "").field(field!(aclfile)).immutable().doc("File of users."),
    choice("acl-pubsub-default", "resetchannels", AclPubsubDefault::NAMES)
        .field(field!(acl_pubsub_default))
        .doc("Channels of a new user."),
    int("acllog-max-len", "128", 0, LONG_MAX)
        .field(field!(acllog_max_len))
        .doc("Entries of ACL LOG."),
    choice("enable-protected-configs", "no", ProtectedAction::NAMES)
        .field(field!(enable_protected_configs))
        .immutable()
        .doc("Who may set dir and dbfilename: no, yes or local."),
    choice("enable-debug-command", "no", ProtectedAction::NAMES)
        .field(field!(enable_debug_command))
        .immutable()
        .doc("Who may use DEBUG: no, yes or local."),
    choice("enable-module-command", "no", ProtectedAction::NAMES)
        .field(field!(enable_module_command))
        .immutable()
        .never(NO_MODULES)
        .doc("Who may use MODULE: no, yes or local."),
    Param::new("maxmemory", "0", Kind::Maxmemory)
        .field(field!(maxmemory))
        .opens("Memory")
        .doc("Most memory: bytes, N% of what there is, or auto; 0 is no limit."),
    choice("maxmemory-policy", "noeviction", MaxmemoryPolicy::NAMES)
        .field(field!(maxmemory_policy))
        .doc("What to evict at maxmemory."),
    int("maxmemory-samples", "5", 1, INT_MAX)
        .field(field!(maxmemory_samples))
        .doc("Candidates looked at per eviction."),
    int("maxmemory-eviction-tenacity", "10", 0, 100)
        .field(field!(maxmemory_eviction_tenacity))
        .doc("How long a slice of eviction may take."),
    Param::new(
        "maxmemory-clients",
        "0",
        Kind::Int { min: -100, max: LONG_MAX, unit: Unit::MemoryOrPercent },
    )
    .field(field!(maxmemory_clients))
    .doc("Most bytes, or percent of maxmemory, for all clients; 0 is no limit."),
    int("lfu-log-factor", "10", 0, INT_MAX)
        .field(field!(lfu_log_factor))
        .doc("How slowly the access counter grows."),
    int("lfu-decay-time", "1", 0, INT_MAX)
        .field(field!(lfu_decay_time))
        .doc("Minutes until the access counter drops by one."),
    flag("lazyfree-lazy-eviction", "no")
        .never(ALWAYS_IN_SLICES)
        .doc("Free evicted values in the background."),
    flag("lazyfree-lazy-expire", "no")
        .never(ALWAYS_IN_SLICES)
        .doc("Free expired values in the background."),
    flag("lazyfree-lazy-server-del", "no")
        .never(ALWAYS_IN_SLICES)
        .doc("Free overwritten values in the background."),
    flag("lazyfree-lazy-user-del", "no").never(ALWAYS_IN_SLICES).doc("DEL works as UNLINK."),
    flag("lazyfree-lazy-user-flush", "no")
        .never(ALWAYS_IN_SLICES)
        .doc("FLUSHDB and FLUSHALL without SYNC or ASYNC work as ASYNC."),
    flag("activerehashing", "yes")
        .never("tables grow a segment at a time and are never rehashed")
        .doc("Rehash in the background."),
    int("active-expire-effort", "1", 1, 10)
        .never("keys leave memory at their deadline")
        .doc("Effort of the search for expired keys."),
    flag("jemalloc-bg-thread", "yes")
        .never("the allocator is not jemalloc")
        .doc("Purge freed memory in a thread."),
    flag("activedefrag", "no").never(NO_DEFRAG).doc("Defragment memory."),
    memory("active-defrag-ignore-bytes", "100mb", 1, LONG_MAX)
        .never(NO_DEFRAG)
        .doc("Waste below which nothing is done."),
    int("active-defrag-threshold-lower", "10", 0, 1000)
        .never(NO_DEFRAG)
        .doc("Percent of waste to start at."),
    int("active-defrag-threshold-upper", "100", 0, 1000)
        .never(NO_DEFRAG)
        .doc("Percent of waste for full effort."),
    int("active-defrag-cycle-min", "1", 1, 99).never(NO_DEFRAG).doc("Least percent of CPU."),
    int("active-defrag-cycle-max", "25", 1, 99).never(NO_DEFRAG).doc("Most percent of CPU."),
    int("active-defrag-max-scan-fields", "1000", 1, LONG_MAX)
        .never(NO_DEFRAG)
        .doc("Fields handled in one go."),
    int("hash-max-listpack-entries", "512", 0, LONG_MAX)
        .alias("hash-max-ziplist-entries")
        .field(field!(hash_max_listpack_entries))
        .opens("Values")
        .doc("Most fields of a compact hash."),
    memory("hash-max-listpack-value", "64", 0, LONG_MAX)
        .alias("hash-max-ziplist-value")
        .field(field!(hash_max_listpack_value))
        .doc("Longest string in a compact hash."),
    int("list-max-listpack-size", "-2", INT_MIN, INT_MAX)
        .alias("list-max-ziplist-size")
        .field(field!(list_max_listpack_size))
        .doc("Elements of a list node, or -1 to -5 for 4 to 64 KiB."),
    int("list-compress-depth", "0", 0, INT_MAX)
        .field(field!(list_compress_depth))
        .never("nodes of lists are not compressed")
        .doc("Nodes at both ends of a list left uncompressed; 0 compresses none."),
    int("set-max-intset-entries", "512", 0, LONG_MAX)
        .field(field!(set_max_intset_entries))
        .doc("Most members of a set of integers."),
    int("set-max-listpack-entries", "128", 0, LONG_MAX)
        .field(field!(set_max_listpack_entries))
        .doc("Most members of a compact set."),
    int("set-max-listpack-value", "64", 0, LONG_MAX)
        .field(field!(set_max_listpack_value))
        .doc("Longest member of a compact set."),
    int("zset-max-listpack-entries", "128", 0, LONG_MAX)
        .alias("zset-max-ziplist-entries")
        .field(field!(zset_max_listpack_entries))
        .doc("Most members of a compact sorted set."),
    memory("zset-max-listpack-value", "64", 0, LONG_MAX)
        .alias("zset-max-ziplist-value")
        .field(field!(zset_max_listpack_value))
        .doc("Longest member of a compact sorted set."),
    memory("hll-sparse-max-bytes", "3000", 0, LONG_MAX)
        .field(field!(hll_sparse_max_bytes))
        .doc("Largest sparse HyperLogLog."),
    memory("stream-node-max-bytes", "4096", 0, LONG_MAX)
        .field(field!(stream_node_max_bytes))
        .doc("Bytes of a stream node; 0 is no limit."),
    int("stream-node-max-entries", "100", 0, LONG_MAX)
        .field(field!(stream_node_max_entries))
        .doc("Entries of a stream node; 0 is no limit."),
    int("slowlog-log-slower-than", "10000", -1, LONG_MAX)
        .alias("commandlog-execution-slower-than")
        .field(field!(slowlog_log_slower_than))
        .opens("Diagnosis")
        .doc("Microseconds from which a command is slow; -1 logs none."),
    int("slowlog-max-len", "128", 0, LONG_MAX)
        .alias("commandlog-slow-execution-max-len")
        .field(field!(slowlog_max_len))
        .doc("Entries of the slow log."),
    int("commandlog-request-larger-than", "1048576", -1, LONG_MAX)
        .field(field!(commandlog_request_larger_than))
        .doc("Bytes from which COMMANDLOG has a request; -1 logs none."),
    int("commandlog-large-request-max-len", "128", 0, LONG_MAX)
        .field(field!(commandlog_large_request_max_len))
        .doc("Large requests that COMMANDLOG remembers."),
    int("commandlog-reply-larger-than", "1048576", -1, LONG_MAX)
        .field(field!(commandlog_reply_larger_than))
        .doc("Bytes from which COMMANDLOG has a reply; -1 logs none."),
    int("commandlog-large-reply-max-len", "128", 0, LONG_MAX)
        .field(field!(commandlog_large_reply_max_len))
        .doc("Large replies that COMMANDLOG remembers."),
    int("metrics-port", "0", 0, PORT_MAX)
        .field(field!(metrics_port))
        .immutable()
        .doc("Port of /metrics, /healthz, /readyz and a page; 0 opens none."),
    Param::new("metrics-bind", "127.0.0.1 -::1", Kind::Bind)
        .field(field!(metrics_bind))
        .immutable()
        .doc("Addresses of that port; anybody who reaches it sees the figures."),
    flag("metrics-keys", "no")
        .field(field!(metrics_keys))
        .doc("Let its page show the arguments of slow commands."),
    int("latency-monitor-threshold", "0", 0, LONG_MAX)
        .field(field!(latency_monitor_threshold))
        .doc("Milliseconds from which LATENCY remembers an event; 0 none."),
    flag("latency-tracking", "yes")
        .field(field!(latency_tracking))
        .doc("Keep latencies per command."),
    Param::new("latency-tracking-info-percentiles", "50 99 99.9", Kind::Percentiles)
        .field(field!(latency_tracking_info_percentiles))
        .doc("Percentiles of INFO latencystats."),
    Param::new("notify-keyspace-events", "", Kind::KeyspaceEvents)
        .field(field!(notify_keyspace_events))
        .doc("Classes of events to publish."),
    int("tracking-table-max-keys", "1000000", 0, LONG_MAX)
        .field(field!(tracking_table_max_keys))
        .doc("Keys remembered for clients that cache; 0 is no limit."),
    int("busy-reply-threshold", "5000", 0, LONG_MAX)
        .alias("lua-time-limit")
        .field(field!(busy_reply_threshold))
        .doc("Milliseconds after which a script ends that has written nothing."),
    Param::new("dir", ".", Kind::Directory)
        .field(field!(dir))
        .protected()
        .fixed_while_loading()
        .opens("Persistence")
        .doc("Working directory, where data files live."),
    Param::new("save", "3600 1 300 100 60 10000", Kind::Save)
        .field(field!(save))
        .doc("Snapshot after seconds with changes; an empty string takes none."),
    checked("dbfilename", "dump.rdb", dump_name)
        .field(field!(dbfilename))
        .protected()
        .doc("Name of the snapshot."),
    flag("appendonly", "no")
        .field(field!(appendonly))
        .fixed_while_loading()
        .doc("Keep an append log."),
    checked("appendfilename", "appendonly.aof", log_name)
        .field(field!(appendfilename))
        .immutable()
        .doc("Base name of the append log's files."),
    checked("appenddirname", "appendonlydir", log_directory_name)
        .field(field!(appenddirname))
        .immutable()
        .doc("Directory of the append log, inside dir."),
    choice("appendfsync", "everysec", Appendfsync::NAMES)
        .field(field!(appendfsync))
        .doc("When to synchronise the append log: always, everysec or no."),
    flag("no-appendfsync-on-rewrite", "no")
        .field(field!(no_appendfsync_on_rewrite))
        .doc("Do not synchronise during a rewrite."),
    int("auto-aof-rewrite-percentage", "100", 0, INT_MAX)
        .field(field!(auto_aof_rewrite_percentage))
        .doc("Growth in percent that starts a rewrite; 0 never."),
    memory("auto-aof-rewrite-min-size", "64mb", 0, LONG_MAX)
        .field(field!(auto_aof_rewrite_min_size))
        .doc("Smallest log that is rewritten."),
    flag("aof-load-truncated", "yes")
        .field(field!(aof_load_truncated))
        .doc("Start with a log cut short."),
    flag("aof-preallocate", "yes")
        .field(field!(aof_preallocate))
        .doc("With appendfsync always, zeros are written ahead of the records."),
    flag("aof-checksums", "yes")
        .field(field!(aof_checksums))
        .doc("A line with a checksum for each page of the log; Redis skips them."),
    memory("aof-tail-repair-bytes-max", "4mb", 0, LONG_MAX)
        .field(field!(aof_tail_repair_bytes_max))
        .doc("Most bytes of garbage at the log's end that are cut off at start."),
    flag("aof-use-rdb-preamble", "yes")
        .field(field!(aof_use_rdb_preamble))
        .doc("Rewrite as a snapshot."),
    flag("aof-timestamp-enabled", "no")
        .field(field!(aof_timestamp_enabled))
        .doc("Times in the append log."),
    flag("aof-rewrite-incremental-fsync", "yes")
        .never("files are always synchronised in steps")
        .doc("Synchronise a rewrite in steps."),
    flag("aof-disable-auto-gc", "no")
        .field(field!(aof_disable_auto_gc))
        .hidden()
        .doc("Keep log files that are no longer needed."),
    flag("stop-writes-on-bgsave-error", "yes")
        .field(field!(stop_writes_on_bgsave_error))
        .doc("Refuse writes after a failed snapshot."),
    flag("rdbcompression", "yes")
        .field(field!(rdbcompression))
        .doc("Compress strings in snapshots."),
    flag("rdbchecksum", "yes").field(field!(rdbchecksum)).immutable().doc("Checksum of snapshots."),
    flag("rdb-save-incremental-fsync", "yes")
        .never("files are always synchronised in steps")
        .doc("Synchronise a snapshot in steps."),
    flag("rdb-del-sync-files", "no")
        .later(REPLICATION)
        .doc("Delete snapshots made for replicas only."),
    int("rdb-key-save-delay", "0", INT_MIN, INT_MAX)
        .field(field!(rdb_key_save_delay))
        .hidden()
        .doc("Microseconds of delay per key saved, for tests."),
    int("key-load-delay", "0", INT_MIN, INT_MAX)
        .field(field!(key_load_delay))
        .hidden()
        .doc("Microseconds of delay per key loaded, for tests."),
    int("loading-process-events-interval-bytes", "2097152", 1024, INT_MAX)
        .field(field!(loading_process_events_interval_bytes))
        .hidden()
        .doc("Bytes loaded between looks at clients."),
    choice("sanitize-dump-payload", "no", SanitizeDumpPayload::NAMES)
        .field(field!(sanitize_dump_payload))
        .never("what comes from outside is always checked")
        .doc("Check payloads in full: no, yes or clients."),
    Param::new("replicaof", "no one", Kind::ReplicaOf)
        .alias("slaveof")
        .field(field!(replicaof))
        .immutable()
        .later(REPLICATION)
        .opens("Replication")
        .doc("Host and port of the master."),
    secret("masteruser").later(REPLICATION).doc("User at the master."),
    secret("masterauth").later(REPLICATION).doc("Password at the master."),
    flag("replica-serve-stale-data", "yes")
        .alias("slave-serve-stale-data")
        .later(REPLICATION)
        .doc("Answer without a link to the master."),
    flag("replica-read-only", "yes")
        .alias("slave-read-only")
        .later(REPLICATION)
        .doc("Refuse writes of clients on a replica."),
    flag("replica-lazy-flush", "no")
        .alias("slave-lazy-flush")
        .later(REPLICATION)
        .doc("Free old data in the background before a full sync."),
    flag("replica-ignore-maxmemory", "yes")
        .alias("slave-ignore-maxmemory")
        .later(REPLICATION)
        .doc("Leave eviction to the master."),
    flag("replica-ignore-disk-write-errors", "no")
        .later(REPLICATION)
        .doc("Go on when the log cannot be written."),
    flag("replica-announced", "yes").later(REPLICATION).doc("Be seen by Sentinel."),
    text("replica-announce-ip", "")
        .alias("slave-announce-ip")
        .later(REPLICATION)
        .doc("Address to announce to the master."),
    int("replica-announce-port", "0", 0, PORT_MAX)
        .alias("slave-announce-port")
        .later(REPLICATION)
        .doc("Port to announce to the master."),
    int("replica-priority", "100", 0, INT_MAX)
        .alias("slave-priority")
        .later(REPLICATION)
        .doc("Rank in a failover; 0 never becomes master."),
    flag("repl-diskless-sync", "yes").later(REPLICATION).doc("Full sync without a file."),
    int("repl-diskless-sync-delay", "5", 0, INT_MAX)
        .later(REPLICATION)
        .doc("Seconds to wait for more replicas."),
    int("repl-diskless-sync-max-replicas", "0", 0, INT_MAX)
        .later(REPLICATION)
        .doc("Replicas not to wait beyond; 0 waits."),
    choice("repl-diskless-load", "disabled", &[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2)])
        .fixed_while_loading()
        .later(REPLICATION)
        .doc("Load a full sync from the socket."),
    flag("repl-disable-tcp-nodelay", "no")
        .later(REPLICATION)
        .doc("Fewer, larger packets to replicas."),
    memory("repl-backlog-size", "1mb", 1, LONG_MAX)
        .later(REPLICATION)
        .doc("Bytes kept for replicas that return."),
    int("repl-backlog-ttl", "3600", 0, LONG_MAX)
        .later(REPLICATION)
        .doc("Seconds the backlog outlives the last replica."),
    int("repl-timeout", "60", 1, INT_MAX).later(REPLICATION).doc("Seconds before a link is lost."),
    int("repl-ping-replica-period", "10", 1, INT_MAX)
        .alias("repl-ping-slave-period")
        .later(REPLICATION)
        .doc("Seconds between pings to replicas."),
    int("min-replicas-to-write", "0", 0, INT_MAX)
        .alias("min-slaves-to-write")
        .later(REPLICATION)
        .doc("Refuse writes with fewer replicas."),
    int("min-replicas-max-lag", "10", 0, INT_MAX)
        .alias("min-slaves-max-lag")
        .later(REPLICATION)
        .doc("Seconds of lag up to which a replica counts."),
    choice(
        "propagation-error-behavior",
        "ignore",
        &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)],
    )
    .later(REPLICATION)
    .doc("What to do when a replicated command fails."),
    flag("cluster-enabled", "no")
        .field(field!(cluster_enabled))
        .immutable()
        .later(CLUSTER)
        .opens("Cluster")
        .doc("Be a node of a cluster."),
    text("cluster-config-file", "nodes.conf").immutable().later(CLUSTER).doc("The node's memory."),
    int("cluster-port", "0", 0, PORT_MAX)
        .immutable()
        .later(CLUSTER)
        .doc("Port of the bus; 0 is port + 10000."),
    int("cluster-node-timeout", "15000", 0, LONG_MAX)
        .later(CLUSTER)
        .doc("Milliseconds before a node counts as failing."),
    int("cluster-ping-interval", "0", 0, LONG_MAX)
        .hidden()
        .later(CLUSTER)
        .doc("Milliseconds between pings of the bus."),
    int("cluster-replica-validity-factor", "10", 0, INT_MAX)
        .alias("cluster-slave-validity-factor")
        .later(CLUSTER)
        .doc("How old a replica's data may be in a failover."),
    flag("cluster-replica-no-failover", "no")
        .alias("cluster-slave-no-failover")
        .later(CLUSTER)
        .doc("Never fail over by itself."),
    int("cluster-migration-barrier", "1", 0, INT_MAX)
        .later(CLUSTER)
        .doc("Replicas a master keeps when one moves."),
    flag("cluster-allow-replica-migration", "yes").later(CLUSTER).doc("Let replicas move."),
    flag("cluster-require-full-coverage", "yes")
        .later(CLUSTER)
        .doc("Refuse queries while slots are missing."),
    flag("cluster-allow-reads-when-down", "no")
        .later(CLUSTER)
        .doc("Serve reads while the cluster is down."),
    flag("cluster-allow-pubsubshard-when-down", "yes")
        .later(CLUSTER)
        .doc("Serve shard channels while the cluster is down."),
    memory("cluster-link-sendbuf-limit", "0", 0, ULONG_MAX)
        .later(CLUSTER)
        .doc("Bytes queued on a link of the bus; 0 is no limit."),
    text("cluster-announce-ip", "").later(CLUSTER).doc("Address to announce."),
    int("cluster-announce-port", "0", 0, PORT_MAX).later(CLUSTER).doc("Port to announce."),
    int("cluster-announce-tls-port", "0", 0, PORT_MAX).later(CLUSTER).doc("TLS port to announce."),
    int("cluster-announce-bus-port", "0", 0, PORT_MAX).later(CLUSTER).doc("Bus port to announce."),
    checked("cluster-announce-hostname", "", host_name).later(CLUSTER).doc("Name to announce."),
    checked("cluster-announce-human-nodename", "", node_name)
        .later(CLUSTER)
        .doc("The node's name in the log."),
    choice(
        "cluster-preferred-endpoint-type",
        "ip",
        &[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)],
    )
    .later(CLUSTER)
    .doc("What redirections name: ip, hostname or unknown-endpoint."),
];
