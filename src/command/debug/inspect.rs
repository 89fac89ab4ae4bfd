//! DEBUG subcommands that show how data is kept.
//!
//! Invariant: changes nothing, and leaves no trace in statistics.

use crate::base::alloc;
use crate::base::glob::glob_match;
use crate::command::ctx::Ctx;
use crate::ds::listpack::View;
use crate::keyspace::KeyInfo;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::hash::HashRef;
use crate::types::list::ListRef;
use crate::types::set::SetRef;
use crate::types::zset::ZsetRef;
use crate::types::{Encoding, StringRef, ValueRef};

/// DEBUG OBJECT key
pub fn object(ctx: &mut Ctx) -> Outcome {
    let info = info(ctx)?;
    let (address, length) = match value(ctx)? {
        // A number has no address of its own: it lives in its key's entry.
        ValueRef::String(StringRef::Int(number)) => (std::ptr::null(), number_len(number)),
        ValueRef::String(StringRef::Str(text)) => (text.as_ptr(), text_len(text)),
        // What a snapshot would take is not known; what memory takes is.
        _ => (std::ptr::null(), info.memory_bytes),
    };
    ctx.reply.simple(&format!(
        "Value at:{address:p} refcount:1 encoding:{} serializedlength:{length} lru:{} \
         lru_seconds_idle:{}",
        info.encoding.name(),
        info.clock,
        info.idle_seconds
    ));
    Ok(())
}

/// DEBUG SDSLEN key
pub fn sdslen(ctx: &mut Ctx) -> Outcome {
    let key_len = ctx.arg(2).len();
    let ValueRef::String(StringRef::Str(text)) = value(ctx)? else {
        return Err(errors::DEBUG_NOT_SDS.into());
    };
    let line = format!(
        "key_sds_len:{key_len}, key_sds_avail:0, key_zmalloc: {}, \
         val_sds_len:{}, val_sds_avail:0, val_zmalloc: {}",
        alloc::estimate(key_len),
        text.len(),
        alloc::estimate(text.len())
    );
    ctx.reply.simple(&line);
    Ok(())
}

/// DEBUG LISTPACK key
pub fn listpack(ctx: &mut Ctx) -> Outcome {
    info(ctx)?;
    let packed = match value(ctx)? {
        ValueRef::List(ListRef::Packed(view)) => view,
        ValueRef::Set(SetRef::Packed(view)) => view,
        ValueRef::Zset(ZsetRef::Packed(view)) => view,
        ValueRef::Hash(HashRef::Packed(view)) => view,
        _ => return Err(errors::DEBUG_NOT_LISTPACK.into()),
    };
    print_listpack(packed);
    ctx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// DEBUG QUICKLIST key [0|1]
pub fn quicklist(ctx: &mut Ctx) -> Outcome {
    info(ctx)?;
    let ValueRef::List(ListRef::Quick(list)) = value(ctx)? else {
        return Err(errors::DEBUG_NOT_QUICKLIST.into());
    };
    list.listpacks(0).for_each(|node| print_listpack(node.view()));
    ctx.reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

fn print_listpack(pack: View<'_>) {
    println!("{{total bytes {}}} {{num entries {}}}", pack.bytes().len(), pack.len());
    pack.iter().enumerate().for_each(|(index, item)| println!("({index}) {item:?}"));
}

/// DEBUG HTSTATS dbid [full]
pub fn htstats(ctx: &mut Ctx) -> Outcome {
    let index = usize::try_from(ctx.args.int(2)?).unwrap_or(usize::MAX);
    if index >= ctx.state.keyspace.databases() {
        return Err(errors::DEBUG_OUT_OF_RANGE_DB.into());
    }
    let db = ctx.state.keyspace.db(index);
    let text = format!("[Dictionary HT]\n{}[Expires HT]\n{}", table(db.len()), table(db.expires()));
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Keys are in segments, which have no size as a whole and no chains.
fn table(len: usize) -> String {
    let title = "Hash table 0 stats (main hash table):\n";
    match len {
        0 => format!("{title}No stats available for empty dictionaries\n"),
        _ => format!("{title} number of elements: {len}\n"),
    }
}

/// DEBUG HTSTATS-KEY key [full]
pub fn htstats_key(ctx: &mut Ctx) -> Outcome {
    let (encoding, now) = (info(ctx)?.encoding, ctx.state.keyspace.now());
    if ![Encoding::Hashtable, Encoding::Skiplist].contains(&encoding) {
        return Err(errors::DEBUG_NOT_HASHED.into());
    }
    let len = match value(ctx)? {
        ValueRef::Set(set) => set.len(),
        ValueRef::Zset(zset) => zset.len(),
        ValueRef::Hash(hash) => hash.len(now),
        ValueRef::String(_) | ValueRef::List(_) | ValueRef::Stream(_) => 0,
    };
    ctx.reply.verbatim("txt", table(len).as_bytes());
    Ok(())
}

/// DEBUG STRINGMATCH-TEST
pub fn stringmatch_test(ctx: &mut Ctx) -> Outcome {
    const ROUNDS: usize = 100_000;
    let mut bytes = [0; 32];
    for _ in 0..ROUNDS {
        let rng = &mut ctx.state.rng;
        bytes.fill_with(|| b"*?[]^-\\ab\0"[rng.below(10)]);
        let (pattern, text) = bytes.split_at(rng.below(bytes.len()));
        glob_match(pattern, text, false);
    }
    ctx.reply.simple("Apparently Redis did not crash: test passed");
    Ok(())
}

/// What is known of the key in argument 2.
fn info(ctx: &mut Ctx) -> Result<KeyInfo, Reject> {
    let key = ctx.arg(2);
    ctx.db().info(key).ok_or(errors::NO_SUCH_KEY.into())
}

/// The value of the key in argument 2.
fn value<'a>(ctx: &'a mut Ctx) -> Result<ValueRef<'a>, Reject> {
    let key = ctx.arg(2);
    ctx.db().peek(key).ok_or(errors::NO_SUCH_KEY.into())
}

/// Bytes of a string in a snapshot, not compressed.
fn text_len(text: &[u8]) -> usize {
    text.len()
        + match text.len() {
            0..64 => 1,
            64..16_384 => 2,
            16_384..=0xffff_ffff => 5,
            _ => 9,
        }
}

/// Bytes of a number in a snapshot.
fn number_len(number: i64) -> usize {
    if i8::try_from(number).is_ok() {
        2
    } else if i16::try_from(number).is_ok() {
        3
    } else if i32::try_from(number).is_ok() {
        5
    } else {
        text_len(itoa::Buffer::new().format(number).as_bytes())
    }
}
