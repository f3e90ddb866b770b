//! The program that answers, as it runs in the kernel for every frame that comes in.
//!
//! Before editing, read RFC 9293 section 3.10.7.1 (which segment answers which), RFC 1812 section 4.3.2 (what an ICMP
//! error quotes), RFC 1071 (the checksum, whose order of bytes does not matter) and Documentation/bpf/verifier.rst of
//! Linux. Checksums of what comes in are not looked at: between veth devices the sending kernel leaves them unfinished.

use std::net::Ipv4Addr;

use portolan_sys::bpf::asm::{
    Alu, Assembler, Helper, If, Label, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Register, STACK, Size, Source,
};
use portolan_sys::bpf::{Instruction, Map};
use portolan_wire::tcp::{self, TcpFlags};
use portolan_wire::{icmpv4, ipv4, protocol};

use super::Prefix;
use super::counts::{Counter, PROCESSORS};
use super::truth::{ROUNDS, SEQUENCE, Transport, Truth};

/// What the program has built in.
pub(crate) struct Setup<'a> {
    /// For whom it answers.
    pub(crate) prefixes: &'a [Prefix],
    /// Who says that something is prohibited.
    pub(crate) router: Ipv4Addr,
    /// The index of the interface.
    pub(crate) interface: u32,
    /// Its address.
    pub(crate) hardware: [u8; 6],
    /// What it answers.
    pub(crate) truth: Truth,
}

/// The program for this setup, which counts in this map.
pub(crate) fn assemble(setup: &Setup<'_>, counters: &Map) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let [silent, answer, refuse, send_back, pass, failed] = std::array::from_fn(|_| asm.label());
    let mut program = Program { asm, setup, silent, answer, refuse, send_back, pass, failed };
    program.begin(counters);
    program.dispatch();
    program.answer();
    program.refuse();
    program.send_back();
    for (label, counter, verdict) in
        [(silent, Counter::Silent, DROP), (pass, Counter::Passed, PASS), (failed, Counter::Failed, DROP)]
    {
        program.asm.bind(label);
        program.ends(counter, verdict);
    }
    program.asm.finish()
}

/// The program in the making, and the places that many of its ways lead to.
struct Program<'a> {
    asm: Assembler,
    setup: &'a Setup<'a>,
    /// Drops the frame: so it is there.
    silent: Label,
    /// Makes a TCP answer of the SYN in the frame; the stack says which.
    answer: Label,
    /// Makes an ICMP error that quotes the packet in the frame; the stack says which, and from whom.
    refuse: Label,
    /// Sends the frame out where it came in.
    send_back: Label,
    /// Leaves the frame to the kernel.
    pass: Label,
    /// Drops the frame: no answer could be made of it.
    failed: Label,
}

impl Program<'_> {
    /// Keeps the context and finds this processor's counters.
    fn begin(&mut self, counters: &Map) {
        let asm = &mut self.asm;
        asm.alu(Alu::Move, CONTEXT, R1);
        asm.call(Helper::ProcessorNumber);
        asm.alu32(Alu::And, R0, PROCESSORS - 1);
        asm.store(Size::Word, STACK, slot::KEY, R0);
        asm.load_map(R1, counters);
        asm.alu(Alu::Move, R2, STACK);
        asm.alu(Alu::Add, R2, i32::from(slot::KEY).cast_unsigned());
        asm.call(Helper::MapLookup);
        let found = asm.label();
        asm.jump_if(If::NotEqual, R0, 0, found);
        // The verifier wants to see it; an array has all its entries.
        asm.exit(PASS);
        asm.bind(found);
        asm.alu(Alu::Move, COUNTERS, R0);
        self.count(Counter::Seen);
    }

    /// What kind of frame it is.
    fn dispatch(&mut self) {
        self.reach(ETHERNET, self.pass);
        let arp = self.asm.label();
        self.asm.load(Size::Half, R1, FRAME, at::ETHERTYPE);
        self.asm.jump32_if(If::Equal, R1, half(ETHERTYPE_ARP), arp);
        self.asm.jump32_if(If::NotEqual, R1, half(ETHERTYPE_IPV4), self.pass);
        self.ipv4();
        self.asm.bind(arp);
        self.arp();
    }

    /// A whole packet without options to a host of ours.
    fn ipv4(&mut self) {
        self.reach(IP_END, self.pass);
        self.asm.load(Size::Byte, R1, FRAME, IP);
        self.asm.jump32_if(If::NotEqual, R1, u32::from(VERSION_AND_LENGTH), self.pass);
        self.asm.load(Size::Half, R1, FRAME, at::FRAGMENT);
        self.asm.alu32(Alu::And, R1, half(FRAGMENT_MASK));
        self.asm.jump32_if(If::NotEqual, R1, 0, self.pass);
        self.asm.load(Size::Word, R2, FRAME, at::DESTINATION);
        self.asm.network_order(R2, Size::Word);
        self.in_a_prefix(R2, self.pass);
        self.asm.alu32(Alu::Move, HASH, self.setup.truth.start());
        self.mix(R2);
        self.share(R1);
        let alive = self.asm.label();
        self.asm.jump32_if(If::Less, R1, self.setup.truth.alive(), alive);
        self.asm.jump(self.silent);
        self.asm.bind(alive);
        let [tcp, udp, icmp] = std::array::from_fn(|_| self.asm.label());
        self.asm.load(Size::Byte, R1, FRAME, at::PROTOCOL);
        for (number, label) in [(protocol::TCP, tcp), (protocol::UDP, udp), (protocol::ICMP, icmp)] {
            self.asm.jump32_if(If::Equal, R1, u32::from(number), label);
        }
        self.asm.jump(self.pass);
        self.asm.bind(tcp);
        self.tcp();
        self.asm.bind(udp);
        self.udp();
        self.asm.bind(icmp);
        self.echo();
    }

    fn tcp(&mut self) {
        self.reach(TCP_END, self.pass);
        let [ignored, open, prohibited] = std::array::from_fn(|_| self.asm.label());
        let begins = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST | TcpFlags::FIN;
        self.asm.load(Size::Byte, R1, FRAME, at::FLAGS);
        self.asm.alu32(Alu::And, R1, u32::from(begins.0));
        self.asm.jump32_if(If::NotEqual, R1, u32::from(TcpFlags::SYN.0), ignored);
        self.endpoint(Transport::Tcp);
        self.judge(open, self.silent, prohibited);
        self.count(Counter::Reset);
        // RFC 9293 section 3.10.7.1: "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>".
        self.asm.store(Size::Word, STACK, slot::SEQUENCE, 0);
        self.asm.store(Size::Word, STACK, slot::CONTROL, control(TcpFlags::RST | TcpFlags::ACK, 0));
        self.asm.jump(self.answer);
        self.asm.bind(open);
        self.count(Counter::SynAck);
        self.mix(SEQUENCE);
        self.asm.network_order(HASH, Size::Word);
        self.asm.store(Size::Word, STACK, slot::SEQUENCE, HASH);
        self.asm.store(Size::Word, STACK, slot::CONTROL, control(TcpFlags::SYN | TcpFlags::ACK, WINDOW));
        self.asm.jump(self.answer);
        self.asm.bind(prohibited);
        self.prohibited();
        self.asm.bind(ignored);
        self.ends(Counter::Ignored, DROP);
    }

    fn udp(&mut self) {
        self.reach(UDP_END, self.pass);
        let prohibited = self.asm.label();
        self.endpoint(Transport::Udp);
        self.judge(self.silent, self.silent, prohibited);
        self.count(Counter::Unreachable);
        self.asm.load(Size::Word, R1, FRAME, at::DESTINATION);
        self.asm.store(Size::Word, STACK, slot::SENDER, R1);
        self.asm.store(Size::Word, STACK, slot::MESSAGE, unreachable(PORT_UNREACHABLE));
        self.asm.jump(self.refuse);
        self.asm.bind(prohibited);
        self.prohibited();
    }

    fn prohibited(&mut self) {
        self.count(Counter::Prohibited);
        self.asm.store(Size::Word, STACK, slot::SENDER, word(self.setup.router.octets()));
        self.asm.store(Size::Word, STACK, slot::MESSAGE, unreachable(COMMUNICATION_PROHIBITED));
        self.asm.jump(self.refuse);
    }

    /// A ping comes back as it came, but for its type.
    fn echo(&mut self) {
        self.reach(ICMP_END, self.pass);
        self.asm.load(Size::Half, R1, FRAME, ICMP);
        let request = u16::from_be_bytes([icmpv4::ECHO_REQUEST, 0]);
        self.asm.jump32_if(If::NotEqual, R1, half(request), self.pass);
        self.swap_hardware_addresses(0);
        self.swap_addresses();
        self.asm.store(Size::Byte, FRAME, at::TTL, u32::from(TTL));
        self.ip_checksum();
        self.asm.store(Size::Half, FRAME, ICMP, half(u16::from_be_bytes([icmpv4::ECHO_REPLY, 0])));
        // RFC 1624 equation 3 with a word that becomes zero: the checksum grows by it.
        self.asm.load(Size::Half, R1, FRAME, at::ICMP_CHECKSUM);
        self.asm.alu(Alu::Add, R1, half(request));
        self.fold();
        self.asm.store(Size::Half, FRAME, at::ICMP_CHECKSUM, R1);
        self.count(Counter::Echo);
        self.asm.jump(self.send_back);
    }

    /// Every address of a prefix, with a host or without, is behind this interface.
    fn arp(&mut self) {
        self.reach(ARP_END, self.pass);
        for (offset, expected) in [(ARP, ARP_FOR_IPV4), (ARP + 4, ARP_REQUEST)] {
            self.asm.load(Size::Word, R1, FRAME, offset);
            self.asm.jump32_if(If::NotEqual, R1, word(expected), self.pass);
        }
        self.asm.load(Size::Word, R3, FRAME, at::ARP_SENDER);
        self.asm.load(Size::Word, R4, FRAME, at::ARP_TARGET);
        // Who asks for its own address asks whether anybody else has it (RFC 5227), and nobody has.
        self.asm.jump32_if(If::Equal, R3, R4, self.pass);
        self.asm.alu32(Alu::Move, R2, R4);
        self.asm.network_order(R2, Size::Word);
        self.in_a_prefix(R2, self.pass);
        let asm = &mut self.asm;
        asm.load(Size::Word, R3, FRAME, at::ARP_SENDER);
        asm.store(Size::Word, FRAME, at::ARP_TARGET, R3);
        asm.store(Size::Word, FRAME, at::ARP_SENDER, R4);
        asm.load(Size::Word, R1, FRAME, at::ARP_SENDER_HARDWARE);
        asm.load(Size::Half, R2, FRAME, at::ARP_SENDER_HARDWARE + 4);
        for offset in [0, at::ARP_TARGET_HARDWARE] {
            asm.store(Size::Word, FRAME, offset, R1);
            asm.store(Size::Half, FRAME, offset + 4, R2);
        }
        let [a, b, c, d, e, f] = self.setup.hardware;
        for offset in [6, at::ARP_SENDER_HARDWARE] {
            asm.store(Size::Word, FRAME, offset, word([a, b, c, d]));
            asm.store(Size::Half, FRAME, offset + 4, half(u16::from_be_bytes([e, f])));
        }
        asm.store(Size::Word, FRAME, ARP + 4, word(ARP_REPLY));
        self.count(Counter::Arp);
        self.asm.jump(self.send_back);
    }

    /// The answer of [`Program::answer`] over the SYN; without options, which a host may leave out.
    fn answer(&mut self) {
        self.asm.bind(self.answer);
        self.cut(TCP_END);
        self.swap_hardware_addresses(0);
        self.swap_addresses();
        self.ip_header(TCP_END - ETHERNET, DO_NOT_FRAGMENT, protocol::TCP);
        let asm = &mut self.asm;
        asm.load(Size::Half, R1, FRAME, at::SOURCE_PORT);
        asm.load(Size::Half, R2, FRAME, at::DESTINATION_PORT);
        asm.store(Size::Half, FRAME, at::SOURCE_PORT, R2);
        asm.store(Size::Half, FRAME, at::DESTINATION_PORT, R1);
        asm.load(Size::Word, R1, FRAME, at::SEQUENCE);
        asm.network_order(R1, Size::Word);
        asm.alu32(Alu::Add, R1, 1);
        asm.network_order(R1, Size::Word);
        asm.store(Size::Word, FRAME, at::ACKNOWLEDGMENT, R1);
        for (slot, offset) in [(slot::SEQUENCE, at::SEQUENCE), (slot::CONTROL, at::DATA_OFFSET)] {
            asm.load(Size::Word, R1, STACK, slot);
            asm.store(Size::Word, FRAME, offset, R1);
        }
        asm.store(Size::Word, FRAME, at::TCP_CHECKSUM, 0);
        // The pseudo-header: protocol and length, then the addresses, which stand where they are summed.
        let length = word([0, protocol::TCP, 0, 20]);
        asm.alu32(Alu::Move, R1, length);
        self.sum(at::SOURCE, TCP_END);
        self.store_checksum(at::TCP_CHECKSUM);
        self.asm.jump(self.send_back);
    }

    /// The error of [`Program::refuse`], before the packet that it quotes: IP header and eight bytes.
    fn refuse(&mut self) {
        self.asm.bind(self.refuse);
        self.asm.alu(Alu::Move, R1, CONTEXT);
        self.asm.alu(Alu::Move, R2, (-i32::from(BEFORE_QUOTE)).cast_unsigned());
        self.asm.call(Helper::AdjustHead);
        self.asm.jump32_if(If::NotEqual, R0, 0, self.failed);
        self.reach(REFUSAL_END, self.failed);
        self.cut(REFUSAL_END);
        self.swap_hardware_addresses(BEFORE_QUOTE);
        let asm = &mut self.asm;
        asm.store(Size::Half, FRAME, at::ETHERTYPE, half(ETHERTYPE_IPV4));
        asm.load(Size::Word, R1, STACK, slot::SENDER);
        asm.store(Size::Word, FRAME, at::SOURCE, R1);
        asm.load(Size::Word, R1, FRAME, BEFORE_QUOTE + at::SOURCE);
        asm.store(Size::Word, FRAME, at::DESTINATION, R1);
        self.ip_header(REFUSAL_END - ETHERNET, 0, protocol::ICMP);
        let asm = &mut self.asm;
        asm.load(Size::Word, R1, STACK, slot::MESSAGE);
        asm.store(Size::Word, FRAME, ICMP, R1);
        asm.store(Size::Word, FRAME, ICMP + 4, 0);
        asm.alu32(Alu::Move, R1, 0);
        self.sum(ICMP, REFUSAL_END);
        self.store_checksum(at::ICMP_CHECKSUM);
        self.asm.jump(self.send_back);
    }

    /// The verdict `XDP_TX` would say it shorter. But a veth device whose frame comes back so (`veth_xdp_flush` of
    /// Linux) wakes the other end only if there is an XDP program too. A frame redirected out of the same device
    /// (`veth_xdp_xmit`) wakes every end that polls.
    fn send_back(&mut self) {
        self.asm.bind(self.send_back);
        self.asm.alu32(Alu::Move, R1, self.setup.interface);
        self.asm.alu32(Alu::Move, R2, 0);
        self.asm.call(Helper::Redirect);
        self.asm.leave();
    }

    /// Makes sure that so many bytes are there, or goes elsewhere. The verifier must see this before each access, and
    /// again after each call that may move the frame.
    fn reach(&mut self, length: i16, otherwise: Label) {
        let asm = &mut self.asm;
        asm.load(Size::Word, FRAME, CONTEXT, 0);
        asm.load(Size::Word, END, CONTEXT, 4);
        asm.alu(Alu::Move, R1, FRAME);
        asm.alu(Alu::Add, R1, u32::from(length.unsigned_abs()));
        asm.jump_if(If::Greater, R1, END, otherwise);
    }

    /// Cuts off what is behind so many bytes.
    fn cut(&mut self, length: i16) {
        let asm = &mut self.asm;
        asm.alu(Alu::Move, R2, FRAME);
        asm.alu(Alu::Sub, R2, END);
        asm.alu(Alu::Add, R2, u32::from(length.unsigned_abs()));
        asm.alu(Alu::Move, R1, CONTEXT);
        asm.call(Helper::AdjustTail);
        asm.jump32_if(If::NotEqual, R0, 0, self.failed);
        self.reach(length, self.failed);
    }

    /// Goes on if an address is in one of the prefixes, or else elsewhere.
    fn in_a_prefix(&mut self, address: Register, otherwise: Label) {
        let inside = self.asm.label();
        for prefix in self.setup.prefixes {
            self.asm.alu32(Alu::Move, R3, address);
            self.asm.alu32(Alu::And, R3, prefix.mask());
            self.asm.jump32_if(If::Equal, R3, prefix.first().to_bits(), inside);
        }
        self.asm.jump(otherwise);
        self.asm.bind(inside);
    }

    /// [`mix`](super::truth::mix).
    fn mix(&mut self, word: impl Into<Source>) {
        self.asm.alu32(Alu::Xor, HASH, word);
        for (factor, shift) in ROUNDS {
            self.asm.alu32(Alu::Mul, HASH, factor);
            self.asm.alu32(Alu::Move, R0, HASH);
            self.asm.alu32(Alu::ShiftRight, R0, shift);
            self.asm.alu32(Alu::Xor, HASH, R0);
        }
    }

    /// Makes the hash of a host that of an endpoint.
    fn endpoint(&mut self, transport: Transport) {
        self.asm.load(Size::Half, R1, FRAME, at::DESTINATION_PORT);
        self.asm.network_order(R1, Size::Half);
        self.asm.alu32(Alu::Or, R1, u32::from(transport.number()) << 16);
        self.mix(R1);
    }

    /// Goes where the truth about the endpoint leads; closed is just behind.
    fn judge(&mut self, open: Label, silent: Label, prohibited: Label) {
        self.share(R1);
        for (limit, label) in self.setup.truth.limits().into_iter().zip([open, silent, prohibited]) {
            self.asm.jump32_if(If::Less, R1, limit, label);
        }
    }

    /// The half of the hash that shares are compared with.
    fn share(&mut self, to: Register) {
        self.asm.alu32(Alu::Move, to, HASH);
        self.asm.alu32(Alu::ShiftRight, to, 16);
    }

    /// Sends the frame back to where the Ethernet header at `old` says that it came from.
    fn swap_hardware_addresses(&mut self, old: i16) {
        let asm = &mut self.asm;
        for (register, offset, size) in HARDWARE_PARTS {
            asm.load(size, register, FRAME, old + offset);
        }
        for (register, offset, size) in HARDWARE_PARTS {
            asm.store(size, FRAME, (offset + 6) % 12, register);
        }
    }

    fn swap_addresses(&mut self) {
        let asm = &mut self.asm;
        asm.load(Size::Word, R1, FRAME, at::SOURCE);
        asm.load(Size::Word, R2, FRAME, at::DESTINATION);
        asm.store(Size::Word, FRAME, at::SOURCE, R2);
        asm.store(Size::Word, FRAME, at::DESTINATION, R1);
    }

    /// All of the IP header but the addresses, which must be there.
    fn ip_header(&mut self, total: i16, fragment: u16, protocol: u8) {
        let [high, low] = total.to_be_bytes();
        let [flags, offset] = fragment.to_be_bytes();
        let asm = &mut self.asm;
        asm.store(Size::Word, FRAME, IP, word([VERSION_AND_LENGTH, 0, high, low]));
        asm.store(Size::Word, FRAME, IP + 4, word([0, 0, flags, offset]));
        asm.store(Size::Half, FRAME, at::TTL, half(u16::from_be_bytes([TTL, protocol])));
        self.ip_checksum();
    }

    fn ip_checksum(&mut self) {
        self.asm.store(Size::Half, FRAME, at::IP_CHECKSUM, 0);
        self.asm.alu32(Alu::Move, R1, 0);
        self.sum(IP, IP_END);
        self.store_checksum(at::IP_CHECKSUM);
    }

    /// Adds up the words from one place to another. 64 bits do not overflow.
    fn sum(&mut self, from: i16, to: i16) {
        for offset in (from..to).step_by(4) {
            self.asm.load(Size::Word, R2, FRAME, offset);
            self.asm.alu(Alu::Add, R1, R2);
        }
    }

    /// Carries go around until 16 bits are left (RFC 1071 section 1).
    fn fold(&mut self) {
        let asm = &mut self.asm;
        asm.alu(Alu::Move, R2, R1);
        asm.alu(Alu::ShiftRight, R2, 32);
        asm.alu32(Alu::Move, R1, R1);
        asm.alu(Alu::Add, R1, R2);
        // At most 2³³, then 2¹⁸, then 2¹⁶ + 3.
        for _ in 0..3 {
            asm.alu(Alu::Move, R2, R1);
            asm.alu(Alu::ShiftRight, R2, 16);
            asm.alu(Alu::And, R1, 0xffff);
            asm.alu(Alu::Add, R1, R2);
        }
    }

    fn store_checksum(&mut self, offset: i16) {
        self.fold();
        self.asm.alu(Alu::Xor, R1, 0xffff);
        self.asm.store(Size::Half, FRAME, offset, R1);
    }

    fn ends(&mut self, counter: Counter, verdict: u32) {
        self.count(counter);
        self.asm.exit(verdict);
    }

    fn count(&mut self, counter: Counter) {
        let offset = 8 * counter as i16;
        self.asm.load(Size::Double, R0, COUNTERS, offset);
        self.asm.alu(Alu::Add, R0, 1);
        self.asm.store(Size::Double, COUNTERS, offset, R0);
    }
}

const CONTEXT: Register = R6;
/// Where the frame begins.
const FRAME: Register = R7;
/// Where it ends.
const END: Register = R8;
const COUNTERS: Register = R9;
/// Lost in calls, but after the first call there is none as long as it is needed.
const HASH: Register = R5;

/// What an Ethernet header says of where to and where from, in words that a register can hold.
const HARDWARE_PARTS: [(Register, i16, Size); 4] =
    [(R1, 0, Size::Word), (R2, 4, Size::Half), (R3, 6, Size::Word), (R4, 10, Size::Half)];

// enum xdp_action of include/uapi/linux/bpf.h.
pub(crate) const DROP: u32 = 1;
pub(crate) const PASS: u32 = 2;
#[cfg(test)]
pub(crate) const REDIRECT: u32 = 4;

/// What is kept on the stack, which a call leaves alone.
mod slot {
    /// The key of the counters.
    pub(super) const KEY: i16 = -4;
    /// The sequence number of a TCP answer.
    pub(super) const SEQUENCE: i16 = -8;
    /// Its data offset, flags and window.
    pub(super) const CONTROL: i16 = -12;
    /// Who sends an ICMP error.
    pub(super) const SENDER: i16 = -16;
    /// Its type and code, and no checksum yet.
    pub(super) const MESSAGE: i16 = -20;
}

// Where headers begin and end in a frame.
const ETHERNET: i16 = 14;
const ARP: i16 = ETHERNET;
const ARP_END: i16 = ARP + 28;
const IP: i16 = ETHERNET;
const IP_END: i16 = IP + 20;
const ICMP: i16 = IP_END;
const ICMP_END: i16 = ICMP + 8;
const UDP_END: i16 = IP_END + 8;
const TCP: i16 = IP_END;
const TCP_END: i16 = TCP + 20;
/// What an ICMP error puts before the packet that it quotes.
const BEFORE_QUOTE: i16 = 20 + 8;
const REFUSAL_END: i16 = BEFORE_QUOTE + IP_END + 8;

/// Where fields are in a frame.
mod at {
    use super::{ARP, ICMP, IP, TCP, icmpv4, ipv4, tcp};

    pub(super) const ETHERTYPE: i16 = 12;
    pub(super) const ARP_SENDER_HARDWARE: i16 = ARP + 8;
    pub(super) const ARP_SENDER: i16 = ARP + 14;
    pub(super) const ARP_TARGET_HARDWARE: i16 = ARP + 18;
    pub(super) const ARP_TARGET: i16 = ARP + 24;
    pub(super) const FRAGMENT: i16 = IP + ipv4::field::FLAGS_FRAGMENT.start as i16;
    pub(super) const TTL: i16 = IP + ipv4::field::TTL as i16;
    pub(super) const PROTOCOL: i16 = IP + ipv4::field::PROTOCOL as i16;
    pub(super) const IP_CHECKSUM: i16 = IP + ipv4::field::CHECKSUM.start as i16;
    pub(super) const SOURCE: i16 = IP + ipv4::field::SOURCE.start as i16;
    pub(super) const DESTINATION: i16 = IP + ipv4::field::DESTINATION.start as i16;
    pub(super) const ICMP_CHECKSUM: i16 = ICMP + icmpv4::field::CHECKSUM.start as i16;
    /// The same over UDP.
    pub(super) const SOURCE_PORT: i16 = TCP + tcp::field::SOURCE_PORT.start as i16;
    /// The same over UDP.
    pub(super) const DESTINATION_PORT: i16 = TCP + tcp::field::DESTINATION_PORT.start as i16;
    pub(super) const SEQUENCE: i16 = TCP + tcp::field::SEQUENCE.start as i16;
    pub(super) const ACKNOWLEDGMENT: i16 = TCP + tcp::field::ACKNOWLEDGMENT.start as i16;
    pub(super) const DATA_OFFSET: i16 = TCP + tcp::field::DATA_OFFSET as i16;
    pub(super) const FLAGS: i16 = TCP + tcp::field::FLAGS as i16;
    pub(super) const TCP_CHECKSUM: i16 = TCP + tcp::field::CHECKSUM.start as i16;
}

// RFC 826, over Ethernet (RFC 7042).
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ARP_FOR_IPV4: [u8; 4] = [0, 1, 8, 0];
const ARP_REQUEST: [u8; 4] = [6, 4, 0, 1];
const ARP_REPLY: [u8; 4] = [6, 4, 0, 2];

// RFC 791 section 3.1.
const VERSION_AND_LENGTH: u8 = 0x45;
/// More fragments, and the offset of this one.
const FRAGMENT_MASK: u16 = 0x3fff;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const TTL: u8 = 64;

/// What Linux offers at first over Ethernet.
const WINDOW: u16 = 64_240;

// RFC 792 and RFC 1812 section 5.2.7.1, codes of "destination unreachable".
const PORT_UNREACHABLE: u8 = 3;
const COMMUNICATION_PROHIBITED: u8 = 13;

/// The first word of an ICMP error, without its checksum.
fn unreachable(code: u8) -> u32 {
    word([icmpv4::DESTINATION_UNREACHABLE, code, 0, 0])
}

/// Data offset, flags and window of a TCP header without options.
fn control(flags: TcpFlags, window: u16) -> u32 {
    let [high, low] = window.to_be_bytes();
    word([5 << 4, flags.0, high, low])
}

/// Bytes of a frame as a processor of this kind loads them.
fn word(bytes: [u8; 4]) -> u32 {
    u32::from_ne_bytes(bytes)
}

/// Two bytes of a frame as a processor of this kind loads them.
fn half(value: u16) -> u32 {
    u16::from_ne_bytes(value.to_be_bytes()).into()
}
