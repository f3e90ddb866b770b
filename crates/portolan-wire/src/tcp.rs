//! TCP segments. Before editing, read RFC 9293 sections 3.1 and 3.2 and RFC 7323 (window scale, timestamps).

use std::ops::BitOr;

use crate::bytes::{array, put, room};
use crate::checksum::PseudoHeader;
use crate::malformed::Malformed;
use crate::protocol;

/// Where the fields stand: RFC 9293 section 3.1.
pub mod field {
    use std::ops::Range;

    /// Source port.
    pub const SOURCE_PORT: Range<usize> = 0..2;
    /// Destination port.
    pub const DESTINATION_PORT: Range<usize> = 2..4;
    /// Sequence number.
    pub const SEQUENCE: Range<usize> = 4..8;
    /// Acknowledgment number.
    pub const ACKNOWLEDGMENT: Range<usize> = 8..12;
    /// Header length in 32-bit words (high nibble), reserved bits (low nibble).
    pub const DATA_OFFSET: usize = 12;
    /// Control bits.
    pub const FLAGS: usize = 13;
    /// Window.
    pub const WINDOW: Range<usize> = 14..16;
    /// Checksum over pseudo-header, header and payload.
    pub const CHECKSUM: Range<usize> = 16..18;
    /// Urgent pointer.
    pub const URGENT: Range<usize> = 18..20;
}

/// Length of a header without options.
pub const HEADER_LENGTH: usize = 20;

/// The control bits (RFC 9293 section 3.1).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: TcpFlags = TcpFlags(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: TcpFlags = TcpFlags(0x02);
    /// Reset the connection.
    pub const RST: TcpFlags = TcpFlags(0x04);
    /// Push.
    pub const PSH: TcpFlags = TcpFlags(0x08);
    /// The acknowledgment number counts.
    pub const ACK: TcpFlags = TcpFlags(0x10);
    /// The urgent pointer counts.
    pub const URG: TcpFlags = TcpFlags(0x20);
    /// ECN echo (RFC 3168).
    pub const ECE: TcpFlags = TcpFlags(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: TcpFlags = TcpFlags(0x80);

    /// Whether all bits of `other` are set here.
    pub const fn contains(self, other: TcpFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for TcpFlags {
    type Output = TcpFlags;

    fn bitor(self, rhs: TcpFlags) -> TcpFlags {
        TcpFlags(self.0 | rhs.0)
    }
}

/// A TCP segment, read in place.
#[derive(Copy, Clone, Debug)]
pub struct TcpView<'a> {
    segment: &'a [u8],
    header_length: usize,
}

impl<'a> TcpView<'a> {
    /// A whole segment: the payload of an IP packet. Options are not judged here: a SYN-ACK with a
    /// broken option is still a SYN-ACK.
    pub fn new_checked(segment: &'a [u8]) -> Result<Self, Malformed> {
        if segment.len() < HEADER_LENGTH {
            return Err(malformed("shorter than its header"));
        }
        let header_length = usize::from(segment[field::DATA_OFFSET] >> 4) * 4;
        if header_length < HEADER_LENGTH {
            return Err(malformed("data offset below 5 words"));
        }
        if header_length > segment.len() {
            return Err(malformed("data offset beyond its end"));
        }
        Ok(TcpView { segment, header_length })
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes(array(self.segment, field::SOURCE_PORT))
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes(array(self.segment, field::DESTINATION_PORT))
    }

    /// Sequence number.
    pub fn sequence(&self) -> u32 {
        u32::from_be_bytes(array(self.segment, field::SEQUENCE))
    }

    /// Acknowledgment number; means something only with [`TcpFlags::ACK`].
    pub fn acknowledgment(&self) -> u32 {
        u32::from_be_bytes(array(self.segment, field::ACKNOWLEDGMENT))
    }

    /// Control bits.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(self.segment[field::FLAGS])
    }

    /// Window, unscaled.
    pub fn window(&self) -> u16 {
        u16::from_be_bytes(array(self.segment, field::WINDOW))
    }

    /// Urgent pointer; means something only with [`TcpFlags::URG`].
    pub fn urgent(&self) -> u16 {
        u16::from_be_bytes(array(self.segment, field::URGENT))
    }

    /// The options, one by one.
    pub fn options(&self) -> TcpOptionIter<'a> {
        TcpOptionIter { rest: &self.segment[HEADER_LENGTH..self.header_length] }
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.segment[self.header_length..]
    }

    /// Whether the checksum holds.
    pub fn has_valid_checksum(&self, pseudo: &PseudoHeader) -> bool {
        pseudo.is_valid(protocol::TCP, self.segment)
    }
}

/// One option (RFC 9293 section 3.2).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum TcpOption<'a> {
    /// Maximum segment size (RFC 9293 section 3.7.1).
    MaximumSegmentSize(u16),
    /// Window scale: a shift (RFC 7323 section 2.2).
    WindowScale(u8),
    /// Selective acknowledgment permitted (RFC 2018 section 2).
    SackPermitted,
    /// Timestamps (RFC 7323 section 3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The other side's clock, sent back.
        echo: u32,
    },
    /// Another kind, or one of the above in a length that is not its own.
    Other {
        /// The kind byte.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

/// The options of one header; no-operation and end of list are not told.
///
/// It cannot loop: each step takes at least one byte off a slice of at most forty. An option whose length
/// is below two or beyond the header is told once, as an error, and ends it.
#[derive(Clone, Debug)]
pub struct TcpOptionIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TcpOptionIter<'a> {
    type Item = Result<TcpOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while let [NO_OPERATION, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let [kind, after @ ..] = std::mem::take(&mut self.rest) else { return None };
        if *kind == END_OF_LIST {
            return None;
        }
        // RFC 9293 MUST-7: an illegal length, zero for one, has to be coped with.
        let split = after.split_first().and_then(|(length, after)| {
            usize::from(*length).checked_sub(2).and_then(|length| after.split_at_checked(length))
        });
        let Some((data, rest)) = split else { return Some(Err(malformed("option with an illegal length"))) };
        self.rest = rest;
        Some(Ok(TcpOption::read(*kind, data)))
    }
}

impl<'a> TcpOption<'a> {
    fn read(kind: u8, data: &'a [u8]) -> Self {
        match (kind, data) {
            (MAXIMUM_SEGMENT_SIZE, &[high, low]) => {
                TcpOption::MaximumSegmentSize(u16::from_be_bytes([high, low]))
            }
            (WINDOW_SCALE, &[shift]) => TcpOption::WindowScale(shift),
            (SACK_PERMITTED, []) => TcpOption::SackPermitted,
            (TIMESTAMPS, data) if data.len() == 8 => TcpOption::Timestamps {
                value: u32::from_be_bytes(array(data, 0..4)),
                echo: u32::from_be_bytes(array(data, 4..8)),
            },
            (kind, data) => TcpOption::Other { kind, data },
        }
    }
}

const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const TIMESTAMPS: u8 = 8;

/// The options that a SYN negotiates with. Of an option given twice the last one counts.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct TcpOptions {
    /// Maximum segment size.
    pub maximum_segment_size: Option<u16>,
    /// Window scale.
    pub window_scale: Option<u8>,
    /// Selective acknowledgment permitted.
    pub sack_permitted: bool,
    /// Timestamps: own clock, and the other side's sent back.
    pub timestamps: Option<(u32, u32)>,
}

impl TcpOptions {
    /// What is understood among `options`, up to the first that is broken.
    pub fn parse(options: TcpOptionIter<'_>) -> Self {
        let mut parsed = TcpOptions::default();
        for option in options.map_while(Result::ok) {
            match option {
                TcpOption::MaximumSegmentSize(size) => parsed.maximum_segment_size = Some(size),
                TcpOption::WindowScale(shift) => parsed.window_scale = Some(shift),
                TcpOption::SackPermitted => parsed.sack_permitted = true,
                TcpOption::Timestamps { value, echo } => parsed.timestamps = Some((value, echo)),
                TcpOption::Other { .. } => {}
            }
        }
        parsed
    }

    /// Length when emitted: a multiple of four.
    pub fn length(&self) -> usize {
        let sack_and_timestamps = match (self.sack_permitted, self.timestamps) {
            (_, Some(_)) => 12,
            (true, None) => 4,
            (false, None) => 0,
        };
        let one = |is_some| if is_some { 4 } else { 0 };
        sack_and_timestamps + one(self.maximum_segment_size.is_some()) + one(self.window_scale.is_some())
    }

    /// Each group of four bytes is filled up in front with no-operations, so that what is longer than a
    /// byte stands aligned (RFC 7323 appendix A). `buffer` is `length()` long.
    fn emit(&self, buffer: &mut [u8]) {
        let mut rest = buffer;
        let mut write = |bytes: &[u8]| {
            if let Some((here, after)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
                here.copy_from_slice(bytes);
                rest = after;
            }
        };
        if let Some(size) = self.maximum_segment_size {
            write(&[MAXIMUM_SEGMENT_SIZE, 4]);
            write(&size.to_be_bytes());
        }
        match (self.sack_permitted, self.timestamps) {
            (false, None) => {}
            (true, None) => write(&[NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2]),
            (true, Some(_)) => write(&[SACK_PERMITTED, 2]),
            (false, Some(_)) => write(&[NO_OPERATION, NO_OPERATION]),
        }
        if let Some((value, echo)) = self.timestamps {
            write(&[TIMESTAMPS, 10]);
            write(&value.to_be_bytes());
            write(&echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            write(&[NO_OPERATION, WINDOW_SCALE, 3, shift]);
        }
    }
}

/// The meaning of a segment.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct TcpRepr<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window, unscaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options.
    pub options: TcpOptions,
    /// Payload.
    pub payload: &'a [u8],
}

impl<'a> TcpRepr<'a> {
    /// The meaning of `view`; options without a meaning here are dropped.
    pub fn parse(view: &TcpView<'a>) -> Self {
        TcpRepr {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            sequence: view.sequence(),
            acknowledgment: view.acknowledgment(),
            flags: view.flags(),
            window: view.window(),
            urgent: view.urgent(),
            options: TcpOptions::parse(view.options()),
            payload: view.payload(),
        }
    }

    /// Length of header and payload.
    pub fn length(&self) -> usize {
        HEADER_LENGTH + self.options.length() + self.payload.len()
    }

    /// Writes the segment with its checksum to the start of `buffer` and returns its length.
    pub fn emit(&self, pseudo: &PseudoHeader, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let segment = room("TCP", buffer, self.length())?;
        let header_length = HEADER_LENGTH + self.options.length();
        put(segment, field::SOURCE_PORT, self.source_port.to_be_bytes());
        put(segment, field::DESTINATION_PORT, self.destination_port.to_be_bytes());
        put(segment, field::SEQUENCE, self.sequence.to_be_bytes());
        put(segment, field::ACKNOWLEDGMENT, self.acknowledgment.to_be_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "20 and at most 20 of options")]
        let data_offset = ((header_length / 4) << 4) as u8;
        segment[field::DATA_OFFSET] = data_offset;
        segment[field::FLAGS] = self.flags.0;
        put(segment, field::WINDOW, self.window.to_be_bytes());
        put(segment, field::CHECKSUM, [0, 0]);
        put(segment, field::URGENT, self.urgent.to_be_bytes());
        self.options.emit(&mut segment[HEADER_LENGTH..header_length]);
        segment[header_length..].copy_from_slice(self.payload);
        let checksum = pseudo.checksum(protocol::TCP, segment);
        put(segment, field::CHECKSUM, checksum.to_be_bytes());
        Ok(segment.len())
    }
}

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("TCP", why)
}
