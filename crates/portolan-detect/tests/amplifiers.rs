//! Nothing that is sent is known for answers many times its size, and nothing tries to log in.

use portolan_detect::{ENTRIES, UDP};
use portolan_model::{Cookie, UdpProbe};

fn payloads() -> impl Iterator<Item = (&'static UdpProbe, Box<[u8]>)> {
    [0x00, 0x5a, 0xff].into_iter().flat_map(|byte| UDP.iter().map(move |p| (p, p.write(&Cookie([byte; 16])))))
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

#[test]
fn ntp_is_asked_as_a_client_asks() {
    for (probe, payload) in payloads().filter(|(probe, _)| probe.ports.contains(&123)) {
        // Mode 6 is control, 7 private (monlist).
        assert_eq!((payload[0] & 7, payload.len()), (3, 48), "{}", probe.name);
    }
}

#[test]
fn memcached_is_asked_its_version_alone() {
    for (probe, payload) in payloads().filter(|(probe, _)| probe.ports.contains(&11211)) {
        assert_eq!(payload.get(8..), Some(b"version\r\n".as_slice()), "{}", probe.name);
    }
    for (probe, payload) in payloads() {
        for command in ["stats", "gets", "get ", "set ", "flush_all"] {
            assert!(!contains(&payload, command.as_bytes()), "{}: {command}", probe.name);
        }
    }
}

#[test]
fn snmp_is_version_3_and_walks_nothing() {
    for (probe, payload) in payloads().filter(|(probe, _)| probe.ports.contains(&161)) {
        assert_eq!(payload.get(2..5), Some([2, 1, 3].as_slice()), "{}", probe.name);
        // GetBulkRequest-PDU is [5]; a cookie's bytes stand elsewhere.
        assert_eq!(payload.get(47), Some(&0xa0), "{}: a GetRequest", probe.name);
    }
    for (probe, payload) in payloads() {
        for secret in ["public", "private", "password", "passwd", "admin", "root"] {
            let is_name = probe.name == "ssdp" && secret == "root"; // upnp:rootdevice
            assert!(is_name || !contains(&payload, secret.as_bytes()), "{}: {secret}", probe.name);
        }
    }
}

#[test]
fn dns_and_its_relatives_are_never_asked_for_everything() {
    for (probe, payload) in payloads() {
        if probe.ports.iter().any(|port| [53, 137, 5353, 5355].contains(port)) {
            assert_eq!(
                payload.get(4..12),
                Some([0, 1, 0, 0, 0, 0, 0, 0].as_slice()),
                "{}: one question",
                probe.name
            );
            let kind = &payload[payload.len() - 4..payload.len() - 2];
            assert!(![[0, 255], [0, 252], [0, 48], [0, 46]].iter().any(|all| kind == all), "{}", probe.name);
        }
        if probe.ports.contains(&53) {
            assert_eq!(payload[2] & 1, 0, "{}: no recursion", probe.name);
        }
    }
}

#[test]
fn rpc_calls_the_procedure_that_does_nothing() {
    for (probe, payload) in payloads().filter(|(probe, _)| probe.ports.contains(&111)) {
        assert_eq!(payload.get(20..24), Some([0; 4].as_slice()), "{}", probe.name);
        assert_eq!(payload.get(24..), Some([0; 16].as_slice()), "{}: without credentials", probe.name);
    }
}

/// Ports of services that answer anything with much, and of devices that break when asked what they do not know.
#[test]
fn nothing_is_for_fragile_ports_or_amplifiers() {
    for probe in UDP {
        for port in [17, 19, 389, 2222, 47808, 34962, 34963, 34964] {
            assert!(!probe.ports.contains(&port), "{} is for port {port}", probe.name);
        }
    }
}

#[test]
fn answers_are_hardly_longer_than_questions() {
    for entry in ENTRIES {
        for sample in entry.samples {
            let asked = entry.probe.write(&sample.cookie).len();
            let is_long = sample.reply.len() > 10 * asked;
            assert!(
                !is_long || entry.probe.name == "sql-browser",
                "{}: {}",
                entry.probe.name,
                sample.reply.len()
            );
        }
    }
}
