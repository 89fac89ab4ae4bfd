//! What the commands of a batch cause on both servers: the same keyspace events in the same order,
//! and the same keys that clients must no longer hold.

use std::collections::BTreeSet;

use super::generate::Command;
use crate::support::{Client, Server, Value, ok};

/// What follows the events of a batch.
const END: &str = "__key_end";

/// Listeners to one server, and a client that marks the end of a batch.
struct Listener {
    events: Client,
    invalidations: Client,
    marker: Client,
}

impl Listener {
    fn new(server: &Server) -> Listener {
        let (mut events, mut invalidations) = (server.client(), server.client3());
        let mut marker = server.client();
        marker.check("CONFIG SET notify-keyspace-events EAmn", ok());
        assert!(!events.run("PSUBSCRIBE __key*").is_error());
        invalidations.check("CLIENT TRACKING ON BCAST", ok());
        Listener { events, invalidations, marker }
    }

    /// The events since the last call, as `channel key`.
    fn events(&mut self) -> Vec<String> {
        assert_eq!(self.marker.run(&format!("PUBLISH {END} end")).as_int(), 1);
        let mut next = || {
            let message = self.events.recv();
            let [channel, key] = [2, 3].map(|part| message.items()[part].text());
            (channel != END).then(|| format!("{channel} {}", key.escape_debug()))
        };
        std::iter::from_fn(&mut next).collect()
    }

    /// Keys that were invalidated since the last call, or `all`. Which come together is a matter
    /// of the servers' loops.
    fn invalidations(&mut self) -> BTreeSet<String> {
        self.marker.check(&format!("SET {END} end"), ok());
        let mut keys = BTreeSet::new();
        while !keys.remove(END) {
            match &self.invalidations.recv().items()[1] {
                Value::Null => drop(keys.insert("all".into())),
                told => keys.extend(told.items().iter().map(Value::text)),
            }
        }
        keys
    }
}

/// Listeners to each server.
pub struct Events {
    ours: Listener,
    theirs: Listener,
    /// How many events there were.
    pub count: usize,
}

impl Events {
    pub fn new(subject: &Server, reference: &Server) -> Events {
        Events { ours: Listener::new(subject), theirs: Listener::new(reference), count: 0 }
    }

    /// Compares what happened since the last call, which `batch` and audits before it caused.
    pub fn compare(&mut self, seed: u64, batch: &[Command]) {
        let [ours, theirs] = [&mut self.ours, &mut self.theirs].map(|server| {
            let mut events = server.events();
            sort_misses(&mut events);
            events
        });
        let first = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let rest = |events: &[String]| events[first..].iter().take(8).cloned().collect::<Vec<_>>();
        assert!(
            ours == theirs,
            "SEED={seed}, events differ after {:?}\n  ours:   {:?}\n  theirs: {:?}\n{batch:#?}",
            first.checked_sub(1).map(|last| &ours[last]),
            rest(&ours),
            rest(&theirs)
        );
        self.count += ours.len();
        let (ours, theirs) = (self.ours.invalidations(), self.theirs.invalidations());
        let differs: Vec<_> = ours.symmetric_difference(&theirs).collect();
        assert!(
            differs.is_empty(),
            "SEED={seed}, invalidations differ in {differs:?}\n  ours:   {ours:?}\n{batch:#?}"
        );
    }
}

/// Orders misses that follow each other: SORT looks for weights in the order of a hash table.
fn sort_misses(events: &mut [String]) {
    let is_miss = |event: &String| event.contains(":keymiss ");
    events.chunk_by_mut(|a, b| is_miss(a) && is_miss(b)).for_each(<[String]>::sort);
}
