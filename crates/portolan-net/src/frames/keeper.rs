//! What keeps answers to our SYNs from the kernel: a program behind our tap and before everything else.
//!
//! Before editing, read RFC 9293 sections 3.1 and 3.10.7.1, [`Numbers`], and what `portolan-sys/src/bpf/ingress.rs`
//! asks for.
//!
//! It drops a SYN-ACK or a RST that goes to one of our ports and acknowledges one of our numbers, and nothing else:
//! connections of this machine pass, and those that it forwards or translates for others. What it is not sure of passes
//! too (options of IPv4, extension headers of IPv6, fragments), and the kernel refuses it as it would without us. It keeps
//! nothing, counts nothing, and goes when this process does, however that ends.

use std::ops::RangeInclusive;

use portolan_model::frames::Numbers;
use portolan_sys::bpf::asm::{
    Alu, Assembler, Helper, If, Label, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Register, STACK, Size,
};
use portolan_sys::bpf::{IngressLink, IngressProgram, Instruction, Refused};
use portolan_wire::tcp::{self, TcpFlags};
use portolan_wire::{Ipv6View, ipv4, ipv6, protocol};

/// The program, and where it is.
#[derive(Debug)]
pub(super) struct Keeper {
    program: IngressProgram,
    held: Vec<(u32, IngressLink)>,
}

impl Keeper {
    /// Loads the program. Needs CAP_BPF and CAP_NET_ADMIN.
    pub(super) fn load(numbers: Numbers, ports: &RangeInclusive<u16>) -> Result<Self, Refused> {
        let program = IngressProgram::load(&assemble(numbers, ports), c"MIT")?;
        Ok(Keeper { program, held: Vec::new() })
    }

    /// Puts it at an interface, if the kernel has a place for it there.
    pub(super) fn hold(&mut self, interface: u32) {
        if !self.holds(interface)
            && let Ok(link) = IngressLink::attach(&self.program, interface)
        {
            self.held.push((interface, link));
        }
    }

    /// Whether it is anywhere.
    pub(super) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether the kernel is kept from this packet, if it answers a SYN of ours.
    pub(super) fn keeps(&self, interface: u32, packet: &[u8]) -> bool {
        self.holds(interface) && is_plain(packet)
    }

    fn holds(&self, interface: u32) -> bool {
        self.held.iter().any(|(held, _)| *held == interface)
    }
}

/// Whether the program looks into such a packet; of TCP that is no fragment.
fn is_plain(packet: &[u8]) -> bool {
    match packet.first() {
        Some(&PLAIN_IPV4) => true,
        Some(first) if first >> 4 == 6 => {
            packet.get(ipv6::field::NEXT_HEADER) == Some(&protocol::TCP)
                && Ipv6View::new_checked(packet).is_ok_and(|view| !view.source().is_unicast_link_local())
        }
        _ => false,
    }
}

/// The program. Its argument is a `struct __sk_buff`.
fn assemble(numbers: Numbers, ports: &RangeInclusive<u16>) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let [v6, finish, pass] = std::array::from_fn(|_| asm.label());
    asm.alu(Alu::Move, R6, R1);
    asm.load(Size::Word, R7, R6, SKB_PROTOCOL);
    asm.network_order(R7, Size::Half);
    asm.jump_if(If::Equal, R7, ETHER_TYPE_IPV6, v6);
    asm.jump_if(If::NotEqual, R7, ETHER_TYPE_IPV4, pass);

    load_headers(&mut asm, ipv4::HEADER_LENGTH, pass);
    asm.load(Size::Byte, R1, STACK, at(ipv4::field::VERSION_IHL));
    asm.jump_if(If::NotEqual, R1, u32::from(PLAIN_IPV4), pass);
    asm.load(Size::Byte, R1, STACK, at(ipv4::field::PROTOCOL));
    asm.jump_if(If::NotEqual, R1, u32::from(protocol::TCP), pass);
    asm.load(Size::Half, R1, STACK, at(ipv4::field::FLAGS_FRAGMENT.start));
    asm.network_order(R1, Size::Half);
    asm.alu(Alu::And, R1, MORE_FRAGMENTS_OR_OFFSET);
    asm.jump_if(If::NotEqual, R1, 0, pass);
    begin(&mut asm, ipv4::HEADER_LENGTH, ports, pass);
    asm.load(Size::Word, R8, STACK, at(ipv4::field::SOURCE.start));
    asm.network_order(R8, Size::Word);
    asm.alu(Alu::Move, R0, R7);
    asm.alu(Alu::ShiftLeft, R0, 32);
    asm.alu(Alu::Or, R8, R0);
    key(&mut asm, numbers);
    compress(&mut asm, R8);
    asm.load_constant(R8, 8 << 56);
    asm.jump(finish);

    asm.bind(v6);
    load_headers(&mut asm, ipv6::HEADER_LENGTH, pass);
    asm.load(Size::Byte, R1, STACK, at(ipv6::field::NEXT_HEADER));
    asm.jump_if(If::NotEqual, R1, u32::from(protocol::TCP), pass);
    // An address of the link says nothing without its link, which an answer of ours would need: the kernel's does.
    asm.load(Size::Half, R1, STACK, at(ipv6::field::SOURCE.start));
    asm.network_order(R1, Size::Half);
    asm.alu(Alu::And, R1, LINK_LOCAL_MASK);
    asm.jump_if(If::Equal, R1, LINK_LOCAL, pass);
    begin(&mut asm, ipv6::HEADER_LENGTH, ports, pass);
    key(&mut asm, numbers);
    for half in [ipv6::field::SOURCE.start + 8, ipv6::field::SOURCE.start] {
        asm.load(Size::Double, R8, STACK, at(half));
        asm.network_order(R8, Size::Double);
        compress(&mut asm, R8);
    }
    asm.load_constant(R8, 20 << 56);
    asm.alu(Alu::Or, R8, R7);

    asm.bind(finish);
    compress(&mut asm, R8);
    asm.alu(Alu::Xor, V[2], 0xff);
    (0..3).for_each(|_| round(&mut asm));
    asm.alu(Alu::Xor, V[0], V[1]);
    asm.alu(Alu::Xor, V[0], V[2]);
    asm.alu(Alu::Xor, V[0], V[3]);
    asm.alu32(Alu::Xor, V[0], R9);
    asm.alu32(Alu::ShiftRight, V[0], Numbers::PLACE_BITS);
    asm.jump_if(If::NotEqual, V[0], 0, pass);
    asm.exit(IngressProgram::DROP);
    asm.bind(pass);
    asm.exit(IngressProgram::NEXT);
    asm.finish()
}

/// Copies the headers of IP and TCP to the stack, where IP takes so many bytes. The packet is in R6 and stays there.
fn load_headers(asm: &mut Assembler, ip: usize, pass: Label) {
    asm.alu(Alu::Move, R1, R6);
    asm.alu(Alu::Move, R2, 0);
    asm.alu(Alu::Move, R3, STACK);
    asm.alu(Alu::Add, R3, ROOM.wrapping_neg());
    asm.alu(Alu::Move, R4, length(ip + tcp::HEADER_LENGTH));
    asm.alu(Alu::Move, R5, FROM_NETWORK_HEADER);
    asm.call(Helper::LoadBytesRelative);
    asm.jump_if(If::NotEqual, R0, 0, pass);
}

/// Passes what is no SYN-ACK and no RST for us. R7 becomes the two ports, R9 the number that is acknowledged.
fn begin(asm: &mut Assembler, ip: usize, ports: &RangeInclusive<u16>, pass: Label) {
    let answer = asm.label();
    asm.load(Size::Word, R7, STACK, at(ip + tcp::field::SOURCE_PORT.start));
    asm.network_order(R7, Size::Word);
    asm.alu(Alu::Move, R1, R7);
    asm.alu(Alu::And, R1, u32::from(u16::MAX));
    asm.jump_if(If::Less, R1, u32::from(*ports.start()), pass);
    asm.jump_if(If::Greater, R1, u32::from(*ports.end()), pass);
    asm.load(Size::Byte, R1, STACK, at(ip + tcp::field::FLAGS));
    asm.alu(Alu::And, R1, u32::from((TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK).0));
    asm.jump_if(If::Equal, R1, u32::from((TcpFlags::SYN | TcpFlags::ACK).0), answer);
    asm.jump_if(If::NotEqual, R1, u32::from((TcpFlags::RST | TcpFlags::ACK).0), pass);
    asm.bind(answer);
    asm.load(Size::Word, R9, STACK, at(ip + tcp::field::ACKNOWLEDGMENT.start));
    asm.network_order(R9, Size::Word);
    asm.alu32(Alu::Sub, R9, 1);
}

/// SipHash: the state that a key begins with. Constants and rounds are of "SipHash: a fast short-input PRF", sections 2.1
/// to 2.3 and figure 2.1; what is hashed is [`Numbers`]' choice.
fn key(asm: &mut Assembler, numbers: Numbers) {
    let (k0, k1) = numbers.key();
    let state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    for (register, value) in V.into_iter().zip(state) {
        asm.load_constant(register, value);
    }
}

/// Eight bytes more, with one round.
fn compress(asm: &mut Assembler, word: Register) {
    asm.alu(Alu::Xor, V[3], word);
    round(asm);
    asm.alu(Alu::Xor, V[0], word);
}

fn round(asm: &mut Assembler) {
    let [v0, v1, v2, v3] = V;
    for (a, b, c, d, left, right) in [(v0, v1, v2, v3, 13, 16), (v2, v1, v0, v3, 17, 21)] {
        asm.alu(Alu::Add, a, b);
        asm.alu(Alu::Add, c, d);
        rotate(asm, b, left);
        rotate(asm, d, right);
        asm.alu(Alu::Xor, b, a);
        asm.alu(Alu::Xor, d, c);
        rotate(asm, a, 32);
    }
}

/// To the left; R5 is lost.
fn rotate(asm: &mut Assembler, register: Register, bits: u32) {
    asm.alu(Alu::Move, R5, register);
    asm.alu(Alu::ShiftLeft, register, bits);
    asm.alu(Alu::ShiftRight, R5, 64 - bits);
    asm.alu(Alu::Or, register, R5);
}

/// Where on the stack a byte of the headers is.
fn at(offset: usize) -> i16 {
    // The longest headers have 60 bytes.
    offset as i16 - ROOM as i16
}

fn length(length: usize) -> u32 {
    // As above.
    length as u32
}

/// What the state of the hash is kept in.
const V: [Register; 4] = [R1, R2, R3, R4];

/// For an IPv6 and a TCP header, in whole words.
const ROOM: u32 = 64;

/// Version 4, and no options (RFC 791 section 3.1).
const PLAIN_IPV4: u8 = 0x45;
const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;

/// `fe80::/10` (RFC 4291 section 2.5.6).
const LINK_LOCAL: u32 = 0xfe80;
const LINK_LOCAL_MASK: u32 = 0xffc0;

const ETHER_TYPE_IPV4: u32 = 0x0800;
const ETHER_TYPE_IPV6: u32 = 0x86dd;

// include/uapi/linux/bpf.h, `struct __sk_buff` and `enum bpf_hdr_start_off`.
const SKB_PROTOCOL: i16 = 16;
const FROM_NETWORK_HEADER: u32 = 1;

#[cfg(test)]
mod tests;
