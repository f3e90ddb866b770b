use std::time::Duration;

use crate::require::require;
use crate::server;
use portolan_lab::namespace::Namespace;
use portolan_lab::ndjson::open_or_refused;

/// A machine that is short of everything: what is ours must not be blamed on the target.
#[test]
fn few_descriptors_few_ports_and_a_full_queue() {
    let Some(lab) = require("limits", &[]) else { return };
    let namespace = Namespace::new("limits");
    // Some of the listeners stand in the scanner's own few ephemeral ports.
    let open: Vec<u16> =
        [21, 22, 80, 443, 8080, 65535].into_iter().chain((40_000..40_200).step_by(25)).collect();
    let full = 7000;
    let _listeners = server::listeners(&namespace, &["127.0.0.1", "::1"], &open);
    let _parked = server::full_queues(&namespace, &["127.0.0.1", "::1"], &[full]);
    namespace.sysctl("net.ipv4.ip_local_port_range", "40000 40199");
    for target in ["127.0.0.1", "::1"] {
        let scan = lab.scan(&namespace, &[target, "-p-", "--json"]).descriptors(64);
        let outcome = scan.run(Duration::from_secs(300));
        println!("limits: 65535 ports of {target} in {:.2} s", outcome.wall.as_secs_f64());
        outcome.assert_code(0);
        let usual = open_or_refused(&open);
        outcome.report().assert_truth(target, 1..=65535, |port, verdict| {
            // The kernel drops a SYN for a full queue: silence, as from a firewall.
            if port == full {
                ["open/syn-ack", "filtered/no-response"].contains(&verdict)
            } else {
                usual(port, verdict)
            }
        });
    }
}
