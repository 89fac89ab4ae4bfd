//! From the command line to a running server, in the order that scripts rely on: configuration,
//! working directory, log, background, limits, driver, sockets.

use super::append::Log;
use super::batch::Batch;
use super::limit::LimitSource;
use super::{CLERK, SIGNALS, Server, Works, container, listen, metrics, tools};
use crate::base::clock::{Clock, stamp};
use crate::base::rng::Rng;
use crate::base::syslog::{self, Syslog};
use crate::base::{alloc, fault, log as lines, sys};
use crate::clerk::Clerk;
use crate::command::acl::{self, Users};
use crate::command::block::Blocking;
use crate::command::script::{Functions, Scripts};
use crate::command::server::background::Background;
use crate::command::server::save::Snapshots;
use crate::command::{MemoryLimit, Pause, State, Table};
use crate::config::usage::SIDERING_VERSION;
use crate::config::{self, Config, Exit, IoBackend, Loaded, LogFormat, REDIS_VERSION};
use crate::io::{self, BackendChoice, Driver, Op};
use crate::keyspace::Keyspace;
use crate::observe::{AclLog, AppendFacts, CommandLog, Facts, Latency, Stats};
use crate::session::{ClientMemory, Clients, PubSub, TrackingTable};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::ExitCode;

/// Entry point of the binary: the process's status once the server has ended, or why it did not
/// start; or that of another tool that was asked for.
pub fn main() -> ExitCode {
    alloc::init();
    let args: Vec<OsString> = match container::prepare(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(status) => return status,
    };
    if let Some(status) = tools::run(&args) {
        return status;
    }
    if let Err(rule) = fault::set_from_environment() {
        eprintln!("{} is no rule of {}", rule, fault::VARIABLE);
        return ExitCode::FAILURE;
    }
    let started = config::load(args.into_iter(), &mut std::io::stdin()).and_then(start);
    match started {
        Ok(server) => server.run(),
        Err(exit) => leave(&exit),
    }
}

fn leave(exit: &Exit) -> ExitCode {
    print!("{}", exit.stdout);
    eprint!("{}", exit.stderr);
    ExitCode::from(exit.code)
}

fn start(loaded: Loaded) -> Result<Server, Exit> {
    let table = command_table(&loaded)?;
    acl::check_lines(&loaded.users, &acl::Rules::of(&table, &loaded.config))?;
    let Loaded { mut config, notices, users, file, has_arguments, .. } = loaded;
    std::env::set_current_dir(&config.dir).map_err(|error| {
        fatal(format!("Can't chdir to '{}': {}", config.dir, sys::error_text(&error)))
    })?;
    open_log(&config)?;
    log::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log::info!(
        "Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={}, just started",
        std::process::id()
    );
    if config.runs_in_background() {
        sys::daemonize().map_err(|error| fatal(format!("Can't daemonize: {error}")))?;
    }
    if has_arguments {
        log::info!("Configuration loaded");
    } else {
        log::warn!(
            "Warning: no config file specified, using the default config. In order to specify a config file use \
             sidering /path/to/redis.conf"
        );
    }
    notices.iter().for_each(|notice| log::info!("{notice}"));
    warn_about_machine(&config);
    config.maxclients = sys::adjust_open_files_limit(config.maxclients).map_err(fatal)?;
    sys::ignore_signals();
    let signals =
        sys::Signals::block_and_watch().map_err(|error| fatal(format!("signals: {error}")))?;

    let mut driver = open_driver(&config)?;
    driver.submit(Op::Watch { watch: SIGNALS, fd: signals.as_raw_fd() });
    let listeners = listen::open_all(&mut driver, &config).map_err(fatal)?;
    if listeners.is_empty() {
        return Err(fatal("Configured to not listen anywhere, exiting.".into()));
    }
    write_pid_file(&mut config);
    lines::set_role(lines::Role::Master);
    introduce(&config);
    let config_file = file.map(|file| file.display().to_string()).unwrap_or_default();
    let limits = LimitSource::open(&mut driver);
    let mut state = state(config, table, &driver, config_file);
    state.follow_limit(limits.read());
    state.load_users(&users).map_err(fatal)?;
    warn_about_openness(&state);
    log::info!("Server initialized");
    let clerk = Clerk::start().map_err(|error| fatal(format!("Can't start the clerk: {error}")))?;
    driver.submit(Op::Watch { watch: CLERK, fd: clerk.as_raw_fd() });
    let metrics = metrics::open(&mut driver, &state.config).map_err(fatal)?;
    log::info!("I/O backend: {} ({})", driver.backend().name(), driver.reason());

    let works = Works {
        driver,
        listeners,
        completions: Vec::new(),
        arrived: VecDeque::new(),
        batch: Batch::default(),
        parsing: None,
        pool: Default::default(),
        log: Log::new(None),
        clerk,
        underway: Default::default(),
        signals,
        metrics,
        limits,
        exit: None,
        busy: false,
        next_sample_ms: 0,
        next_timeout_check_ms: 0,
        put_off: Vec::new(),
    };
    let mut server = Server { state, works };
    sys::notify_init_system("STATUS=Redis is loading...\n");
    server.turn().restore().map_err(fatal)?;
    server.state.apply_durability();
    announce(&server.works.listeners);
    sys::notify_init_system("STATUS=Ready to accept connections\nREADY=1\n");
    Ok(server)
}

/// The table under the names that `rename-command` gives.
fn command_table(loaded: &Loaded) -> Result<Table, Exit> {
    let mut table = Table::new();
    for rename in &loaded.rename_commands {
        table
            .rename(&rename.from, &rename.to)
            .map_err(|reason| Exit::bad_directive(&rename.location, reason))?;
    }
    Ok(table)
}

fn open_log(config: &Config) -> Result<(), Exit> {
    lines::init(config.loglevel.filter());
    lines::set_style(config.log_format.format(), config.log_timestamp_format.timestamps());
    if config.syslog_enabled {
        let facility = u8::try_from(config.syslog_facility).expect("the table's numbers are small");
        let opened = Syslog::open(Path::new(syslog::PATH), facility, &config.syslog_ident);
        lines::set_syslog(opened.map_err(|error| fatal(format!("Can't open syslog: {error}")))?);
    }
    if config.logfile.is_empty() {
        return Ok(());
    }
    lines::set_file(Some(Path::new(&config.logfile)))
        .map_err(|error| fatal(format!("Can't open the log file: {}", sys::error_text(&error))))
}

/// Refuses to start, in the log and as the status.
fn fatal(text: String) -> Exit {
    log::warn!("{text}");
    Exit { code: 1, ..Exit::default() }
}

fn warn_about_machine(config: &Config) {
    if let Some(warning) = sys::tcp_backlog_warning(config.tcp_backlog) {
        log::warn!("{warning}");
    }
    if config.disable_thp {
        // Where that cannot be had the server runs all the same, only larger.
        let _ = sys::limit_transparent_huge_pages();
    }
}

fn open_driver(config: &Config) -> Result<Driver, Exit> {
    let choice = match config.io_backend {
        IoBackend::Auto => BackendChoice::Auto,
        IoBackend::Uring => BackendChoice::Uring,
        IoBackend::Epoll => BackendChoice::Epoll,
    };
    Driver::open(choice, &io::Settings::default())
        .map_err(|error| fatal(format!("Can't open the I/O backend: {error}")))
}

fn write_pid_file(config: &mut Config) {
    if config.pidfile.is_empty() && config.runs_in_background() {
        config.pidfile = sys::DEFAULT_PID_FILE.into();
    }
    if !config.pidfile.is_empty() {
        sys::write_pid_file(Path::new(&config.pidfile));
    }
}

/// A greeting at a terminal, else a line. Scripts wait for the process id in the one or the other.
fn introduce(config: &Config) {
    let terminal = config.logfile.is_empty() && std::io::stdout().is_terminal();
    let plain = config.log_format == LogFormat::Legacy;
    if !plain || (!terminal && !config.always_show_logo) {
        return log::info!("Running mode=standalone, port={}.", config.port);
    }
    lines::write_raw(&format!(
        "\n     .-~~*~~-.\n   .'    *    '.     Sidering {SIDERING_VERSION}, compatible with Redis {REDIS_VERSION}\n  \
         *      o      *    Running in standalone mode\n   '.    *    .'     Port: {}\n     \
         '-~~*~~-'       PID: {}\n\n",
        config.port,
        std::process::id()
    ));
}

/// Says that nothing but the network keeps strangers away, if it is so.
fn warn_about_openness(state: &State) {
    if !state.config.protected_mode && state.users.is_open() {
        log::info!("Protected mode is off: whoever reaches the server needs no password");
    }
}

fn announce(listeners: &[(io::ListenerId, listen::Endpoint)]) {
    let tcp =
        listeners.iter().any(|(_, endpoint)| matches!(endpoint, listen::Endpoint::Tcp { .. }));
    let unix =
        listeners.iter().any(|(_, endpoint)| matches!(endpoint, listen::Endpoint::Unix { .. }));
    for (kind, open) in [("tcp", tcp), ("unix", unix)] {
        if open {
            log::info!("Ready to accept connections {kind}");
        }
    }
}

fn state(config: Config, table: Table, driver: &Driver, config_file: String) -> State {
    let clock = Clock::new();
    let mut rng = Rng::from_os();
    let mut keyspace = Keyspace::new(config.databases, rng.u64());
    keyspace.set_now(clock.unix_ms());
    let facts = Facts {
        run_id: sys::random_run_id(),
        replication_id: sys::random_run_id(),
        executable: sys::executable().display().to_string(),
        config_file,
        start_unix_s: clock.unix_s(),
        start_mono_us: clock.mono_us(),
        io_backend: driver.backend().name(),
        io_reason: driver.reason().to_string(),
        io_figures: Vec::new(),
        startup_memory: alloc::used(),
    };
    let snapshots = Snapshots::new(facts.start_unix_s);
    let users = Users::new(&table);
    let mut state = State {
        stats: Stats::new(table.len()),
        stamp: stamp(),
        clock,
        rng,
        config,
        memory_limit: MemoryLimit::default(),
        table,
        keyspace,
        clients: Clients::default(),
        client_memory: ClientMemory::default(),
        next_client_id: 1,
        users,
        acl_log: AclLog::default(),
        pubsub: PubSub::default(),
        tracking: TrackingTable::default(),
        eviction: Default::default(),
        crowded_turns: 0,
        events: 0,
        followed: false,
        slowlog: CommandLog::default(),
        large_requests: CommandLog::default(),
        large_replies: CommandLog::default(),
        stages: Default::default(),
        latency: Latency::default(),
        facts,
        snapshots,
        loading: None,
        append: AppendFacts::default(),
        background: Background::default(),
        scripts: Scripts::default(),
        functions: Functions::default(),
        writes_refused: None,
        pause: Pause::default(),
        monitors: Vec::new(),
        postponed: Vec::new(),
        writable: Vec::new(),
        laggards: Default::default(),
        changes: 0,
        effects: Default::default(),
        blocking: Blocking::default(),
        requests: Vec::new(),
    };
    state.apply_policy();
    state.apply_followers();
    state.apply_requirepass();
    state
}
