//! What a command row can say about itself: a `const` builder, so that a row stands beside its
//! handler and everything else (arity errors, gates, key extraction, ACL categories, COMMAND
//! replies) is derived from it.
//!
//! The vocabulary is that of Redis 7.2's command metadata, which COMMAND DOCS shows.
//!
//! Invariant: data only; nothing here executes a command.

use super::ctx::Ctx;
use crate::resp::errors::Outcome;

/// Runs one command. Returns `Err` before anything was changed, or `Ok` after exactly one reply.
pub type Handler = for<'a, 'b> fn(&'a mut Ctx<'b>) -> Outcome;

/// One row: a command or a subcommand.
pub struct Command {
    pub name: &'static str,
    /// `None` for a container whose work is done by its subcommands.
    pub handler: Option<Handler>,
    /// Number of arguments including the name (and the container's); negative means "at least".
    pub arity: i16,
    pub flags: Flags,
    pub group: Group,
    /// Categories beyond those that follow from the flags.
    pub acl: Categories,
    pub keys: &'static [KeySpec],
    /// The argument that names an element of the collection at the first key, whose memory is worth
    /// to be asked for ahead.
    pub element: Option<usize>,
    /// It may go on for long, and lets others be served meanwhile.
    pub lasts: bool,
    /// Keys in positions that the specs cannot describe (`movablekeys`).
    pub extract_keys: Option<KeyExtractor>,
    /// The channels that a call names, as far as that takes permission.
    pub channels: Option<Channels>,
    pub summary: &'static str,
    pub complexity: &'static str,
    pub since: &'static str,
    pub deprecated_since: Option<&'static str>,
    pub replaced_by: Option<&'static str>,
    pub history: &'static [(&'static str, &'static str)],
    pub tips: &'static [&'static str],
    pub args: &'static [Arg],
    pub subcommands: &'static [Command],
}

/// Appends `(argument index, flags)` of every key of a call; `Err` when the call is malformed.
pub type KeyExtractor =
    fn(args: &super::Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()>;

impl Command {
    /// A command with the given name (lower case) and handler; everything else by the builder.
    pub const fn new(name: &'static str, handler: Handler) -> Command {
        let mut row = Command::group(name, &[]);
        row.handler = Some(handler);
        row
    }

    /// A container: CONFIG, CLIENT, OBJECT and their like.
    pub const fn group(name: &'static str, subcommands: &'static [Command]) -> Command {
        Command {
            name,
            handler: None,
            arity: -2,
            flags: Flags(0),
            group: Group::Generic,
            acl: Categories(0),
            keys: &[],
            element: None,
            lasts: false,
            extract_keys: None,
            channels: None,
            summary: "",
            complexity: "",
            since: "",
            deprecated_since: None,
            replaced_by: None,
            history: &[],
            tips: &[],
            args: &[],
            subcommands,
        }
    }

    pub const fn arity(mut self, arity: i16) -> Command {
        self.arity = arity;
        self
    }

    pub const fn flags(mut self, flags: Flags) -> Command {
        self.flags = flags;
        self
    }

    /// The documentation group.
    pub const fn of(mut self, group: Group) -> Command {
        self.group = group;
        self
    }

    pub const fn acl(mut self, categories: Categories) -> Command {
        self.acl = categories;
        self
    }

    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Command {
        self.keys = keys;
        self
    }

    pub const fn element(mut self, index: usize) -> Command {
        self.element = Some(index);
        self
    }

    pub const fn lasts(mut self) -> Command {
        self.lasts = true;
        self
    }

    pub const fn extract_keys(mut self, extractor: KeyExtractor) -> Command {
        self.extract_keys = Some(extractor);
        self
    }

    pub const fn channels(mut self, channels: Channels) -> Command {
        self.channels = Some(channels);
        self
    }

    pub const fn summary(mut self, text: &'static str) -> Command {
        self.summary = text;
        self
    }

    pub const fn complexity(mut self, text: &'static str) -> Command {
        self.complexity = text;
        self
    }

    pub const fn since(mut self, version: &'static str) -> Command {
        self.since = version;
        self
    }

    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Command {
        self.deprecated_since = Some(since);
        self.replaced_by = Some(replaced_by);
        self
    }

    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Command {
        self.history = history;
        self
    }

    pub const fn tips(mut self, tips: &'static [&'static str]) -> Command {
        self.tips = tips;
        self
    }

    pub const fn args(mut self, args: &'static [Arg]) -> Command {
        self.args = args;
        self
    }

    /// Whether a call with `count` arguments (name included) has the right number.
    pub const fn accepts(&self, count: usize) -> bool {
        if self.arity >= 0 {
            count == self.arity as usize
        } else {
            count >= self.arity.unsigned_abs() as usize
        }
    }
}

macro_rules! bit_set {
    ($(#[$doc:meta])* $set:ident($int:ty) { $($(#[$item_doc:meta])* $name:ident = $bit:expr, $text:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $set(pub $int);

        impl $set {
            $($(#[$item_doc])* pub const $name: $set = $set(1 << $bit);)*
            pub const NONE: $set = $set(0);

            /// Every member with the name that COMMAND prints, in the order of its replies.
            pub const NAMES: &'static [($set, &'static str)] = &[$(($set::$name, $text)),*];

            pub const fn or(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            pub const fn has(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            pub const fn intersects(self, other: $set) -> bool {
                self.0 & other.0 != 0
            }

            /// The printed names of the members.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::NAMES.iter().filter(move |(bit, name)| self.has(*bit) && !name.is_empty()).map(|(_, name)| *name)
            }
        }

        impl std::ops::BitOr for $set {
            type Output = $set;
            fn bitor(self, other: $set) -> $set {
                self.or(other)
            }
        }
    };
}

bit_set! {
    /// What a command is and when it may run. A member with an empty name is not shown by COMMAND.
    Flags(u32) {
        WRITE = 0, "write";
        READONLY = 1, "readonly";
        DENYOOM = 2, "denyoom";
        ADMIN = 3, "admin";
        PUBSUB = 4, "pubsub";
        NOSCRIPT = 5, "noscript";
        BLOCKING = 6, "blocking";
        LOADING = 7, "loading";
        STALE = 8, "stale";
        SKIP_MONITOR = 9, "skip_monitor";
        SKIP_SLOWLOG = 10, "skip_slowlog";
        ASKING = 11, "asking";
        FAST = 12, "fast";
        NO_AUTH = 13, "no_auth";
        MAY_REPLICATE = 14, "";
        NO_MANDATORY_KEYS = 15, "no_mandatory_keys";
        PROTECTED = 16, "";
        NO_ASYNC_LOADING = 17, "no_async_loading";
        NO_MULTI = 18, "no_multi";
        ALLOW_BUSY = 19, "allow_busy";
        MOVABLE_KEYS = 20, "movablekeys";
        TOUCHES_ARBITRARY_KEYS = 21, "";
        /// Not for applications; COMMAND DOCS says so.
        SYSCMD = 22, "";
    }
}

/// Of commands that manage the server, at any time but not from scripts.
pub const ADMIN_UNSCRIPTED: Flags =
    Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);

bit_set! {
    /// ACL categories, in the order of ACL CAT.
    Categories(u32) {
        KEYSPACE = 0, "@keyspace";
        READ = 1, "@read";
        WRITE = 2, "@write";
        SET = 3, "@set";
        SORTEDSET = 4, "@sortedset";
        LIST = 5, "@list";
        HASH = 6, "@hash";
        STRING = 7, "@string";
        BITMAP = 8, "@bitmap";
        HYPERLOGLOG = 9, "@hyperloglog";
        GEO = 10, "@geo";
        STREAM = 11, "@stream";
        PUBSUB = 12, "@pubsub";
        ADMIN = 13, "@admin";
        FAST = 14, "@fast";
        SLOW = 15, "@slow";
        BLOCKING = 16, "@blocking";
        DANGEROUS = 17, "@dangerous";
        CONNECTION = 18, "@connection";
        TRANSACTION = 19, "@transaction";
        SCRIPTING = 20, "@scripting";
    }
}

impl Categories {
    /// The category of that name, in any case, which is written without the `@`.
    pub fn named(name: &[u8]) -> Option<Categories> {
        let is_named = |known: &str| known.as_bytes()[1..].eq_ignore_ascii_case(name);
        Categories::NAMES.iter().find(|(_, known)| is_named(known)).map(|(category, _)| *category)
    }
}

bit_set! {
    /// How a command uses a key.
    KeyFlags(u16) {
        RO = 0, "RO";
        RW = 1, "RW";
        OW = 2, "OW";
        RM = 3, "RM";
        ACCESS = 4, "access";
        UPDATE = 5, "update";
        INSERT = 6, "insert";
        DELETE = 7, "delete";
        NOT_KEY = 8, "not_key";
        INCOMPLETE = 9, "incomplete";
        VARIABLE_FLAGS = 10, "variable_flags";
    }
}

/// Which arguments are channels, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channels {
    /// The first argument, to publish to.
    Published,
    /// All arguments, to listen to.
    Heard,
    /// All arguments are patterns of channels to listen to.
    HeardByPattern,
}

/// Documentation group, as COMMAND DOCS names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
}

impl Group {
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }
}

/// Where the first key of a specification stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BeginSearch {
    /// At this argument index.
    Index(i16),
    /// After the keyword, searched from this index (negative: from the end, backwards).
    Keyword(&'static str, i16),
    Unknown,
}

/// Which arguments from there on are keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FindKeys {
    /// `last` relative to the first key (negative: from the end), `step`, and `limit` (0 and 1 mean
    /// none; n means the n-th part of the remaining arguments).
    Range {
        last: i16,
        step: i16,
        limit: i16,
    },
    /// The number of keys stands at `index`, the first key at `first`, both relative.
    Count {
        index: i16,
        first: i16,
        step: i16,
    },
    Unknown,
}

/// One group of keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    pub begin: BeginSearch,
    pub find: FindKeys,
    pub flags: KeyFlags,
    pub notes: &'static str,
}

impl KeySpec {
    /// One key at argument `index`.
    pub const fn at(index: i16) -> KeySpec {
        KeySpec {
            begin: BeginSearch::Index(index),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            flags: KeyFlags::NONE,
            notes: "",
        }
    }

    /// Keys from argument `index` to `last` (relative to the first; -1 is the end) by `step`.
    pub const fn range(index: i16, last: i16, step: i16) -> KeySpec {
        KeySpec { find: FindKeys::Range { last, step, limit: 0 }, ..KeySpec::at(index) }
    }

    pub const fn new(begin: BeginSearch, find: FindKeys) -> KeySpec {
        KeySpec { begin, find, flags: KeyFlags::NONE, notes: "" }
    }

    pub const fn flags(mut self, flags: KeyFlags) -> KeySpec {
        self.flags = flags;
        self
    }

    pub const fn notes(mut self, notes: &'static str) -> KeySpec {
        self.notes = notes;
        self
    }
}

/// Kind of a documented argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl ArgKind {
    pub const fn name(self) -> &'static str {
        match self {
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Key => "key",
            ArgKind::Pattern => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }
}

/// One documented argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: ArgKind,
    /// The name shown in syntax lines, where it differs.
    pub display: &'static str,
    pub token: Option<&'static str>,
    pub summary: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    pub key_spec: Option<u8>,
    pub optional: bool,
    pub multiple: bool,
    pub multiple_token: bool,
    pub args: &'static [Arg],
}

impl Arg {
    pub const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            display: name,
            token: None,
            summary: None,
            since: None,
            deprecated_since: None,
            key_spec: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            args: &[],
        }
    }

    pub const fn string(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::String)
    }

    pub const fn int(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Integer)
    }

    pub const fn double(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Double)
    }

    pub const fn pattern(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Pattern)
    }

    pub const fn unix_time(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::UnixTime)
    }

    /// A key described by the command's specification number `spec`.
    pub const fn key(name: &'static str, spec: u8) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Key);
        arg.key_spec = Some(spec);
        arg
    }

    /// A word that is its own argument, such as NX.
    pub const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    /// Says which specification of the command describes the keys that the argument leads to.
    pub const fn key_spec(mut self, spec: u8) -> Arg {
        self.key_spec = Some(spec);
        self
    }

    pub const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::OneOf);
        arg.args = args;
        arg
    }

    pub const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Block);
        arg.args = args;
        arg
    }

    pub const fn display(mut self, text: &'static str) -> Arg {
        self.display = text;
        self
    }

    pub const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    pub const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    pub const fn summary(mut self, text: &'static str) -> Arg {
        self.summary = Some(text);
        self
    }

    pub const fn deprecated(mut self, since: &'static str) -> Arg {
        self.deprecated_since = Some(since);
        self
    }

    pub const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    pub const fn multiple(mut self) -> Arg {
        self.multiple = true;
        self
    }

    pub const fn multiple_token(mut self) -> Arg {
        self.multiple_token = true;
        self
    }
}
