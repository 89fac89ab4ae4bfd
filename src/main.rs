//! The binary: arguments to configuration to server.

fn main() -> std::process::ExitCode {
    sidering::server::startup::main()
}
