//! The flood: SYNs made in the kernel, as fast as it can, to find out what a responder bears when no scanner is in the
//! way. Like the bare loop it is no scanner: what comes back is dropped, unread, where it comes in.

use std::net::Ipv4Addr;

use portolan_sys::bpf::asm::{Alu, Assembler, Helper, If, R0, R1, R2, R6, R7, Size};
use portolan_sys::bpf::{Instruction, XdpLink, XdpProgram};
use portolan_sys::clock::monotonic_nanos;
use portolan_sys::interfaces::index_of;
use portolan_wire::tcp::{self, TcpFlags};
use portolan_wire::{Ipv4Repr, PseudoHeader, TcpOptions, TcpRepr, ipv4, protocol};

/// Where a flood goes out, and to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flood {
    /// The interface.
    pub interface: String,
    /// Who is asked on its link.
    pub hardware: [u8; 6],
    /// From which address.
    pub from: Ipv4Addr,
    /// Which address is asked, at random ports.
    pub to: Ipv4Addr,
    /// How many SYNs each thread sends.
    pub count: u32,
    /// How many threads send.
    pub threads: u32,
}

/// Sends them all; how many seconds it took.
pub fn run(flood: &Flood) -> Result<f64, String> {
    let index = index_of(&flood.interface).ok_or_else(|| format!("no interface {}", flood.interface))?;
    let frame = frame(flood).map_err(|error| error.to_string())?;
    let loaded = |code: Vec<Instruction>| {
        XdpProgram::load(&code, c"MIT OR Apache-2.0").map_err(|error| error.to_string())
    };
    let (sender, sink) = (loaded(sends(&frame))?, loaded(drops())?);
    let _link = XdpLink::attach(&sink, index).map_err(|error| format!("{}: {error}", flood.interface))?;
    let start = monotonic_nanos();
    // A thread is in the kernel until all of its SYNs are sent.
    std::thread::scope(|scope| {
        let send = || sender.run_live(&frame, index, flood.count);
        let threads: Vec<_> = (0..flood.threads).map(|_| scope.spawn(send)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it only waits for the kernel"))
    })
    .map_err(|error| format!("cannot send: {error}"))?;
    Ok((monotonic_nanos() - start) as f64 / 1e9)
}

/// A SYN, but for its destination port.
fn frame(flood: &Flood) -> Result<Vec<u8>, portolan_wire::Malformed> {
    let header = Ipv4Repr {
        source: flood.from,
        destination: flood.to,
        protocol: protocol::TCP,
        ttl: 64,
        identification: 0,
        dont_fragment: true,
        traffic_class: 0,
        payload_length: tcp::HEADER_LENGTH,
    };
    let segment = TcpRepr {
        source_port: 61_000,
        destination_port: 0,
        sequence: 0x706f_7274,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 1024,
        urgent: 0,
        options: TcpOptions::default(),
        payload: &[],
    };
    // Whom it comes from on the link matters to nobody: the answers are dropped.
    let mut frame = [&flood.hardware[..], &flood.hardware, &[8, 0]].concat();
    let ethernet = frame.len();
    frame.resize(ethernet + ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH, 0);
    header.emit(&mut frame[ethernet..])?;
    let pseudo = PseudoHeader::V4 { source: flood.from, destination: flood.to };
    segment.emit(&pseudo, &mut frame[ethernet + ipv4::HEADER_LENGTH..])?;
    Ok(frame)
}

/// Writes the whole frame each time: what the kernel hands out again is what became of it at the other end. The checksum
/// stays that of port 0, since a responder does not look at it.
fn sends(frame: &[u8]) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let lost = asm.label();
    asm.alu(Alu::Move, R6, R1);
    asm.call(Helper::Random);
    asm.load(Size::Word, R7, R6, 0);
    asm.load(Size::Word, R2, R6, 4);
    asm.alu(Alu::Move, R1, R7);
    asm.alu(Alu::Add, R1, u32::from(DESTINATION_PORT.unsigned_abs()) + 18);
    asm.jump_if(If::Greater, R1, R2, lost);
    for (bytes, at) in frame.as_chunks().0.iter().zip((0..).step_by(2)) {
        asm.store(Size::Half, R7, at, u32::from(u16::from_ne_bytes(*bytes)));
    }
    asm.store(Size::Half, R7, DESTINATION_PORT, R0);
    asm.exit(SEND_BACK);
    asm.bind(lost);
    asm.exit(DROP);
    asm.finish()
}

fn drops() -> Vec<Instruction> {
    let mut asm = Assembler::default();
    asm.exit(DROP);
    asm.finish()
}

const DESTINATION_PORT: i16 = 14 + 20 + 2;

// enum xdp_action of include/uapi/linux/bpf.h.
const DROP: u32 = 1;
const SEND_BACK: u32 = 3;
