//! Well-formed requests, however they arrive.

use crate::support::*;

/// A stream with every shape of request; its replies do not depend on what ran before.
fn sample_stream() -> Vec<u8> {
    let mut stream = b"PING\r\n\r\n*0\r\n*-1\r\nping inline\n  del nokey \"a b\" 'c' \r\n".to_vec();
    let value = "v".repeat(300);
    for line in [
        "SET key 10",
        "INCR key",
        "GET \"binary\\r\\n\\x00key\"",
        "SET key \"\"",
        "GET key",
        "NOSUCHCOMMAND a b",
        "GET",
        "MGET key nokey key",
        "ECHO \"$3\\r\\nabc\\r\\n\"",
    ] {
        stream.extend(encode(&split_args(line)));
    }
    stream.extend(encode(&["SET", "key", &value]));
    stream.extend(b"get key\r\n");
    stream.extend(encode(&["STRLEN", "key"]));
    stream
}

fn replies_at_once(server: &Server) -> Vec<u8> {
    let mut client = server.client();
    client.send(&sample_stream());
    client.send(b"ECHO end\r\n");
    let mut replies = Vec::new();
    loop {
        let (value, bytes) = client.recv_with_bytes();
        if value == bulk("end") {
            return replies;
        }
        replies.extend(bytes);
    }
}

#[test]
fn inline_commands_take_quotes_and_any_line_end() {
    each_backend(|server| {
        let mut client = server.client();
        for line in ["PING\r\n", "ping\n", "  PING  \r\n", "\r\n\n\r\nPING\r\n", "'PING'\r\n"] {
            client.send(line.as_bytes());
            assert_eq!(client.recv(), simple("PONG"), "{line:?}");
        }
        client.send(b"ECHO \"a\\x41\\n\\t\\\"\\\\\" \r\n");
        assert_eq!(client.recv(), bulk("aA\n\t\"\\"));
        client.send(b"ECHO 'it\\'s \\n'\r\n");
        assert_eq!(client.recv(), bulk("it's \\n"));
    });
}

#[test]
fn empty_requests_get_no_reply() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"*0\r\n*-1\r\n*-10\r\n\r\n\nPING\r\n");
        assert_eq!(client.recv(), simple("PONG"));
    });
}

#[test]
fn inline_and_arrays_alternate_in_one_pipeline() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"PING\r\n*1\r\n$4\r\nPING\r\nPING a\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
        let replies: Vec<_> = (0..4).map(|_| client.recv()).collect();
        assert_eq!(replies, [simple("PONG"), simple("PONG"), bulk("a"), bulk("")]);
    });
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    each_backend(|server| {
        let mut client = server.client();
        let count = 20_000;
        let requests: Vec<u8> =
            (0..count).flat_map(|i| format!("ECHO {i}\r\n").into_bytes()).collect();
        client.send(&requests);
        for i in 0..count {
            assert_eq!(client.recv(), bulk(i.to_string()));
        }
    });
}

#[test]
fn replies_larger_than_socket_buffers_arrive_whole() {
    each_backend(|server| {
        let mut client = server.client();
        let value: Vec<u8> = (0..8_000_000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(client.cmd(&[b"SET".as_slice(), b"big", &value]), ok());
        client.send(&b"GET big\r\n".repeat(3));
        client.send(b"PING\r\n");
        for _ in 0..3 {
            assert!(client.recv() == bulk(&value), "the value comes back unchanged");
        }
        assert_eq!(client.recv(), simple("PONG"));
    });
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_replies() {
    each_backend(|server| {
        let stream = sample_stream();
        let expected = replies_at_once(server);
        let mut witness = server.client();
        for cut in 1..stream.len() {
            let mut client = server.client();
            client.send(&stream[..cut]);
            // The witness's reply says that the server has been through its loop.
            witness.check("PING", simple("PONG"));
            client.send(&stream[cut..]);
            let replies = client.recv_bytes(expected.len());
            assert!(replies == expected, "cut at {cut}: {:?}", replies.escape_ascii().to_string());
        }
    });
}

#[test]
fn a_stream_sent_byte_by_byte_gives_the_same_replies() {
    each_backend(|server| {
        let expected = replies_at_once(server);
        let mut witness = server.client();
        let mut client = server.client();
        for byte in sample_stream() {
            client.send(&[byte]);
            witness.check("PING", simple("PONG"));
        }
        let replies = client.recv_bytes(expected.len());
        assert_eq!(replies.escape_ascii().to_string(), expected.escape_ascii().to_string());
    });
}

#[test]
fn requests_before_a_half_close_are_answered() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"SET k v\r\nGET k\r\nQUIT\r\nPING\r\n");
        assert_eq!(client.recv_to_end(), b"+OK\r\n$1\r\nv\r\n+OK\r\n");
    });
}

#[test]
fn a_unix_socket_serves_like_tcp() {
    for backend in backends() {
        let path =
            std::env::temp_dir().join(format!("sidering-{}-{backend:?}", std::process::id()));
        let name = path.to_str().expect("a plain path");
        let server = Server::start(backend, &["--unixsocket", name, "--unixsocketperm", "700"]);
        let mut client = Client::connect_unix(&path).expect("a listening socket");
        client.check("SET k v", ok());
        server.client().check("GET k", bulk("v"));
        drop(server);
        // The server was killed; its socket file stays behind.
        std::fs::remove_file(&path).expect("the socket file");
    }
}
