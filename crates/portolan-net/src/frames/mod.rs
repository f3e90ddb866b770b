//! The door with capture rights: packets of our own making, beside the kernel's sockets.

mod door;
mod neighbours;
mod ports;
mod ways;

pub use door::PacketDoor;
