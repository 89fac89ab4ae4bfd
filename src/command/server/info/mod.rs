//! INFO: which sections are shown, and in which form.
//!
//! Invariant: a section's content is written by its function and by nothing else here.

mod memory;
mod sections;
mod text;

use self::text::Text;
pub use self::text::{human, ratio};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::command::state::State;
use crate::resp::Args;
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::new("info", info)
    .arity(-1)
    .of(Group::Server)
    .flags(Flags::LOADING.or(Flags::STALE))
    .acl(Categories::DANGEROUS)
    .summary("Returns information and statistics about the server.")
    .complexity("O(1)")
    .since("1.0.0")
    .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .args(&[Arg::string("section").optional().multiple()])];

/// One section.
struct Section {
    /// The title line, whose lower-case form is the name to ask for.
    title: &'static str,
    /// Whether INFO without arguments shows it.
    default: bool,
    write: fn(&mut Text, &mut State),
}

const fn section(title: &'static str, write: fn(&mut Text, &mut State)) -> Section {
    Section { title, default: true, write }
}

const fn on_request(title: &'static str, write: fn(&mut Text, &mut State)) -> Section {
    Section { title, default: false, write }
}

/// All sections, in the order of the reply.
const SECTIONS: &[Section] = &[
    section("Server", sections::server),
    section("Clients", sections::clients),
    section("Memory", memory::memory),
    section("Persistence", sections::persistence),
    section("Stats", sections::stats),
    section("Replication", sections::replication),
    section("CPU", sections::cpu),
    section("Modules", sections::modules),
    on_request("Commandstats", sections::commandstats),
    section("Errorstats", sections::errorstats),
    on_request("Latencystats", sections::latencystats),
    section("Cluster", sections::cluster),
    section("Keyspace", sections::keyspace),
    section("Sidering", sections::sidering),
];

/// INFO [section [section ...]]
fn info(ctx: &mut Ctx) -> Outcome {
    let mut text = Text::default();
    for section in SECTIONS.iter().filter(|section| wants(&ctx.args, section)) {
        text.title(section.title);
        (section.write)(&mut text, ctx.state);
    }
    ctx.reply.verbatim("txt", text.as_str().as_bytes());
    Ok(())
}

/// All sections.
pub fn everything(state: &mut State) -> String {
    let mut text = Text::default();
    for section in SECTIONS {
        text.title(section.title);
        (section.write)(&mut text, state);
    }
    text.into_string()
}

/// Whether the arguments ask for a section; unknown names ask for nothing.
fn wants(args: &Args, section: &Section) -> bool {
    let asks = |name: &[u8]| {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        is(section.title)
            || is("all")
            || is("everything")
            || (is("default") && section.default)
            || (is("module_list") && section.title == "Modules")
    };
    if args.len() == 1 { section.default } else { args.from(1).any(asks) }
}
