//! The processes of the test hosts. Nobody starts them by hand, but one may: `portolan-lab` alone tells how.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to whoever started it")]

use std::ffi::OsString;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use portolan_lab::{bare, forward, listen, measure, pulse, respond};

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
            let asked = forward::asked().ok_or("PORTOLAN_LAB_FORWARD says which path to be")??;
            forward::run(&asked).map_err(|error| error.to_string())
        }
        ["respond", ref asked @ ..] => respond::run(&respond::Asked::read(asked)?),
        ["flood", interface, hardware, from, to, count, threads] => {
            let flood = respond::flood::Flood {
                interface: interface.to_owned(),
                hardware: respond::read_hardware(hardware)?,
                from: number(from)?,
                to: number(to)?,
                count: number(count)?,
                threads: number(threads)?,
            };
            println!("{:.3} seconds", respond::flood::run(&flood)?);
            Ok(())
        }
        ["take-answers", interface] => respond::take_answers(interface),
        ["pulse", address] => pulse::run(number(address)?).map_err(|error| error.to_string()),
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
                                           PORTOLAN_LAB_FORWARD names the devices, then says what happens between
                                           them, in words such as
                                             delay=10ms jitter=5ms loss=0.05 limit=100000 duplicate=0.1 seed=7
                                             reorder=0.1,30ms      so many are held back for so long
                                             burst=900ms,100ms,1   good and bad spells of these means, loss in a bad one
                                             rate=1mbit,100kbit@2s queue=50ms    or queue=20kB; from 2 s on less
                                             outage=2s,1500ms      or outage=2s,1500ms,5s: again every 5 s
                                             flows=200,30s,1s      a table of so many flows, which forgets one after
                                                                   30 s, or 1 s after a reset
                                           A word holds for both directions, after `there:` or `back:` for one of them;
                                           flows begin at the first device; times count from the first TCP segment or
                                           datagram
  portolan-lab respond --interface NAME --prefix CIDR... [--router ADDRESS] [--seed N]
                       [--open N] [--silent N] [--prohibited N] [--alive N]
                                           answers in the kernel for every address of the prefixes (a flag for each),
                                           until standard input ends, then tells what it counted. Of 65536 ports so
                                           many are open, silent, prohibited by the router (or else by the first
                                           address), the rest closed; of 65536 addresses so many have a host, or all
  portolan-lab take-answers INTERFACE      lets a veth interface take what a responder at its other end sends
  portolan-lab flood INTERFACE HARDWARE FROM TO COUNT THREADS
                                           SYNs made in the kernel, to random ports of an address behind the responder
                                           whose hardware address this is; tells how long they took
  portolan-lab pulse ADDRESS               20 datagrams a second to its discard port, until standard input ends
  portolan-lab bare ADDRESS WINDOW         connects to all 65535 ports of an address that answers at every one
  portolan-lab measure STDOUT STDERR SECONDS PROGRAM...
                                           runs a program and tells its seconds and its memory";
