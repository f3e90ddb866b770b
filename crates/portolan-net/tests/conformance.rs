//! The real door keeps the same contract as the simulated one.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use portolan_model::{Endpoint, Transport};
use portolan_net::SocketDoor;
use portolan_sim::conformance::{datagrams_conform, sockets_conform};
use portolan_target::AddressSet;

#[test]
fn the_real_door_conforms() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = |socket: &TcpListener| socket.local_addr().unwrap().port();
    // Bound and not listening: closed, and nobody else can take it.
    let closed =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&closed, &std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let bound: std::net::SocketAddr = rustix::net::getsockname(&closed).unwrap().try_into().unwrap();
    let at = |port| Endpoint::tcp(Ipv4Addr::LOCALHOST.into(), port);
    let open = || SocketDoor::open(AddressSet::new()).unwrap();
    sockets_conform(open, at(port(&listener)), at(bound.port()));
    // With a second thread, whichever of the two makes the connect.
    sockets_conform(|| open().with_second_lane().unwrap(), at(port(&listener)), at(bound.port()));
}

#[test]
fn the_real_door_conforms_with_datagrams() {
    let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (echo, silent) = (bind(), bind());
    let at = |port| Endpoint { address: Ipv4Addr::LOCALHOST.into(), transport: Transport::Udp, port };
    let [answering, mute] = [&echo, &silent].map(|socket| at(socket.local_addr().unwrap().port()));
    // Ends with the test's process.
    let answer = move || {
        let mut buffer = [0; 2048];
        loop {
            // An error is about an answer to a port that is closed meanwhile; the next datagram comes all the same.
            if let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
            }
        }
    };
    std::thread::Builder::new().spawn(answer).unwrap();
    // Below the ephemeral ports, so that nobody takes it meanwhile.
    let is_free = |port: &u16| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    let closed = (20_000..30_000).find(is_free).unwrap();
    datagrams_conform(|| SocketDoor::open(AddressSet::new()).unwrap(), answering, at(closed), mute);
}
