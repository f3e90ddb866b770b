//! The door without privilege.

mod connect;
mod home;
mod pool;

pub use connect::ConnectDoor;
