//! DEBUG PROTOCOL: one reply of each type.
//!
//! Invariant: touches nothing but the reply.

use crate::command::ctx::Ctx;
use crate::resp::errors::{self, Outcome};
use crate::resp::{Protocol, Reply};

/// DEBUG PROTOCOL type
pub fn protocol(ctx: &mut Ctx) -> Outcome {
    let name = ctx.arg(2).to_ascii_lowercase();
    let reply = &mut ctx.reply;
    match name.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double_text("3.141"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => map(reply),
        b"attrib" => attribute(reply),
        b"push" => return push(reply),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        _ => return Err(errors::DEBUG_PROTOCOL.into()),
    }
    Ok(())
}

fn map(reply: &mut Reply) {
    reply.map(3);
    for number in 0..3 {
        reply.integer(number);
        reply.boolean(number == 1);
    }
}

/// An attribute is no reply: one follows.
fn attribute(reply: &mut Reply) {
    if reply.protocol == Protocol::Resp3 {
        reply.attribute(1);
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}

/// A push is no reply: it goes out behind the reply of the command that caused it.
fn push(reply: &mut Reply) -> Outcome {
    if reply.protocol == Protocol::Resp2 {
        return Err(errors::DEBUG_PROTOCOL_RESP2.into());
    }
    reply.bulk(b"Some real reply following the push reply");
    reply.push(2);
    reply.bulk(b"server-cpu-usage");
    reply.integer(42);
    Ok(())
}
