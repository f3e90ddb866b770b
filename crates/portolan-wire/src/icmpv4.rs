//! ICMP. Before editing, read RFC 792, RFC 1122 section 3.2.2 and RFC 1812 section 5.2.7.

use crate::bytes::{array, put, room};
use crate::checksum;
use crate::malformed::Malformed;

/// Where the fields stand: RFC 792, "Message Formats".
pub mod field {
    use std::ops::Range;

    /// Type.
    pub const TYPE: usize = 0;
    /// Code.
    pub const CODE: usize = 1;
    /// Checksum over the message.
    pub const CHECKSUM: Range<usize> = 2..4;
    /// What the type makes of it: identifier and sequence number, next-hop MTU, pointer, unused.
    pub const REST: Range<usize> = 4..8;
}

/// Echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Destination unreachable.
pub const DESTINATION_UNREACHABLE: u8 = 3;
/// Source quench (deprecated by RFC 6633).
pub const SOURCE_QUENCH: u8 = 4;
/// Redirect.
pub const REDIRECT: u8 = 5;
/// Echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Time exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 12;
/// Timestamp request.
pub const TIMESTAMP_REQUEST: u8 = 13;
/// Timestamp reply.
pub const TIMESTAMP_REPLY: u8 = 14;

/// Length of the header that all messages share.
pub const HEADER_LENGTH: usize = 8;

/// An ICMP message, read in place.
#[derive(Copy, Clone, Debug)]
pub struct Icmpv4View<'a> {
    message: &'a [u8],
}

impl<'a> Icmpv4View<'a> {
    /// A whole message: the payload of an IPv4 packet.
    pub fn new_checked(message: &'a [u8]) -> Result<Self, Malformed> {
        if message.len() < HEADER_LENGTH {
            return Err(Malformed::new("ICMP", "shorter than its header"));
        }
        Ok(Icmpv4View { message })
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

    /// Whether it reports an error about a packet, and quotes it (RFC 1122 section 3.2.2).
    pub fn is_error(&self) -> bool {
        matches!(
            self.icmp_type(),
            DESTINATION_UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM
        )
    }

    /// Whether the checksum holds.
    pub fn has_valid_checksum(&self) -> bool {
        checksum::is_valid(self.message)
    }
}

/// The meaning of a message.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Icmpv4Repr<'a> {
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
    /// Any other, errors among them; the quoted packet is read with [`crate::Quote`].
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

impl<'a> Icmpv4Repr<'a> {
    /// The meaning of `view`.
    pub fn parse(view: &Icmpv4View<'a>) -> Self {
        let rest @ [i, d, s, q] = view.rest();
        let (identifier, sequence) = (u16::from_be_bytes([i, d]), u16::from_be_bytes([s, q]));
        let payload = view.payload();
        match (view.icmp_type(), view.code()) {
            (ECHO_REQUEST, 0) => Icmpv4Repr::EchoRequest { identifier, sequence, data: payload },
            (ECHO_REPLY, 0) => Icmpv4Repr::EchoReply { identifier, sequence, data: payload },
            (icmp_type, code) => Icmpv4Repr::Other { icmp_type, code, rest, payload },
        }
    }

    /// Writes the message with its checksum to the start of `buffer` and returns its length.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let (icmp_type, code, rest, payload) = match *self {
            Icmpv4Repr::EchoRequest { identifier, sequence, data } => {
                (ECHO_REQUEST, 0, echo_rest(identifier, sequence), data)
            }
            Icmpv4Repr::EchoReply { identifier, sequence, data } => {
                (ECHO_REPLY, 0, echo_rest(identifier, sequence), data)
            }
            Icmpv4Repr::Other { icmp_type, code, rest, payload } => (icmp_type, code, rest, payload),
        };
        let message = emit_unsummed(buffer, (icmp_type, code, rest), payload)?;
        let checksum = checksum::of(message);
        put(message, field::CHECKSUM, checksum.to_be_bytes());
        Ok(message.len())
    }
}

/// The message with a checksum of zero; ICMPv6 shares the layout (RFC 4443 section 2.1).
pub(crate) fn emit_unsummed<'a>(
    buffer: &'a mut [u8],
    (icmp_type, code, rest): (u8, u8, [u8; 4]),
    payload: &[u8],
) -> Result<&'a mut [u8], Malformed> {
    let message = room("ICMP", buffer, HEADER_LENGTH + payload.len())?;
    message[field::TYPE] = icmp_type;
    message[field::CODE] = code;
    put(message, field::CHECKSUM, [0, 0]);
    put(message, field::REST, rest);
    message[HEADER_LENGTH..].copy_from_slice(payload);
    Ok(message)
}

/// RFC 792, "Echo or Echo Reply Message"; RFC 4443 section 4.
pub(crate) fn echo_rest(identifier: u16, sequence: u16) -> [u8; 4] {
    let ([i, d], [s, q]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    [i, d, s, q]
}
