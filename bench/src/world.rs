use std::path::Path;
use std::time::Duration;

use portolan_lab::line;
use portolan_lab::namespace::{Namespace, cable, run};
use portolan_lab::server::{End, Server};

use crate::score::Truth;

/// Where the host is.
#[derive(Copy, Clone)]
pub(crate) enum Place {
    Loopback,
    OnePort,
    Veth,
    Behind { one_way_ms: u64 },
}

/// A scanner's namespace and the host in or beside it.
pub(crate) struct World {
    // Before the namespaces that they are in: what is first here is removed first.
    forwarder: Option<Server>,
    _listeners: Server,
    pub(crate) scanner: Namespace,
    target: Option<Namespace>,
    pub(crate) address: &'static str,
    pub(crate) truth: Truth,
}

impl World {
    /// `helper` is the program `portolan-lab`.
    pub(crate) fn new(place: Place, helper: &Path) -> Self {
        let scanner = Namespace::new("scanner");
        let (address, truth) = match place {
            Place::OnePort => ("127.0.0.1", Truth::one(22)),
            Place::Loopback => ("127.0.0.1", Truth::of_a_thousand(0)),
            Place::Veth | Place::Behind { .. } => ("198.18.0.2", Truth::of_a_thousand(3000)),
        };
        let (mut target, mut forwarder) = (None, None);
        if matches!(place, Place::Veth | Place::Behind { .. }) {
            let neighbour = target.insert(Namespace::new("target"));
            neighbour.firewall("input", &[drops(&truth.dropped)]);
            if let Place::Behind { one_way_ms } = place {
                let delay = Duration::from_millis(one_way_ms);
                let path = line::Path { delay, limit: 1 << 17, ..line::Path::default() };
                let left = End { namespace: &scanner, device: TO_TARGET, addresses: &["198.18.0.1/30"] };
                let right = End { namespace: neighbour, device: TO_SCANNER, addresses: &["198.18.0.2/30"] };
                forwarder = Some(Server::forwarder(helper, &["forward"], (left, right), path, 1));
            } else {
                cable((&scanner, TO_TARGET, &["198.18.0.1/30"]), (neighbour, TO_SCANNER, &["198.18.0.2/30"]));
            }
        }
        let host = target.as_ref().unwrap_or(&scanner);
        let listeners = Server::listen(host, helper, &["listen"], "accept", &[address], &truth.open);
        World { forwarder, _listeners: listeners, scanner, target, address, truth }
    }

    /// Takes it all down; what became of the packets on the path, if there is one.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let Some(forwarder) = self.forwarder.take() else { return Vec::new() };
        let mut counts: Vec<String> = [(Some(&self.scanner), TO_TARGET), (self.target.as_ref(), TO_SCANNER)]
            .into_iter()
            .filter_map(|(namespace, device)| Some((namespace?, device)))
            .map(|(namespace, device)| {
                format!("{device}: {} dropped before the path", dropped(namespace, device))
            })
            .collect();
        counts.extend(forwarder.finish().lines().map(str::to_owned));
        counts
    }
}

/// What the device's own queue had no room for.
fn dropped(namespace: &Namespace, device: &str) -> String {
    let file = format!("/sys/class/net/{device}/statistics/tx_dropped");
    run(namespace.command("cat").arg(file)).trim().to_owned()
}

const TO_TARGET: &str = "to-target";
const TO_SCANNER: &str = "to-scanner";

fn drops(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("tcp dport {{ {} }} drop", ports.join(", "))
}
