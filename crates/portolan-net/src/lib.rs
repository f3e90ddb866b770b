//! The real doors: what touches the network for the engine, which never does so itself.
//!
//! **Invariant:** nothing here decides. A door reports what its kernel told it, in the words of
//! `portolan-model`; what that means for a port is the engine's business. What it does refuse is to
//! ask an address that the user forbade: it is the last to look before a packet leaves.
#![forbid(unsafe_code)]

mod error;
mod frames;
mod interface;
mod resolve;
mod sockets;

pub use error::NetError;
pub use frames::PacketDoor;
pub use interface::Interface;
pub use resolve::{Family, ResolveError, interface_index, resolve};
pub use sockets::SocketDoor;
