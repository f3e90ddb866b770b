//! Which packets a packet socket is told of, decided in the kernel before anything is copied: classic BPF.
//!
//! Before editing, read Documentation/networking/filter.rst of Linux, RFC 791 section 3.1 and RFC 8200 sections 3
//! and 4.
//!
//! Offsets count from the first byte of the network header: that is where the packets of a SOCK_DGRAM socket begin.
//! A load beyond the end of a packet refuses it.

use std::ops::RangeInclusive;
use std::os::fd::BorrowedFd;

use libc::sock_filter as Instruction;

use crate::Errno;
use crate::socket::set_option;

/// A choice of packets. None lets through what this machine sends itself (PACKET_OUTGOING).
#[derive(Clone, Debug)]
pub struct Filter {
    program: Vec<Instruction>,
}

impl Filter {
    /// Every packet that comes in.
    pub fn none() -> Self {
        Filter::incoming(vec![accept()])
    }

    /// What may be an answer to someone who has these TCP and UDP ports:
    ///
    /// - TCP and UDP over IPv4 to one of them, and over IPv6 right behind its header,
    /// - ICMP and ICMPv6 right behind the header, if it is an error or answers an echo or timestamp request, and neighbour
    ///   advertisements,
    /// - of fragments over IPv4 only the first,
    /// - ARP,
    /// - IPv6 with any of the extension headers 0, 43, 44 and 60 first. What stands behind those is for the
    ///   reader to find out: no program without loops can.
    ///
    /// A range that is empty leaves out TCP and UDP, except behind extension headers.
    pub fn answers(ports: &RangeInclusive<u16>) -> Self {
        let mut program = vec![load_word(ancillary(libc::SKF_AD_PROTOCOL))];
        program.extend(when_equal(libc::ETH_P_ARP as u32, vec![accept()]));
        program.extend(when_equal(libc::ETH_P_IP as u32, over_ipv4(ports)));
        program.extend(when_equal(libc::ETH_P_IPV6 as u32, over_ipv6(ports)));
        program.push(refuse());
        Filter::incoming(program)
    }

    /// No packet at all.
    pub(crate) fn nothing() -> Self {
        Filter { program: vec![refuse()] }
    }

    /// `program`, and before it what all have in common.
    fn incoming(program: Vec<Instruction>) -> Self {
        let mut whole = vec![load_word(ancillary(libc::SKF_AD_PKTTYPE))];
        whole.extend(when_equal(libc::PACKET_OUTGOING.into(), vec![refuse()]));
        whole.extend(program);
        Filter { program: whole }
    }

    /// Makes it the filter of a socket. The kernel takes a copy.
    pub(crate) fn attach(&self, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        let program = libc::sock_fprog {
            len: u16::try_from(self.program.len()).map_err(|_| Errno::INVAL)?,
            // The kernel only reads; the type of the field does not say so.
            filter: self.program.as_ptr().cast_mut(),
        };
        set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }
}

fn over_ipv4(ports: &RangeInclusive<u16>) -> Vec<Instruction> {
    let mut port = vec![load_header_length(0), load_half_behind_header(DESTINATION_PORT)];
    port.extend(accept_within(ports));
    let mut icmp = vec![load_header_length(0), load_byte_behind_header(ICMP_TYPE)];
    icmp.extend(accept_any(&ICMP_ANSWERS));

    let mut first = vec![load_byte(IPV4_PROTOCOL)];
    first.extend(when_equal(libc::IPPROTO_TCP as u32, port.clone()));
    first.extend(when_equal(libc::IPPROTO_UDP as u32, port));
    first.extend(when_equal(libc::IPPROTO_ICMP as u32, icmp));
    first.push(refuse());

    let mut program = vec![load_half(IPV4_FRAGMENT)];
    program.extend(when_clear(IPV4_FRAGMENT_OFFSET, first));
    program.push(refuse());
    program
}

fn over_ipv6(ports: &RangeInclusive<u16>) -> Vec<Instruction> {
    let mut port = vec![load_half(IPV6_HEADER + DESTINATION_PORT)];
    port.extend(accept_within(ports));
    let mut icmp = vec![load_byte(IPV6_HEADER + ICMP_TYPE)];
    icmp.extend(accept_any(&ICMPV6_ANSWERS));

    let mut program = vec![load_byte(IPV6_NEXT_HEADER)];
    program.extend(when_equal(libc::IPPROTO_TCP as u32, port.clone()));
    program.extend(when_equal(libc::IPPROTO_UDP as u32, port));
    program.extend(when_equal(libc::IPPROTO_ICMPV6 as u32, icmp));
    program.extend(accept_any(&IPV6_LOOK_AGAIN));
    program
}

/// Ends the program either way.
fn accept_any(of: &[u32]) -> Vec<Instruction> {
    let mut program: Vec<_> = of.iter().flat_map(|value| when_equal(*value, vec![accept()])).collect();
    program.push(refuse());
    program
}

/// Ends the program either way.
fn accept_within(ports: &RangeInclusive<u16>) -> Vec<Instruction> {
    let at_most = unless(JUMP_GREATER, (*ports.end()).into(), vec![accept()]);
    let mut program = when(JUMP_AT_LEAST, (*ports.start()).into(), at_most);
    program.push(refuse());
    program
}

fn when_equal(value: u32, body: Vec<Instruction>) -> Vec<Instruction> {
    when(JUMP_EQUAL, value, body)
}

fn when_clear(mask: u32, body: Vec<Instruction>) -> Vec<Instruction> {
    unless(JUMP_ANY_SET, mask, body)
}

/// `body`, jumped over where the comparison fails. A body that loads anything has to end the program: what follows
/// it counts on what was loaded before.
fn when(comparison: u16, value: u32, body: Vec<Instruction>) -> Vec<Instruction> {
    let over = distance(&body);
    [vec![Instruction { code: comparison, jt: 0, jf: over, k: value }], body].concat()
}

/// `body`, jumped over where the comparison holds.
fn unless(comparison: u16, value: u32, body: Vec<Instruction>) -> Vec<Instruction> {
    let over = distance(&body);
    [vec![Instruction { code: comparison, jt: over, jf: 0, k: value }], body].concat()
}

/// All bodies of this file have fewer than 60 instructions, whatever the ports.
fn distance(body: &[Instruction]) -> u8 {
    debug_assert!(body.len() <= u8::MAX.into());
    body.len() as u8
}

const fn load_word(at: u32) -> Instruction {
    plain(LOAD | WORD | ABSOLUTE, at)
}

const fn load_half(at: u32) -> Instruction {
    plain(LOAD | HALF | ABSOLUTE, at)
}

const fn load_byte(at: u32) -> Instruction {
    plain(LOAD | BYTE | ABSOLUTE, at)
}

/// The index register becomes four times the low half of the byte at `at`: the length of an IPv4 header.
const fn load_header_length(at: u32) -> Instruction {
    plain(LOAD_INDEX | BYTE | HEADER_LENGTH, at)
}

const fn load_half_behind_header(at: u32) -> Instruction {
    plain(LOAD | HALF | INDEXED, at)
}

const fn load_byte_behind_header(at: u32) -> Instruction {
    plain(LOAD | BYTE | INDEXED, at)
}

/// What is returned is how many bytes are kept; no packet has this many.
const fn accept() -> Instruction {
    plain(RETURN, u32::MAX)
}

const fn refuse() -> Instruction {
    plain(RETURN, 0)
}

const fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// The place of something that the kernel knows of a packet and that is not in its bytes.
const fn ancillary(what: libc::c_int) -> u32 {
    (libc::SKF_AD_OFF + what) as u32
}

// include/uapi/linux/bpf_common.h: class, size and mode of a load; class and operation of a jump.
const LOAD: u16 = 0x00;
const LOAD_INDEX: u16 = 0x01;
const WORD: u16 = 0x00;
const HALF: u16 = 0x08;
const BYTE: u16 = 0x10;
const ABSOLUTE: u16 = 0x20;
const INDEXED: u16 = 0x40;
const HEADER_LENGTH: u16 = 0xa0;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

// RFC 791 section 3.1.
const IPV4_FRAGMENT: u32 = 6;
const IPV4_FRAGMENT_OFFSET: u32 = 0x1fff;
const IPV4_PROTOCOL: u32 = 9;
// RFC 8200 section 3.
const IPV6_NEXT_HEADER: u32 = 6;
const IPV6_HEADER: u32 = 40;
// RFC 9293 section 3.1 and RFC 768: it stands at one place in both.
const DESTINATION_PORT: u32 = 2;
// RFC 792, RFC 4443 section 2.1.
const ICMP_TYPE: u32 = 0;

/// Hop-by-hop options, routing header, fragment header, destination options (RFC 8200 section 4).
const IPV6_LOOK_AGAIN: [u32; 4] = [0, 43, 44, 60];

/// Echo reply; the errors: destination unreachable, source quench, redirect, time exceeded, parameter problem; timestamp
/// reply (RFC 792).
const ICMP_ANSWERS: [u32; 7] = [0, 3, 4, 5, 11, 12, 14];

/// The errors: destination unreachable, packet too big, time exceeded, parameter problem; echo reply (RFC 4443); neighbour
/// advertisement (RFC 4861 section 4.4).
const ICMPV6_ANSWERS: [u32; 6] = [1, 2, 3, 4, 129, 136];

#[cfg(test)]
pub(super) mod tests;
