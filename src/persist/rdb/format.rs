//! The numbers of the RDB format, from Redis 7.2's `rdb.h`; those above type 21 as Redis 7.4 and
//! Valkey 9 use them, by documents on their formats.
//!
//! Invariant: numbers and names only.

/// What a file starts with, followed by four digits of its version.
pub const MAGIC: &[u8; 5] = b"REDIS";
/// What one of Valkey's own versions starts with, followed by three digits.
pub const VALKEY_MAGIC: &[u8; 6] = b"VALKEY";
/// Bytes of either.
pub const MAGIC_BYTES: usize = 9;

/// The version that everything can be written in but what takes one of the following.
pub const VERSION: u32 = 10;
/// The first version in which consumers of streams have two times.
pub const VERSION_ACTIVE_TIMES: u32 = 11;
/// The first version with deadlines of fields, and the last of Redis's that is read.
pub const VERSION_FIELD_DEADLINES: u32 = 12;
/// The version of Valkey that is read besides.
pub const VERSION_VALKEY: u32 = 80;
/// The first version that ends with a checksum.
pub const VERSION_CHECKSUM: u32 = 5;

/// Whether files and payloads of `version` are read.
pub fn is_known(version: u32) -> bool {
    (1..=VERSION_FIELD_DEADLINES).contains(&version) || version == VERSION_VALKEY
}

/// What an entry or an instruction begins with.
pub mod opcode {
    pub const SLOT_IMPORT: u8 = 243;
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_PRE_GA: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    /// Seconds since the next key was last used.
    pub const IDLE: u8 = 248;
    /// LFU counter of the next key.
    pub const FREQUENCY: u8 = 249;
    /// A name and a text about the file.
    pub const AUX: u8 = 250;
    /// Keys of the database and how many of them have deadlines.
    pub const RESIZE_DB: u8 = 251;
    /// Deadline of the next key in milliseconds.
    pub const DEADLINE_MS: u8 = 252;
    /// The same in seconds.
    pub const DEADLINE: u8 = 253;
    pub const SELECT_DB: u8 = 254;
    pub const EOF: u8 = 255;
}

/// How a value is written.
pub mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    /// Scores as binary doubles.
    pub const ZSET_2: u8 = 5;
    pub const MODULE_PRE_GA: u8 = 6;
    pub const MODULE: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    /// Nodes are ziplists.
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    /// Nodes are listpacks or plain texts.
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_2: u8 = 19;
    /// Not before version 11.
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_3: u8 = 21;
    /// Deadlines of fields in Redis's version 12, before its release: no earliest one up front.
    pub const HASH_DEADLINES_PRE_GA: u8 = 22;
    pub const HASH_LISTPACK_DEADLINES_PRE_GA: u8 = 23;
    /// Deadlines of fields, counted from the earliest, which stands up front.
    pub const HASH_DEADLINES: u8 = 24;
    /// A listpack of fields, values and deadlines.
    pub const HASH_LISTPACK_DEADLINES: u8 = 25;
    /// Deadlines of fields in Valkey's version 80, where 22 means this.
    pub const VALKEY_HASH_DEADLINES: u8 = 22;

    /// The name that redis-check-rdb has for it.
    pub fn name(kind: u8) -> &'static str {
        const NAMES: [&str; 26] = [
            "string",
            "list-linked",
            "set-hashtable",
            "zset-v1",
            "hash-hashtable",
            "zset-v2",
            "module-pre-release",
            "module-value",
            "",
            "hash-zipmap",
            "list-ziplist",
            "set-intset",
            "zset-ziplist",
            "hash-ziplist",
            "quicklist",
            "stream",
            "hash-listpack",
            "zset-listpack",
            "quicklist-v2",
            "stream-v2",
            "set-listpack",
            "stream-v3",
            "hash-hashtable-md-pre-release",
            "hash-listpack-md-pre-release",
            "hash-hashtable-md",
            "hash-listpack-md",
        ];
        NAMES.get(usize::from(kind)).copied().unwrap_or("unknown")
    }
}

/// How the first byte of a length says what follows.
pub mod length {
    /// With the six low bits as the high part, one byte follows.
    pub const BITS_14: u8 = 0x40;
    /// Four bytes follow, the highest first.
    pub const BITS_32: u8 = 0x80;
    /// Eight bytes follow, the highest first.
    pub const BITS_64: u8 = 0x81;
    /// No length: the six low bits say how a string is encoded.
    pub const ENCODED: u8 = 0xc0;

    pub const INT_8: u8 = 0;
    pub const INT_16: u8 = 1;
    pub const INT_32: u8 = 2;
    /// Compressed and original length, then the compressed text.
    pub const LZF: u8 = 3;
}

/// A node of a quicklist that is one element.
pub const NODE_PLAIN: u64 = 1;
/// A node of a quicklist that is a listpack.
pub const NODE_PACKED: u64 = 2;
/// From this length on an element is written as a node of its own: a listpack stays below 1 GiB.
pub const NODE_PLAIN_BYTES_MIN: usize = 1 << 30;
