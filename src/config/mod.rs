//! Layer 4: the configuration. One table of parameters, the typed fields that the server reads,
//! and the grammar of file and command line.
//!
//! | file | owns |
//! |---|---|
//! | [`table`] | the rows: name, alias, kind, default, flags, help |
//! | [`kind`] | how values are read, checked and shown |
//! | [`value`] | the types of the fields |
//! | [`maxmemory`] | the three forms of the memory limit |
//! | [`set`] | CONFIG SET: several at once, all or none |
//! | [`rewrite`] | CONFIG REWRITE: the values of now in the file of the start |
//! | [`parse`] | file, standard input and arguments to a `Config` |
//! | [`usage`] | `--version` and `--help` |
//!
//! Invariant: nothing here acts on the server. A change of a parameter is reported by name; who
//! owns the socket, the log or the limit acts on it.

pub mod kind;
pub mod maxmemory;
pub mod parse;
pub mod rewrite;
pub mod set;
pub mod table;
pub mod usage;
pub mod value;

use std::borrow::Cow;

pub use maxmemory::Maxmemory;
pub use parse::{Exit, Loaded, Location, RenameCommand, UserLine, load};
pub use set::{Change, SetError};
pub use value::{
    AclPubsubDefault, Appendfsync, IoBackend, LogFormat, LogLevel, LogTimestamps, MaxmemoryPolicy,
    OutputLimit, OutputLimits, ProtectedAction, SanitizeDumpPayload, SavePoint, Supervised, notify,
    shutdown,
};

use crate::base::glob::glob_match;
use kind::Reason;
use table::{Store, TABLE};
use value::Value;

/// The version of Redis whose behaviour is offered; clients choose code paths by it.
pub const REDIS_VERSION: &str = "7.2.6";

/// Slowest and fastest `hz`; what lies outside is pulled in.
const HZ_RANGE: (u32, u32) = (1, 500);

/// Declares the fields once, for the struct and for its blank state before defaults.
macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// All parameters. Fields hold what the server reads; the rest is kept for CONFIG GET.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[$doc])* pub $name: $type,)*
            /// Values of the rows without a field, by row index.
            kept: Vec<Value>,
        }

        impl Config {
            /// Before the defaults of the table are in.
            fn blank() -> Config {
                Config {
                    $($name: <$type>::default(),)*
                    kept: vec![Value::Bool(false); TABLE.len()],
                }
            }
        }
    };
}

config! {
    /// Addresses to listen on, as written: `*` and `::*` are any address, a leading `-` makes
    /// one optional. Empty: none.
    bind: Vec<String>,
    /// TCP port; 0 listens on none.
    port: u16,
    /// Path of the unix socket.
    unixsocket: Option<String>,
    /// Mode of the unix socket; `None` leaves it to the umask.
    unixsocketperm: Option<u32>,
    /// Length of the accept queue.
    tcp_backlog: u32,
    /// Seconds of silence before keepalive probes; 0 is never.
    tcp_keepalive: u32,
    /// Seconds until an idle client is closed; 0 is never.
    timeout: u32,
    /// Connections served at once, at least 1.
    maxclients: u32,
    /// Refuse remote connections while no password is set.
    protected_mode: bool,
    /// Port for figures and probes; 0 opens none.
    metrics_port: u16,
    /// Addresses of that port, as `bind`.
    metrics_bind: Vec<String>,
    /// Whether its page may show keys.
    metrics_keys: bool,
    /// Which driver runs the loop.
    io_backend: IoBackend,
    /// Longest bulk of a request in bytes.
    proto_max_bulk_len: u64,
    /// Most bytes of unprocessed requests per client.
    client_query_buffer_limit: u64,
    /// Limits on waiting replies per class of client.
    client_output_buffer_limits: OutputLimits,
    /// Run in the background.
    daemonize: bool,
    /// File for the process id; empty writes none unless in the background.
    pidfile: String,
    /// Init system to notify.
    supervised: Supervised,
    /// What goes to the log.
    loglevel: LogLevel,
    /// How its lines look.
    log_format: LogFormat,
    /// How they tell the time.
    log_timestamp_format: LogTimestamps,
    /// Whether they go to syslog as well.
    syslog_enabled: bool,
    /// As whose lines.
    syslog_ident: String,
    /// By the numbers of RFC 3164.
    syslog_facility: u32,
    /// Log file, relative to `dir`; empty is stdout.
    logfile: String,
    /// Number of databases, at least 1.
    databases: u32,
    /// Greet with a logo even without a terminal.
    always_show_logo: bool,
    /// Opt out of transparent huge pages.
    disable_thp: bool,
    /// Shown in INFO; there is no tick.
    hz: u32,
    /// Flags of [`shutdown`].
    shutdown_on_sigint: u32,
    /// Flags of [`shutdown`].
    shutdown_on_sigterm: u32,
    /// Seconds to wait for replicas when leaving.
    shutdown_timeout: u32,
    /// Password of the default user; empty when none is needed.
    requirepass: Vec<u8>,
    /// File of users, relative to `dir`; empty: none.
    aclfile: String,
    /// Channels of a new user.
    acl_pubsub_default: AclPubsubDefault,
    /// Entries of ACL LOG.
    acllog_max_len: u64,
    /// Who may set protected parameters.
    enable_protected_configs: ProtectedAction,
    /// Who may use DEBUG.
    enable_debug_command: ProtectedAction,
    /// Who may use MODULE.
    enable_module_command: ProtectedAction,
    /// Most memory, as it was given; what it amounts to is the server's to work out.
    maxmemory: Maxmemory,
    /// What to evict at `maxmemory`.
    maxmemory_policy: MaxmemoryPolicy,
    /// Candidates per eviction.
    maxmemory_samples: u32,
    /// 0 to 100.
    maxmemory_eviction_tenacity: u32,
    /// Bytes for all clients; negative is percent of `maxmemory`, 0 no limit.
    maxmemory_clients: i64,
    /// How slowly the access counter grows.
    lfu_log_factor: u32,
    /// Minutes until the access counter drops by one.
    lfu_decay_time: u32,
    /// Most fields of a compact hash.
    hash_max_listpack_entries: usize,
    /// Longest string in a compact hash, bytes.
    hash_max_listpack_value: usize,
    /// Elements of a list node, or -1 to -5 for 4 to 64 KiB.
    list_max_listpack_size: i64,
    /// Nodes at both ends left uncompressed.
    list_compress_depth: u32,
    /// Most members of a set of integers.
    set_max_intset_entries: usize,
    /// Most members of a compact set.
    set_max_listpack_entries: usize,
    /// Longest member of a compact set, bytes.
    set_max_listpack_value: usize,
    /// Most members of a compact sorted set.
    zset_max_listpack_entries: usize,
    /// Longest member of a compact sorted set, bytes.
    zset_max_listpack_value: usize,
    /// Largest sparse HyperLogLog, bytes.
    hll_sparse_max_bytes: usize,
    /// Bytes of a stream node; 0 is no limit.
    stream_node_max_bytes: usize,
    /// Entries of a stream node; 0 is no limit.
    stream_node_max_entries: u64,
    /// Microseconds from which a command is slow; negative logs none, 0 all.
    slowlog_log_slower_than: i64,
    /// Entries of the slow log.
    slowlog_max_len: u64,
    /// Bytes from which a request is large; negative logs none.
    commandlog_request_larger_than: i64,
    /// Entries of the log of large requests.
    commandlog_large_request_max_len: u64,
    /// Bytes from which a reply is large; negative logs none.
    commandlog_reply_larger_than: i64,
    /// Entries of the log of large replies.
    commandlog_large_reply_max_len: u64,
    /// Milliseconds from which LATENCY remembers an event; 0 none.
    latency_monitor_threshold: u64,
    /// Keep latencies per command.
    latency_tracking: bool,
    /// Percentiles of INFO latencystats, 0 to 100.
    latency_tracking_info_percentiles: Vec<f64>,
    /// Flags of [`notify`].
    notify_keyspace_events: u32,
    /// Keys remembered for clients that cache; 0 is no limit.
    tracking_table_max_keys: u64,
    /// Milliseconds after which a script ends that has written nothing.
    busy_reply_threshold: u64,
    /// Working directory, absolute.
    dir: String,
    /// Snapshot after seconds with changes.
    save: Vec<SavePoint>,
    /// Name of the snapshot.
    dbfilename: String,
    /// Keep an append log.
    appendonly: bool,
    /// Base name of the append log's files.
    appendfilename: String,
    /// Directory of the append log, inside `dir`.
    appenddirname: String,
    /// When to synchronise the append log.
    appendfsync: Appendfsync,
    /// Start with a log whose end is damaged.
    aof_load_truncated: bool,
    /// Let the append log run ahead of its records while each has to be durable at once.
    aof_preallocate: bool,
    /// Whether the log gets checksums.
    aof_checksums: bool,
    /// Most bytes of garbage at a log's end that are cut off.
    aof_tail_repair_bytes_max: u64,
    /// Make bases of the append log snapshots.
    aof_use_rdb_preamble: bool,
    /// Note in the append log when things happened.
    aof_timestamp_enabled: bool,
    /// Keep files of the append log that newer ones have replaced.
    aof_disable_auto_gc: bool,
    /// Do not synchronise the append log while a snapshot is taken.
    no_appendfsync_on_rewrite: bool,
    /// Growth of the append log in percent that starts a rewrite; 0: none does.
    auto_aof_rewrite_percentage: u32,
    /// Bytes of the smallest append log that is rewritten unasked.
    auto_aof_rewrite_min_size: u64,
    /// Refuse writes after a snapshot failed.
    stop_writes_on_bgsave_error: bool,
    /// Compress strings in snapshots.
    rdbcompression: bool,
    /// Checksum of snapshots.
    rdbchecksum: bool,
    /// Microseconds of sleep per key that a snapshot writes; below zero: one every so many keys.
    rdb_key_save_delay: i64,
    /// Microseconds of sleep per key that is loaded; below zero: one microsecond every so many keys.
    key_load_delay: i64,
    /// Bytes loaded between two looks at what clients ask meanwhile.
    loading_process_events_interval_bytes: u64,
    /// How payloads of RESTORE are checked.
    sanitize_dump_payload: SanitizeDumpPayload,
    /// Host and port of the master; empty without one.
    replicaof: Vec<String>,
    /// Be a node of a cluster.
    cluster_enabled: bool,
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config::blank();
        for (index, row) in TABLE.iter().enumerate() {
            let words: Vec<&[u8]> = match row.kind.takes_many() {
                true => row.default.split(' ').map(str::as_bytes).collect(),
                false => vec![row.default.as_bytes()],
            };
            match row.kind.parse(&words, &config.value(index)) {
                Ok(value) => config.put(index, value),
                // Only `dir` depends on the world: the working directory may be gone.
                Err(_) => config.put(index, Value::Text(Vec::new())),
            }
        }
        config
    }
}

impl Config {
    /// The value of row `index`.
    fn value(&self, index: usize) -> Value {
        match TABLE[index].store {
            Store::Kept => self.kept[index].clone(),
            Store::Field { get, .. } => get(self),
        }
    }

    /// Stores a value that the row's kind has checked.
    fn put(&mut self, index: usize, value: Value) {
        match TABLE[index].store {
            Store::Kept => self.kept[index] = value,
            Store::Field { set, .. } => set(self, value),
        }
    }

    /// Reads `words` into row `index`.
    fn assign(&mut self, index: usize, words: &[&[u8]]) -> Result<(), Reason> {
        let value = TABLE[index].kind.parse(words, &self.value(index))?;
        self.put(index, value);
        self.settle();
        Ok(())
    }

    /// Values that Redis accepts but pulls into range.
    fn settle(&mut self) {
        self.hz = self.hz.clamp(HZ_RANGE.0, HZ_RANGE.1);
    }

    /// The value of one parameter as CONFIG GET shows it; `name` may be an alias, in any case.
    pub fn get_one(&self, name: &str) -> Option<Vec<u8>> {
        table::find(name.as_bytes()).map(|index| self.shown(index))
    }

    fn shown(&self, index: usize) -> Vec<u8> {
        TABLE[index].kind.render(&self.value(index))
    }

    /// CONFIG GET for several patterns: names with values, each name once.
    ///
    /// A pattern without wildcards is looked up and answered under the spelling the client
    /// used; one with wildcards is compared with every name and alias, hidden ones excepted.
    pub fn get<'a>(&self, patterns: &[&'a [u8]]) -> Vec<(Cow<'a, [u8]>, Vec<u8>)> {
        let mut found: Vec<(Cow<'a, [u8]>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
                if let Some(index) = table::find(pattern) {
                    push_once(&mut found, Cow::Borrowed(pattern), || self.shown(index));
                }
                continue;
            }
            for (index, row) in TABLE.iter().enumerate().filter(|(_, row)| !row.hidden) {
                for name in row.names().filter(|name| glob_match(pattern, name.as_bytes(), true)) {
                    push_once(&mut found, Cow::Borrowed(name.as_bytes()), || self.shown(index));
                }
            }
        }
        found
    }

    /// Whether to detach at the start: an init system wants its process in the foreground.
    pub fn runs_in_background(&self) -> bool {
        self.daemonize && self.supervised.resolve() == Supervised::No
    }
}

/// Whether the value of this parameter must be kept out of MONITOR, SLOWLOG and the log.
pub fn is_secret(name: &[u8]) -> bool {
    table::find(name).is_some_and(|index| TABLE[index].sensitive)
}

/// Whether the parameter of that name cannot be set while files are loaded.
pub fn is_fixed_while_loading(name: &[u8]) -> bool {
    table::find(name).is_some_and(|index| TABLE[index].fixed_while_loading)
}

fn push_once<'a>(
    found: &mut Vec<(Cow<'a, [u8]>, Vec<u8>)>,
    name: Cow<'a, [u8]>,
    value: impl FnOnce() -> Vec<u8>,
) {
    if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        found.push((name, value()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const VALKEY: &str = "a parameter of Valkey";
    /// Where our defaults differ from Redis 7.2.6, with the reason.
    const DIFFERENCES: &[(&str, &str)] = &[
        ("aof-checksums", "our own parameter: Redis writes none"),
        ("aof-preallocate", "our own parameter: Redis writes no blocks ahead"),
        ("aof-tail-repair-bytes-max", "our own parameter: Redis repairs no garbage"),
        ("commandlog-execution-slower-than", VALKEY),
        ("commandlog-large-reply-max-len", VALKEY),
        ("commandlog-large-request-max-len", VALKEY),
        ("commandlog-reply-larger-than", VALKEY),
        ("commandlog-request-larger-than", VALKEY),
        ("commandlog-slow-execution-max-len", VALKEY),
        ("io-backend", "our own parameter: which driver runs the loop"),
        ("log-format", VALKEY),
        ("log-timestamp-format", VALKEY),
        ("metrics-bind", "our own parameter: Redis needs an exporter"),
        ("metrics-keys", "our own parameter: Redis needs an exporter"),
        ("metrics-port", "our own parameter: Redis needs an exporter"),
    ];

    fn golden() -> BTreeMap<String, (String, bool)> {
        include_str!("../../tests/golden/config-7.2.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line.split_once('\t').expect("name and default");
                let hidden = name.starts_with('!');
                (name.trim_start_matches('!').to_owned(), (value.to_owned(), hidden))
            })
            .collect()
    }

    fn shown(config: &Config, pattern: &str) -> BTreeMap<String, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = config.get(&[pattern.as_bytes()]);
        found.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn names_and_defaults_are_those_of_redis() {
        let config = Config::default();
        let mut ours = shown(&config, "*");
        for (name, (value, hidden)) in golden() {
            let mine = match hidden {
                true => shown(&config, &name).remove(&name),
                false => ours.remove(&name),
            };
            let wanted = match value.as_str() {
                "(cwd)" => std::env::current_dir().unwrap().display().to_string(),
                value => value.to_owned(),
            };
            assert_eq!(mine, Some(wanted), "{name}");
        }
        let extra: Vec<&str> = ours.keys().map(String::as_str).collect();
        let expected: Vec<&str> = DIFFERENCES.iter().map(|(name, _)| *name).collect();
        assert_eq!(extra, expected);
    }

    #[test]
    fn rows_are_sound() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.names()).collect();
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is used twice");
        for row in TABLE {
            assert!(row.doc.ends_with('.') && row.doc.len() <= 80, "{}", row.name);
        }
    }

    /// A typed field must take everything its row admits, and give it back.
    #[test]
    fn fields_hold_what_their_rows_admit() {
        let mut config = Config::default();
        for (index, row) in TABLE.iter().enumerate() {
            let values: Vec<Value> = match row.kind {
                kind::Kind::Int { min, max, .. } => vec![Value::Int(min), Value::Int(max)],
                kind::Kind::Choice(names) => names.iter().map(|(_, n)| Value::Int(*n)).collect(),
                kind::Kind::Bool => vec![Value::Bool(true), Value::Bool(false)],
                _ => vec![config.value(index)],
            };
            for value in values {
                config.put(index, value.clone());
                assert_eq!(config.value(index), value, "{}", row.name);
            }
        }
    }

    /// What CONFIG GET shows, CONFIG SET takes: scripts copy settings that way.
    #[test]
    fn every_default_can_be_set_again() {
        let config = Config::default();
        for (index, row) in TABLE.iter().enumerate() {
            let text = config.shown(index);
            let words: Vec<&[u8]> = match row.kind.takes_many() {
                true => text.split(|byte| *byte == b' ').collect(),
                false => vec![&text],
            };
            if row.name == "replicaof" {
                continue;
            }
            let mut copy = config.clone();
            copy.assign(index, &words).unwrap_or_else(|reason| panic!("{}: {reason}", row.name));
            assert_eq!(copy.shown(index), text, "{}", row.name);
        }
    }

    #[test]
    fn get_answers_each_name_once_in_the_spelling_asked_for() {
        let config = Config::default();
        let found = config.get(&[b"PORT", b"port", b"po*", b"nothing", b"watchdog*"]);
        let names: Vec<&[u8]> = found.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, [&b"PORT"[..]]);
        assert_eq!(
            shown(&config, "Max*Clients").keys().collect::<Vec<_>>(),
            ["maxclients", "maxmemory-clients"]
        );
        assert_eq!(shown(&config, "watchdog-period").len(), 1);
    }

    #[test]
    fn secrets_are_known_by_any_spelling() {
        assert!(is_secret(b"requirepass") && is_secret(b"MASTERAUTH") && is_secret(b"masteruser"));
        assert!(!is_secret(b"port") && !is_secret(b"nothing"));
    }
}
