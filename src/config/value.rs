//! What a parameter can hold: the closed set of value shapes and the typed fields they fill.
//!
//! Invariant: nothing here knows a parameter by name; grammar lives in `kind`, names in `table`.

use super::maxmemory::Maxmemory;
use crate::base::log::{Format, Timestamps};

/// The value of one parameter, independent of where it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// yes or no
    Bool(bool),
    /// Any number, choice or flag set; wide enough for `i64` and `u64` alike.
    Int(i128),
    /// One string of arbitrary bytes.
    Text(Vec<u8>),
    /// Several words.
    Words(Vec<String>),
    /// Several numbers.
    Ints(Vec<i64>),
    /// Save points.
    Save(Vec<SavePoint>),
    /// Output buffer limits per client class.
    Limits([OutputLimit; 3]),
    /// Percentiles of INFO latencystats.
    Percentiles(Vec<f64>),
    /// A memory limit in one of its forms.
    Maxmemory(Maxmemory),
}

/// `save SECONDS CHANGES`: snapshot after this many seconds with at least this many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Interval in seconds, at least 1.
    pub seconds: i64,
    /// Changes since the last snapshot, at least 0.
    pub changes: i64,
}

/// Limits on the replies that wait for one client; 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Close at once above this many bytes.
    pub hard_bytes: u64,
    /// Close when above this many bytes for `soft_seconds`.
    pub soft_bytes: u64,
    /// Seconds the soft limit may be exceeded.
    pub soft_seconds: u32,
}

/// Output buffer limits by client class, in the order of CONFIG GET.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients, MONITOR included.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients with subscriptions.
    pub pubsub: OutputLimit,
}

/// A field of `Config` that a row of the table fills.
///
/// `from_value` is only called with what the row's kind has checked, so a mismatch is a bug in
/// the table; the test over all rows finds it.
pub trait Held: Sized {
    /// Copies the field out.
    fn to_value(&self) -> Value;
    /// The field for a checked value.
    fn from_value(value: Value) -> Self;
}

impl Held for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Bool(flag) => flag,
            other => mismatch("a flag", &other),
        }
    }
}

macro_rules! held_number {
    ($($number:ty),*) => {$(
        impl Held for $number {
            fn to_value(&self) -> Value {
                Value::Int(i128::from(*self))
            }
            fn from_value(value: Value) -> Self {
                <$number>::try_from(integer(&value)).expect("the row's range fits its field")
            }
        }
    )*};
}
held_number!(u16, u32, u64, i64);

impl Held for usize {
    fn to_value(&self) -> Value {
        Value::Int(*self as i128)
    }
    fn from_value(value: Value) -> Self {
        usize::try_from(integer(&value)).expect("the row's range fits its field")
    }
}

/// Octal permissions: 0 stands for "leave them alone".
impl Held for Option<u32> {
    fn to_value(&self) -> Value {
        Value::Int(i128::from(self.unwrap_or(0)))
    }
    fn from_value(value: Value) -> Self {
        Some(u32::from_value(value)).filter(|mode| *mode != 0)
    }
}

impl Held for Vec<u8> {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Text(text) => text,
            other => mismatch("text", &other),
        }
    }
}

impl Held for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone().into_bytes())
    }
    fn from_value(value: Value) -> Self {
        String::from_utf8(Vec::from_value(value)).expect("the kind checks the encoding")
    }
}

/// An empty string is the same as none, as Redis has it for every optional string.
macro_rules! held_optional {
    ($($text:ty),*) => {$(
        impl Held for Option<$text> {
            fn to_value(&self) -> Value {
                self.as_ref().map_or(Value::Text(Vec::new()), Held::to_value)
            }
            fn from_value(value: Value) -> Self {
                Some(<$text>::from_value(value)).filter(|text| !text.is_empty())
            }
        }
    )*};
}
held_optional!(String, Vec<u8>);

impl Held for Vec<String> {
    fn to_value(&self) -> Value {
        Value::Words(self.clone())
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Words(words) => words,
            other => mismatch("words", &other),
        }
    }
}

impl Held for Vec<SavePoint> {
    fn to_value(&self) -> Value {
        Value::Save(self.clone())
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Save(points) => points,
            other => mismatch("save points", &other),
        }
    }
}

impl Held for Vec<f64> {
    fn to_value(&self) -> Value {
        Value::Percentiles(self.clone())
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Percentiles(list) => list,
            other => mismatch("percentiles", &other),
        }
    }
}

impl Held for OutputLimits {
    fn to_value(&self) -> Value {
        Value::Limits([self.normal, self.replica, self.pubsub])
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Limits([normal, replica, pubsub]) => OutputLimits { normal, replica, pubsub },
            other => mismatch("output buffer limits", &other),
        }
    }
}

pub(super) fn integer(value: &Value) -> i128 {
    match value {
        Value::Int(number) => *number,
        other => mismatch("a number", other),
    }
}

pub(super) fn mismatch(wanted: &str, got: &Value) -> ! {
    panic!("a row of the parameter table holds {got:?} where {wanted} belongs")
}

/// Declares an enum together with the names its parameter takes, in Redis's order.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $type {
            $($(#[$vdoc])* $variant,)*
        }

        impl $type {
            /// Names and numbers for the parameter table.
            pub const NAMES: &'static [(&'static str, i128)] =
                &[$(($name, $type::$variant as i128),)*];

            /// The name as CONFIG GET shows it.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }
        }

        impl Held for $type {
            fn to_value(&self) -> Value {
                Value::Int(*self as i128)
            }
            fn from_value(value: Value) -> Self {
                let number = integer(&value);
                $(if number == $type::$variant as i128 { return $type::$variant; })*
                mismatch("a choice", &value)
            }
        }
    };
}

choice! {
    /// What to evict when `maxmemory` is reached.
    MaxmemoryPolicy {
        /// Least recently used among keys with a TTL.
        VolatileLru = "volatile-lru",
        /// Least frequently used among keys with a TTL.
        VolatileLfu = "volatile-lfu",
        /// Any key with a TTL.
        VolatileRandom = "volatile-random",
        /// The key closest to its end of life.
        VolatileTtl = "volatile-ttl",
        /// Least recently used of all keys.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used of all keys.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// Nothing: writes are refused.
        #[default]
        Noeviction = "noeviction",
    }
}

impl MaxmemoryPolicy {
    /// Whether keys carry a frequency counter instead of an access time.
    pub fn is_lfu(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu)
    }

    /// Whether keys carry an access time that evicting needs.
    pub fn is_lru(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru)
    }
}

choice! {
    /// What goes to the log.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// A lot of rarely useful information.
        Verbose = "verbose",
        /// What one wants in production.
        #[default]
        Notice = "notice",
        /// Only what matters.
        Warning = "warning",
        /// Nothing at all.
        Nothing = "nothing",
    }
}

choice! {
    /// How a line of the log looks.
    LogFormat {
        /// As Redis has it.
        #[default]
        Legacy = "legacy",
        /// Pairs of name and value.
        Logfmt = "logfmt",
        /// An object of JSON.
        Json = "json",
    }
}

impl LogFormat {
    /// As the log knows it.
    pub fn format(self) -> Format {
        match self {
            LogFormat::Legacy => Format::Legacy,
            LogFormat::Logfmt => Format::Logfmt,
            LogFormat::Json => Format::Json,
        }
    }
}

choice! {
    /// How a line of the log tells the time.
    LogTimestamps {
        /// As Redis has it.
        #[default]
        Legacy = "legacy",
        /// Date, time and zone.
        Iso8601 = "iso8601",
        /// Milliseconds since 1970.
        Milliseconds = "milliseconds",
    }
}

impl LogTimestamps {
    /// As the log knows it.
    pub fn timestamps(self) -> Timestamps {
        match self {
            LogTimestamps::Legacy => Timestamps::Legacy,
            LogTimestamps::Iso8601 => Timestamps::Iso8601,
            LogTimestamps::Milliseconds => Timestamps::Milliseconds,
        }
    }
}

impl LogLevel {
    /// What the `log` facade lets pass: notice is `info!`, warning `warn!` and `error!`.
    pub fn filter(self) -> log::LevelFilter {
        match self {
            LogLevel::Debug => log::LevelFilter::Trace,
            LogLevel::Verbose => log::LevelFilter::Debug,
            LogLevel::Notice => log::LevelFilter::Info,
            LogLevel::Warning => log::LevelFilter::Warn,
            LogLevel::Nothing => log::LevelFilter::Off,
        }
    }
}

choice! {
    /// Which I/O driver runs the loop.
    IoBackend {
        /// io_uring where it is allowed and recent enough, else epoll.
        #[default]
        Auto = "auto",
        /// io_uring or no start.
        Uring = "uring",
        /// epoll.
        Epoll = "epoll",
    }
}

choice! {
    /// Who may use a dangerous command or set a protected parameter.
    ProtectedAction {
        /// Nobody.
        #[default]
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Connections over loopback or a unix socket.
        Local = "local",
    }
}

impl ProtectedAction {
    /// Whether a connection may, given that it is local or not.
    pub fn allows(self, local: bool) -> bool {
        self == ProtectedAction::Yes || (self == ProtectedAction::Local && local)
    }
}

choice! {
    /// What a new user may listen and publish to.
    AclPubsubDefault {
        /// All channels.
        AllChannels = "allchannels",
        /// No channel.
        #[default]
        ResetChannels = "resetchannels",
    }
}

choice! {
    /// When the append log is synchronised.
    Appendfsync {
        /// Once a second.
        #[default]
        Everysec = "everysec",
        /// Before replies leave.
        Always = "always",
        /// When the kernel likes.
        No = "no",
    }
}

choice! {
    /// Which init system watches the process.
    Supervised {
        /// Upstart: SIGSTOP when ready.
        Upstart = "upstart",
        /// systemd: READY=1 when ready.
        Systemd = "systemd",
        /// By the environment.
        Auto = "auto",
        /// None.
        #[default]
        No = "no",
    }
}

impl Supervised {
    /// Who really watches: what was asked for, if the environment bears it out; never `Auto`.
    pub fn resolve(self) -> Supervised {
        self.resolve_with(|name| std::env::var_os(name).is_some())
    }

    fn resolve_with(self, is_set: impl Fn(&str) -> bool) -> Supervised {
        let wants = |one| self == one || self == Supervised::Auto;
        if wants(Supervised::Upstart) && is_set("UPSTART_JOB") {
            Supervised::Upstart
        } else if wants(Supervised::Systemd) && is_set("NOTIFY_SOCKET") {
            Supervised::Systemd
        } else {
            Supervised::No
        }
    }
}

choice! {
    /// How a payload given to RESTORE is checked.
    SanitizeDumpPayload {
        /// Never in full.
        #[default]
        No = "no",
        /// Always.
        Yes = "yes",
        /// For clients, not for replication.
        Clients = "clients",
    }
}

/// Flags of `shutdown-on-sigterm` and `shutdown-on-sigint`.
pub mod shutdown {
    /// Save even without save points.
    pub const SAVE: u32 = 1;
    /// Do not save.
    pub const NOSAVE: u32 = 2;
    /// Do not wait for replicas.
    pub const NOW: u32 = 4;
    /// Leave also when saving fails.
    pub const FORCE: u32 = 8;
    pub(in crate::config) const NAMES: &[(&str, i128)] =
        &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];
}

/// Classes of `notify-keyspace-events`, one bit each.
pub mod notify {
    /// K: events on `__keyspace@<db>__`.
    pub const KEYSPACE: u32 = 1 << 0;
    /// E: events on `__keyevent@<db>__`.
    pub const KEYEVENT: u32 = 1 << 1;
    /// g: commands of no particular type.
    pub const GENERIC: u32 = 1 << 2;
    /// $: strings.
    pub const STRING: u32 = 1 << 3;
    /// l: lists.
    pub const LIST: u32 = 1 << 4;
    /// s: sets.
    pub const SET: u32 = 1 << 5;
    /// h: hashes.
    pub const HASH: u32 = 1 << 6;
    /// z: sorted sets.
    pub const ZSET: u32 = 1 << 7;
    /// x: expired keys.
    pub const EXPIRED: u32 = 1 << 8;
    /// e: evicted keys.
    pub const EVICTED: u32 = 1 << 9;
    /// t: streams.
    pub const STREAM: u32 = 1 << 10;
    /// m: misses; not part of A.
    pub const KEY_MISS: u32 = 1 << 11;
    /// d: module types.
    pub const MODULE: u32 = 1 << 13;
    /// n: new keys; not part of A.
    pub const NEW: u32 = 1 << 14;
    /// A: all but m and n.
    pub const ALL: u32 =
        GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE;

    /// Letters in the order CONFIG GET writes them.
    const LETTERS: &[(u8, u32)] = &[
        (b'g', GENERIC),
        (b'$', STRING),
        (b'l', LIST),
        (b's', SET),
        (b'h', HASH),
        (b'z', ZSET),
        (b'x', EXPIRED),
        (b'e', EVICTED),
        (b't', STREAM),
        (b'd', MODULE),
        (b'n', NEW),
        (b'K', KEYSPACE),
        (b'E', KEYEVENT),
        (b'm', KEY_MISS),
    ];

    /// The flags that `letters` name, or `None` for an unknown letter.
    pub fn parse(letters: &[u8]) -> Option<u32> {
        letters.iter().try_fold(0, |flags, letter| {
            let bit = match letter {
                b'A' => ALL,
                other => LETTERS.iter().find(|(name, _)| name == other)?.1,
            };
            Some(flags | bit)
        })
    }

    /// The letters of `flags`, with A standing for its members.
    ///
    /// With A, n is left out as Redis does, although A does not include it.
    pub fn render(flags: u32) -> String {
        let all = flags & ALL == ALL;
        let hidden = if all { ALL | NEW } else { 0 };
        let letters = LETTERS.iter().filter(|(_, bit)| flags & bit & !hidden != 0);
        let prefix = if all { "A" } else { "" };
        prefix.chars().chain(letters.map(|(letter, _)| char::from(*letter))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyspace_events_render_as_redis_does() {
        assert_eq!(notify::parse(b""), Some(0));
        assert_eq!(notify::parse(b"KEA").map(notify::render).as_deref(), Some("AKE"));
        assert_eq!(notify::parse(b"Ex").map(notify::render).as_deref(), Some("xE"));
        assert_eq!(notify::parse(b"g$lshzxetdKEm").map(notify::render).as_deref(), Some("AKEm"));
        assert_eq!(notify::parse(b"nAK").map(notify::render).as_deref(), Some("AK"));
        assert_eq!(notify::parse(b"gq"), None);
    }

    #[test]
    fn protected_actions_know_local_connections() {
        assert!(ProtectedAction::Yes.allows(false));
        assert!(ProtectedAction::Local.allows(true));
        assert!(!ProtectedAction::Local.allows(false));
        assert!(!ProtectedAction::No.allows(true));
    }

    #[test]
    fn supervision_needs_the_environment() {
        let systemd = |name: &str| name == "NOTIFY_SOCKET";
        assert_eq!(Supervised::Auto.resolve_with(systemd), Supervised::Systemd);
        assert_eq!(Supervised::Systemd.resolve_with(systemd), Supervised::Systemd);
        assert_eq!(Supervised::Systemd.resolve_with(|_| false), Supervised::No);
        assert_eq!(Supervised::Upstart.resolve_with(systemd), Supervised::No);
        assert_eq!(Supervised::No.resolve_with(systemd), Supervised::No);
    }
}
