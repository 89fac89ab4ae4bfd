//! Whom CLIENT KILL means.

use super::list::ClientType;
use crate::command::Ctx;
use crate::resp::errors::{self, Reject};
use crate::session::{Client, ClientFlags, ClientId, UserId};

/// Conditions that a client must all meet.
pub struct Filter<'a> {
    id: Option<i64>,
    kind: Option<ClientType>,
    user: Option<UserId>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    /// Older than this many seconds.
    max_age_s: Option<i64>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    const ALL: Filter<'static> = Filter {
        id: None,
        kind: None,
        user: None,
        addr: None,
        laddr: None,
        max_age_s: None,
        skip_me: true,
    };

    /// The old form: by address, oneself included.
    pub fn address(addr: &'a [u8]) -> Filter<'a> {
        Filter { addr: Some(addr), skip_me: false, ..Filter::ALL }
    }

    /// The new form: pairs of option and value.
    pub fn parse(ctx: &Ctx<'a>) -> Result<Filter<'a>, Reject> {
        let mut filter = Filter::ALL;
        if ctx.args.len() < 3 {
            return Err(errors::SYNTAX.into());
        }
        for at in (2..ctx.args.len()).step_by(2) {
            let value = ctx.args.get(at + 1).ok_or(errors::SYNTAX)?;
            match ctx.arg(at).to_ascii_lowercase().as_slice() {
                b"id" => filter.id = Some(positive(ctx, at + 1, errors::CLIENT_ID_NOT_POSITIVE)?),
                b"maxage" => filter.max_age_s = Some(positive(ctx, at + 1, MAX_AGE_NOT_POSITIVE)?),
                b"type" => filter.kind = Some(ClientType::parse(value)?),
                b"addr" => filter.addr = Some(value),
                b"laddr" => filter.laddr = Some(value),
                b"user" => {
                    let user = ctx.state.users.find(value);
                    filter.user = Some(user.ok_or_else(|| errors::no_such_user(value))?);
                }
                b"skipme" if ctx.args.is(at + 1, "yes") => filter.skip_me = true,
                b"skipme" if ctx.args.is(at + 1, "no") => filter.skip_me = false,
                _ => return Err(errors::SYNTAX.into()),
            }
        }
        Ok(filter)
    }

    /// Whether `client` is meant when `me` asks at Unix time `now_s`.
    pub fn matches(&self, client: &Client, me: ClientId, now_s: i64) -> bool {
        let passed_over = client.has(ClientFlags::CLOSING) || (self.skip_me && client.key == me);
        !passed_over
            && self.id.is_none_or(|id| i64::try_from(client.id) == Ok(id))
            && self.kind.is_none_or(|kind| ClientType::of(client) == kind)
            && self.user.is_none_or(|user| client.user == user)
            && self.addr.is_none_or(|addr| client.addr.as_bytes() == addr)
            && self.laddr.is_none_or(|laddr| client.laddr.as_bytes() == laddr)
            && self.max_age_s.is_none_or(|age_s| now_s - client.created_s >= age_s)
    }
}

const MAX_AGE_NOT_POSITIVE: &str = "ERR maxage should be greater than 0";

fn positive(ctx: &Ctx<'_>, at: usize, text: &'static str) -> Result<i64, Reject> {
    match ctx.args.int_or(at, text)? {
        value if value > 0 => Ok(value),
        _ => Err(text.into()),
    }
}
