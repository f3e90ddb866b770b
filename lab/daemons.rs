use std::process::Command;

use crate::require::Lab;
use portolan_lab::namespace::{Namespace, run};
use portolan_lab::server::Server;

/// A UDP server that Debian has, where it is found and what it must be called.
pub(crate) struct Daemon {
    /// The program.
    pub(crate) tool: &'static str,
    pub(crate) port: u16,
    /// The service that its answer shows.
    pub(crate) service: &'static str,
    /// The command for one address in a folder of the lab's.
    start: fn(&Lab, &Namespace, &str) -> Command,
}

/// What the scenario about daemons starts, one process an address each.
pub(crate) const DAEMONS: &[Daemon] = &[
    Daemon { tool: "dnsmasq", port: 53, service: "domain", start: dnsmasq },
    Daemon { tool: "unbound", port: 5351, service: "domain", start: unbound },
    Daemon { tool: "in.tftpd", port: 69, service: "tftp", start: tftpd },
    Daemon { tool: "rpcbind", port: 111, service: "sunrpc", start: rpcbind },
    Daemon { tool: "chronyd", port: 123, service: "ntp", start: chronyd },
    Daemon { tool: "snmpd", port: 161, service: "snmp", start: snmpd },
    Daemon { tool: "charon", port: 500, service: "isakmp", start: charon },
    Daemon { tool: "openvpn", port: 1194, service: "openvpn", start: openvpn },
    Daemon { tool: "turnserver", port: 3478, service: "stun", start: turnserver },
    Daemon { tool: "memcached", port: 11211, service: "memcache", start: memcached },
];

impl Daemon {
    /// Starts it on each of the addresses; some can only listen on all of them.
    pub(crate) fn serve(&self, lab: &Lab, namespace: &Namespace, addresses: &[&str]) -> Vec<Server> {
        let everywhere = ["rpcbind", "charon"].contains(&self.tool);
        let each = if everywhere { &addresses[..1] } else { addresses };
        let start = |(nth, address): (usize, &&str)| {
            let mut command = (self.start)(lab, namespace, address);
            let bound = if everywhere { addresses.len() } else { nth + 1 };
            Server::udp_daemon(&mut command, self.port, bound)
        };
        each.iter().enumerate().map(start).collect()
    }
}

fn dnsmasq(_: &Lab, namespace: &Namespace, address: &str) -> Command {
    let mut command = namespace.daemon("dnsmasq");
    command.args(["-k", "-C", "/dev/null", "--bind-interfaces", "--port=53", "--no-resolv", "--no-hosts"]);
    command.args(["--pid-file=", "--user=root", &format!("--listen-address={address}")]);
    command
}

/// On a port where nobody expects DNS: only the question to ports of which nothing is known finds it.
fn unbound(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let folder = lab.directory.path().display();
    let config = lab.write(
        &format!("unbound-{}.conf", file_name(address)),
        format!(
            "server:\n interface: {address}@5351\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n \
             directory: \"{folder}\"\n do-daemonize: no\n \
             access-control: 198.18.0.0/15 allow\n access-control: 2001:db8::/32 allow\n\
             remote-control:\n control-enable: no\n"
        ),
    );
    let mut command = namespace.daemon("unbound");
    command.args(["-d", "-c"]).arg(config);
    command
}

fn tftpd(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let (family, at) = if address.contains(':') {
        ("-6", format!("[{address}]:69"))
    } else {
        ("-4", format!("{address}:69"))
    };
    let mut command = namespace.daemon("in.tftpd");
    command.args(["-L", family, "-a", &at, "-s"]).arg(lab.directory.path());
    command
}

fn rpcbind(_: &Lab, namespace: &Namespace, _: &str) -> Command {
    let mut command = namespace.daemon("rpcbind");
    command.args(["-f", "-w"]);
    command
}

/// `-x`: it never sets the clock.
fn chronyd(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let folder = lab.directory.path().display();
    let name = file_name(address);
    let config = lab.write(
        &format!("chrony-{name}.conf"),
        format!(
            "port 123\nbindaddress {address}\ncmdport 0\nbindcmdaddress /\nallow\nlocal stratum 8\n\
             pidfile {folder}/chrony-{name}.pid\ndriftfile {folder}/drift-{name}\n"
        ),
    );
    let mut command = namespace.daemon("chronyd");
    command.args(["-d", "-x", "-u", "root"]);
    // Bound to IPv4 alone it would take the wildcard of IPv6 as well.
    command.arg(if address.contains(':') { "-6" } else { "-4" });
    command.arg("-f").arg(config);
    command
}

fn snmpd(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let name = file_name(address);
    // A community for nobody: the scanner never guesses one.
    let config = lab.write("snmpd.conf", "rocommunity unguessable 127.0.0.1\nsysDescr lab\n");
    let at =
        if address.contains(':') { format!("udp6:[{address}]:161") } else { format!("udp:{address}:161") };
    let mut command = namespace.daemon("snmpd");
    command.args(["-f", "-Lo", "-C", "-c"]).arg(config).args(["-I", "-smux", "-p"]);
    command.arg(lab.directory.path().join(format!("snmpd-{name}.pid"))).arg(at);
    command.env("SNMP_PERSISTENT_DIR", lab.directory.path().join(format!("snmp-{name}")));
    command
}

fn charon(_: &Lab, namespace: &Namespace, _: &str) -> Command {
    namespace.daemon("charon")
}

fn openvpn(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let folder = lab.directory.path();
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    if !key.exists() {
        let words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab"];
        run(Command::new("openssl").args(words).arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    }
    let mut command = namespace.daemon("openvpn");
    command.args(["--dev", "null", "--proto", if address.contains(':') { "udp6" } else { "udp" }]);
    command.args(["--local", address, "--port", "1194", "--tls-server", "--dh", "none"]);
    command.arg("--ca").arg(&certificate).arg("--cert").arg(&certificate).arg("--key").arg(&key);
    command
}

fn turnserver(lab: &Lab, namespace: &Namespace, address: &str) -> Command {
    let folder = lab.directory.path();
    let name = file_name(address);
    let mut command = namespace.daemon("turnserver");
    command.args(["-n", "-L", address, "-p", "3478", "--no-tls", "--no-dtls", "--no-auth", "--no-cli"]);
    command.args(["--log-file", "stdout", "--userdb"]).arg(folder.join(format!("turn-{name}.db")));
    command.arg("--pidfile").arg(folder.join(format!("turn-{name}.pid")));
    command
}

fn memcached(_: &Lab, namespace: &Namespace, address: &str) -> Command {
    let mut command = namespace.daemon("memcached");
    command.args(["-u", "nobody", "-l", address, "-p", "11211", "-U", "11211"]);
    command
}

fn file_name(address: &str) -> String {
    address.replace([':', '.'], "-")
}
