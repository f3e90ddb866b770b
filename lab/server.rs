use std::net::SocketAddr;
use std::process::Command;

use portolan_lab::namespace::{Namespace, run};
use portolan_lab::server::{End, Server, address};
use portolan_lab::{forward, listen};

use crate::require::Lab;

/// Listeners on every port of every address: each accepts and closes at once, so that its queue
/// never fills.
pub(crate) fn listeners(namespace: &Namespace, addresses: &[&str], ports: &[u16]) -> Server {
    start(namespace, addresses, ports, "accept")
}

/// Listeners whose accept queue is full: one connection waits in it, nobody will take it.
pub(crate) fn full_queues(namespace: &Namespace, addresses: &[&str], ports: &[u16]) -> Server {
    start(namespace, addresses, ports, "full")
}

/// UDP sockets on every port of every address. `what` they do: `echo` sends back what it gets, `mute` says nothing.
pub(crate) fn datagrams(namespace: &Namespace, addresses: &[&str], ports: &[u16], what: &str) -> Server {
    start(namespace, addresses, ports, what)
}

/// nginx on port 80 of the addresses.
pub(crate) fn nginx(lab: &Lab, namespace: &Namespace, addresses: &[&str]) -> Server {
    let listen: String =
        addresses.iter().map(|text| format!("listen {};\n", SocketAddr::new(address(text), 80))).collect();
    let folder = lab.directory.path().display();
    let config = lab.write(
        "nginx.conf",
        format!(
            "daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;\n\
             events {{}}\n\
             http {{\n\
             access_log off;\n\
             client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
             fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;\n\
             scgi_temp_path {folder}/scgi;\n\
             server {{ {listen} return 204; }}\n\
             }}\n"
        ),
    );
    Server::tcp_daemon(namespace.command("nginx").arg("-c").arg(config), 80, addresses.len())
}

/// sshd on port 22 of the addresses, with a key of its own.
pub(crate) fn sshd(lab: &Lab, namespace: &Namespace, addresses: &[&str]) -> Server {
    let key = lab.directory.path().join("ssh_host_key");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
    // The privilege separation folder, which a distribution makes when its service starts.
    std::fs::create_dir_all("/run/sshd").expect("root may make it");
    let listen: String = addresses
        .iter()
        .map(|text| format!("ListenAddress {}\n", SocketAddr::new(address(text), 22)))
        .collect();
    let config = lab.write("sshd_config", format!("HostKey {}\nPidFile none\n{listen}", key.display()));
    Server::tcp_daemon(namespace.command("sshd").args(["-D", "-e", "-f"]).arg(config), 22, addresses.len())
}

/// The test binary itself, started again in the namespace as [`listener`].
fn start(namespace: &Namespace, addresses: &[&str], ports: &[u16], what: &str) -> Server {
    let program = std::env::current_exe().expect("Linux has /proc/self/exe");
    let words = ["--exact", "server::listener", "--nocapture"];
    Server::listen(namespace, &program, &words, what, addresses, ports)
}

/// A path between two namespaces, which does this to packets (see [`portolan_lab::path`]).
pub(crate) fn path(left: End<'_>, right: End<'_>, words: &str) -> Server {
    let program = std::env::current_exe().expect("Linux has /proc/self/exe");
    let test = ["--exact", "server::forwarder", "--nocapture"];
    Server::forwarder(&program, &test, (left, right), words)
}

/// The forwarder process; in an ordinary run there is nothing to do. The scenarios behind a path show that it works.
#[test]
fn forwarder() {
    if let Some(asked) = forward::asked() {
        let asked = asked.expect("whoever started this process has looked at it");
        forward::run(&asked).expect("root may make tun devices");
    }
}

/// The listener process. In an ordinary run, where nobody says what to listen on, there is nothing to do: that a
/// listener of ours can be connected to is shown by the tests of `portolan-lab`.
#[test]
fn listener() {
    if let Some(sockets) = listen::asked() {
        listen::run(&sockets);
    }
}
