//! Servers in a namespace: listeners of ours, and daemons of others.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use portolan_sys::clock::monotonic_nanos;
use rustix::process::{Pid, Signal, kill_process};

use crate::forward::PATH;
use crate::listen::{READY, SOCKETS};
use crate::namespace::{Namespace, cable, run};
use crate::path::Route;
use crate::respond::Asked;

/// A server started here, ended by its own process id when dropped.
pub struct Server {
    child: Child,
    /// Where the listener process speaks, kept open: after a minute the test harness in it says that it still runs,
    /// and would end at a pipe that nobody holds.
    spoken: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// A UDP server on one port; ready when the port is bound at so many addresses of the namespace.
    pub fn udp_daemon(command: &mut Command, port: u16, addresses: usize) -> Self {
        Self::started(command, port, addresses, &["udp", "udp6"])
    }

    /// A TCP server on one port; ready when it listens at so many addresses of the namespace.
    pub fn tcp_daemon(command: &mut Command, port: u16, addresses: usize) -> Self {
        Self::started(command, port, addresses, &["tcp", "tcp6"])
    }

    fn started(command: &mut Command, port: u16, addresses: usize, tables: &[&str]) -> Self {
        let mut server = Server {
            child: command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("asked for by require"),
            spoken: None,
        };
        let serves = within(Duration::from_secs(10), || {
            let ended = server.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            server.bound(port, tables) >= addresses
        });
        assert!(serves, "{command:?} does not serve port {port}");
        server
    }

    /// At how many addresses this port is served in the server's namespace (proc_net_tcp: state 0A listens, 07 is an
    /// unconnected UDP socket).
    fn bound(&self, port: u16, tables: &[&str]) -> usize {
        let wanted = format!(":{port:04X}");
        tables
            .iter()
            .filter_map(|file| std::fs::read_to_string(format!("/proc/{}/net/{file}", self.child.id())).ok())
            .map(|text| {
                let sockets = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
                let served = sockets.filter(|words| {
                    words.len() > 3 && words[1].ends_with(&wanted) && ["0A", "07"].contains(&words[3])
                });
                served.map(|words| words[1].to_owned()).collect::<BTreeSet<String>>().len()
            })
            .sum()
    }

    /// Sockets on every port of every address. `what` they do: see [`listen`](crate::listen). `program`, with these
    /// words, must call [`listen::run`](crate::listen::run).
    pub fn listen(
        namespace: &Namespace,
        program: &Path,
        words: &[&str],
        what: &str,
        addresses: &[&str],
        ports: &[u16],
    ) -> Self {
        let sockets: Vec<String> = addresses
            .iter()
            .flat_map(|text| ports.iter().map(|port| SocketAddr::new(address(text), *port).to_string()))
            .collect();
        let descriptors = 256 + 4 * sockets.len();
        let mut command = namespace.command("prlimit");
        command
            .arg(format!("--nofile={descriptors}:{descriptors}"))
            .arg(program)
            .args(words)
            .env(SOCKETS, format!("{what} {}", sockets.join(" ")));
        Self::when_ready(&mut command)
    }

    /// The path between two namespaces: the forwarder, and a tun device with these addresses in each of them.
    /// `path` is what it does, in the words of a [`Route`]. `program`, with these words, must call
    /// [`forward::run`](crate::forward::run).
    pub fn forwarder(program: &Path, words: &[&str], (left, right): (End<'_>, End<'_>), path: &str) -> Self {
        if let Err(why) = path.parse::<Route>() {
            panic!("no path: {why}");
        }
        let mut command = left.namespace.command("prlimit");
        command.arg("--nofile=256").arg(program).args(words);
        command.env(PATH, format!("{} {} {path}", left.device, right.device));
        let server = Self::when_ready(&mut command);
        left.namespace.ip(&format!("link set {} netns {}", right.device, right.namespace.name()));
        for End { namespace, device, addresses } in [left, right] {
            for address in addresses {
                namespace.ip(&format!("addr add {address} dev {device}"));
            }
            // A burst of a scanner must not be lost before the path has seen it.
            namespace.ip(&format!("link set {device} txqueuelen 10000 up"));
        }
        server
    }

    /// A scanner and a responder on one cable. `asked` names the device at the target's end. The scanner's routes to
    /// all its prefixes lead through the target's first address, so the link's own prefix must not be among them
    /// (longer or shorter is well). `program` is `portolan-lab`.
    ///
    /// Ended by [`Server::finish`], it says what it counted: see [`Counts::read`](crate::respond::Counts::read).
    pub fn responder(program: &Path, (scanner, target): (End<'_>, End<'_>), asked: &Asked) -> Self {
        let [scanner_end, target_end] =
            [scanner, target].map(|End { namespace, device, addresses }| (namespace, device, addresses));
        cable(scanner_end, target_end);
        // An XDP program at the scanner's end would do as well, but a scanner that brings its own would find the
        // place taken, or leave it empty.
        run(scanner.namespace.command("prlimit").arg(program).args(["take-answers", scanner.device]));
        let gateway = target.addresses[0].split('/').next().unwrap_or_default();
        for prefix in &asked.prefixes {
            scanner.namespace.ip(&format!("route add {prefix} via {gateway}"));
        }
        let mut command = target.namespace.command("prlimit");
        Self::when_ready(command.arg(program).arg("respond").args(asked.words()))
    }

    /// A few datagrams a second from here to an address: see [`pulse`](crate::pulse). `program` is `portolan-lab`.
    pub fn pulse(namespace: &Namespace, program: &Path, to: &str) -> Self {
        Self::when_ready(namespace.command("prlimit").arg(program).args(["pulse", to]))
    }

    /// Keeps its process from running, until it may [`resume`](Server::resume).
    pub fn suspend(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("our own child, not yet waited for");
    }

    /// Lets its process run again.
    pub fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("our own child, not yet waited for");
    }

    /// Ends it by the end of its standard input; what it said.
    pub fn finish(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        if let Some(mut spoken) = self.spoken.take() {
            spoken.read_to_string(&mut said).expect("it speaks plain text");
        }
        said
    }

    /// A process of ours, when it has said that it is ready.
    fn when_ready(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip was asked for by whoever needs namespaces");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let is_ready = output.by_ref().lines().map_while(Result::ok).any(|line| line.ends_with(READY));
        let server = Server { child, spoken: Some(output) };
        assert!(is_ready, "not started: {command:?}");
        server
    }
}

/// One end of a path.
#[derive(Copy, Clone)]
pub struct End<'a> {
    /// Where it is.
    pub namespace: &'a Namespace,
    /// What the device is called there.
    pub device: &'a str,
    /// Its addresses, with the length of their prefixes.
    pub addresses: &'a [&'a str],
}

impl Drop for Server {
    fn drop(&mut self) {
        // The id of a process that has been waited for may be another's by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            // One that is suspended takes notice then.
            let _ = kill_process(Pid::from_child(&self.child), Signal::CONT);
        }
        within(Duration::from_secs(2), || !matches!(self.child.try_wait(), Ok(None)));
        // Both do nothing to a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether it came true before `limit` was over.
#[expect(
    clippy::disallowed_methods,
    reason = "outside portolan: real processes are waited for by the real clock"
)]
fn within(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let start = monotonic_nanos();
    while !is_true() {
        if u128::from(monotonic_nanos() - start) >= limit.as_nanos() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The address that a text says.
pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("not an address: {text}"))
}
