//! ICMPv6. Before editing, read RFC 4443 and RFC 4884 section 4 (what may follow a quoted packet).

use crate::bytes::{array, put};
use crate::checksum::PseudoHeader;
use crate::icmpv4::{echo_rest, emit_unsummed};
use crate::malformed::Malformed;
use crate::protocol;

/// The layout is ICMP's (RFC 4443 section 2.1).
pub use crate::icmpv4::{HEADER_LENGTH, field};

/// Destination unreachable.
pub const DESTINATION_UNREACHABLE: u8 = 1;
/// Packet too big.
pub const PACKET_TOO_BIG: u8 = 2;
/// Time exceeded.
pub const TIME_EXCEEDED: u8 = 3;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 4;
/// Echo request.
pub const ECHO_REQUEST: u8 = 128;
/// Echo reply.
pub const ECHO_REPLY: u8 = 129;
/// Neighbour solicitation (RFC 4861 section 4.3); see [`crate::ndp`].
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Neighbour advertisement (RFC 4861 section 4.4); see [`crate::ndp`].
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// An ICMPv6 message, read in place.
#[derive(Copy, Clone, Debug)]
pub struct Icmpv6View<'a> {
    message: &'a [u8],
}

impl<'a> Icmpv6View<'a> {
    /// A whole message: the payload of an IPv6 packet, extension headers left behind.
    pub fn new_checked(message: &'a [u8]) -> Result<Self, Malformed> {
        if message.len() < HEADER_LENGTH {
            return Err(Malformed::new("ICMPv6", "shorter than its header"));
        }
        Ok(Icmpv6View { message })
    }

    /// Type.
    pub fn icmp_type(&self) -> u8 {
        self.message[field::TYPE]
    }

    /// Code.
    pub fn code(&self) -> u8 {
        self.message[field::CODE]
    }

    /// The second half of the header; the type says what it is.
    pub fn rest(&self) -> [u8; 4] {
        array(self.message, field::REST)
    }

    /// What follows the header: echoed data, or the quoted packet.
    pub fn payload(&self) -> &'a [u8] {
        &self.message[HEADER_LENGTH..]
    }

    /// Whether it reports an error about a packet, and quotes it: the high bit of the type is clear
    /// (RFC 4443 section 2.1).
    pub fn is_error(&self) -> bool {
        self.icmp_type() < 128
    }

    /// Whether the checksum holds (RFC 4443 section 2.3: it includes the addresses, unlike ICMP's).
    pub fn has_valid_checksum(&self, pseudo: &PseudoHeader) -> bool {
        pseudo.is_valid(protocol::ICMPV6, self.message)
    }
}

/// The meaning of a message.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Icmpv6Repr<'a> {
    /// Echo request.
    EchoRequest {
        /// Whose request it is.
        identifier: u16,
        /// Which of them.
        sequence: u16,
        /// What is to be sent back.
        data: &'a [u8],
    },
    /// Echo reply.
    EchoReply {
        /// As in the request.
        identifier: u16,
        /// As in the request.
        sequence: u16,
        /// As in the request.
        data: &'a [u8],
    },
    /// Any other: errors, whose quoted packet is read with [`crate::Quote`], and neighbour discovery
    /// ([`crate::NdpView`]) among them.
    Other {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
        /// The second half of the header.
        rest: [u8; 4],
        /// What follows the header.
        payload: &'a [u8],
    },
}

impl<'a> Icmpv6Repr<'a> {
    /// The meaning of `view`.
    pub fn parse(view: &Icmpv6View<'a>) -> Self {
        let rest @ [i, d, s, q] = view.rest();
        let (identifier, sequence) = (u16::from_be_bytes([i, d]), u16::from_be_bytes([s, q]));
        let payload = view.payload();
        match (view.icmp_type(), view.code()) {
            (ECHO_REQUEST, 0) => Icmpv6Repr::EchoRequest { identifier, sequence, data: payload },
            (ECHO_REPLY, 0) => Icmpv6Repr::EchoReply { identifier, sequence, data: payload },
            (icmp_type, code) => Icmpv6Repr::Other { icmp_type, code, rest, payload },
        }
    }

    /// Writes the message with its checksum to the start of `buffer` and returns its length.
    pub fn emit(&self, pseudo: &PseudoHeader, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let (icmp_type, code, rest, payload) = match *self {
            Icmpv6Repr::EchoRequest { identifier, sequence, data } => {
                (ECHO_REQUEST, 0, echo_rest(identifier, sequence), data)
            }
            Icmpv6Repr::EchoReply { identifier, sequence, data } => {
                (ECHO_REPLY, 0, echo_rest(identifier, sequence), data)
            }
            Icmpv6Repr::Other { icmp_type, code, rest, payload } => (icmp_type, code, rest, payload),
        };
        let message = emit_unsummed(buffer, (icmp_type, code, rest), payload)?;
        let checksum = pseudo.checksum(protocol::ICMPV6, message);
        put(message, field::CHECKSUM, checksum.to_be_bytes());
        Ok(message.len())
    }
}
