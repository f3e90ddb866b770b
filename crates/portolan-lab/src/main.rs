//! The processes of the test hosts. Nobody starts them by hand, but one may: `portolan-lab` alone tells how.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to whoever started it")]

use std::ffi::OsString;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use portolan_lab::{bare, forward, listen, measure};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("portolan-lab: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[OsString]) -> Result<(), String> {
    let text: Vec<&str> = words.iter().map_while(|word| word.to_str()).collect();
    match *text.as_slice() {
        ["listen"] => {
            listen::run(&listen::asked().ok_or("PORTOLAN_LAB_LISTEN says what to listen on")?);
            Ok(())
        }
        ["forward"] => {
            let (devices, path, seed) =
                forward::asked().ok_or("PORTOLAN_LAB_FORWARD says which path to be")?;
            forward::run(devices.each_ref().map(String::as_str), path, seed)
                .map_err(|error| error.to_string())
        }
        ["bare", address, window] => {
            let open = bare::run(number(address)?, 1..=u16::MAX, number(window)?);
            println!("{} open", open.map_err(|error| error.to_string())?);
            Ok(())
        }
        ["measure", stdout, stderr, seconds, ..] if words.len() > 4 => {
            let limit = Duration::from_secs(number(seconds)?);
            let told = measure::run(stdout.as_ref(), stderr.as_ref(), limit, &words[4], &words[5..]);
            println!("{}", told.map_err(|error| error.to_string())?);
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("not understood: {word}"))
}

const USAGE: &str = "\
usage:
  portolan-lab listen                      serves what PORTOLAN_LAB_LISTEN names, until standard input ends:
                                           `accept`, `full`, `echo` or `mute`, then sockets, all in one text
  portolan-lab forward                     two tun devices and the path between them, until standard input ends:
                                           PORTOLAN_LAB_FORWARD names the devices, then microseconds of delay and
                                           of jitter one way, a probability, packets a direction, a seed
  portolan-lab bare ADDRESS WINDOW         connects to all 65535 ports of an address that answers at every one
  portolan-lab measure STDOUT STDERR SECONDS PROGRAM...
                                           runs a program and tells its seconds and its memory";
