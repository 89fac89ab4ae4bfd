//! CLIENT TRACKING and what belongs to it: CACHING, GETREDIR, TRACKINGINFO.
//!
//! Invariant: a client's tracking changes when all its options have been found good.

use super::{ANYTIME_UNSCRIPTED, ON_OFF};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::command::tracking::end;
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::Tracking;
use crate::session::tracking::{Mode, Redirect};

/// The rows of this file, members of CLIENT's table.
pub const CACHING: Command = Command::new("caching", client_caching)
    .arity(3)
    .of(Group::Connection)
    .flags(ANYTIME_UNSCRIPTED)
    .acl(Categories::CONNECTION)
    .summary("Instructs the server whether to track the keys in the next request.")
    .complexity("O(1)")
    .since("6.0.0")
    .args(&[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])]);

pub const GETREDIR: Command = Command::new("getredir", client_getredir)
    .arity(2)
    .of(Group::Connection)
    .flags(ANYTIME_UNSCRIPTED)
    .acl(Categories::CONNECTION)
    .summary(
        "Returns the client ID to which the connection's tracking notifications are redirected.",
    )
    .complexity("O(1)")
    .since("6.0.0");

pub const TRACKING: Command = Command::new("tracking", client_tracking)
    .arity(-3)
    .of(Group::Connection)
    .flags(ANYTIME_UNSCRIPTED)
    .acl(Categories::CONNECTION)
    .summary("Controls server-assisted client-side caching for the connection.")
    .complexity("O(1). Some options may introduce additional complexity.")
    .since("6.0.0")
    .args(&[
        Arg::one_of("status", ON_OFF),
        Arg::int("client-id").token("REDIRECT").optional(),
        Arg::string("prefix").token("PREFIX").optional().multiple().multiple_token(),
        Arg::word("bcast", "BCAST").optional(),
        Arg::word("optin", "OPTIN").optional(),
        Arg::word("optout", "OPTOUT").optional(),
        Arg::word("noloop", "NOLOOP").optional(),
    ]);

pub const TRACKINGINFO: Command = Command::new("trackinginfo", client_trackinginfo)
    .arity(2)
    .of(Group::Connection)
    .flags(ANYTIME_UNSCRIPTED)
    .acl(Categories::CONNECTION)
    .summary("Returns information about server-assisted client-side caching for the connection.")
    .complexity("O(1)")
    .since("6.2.0");

/// CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST]
/// [OPTIN] [OPTOUT] [NOLOOP]
fn client_tracking(ctx: &mut Ctx) -> Outcome {
    let options = Options::parse(ctx)?;
    if ctx.args.is(2, "on") {
        let old = ctx.client().tracking.as_deref();
        let mode = options.mode(old)?;
        if mode == Mode::Broadcast {
            check_prefixes(&options.prefixes, old)?;
        }
        start(ctx, mode, &options);
    } else if ctx.args.is(2, "off") {
        end(ctx.state, ctx.id);
    } else {
        return Err(errors::SYNTAX.into());
    }
    ctx.reply.ok();
    Ok(())
}

/// The options of CLIENT TRACKING.
#[derive(Default)]
struct Options<'a> {
    redirect: Option<Redirect>,
    bcast: bool,
    optin: bool,
    optout: bool,
    noloop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(ctx: &Ctx<'a>) -> Result<Options<'a>, Reject> {
        let mut options = Options::default();
        let mut at = 3;
        while at < ctx.args.len() {
            let value = ctx.args.get(at + 1);
            match (ctx.arg(at).to_ascii_lowercase().as_slice(), value) {
                (b"redirect", Some(_)) => {
                    options.redirect = Some(options.redirect_to(ctx, at + 1)?);
                    at += 1;
                }
                (b"prefix", Some(prefix)) => {
                    options.prefixes.push(prefix);
                    at += 1;
                }
                (b"bcast", _) => options.bcast = true,
                (b"optin", _) => options.optin = true,
                (b"optout", _) => options.optout = true,
                (b"noloop", _) => options.noloop = true,
                _ => return Err(errors::SYNTAX.into()),
            }
            at += 1;
        }
        Ok(options)
    }

    /// The client whose id is argument `at`.
    fn redirect_to(&self, ctx: &Ctx<'a>, at: usize) -> Result<Redirect, Reject> {
        if self.redirect.is_some() {
            return Err(errors::TRACKING_ONE_REDIRECT.into());
        }
        let id = u64::try_from(ctx.args.int(at)?).ok();
        let receiver = ctx.state.clients.iter().find(|client| Some(client.id) == id);
        let receiver = receiver.ok_or(errors::TRACKING_NO_REDIRECT)?;
        Ok(Redirect { id: receiver.id, client: receiver.key })
    }

    /// The mode that the options mean for a client that tracks as `old` says.
    fn mode(&self, old: Option<&Tracking>) -> Result<Mode, Reject> {
        if !self.bcast && !self.prefixes.is_empty() {
            return Err(errors::TRACKING_PREFIX_WITHOUT_BCAST.into());
        }
        let old = old.map(|tracking| tracking.mode);
        if old.is_some_and(|old| self.bcast != (old == Mode::Broadcast)) {
            return Err(errors::TRACKING_SWITCH_BCAST.into());
        }
        match self {
            Options { bcast: true, optin: false, optout: false, .. } => Ok(Mode::Broadcast),
            Options { bcast: true, .. } => Err(errors::TRACKING_BCAST_WITH_OPT.into()),
            Options { optin: true, optout: true, .. } => Err(errors::TRACKING_BOTH_OPTS.into()),
            Options { optin: true, .. } if old == Some(Mode::OptOut) => {
                Err(errors::TRACKING_SWITCH_OPT.into())
            }
            Options { optout: true, .. } if old == Some(Mode::OptIn) => {
                Err(errors::TRACKING_SWITCH_OPT.into())
            }
            Options { optin: true, .. } => Ok(Mode::OptIn),
            Options { optout: true, .. } => Ok(Mode::OptOut),
            _ => Ok(Mode::Default),
        }
    }
}

/// Refuses prefixes of one client that would both speak of the same key.
fn check_prefixes(new: &[&[u8]], old: Option<&Tracking>) -> Outcome {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    for (index, prefix) in new.iter().enumerate() {
        let mut known = old.iter().flat_map(|tracking| &tracking.prefixes);
        if let Some(other) = known.find(|other| overlap(prefix, other)) {
            return Err(errors::overlaps_existing_prefix(prefix, other));
        }
        if let Some(other) = new[index + 1..].iter().find(|other| overlap(prefix, other)) {
            return Err(errors::overlaps_provided_prefix(prefix, other));
        }
    }
    Ok(())
}

fn start(ctx: &mut Ctx, mode: Mode, options: &Options<'_>) {
    let id = ctx.id;
    let mut tracking = match ctx.client().tracking.take() {
        Some(tracking) => tracking,
        None => {
            ctx.state.tracking.join();
            Box::new(Tracking::new(mode))
        }
    };
    tracking.mode = mode;
    tracking.noloop = options.noloop;
    tracking.redirect = options.redirect;
    tracking.broken = false;
    // All keys begin with the empty prefix.
    let everything = (mode == Mode::Broadcast && options.prefixes.is_empty()).then_some(&b""[..]);
    for prefix in options.prefixes.iter().copied().chain(everything) {
        tracking.add_prefix(prefix);
        ctx.state.tracking.follow(id, prefix);
    }
    ctx.client().tracking = Some(tracking);
    ctx.state.apply_followers();
}

/// CLIENT CACHING <YES | NO>
fn client_caching(ctx: &mut Ctx) -> Outcome {
    let (yes, no) = (ctx.args.is(2, "yes"), ctx.args.is(2, "no"));
    let tracking = ctx.client().tracking.as_deref_mut().ok_or(errors::CACHING_WITHOUT_TRACKING)?;
    match tracking.mode {
        Mode::OptIn if yes => tracking.caching = true,
        Mode::OptOut if no => tracking.caching = true,
        _ if yes => return Err(errors::CACHING_YES_WITHOUT_OPTIN.into()),
        _ if no => return Err(errors::CACHING_NO_WITHOUT_OPTOUT.into()),
        _ => return Err(errors::SYNTAX.into()),
    }
    ctx.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR
fn client_getredir(ctx: &mut Ctx) -> Outcome {
    let redirect = redirect(ctx.client().tracking.as_deref());
    ctx.reply.integer(redirect);
    Ok(())
}

/// The id of the client that receives the invalidations: 0 for the client itself, -1 without
/// tracking.
pub fn redirect(tracking: Option<&Tracking>) -> i64 {
    match tracking {
        None => -1,
        Some(tracking) => tracking.redirect.map_or(0, |redirect| redirect.id as i64),
    }
}

/// CLIENT TRACKINGINFO
fn client_trackinginfo(ctx: &mut Ctx) -> Outcome {
    let client = ctx.state.clients.get(ctx.id).expect("the client in execution is in the table");
    let tracking = client.tracking.as_deref();
    let flags = tracking.map_or(vec!["off"], flags);
    let reply = &mut ctx.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirect(tracking));
    reply.bulk(b"prefixes");
    reply.array(tracking.map_or(0, |tracking| tracking.prefixes.len()));
    for prefix in tracking.iter().flat_map(|tracking| &tracking.prefixes) {
        reply.bulk(prefix);
    }
    Ok(())
}

fn flags(tracking: &Tracking) -> Vec<&'static str> {
    let Tracking { mode, noloop, caching, broken, .. } = *tracking;
    let flags = [
        (true, "on"),
        (mode == Mode::Broadcast, "bcast"),
        (mode == Mode::OptIn, "optin"),
        (mode == Mode::OptIn && caching, "caching-yes"),
        (mode == Mode::OptOut, "optout"),
        (mode == Mode::OptOut && caching, "caching-no"),
        (noloop, "noloop"),
        (broken, "broken_redirect"),
    ];
    flags.into_iter().filter(|(on, _)| *on).map(|(_, flag)| flag).collect()
}
