//! LATENCY and INFO latencystats: peaks of events, distributions of commands.

use crate::support::*;

#[test]
fn a_slow_command_is_an_event_with_its_peaks() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("LATENCY LATEST", array([]));
        client.check("DEBUG SLEEP 0.02", ok());
        client.check("LATENCY HISTORY command", array([]));
        client.check("CONFIG SET latency-monitor-threshold 10", ok());
        client.check("DEBUG SLEEP 0.02", ok());
        let latest = client.run("LATENCY LATEST");
        let event = latest.items()[0].items();
        assert_eq!(event[0].text(), "command");
        let (time_s, ms) = (event[1].as_int(), event[2].as_int());
        assert!(ms >= 20 && event[3].as_int() == ms, "{latest:?}");
        client.check("LATENCY HISTORY command", array([array([int(time_s), int(ms)])]));
        let head = format!("command - high {ms} ms, low {ms} ms (all time high {ms} ms)\n");
        assert!(client.run("LATENCY GRAPH command").text().starts_with(&head));
        assert!(client.run("LATENCY DOCTOR").text().contains("1. command: 1 latency spikes"));
        client.check("LATENCY RESET nothing", int(0));
        client.check("LATENCY RESET", int(1));
        let none = err("ERR No samples available for event 'command'");
        client.check("LATENCY GRAPH command", none);
    });
}

#[test]
fn a_command_s_calls_are_a_distribution() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG RESETSTAT", ok());
        client.pipeline(&["SET a 1", "SET b 2", "GET a", "CLIENT ID", "CLIENT LIST"]);
        let all = client.run("LATENCY HISTOGRAM set nothing client|id");
        assert_eq!(all.items().len(), 4, "{all:?}");
        let set = all.get("set").expect("set");
        assert_eq!(set.get("calls"), Some(&int(2)));
        let steps = set.get("histogram_usec").expect("steps").items();
        assert_eq!(steps.last(), Some(&int(2)), "{steps:?}");
        assert_eq!(client.run("LATENCY HISTOGRAM client").items().len(), 4);
        assert!(client.run("LATENCY HISTOGRAM").get("config|resetstat").is_some());
        assert!(client.run("LATENCY HISTOGRAM nothing").items().is_empty());
    });
}

#[test]
fn percentiles_are_those_that_are_asked_for() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET latency-tracking-info-percentiles \"50 99.95\"", ok());
        client.check("CONFIG RESETSTAT", ok());
        client.check("SET a 1", ok());
        let info = client.run("INFO latencystats").text();
        let set = info.lines().find(|line| line.starts_with("latency_percentiles_usec_set:"));
        let set = set.unwrap_or_else(|| panic!("{info}"));
        assert!(
            set.contains(":p50=") && set.contains(",p99.95=") && !set.contains("p99="),
            "{set}"
        );
        client.check("CONFIG SET latency-tracking no", ok());
        assert_eq!(client.run("INFO latencystats").text(), "# Latencystats\r\n");
        client.check("CONFIG RESETSTAT", ok());
        assert!(client.run("LATENCY HISTOGRAM").items().is_empty());
    });
}
