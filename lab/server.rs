use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::{Namespace, run};
use crate::require::Lab;

/// A server started by the lab, ended by its own process id when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where the listener process speaks, kept open: after a minute the test harness in it says that it still runs,
    /// and would end at a pipe that nobody holds.
    _spoken: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Listeners on every port of every address: each accepts and closes at once, so that its queue
    /// never fills.
    pub(crate) fn listeners(namespace: &Namespace, addresses: &[&str], ports: &[u16]) -> Self {
        Self::listen(namespace, addresses, ports, "accept")
    }

    /// Listeners whose accept queue is full: one connection waits in it, nobody will take it.
    pub(crate) fn full_queues(namespace: &Namespace, addresses: &[&str], ports: &[u16]) -> Self {
        Self::listen(namespace, addresses, ports, "full")
    }

    /// nginx on port 80 of the addresses.
    pub(crate) fn nginx(lab: &Lab, namespace: &Namespace, addresses: &[&str]) -> Self {
        let listen: String = addresses
            .iter()
            .map(|text| format!("listen {};\n", SocketAddr::new(address(text), 80)))
            .collect();
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
        Self::daemon(namespace.command("nginx").arg("-c").arg(config), 80, addresses.len())
    }

    /// sshd on port 22 of the addresses, with a key of its own.
    pub(crate) fn sshd(lab: &Lab, namespace: &Namespace, addresses: &[&str]) -> Self {
        let key = lab.directory.path().join("ssh_host_key");
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
        // The privilege separation folder, which a distribution makes when its service starts.
        std::fs::create_dir_all("/run/sshd").expect("root may make it");
        let listen: String = addresses
            .iter()
            .map(|text| format!("ListenAddress {}\n", SocketAddr::new(address(text), 22)))
            .collect();
        let config = lab.write("sshd_config", format!("HostKey {}\nPidFile none\n{listen}", key.display()));
        Self::daemon(namespace.command("sshd").args(["-D", "-e", "-f"]).arg(config), 22, addresses.len())
    }

    /// UDP sockets on every port of every address. `what` they do: `echo` sends back what it gets, `mute` says nothing.
    pub(crate) fn datagrams(namespace: &Namespace, addresses: &[&str], ports: &[u16], what: &str) -> Self {
        Self::listen(namespace, addresses, ports, what)
    }

    /// A UDP server on one port; ready when the port is bound at so many addresses of the namespace.
    pub(crate) fn udp_daemon(command: &mut Command, port: u16, addresses: usize) -> Self {
        Self::started(command, port, addresses, &["udp", "udp6"])
    }

    fn daemon(command: &mut Command, port: u16, sockets: usize) -> Self {
        Self::started(command, port, sockets, &["tcp", "tcp6"])
    }

    fn started(command: &mut Command, port: u16, addresses: usize, tables: &[&str]) -> Self {
        let mut server = Server {
            child: command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("asked for by require"),
            _spoken: None,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while server.bound(port, tables) < addresses {
            let ended = server.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(Instant::now() < deadline, "{command:?} does not serve port {port}");
            std::thread::sleep(Duration::from_millis(10));
        }
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

    /// The test binary itself, started again in the namespace as [`listener`].
    fn listen(namespace: &Namespace, addresses: &[&str], ports: &[u16], what: &str) -> Self {
        let sockets: Vec<String> = addresses
            .iter()
            .flat_map(|text| ports.iter().map(|port| SocketAddr::new(address(text), *port).to_string()))
            .collect();
        let descriptors = 256 + 4 * sockets.len();
        let mut child = namespace
            .command("prlimit")
            .arg(format!("--nofile={descriptors}:{descriptors}"))
            .arg(std::env::current_exe().expect("Linux has /proc/self/exe"))
            .args(["--exact", "server::listener", "--nocapture"])
            .env(SOCKETS, format!("{what} {}", sockets.join(" ")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip was asked for by require");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let is_ready = output.by_ref().lines().map_while(Result::ok).any(|line| line.ends_with(READY));
        let server = Server { child, _spoken: Some(output) };
        assert!(is_ready, "the listeners did not start");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(2);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Both do nothing to a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What to listen on: `accept`, `full`, `echo` or `mute`, then sockets. Set for the child process only.
const SOCKETS: &str = "PORTOLAN_LAB_LISTEN";
const READY: &str = "PORTOLAN-LAB-READY";

/// The listener process. In an ordinary run, where nobody says what to listen on, it shows on loopback
/// that a listener of ours can be connected to and that a full queue is full.
#[test]
fn listener() {
    if let Ok(sockets) = std::env::var(SOCKETS) {
        let _kept = serve(&sockets);
        println!("\n{READY}");
        std::io::stdout().flush().expect("the lab reads it");
        // Until the lab ends us, or ends itself and the pipe with it.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let wait = Duration::from_millis(200);
    let (accepting, _kept) = bind("127.0.0.1:0".parse().expect("an address"), 1);
    TcpStream::connect_timeout(&accepting, wait).expect("it listens");
    let (full, _kept) = bind("127.0.0.1:0".parse().expect("an address"), 0);
    let _parked = TcpStream::connect_timeout(&full, wait).expect("the queue has one place");
    let refused = TcpStream::connect_timeout(&full, wait).expect_err("and no second");
    assert_eq!(refused.kind(), std::io::ErrorKind::TimedOut);
}

/// Opens the sockets; what must stay open is given back.
fn serve(sockets: &str) -> Vec<(TcpListener, TcpStream)> {
    let mut words = sockets.split(' ');
    let what = words.next().unwrap_or_default();
    let mut kept = Vec::new();
    for socket in words.map(|word| word.parse().expect("the lab writes socket addresses")) {
        match what {
            "full" => {
                let (name, listener) = bind(socket, 0);
                kept.push((listener, TcpStream::connect(name).expect("the queue has one place")));
            }
            "echo" => serve_datagrams(socket, |socket, bytes, from| drop(socket.send_to(bytes, from))),
            "mute" => serve_datagrams(socket, |_, _, _| {}),
            _ => {
                let (_, listener) = bind(socket, 1024);
                in_thread(move || listener.incoming().for_each(drop));
            }
        }
    }
    kept
}

/// A UDP socket that takes everything it gets, so that its queue never fills.
fn serve_datagrams(socket: SocketAddr, answer: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) {
    let socket = UdpSocket::bind(socket).unwrap_or_else(|error| panic!("bind {socket}: {error}"));
    in_thread(move || {
        let mut buffer = [0; 2048];
        // An error is an ICMP message about an earlier answer: the next datagram may come all the same.
        loop {
            if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                answer(&socket, &buffer[..length], from);
            }
        }
    });
}

fn in_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(64 << 10).spawn(work).expect("a thread");
}

/// A listening socket and its name. The standard library does not let one choose the backlog.
fn bind(socket: SocketAddr, backlog: i32) -> (SocketAddr, TcpListener) {
    let family = if socket.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let descriptor = rustix::net::socket(family, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(descriptor.as_fd(), &socket).unwrap_or_else(|error| panic!("bind {socket}: {error}"));
    rustix::net::listen(descriptor.as_fd(), backlog).expect("a bound socket can listen");
    let listener = TcpListener::from(descriptor);
    (listener.local_addr().expect("it is bound"), listener)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("not an address: {text}"))
}
