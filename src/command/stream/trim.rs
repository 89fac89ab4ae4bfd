//! What XADD and XTRIM say about the length of a stream.

use super::strict_id;
use crate::command::ctx::Ctx;
use crate::command::spec::Arg;
use crate::resp::Args;
use crate::resp::errors::{self, Reject};
use crate::types::stream::{Id, Keep, Stream, Trim};

const STRATEGIES: &[Arg] =
    &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")];
const OPERATORS: &[Arg] = &[Arg::word("equal", "="), Arg::word("approximately", "~")];
/// The arguments of both.
pub const TRIM: Arg = Arg::block(
    "trim",
    &[
        Arg::one_of("strategy", STRATEGIES),
        Arg::one_of("operator", OPERATORS).optional(),
        Arg::string("threshold"),
        Arg::int("count").token("LIMIT").optional().since("6.2.0"),
    ],
);
/// Most entries that trimming by nodes removes where nobody says how many: a hundred nodes, but not
/// more than this.
const LIMIT_MAX: u64 = 1_000_000;
/// The same where nodes have no limit.
const LIMIT_WITHOUT_NODES: u64 = 10_000;

/// Options in front of the id of XADD, or those of XTRIM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    keep: Option<Keep>,
    by_nodes: bool,
    limit: Option<i64>,
    /// Where the threshold stands.
    threshold_at: usize,
    pub no_mkstream: bool,
    /// The argument behind the options.
    pub end: usize,
}

impl Options {
    /// Reads options from argument 2 on. An argument that is none ends them if `is_end` says so.
    pub fn parse(
        ctx: &Ctx<'_>,
        mut is_end: impl FnMut(&[u8]) -> Result<bool, Reject>,
        with_no_mkstream: bool,
    ) -> Result<Options, Reject> {
        let (mut options, count) = (Options { end: 2, ..Options::default() }, ctx.args.len());
        while options.end < count {
            let (at, more) = (options.end, count - 1 - options.end);
            let is = |word| ctx.args.is(at, word);
            if ctx.arg(at) == b"*" && with_no_mkstream {
                break;
            } else if (is("maxlen") || is("minid")) && more > 0 {
                options.read_strategy(ctx, more)?;
            } else if is("limit") && more > 0 {
                let limit = ctx.args.int(at + 1)?;
                if limit < 0 {
                    return Err(errors::TRIM_LIMIT.into());
                }
                options.limit = Some(limit);
                options.end += 2;
            } else if is("nomkstream") && with_no_mkstream {
                options.no_mkstream = true;
                options.end += 1;
            } else if is_end(ctx.arg(at))? {
                break;
            } else {
                return Err(errors::SYNTAX.into());
            }
        }
        Ok(options)
    }

    fn read_strategy(&mut self, ctx: &Ctx<'_>, more: usize) -> Result<(), Reject> {
        if self.keep.is_some() {
            return Err(errors::TRIM_TWICE.into());
        }
        let by_len = ctx.args.is(self.end, "maxlen");
        self.end += 1;
        if more >= 2 && [&b"~"[..], b"="].contains(&ctx.arg(self.end)) {
            self.by_nodes = ctx.arg(self.end) == b"~";
            self.end += 1;
        }
        self.keep = Some(match by_len {
            true => {
                let len = u64::try_from(ctx.args.int(self.end)?);
                Keep::Newest(len.map_err(|_| errors::TRIM_MAXLEN)?)
            }
            false => Keep::From(strict_id(ctx.arg(self.end))?),
        });
        self.threshold_at = self.end;
        self.end += 1;
        Ok(())
    }

    /// How to trim, if that was asked for. What is read from a log has been done once: it is done
    /// without a limit.
    pub fn trim(&self, ctx: &Ctx<'_>) -> Result<Option<Trim>, Reject> {
        if self.limit.is_some_and(|limit| limit != 0) && self.keep.is_none() {
            return Err(errors::TRIM_LIMIT_ALONE.into());
        }
        let replayed = ctx.state.loading.is_some();
        if self.limit.is_some() && !self.by_nodes && !replayed {
            return Err(errors::TRIM_LIMIT_EXACT.into());
        }
        let limit = match self.limit {
            _ if replayed || !self.by_nodes => 0,
            Some(limit) => limit.unsigned_abs(),
            None => match ctx.state.config.stream_node_max_entries.saturating_mul(100) {
                0 => LIMIT_WITHOUT_NODES,
                limit => limit.min(LIMIT_MAX),
            },
        };
        Ok(self.keep.map(|keep| Trim { keep, by_nodes: self.by_nodes, limit }))
    }

    /// Whether a log is not to have the options as they are, because what they mean depends on the
    /// nodes.
    pub fn are_vague(&self) -> bool {
        self.by_nodes
    }

    /// The threshold that `stream` now has, in the place of a vague one.
    pub fn threshold(&self, stream: &Stream) -> Vec<u8> {
        match self.keep {
            Some(Keep::From(_)) => {
                let first = stream.nodes().first_of_all().unwrap_or(Id::MAX);
                first.text().as_ref().to_vec()
            }
            _ => stream.facts().len.to_string().into_bytes(),
        }
    }

    /// The arguments of the call as a log has them, with an exact threshold and another id.
    pub fn exact_call<'e>(
        &self,
        args: Args<'e>,
        threshold: Option<&'e [u8]>,
        id: Option<&'e [u8]>,
    ) -> Vec<&'e [u8]> {
        let mut args: Vec<&[u8]> = args.from(0).collect();
        if let Some(threshold) = threshold {
            args[self.threshold_at - 1] = b"=";
            args[self.threshold_at] = threshold;
        }
        if let Some(id) = id {
            args[self.end] = id;
        }
        args
    }
}
