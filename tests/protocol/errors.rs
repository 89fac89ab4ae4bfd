//! Malformed requests: Redis's words, then the end of this connection and of no other.

use crate::support::*;

/// Sends `request` and expects `text` as the last thing said.
#[track_caller]
fn check_fatal(server: &Server, request: impl AsRef<[u8]>, text: &str) {
    let mut client = server.client();
    // The server may close before it has read everything.
    let _ = client.try_send(request.as_ref());
    let reply = String::from_utf8_lossy(&client.recv_to_end()).into_owned();
    assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n"));
    server.client().check("PING", simple("PONG"));
}

const INLINE_BYTES_MAX: usize = 64 * 1024;

#[test]
fn unbalanced_quotes() {
    each_backend(|server| {
        for line in ["SET k \"v\r\n", "'\r\n", "ECHO \"a\"b\r\n", "ECHO 'a'b\r\n", "\"\\\"\r\n"] {
            check_fatal(server, line, "unbalanced quotes in request");
        }
    });
}

#[test]
fn invalid_multibulk_length() {
    each_backend(|server| {
        for count in ["blabla", "", "1x", "+1", "01", " 1", "-0", "2147483648", "3000000000"] {
            check_fatal(server, format!("*{count}\r\nPING\r\n"), "invalid multibulk length");
        }
    });
}

#[test]
fn invalid_bulk_length() {
    each_backend(|server| {
        for length in ["-10", "blabla", "", "+3", "03", "536870913", "99999999999999999999"] {
            let request = format!("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n${length}\r\n");
            check_fatal(server, request, "invalid bulk length");
        }
    });
}

#[test]
fn missing_dollar() {
    each_backend(|server| {
        check_fatal(server, "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'");
        check_fatal(server, "*2\r\n*1\r\n", "expected '$', got '*'");
        check_fatal(server, "*1\r\n:1\r\n", "expected '$', got ':'");
        check_fatal(server, "*1\r\n\r\n", "expected '$', got ' '");
    });
}

#[test]
fn lines_that_never_end() {
    each_backend(|server| {
        let long = |start: &str| start.to_string() + &"1".repeat(INLINE_BYTES_MAX + 1);
        check_fatal(server, long("x"), "too big inline request");
        check_fatal(server, long("*"), "too big mbulk count string");
        check_fatal(server, long("*1\r\n$"), "too big bulk count string");
    });
}

#[test]
fn limits_before_authentication() {
    each_backend_with(&["--requirepass", "secret"], |server| {
        check_unauthenticated(server, "*11\r\n", "unauthenticated multibulk length");
        check_unauthenticated(server, "*1\r\n$16385\r\n", "unauthenticated bulk length");
        let mut client = server.client();
        let ten = ["ECHO", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
        client.cmd(&ten).text();
        let noauth = err("NOAUTH Authentication required.");
        assert_eq!(client.cmd(&["ECHO", &"x".repeat(16_384)]), noauth);
        client.check("AUTH secret", ok());
        client.check("SET a b", ok());
        assert_eq!(client.cmd(&["ECHO", &"x".repeat(16_385)]), bulk("x".repeat(16_385)));
        assert_eq!(client.cmd(&["DEL"; 12]), int(0));
    });
}

#[track_caller]
fn check_unauthenticated(server: &Server, request: &str, text: &str) {
    let mut client = server.client();
    client.send(request.as_bytes());
    let reply = String::from_utf8_lossy(&client.recv_to_end()).into_owned();
    assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n"));
}

#[test]
fn replies_before_the_error_are_delivered() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"SET k 1\r\nINCR k\r\n*1\r\n$x\r\nINCR k\r\n");
        let expected = b"+OK\r\n:2\r\n-ERR Protocol error: invalid bulk length\r\n";
        assert_eq!(client.recv_to_end(), expected);
        server.client().check("GET k", bulk("2"));
    });
}

#[test]
fn a_wrong_command_keeps_the_connection() {
    each_backend(|server| {
        let mut client = server.client();
        client.check(
            "nosuch a 'b c'",
            err("unknown command 'nosuch', with args beginning with: 'a' 'b c' "),
        );
        client.check("GET", err("wrong number of arguments for 'get' command"));
        let long = format!("{} x", "n".repeat(200));
        let text = format!("unknown command '{}', with args beginning with: 'x' ", "n".repeat(128));
        client.check(&long, err(&text));
        client.check("GET k", nil());
    });
}

#[test]
fn control_bytes_in_a_command_name_stay_out_of_the_error_line() {
    each_backend(|server| {
        let mut client = server.client();
        let reply = client.cmd(&["no\r\nsuch", "a\nb"]);
        assert_eq!(reply, err("unknown command 'no  such', with args beginning with: 'a b' "));
        client.check("PING", simple("PONG"));
    });
}
