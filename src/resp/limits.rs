//! The named limits of requests and replies.
//!
//! Invariant: values only; who is authenticated is the caller's news.

/// Default of `proto-max-bulk-len`.
pub const BULK_LEN_DEFAULT_BYTES: u64 = 512 << 20;
/// Hard ceiling of `proto-max-bulk-len`: offsets within a request are 32 bits wide.
pub const BULK_LEN_CEILING_BYTES: u64 = (4 << 30) - (64 << 10);
/// Longest inline request, and longest line that announces a length.
pub const LINE_LEN_BYTES_MAX: u32 = 64 << 10;
/// Most arguments of a request, as in Redis the largest C `int`.
pub const ARGS_MAX: u32 = i32::MAX.cast_unsigned();
/// Most arguments of a request before the client has authenticated.
pub const UNAUTHENTICATED_ARGS_MAX: u32 = 10;
/// Longest argument before the client has authenticated.
pub const UNAUTHENTICATED_BULK_LEN_BYTES_MAX: u64 = 16 << 10;
/// Longest reply whose length the client chooses freely; others follow from what is stored.
pub const REPLY_BYTES_MAX: usize = 512 << 20;

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument in bytes, at most [`BULK_LEN_CEILING_BYTES`].
    pub bulk_len_max: u64,
    /// Most arguments, at most [`ARGS_MAX`].
    pub args_max: u32,
    /// Longest line in bytes: an inline request, or the announcement of a length.
    pub inline_len_max: u32,
    /// The client still has to authenticate: the narrow limits hold besides the others, so that
    /// strangers cannot make the server hold much for them.
    pub auth_required: bool,
}

impl Limits {
    /// The smallest limits, under the default `proto-max-bulk-len`.
    pub const UNAUTHENTICATED: Limits =
        Limits { auth_required: true, ..Limits::authenticated(BULK_LEN_DEFAULT_BYTES) };

    /// The limits of a client that may do what it wants, under this `proto-max-bulk-len` in bytes
    /// (cut to [`BULK_LEN_CEILING_BYTES`]).
    pub const fn authenticated(bulk_len_max: u64) -> Limits {
        let ceiling = BULK_LEN_CEILING_BYTES;
        Limits {
            bulk_len_max: if bulk_len_max < ceiling { bulk_len_max } else { ceiling },
            args_max: ARGS_MAX,
            inline_len_max: LINE_LEN_BYTES_MAX,
            auth_required: false,
        }
    }

    /// The limits of a client that still has to authenticate, under this `proto-max-bulk-len`.
    pub const fn unauthenticated(bulk_len_max: u64) -> Limits {
        Limits { auth_required: true, ..Limits::authenticated(bulk_len_max) }
    }

    /// The longest argument no limit objects to.
    pub(super) fn bulk_len_allowed(&self) -> u64 {
        let narrow = if self.auth_required { UNAUTHENTICATED_BULK_LEN_BYTES_MAX } else { u64::MAX };
        self.bulk_len_max.min(narrow)
    }

    /// The most arguments no limit objects to.
    pub(super) fn args_allowed(&self) -> u32 {
        let narrow = if self.auth_required { UNAUTHENTICATED_ARGS_MAX } else { u32::MAX };
        self.args_max.min(narrow)
    }
}
