//! Every text a client can be refused with, as Redis 7.2 words it.
//!
//! A text starts with its code (`ERR`, `WRONGTYPE`, ...), without the `-` that the encoder writes.
//! Texts with a part that varies have a function; those that quote what a client sent do so as bytes,
//! up to the first NUL and in Redis's lengths.
//!
//! Invariant: texts only; nothing here decides when one is due.

use crate::base::text::until_nul;
use std::borrow::Cow;
use std::fmt;
use std::io::Write;

/// A command's refusal: nothing was changed, this is its reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Reject(Cow<'static, [u8]>);

/// What a command handler returns: it replied, or it refused.
pub type Outcome = Result<(), Reject>;

impl Reject {
    /// The text of the error reply, with its code.
    pub fn text(&self) -> &[u8] {
        &self.0
    }
}

impl From<&'static str> for Reject {
    fn from(text: &'static str) -> Reject {
        Reject(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Reject {
    fn from(text: String) -> Reject {
        Reject(Cow::Owned(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Reject {
    fn from(text: Vec<u8>) -> Reject {
        Reject(Cow::Owned(text))
    }
}

impl AsRef<[u8]> for Reject {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reject({:?})", String::from_utf8_lossy(&self.0))
    }
}

/// Declares texts: `NAME = "text";`, each documented by its text.
macro_rules! texts {
    ($($name:ident = $text:literal;)+) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: &str = $text;)+
    };
}

// Of any command.
texts! {
    GENERIC = "ERR";
    SYNTAX = "ERR syntax error";
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NO_SUCH_KEY = "ERR no such key";
    SAME_OBJECT = "ERR source and destination objects are the same";
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    OUT_OF_RANGE = "ERR value is out of range";
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    NOT_A_FLOAT = "ERR value is not a valid float";
    DB_INDEX_OUT_OF_RANGE = "ERR DB index is out of range";
    INVALID_CURSOR = "ERR invalid cursor";
    RESULT_TOO_LONG = "ERR the result would be longer than 512 MiB";
}

// Of strings.
texts! {
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    OVERFLOW = "ERR increment or decrement would overflow";
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    NUMKEYS = "ERR invalid numkeys value or out of range";
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
    LCS_TOO_LONG = "ERR String too long for LCS";
    LCS_OUT_OF_MEMORY = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    LCS_ALLOCATION = "ERR Insufficient memory, failed allocating transient memory for LCS";
    LCS_WRONG_TYPE = "ERR The specified keys must contain string values";
    LCS_LEN_AND_IDX = "ERR If you want both the length and indexes, please just use IDX.";
}

// Of bitmaps.
texts! {
    BIT_OFFSET = "ERR bit offset is not an integer or out of range";
    BIT_VALUE = "ERR bit is not an integer or out of range";
    BIT_ARGUMENT = "ERR The bit argument must be 1 or 0.";
    BITOP_NOT = "ERR BITOP NOT must be called with a single source key.";
    BITFIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    BITFIELD_OVERFLOW = "ERR Invalid OVERFLOW type specified";
    BITFIELD_RO = "ERR BITFIELD_RO only supports the GET subcommand";
}

// Of HyperLogLogs.
texts! {
    NOT_HLL = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    HLL_CORRUPTED = "INVALIDOBJ Corrupted HLL object detected";
    HLL_NO_KEY = "ERR The specified key does not exist";
    HLL_NOT_SPARSE = "ERR HLL encoding is not sparse";
}

// Of keys and expiry.
texts! {
    EXPIRE_NX_WITH_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
    EXPIRE_GT_AND_LT = "ERR GT and LT options at the same time are not compatible";
    SELECT_IN_CLUSTER = "ERR SELECT is not allowed in cluster mode";
    UNKNOWN_TYPE_OBJECT = "ERR unknown type object";
    INVALID_FIRST_DB = "ERR invalid first DB index";
    INVALID_SECOND_DB = "ERR invalid second DB index";
    OBJECT_FREQ = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    OBJECT_IDLETIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
}

// Of DUMP and RESTORE.
texts! {
    RESTORE_IDLE_TIME = "ERR Invalid IDLETIME value, must be >= 0";
    RESTORE_FREQUENCY = "ERR Invalid FREQ value, must be >= 0 and <= 255";
    RESTORE_TTL = "ERR Invalid TTL value, must be >= 0";
    RESTORE_FOOTER = "ERR DUMP payload version or checksum are wrong";
    RESTORE_CONTENT = "ERR Bad data format";
}

// Of the append log.
texts! {
    LOAD_LOG = "ERR Error trying to load the AOF files, check server logs.";
}

// Of transactions.
texts! {
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    WATCH_INSIDE_MULTI = "ERR WATCH inside MULTI is not allowed";
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    NOT_IN_TRANSACTION = "ERR Command not allowed inside a transaction";
}

// Of the gates in front of every command.
texts! {
    NO_AUTH = "NOAUTH Authentication required.";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    AUTH_WITHOUT_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    NO_PERMISSION_FOR_KEY = "NOPERM No permissions to access a key";
    NO_PERMISSION_FOR_CHANNEL = "NOPERM No permissions to access a channel";
    PERMISSION_LOST_COMMAND = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to execute the command or subcommand";
    PERMISSION_LOST_KEY = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to touch the specified keys";
    PERMISSION_LOST_CHANNEL = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to access one of the channels used as arguments";
    USER_NAME_INVALID = "ERR Usernames can't contain spaces or null characters";
    DEFAULT_USER_STAYS = "ERR The 'default' user cannot be removed";
    GENPASS_BITS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    ACL_NOT_SAVED = "ERR There was an error trying to save the ACLs. Please check the server logs for more information";
    SORT_BY_DENIED = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    SORT_GET_DENIED = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    NO_PROTO = "NOPROTO unsupported protocol version";
    HELLO_NO_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    HELLO_PROTOCOL = "ERR Protocol version is not an integer or out of range";
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    LOADING = "LOADING Redis is loading the dataset in memory";
    BUSY_SCRIPT = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    READ_ONLY = "READONLY You can't write against a read only replica.";
    MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    WAITAOF_LOCAL = "ERR value is out of range, value must between 0 and 1";
    WAITAOF_WITHOUT_LOG = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    SAVE_IN_PROGRESS = "ERR Background save already in progress";
    OTHER_SNAPSHOT = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
    NO_SAVE_TO_CANCEL = "ERR Background saving is currently not in progress or scheduled";
    REWRITE_IN_PROGRESS = "ERR Background append only file rewriting already in progress";
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    REPLICA_KEYSPACE = "ERR Replica can't interact with the keyspace";
    NO_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    READ_ONLY_SCRIPT = "ERR Can not execute a script with write flag using *_ro command.";
    SCRIPT_OUT_OF_MEMORY = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
    SCRIPT_FLUSH_MODE = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    NUMKEYS_TOO_MANY = "ERR Number of keys can't be greater than number of args";
    NUMKEYS_NEGATIVE = "ERR Number of keys can't be negative";
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    BUSY_KEY = "BUSYKEY Target key name already exists.";
    MAX_CLIENTS = "ERR max number of clients reached";
    CLUSTER_DISABLED = "ERR This instance has cluster support disabled";
    PROTECTED_MODE = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.";
}

// Of connections.
texts! {
    NO_SUCH_CLIENT = "ERR No such client";
    CLIENT_ID_INVALID = "ERR Invalid client ID";
    CLIENT_ID_NOT_POSITIVE = "ERR client-id should be greater than 0";
    CLIENT_NAME_INVALID = "ERR Client names cannot contain spaces, newlines or special characters.";
    RESET_NOT_NORMAL = "ERR can only reset normal client connections";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
    TIMEOUT_NOT_AN_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
}

// Of subscribers.
texts! {
    SSUBSCRIBE_IN_EXEC = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
}

// Of clients that track keys.
texts! {
    TRACKING_ONE_REDIRECT = "ERR A client can only redirect to a single other client";
    TRACKING_NO_REDIRECT = "ERR The client ID you want redirect to does not exist";
    TRACKING_PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    TRACKING_SWITCH_BCAST = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    TRACKING_BCAST_WITH_OPT = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    TRACKING_BOTH_OPTS = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    TRACKING_SWITCH_OPT = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    CACHING_YES_WITHOUT_OPTIN = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    CACHING_NO_WITHOUT_OPTOUT = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
}

// Of administration.
texts! {
    INVALID_COMMAND = "ERR Invalid command specified";
    NO_KEY_ARGUMENTS = "ERR The command has no key arguments";
    INVALID_ARGUMENT_COUNT = "ERR Invalid number of arguments specified for command";
    INVALID_ARGUMENTS = "ERR Invalid arguments specified for command";
    NO_CONFIG_FILE = "ERR The server is running without a config file";
    NO_SHUTDOWN = "ERR No shutdown in progress.";
    SHUTDOWN_FAILED = "ERR Errors trying to SHUTDOWN. Check logs.";
    COMMANDLOG_TYPE =
        "ERR type should be one of the following: slow, large-request, large-reply";
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    DEBUG_NOT_SDS = "ERR Not an sds encoded string.";
    DEBUG_NOT_LISTPACK = "ERR Not a listpack encoded object.";
    DEBUG_NOT_QUICKLIST = "ERR Not a quicklist encoded object.";
    DEBUG_OUT_OF_RANGE_DB = "ERR Out of range database";
    DEBUG_NOT_HASHED = "ERR The value stored at the specified key is not represented using an hash table";
    DEBUG_PROTOCOL = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    DEBUG_PROTOCOL_RESP2 = "ERR RESP2 is not supported by this command";
}

// Reasons inside `config_failed`: no code, because the text around them has it.
texts! {
    CONFIG_IMMUTABLE = "can't set immutable config";
    CONFIG_PROTECTED = "can't set protected config";
    CONFIG_DUPLICATE = "duplicate parameter";
    CONFIG_YES_NO = "argument must be 'yes' or 'no'";
    CONFIG_MEMORY = "argument must be a memory value";
    CONFIG_MEMORY_PERCENT = "argument must be a memory or percent value";
    CONFIG_OCTAL = "argument couldn't be parsed as an octal number";
    CONFIG_INTEGER = "argument couldn't be parsed into an integer";
    CONFIG_ARITY = "wrong number of arguments";
    CONFIG_SAVE = "Invalid save parameters";
    CONFIG_EVENT_CLASS = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    CONFIG_CLIENT_CLASS = "Invalid client class specified in buffer limit configuration.";
    CONFIG_CLIENT_LIMIT = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    CONFIG_CLIENT_ARITY = "Wrong number of arguments in buffer limit configuration.";
}

// Of malformed requests; the connection closes behind them.
texts! {
    INVALID_MULTIBULK_LENGTH = "ERR Protocol error: invalid multibulk length";
    INVALID_BULK_LENGTH = "ERR Protocol error: invalid bulk length";
    TOO_BIG_MULTIBULK_COUNT = "ERR Protocol error: too big mbulk count string";
    TOO_BIG_BULK_COUNT = "ERR Protocol error: too big bulk count string";
    TOO_BIG_INLINE = "ERR Protocol error: too big inline request";
    UNBALANCED_QUOTES = "ERR Protocol error: unbalanced quotes in request";
    UNAUTHENTICATED_MULTIBULK = "ERR Protocol error: unauthenticated multibulk length";
    UNAUTHENTICATED_BULK = "ERR Protocol error: unauthenticated bulk length";
    INVALID_CRLF = "ERR Protocol error: invalid CRLF in request";
}

// Of SORT.
texts! {
    SORT_NOT_A_NUMBER = "ERR One or more scores can't be converted into double";
}

// Of sets.
texts! {
    SINTERCARD_KEYS = "ERR Number of keys can't be greater than number of args";
    SINTERCARD_LIMIT = "ERR LIMIT can't be negative";
}

// Of lists.
texts! {
    COUNT_NOT_POSITIVE = "ERR count should be greater than 0";
    LPOS_RANK = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    LPOS_COUNT = "ERR COUNT can't be negative";
    LPOS_MAXLEN = "ERR MAXLEN can't be negative";
}

// Of hashes.
texts! {
    HASH_NOT_AN_INTEGER = "ERR hash value is not an integer";
    HASH_NOT_A_FLOAT = "ERR hash value is not a float";
    HASH_NAN_OR_INFINITY = "ERR value is NaN or Infinity";
    FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
    NUMFIELDS_NOT_POSITIVE = "ERR Parameter `numFields` should be greater than 0";
    NUMFIELDS_MISMATCH = "ERR The `numfields` parameter must match the number of arguments";
    HGETEX_EXPIRY = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";
    HSETEX_EXPIRY = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    FNX_AND_FXX = "ERR Only one of FXX or FNX arguments can be specified";
}

// Of streams.
texts! {
    STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    STREAM_START = "ERR invalid start ID for the interval";
    STREAM_END = "ERR invalid end ID for the interval";
    XADD_ZERO = "ERR The ID specified in XADD must be greater than 0-0";
    XADD_EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items";
    XADD_SMALLER = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    XADD_TOO_LARGE = "ERR Elements are too large to be stored";
    TRIM_TWICE = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    TRIM_MAXLEN = "ERR The MAXLEN argument must be >= 0.";
    TRIM_LIMIT = "ERR The LIMIT argument must be >= 0.";
    TRIM_LIMIT_ALONE = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    TRIM_LIMIT_EXACT = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    XTRIM_ALONE = "ERR syntax error, XTRIM must be called with a trimming strategy";
    XSETID_ADDED = "ERR entries_added must be positive";
    XSETID_DELETED = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    XSETID_CURRENT = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    XSETID_SMALLER = "ERR The ID specified in XSETID is smaller than the target stream top item";
    XSETID_LENGTH = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    XREAD_GROUP = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NOACK = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NEW = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    XREADGROUP_NO_GROUP = "ERR Missing GROUP option for XREADGROUP";
    XREADGROUP_FROM_NOW = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.";
    XREADGROUP_LAST = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.";
    ENTRIES_READ = "ERR value for ENTRIESREAD must be positive or -1";
    XGROUP_NO_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    BUSY_GROUP = "BUSYGROUP Consumer Group name already exists";
    XCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    XCLAIM_IDLE = "ERR Invalid IDLE option argument for XCLAIM";
    XCLAIM_TIME = "ERR Invalid TIME option argument for XCLAIM";
    XCLAIM_RETRY_COUNT = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
    XAUTOCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
}

// Of sorted sets.
texts! {
    ZADD_XX_AND_NX = "ERR XX and NX options at the same time are not compatible";
    ZADD_GT_LT_AND_NX = "ERR GT, LT, and/or NX options at the same time are not compatible";
    ZADD_INCR_PAIRS = "ERR INCR option supports a single increment-element pair";
    ZSET_NOT_A_NUMBER = "ERR resulting score is not a number (NaN)";
    ZSET_SCORE_RANGE = "ERR min or max is not a float";
    ZSET_NAME_RANGE = "ERR min or max not valid string range item";
    ZSET_WEIGHT = "ERR weight value is not a float";
    ZRANGE_LIMIT_BY_RANK = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    ZRANGE_SCORES_BY_NAME = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    ZMPOP_NUMKEYS = "ERR numkeys should be greater than 0";
    ZMPOP_COUNT = "ERR count should be greater than 0";
}

// Of places.
texts! {
    GEO_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    GEO_RADIUS = "ERR need numeric radius";
    GEO_RADIUS_NEGATIVE = "ERR radius cannot be negative";
    GEO_WIDTH = "ERR need numeric width";
    GEO_HEIGHT = "ERR need numeric height";
    GEO_BOX_NEGATIVE = "ERR height or width cannot be negative";
    GEO_VERTICES = "ERR invalid number of vertices";
    GEO_VERTICES_TOO_FEW = "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
    GEO_VERTICES_TOO_MANY = "ERR GEOSEARCH BYPOLYGON must have at most 10000 vertices";
    GEO_NO_MEMBER = "ERR could not decode requested zset member";
    GEO_COUNT = "ERR COUNT must be > 0";
    GEO_ANY = "ERR the ANY argument requires COUNT argument";
    GEORADIUS_STORE = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    GEOSEARCHSTORE_SHOW = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
}

/// Bytes of a client's text that an error quotes at most.
const QUOTED_LEN_MAX: usize = 128;

fn quoted(text: &[u8]) -> &[u8] {
    let text = until_nul(text);
    &text[..text.len().min(QUOTED_LEN_MAX)]
}

/// `ERR Protocol error: expected '$', got 'X'`
pub fn expected_dollar(got: u8) -> Vec<u8> {
    [b"ERR Protocol error: expected '$', got '", &[got, b'\''][..]].concat()
}

/// `ERR unknown command 'FOO', with args beginning with: 'a' 'b' `. The first 128 bytes or so of the
/// arguments are shown.
pub fn unknown_command<'a>(name: &[u8], args: impl IntoIterator<Item = &'a [u8]>) -> Reject {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(quoted(name));
    text.extend_from_slice(b"', with args beginning with: ");
    let start = text.len();
    for arg in args {
        let shown = text.len() - start;
        if shown >= QUOTED_LEN_MAX {
            break;
        }
        let arg = until_nul(arg);
        text.push(b'\'');
        text.extend_from_slice(&arg[..arg.len().min(QUOTED_LEN_MAX - shown)]);
        text.extend_from_slice(b"' ");
    }
    text.into()
}

/// `ERR unknown subcommand 'foo'. Try CONFIG HELP.`
pub fn unknown_subcommand(command: &[u8], subcommand: &[u8]) -> Reject {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(quoted(subcommand));
    text.extend_from_slice(b"'. Try ");
    push_help(command, &mut text);
    text.into()
}

/// `ERR unknown subcommand or wrong number of arguments for 'foo'. Try DEBUG HELP.`
pub fn subcommand_syntax(command: &[u8], subcommand: &[u8]) -> Reject {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(quoted(subcommand));
    text.extend_from_slice(b"'. Try ");
    push_help(command, &mut text);
    text.into()
}

fn push_help(command: &[u8], text: &mut Vec<u8>) {
    text.extend(until_nul(command).iter().map(u8::to_ascii_uppercase));
    text.extend_from_slice(b" HELP.");
}

/// `ERR wrong number of arguments for 'get' command`; subcommands are named `config|get`.
pub fn wrong_arity(full_name: &str) -> Reject {
    format!("ERR wrong number of arguments for '{full_name}' command").into()
}

/// `ERR at least 1 input key is needed for 'zunion' command`
pub fn no_input_key(full_name: &str) -> Reject {
    format!("ERR at least 1 input key is needed for '{full_name}' command").into()
}

/// `ERR invalid expire time in 'set' command`
pub fn invalid_expire(full_name: &str) -> Reject {
    format!("ERR invalid expire time in '{full_name}' command").into()
}

/// `MISCONF Errors writing to the AOF file: No space left on device`
pub fn misconf_aof(reason: &str) -> Reject {
    format!("MISCONF Errors writing to the AOF file: {reason}").into()
}

/// `ERR Can't execute 'get': only ...`, for subscribers that speak RESP2.
pub fn only_pubsub(full_name: &str) -> Reject {
    format!(
        "ERR Can't execute '{full_name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
         RESET are allowed in this context"
    )
    .into()
}

/// `ERR Unsupported option XYZ` (EXPIRE)
pub fn unsupported_option(option: &[u8]) -> Reject {
    with_tail("ERR Unsupported option ", option, "")
}

/// `ERR XREAD command is not allowed with BLOCK option from scripts`
pub fn block_in_script(name: &[u8]) -> Reject {
    with_tail("ERR ", name, " command is not allowed with BLOCK option from scripts")
}

/// `ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.`
pub fn unbalanced_streams(full_name: &str, special: char) -> Reject {
    format!(
        "ERR Unbalanced '{full_name}' list of streams: for each stream key an ID or '{special}' \
         must be specified."
    )
    .into()
}

/// `ERR Unrecognized XCLAIM option 'x'`
pub fn xclaim_option(option: &[u8]) -> Reject {
    with_tail("ERR Unrecognized XCLAIM option '", option, "'")
}

/// `NOGROUP No such key 'k' or consumer group 'g'`, and what follows.
pub fn no_key_or_group(key: &[u8], group: &[u8], tail: &str) -> Reject {
    no_group("NOGROUP No such key '", key, "' or consumer group '", group, tail)
}

/// `NOGROUP No such consumer group 'g' for key name 'k'`
pub fn no_group_of_key(group: &[u8], key: &[u8]) -> Reject {
    no_group("NOGROUP No such consumer group '", group, "' for key name '", key, "")
}

fn no_group(start: &str, first: &[u8], between: &str, second: &[u8], tail: &str) -> Reject {
    let (first, second) = (until_nul(first), until_nul(second));
    let parts = [start.as_bytes(), first, between.as_bytes(), second, b"'", tail.as_bytes()];
    parts.concat().into()
}

/// `ERR Unknown PFDEBUG subcommand 'x'`
pub fn unknown_pfdebug(subcommand: &[u8]) -> Reject {
    with_tail("ERR Unknown PFDEBUG subcommand '", subcommand, "'")
}

/// `ERR unknown type name 'x'` (SCAN)
pub fn unknown_type_name(name: &[u8]) -> Reject {
    with_tail("ERR unknown type name '", name, "'")
}

/// `ERR value is out of range, value must between 0 and 9`
pub fn out_of_range_between(min: i64, max: i64) -> Reject {
    format!("ERR value is out of range, value must between {min} and {max}").into()
}

/// `ERR invalid longitude,latitude pair 181.000000,0.000000`
pub fn invalid_place(longitude: f64, latitude: f64) -> Reject {
    format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}").into()
}

/// `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch`
pub fn geo_no_center(name: &[u8]) -> Reject {
    with_tail("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ", name, "")
}

/// `ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch`
pub fn geo_no_shape(name: &[u8]) -> Reject {
    with_tail("ERR exactly one of BYRADIUS and BYBOX can be specified for ", name, "")
}

/// `ERR Unknown option or number of arguments for CONFIG SET - 'x'`
pub fn config_unknown(parameter: &[u8]) -> Reject {
    with_tail("ERR Unknown option or number of arguments for CONFIG SET - '", parameter, "'")
}

/// `ERR CONFIG SET failed (possibly related to argument 'x') - reason`
pub fn config_failed(parameter: &[u8], reason: &str) -> Reject {
    let mut text = b"ERR CONFIG SET failed (possibly related to argument '".to_vec();
    text.extend_from_slice(until_nul(parameter));
    match reason {
        "" => text.extend_from_slice(b"')"),
        reason => write!(text, "') - {reason}").expect("a vector takes all bytes"),
    }
    text.into()
}

/// `ERR Rewriting config file: reason`
pub fn config_rewrite(reason: &str) -> Reject {
    format!("ERR Rewriting config file: {reason}").into()
}

/// `EXECABORT Transaction discarded because of: reason`, where the reason is another error's text
/// without its code if that is `ERR`.
pub fn exec_abort(reason: &[u8]) -> Reject {
    let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
    with_tail("EXECABORT Transaction discarded because of: ", reason, "")
}

/// `ERR Unrecognized option 'x'` (CLIENT SETINFO)
pub fn unrecognized_option(option: &[u8]) -> Reject {
    with_tail("ERR Unrecognized option '", option, "'")
}

/// `ERR LIB-NAME cannot contain spaces, newlines or special characters.` (CLIENT SETINFO)
pub fn setinfo_invalid(attribute: &[u8]) -> Reject {
    with_tail("ERR ", attribute, " cannot contain spaces, newlines or special characters.")
}

/// `ERR Unknown client type 'x'`
pub fn unknown_client_type(name: &[u8]) -> Reject {
    with_tail("ERR Unknown client type '", name, "'")
}

/// `ERR No such user 'x'`
pub fn no_such_user(name: &[u8]) -> Reject {
    with_tail("ERR No such user '", name, "'")
}

/// `NOPERM User x has no permissions to run the 'get' command`
pub fn no_permission_for_command(user: &[u8], command: &str) -> Reject {
    let head = [&b"NOPERM User "[..], user, b" has no permissions to run the '"].concat();
    [&head, command.as_bytes(), b"' command"].concat().into()
}

/// `ERR Unknown category 'x'` (ACL CAT)
pub fn unknown_category(name: &[u8]) -> Reject {
    with_tail("ERR Unknown category '", quoted(name), "'")
}

/// `ERR User 'x' not found` (ACL DRYRUN)
pub fn user_not_found(name: &[u8]) -> Reject {
    with_tail("ERR User '", name, "' not found")
}

/// `ERR Command 'x' not found` (ACL DRYRUN)
pub fn command_not_found(name: &[u8]) -> Reject {
    with_tail("ERR Command '", name, "' not found")
}

/// `ERR Prefix 'ab' overlaps with an existing prefix 'a'. ...` (CLIENT TRACKING)
pub fn overlaps_existing_prefix(prefix: &[u8], other: &[u8]) -> Reject {
    overlapping_prefixes(prefix, "' overlaps with an existing prefix '", other)
}

/// `ERR Prefix 'ab' overlaps with another provided prefix 'a'. ...` (CLIENT TRACKING)
pub fn overlaps_provided_prefix(prefix: &[u8], other: &[u8]) -> Reject {
    overlapping_prefixes(prefix, "' overlaps with another provided prefix '", other)
}

fn overlapping_prefixes(prefix: &[u8], relation: &str, other: &[u8]) -> Reject {
    let head = [b"ERR Prefix '", until_nul(prefix), relation.as_bytes()].concat();
    let tail = &b"'. Prefixes for a single client must not overlap."[..];
    [&head, until_nul(other), tail].concat().into()
}

/// `ERR Syntax error in HELLO option 'x'`
pub fn hello_option(option: &[u8]) -> Reject {
    with_tail("ERR Syntax error in HELLO option '", option, "'")
}

/// `ERR DEBUG command not allowed. ...`, for commands that a setting must enable first.
pub fn protected_command(command: &str, setting: &str) -> Reject {
    format!(
        "ERR {command} command not allowed. If the {setting} option is set to \"local\", you can \
         run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server."
    )
    .into()
}

fn with_tail(head: &str, quoted: &[u8], tail: &str) -> Reject {
    [head.as_bytes(), until_nul(quoted), tail.as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reject: Reject) -> String {
        String::from_utf8(reject.text().to_vec()).expect("the tests use text")
    }

    #[test]
    fn unknown_commands_show_what_was_sent() {
        let args: [&[u8]; 3] = [b"a", b"b\0hidden", b""];
        assert_eq!(
            shown(unknown_command(b"FOO", args)),
            "ERR unknown command 'FOO', with args beginning with: 'a' 'b' '' "
        );
        assert_eq!(
            shown(unknown_command(b"FOO", [])),
            "ERR unknown command 'FOO', with args beginning with: "
        );
    }

    #[test]
    fn quotes_are_cut() {
        let long = [b'x'; 300];
        let x = |count| "x".repeat(count);
        let head = format!("ERR unknown command '{}', with args beginning with: ", x(128));
        // The first argument uses up the room with its quotes.
        let all_in_one = format!("{head}'{}' ", x(128));
        assert_eq!(shown(unknown_command(&long, [&long[..], b"b"])), all_in_one);
        let shared = format!("{head}'{}' '{}' ", x(60), x(128 - 63));
        assert_eq!(shown(unknown_command(&long, [&long[..60], &long, b"c"])), shared);
        assert_eq!(
            shown(unknown_subcommand(b"config", &long)),
            format!("ERR unknown subcommand '{}'. Try CONFIG HELP.", x(128))
        );
    }

    #[test]
    fn parts_that_vary() {
        let cases = [
            (wrong_arity("config|get"), "ERR wrong number of arguments for 'config|get' command"),
            (invalid_expire("set"), "ERR invalid expire time in 'set' command"),
            (
                subcommand_syntax(b"debug", b"x"),
                "ERR unknown subcommand or wrong number of arguments for 'x'. Try DEBUG HELP.",
            ),
            (
                config_failed(b"maxmemory", CONFIG_MEMORY),
                "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must \
                 be a memory value",
            ),
            (
                config_failed(b"port", ""),
                "ERR CONFIG SET failed (possibly related to argument 'port')",
            ),
            (
                exec_abort(b"ERR wrong number of arguments for 'exec' command"),
                "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' \
                 command",
            ),
            (unknown_type_name(b"x"), "ERR unknown type name 'x'"),
            (out_of_range_between(-1, 9), "ERR value is out of range, value must between -1 and 9"),
        ];
        for (reject, expected) in cases {
            assert_eq!(shown(reject), expected);
        }
        assert_eq!(expected_dollar(b'!'), b"ERR Protocol error: expected '$', got '!'");
    }
}
