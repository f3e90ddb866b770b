//! The responder: a program in the kernel, at an interface, that answers for whole prefixes as a seed says.
//!
//! It is for timing: a real kernel takes several microseconds to answer a probe, and has one address at a time. What it
//! answers where is a pure function, the [`Truth`], so that every verdict of a scanner can be judged. It keeps no
//! state: a SYN is answered each time it comes, and whatever else of TCP comes is counted and dropped.
//!
//! Between veth devices its answers reach the other end only if that end polls for what comes:
//! [`Server::responder`](crate::server::Server::responder) sees to that.

mod counts;
pub mod flood;
mod prefix;
mod program;
#[cfg(test)]
mod tests;
mod truth;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::str::FromStr;

use portolan_sys::bpf::{Map, XdpLink, XdpMode, XdpProgram};
use portolan_sys::interfaces::index_of;
use portolan_sys::offload;

use crate::listen::READY;

pub use counts::{Counter, Counts};
pub use prefix::Prefix;
pub use truth::{Shares, State, Transport, Truth, WHOLE};

/// What a responder is asked to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The interface that it answers at.
    pub interface: String,
    /// For whom it answers; one at least.
    pub prefixes: Vec<Prefix>,
    /// Who says that something is prohibited.
    pub router: Ipv4Addr,
    /// What the truth is made of.
    pub seed: u32,
    /// What the truth is made of.
    pub shares: Shares,
}

impl Asked {
    /// What the words of a command line ask for.
    pub fn read(words: &[&str]) -> Result<Self, String> {
        let (mut interface, mut prefixes, mut router) = (None, Vec::new(), None);
        let (mut seed, mut shares) = (0, Shares::default());
        let (pairs, rest) = words.as_chunks();
        for [flag, value] in pairs {
            match *flag {
                "--interface" => interface = Some((*value).to_owned()),
                "--prefix" => prefixes.push(understood(value)?),
                "--router" => router = Some(understood(value)?),
                "--seed" => seed = understood(value)?,
                "--open" => shares.open = understood(value)?,
                "--silent" => shares.silent = understood(value)?,
                "--prohibited" => shares.prohibited = understood(value)?,
                "--alive" => shares.alive = understood(value)?,
                _ => return Err(format!("not understood: {flag}")),
            }
        }
        if let Some(flag) = rest.first() {
            return Err(format!("no value after {flag}"));
        }
        let first: &Prefix = prefixes.first().ok_or("--prefix says for whom to answer")?;
        let router = router.unwrap_or(first.first());
        let interface = interface.ok_or("--interface says where to answer")?;
        Ok(Asked { interface, prefixes, router, seed, shares })
    }

    /// The words that ask for it.
    pub fn words(&self) -> Vec<String> {
        let Shares { open, silent, prohibited, alive } = self.shares;
        let prefixes = self.prefixes.iter().map(|prefix| ("--prefix", prefix.to_string()));
        let others = [
            ("--interface", self.interface.clone()),
            ("--router", self.router.to_string()),
            ("--seed", self.seed.to_string()),
            ("--open", open.to_string()),
            ("--silent", silent.to_string()),
            ("--prohibited", prohibited.to_string()),
            ("--alive", alive.to_string()),
        ];
        prefixes.chain(others).flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// What it will answer.
    pub fn truth(&self) -> Result<Truth, String> {
        Truth::new(self.seed, self.shares).ok_or_else(|| format!("shares of more than {WHOLE}"))
    }
}

/// A responder at its interface; it goes with the process.
pub struct Responder {
    link: XdpLink,
    counters: Map,
}

impl Responder {
    /// Loads the program and attaches it.
    pub fn attach(asked: &Asked) -> Result<Self, String> {
        let index = index_of(&asked.interface).ok_or_else(|| format!("no interface {}", asked.interface))?;
        let (program, counters) = load(asked, index, hardware_address(&asked.interface)?)?;
        let link = XdpLink::attach(&program, index)
            .map_err(|error| format!("cannot attach to {}: {error}", asked.interface))?;
        Ok(Responder { link, counters })
    }

    /// Where in the kernel it runs.
    pub fn mode(&self) -> XdpMode {
        self.link.mode()
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Result<Counts, String> {
        counts::sums(&self.counters).map_err(|error| format!("cannot read the counters: {error}"))
    }
}

/// Answers until standard input ends, after one line that says so; then tells what it counted.
#[expect(clippy::print_stdout, reason = "whoever started this process reads its word and its counts")]
pub fn run(asked: &Asked) -> Result<(), String> {
    let responder = Responder::attach(asked)?;
    let prefixes: Vec<String> = asked.prefixes.iter().map(Prefix::to_string).collect();
    let place = match responder.mode() {
        XdpMode::Native => "in the driver",
        XdpMode::Generic => "behind the driver",
    };
    println!("{} at {}, {place} {READY}", prefixes.join(" "), asked.interface);
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    // Nothing is to be done but to wait: the kernel does the rest.
    std::io::stdin().read_to_end(&mut Vec::new()).map_err(|error| error.to_string())?;
    println!("{}", responder.counts()?.written());
    Ok(())
}

/// Lets a veth interface take what a responder at its other end sends back.
pub fn take_answers(interface: &str) -> Result<(), String> {
    offload::receive_offload(interface, true).map_err(|error| format!("{interface}: {error}"))
}

/// The program in the kernel, not attached yet, and what it counts in.
fn load(asked: &Asked, interface: u32, hardware: [u8; 6]) -> Result<(XdpProgram, Map), String> {
    let counters = counts::map().map_err(|error| format!("bpf(2): {error}"))?;
    let setup = program::Setup {
        prefixes: &asked.prefixes,
        router: asked.router,
        interface,
        hardware,
        truth: asked.truth()?,
    };
    let instructions = program::assemble(&setup, &counters);
    let program = XdpProgram::load(&instructions, c"MIT OR Apache-2.0").map_err(|error| error.to_string())?;
    Ok((program, counters))
}

/// What the interface of this name is called on its link.
fn hardware_address(interface: &str) -> Result<[u8; 6], String> {
    let file = format!("/sys/class/net/{interface}/address");
    read_hardware(&std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?)
}

/// The Ethernet address that a text says.
pub fn read_hardware(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> =
        text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| format!("not an Ethernet address: {text}"))
}

fn understood<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("not understood: {word}"))
}
