//! Neighbour solicitations and advertisements of IPv6 over Ethernet. Before editing, read RFC 4861 sections 4.3, 4.4,
//! 4.6 and 7.1, and RFC 2464 sections 6 and 7.

use std::net::Ipv6Addr;

use crate::bytes::{array, put};
use crate::checksum::PseudoHeader;
use crate::icmpv6::{self, Icmpv6Repr, Icmpv6View};
use crate::malformed::Malformed;
use crate::protocol;

/// Where the fields stand behind those of every ICMPv6 message: RFC 4861 sections 4.3 and 4.4.
pub mod field {
    use std::ops::Range;

    /// The flags of an advertisement (three high bits); reserved in a solicitation.
    pub const FLAGS: usize = 4;
    /// The address that is asked for, or told about.
    pub const TARGET: Range<usize> = 8..24;
}

/// Length of a message without options.
pub const HEADER_LENGTH: usize = 24;

/// Length of a link-layer address option on Ethernet (RFC 2464 section 6).
pub const OPTION_LENGTH: usize = 8;

/// The hop limit of every message. One that arrives with another was not sent on this link, and must be discarded
/// (RFC 4861 section 7.1).
pub const HOP_LIMIT: u8 = 255;

/// The multicast group that the owner of `address` listens to (RFC 4291 section 2.7.1): a solicitation of the address
/// goes there.
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0x00ff, low)
}

/// The Ethernet address of a multicast group (RFC 2464 section 7). Means nothing for another kind of address.
pub const fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A neighbour solicitation or advertisement, read in place.
///
/// RFC 4861 section 7.1 has further conditions, which only the caller can check: the packet's hop limit is
/// [`HOP_LIMIT`]; the checksum holds; an advertisement to a multicast group is not `solicited`; a solicitation from
/// the unspecified address goes to a solicited-node group and names no source link-layer address.
#[derive(Copy, Clone, Debug)]
pub struct NdpView<'a> {
    message: &'a [u8],
    is_advertisement: bool,
}

impl<'a> NdpView<'a> {
    /// A whole message: the payload of an IPv6 packet. Type, code, length, target and the lengths of all options are
    /// held against RFC 4861 section 7.1.
    pub fn new_checked(message: &'a [u8]) -> Result<Self, Malformed> {
        let icmp = Icmpv6View::new_checked(message)?;
        let is_advertisement = match icmp.icmp_type() {
            icmpv6::NEIGHBOUR_SOLICITATION => false,
            icmpv6::NEIGHBOUR_ADVERTISEMENT => true,
            _ => return Err(malformed("neither solicitation nor advertisement")),
        };
        if icmp.code() != 0 {
            return Err(malformed("code is not 0"));
        }
        if message.len() < HEADER_LENGTH {
            return Err(malformed("shorter than its header"));
        }
        let view = NdpView { message, is_advertisement };
        if view.target().is_multicast() {
            return Err(malformed("target is a multicast address"));
        }
        view.options().try_for_each(|option| option.map(drop))?;
        Ok(view)
    }

    /// Whether it is an advertisement; a solicitation otherwise.
    pub fn is_advertisement(&self) -> bool {
        self.is_advertisement
    }

    /// The address that is asked for, or told about.
    pub fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(array(self.message, field::TARGET))
    }

    /// The sender is a router; means something in an advertisement only, as the other flags.
    pub fn router(&self) -> bool {
        self.message[field::FLAGS] & ROUTER != 0
    }

    /// It answers a solicitation.
    pub fn solicited(&self) -> bool {
        self.message[field::FLAGS] & SOLICITED != 0
    }

    /// What it says replaces what was known before.
    pub fn overrides(&self) -> bool {
        self.message[field::FLAGS] & OVERRIDE != 0
    }

    /// The Ethernet address of the sender of a solicitation, or of the target of an advertisement, if an option tells
    /// it. Of an option given twice the first one counts. One that is not as long as an Ethernet address needs is
    /// stepped over, as are all other options (RFC 4861 section 4.6: unknown ones are ignored).
    pub fn link_address(&self) -> Option<[u8; 6]> {
        let wanted = link_option(self.is_advertisement);
        self.options()
            .map_while(Result::ok)
            .find_map(|(kind, data)| if kind == wanted { data.try_into().ok() } else { None })
    }

    /// Whether the checksum holds.
    pub fn has_valid_checksum(&self, pseudo: &PseudoHeader) -> bool {
        pseudo.is_valid(protocol::ICMPV6, self.message)
    }

    fn options(&self) -> Options<'a> {
        Options { rest: &self.message[HEADER_LENGTH..] }
    }
}

/// The options of a message: kind, and what follows kind and length.
///
/// It cannot loop: each step takes at least eight bytes. An option with a length of zero or one beyond the message is
/// told once, as an error, and ends it.
struct Options<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(u8, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let &[kind, length, ..] = bytes else { return Some(Err(malformed("cut inside an option"))) };
        // RFC 4861 section 4.6: "Nodes MUST silently discard an ND packet that contains an option with length zero."
        if length == 0 {
            return Some(Err(malformed("option with length 0")));
        }
        // In units of 8 bytes, kind and length counted.
        let Some((option, rest)) = bytes.split_at_checked(usize::from(length) * 8) else {
            return Some(Err(malformed("cut inside an option")));
        };
        self.rest = rest;
        Some(Ok((kind, &option[2..])))
    }
}

/// The meaning of a message.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum NdpRepr {
    /// Asks for the link-layer address of the target (RFC 4861 section 4.3).
    Solicitation {
        /// Who is asked for. Not a multicast address.
        target: Ipv6Addr,
        /// The Ethernet address of the sender. Must be none if the packet comes from the unspecified address.
        source_link: Option<[u8; 6]>,
    },
    /// Tells the link-layer address of the target (RFC 4861 section 4.4).
    Advertisement {
        /// Who is told about. Not a multicast address.
        target: Ipv6Addr,
        /// The sender is a router.
        router: bool,
        /// It answers a solicitation.
        solicited: bool,
        /// What it says replaces what was known before.
        overrides: bool,
        /// The Ethernet address of the target.
        target_link: Option<[u8; 6]>,
    },
}

impl NdpRepr {
    /// The meaning of `view`; options without a meaning here are dropped.
    pub fn parse(view: &NdpView<'_>) -> Self {
        let (target, link) = (view.target(), view.link_address());
        if view.is_advertisement() {
            NdpRepr::Advertisement {
                target,
                router: view.router(),
                solicited: view.solicited(),
                overrides: view.overrides(),
                target_link: link,
            }
        } else {
            NdpRepr::Solicitation { target, source_link: link }
        }
    }

    /// Length when emitted.
    pub fn length(&self) -> usize {
        let (NdpRepr::Solicitation { source_link: link, .. }
        | NdpRepr::Advertisement { target_link: link, .. }) = self;
        HEADER_LENGTH + if link.is_some() { OPTION_LENGTH } else { 0 }
    }

    /// Writes the message with its checksum to the start of `buffer` and returns its length. The packet around it has
    /// to have the hop limit [`HOP_LIMIT`].
    pub fn emit(&self, pseudo: &PseudoHeader, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let (icmp_type, flags, target, link) = match *self {
            NdpRepr::Solicitation { target, source_link } => {
                (icmpv6::NEIGHBOUR_SOLICITATION, 0, target, source_link)
            }
            NdpRepr::Advertisement { target, router, solicited, overrides, target_link } => {
                let bit = |is_set, bit| if is_set { bit } else { 0 };
                let flags = bit(router, ROUTER) | bit(solicited, SOLICITED) | bit(overrides, OVERRIDE);
                (icmpv6::NEIGHBOUR_ADVERTISEMENT, flags, target, target_link)
            }
        };
        if target.is_multicast() {
            return Err(malformed("target is a multicast address"));
        }
        let kind = link_option(icmp_type == icmpv6::NEIGHBOUR_ADVERTISEMENT);
        let mut payload = [0; 16 + OPTION_LENGTH];
        put(&mut payload, 0..16, target.octets());
        if let Some([a, b, c, d, e, f]) = link {
            put(&mut payload, 16..16 + OPTION_LENGTH, [kind, 1, a, b, c, d, e, f]);
        }
        let payload = &payload[..self.length() - icmpv6::HEADER_LENGTH];
        Icmpv6Repr::Other { icmp_type, code: 0, rest: [flags, 0, 0, 0], payload }.emit(pseudo, buffer)
    }
}

/// The kind of the option with a link-layer address: of the source or of the target (RFC 4861 section 4.6.1).
const fn link_option(is_advertisement: bool) -> u8 {
    if is_advertisement { 2 } else { 1 }
}

const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("neighbour discovery", why)
}
