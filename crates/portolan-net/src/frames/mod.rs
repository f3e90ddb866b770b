//! The door with capture rights: packets of our own making, beside the kernel's sockets.

mod door;
mod keeper;
mod multicast;
mod neighbours;
mod ports;
mod ways;

pub(crate) use ways::Ways;

pub use door::PacketDoor;
