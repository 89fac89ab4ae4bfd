//! DUMP and RESTORE: one value as a payload, from one server to another.
//!
//! Invariant: a payload is checked in full before anything changes, whoever sent it; the setting
//! `sanitize-dump-payload` can only ask for less.

use super::ctx::{Ctx, EventClass};
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::{Facts, Usage};
use crate::persist::dump::{Refusal, dump, restore};
use crate::persist::rdb::load::Options;
use crate::resp::errors::{self, Outcome, Reject};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("dump", dump_key)
        .arity(2)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
        .summary("Returns a serialized representation of the value stored at a key.")
        .complexity(
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the \
             number of Redis objects composing the value and M their average size. For small \
             string values the time complexity is thus O(1)+O(1*M) where M is small, so \
             simply O(1).",
        )
        .since("2.6.0")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("restore", restore_key)
        .arity(-4)
        .of(Group::Generic)
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .keys(&[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE))])
        .summary("Creates a key from the serialized representation of a value.")
        .complexity(
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized \
             value, where N is the number of Redis objects composing the value and M their \
             average size. For small string values the time complexity is thus O(1)+O(1*M) \
             where M is small, so simply O(1). However for sorted set values the complexity \
             is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        )
        .since("2.6.0")
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::int("ttl"),
            Arg::string("serialized-value"),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Arg::int("seconds").token("IDLETIME").since("5.0.0").optional(),
            Arg::int("frequency").token("FREQ").since("5.0.0").optional(),
        ]),
];

/// DUMP key
fn dump_key(ctx: &mut Ctx) -> Outcome {
    let (key, compress) = (ctx.arg(1), ctx.state.config.rdbcompression);
    let (db, reply) = ctx.db_and_reply();
    match db.read(key) {
        Some(value) => reply.bulk(&dump(value, compress)),
        None => reply.null(),
    }
    Ok(())
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
fn restore_key(ctx: &mut Ctx) -> Outcome {
    let options = RestoreOptions::parse(ctx)?;
    let key = ctx.arg(1);
    ctx.state.room_for(ctx.arg(3).len())?;
    if !options.replace && ctx.db().write_lookup(key).is_some() {
        return Err(errors::BUSY_KEY.into());
    }
    let deadline = deadline(ctx, options.absolute)?;
    let read = Options {
        text_bytes_max: ctx.state.config.proto_max_bulk_len,
        unpacked_bytes_max: ctx.state.piece_max(),
        ..ctx.state.load_options()
    };
    let value = restore(ctx.arg(3), &read).map_err(|refusal| match refusal {
        Refusal::Footer => errors::RESTORE_FOOTER,
        Refusal::Content(reason) => {
            log::debug!("RESTORE refused: {reason}");
            errors::RESTORE_CONTENT
        }
    })?;
    let removed = options.replace && ctx.db().remove(key);
    if deadline.is_some_and(|deadline| deadline <= ctx.state.keyspace.now()) {
        if removed {
            ctx.effect(&[b"DEL", key]);
            ctx.modified(key, EventClass::Generic, "del");
        }
    } else {
        let facts = Facts { deadline, usage: options.usage };
        ctx.db().load(key, value.into(), facts, true);
        tell_restored(ctx, deadline.filter(|_| !options.absolute));
        ctx.modified(key, EventClass::Generic, "restore");
    }
    ctx.reply.ok();
    Ok(())
}

/// Says what was restored with the point in time, if it was told a distance.
fn tell_restored(ctx: &mut Ctx, deadline: Option<i64>) {
    let Some(deadline) = deadline.filter(|_| ctx.state.effects.is_on()) else { return };
    let mut buffer = itoa::Buffer::new();
    let mut args: Vec<&[u8]> = ctx.args.from(0).collect();
    args[2] = buffer.format(deadline).as_bytes();
    args.push(b"ABSTTL");
    ctx.effect(&args);
}

#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    /// Whether the time to live is a unix time.
    absolute: bool,
    usage: Usage,
}

impl RestoreOptions {
    fn parse(ctx: &Ctx) -> Result<RestoreOptions, Reject> {
        let mut options = RestoreOptions::default();
        let mut at = 4;
        while at < ctx.args.len() {
            let has_value = at + 1 < ctx.args.len();
            if ctx.args.is(at, "replace") {
                options.replace = true;
            } else if ctx.args.is(at, "absttl") {
                options.absolute = true;
            } else if ctx.args.is(at, "idletime")
                && has_value
                && !matches!(options.usage, Usage::Frequency(_))
            {
                at += 1;
                let seconds = u64::try_from(ctx.args.int(at)?);
                options.usage = Usage::IdleSeconds(seconds.map_err(|_| errors::RESTORE_IDLE_TIME)?);
            } else if ctx.args.is(at, "freq")
                && has_value
                && !matches!(options.usage, Usage::IdleSeconds(_))
            {
                at += 1;
                let counter = u8::try_from(ctx.args.int(at)?);
                options.usage = Usage::Frequency(counter.map_err(|_| errors::RESTORE_FREQUENCY)?);
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 1;
        }
        Ok(options)
    }
}

/// The unix time in milliseconds that argument 2 means; 0 stands for none.
fn deadline(ctx: &Ctx, absolute: bool) -> Result<Option<i64>, Reject> {
    let base = if absolute { 0 } else { ctx.state.keyspace.now() };
    match ctx.args.int(2)? {
        ..0 => Err(errors::RESTORE_TTL.into()),
        0 => Ok(None),
        ttl => Ok(Some(ttl.saturating_add(base))),
    }
}
