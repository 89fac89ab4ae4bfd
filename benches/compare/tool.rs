//! Cases with redis-benchmark as the client: any command, on data that other commands made before.
//!
//! Invariant: a fixed number of requests, so that what a command pops was put there before.

use std::io;
use std::process::Command;

use crate::cases::{self, Script};
use crate::probes::{Figures, parse_csv};
use crate::process;
use crate::servers::{Contender, Server};

const CONNECTIONS: &str = "50";
/// Pipeline of the commands that make the data.
const SETUP_PIPELINE: usize = 64;
/// Requests before the counted ones, in parts of those.
const WARM_UP_PART: u64 = 10;

/// Runs a script on a fresh server.
pub fn measure(contender: &Contender, script: &Script, share: f64) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    for (requests, command) in script.setup {
        run(&server, command, scaled(*requests, share), SETUP_PIPELINE)?;
    }
    let requests = scaled(script.requests, share);
    run(&server, script.command, requests / WARM_UP_PART, script.pipeline)?;
    let before = process::cpu_time_ns(server.pid())?;
    let columns = run(&server, script.command, requests, script.pipeline)?;
    let cpu_ns = process::cpu_time_ns(server.pid())? - before;
    Ok(vec![
        (&cases::SERVER_CPU, cpu_ns as f64 / requests as f64 / 1e3),
        (&cases::RATE, columns[0]),
        (&cases::P50, columns[3] * 1e3),
        (&cases::P99, columns[5] * 1e3),
    ])
}

fn scaled(requests: u64, share: f64) -> u64 {
    ((requests as f64 * share) as u64).max(1000)
}

fn run(server: &Server, command: &str, requests: u64, pipeline: usize) -> io::Result<Vec<f64>> {
    let output = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-c", CONNECTIONS, "--csv"])
        .args(["-n", &requests.to_string(), "-P", &pipeline.to_string(), "-r", "1000000"])
        .args(command.split(' '))
        .output()?;
    parse_csv(&String::from_utf8_lossy(&output.stdout))
}
