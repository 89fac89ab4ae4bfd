//! `cargo bench --bench micro`: the parts that every request passes, each alone.
//!
//! The parser reads a pipelined chunk, the keyspace finds and stores what a cache holds, the
//! encoder writes the replies. Figures are per batch of [`BATCH`] requests, as a pipeline would
//! bring them.
//!
//! Invariant: no sockets, no files, no clock of the machine; what it measures is processor time.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use sidering::keyspace::{Expiry, Keyspace};
use sidering::resp::{
    BULK_LEN_DEFAULT_BYTES, Limits, Output, Progress, Protocol, Reply, Span, Step,
};

/// Requests in one iteration.
const BATCH: u64 = 64;
/// Keys of the large keyspace: far more than a processor's cache holds.
const MANY_KEYS: u64 = 1_000_000;
/// Keys of the small one, which fits.
const FEW_KEYS: u64 = 1_000;
const VALUE: [u8; 64] = [b'v'; 64];
/// Any time will do, as long as it does not move.
const NOW_MS: i64 = 1_700_000_000_000;

fn key(index: u64) -> Vec<u8> {
    format!("key:{index:012}").into_bytes()
}

/// Appends a request in RESP.
fn encode(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

/// A chunk as it comes from a socket: a batch of requests made by `request`.
fn chunk(request: impl Fn(u64, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    (0..BATCH).for_each(|index| request(index, &mut out));
    out
}

fn parser(criterion: &mut Criterion) {
    let chunks = [
        ("GET", chunk(|index, out| encode(out, &[b"GET", &key(index)]))),
        ("SET", chunk(|index, out| encode(out, &[b"SET", &key(index), &VALUE]))),
        ("PING, inline", chunk(|_, out| out.extend_from_slice(b"PING\r\n"))),
    ];
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(BATCH));
    for (name, chunk) in &chunks {
        let mut spans = Vec::new();
        group.bench_function(*name, |bencher| {
            bencher.iter(|| parse_all(black_box(chunk), &mut spans));
        });
    }
    group.finish();
}

/// Parses every request of a chunk and returns how many there were.
fn parse_all(mut chunk: &[u8], spans: &mut Vec<Span>) -> u64 {
    let limits = Limits::authenticated(BULK_LEN_DEFAULT_BYTES);
    let mut progress = Progress::default();
    let mut requests = 0;
    while !chunk.is_empty() {
        spans.clear();
        match sidering::resp::parse(chunk, &mut progress, spans, &limits) {
            Step::Command { consumed } | Step::Inline { consumed } => chunk = &chunk[consumed..],
            other => panic!("a whole request was expected, not {other:?}"),
        }
        requests += 1;
    }
    requests
}

fn filled(keys: u64) -> Keyspace {
    let mut keyspace = Keyspace::new(1, 42);
    keyspace.set_now(NOW_MS);
    (0..keys).for_each(|index| keyspace.db(0).set(&key(index), &VALUE, Expiry::Clear));
    keyspace
}

fn keyspace(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keyspace");
    group.throughput(Throughput::Elements(BATCH));
    for (size, count) in [("in cache", FEW_KEYS), ("1M keys", MANY_KEYS)] {
        let mut keyspace = filled(count);
        let mut rng = fastrand::Rng::with_seed(6379);
        // Formatted beforehand: what is measured is the table, not `format!`.
        let keys: Vec<Vec<u8>> = (0..1 << 16).map(|_| key(rng.u64(..count))).collect();
        let absent: Vec<Vec<u8>> = (0..1 << 16).map(|index| key(count + index)).collect();
        let mut turn = 0;
        group.bench_function(format!("read a key, {size}"), |bencher| {
            bencher.iter(|| {
                let found = |key: &Vec<u8>| keyspace.db(0).read(key).is_some();
                assert!(next_batch(&keys, &mut turn).iter().all(found));
            });
        });
        group.bench_function(format!("miss a key, {size}"), |bencher| {
            bencher.iter(|| {
                let missing = |key: &Vec<u8>| keyspace.db(0).read(key).is_none();
                assert!(next_batch(&absent, &mut turn).iter().all(missing));
            });
        });
        group.bench_function(format!("overwrite a key, {size}"), |bencher| {
            bencher.iter(|| {
                let batch = next_batch(&keys, &mut turn);
                batch.iter().for_each(|key| keyspace.db(0).set(key, &VALUE, Expiry::Clear));
            });
        });
        group.bench_function(format!("give a key a deadline, {size}"), |bencher| {
            bencher.iter(|| {
                let batch = next_batch(&keys, &mut turn);
                let expiry = Expiry::At(NOW_MS + 60_000);
                batch.iter().for_each(|key| keyspace.db(0).set(key, &VALUE, expiry));
            });
        });
    }
    group.finish();
}

/// The next batch of a list of keys, from the beginning again after the end.
fn next_batch<'a>(keys: &'a [Vec<u8>], turn: &mut usize) -> &'a [Vec<u8>] {
    *turn += 1;
    let batches = keys.len() / BATCH as usize;
    let start = (*turn % batches) * BATCH as usize;
    &keys[start..start + BATCH as usize]
}

/// Growth from nothing: what splitting and resizing cost, spread over the keys.
fn growth(criterion: &mut Criterion) {
    let keys: Vec<Vec<u8>> = (0..100_000).map(key).collect();
    let mut group = criterion.benchmark_group("grow");
    group.throughput(Throughput::Elements(keys.len() as u64)).sample_size(20);
    group.bench_function("insert 100,000 keys", |bencher| {
        let fill = |mut keyspace: Keyspace| {
            keys.iter().for_each(|key| keyspace.db(0).set(key, &VALUE, Expiry::Clear));
            keyspace
        };
        bencher.iter_batched(|| filled(0), fill, BatchSize::PerIteration);
    });
    group.finish();
}

fn encoder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply");
    group.throughput(Throughput::Elements(BATCH));
    let mut out = Output::default();
    let mut bench = |name: &str, write: &dyn Fn(&mut Reply<'_>, u64)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut reply = Reply { out: &mut out, protocol: Protocol::Resp2 };
                (0..BATCH).for_each(|index| write(&mut reply, index));
                black_box(&out);
            });
        });
    };
    bench("OK", &|reply, _| reply.ok());
    bench("bulk of 64 bytes", &|reply, _| reply.bulk(black_box(&VALUE)));
    bench("small integer", &|reply, index| reply.integer(black_box(index.cast_signed())));
    bench("large integer", &|reply, index| reply.integer(NOW_MS + index.cast_signed()));
    bench("double", &|reply, index| reply.double(black_box(index as f64 / 7.0)));
    bench("array of 2 bulks", &|reply, _| {
        reply.array(2);
        reply.bulk(b"field");
        reply.bulk(&VALUE);
    });
    group.finish();
}

fn quick() -> Criterion {
    let short = Criterion::default().warm_up_time(Duration::from_millis(500));
    short.measurement_time(Duration::from_secs(2))
}

criterion_group!(name = parts; config = quick(); targets = parser, keyspace, growth, encoder);
criterion_main!(parts);
