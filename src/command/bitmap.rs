//! Bitmap commands: string values addressed by bit.
//!
//! Invariant: nothing here knows about sockets, persistence or scripts.

use super::Args;
use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("bitcount", bitcount)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(Flags::READONLY)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Counts the number of set bits (population counting) in a string.")
        .complexity("O(N)")
        .since("2.6.0")
        .history(&[
            ("7.0.0", "Added the `BYTE|BIT` option."),
            ("8.0.0", "Made the `end` argument optional."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "range",
                &[
                    Arg::int("start"),
                    Arg::block(
                        "end-unit-block",
                        &[Arg::int("end"), Arg::one_of("unit", UNIT).since("7.0.0").optional()],
                    )
                    .since("8.0.0")
                    .optional(),
                ],
            )
            .optional(),
        ]),
    Command::new("bitfield", bitfield)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(WRITE_GROWING)
        .acl(Categories::BITMAP)
        .keys(&[KeySpec::at(1)
            .flags(
                KeyFlags::RW.or(KeyFlags::UPDATE).or(KeyFlags::ACCESS).or(KeyFlags::VARIABLE_FLAGS),
            )
            .notes("This command allows both access and modification of the key")])
        .extract_keys(bitfield_keys)
        .summary("Performs arbitrary bitfield integer operations on strings.")
        .complexity("O(1) for each subcommand specified")
        .since("3.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "operation",
                &[
                    Arg::block("get-block", FIELD).token("GET"),
                    Arg::block(
                        "write",
                        &[
                            Arg::one_of(
                                "overflow-block",
                                &[
                                    Arg::word("wrap", "WRAP"),
                                    Arg::word("sat", "SAT"),
                                    Arg::word("fail", "FAIL"),
                                ],
                            )
                            .token("OVERFLOW")
                            .optional(),
                            Arg::one_of(
                                "write-operation",
                                &[
                                    Arg::block(
                                        "set-block",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("value"),
                                        ],
                                    )
                                    .token("SET"),
                                    Arg::block(
                                        "incrby-block",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("increment"),
                                        ],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ]),
    Command::new("bitfield_ro", bitfield_ro)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(READ_FAST)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Performs arbitrary read-only bitfield integer operations on strings.")
        .complexity("O(1) for each subcommand specified")
        .since("6.0.0")
        .args(&[
            Arg::key("key", 0),
            Arg::block("get-block", FIELD).token("GET").optional().multiple().multiple_token(),
        ]),
    Command::new("bitop", bitop)
        .arity(-4)
        .of(Group::Bitmap)
        .flags(WRITE_GROWING)
        .acl(Categories::BITMAP)
        .keys(&[
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
            KeySpec::range(3, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
        ])
        .summary("Performs bitwise operations on multiple strings, and stores the result.")
        .complexity("O(N)")
        .since("2.6.0")
        .args(&[
            Arg::one_of(
                "operation",
                &[
                    Arg::word("and", "AND"),
                    Arg::word("or", "OR"),
                    Arg::word("xor", "XOR"),
                    Arg::word("not", "NOT"),
                ],
            ),
            Arg::key("destkey", 0),
            Arg::key("key", 1).multiple(),
        ]),
    Command::new("bitpos", bitpos)
        .arity(-3)
        .of(Group::Bitmap)
        .flags(Flags::READONLY)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Finds the first set (1) or clear (0) bit in a string.")
        .complexity("O(N)")
        .since("2.8.7")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("bit"),
            Arg::block(
                "range",
                &[
                    Arg::int("start"),
                    Arg::block(
                        "end-unit-block",
                        &[Arg::int("end"), Arg::one_of("unit", UNIT).since("7.0.0").optional()],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ]),
    Command::new("getbit", getbit)
        .arity(3)
        .of(Group::Bitmap)
        .flags(READ_FAST)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Returns a bit value by offset.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset")]),
    Command::new("setbit", setbit)
        .arity(4)
        .of(Group::Bitmap)
        .flags(WRITE_GROWING)
        .acl(Categories::BITMAP)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))])
        .summary(
            "Sets or clears the bit at offset of the string value. Creates the key if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset"), Arg::int("value")]),
];

const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const UNIT: &[Arg] = &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")];
const FIELD: &[Arg] = &[Arg::string("encoding"), Arg::int("offset")];

/// BITCOUNT key [start [end [BYTE | BIT]]]
fn bitcount(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET encoding offset value |
/// INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET
/// encoding offset value | INCRBY encoding offset increment> ...]]
fn bitfield(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]
fn bitfield_ro(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// BITOP <AND | OR | XOR | NOT> destkey key [key ...]
fn bitop(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
fn bitpos(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GETBIT key offset
fn getbit(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SETBIT key offset value
fn setbit(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// BITFIELD with nothing but GET (and OVERFLOW, which does nothing alone) only reads its key.
fn bitfield_keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    let mut index = 2;
    while let Some(word) = args.get(index) {
        let operands = match word {
            word if word.eq_ignore_ascii_case(b"GET") => 2,
            word if word.eq_ignore_ascii_case(b"OVERFLOW") => 1,
            _ => break,
        };
        if index + operands >= args.len() {
            break;
        }
        index += operands + 1;
    }
    let writes = index < args.len();
    let flags = if writes { KeyFlags::RW | KeyFlags::UPDATE } else { KeyFlags::RO };
    out.push((1, flags | KeyFlags::ACCESS));
    Ok(())
}
