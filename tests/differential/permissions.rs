//! Random commands of a user who may not do everything: what Redis refuses is refused here, for the
//! same reason.

use super::generate::{Command, Generator};
use super::{BATCH, BATCHES_PER_AUDIT, COMMANDS_DEFAULT, Pair, setting, vocabulary};
use crate::support::*;

/// What the user may do, one after the other.
const RULES: [&str; 8] = [
    "+@all ~a ~b ~list* ~hash1 ~set* &news",
    "+@all %R~* %W~[a-d]* %W~zset* &*",
    "+@read ~* (+@write ~set* ~zset* ~list*)",
    "+@all -@dangerous -@list +lpush ~* resetchannels",
    "+@string +@keyspace -@dangerous ~int ~a (+@hash %RW~hash*) (+@geo +@sortedset ~geo* ~z*)",
    "+@all -@read -@slow +mget ~* &*",
    "+@write +@fast -@hash %W~* %R~a %R~list1",
    "+@all -select +select|1 (~int) -client +client|getname ~{tag}* ~?",
];
/// So that the test knows when a transaction ends.
const ALWAYS: &str = "+auth +discard +exec +multi +ping +reset +xgroup|createconsumer";

#[test]
fn random_commands_are_refused_as_in_redis() {
    backends().into_iter().for_each(run);
}

fn run(backend: Backend) {
    let seed = setting("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let count = setting("COMMANDS").map_or(COMMANDS_DEFAULT, |n| usize::try_from(n).expect("n"));
    println!("permissions: {backend:?}, {count} commands, SEED={seed}");
    let (subject, reference) = (Server::start(backend, &[]), Server::reference(&[]));
    let mut pair = Pair::new(&subject, &reference, "HELLO 2", seed);
    let syntaxes = vocabulary::shared(&mut pair.reference, &mut pair.subject);
    let mut generator = Generator::new(seed, "HELLO 2", syntaxes);
    for batch in 0..count.div_ceil(BATCH) {
        let rules = RULES[batch % RULES.len()];
        let setuser = format!("ACL SETUSER u reset on nopass {rules} {ALWAYS}");
        pair.auditors.iter_mut().for_each(|admin| admin.check(&setuser, ok()));
        let login = Command { words: ["AUTH", "u", "any"].map(Into::into).into() };
        let commands: Vec<_> =
            std::iter::once(login).chain((0..BATCH).map(|_| generator.next())).collect();
        pair.compare(&commands);
        if batch % BATCHES_PER_AUDIT == 0 {
            pair.audit();
            generator.left_transaction();
        }
    }
    pair.audit();
    let denied = |reason: &str| {
        let field = format!("acl_access_denied_{reason}");
        subject.info(&field).parse::<usize>().expect("a number")
    };
    let [commands, keys, channels] = ["cmd", "key", "channel"].map(denied);
    println!("permissions: denied {commands} commands, {keys} keys, {channels} channels");
    assert!(commands > count / 20 && keys > count / 20 && channels > 0);
}

/// Whether two replies are refusals for the same reason: Redis 7.0 has other words.
pub fn same_refusal(ours: &Value, theirs: &Value) -> bool {
    let reason = |reply: &Value| match reply {
        Value::Error(text) if text.starts_with("NOPERM") => {
            ["command", "key", "channel"].into_iter().find(|reason| text.contains(reason))
        }
        _ => None,
    };
    reason(ours).is_some() && reason(ours) == reason(theirs)
}
