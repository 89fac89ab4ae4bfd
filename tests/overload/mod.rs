//! More than clients read, and more than the server can hold: limits hold, and the others are
//! served.

mod floods;
mod kills;
mod memory;

mod readers;

use crate::support::*;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Runs a test on a fresh server of each driver that listens to a unix socket as well. For a client
/// there that does not read the kernel holds little, so that the rest waits in the server.
fn each_backend_with_socket(args: &[&str], test: impl Fn(&Server, &Path)) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    for backend in backends() {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidering-overload-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = ["--unixsocket", path.to_str().expect("a plain path")];
        let server = Server::start(backend, &[&socket[..], args].concat());
        test(&server, &path);
        drop(server);
        std::fs::remove_file(&path).expect("the socket file");
    }
}

fn on_socket(path: &Path) -> Client {
    Client::connect_unix(path).expect("the server accepts")
}

/// A number of INFO.
fn number(server: &Server, field: &str) -> u64 {
    server.info(field).parse().expect("digits")
}

/// The numbers in `field` of all lines that name one.
fn numbers(text: &str, field: &str) -> Vec<u64> {
    let words = text.split([' ', '\n']);
    let values = words.filter_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    values.map(|digits| digits.parse().expect("digits")).collect()
}
