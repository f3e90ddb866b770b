//! Network namespaces, the cables between them, and what a kernel in one of them counts.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::which;

/// One network namespace with loopback up; removed when dropped. Tunnels and addresses go with it.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A fresh one. The name carries our process id, so that two runs never meet.
    pub fn new(label: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let namespace = Namespace { name: format!("portolan-{}-{number}-{label}", std::process::id()) };
        run(Command::new("ip").args(["netns", "add", &namespace.name]));
        namespace.ip("link set lo up");
        // Duplicate address detection would hold addresses, and neighbour discovery, back for a second.
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
        // Each ICMP error counts here, so the kernel must not save any. Its limits have tests of their own.
        namespace.sysctl("net.ipv4.icmp_ratelimit", "0");
        namespace.sysctl("net.ipv6.icmp.ratelimit", "0");
        // Since Linux 6.12 each namespace has a limit for all peers together as well.
        for key in ["net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"] {
            let _ = namespace.command("sysctl").args(["-q", "-w", &format!("{key}=1000000")]).output();
        }
        namespace
    }

    /// What `ip netns` calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `ip …` in here, words separated by spaces.
    pub fn ip(&self, words: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(words.split_whitespace()));
    }

    /// Sets a kernel parameter of this namespace.
    pub fn sysctl(&self, key: &str, value: &str) {
        run(self.command("sysctl").args(["-q", "-w", &format!("{key}={value}")]));
    }

    /// A firewall on one hook: nftables rules, in order; what none of them names is accepted.
    pub fn firewall(&self, hook: &str, rules: &[String]) {
        let chain = format!("type filter hook {hook} priority 0; {};", rules.join("; "));
        self.nft(&format!("table inet lab {{ chain lab {{ {chain} }}; }}"));
    }

    /// Counters of what comes in by a device, ARP included, before anything of the kernel has looked at it. Of each: its
    /// name, and what it counts as an nftables expression; several of one name count together.
    pub fn count(&self, device: &str, counted: &[(&str, &str)]) {
        let names: BTreeSet<&str> = counted.iter().map(|(name, _)| *name).collect();
        let counters: String = names.iter().map(|name| format!("counter {name} {{ }}; ")).collect();
        let rules: String =
            counted.iter().map(|(name, what)| format!("{what} counter name {name}; ")).collect();
        let hook = format!("type filter hook ingress device \"{device}\" priority 0;");
        self.nft(&format!("table netdev lab {{ {counters} chain lab {{ {hook} {rules} }}; }}"));
    }

    /// How many packets a counter of [`count`](Namespace::count) has met.
    pub fn counted(&self, name: &str) -> u64 {
        let text = run(self.command("nft").args(["list", "counter", "netdev", "lab", name]));
        let mut words = text.split_whitespace().skip_while(|word| *word != "packets").skip(1);
        let number = words.next().and_then(|word| word.parse().ok());
        number.unwrap_or_else(|| panic!("no packets in: {text}"))
    }

    /// A program in here. The process is the program's own: `ip netns exec` replaces itself.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(which(program).unwrap_or(program.into()));
        command
    }

    /// A daemon in here, with a `/run` of its own: its locks and sockets meet nobody else's. (`ip netns exec` has given
    /// the process mounts of its own already.)
    pub fn daemon(&self, program: &str) -> Command {
        let mut command = self.command("sh");
        let script = "mount -t tmpfs none /run && mkdir /run/rpcbind && exec \"$0\" \"$@\"";
        command.args(["-c", script]).arg(which(program).unwrap_or(program.into()));
        command
    }

    /// The kernel's counters (RFC 4293 and RFC 4022 names, such as `Ip.OutRequests`).
    pub fn counters(&self) -> HashMap<String, u64> {
        let v4 = run(self.command("cat").arg("/proc/net/snmp"));
        let v6 = run(self.command("cat").arg("/proc/net/snmp6"));
        v4_counters(&v4).chain(v6_counters(&v6)).collect()
    }

    /// A firewall as nft(8) reads it.
    pub fn nft(&self, rules: &str) {
        let mut child = self
            .command("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("nft was asked for by require");
        child.stdin.take().expect("piped").write_all(rules.as_bytes()).expect("nft reads its rules");
        assert!(child.wait().expect("nft ends").success(), "nft refused:\n{rules}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

/// A cable between two namespaces: `left` and `right` are `(namespace, device, addresses)`.
pub fn cable(left: (&Namespace, &str, &[&str]), right: (&Namespace, &str, &[&str])) {
    let (left_end, right_end) = (left.1, right.1);
    left.0.ip(&format!("link add {left_end} type veth peer name {right_end} netns {}", right.0.name));
    for (namespace, device, addresses) in [left, right] {
        for address in addresses {
            namespace.ip(&format!("addr add {address} dev {device}"));
        }
        namespace.ip(&format!("link set {device} up"));
    }
}

/// A scanner, 198.18.0.1 and 2001:db8::1, and its target, .2 and ::2, on one cable.
pub fn neighbours() -> (Namespace, Namespace) {
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    cable(
        (&scanner, "to-target", &["198.18.0.1/30", "2001:db8::1/64"]),
        (&target, "to-scanner", &["198.18.0.2/30", "2001:db8::2/64"]),
    );
    (scanner, target)
}

/// A scanner, a router, 198.18.0.2 and 2001:db8:0:1::2, and a target behind it, 198.18.0.6 and 2001:db8:0:2::2.
pub fn behind_a_router() -> (Namespace, Namespace, Namespace) {
    let (scanner, router, target) =
        (Namespace::new("scanner"), Namespace::new("router"), Namespace::new("target"));
    cable(
        (&scanner, "to-router", &["198.18.0.1/30", "2001:db8:0:1::1/64"]),
        (&router, "to-scanner", &["198.18.0.2/30", "2001:db8:0:1::2/64"]),
    );
    cable(
        (&router, "to-target", &["198.18.0.5/30", "2001:db8:0:2::1/64"]),
        (&target, "to-router", &["198.18.0.6/30", "2001:db8:0:2::2/64"]),
    );
    scanner.ip("route add default via 198.18.0.2");
    scanner.ip("-6 route add default via 2001:db8:0:1::2");
    target.ip("route add default via 198.18.0.5");
    target.ip("-6 route add default via 2001:db8:0:2::1");
    router.sysctl("net.ipv4.ip_forward", "1");
    router.sysctl("net.ipv6.conf.all.forwarding", "1");
    (scanner, router, target)
}

/// Two lines a protocol: `Tcp: names…`, `Tcp: values…`.
fn v4_counters(text: &str) -> impl Iterator<Item = (String, u64)> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let pairs = lines.as_chunks::<2>().0.iter().flat_map(|[names, values]| {
        let protocol = names[0].trim_end_matches(':');
        let fields = names.iter().zip(values).skip(1);
        fields.filter_map(move |(name, value)| Some((format!("{protocol}.{name}"), value.parse().ok()?)))
    });
    pairs.collect::<Vec<_>>().into_iter()
}

/// One line a counter: `Ip6OutRequests 12`.
fn v6_counters(text: &str) -> impl Iterator<Item = (String, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    })
}

/// Runs a tool of the lab to its end.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the tool was asked for by require");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
