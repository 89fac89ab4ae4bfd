//! The memory limit: in bytes, as a share of the memory there is, and as that memory changes.

use crate::support::*;

const MIB: u64 = 1 << 20;

/// Runs a test with each driver and a group with a limit, where a group can be made.
fn each_group(limit: u64, test: impl Fn(Backend, &ControlGroup)) {
    for backend in backends().into_iter().filter(|backend| *backend != Backend::Unset) {
        let Some(group) = ControlGroup::create() else { return };
        group.set_limit(limit);
        test(backend, &group);
    }
}

/// As [`each_group`], with a server in the group.
fn each_in_group(args: &[&str], limit: u64, test: impl Fn(&Server, &ControlGroup)) {
    each_group(limit, |backend, group| test(&Server::start_in(group, backend, args), group));
}

fn number(server: &Server, field: &str) -> u64 {
    server.info(field).parse().expect("digits")
}

#[test]
fn a_share_follows_the_group_s_limit_while_the_server_sleeps() {
    each_in_group(&["--maxmemory", "50%"], 128 * MIB, |server, group| {
        assert_eq!(number(server, "maxmemory"), 64 * MIB);
        assert_eq!(number(server, "cgroup_memory_limit"), 128 * MIB);
        assert_eq!(number(server, "cgroup_version"), u64::from(group.version()));
        assert_eq!(server.info("maxmemory_source"), "percent");
        // The log tells of it although no request wakes the server.
        for (limit, line) in [(256, "128.00M (percent), of 256.00M"), (64, "32.00M (percent)")] {
            group.set_limit(limit * MIB);
            server.wait_until(line, |server| server.log().contains(line));
            assert_eq!(number(server, "maxmemory"), limit / 2 * MIB);
            assert_eq!(number(server, "cgroup_memory_limit"), limit * MIB);
        }
    });
}

/// Without events the limit is looked at while requests keep the server awake.
#[test]
fn where_nobody_tells_of_a_change_a_busy_server_finds_it() {
    for backend in backends().into_iter().filter(|backend| *backend != Backend::Unset) {
        let group = ControlGroup::create().and_then(ControlGroup::without_inotify);
        let Some(group) = group else { return };
        group.set_limit(128 * MIB);
        let server = Server::start_in(&group, backend, &["--maxmemory", "50%"]);
        assert_eq!(number(&server, "maxmemory"), 64 * MIB);
        group.set_limit(256 * MIB);
        server.wait_until("the new limit", |server| number(server, "maxmemory") == 128 * MIB);
    }
}

#[test]
fn the_smallest_limit_among_the_ancestors_counts() {
    each_group(512 * MIB, |backend, outer| {
        let inner = outer.child();
        inner.set_limit(256 * MIB);
        let server = Server::start_in(&inner, backend, &["--maxmemory", "50%"]);
        assert_eq!(number(&server, "maxmemory"), 128 * MIB);
        outer.set_limit(128 * MIB);
        server.wait_until("the ancestor's limit", |server| {
            number(server, "cgroup_memory_limit") == 128 * MIB
        });
        assert_eq!(number(&server, "maxmemory"), 64 * MIB);
    });
}

#[test]
fn auto_leaves_room_in_the_group_and_bytes_beyond_it_are_warned_of() {
    each_in_group(&["--maxmemory", "auto"], 128 * MIB, |server, group| {
        let mut client = server.client();
        assert_eq!(number(server, "maxmemory").div_ceil(MIB), 100);
        client.check("CONFIG GET maxmemory", bulks(["maxmemory", "auto"]));
        let warnings = |server: &Server| server.log().matches("WARNING: the cgroup limits").count();
        assert_eq!(warnings(server), 0);
        client.check("CONFIG SET maxmemory 96mb", ok());
        assert_eq!((number(server, "maxmemory"), warnings(server)), (96 * MIB, 0));
        client.check("CONFIG SET maxmemory 129mb", ok());
        assert!(server.log().contains("maxmemory of 129.00M is beyond it"), "{}", server.log());
        group.set_limit(64 * MIB);
        server.wait_until("the smaller limit", |server| warnings(server) == 2);
        assert_eq!(number(server, "maxmemory"), 129 * MIB);
        client.check("CONFIG SET maxmemory 0", ok());
        assert!(server.log().contains("maxmemory is not set"), "{}", server.log());
    });
}

#[test]
fn all_forms_of_the_limit_can_be_set_and_are_shown_as_they_were_set() {
    each_backend(|server| {
        let mut client = server.client();
        let refused = |reason: &str| {
            err(&format!(
                "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - {reason}"
            ))
        };
        client.check("CONFIG SET maxmemory 10xx", refused("argument must be a memory value"));
        client.check("CONFIG SET maxmemory 96mb", ok());
        client.check("CONFIG GET maxmemory", bulks(["maxmemory", "100663296"]));
        assert_eq!(number(server, "maxmemory"), 96 * MIB);
        assert_eq!(server.info("maxmemory_human"), "96.00M");
        if server.is_stand_in() {
            return;
        }
        let range = "percentage argument must be between 1 and 100 inclusive";
        for (text, reason) in [
            ("0%", range),
            ("101%", range),
            ("-1%", range),
            ("half%", "argument must be a memory value"),
            ("automatic", "argument must be a memory value"),
        ] {
            client.check(&format!("CONFIG SET maxmemory {text}"), refused(reason));
        }
        assert_eq!(server.info("maxmemory_source"), "bytes");
        for (text, shown, source) in [("50%", "50%", "percent"), ("AUTO", "auto", "auto")] {
            client.check(&format!("CONFIG SET maxmemory {text}"), ok());
            client.check("CONFIG GET maxmemory", bulks(["maxmemory", shown]));
            assert_eq!(server.info("maxmemory_source"), source);
            let available = match number(server, "cgroup_memory_limit") {
                0 => number(server, "total_system_memory"),
                limit => limit,
            };
            let limit = number(server, "maxmemory");
            assert!((available / 4..available).contains(&limit), "{limit} of {available}");
        }
        // A refused parameter takes the limit back with it.
        client.check("CONFIG SET maxmemory 0", ok());
        assert!(client.run("CONFIG SET maxmemory 1gb dir /no/such/directory").is_error());
        assert_eq!(number(server, "maxmemory"), 0);
    });
}
