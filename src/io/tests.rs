//! Both drivers against the same checks: each check runs once per backend.
//!
//! A backend that this host denies is skipped with its reason, epoll never is.

#![allow(unsafe_code)]

use {
    super::{net::*, *},
    rustix::{
        event::{EventfdFlags, eventfd},
        net::sockopt,
    },
    std::{
        collections::HashMap,
        env, fs,
        io::{Read, Write},
        net::{Shutdown, TcpStream},
        os::{
            fd::{AsFd, AsRawFd},
            unix::net::UnixStream,
        },
        path::PathBuf,
        process::{self, Command},
        thread,
        time::Instant,
    },
};

/// Nothing here takes long; a check that waits longer than this has hung.
const HANG: Duration = Duration::from_secs(30);

fn each(check: fn(Settings, BackendChoice)) {
    each_with(Settings::default(), check);
}

fn each_with(settings: Settings, check: fn(Settings, BackendChoice)) {
    check(settings.clone(), BackendChoice::Epoll);
    match Driver::open(BackendChoice::Uring, &settings) {
        Ok(probe) => {
            drop(probe);
            check(settings, BackendChoice::Uring);
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}

#[derive(Default)]
struct Peer {
    pending: Vec<u8>,
    sending: bool,
    ended: bool,
}

/// An echo server around a driver: sends back what it receives, closes at the end of the stream.
struct Echo {
    driver: Driver,
    listener: ListenerId,
    port: u16,
    peers: HashMap<ConnId, Peer>,
    out: Vec<Completion>,
    closed: usize,
    accept_errors: Vec<IoError>,
    send_buffer_bytes: Option<usize>,
}

impl Echo {
    fn new(settings: &Settings, choice: BackendChoice) -> Self {
        let socket = listen_tcp("127.0.0.1", 0, 1024).expect("loopback");
        let port = local_port(&socket).expect("a TCP socket");
        Self { port, ..Self::over(settings, choice, socket) }
    }

    fn over(settings: &Settings, choice: BackendChoice, socket: OwnedFd) -> Self {
        let mut driver = Driver::open(choice, settings).expect("opens");
        let listener = driver.listen(socket);
        Self {
            driver,
            listener,
            port: 0,
            peers: HashMap::new(),
            out: Vec::new(),
            closed: 0,
            accept_errors: Vec::new(),
            send_buffer_bytes: None,
        }
    }

    fn turn(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        self.driver.wait(Some(HANG), &mut out);
        assert!(!out.is_empty(), "nothing happened for {HANG:?}");
        out.drain(..).for_each(|completion| self.on(completion));
        self.out = out;
    }

    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.turn();
        }
    }

    fn on(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { conn, .. } => {
                if let Some(bytes) = self.send_buffer_bytes {
                    let fd = self.driver.fd(conn).expect("open");
                    sockopt::set_socket_send_buffer_size(fd, bytes).expect("set");
                }
                assert!(self.peers.insert(conn, Peer::default()).is_none());
                self.driver.submit(Op::Receive { conn });
            }
            Completion::AcceptFailed { error, .. } => self.accept_errors.push(error),
            Completion::Received { conn, lease } => {
                let peer = self.peers.get_mut(&conn).expect("known");
                peer.pending.extend_from_slice(self.driver.bytes(&lease));
                self.driver.release(lease);
                self.push(conn);
            }
            Completion::ReceiveEnded { conn, .. } => {
                self.peers.get_mut(&conn).expect("known").ended = true;
                self.push(conn);
            }
            Completion::Sent { conn, buf, result, .. } => {
                assert!(buf.is_empty() && buf.capacity() > 0);
                let peer = self.peers.get_mut(&conn).expect("known");
                peer.sending = false;
                if result.is_err() {
                    peer.pending.clear();
                }
                self.push(conn);
            }
            Completion::Closed { conn } => {
                self.peers.remove(&conn).expect("closed once");
                self.closed += 1;
            }
            Completion::Ready { watch } => panic!("nobody asked for {watch:?}"),
            Completion::Synced { .. } => panic!("nobody asked for a sync"),
        }
    }

    fn push(&mut self, conn: ConnId) {
        let peer = self.peers.get_mut(&conn).expect("known");
        if peer.sending {
            return;
        }
        if !peer.pending.is_empty() {
            peer.sending = true;
            let buf = std::mem::take(&mut peer.pending);
            self.driver.submit(Op::Send { conn, buf });
        } else if peer.ended {
            self.driver.submit(Op::Close { conn });
        }
    }

    /// Everything is back where it was before the first client came: one accept, nothing else.
    fn assert_at_rest(&mut self) {
        assert_eq!(self.driver.connections(), 0);
        assert_eq!(self.driver.in_flight(), 1, "the accept alone is in flight");
        assert_eq!(self.driver.figures().buffers_lent, 0);
    }
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).expect("connect")
}

fn echo_once(stream: &mut (impl Read + Write), bytes: &[u8]) {
    stream.write_all(bytes).expect("sent");
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).expect("received");
    assert!(back == bytes, "the echo differs");
}

/// A connected pair: the client's end, and the driver's as it accepted it.
fn accepted(driver: &mut Driver) -> (TcpStream, ConnId) {
    let socket = listen_tcp("127.0.0.1", 0, 16).expect("loopback");
    let port = local_port(&socket).expect("a TCP socket");
    let listener = driver.listen(socket);
    let client = connect(port);
    match next(driver) {
        Completion::Accepted { conn, .. } => {
            driver.stop_listening(listener);
            (client, conn)
        }
        other => panic!("{other:?}"),
    }
}

/// The next completion, which is the only one.
fn next(driver: &mut Driver) -> Completion {
    let mut out = Vec::new();
    driver.wait(Some(HANG), &mut out);
    assert_eq!(out.len(), 1, "{out:?}");
    out.pop().expect("one")
}

fn received(driver: &mut Driver) -> Vec<u8> {
    match next(driver) {
        Completion::Received { lease, .. } => {
            let bytes = driver.bytes(&lease).to_vec();
            driver.release(lease);
            bytes
        }
        other => panic!("{other:?}"),
    }
}

fn nothing(driver: &mut Driver, wait: Duration) {
    let mut out = Vec::new();
    driver.wait(Some(wait), &mut out);
    assert!(out.is_empty(), "{out:?}");
}

fn scratch_path(name: &str, choice: BackendChoice) -> PathBuf {
    env::temp_dir().join(format!("sidering-{name}-{choice:?}-{}.sock", process::id()))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

#[test]
fn echoes_over_tcp() {
    each(|settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let port = echo.port;
        let client = thread::spawn(move || {
            let mut stream = connect(port);
            (1..200).for_each(|len| echo_once(&mut stream, &pattern(len * 97)));
        });
        echo.until(|echo| echo.closed == 1);
        client.join().expect("client");
        echo.assert_at_rest();
    });
}

#[test]
fn echoes_over_a_unix_socket() {
    each(|settings, choice| {
        let path = scratch_path("echo", choice);
        let socket = listen_unix(&path, Some(0o700), 16).expect("listens");
        let mut echo = Echo::over(&settings, choice, socket);
        let client = thread::spawn({
            let path = path.clone();
            move || echo_once(&mut UnixStream::connect(path).expect("connect"), b"PING\r\n")
        });
        echo.until(|echo| echo.closed == 1);
        client.join().expect("client");
        echo.assert_at_rest();
        fs::remove_file(path).expect("removed");
    });
}

#[test]
fn u5_u6_large_pipelined_replies_come_back_byte_exact_through_a_small_socket_buffer() {
    each(|settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        echo.send_buffer_bytes = Some(4096);
        let mut stream = connect(echo.port);
        let mut writer = stream.try_clone().expect("clone");
        let sent = pattern(1 << 20);
        let client = thread::spawn(move || {
            let expected = sent.clone();
            let writing = thread::spawn(move || {
                sent.chunks(100_003).for_each(|chunk| writer.write_all(chunk).expect("sent"));
                writer.shutdown(Shutdown::Write).expect("half closed");
            });
            let mut back = Vec::new();
            stream.read_to_end(&mut back).expect("received");
            writing.join().expect("writer");
            assert!(back == expected, "the stream differs");
        });
        echo.until(|echo| echo.closed == 1);
        client.join().expect("client");
        echo.assert_at_rest();
    });
}

#[test]
fn u2_u3_a_thousand_connections_come_and_go_without_cross_talk() {
    each(|settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let port = echo.port;
        let clients: Vec<_> = (0..10u32)
            .map(|batch| {
                thread::spawn(move || {
                    for round in 0..10u32 {
                        let mut streams: Vec<_> = (0..10).map(|_| connect(port)).collect();
                        for (stream, number) in streams.iter_mut().zip(0u32..) {
                            echo_once(stream, format!("{batch}:{round}:{number}").as_bytes());
                        }
                    }
                })
            })
            .collect();
        echo.until(|echo| echo.closed == 1000);
        clients.into_iter().for_each(|client| client.join().expect("client"));
        echo.assert_at_rest();
        assert_eq!(echo.driver.figures().accepts, 1000);
    });
}

#[test]
fn u1_a_close_with_a_send_in_flight_returns_the_buffer_before_closed() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (client, conn) = accepted(&mut driver);
        driver.submit(Op::Receive { conn });
        driver.submit(Op::Send { conn, buf: vec![7; 64 << 20] });
        nothing(&mut driver, Duration::from_millis(1));
        driver.submit(Op::Close { conn });
        let mut out = Vec::new();
        while !matches!(out.last(), Some(Completion::Closed { .. })) {
            driver.wait(Some(HANG), &mut out);
        }
        match &out[..] {
            [
                Completion::Sent { buf, bytes, result: Err(error), .. },
                Completion::Closed { .. },
            ] => {
                assert_eq!(error.kind, IoErrorKind::Canceled);
                assert!(buf.capacity() >= 64 << 20 && *bytes < 64 << 20);
            }
            other => panic!("{other:?}"),
        }
        drop(client);
        assert_eq!((driver.in_flight(), driver.connections()), (0, 0));
    });
}

#[test]
fn a_client_that_vanishes_under_a_send_ends_it_with_an_error() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (client, conn) = accepted(&mut driver);
        driver.submit(Op::Send { conn, buf: vec![7; 64 << 20] });
        nothing(&mut driver, Duration::from_millis(1));
        drop(client);
        match next(&mut driver) {
            Completion::Sent { result: Err(error), .. } => {
                assert_eq!(error.kind, IoErrorKind::PeerGone);
            }
            other => panic!("{other:?}"),
        }
        driver.submit(Op::Close { conn });
        assert!(matches!(next(&mut driver), Completion::Closed { .. }));
        assert_eq!((driver.in_flight(), driver.connections()), (0, 0));
    });
}

#[test]
fn after_a_half_close_the_answer_still_goes_out() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (mut client, conn) = accepted(&mut driver);
        driver.submit(Op::Receive { conn });
        client.shutdown(Shutdown::Write).expect("half closed");
        assert!(matches!(next(&mut driver), Completion::ReceiveEnded { error: None, .. }));
        nothing(&mut driver, Duration::ZERO);
        driver.submit(Op::Send { conn, buf: b"bye".to_vec() });
        assert!(matches!(next(&mut driver), Completion::Sent { bytes: 3, result: Ok(()), .. }));
        driver.submit(Op::Close { conn });
        assert!(matches!(next(&mut driver), Completion::Closed { .. }));
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("received");
        assert_eq!(answer, "bye");
    });
}

#[test]
fn u11_u12_starved_receives_recover_when_buffers_come_back() {
    let tiny = Settings { buffer_count: 2, buffer_bytes: 64, ..Settings::default() };
    each_with(tiny, |settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let port = echo.port;
        let clients: Vec<_> = (0..20)
            .map(|_| thread::spawn(move || echo_once(&mut connect(port), &pattern(10_000))))
            .collect();
        echo.until(|echo| echo.closed == 20);
        clients.into_iter().for_each(|client| client.join().expect("client"));
        echo.assert_at_rest();
    });
}

#[test]
fn u12_without_a_free_buffer_the_driver_sleeps_instead_of_spinning() {
    let tiny = Settings { buffer_count: 2, buffer_bytes: 64, ..Settings::default() };
    each_with(tiny, |settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (mut client, conn) = accepted(&mut driver);
        driver.submit(Op::Receive { conn });
        client.write_all(&pattern(64 * 3)).expect("sent");
        let (mut out, mut leases) = (Vec::new(), Vec::new());
        while leases.len() < 2 {
            driver.wait(Some(HANG), &mut out);
            leases.extend(out.drain(..).map(|completion| match completion {
                Completion::Received { lease, .. } => lease,
                other => panic!("{other:?}"),
            }));
        }
        let before = driver.figures().enters;
        nothing(&mut driver, Duration::from_millis(20));
        assert!(driver.figures().enters - before < 5, "{:?}", driver.figures());
        assert!(driver.figures().buffer_shortages > 0);
        let mut bytes: Vec<u8> = Vec::new();
        for lease in leases {
            bytes.extend_from_slice(driver.bytes(&lease));
            driver.release(lease);
        }
        bytes.extend(received(&mut driver));
        assert_eq!(bytes, pattern(64 * 3));
    });
}

#[test]
fn a_paused_connection_keeps_its_bytes_until_it_is_resumed() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (mut client, conn) = accepted(&mut driver);
        driver.submit(Op::Receive { conn });
        nothing(&mut driver, Duration::ZERO);
        driver.submit(Op::PauseReceive { conn });
        nothing(&mut driver, Duration::from_millis(1));
        client.write_all(b"later").expect("sent");
        nothing(&mut driver, Duration::from_millis(20));
        driver.submit(Op::Receive { conn });
        assert_eq!(received(&mut driver), b"later");
        // U4: both within one turn, in each order.
        driver.submit(Op::PauseReceive { conn });
        driver.submit(Op::Receive { conn });
        client.write_all(b"again").expect("sent");
        assert_eq!(received(&mut driver), b"again");
    });
}

#[test]
fn a_paused_connection_whose_client_resets_does_not_spin() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (client, conn) = accepted(&mut driver);
        driver.submit(Op::Receive { conn });
        driver.submit(Op::PauseReceive { conn });
        nothing(&mut driver, Duration::from_millis(1));
        // Closing with a zero linger time resets the connection.
        sockopt::set_socket_linger(&client, Some(Duration::ZERO)).expect("set");
        drop(client);
        let before = driver.figures().enters;
        nothing(&mut driver, Duration::from_millis(20));
        assert!(driver.figures().enters - before < 5);
        driver.submit(Op::Receive { conn });
        match next(&mut driver) {
            Completion::ReceiveEnded { error: Some(error), .. } => {
                assert_eq!(error.errno, libc::ECONNRESET);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn stale_ids_are_ignored_and_a_send_hands_its_buffer_back() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let (_client, old) = accepted(&mut driver);
        driver.submit(Op::Close { conn: old });
        assert!(matches!(next(&mut driver), Completion::Closed { .. }));
        let (mut client, new) = accepted(&mut driver);
        assert_eq!(old.slot, new.slot);
        driver.submit(Op::Close { conn: old });
        driver.submit(Op::PauseReceive { conn: old });
        driver.submit(Op::Receive { conn: new });
        driver.submit(Op::Receive { conn: old });
        driver.submit(Op::Send { conn: old, buf: b"nobody".to_vec() });
        match next(&mut driver) {
            Completion::Sent { conn, buf, bytes: 0, result: Err(_) } => {
                assert_eq!((conn, buf.capacity()), (old, 6));
            }
            other => panic!("{other:?}"),
        }
        assert!(driver.fd(old).is_none());
        client.write_all(b"alive").expect("sent");
        assert_eq!(received(&mut driver), b"alive");
    });
}

#[test]
fn a_watched_descriptor_is_ready_each_turn_until_it_is_read() {
    each(|settings, choice| {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("eventfd");
        let mut driver = Driver::open(choice, &settings).expect("opens");
        driver.submit(Op::Watch { watch: WatchId(7), fd: event.as_raw_fd() });
        nothing(&mut driver, Duration::ZERO);
        rustix::io::write(&event, &1u64.to_ne_bytes()).expect("written");
        for _ in 0..3 {
            assert!(matches!(next(&mut driver), Completion::Ready { watch: WatchId(7) }));
        }
        rustix::io::read(&event, &mut [0; 8]).expect("read");
        nothing(&mut driver, Duration::from_millis(1));
        rustix::io::write(&event, &1u64.to_ne_bytes()).expect("written");
        assert!(matches!(next(&mut driver), Completion::Ready { .. }));
        drop(driver);
    });
}

#[test]
fn a_wait_ends_with_its_timeout_and_an_idle_one_makes_one_call() {
    each(|settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let (before, start) = (echo.driver.figures().enters, Instant::now());
        nothing(&mut echo.driver, Duration::from_millis(30));
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert!(echo.driver.figures().enters - before <= 2, "tickless");
        let start = Instant::now();
        nothing(&mut echo.driver, Duration::ZERO);
        assert!(start.elapsed() < Duration::from_millis(30));
    });
}

#[test]
fn a_stopped_listener_frees_its_port_at_once_and_keeps_its_connections() {
    each(|settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let mut client = connect(echo.port);
        echo.until(|echo| !echo.peers.is_empty());
        echo.driver.stop_listening(echo.listener);
        let again = listen_tcp("127.0.0.1", echo.port, 16).expect("the port is free");
        echo.listener = echo.driver.listen(again);
        let second = connect(echo.port);
        echo.until(|echo| echo.peers.len() == 2);
        let echoed = thread::spawn(move || echo_once(&mut client, b"still here"));
        drop(second);
        echo.until(|echo| echo.closed == 2);
        echoed.join().expect("client");
        echo.assert_at_rest();
    });
}

#[test]
fn u10_u15_tiny_queues_lose_nothing() {
    let tiny = Settings { sq_entries: 2, cq_entries: 2, completions_max: 3, ..Settings::default() };
    each_with(tiny, |settings, choice| {
        let mut echo = Echo::new(&settings, choice);
        let port = echo.port;
        let clients: Vec<_> = (0..50)
            .map(|_| {
                thread::spawn(move || {
                    let mut stream = connect(port);
                    (0..20).for_each(|_| echo_once(&mut stream, &pattern(1000)));
                })
            })
            .collect();
        echo.until(|echo| echo.closed == 50);
        clients.into_iter().for_each(|client| client.join().expect("client"));
        echo.assert_at_rest();
    });
}

#[test]
fn an_adopted_socket_behaves_like_an_accepted_one() {
    each(|settings, choice| {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let conn = driver.adopt(near.into());
        driver.submit(Op::Receive { conn });
        far.write_all(b"hello").expect("sent");
        assert_eq!(received(&mut driver), b"hello");
        driver.submit(Op::Close { conn });
        assert!(matches!(next(&mut driver), Completion::Closed { .. }));
        assert_eq!(far.read(&mut [0; 8]).expect("end of stream"), 0);
    });
}

#[test]
fn u22_shutdown_with_everything_in_flight_closes_every_descriptor() {
    each(|settings, choice| {
        let event = eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd");
        let mut echo = Echo::new(&settings, choice);
        let mut clients: Vec<_> = (0..20).map(|_| connect(echo.port)).collect();
        echo.until(|echo| echo.peers.len() == 20);
        echo.driver.submit(Op::Watch { watch: WatchId(0), fd: event.as_raw_fd() });
        let ids: Vec<_> = echo.peers.keys().copied().collect();
        for conn in ids {
            echo.driver.submit(Op::Send { conn, buf: vec![7; 8 << 20] });
        }
        let mut out = Vec::new();
        echo.driver.wait(Some(Duration::ZERO), &mut out);
        let start = Instant::now();
        echo.driver.shutdown(HANG);
        assert!(start.elapsed() < HANG);
        assert_eq!(echo.driver.connections(), 0);
        drop(echo);
        // Every descriptor is closed: each client reads to the end, whatever end that is.
        for client in &mut clients {
            while client.read(&mut [0; 65536]).is_ok_and(|len| len > 0) {}
        }
    });
}

/// Lowers the descriptor limit, so it runs in a process of its own.
#[test]
fn u11_accepting_recovers_from_a_shortage_of_descriptors() {
    const CHILD: &str = "SIDERING_TEST_EMFILE";
    if env::var_os(CHILD).is_some() {
        return each(check_descriptor_shortage);
    }
    let name = "io::tests::u11_accepting_recovers_from_a_shortage_of_descriptors";
    let program = env::current_exe().expect("this test");
    let output = Command::new(program).args(["--exact", name]).env(CHILD, "1").output();
    let output = output.expect("the child ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn check_descriptor_shortage(settings: Settings, choice: BackendChoice) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let mut echo = Echo::new(&settings, choice);
    let limit = getrlimit(Resource::Nofile);
    let client = connect(echo.port);
    let used = client.as_fd().as_raw_fd() as u64 + 1;
    setrlimit(Resource::Nofile, Rlimit { current: Some(used), ..limit }).expect("lowered");
    echo.until(|echo| !echo.accept_errors.is_empty());
    assert_eq!(echo.accept_errors[0].errno, libc::EMFILE);
    let before = echo.driver.figures().enters;
    nothing(&mut echo.driver, Duration::from_millis(50));
    assert!(echo.driver.figures().enters - before < 5, "backs off without spinning");
    setrlimit(Resource::Nofile, limit).expect("raised");
    echo.until(|echo| echo.peers.len() == 1);
    drop(client);
    echo.until(|echo| echo.closed == 1);
    echo.assert_at_rest();
}

#[test]
fn auto_takes_the_ring_or_keeps_the_reason() {
    let driver = Driver::open(BackendChoice::Auto, &Settings::default()).expect("opens");
    assert!(!driver.reason().is_empty());
    let asked = Driver::open(BackendChoice::Epoll, &Settings::default()).expect("opens");
    assert_eq!((asked.backend().name(), asked.reason()), ("epoll", "asked for"));
}

/// What Docker's default profile does, for this thread alone: io_uring_setup fails with EPERM.
fn deny_the_ring() {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let setup = u32::try_from(libc::SYS_io_uring_setup).expect("a small number");
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, setup),
        statement(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        statement(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the filter and its program outlive the calls, which copy them.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn u19_where_seccomp_denies_the_ring_auto_takes_epoll_and_says_how_to_allow_it() {
    let denied = thread::spawn(|| {
        deny_the_ring();
        let auto = Driver::open(BackendChoice::Auto, &Settings::default()).expect("opens");
        assert_eq!(auto.backend(), Backend::Epoll);
        assert!(auto.reason().starts_with("io_uring_setup: Operation not permitted; "));
        assert!(auto.reason().contains("io_uring"), "{}", auto.reason());
        let error = Driver::open(BackendChoice::Uring, &Settings::default()).expect_err("denied");
        assert_eq!(error.backend, Backend::Uring);
    });
    denied.join().expect("falls back");
}

#[test]
fn a_sync_completes_once_and_another_can_follow() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        let path = env::temp_dir().join(format!("sidering-sync-{choice:?}-{}", process::id()));
        let file = Arc::new(File::create(&path).expect("a file"));
        for _ in 0..3 {
            (&*file).write_all(b"record").expect("written");
            driver.submit(Op::Sync { file: Arc::clone(&file) });
            assert_eq!(driver.in_flight(), 1);
            let mut out = Vec::new();
            driver.wait(Some(HANG), &mut out);
            assert!(matches!(out[..], [Completion::Synced { result: Ok(()) }]), "{out:?}");
            assert_eq!((driver.in_flight(), Arc::strong_count(&file)), (0, 1));
        }
        fs::remove_file(path).expect("removed");
    });
}

#[test]
fn a_file_that_cannot_be_synced_is_an_error() {
    each(|settings, choice| {
        let mut driver = Driver::open(choice, &settings).expect("opens");
        // A pipe has nothing to sync.
        let (_, writer) = std::io::pipe().expect("a pipe");
        driver.submit(Op::Sync { file: Arc::new(File::from(OwnedFd::from(writer))) });
        let mut out = Vec::new();
        driver.wait(Some(HANG), &mut out);
        let [Completion::Synced { result: Err(error) }] = out[..] else { panic!("{out:?}") };
        assert_eq!(error.errno, libc::EINVAL);
    });
}
