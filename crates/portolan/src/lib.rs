//! The door: joins the rooms. `argv → plan → run → sinks → exit code`, and nothing else.

#![forbid(unsafe_code)]

pub mod args;
mod checkpoint;
mod door;
mod exit;
mod gather;
mod hint;
mod outputs;
mod pipe;
mod ports;
mod run;
mod scope;
mod seek;
mod stop;
mod user;
mod vendors;
mod view;
mod wide;

pub use run::main;
