//! What a data set may look like after a crash, judged by what clients were told before it.
//!
//! Each writer appends 1, 2, 3 ... to a list of its own, in a second list within the same transaction
//! as well, and notes what it sent and what was acknowledged; observers note how long they saw a list
//! to be. The numbers make order and holes visible (as in Jepsen's list-append).
//!
//! Invariant: forged histories are rejected; its own tests see to that.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Client, Value, encode, int};

/// Requests that a writer has under way at most.
const PIPELINE_MAX: i64 = 4;

/// What was told of one list before the crash.
#[derive(Debug, Default)]
pub struct Told {
    /// The highest number that was sent.
    pub sent: AtomicI64,
    /// The highest one that was acknowledged.
    pub acknowledged: AtomicI64,
    /// The greatest length that was seen.
    pub observed: AtomicI64,
    /// When what was acknowledged.
    acknowledged_at: Mutex<Vec<(i64, Instant)>>,
}

impl Told {
    /// What is known of a list that was found, before anything else happens to it.
    pub fn of_list(found: &Found) -> Told {
        let len = found.list.len() as i64;
        Told::of(len, len, len)
    }

    pub fn of(sent: i64, acknowledged: i64, observed: i64) -> Told {
        let (sent, acknowledged, observed) = (sent.into(), acknowledged.into(), observed.into());
        Told { sent, acknowledged, observed, acknowledged_at: Mutex::default() }
    }

    /// When the first of what is lost had been acknowledged.
    pub fn lost_since(&self, found: &Found) -> Option<Instant> {
        let known = self.acknowledged_at.lock().expect("nobody panicked");
        let lost = known.iter().find(|(number, _)| *number > found.list.len() as i64);
        lost.map(|(_, at)| *at)
    }
}

/// The two lists of a writer, as they were found after the crash.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub list: Vec<i64>,
    pub twin: Vec<i64>,
}

/// What is wrong with what was found, if `strict` that something acknowledged or observed is lost.
pub fn judge(told: &Told, found: &Found, strict: bool) -> Result<(), String> {
    let len = found.list.len() as i64;
    let promised =
        told.acknowledged.load(Ordering::Relaxed).max(told.observed.load(Ordering::Relaxed));
    if found.list != found.twin {
        return Err(format!("half of a transaction: {len} and {}", found.twin.len()));
    }
    if found.list != (1..=len).collect::<Vec<_>>() {
        return Err("numbers are missing or out of order".into());
    }
    if len > told.sent.load(Ordering::Relaxed) {
        return Err("something appeared that nobody sent".into());
    }
    if strict && len < promised {
        return Err(format!("{promised} was promised and {len} is there"));
    }
    Ok(())
}

/// Appends until the server is gone, with a pause after each transaction.
pub fn write(address: SocketAddr, writer: usize, told: &Told, pause: Duration) {
    let Ok(mut client) = Client::connect(address) else { return };
    let (mut sent, mut acknowledged) = (told.sent.load(Ordering::Relaxed), 0);
    loop {
        while sent - acknowledged.max(told.acknowledged.load(Ordering::Relaxed)) < PIPELINE_MAX {
            sent += 1;
            told.sent.store(sent, Ordering::Relaxed);
            if client.try_send(&transaction(writer, sent)).is_err() {
                return;
            }
        }
        for _ in 0..3 {
            if client.try_recv().is_none() {
                return;
            }
        }
        let Some(Value::Array(lengths)) = client.try_recv() else { return };
        if let [Value::Int(len), _] = lengths[..] {
            acknowledged = len;
            told.acknowledged.store(len, Ordering::Relaxed);
            told.acknowledged_at.lock().expect("nobody panics").push((len, Instant::now()));
            thread::sleep(pause);
        }
    }
}

/// Appends `count` times at once and waits for the answers; what is acknowledged by then.
pub fn append_some(client: &mut Client, writer: usize, told: &Told, count: usize) -> i64 {
    let first = told.sent.fetch_add(count as i64, Ordering::Relaxed) + 1;
    let numbers = first..first + count as i64;
    let requests: Vec<u8> =
        numbers.clone().flat_map(|number| transaction(writer, number)).collect();
    if client.try_send(&requests).is_ok() {
        for number in numbers {
            match (0..4).map_while(|_| client.try_recv()).last() {
                Some(Value::Array(lengths)) if lengths == [int(number), int(number)] => {
                    told.acknowledged.store(number, Ordering::Relaxed);
                }
                _ => break,
            }
        }
    }
    told.acknowledged.load(Ordering::Relaxed)
}

fn transaction(writer: usize, number: i64) -> Vec<u8> {
    let (list, twin, number) = (list(writer), twin(writer), number.to_string());
    let requests = [
        encode(&["MULTI"]),
        encode(&["RPUSH", &list, &number]),
        encode(&["RPUSH", &twin, &number]),
        encode(&["EXEC"]),
    ];
    requests.concat()
}

/// Looks at the lists until the server is gone, with a pause after each look.
pub fn observe(address: SocketAddr, told: &[Told], pause: Duration) {
    let Ok(mut client) = Client::connect(address) else { return };
    for writer in (0..told.len()).cycle() {
        if client.try_send(&encode(&["LLEN", &list(writer)])).is_err() {
            return;
        }
        match client.try_recv() {
            Some(Value::Int(len)) => drop(told[writer].observed.fetch_max(len, Ordering::Relaxed)),
            _ => return,
        }
        thread::sleep(pause);
    }
}

/// Runs writers and two observers, with that pause, until `end` has put an end to the server.
pub fn run(address: SocketAddr, told: &[Told], pause: Duration, end: impl FnOnce()) {
    thread::scope(|scope| {
        for (writer, told) in told.iter().enumerate() {
            scope.spawn(move || write(address, writer, told, pause));
        }
        (0..2).for_each(|_| drop(scope.spawn(|| observe(address, told, pause))));
        end();
    });
}

/// The lists of a writer as the server has them.
pub fn find(client: &mut Client, writer: usize) -> Found {
    let mut numbers = |key: &str| {
        let Value::Array(items) = client.cmd(&["LRANGE", key, "0", "-1"]) else { panic!("a list") };
        items.iter().map(|item| item.text().parse().expect("a number")).collect()
    };
    Found { list: numbers(&list(writer)), twin: numbers(&twin(writer)) }
}

fn list(writer: usize) -> String {
    format!("log:{writer}")
}

fn twin(writer: usize) -> String {
    format!("twin:{writer}")
}
