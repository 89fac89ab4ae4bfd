//! A stream against a plain model of it.
use super::node::Entry;
use super::*;
use crate::base::rng::{Rng, os_seed};
use crate::types::Value;

/// Fields with their values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Entries with their fields, and what is known besides.
#[derive(Default)]
struct Model {
    entries: BTreeMap<Id, Pairs>,
    added: u64,
    last: Id,
    max_deleted: Id,
}

const LIMIT: NodeLimit = NodeLimit { bytes: 200, entries: 7 };

fn id(ms: u64, seq: u64) -> Id {
    Id { ms, seq }
}

fn pairs(entry: Entry<'_>) -> Pairs {
    entry.fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

fn push(stream: &mut Stream, id: Id, fields: &[(Vec<u8>, Vec<u8>)]) {
    let pairs = fields.iter().map(|(field, value)| (&field[..], &value[..]));
    stream.push(id, pairs, LIMIT);
}

impl Model {
    fn check(&self, stream: &Stream) {
        let found = stream.nodes().all().map(|entry| (entry.id, pairs(entry)));
        assert!(found.eq(self.entries.iter().map(|(id, fields)| (*id, fields.clone()))));
        let first = self.entries.keys().next().copied().unwrap_or(Id::MIN);
        let facts = Facts {
            len: self.entries.len() as u64,
            first,
            last: self.last,
            max_deleted: self.max_deleted,
            added: self.added,
        };
        assert_eq!(stream.facts(), facts);
        let nodes: Vec<_> = stream.nodes().iter_from(0).collect();
        assert!(nodes.iter().all(|node| node.total() <= LIMIT.entries));
        let bytes: usize = nodes.iter().map(|node| node.memory()).sum();
        assert!((bytes..bytes + 5000).contains(&stream.nodes().memory()));
        let copies = nodes.iter().map(|node| Node::checked(node.id(), node.bytes().to_vec()));
        let copies: Option<VecDeque<_>> = copies.collect();
        let copy = Stream::restored(copies.expect("sound nodes"), facts).expect("a sound stream");
        assert!(copy.nodes().all().map(|entry| entry.id).eq(self.entries.keys().copied()));
    }

    fn check_range(&self, stream: &Stream, start: Id, end: Id) {
        let expected: Vec<Id> =
            self.entries.keys().copied().filter(|id| (start..=end).contains(id)).collect();
        let found: Vec<Id> = stream.nodes().range(start, end).map(|entry| entry.id).collect();
        assert_eq!(found, expected);
        let mut back: Vec<Id> = stream.nodes().range_back(start, end).map(|one| one.id).collect();
        back.reverse();
        assert_eq!(back, expected);
    }

    /// Trims exactly; how many went.
    fn trim(&mut self, keep: Keep) -> u64 {
        let before = self.entries.len();
        match keep {
            Keep::From(id) => self.entries = self.entries.split_off(&id),
            Keep::Newest(len) => {
                while self.entries.len() as u64 > len {
                    self.entries.pop_first();
                }
            }
        }
        (before - self.entries.len()) as u64
    }
}

fn random_fields(rng: &mut Rng) -> Pairs {
    let value = |rng: &mut Rng| match rng.below(4) {
        0 => rng.below(100_000).to_string().into_bytes(),
        1 => vec![b'v'; rng.below(90)],
        _ => format!("value {}", rng.below(9)).into_bytes(),
    };
    match rng.below(4) {
        0 => (0..rng.below(4) + 1).map(|_| (value(rng), value(rng))).collect(),
        _ => vec![(b"a".to_vec(), value(rng)), (b"7".to_vec(), value(rng))],
    }
}

#[test]
fn it_does_what_a_map_of_entries_does() {
    let seed = os_seed();
    eprintln!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    let (mut stream, mut model) = (Stream::default(), Model::default());
    for step in 0..20_000 {
        let some = id(model.last.ms.saturating_sub(rng.below(60) as u64), rng.below(3) as u64);
        match rng.below(30) {
            0..16 => {
                let new = [NewId::Auto(step / 3), NewId::Partial(some.ms), NewId::Exact(some)];
                let new = new[rng.below(3)];
                let Some(id) = stream.facts().next_id(new) else { continue };
                let fields = random_fields(&mut rng);
                push(&mut stream, id, &fields);
                model.entries.insert(id, fields);
                (model.added, model.last) = (model.added + 1, id);
            }
            16..24 => {
                let gone = model.entries.remove(&some).is_some();
                if gone {
                    model.max_deleted = model.max_deleted.max(some);
                }
                assert_eq!(stream.delete([some].into_iter()), u64::from(gone));
            }
            24 => {
                let keep = [Keep::From(some), Keep::Newest(model.entries.len() as u64 * 3 / 4)];
                let keep = keep[rng.below(2)];
                let trim = Trim { keep, by_nodes: false, limit: 0 };
                assert_eq!(stream.trim(&trim), model.trim(keep));
            }
            25 => {
                let keep = Keep::Newest(rng.below(40) as u64);
                let limit = rng.below(3) as u64 * 10;
                let before = model.entries.len() as u64;
                let gone = stream.trim(&Trim { keep, by_nodes: true, limit });
                assert!(limit == 0 || gone <= limit);
                assert_eq!(model.trim(Keep::Newest(before - gone)), gone);
                let Keep::Newest(len) = keep else { unreachable!("chosen above") };
                assert!(gone == 0 || model.entries.len() as u64 >= len);
            }
            _ => {
                let fields = model.entries.get(&some).cloned();
                assert_eq!(stream.nodes().get(some).map(pairs), fields);
                model.check_range(&stream, some, id(some.ms + 20, 1));
            }
        }
        if step % 50 == 0 {
            model.check(&stream);
        }
    }
    model.check(&stream);
    let mut value = Value::from(stream);
    while value.drop_some() {}
}

#[test]
fn ids_are_made_behind_the_last_one() {
    let at = |last| Facts { last, ..Facts::default() };
    assert_eq!(at(id(5, 1)).next_id(NewId::Auto(7)), Some(id(7, 0)));
    assert_eq!(at(id(5, 1)).next_id(NewId::Auto(3)), Some(id(5, 2)));
    assert_eq!(at(id(5, u64::MAX)).next_id(NewId::Auto(3)), Some(id(6, 0)));
    assert_eq!(at(Id::MAX).next_id(NewId::Auto(3)), None);
    assert_eq!(at(id(5, 1)).next_id(NewId::Partial(5)), Some(id(5, 2)));
    assert_eq!(at(id(5, u64::MAX)).next_id(NewId::Partial(5)), None);
    assert_eq!(at(id(5, 1)).next_id(NewId::Partial(4)), None);
    assert_eq!(at(Id::MIN).next_id(NewId::Partial(0)), Some(id(0, 1)));
    assert_eq!(at(id(5, 1)).next_id(NewId::Exact(id(5, 1))), None);
}

#[test]
fn a_lag_is_known_where_nothing_was_deleted_ahead() {
    let mut stream = Stream::default();
    let fields = [(b"f".to_vec(), b"v".to_vec())];
    (1..=5).for_each(|ms| push(&mut stream, id(ms, 0), &fields));
    stream.add_group(b"g", Id::MIN, None);
    let lag = |stream: &Stream| stream.facts().lag(stream.group(b"g").expect("a group"));
    assert_eq!(lag(&stream), Some(5));
    let read = |stream: &mut Stream, ms| {
        stream.change_group(b"g", |source, group| source.facts.advance(group, id(ms, 0)));
    };
    read(&mut stream, 1);
    read(&mut stream, 2);
    assert_eq!(lag(&stream), Some(3));
    stream.delete([id(4, 0)].into_iter());
    assert_eq!(lag(&stream), None);
    read(&mut stream, 3);
    assert_eq!(lag(&stream), None);
    read(&mut stream, 5);
    assert_eq!(lag(&stream), Some(0));
}

#[test]
fn it_knows_whether_consumers_are_uneven() {
    let mut stream = Stream::default();
    stream.add_group(b"g", Id::MIN, None);
    assert!(!stream.has_uneven_consumers());
    stream.change_group(b"g", |_, group| group.add(b"c", 5, -1));
    assert!(stream.has_uneven_consumers());
    stream.change_group(b"g", |_, group| {
        group.find(b"c").map(|consumer| group.deliver(consumer, id(1, 0), 5, 1, 5))
    });
    assert!(!stream.has_uneven_consumers());
    stream.change_group(b"g", |_, group| group.find(b"c").map(|consumer| group.saw(consumer, 6)));
    assert!(stream.has_uneven_consumers() && stream.remove_group(b"g"));
    assert!(!stream.has_uneven_consumers());
}
