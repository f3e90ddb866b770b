//! Packet formats: checked views and meaning types. Knows nothing of scanning.
//!
//! Each format has a *view* (`TcpView`), which borrows bytes and reads them in place, a *meaning*
//! (`TcpRepr`), which can be built, compared and emitted, and the offsets of its fields (`tcp::field`).
//! After `new_checked` no accessor panics, whatever the bytes; a view never reads beyond the length that
//! the format itself gives. Checksums are not part of that check: a frame taken from a local interface
//! may not carry its final one (checksum offload), so the caller decides when to ask
//! `has_valid_checksum`.
//!
//! ```
//! use portolan_wire::{IcmpMeaning, Icmpv4View, Ipv4View, Quote, QuotedTransport, icmpv4_meaning};
//!
//! # fn main() -> Result<(), portolan_wire::Malformed> {
//! let packet = [
//!     0x45, 0, 0, 56, 0, 0, 0, 0, 63, 1, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, // IPv4, from a router
//!     3, 13, 0, 0, 0, 0, 0, 0, // ICMP: destination unreachable, prohibited
//!     0x45, 0, 0, 40, 0, 0, 0x40, 0, 61, 6, 0, 0, 198, 51, 100, 7, 203, 0, 113, 9, // what we had sent
//!     0xc3, 0x50, 0, 22, 0xde, 0xad, 0xbe, 0xef, // TCP: port 50000 to 22, sequence number
//! ];
//! let icmp = Icmpv4View::new_checked(Ipv4View::new_checked(&packet)?.payload())?;
//! assert_eq!(icmpv4_meaning(icmp.icmp_type(), icmp.code()), IcmpMeaning::AdminProhibited);
//! assert_eq!(
//!     Quote::from_icmpv4(&icmp)?.transport,
//!     QuotedTransport::Tcp { source_port: 50000, destination_port: 22, sequence: 0xdead_beef },
//! );
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod arp;
mod bytes;
pub mod checksum;
mod icmp_error;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
mod malformed;
pub mod ndp;
pub mod protocol;
mod quote;
pub mod tcp;
pub mod udp;

pub use arp::{ArpRepr, ArpView};
pub use checksum::PseudoHeader;
pub use icmp_error::{IcmpMeaning, icmpv4_describe, icmpv4_meaning, icmpv6_describe, icmpv6_meaning};
pub use icmpv4::{Icmpv4Repr, Icmpv4View};
pub use icmpv6::{Icmpv6Repr, Icmpv6View};
pub use ipv4::{Ipv4Repr, Ipv4View};
pub use ipv6::{Ipv6Fragment, Ipv6Repr, Ipv6View};
pub use malformed::Malformed;
pub use ndp::{NdpRepr, NdpView};
pub use quote::{Quote, QuotedTransport};
pub use tcp::{TcpFlags, TcpOption, TcpOptions, TcpRepr, TcpView};
pub use udp::{UdpRepr, UdpView};
