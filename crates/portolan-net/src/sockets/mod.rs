//! The door without privilege.

mod connect;
mod datagram;
mod door;
mod home;
mod lane;
mod machine;
mod pool;
mod sending;

pub use door::SocketDoor;
