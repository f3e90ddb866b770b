//! The door without privilege.

mod connect;
mod door;
mod home;
mod machine;
mod pool;

pub use door::SocketDoor;
