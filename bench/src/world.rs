use std::path::Path;
use std::time::Duration;

use portolan_lab::line;
use portolan_lab::namespace::{Namespace, cable};
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
    _target: Option<Namespace>,
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
            let ends = ("to-target", ["198.18.0.1/30"], "to-scanner", ["198.18.0.2/30"]);
            if let Place::Behind { one_way_ms } = place {
                let delay = Duration::from_millis(one_way_ms);
                let path = line::Path { delay, limit: 1 << 17, ..line::Path::default() };
                let left = End { namespace: &scanner, device: ends.0, addresses: &ends.1 };
                let right = End { namespace: neighbour, device: ends.2, addresses: &ends.3 };
                forwarder = Some(Server::forwarder(helper, left, right, path, 1));
            } else {
                cable((&scanner, ends.0, &ends.1), (neighbour, ends.2, &ends.3));
            }
        }
        let host = target.as_ref().unwrap_or(&scanner);
        let listeners = Server::listen(host, helper, &["listen"], "accept", &[address], &truth.open);
        World { forwarder, _listeners: listeners, scanner, _target: target, address, truth }
    }

    /// Takes it all down; what the forwarder counted.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let said = self.forwarder.take().map(Server::finish).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }
}

fn drops(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("tcp dport {{ {} }} drop", ports.join(", "))
}
