//! The real door keeps the same contract as the simulated one.

use std::net::{Ipv4Addr, TcpListener};

use portolan_model::Endpoint;
use portolan_net::SocketDoor;
use portolan_sim::conformance::sockets_conform;
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
    sockets_conform(|| SocketDoor::open(AddressSet::new()).unwrap(), at(port(&listener)), at(bound.port()));
}
