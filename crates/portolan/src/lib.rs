//! The door: joins the rooms. `argv → plan → run → sinks → exit code`, and nothing else.

#![forbid(unsafe_code)]

pub mod args;
mod door;
mod exit;
mod gather;
mod hint;
mod outputs;
mod pipe;
mod ports;
mod run;
mod scope;
mod stop;
mod view;

pub use run::main;
