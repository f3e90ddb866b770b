//! ARP for IPv4 over Ethernet. Before editing, read RFC 826 ("Packet Reception" for what is checked) and RFC 5227
//! section 1.1 (probe and announcement).

use std::net::Ipv4Addr;

use crate::bytes::{array, put, room};
use crate::malformed::Malformed;

/// Where the fields stand: RFC 826, "Packet format", with addresses of 6 and 4 bytes.
pub mod field {
    use std::ops::Range;

    /// Hardware type (`ar$hrd`).
    pub const HARDWARE_TYPE: Range<usize> = 0..2;
    /// Protocol type (`ar$pro`), numbered as in an Ethernet header.
    pub const PROTOCOL_TYPE: Range<usize> = 2..4;
    /// Length of a hardware address (`ar$hln`).
    pub const HARDWARE_LENGTH: usize = 4;
    /// Length of a protocol address (`ar$pln`).
    pub const PROTOCOL_LENGTH: usize = 5;
    /// Operation (`ar$op`).
    pub const OPERATION: Range<usize> = 6..8;
    /// Hardware address of the sender (`ar$sha`).
    pub const SENDER_HARDWARE: Range<usize> = 8..14;
    /// Protocol address of the sender (`ar$spa`).
    pub const SENDER: Range<usize> = 14..18;
    /// Hardware address of the target (`ar$tha`).
    pub const TARGET_HARDWARE: Range<usize> = 18..24;
    /// Protocol address of the target (`ar$tpa`).
    pub const TARGET: Range<usize> = 24..28;
}

/// Asks who has the target address.
pub const REQUEST: u16 = 1;
/// Says that the sender has its address.
pub const REPLY: u16 = 2;

/// Length of a packet.
pub const LENGTH: usize = 28;

/// Ethernet (IANA, "Address Resolution Protocol Parameters").
pub const HARDWARE_ETHERNET: u16 = 1;
/// IPv4 (RFC 894).
pub const PROTOCOL_IPV4: u16 = 0x0800;

/// An ARP packet, read in place.
#[derive(Copy, Clone, Debug)]
pub struct ArpView<'a> {
    packet: &'a [u8],
}

impl<'a> ArpView<'a> {
    /// A whole packet: the payload of an Ethernet frame. Bytes beyond it are left out: frames are padded.
    /// Any operation is read.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let packet = bytes.get(..LENGTH).ok_or(malformed("shorter than its fields"))?;
        if u16::from_be_bytes(array(packet, field::HARDWARE_TYPE)) != HARDWARE_ETHERNET {
            return Err(malformed("hardware is not Ethernet"));
        }
        if u16::from_be_bytes(array(packet, field::PROTOCOL_TYPE)) != PROTOCOL_IPV4 {
            return Err(malformed("protocol is not IPv4"));
        }
        if [packet[field::HARDWARE_LENGTH], packet[field::PROTOCOL_LENGTH]] != ADDRESS_LENGTHS {
            return Err(malformed("address lengths are not 6 and 4"));
        }
        Ok(ArpView { packet })
    }

    /// Operation: [`REQUEST`], [`REPLY`] or another.
    pub fn operation(&self) -> u16 {
        u16::from_be_bytes(array(self.packet, field::OPERATION))
    }

    /// Hardware address of the sender. It need not be the one that the frame came from.
    pub fn sender_hardware(&self) -> [u8; 6] {
        array(self.packet, field::SENDER_HARDWARE)
    }

    /// IPv4 address of the sender; unspecified in a probe (RFC 5227 section 1.1).
    pub fn sender(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(array(self.packet, field::SENDER))
    }

    /// Hardware address of the target; means nothing in a request.
    pub fn target_hardware(&self) -> [u8; 6] {
        array(self.packet, field::TARGET_HARDWARE)
    }

    /// IPv4 address of the target.
    pub fn target(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(array(self.packet, field::TARGET))
    }
}

/// The meaning of a packet.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct ArpRepr {
    /// Operation: [`REQUEST`], [`REPLY`] or another.
    pub operation: u16,
    /// Hardware address of the sender.
    pub sender_hardware: [u8; 6],
    /// IPv4 address of the sender.
    pub sender: Ipv4Addr,
    /// Hardware address of the target. A request asks for it, so that it means nothing there; a probe has all zeroes
    /// (RFC 5227 section 2.1.1).
    pub target_hardware: [u8; 6],
    /// IPv4 address of the target.
    pub target: Ipv4Addr,
}

impl ArpRepr {
    /// The meaning of `view`.
    pub fn parse(view: &ArpView<'_>) -> Self {
        ArpRepr {
            operation: view.operation(),
            sender_hardware: view.sender_hardware(),
            sender: view.sender(),
            target_hardware: view.target_hardware(),
            target: view.target(),
        }
    }

    /// Writes the packet to the start of `buffer` and returns its length.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let packet = room("ARP", buffer, LENGTH)?;
        put(packet, field::HARDWARE_TYPE, HARDWARE_ETHERNET.to_be_bytes());
        put(packet, field::PROTOCOL_TYPE, PROTOCOL_IPV4.to_be_bytes());
        [packet[field::HARDWARE_LENGTH], packet[field::PROTOCOL_LENGTH]] = ADDRESS_LENGTHS;
        put(packet, field::OPERATION, self.operation.to_be_bytes());
        put(packet, field::SENDER_HARDWARE, self.sender_hardware);
        put(packet, field::SENDER, self.sender.octets());
        put(packet, field::TARGET_HARDWARE, self.target_hardware);
        put(packet, field::TARGET, self.target.octets());
        Ok(LENGTH)
    }
}

/// Of hardware and of protocol addresses.
const ADDRESS_LENGTHS: [u8; 2] = [6, 4];

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("ARP", why)
}
