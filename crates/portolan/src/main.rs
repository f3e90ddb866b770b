//! The command `portolan`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    portolan::main(std::env::args_os())
}
