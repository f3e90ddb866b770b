use std::io;

/// What can go wrong before the first packet. Later, nothing is an error: it is an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The descriptor that all waiting is done with.
    #[error("create epoll: {0}")]
    CreateEpoll(io::Error),
    /// What one thread wakes the other with.
    #[error("create an eventfd: {0}")]
    CreateBell(io::Error),
    /// The second thread that connects.
    #[error("start a thread: {0}")]
    StartThread(io::Error),
    /// Without them, a neighbour that does not answer cannot be told from a firewall that does.
    #[error("list the addresses of this machine's interfaces: {0}")]
    ListInterfaces(io::Error),
    /// None of this machine's has that name.
    #[error("there is no interface {name}; this machine has {others}")]
    NoSuchInterface {
        /// What was asked for.
        name: String,
        /// Those there are, with commas.
        others: String,
    },
    /// Nothing leaves by it.
    #[error("the interface {0} is down")]
    InterfaceDown(String),
    /// The descriptor that packets go out and come in by.
    #[error("open a packet socket (AF_PACKET): {0}")]
    OpenPacketSocket(io::Error),
    /// Which way packets go.
    #[error("read the routes of this machine: {0}")]
    ReadRoutes(io::Error),
    /// Every port of ours may be given to a socket, and what came to it would not be for us alone.
    #[error("no TCP port is free for packets of our own: net.ipv4.ip_local_port_range leaves none")]
    NoFreePorts,
}
