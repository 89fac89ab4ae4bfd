//! Micro-benchmarks of what every request passes through: the request parser and the reply encoder.
//!
//! Run with `cargo bench --bench micro`. Times are per request or per reply, from warm caches.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sidering::base::{glob, num};
use sidering::resp::{Limits, Progress, Protocol, Reply, Span, Step, parse};
use std::hint::black_box;
use std::time::Duration;

/// Requests in one chunk, as a pipelining client sends them.
const PIPELINE_LEN: usize = 64;

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Reply { out: &mut bytes, protocol: Protocol::Resp2 };
    out.array(args.len());
    for arg in args {
        out.bulk(arg);
    }
    bytes
}

/// Parses every request of `chunk`; returns how many arguments they had.
fn parse_all(chunk: &[u8], progress: &mut Progress, spans: &mut Vec<Span>) -> usize {
    let limits = Limits::authenticated(512 << 20);
    let (mut at, mut args) = (0, 0);
    while at < chunk.len() {
        spans.clear();
        match parse(&chunk[at..], progress, spans, &limits) {
            Step::Command { consumed } | Step::Inline { consumed } => at += consumed,
            other => panic!("whole requests only, not {other:?}"),
        }
        args += spans.len();
    }
    args
}

fn parser(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let value = [b'v'; 64];
    let many: Vec<&[u8]> = (0..100).map(|_| &b"key:000000001234"[..]).collect();
    let requests = [
        ("ping", request(&[b"PING"])),
        ("get", request(&[b"GET", b"key:000000001234"])),
        ("set", request(&[b"SET", b"key:000000001234", &value])),
        ("mget100", request(&[&[&b"MGET"[..]], &many[..]].concat())),
        ("inline", b"SET key:000000001234 value\r\n".to_vec()),
    ];
    group.throughput(Throughput::Elements(PIPELINE_LEN as u64));
    for (name, request) in requests {
        let chunk = request.repeat(PIPELINE_LEN);
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| parse_all(black_box(&chunk), &mut progress, &mut spans));
        });
    }
}

/// Writes one reply.
type Write<'a> = &'a dyn Fn(&mut Reply);

fn encoder(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    let value = [b'v'; 64];
    let replies: [(&str, Write); 5] = [
        ("ok", &|r| r.ok()),
        ("integer", &|r| r.integer(black_box(123_456))),
        ("bulk64", &|r| r.bulk(black_box(&value))),
        ("null", &|r| r.null()),
        ("double", &|r| r.double(black_box(2.75625))),
    ];
    group.throughput(Throughput::Elements(PIPELINE_LEN as u64));
    for (name, write) in replies {
        let mut out = Vec::with_capacity(64 << 10);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                out.clear();
                let mut reply = Reply { out: &mut out, protocol: Protocol::Resp3 };
                (0..PIPELINE_LEN).for_each(|_| write(black_box(&mut reply)));
            });
        });
    }
}

fn helpers(c: &mut Criterion) {
    let mut group = c.benchmark_group("base");
    group.bench_function("parse_i64", |b| b.iter(|| num::parse_i64(black_box(b"123456"))));
    group.bench_function("glob", |b| {
        b.iter(|| glob::glob_match(black_box(b"key:*:00*"), black_box(b"key:user:001234"), false));
    });
}

criterion_group! {
    name = micro;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = parser, encoder, helpers
}
criterion_main!(micro);
