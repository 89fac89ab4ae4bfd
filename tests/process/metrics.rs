//! The port for figures and probes: what it answers, to whom, and while the server is busy.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::aof::{WITH_LOG, incr_file};
use crate::support::*;

/// The port's own bound on a connection, and some.
const CONNECTION: Duration = Duration::from_secs(8);

/// Runs a test on servers of each driver that have the port.
fn each_with_port(args: &[&str], test: impl Fn(&mut Server, u16)) {
    let port = free_port();
    let own = ["--metrics-port", &port.to_string()].map(String::from);
    let args: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
    each_backend_with_mut(&args, |server| {
        server.wait_until("it has vitals", |_| get(port, "/readyz").0 == 200);
        test(server, port);
    });
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the port accepts");
    stream.set_read_timeout(Some(CONNECTION)).expect("a timeout");
    stream
}

/// Whatever is said before the connection ends.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // An end by a reset is an end.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).expect("text")
}

/// Status and body.
fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = connect(port);
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
        .expect("sent");
    let answer = rest(stream);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let len = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|line| line == len), "{head}");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

/// The value of a metric.
fn metric(port: u16, name: &str) -> f64 {
    let text = get(port, "/metrics").1;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is missing:\n{text}")).parse().expect("a number")
}

/// Names with kinds.
fn golden() -> BTreeSet<&'static str> {
    let lines = include_str!("../golden/metrics.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn names_and_kinds_are_those_of_redis_exporter() {
    each_with_port(&WITH_LOG, |server, port| {
        let mut client = server.client();
        client.pipeline(&["SET a 1 EX 1000", "GET a", "LPUSH a 1", "CONFIG GET x"]);
        let text = get(port, "/metrics").1;
        let own: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let differs: Vec<_> = golden().symmetric_difference(&own).copied().collect();
        assert!(differs.is_empty(), "{differs:?}");
        for line in [
            "redis_up 1",
            "redis_db_keys{db=\"db0\"} 1",
            "redis_db_keys_expiring{db=\"db0\"} 1",
            "redis_db_keys{db=\"db15\"} 0",
            "redis_commands_total{cmd=\"config|get\"} 1",
            "redis_errors_total{err=\"WRONGTYPE\"} 1",
            "redis_aof_last_write_status 1",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}:\n{text}");
        }
    });
}

#[test]
fn figures_are_of_the_moment_of_the_request() {
    each_with_port(&[], |server, port| {
        let mut client = server.client();
        for keys in 1..=3 {
            client.check(&format!("SET key:{keys} 1"), ok());
            assert_eq!(metric(port, "redis_db_keys{db=\"db0\"}"), f64::from(keys));
        }
        assert_eq!(metric(port, "redis_connected_clients"), 1.0);
        assert_eq!(metric(port, "sidering_ready"), 1.0);
    });
}

#[test]
fn a_busy_server_is_alive_and_not_ready() {
    each_with_port(&[], |server, port| {
        let mut client = server.client();
        client.send(b"DEBUG SLEEP 2\r\n");
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(get(port, "/healthz").0, 200);
        let (status, why) = get(port, "/readyz");
        assert!(status == 503 && why.starts_with("busy: no answer for "), "{status} {why}");
        assert!(get(port, "/healthz").1.starts_with("ok\nbusy"));
        assert_eq!(metric(port, "redis_up"), 1.0);
        assert_eq!(metric(port, "sidering_ready"), 0.0);
        assert!(metric(port, "sidering_vitals_age_seconds") > 0.5);
        assert_eq!(client.recv(), ok());
        // Its answer to the probes before comes after the reply.
        server.wait_until("it is ready again", |_| get(port, "/readyz").0 == 200);
    });
}

#[test]
fn a_server_that_loads_or_refuses_writes_is_alive_and_not_ready() {
    each_with_port(&["--appendonly", "yes"], |server, port| {
        let mut client = server.client();
        client.check("SET before 1", ok());
        limit_files(server, 10);
        client.check("SET during 1", ok());
        let (status, why) = get(port, "/readyz");
        assert!(status == 503 && why.starts_with("MISCONF Errors writing"), "{status} {why}");
        assert_eq!(get(port, "/healthz"), (200, "ok\n".into()));
        assert_eq!(metric(port, "redis_aof_last_write_status"), 0.0);
    });
    each_with_port(&WITH_LOG, |server, port| {
        let fill: Vec<_> = (0..20_000).map(|key| format!("SET key:{key} 1")).collect();
        server.client().pipeline(&fill.iter().map(String::as_str).collect::<Vec<_>>());
        let slowly = ["--key-load-delay", "1000"];
        let often = ["--loading-process-events-interval-bytes", "1024"];
        server.restart_loading(&[slowly, often].concat());
        server.wait_until("it is loading", |_| get(port, "/readyz").1.starts_with("loading: "));
        assert_eq!(get(port, "/readyz").0, 503);
        assert_eq!(get(port, "/healthz").0, 200);
        assert_eq!(metric(port, "redis_loading_dump_file"), 1.0);
    });
}

/// Lets files of the server grow by `bytes` beyond the log's size.
fn limit_files(server: &Server, bytes: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let size = std::fs::metadata(incr_file(server)).expect("a log").len();
    let limit = Rlimit { current: Some(size + bytes), maximum: None };
    prlimit(Pid::from_raw(server.pid().cast_signed()), Resource::Fsize, limit).expect("a limit");
}

#[test]
fn keys_are_shown_only_where_that_is_asked_for() {
    each_with_port(&["--slowlog-log-slower-than", "0"], |server, port| {
        let mut client = server.client();
        client.check("SET secret-key secret-value", ok());
        for path in ["/", "/data.json", "/metrics"] {
            let (status, body) = get(port, path);
            assert!(status == 200 && !body.contains("secret"), "{body}");
        }
        assert!(get(port, "/data.json").1.contains("\"command\":\"set\""));
        client.check("CONFIG SET metrics-keys yes", ok());
        let shown = r#""command":"set \"secret-key\" \"secret-value\"""#;
        assert!(get(port, "/data.json").1.contains(shown));
        assert!(!get(port, "/metrics").1.contains("secret"));
    });
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    each_with_port(&[], |server, port| {
        let descriptors = server.fd_count();
        let silent: Vec<_> = (0..300).map(|_| connect(port)).collect();
        assert_eq!(metric(port, "redis_up"), 1.0);
        assert!(server.fd_count() <= descriptors + 16, "{}", server.fd_count());
        drop(silent);
        server.wait_until("all are gone", |server| server.fd_count() == descriptors);
    });
}

#[test]
fn a_request_is_bounded_in_length_and_time() {
    each_with_port(&[], |_, port| {
        let mut long = connect(port);
        let _ = long.write_all(&vec![b'x'; 9000]);
        let said = rest(long);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
        let mut slow = connect(port);
        slow.write_all(b"GET /metrics HTTP/1.1\r\nHost:").expect("sent");
        let start = Instant::now();
        assert_eq!(rest(slow), "");
        assert!(start.elapsed() < CONNECTION);
    });
}

#[test]
fn what_is_not_there_is_said_in_http() {
    each_with_port(&[], |_, port| {
        assert_eq!(get(port, "/keys").0, 404);
        let mut post = connect(port);
        post.write_all(b"POST /metrics HTTP/1.1\r\n\r\n").expect("sent");
        assert!(rest(post).starts_with("HTTP/1.1 405 "));
        let mut head = connect(port);
        head.write_all(b"HEAD /metrics HTTP/1.0\r\n\r\n").expect("sent");
        let answer = rest(head);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    });
}

#[test]
fn an_idle_server_is_woken_by_requests_alone() {
    each_with_port(&[], |server, port| {
        let before = metric(port, "sidering_io_waits_total");
        std::thread::sleep(Duration::from_millis(1500));
        let waits = metric(port, "sidering_io_waits_total") - before;
        assert!(waits <= 5.0, "{waits} wake-ups in 1.5 seconds");
        kill_process(Pid::from_raw(server.pid().cast_signed()).expect("it"), Signal::TERM)
            .expect("sent");
        assert!(server.wait().success());
    });
}

#[test]
fn without_a_port_there_is_no_thread_for_it() {
    each_backend(|server| {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("a process");
        let names =
            tasks.map(|task| std::fs::read_to_string(task.expect("one").path().join("comm")));
        assert!(names.flatten().all(|name| name.trim() != "metrics"));
    });
}
