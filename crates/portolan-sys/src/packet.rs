//! Packet sockets: IP packets to and from all interfaces, past the kernel's own TCP and UDP.
//!
//! Before editing, read packet(7), and what `packet/ring.rs` and `packet/filter.rs` ask for.
//!
//! The kernel writes and strips the link header (SOCK_DGRAM), so that Ethernet, tun and wireguard devices look the
//! same. The tap is on ETH_P_ALL: it stands before the ingress hook, so that a firewall there may keep packets from
//! the kernel's stack that this socket still sees.
//!
//! A loopback is no use: this socket sees what it sends there, but the kernel's IPv4 stack takes nothing from a
//! loopback that it has not routed itself.

use std::ffi::c_int;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Errno;
use crate::clock::since_1970;
use crate::socket::{counters, last_errno, switch_on};

mod filter;
mod ring;

pub use filter::Filter;
pub use ring::RingSize;

use ring::{Frames, Ring};

/// A link-layer address of up to 8 bytes; by default one of none, as a tun device has it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LinkAddress {
    /// What is not used is zero.
    bytes: [u8; 8],
    length: u8,
}

impl LinkAddress {
    /// All stations of an Ethernet.
    pub const BROADCAST: LinkAddress = LinkAddress { bytes: [255, 255, 255, 255, 255, 255, 0, 0], length: 6 };

    /// `None` if there are more than 8 bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut address = LinkAddress { bytes: [0; 8], length: u8::try_from(bytes.len()).ok()? };
        address.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(address)
    }

    /// The bytes as they stand on the wire: six on an Ethernet.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or(&self.bytes)
    }
}

/// `02:00:5e:10:00:01`; nothing if it has no bytes.
impl fmt::Display for LinkAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.as_bytes().iter().enumerate() {
            let colon = if position > 0 { ":" } else { "" };
            write!(formatter, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A packet to be sent.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Dispatch<'a> {
    /// The number of the interface that it leaves by.
    pub interface: u32,
    /// What it is: 0x0800 for IPv4, 0x86dd for IPv6, 0x0806 for ARP.
    pub ether_type: u16,
    /// The station it goes to. Without bytes on devices that have no link header. The kernel takes as many bytes as
    /// the addresses of the device have; what is missing is zero.
    pub to: LinkAddress,
    /// From the first byte of the network header on.
    pub bytes: &'a [u8],
}

/// A packet that came in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Arrival<'a> {
    /// How long ago the kernel stamped it, by the calendar: wrong by as much as that jumped since, and never below
    /// zero.
    pub age: Duration,
    /// The number of the interface that it came by.
    pub interface: u32,
    /// What it is, as in [`Dispatch::ether_type`]. Of a packet with a VLAN tag, what stands behind the tag.
    pub ether_type: u16,
    /// The station that sent it. Without bytes on devices that have no link header.
    pub from: LinkAddress,
    /// Whether its transport checksum is not there yet: the sender is on this machine and left it to a device that
    /// the packet never met. There is nothing to verify then.
    pub checksum_pending: bool,
    /// From the first byte of the network header on; also what an Ethernet padded it with. A stranger's.
    pub bytes: &'a [u8],
}

/// An AF_PACKET socket with a receive ring. Dropping it closes it.
///
/// It is readable, for [`Epoll`](crate::epoll::Epoll), when a block of the ring is full or old enough.
#[derive(Debug)]
pub struct PacketSocket {
    // Unmapped before the descriptor is closed.
    ring: Ring,
    fd: OwnedFd,
}

impl PacketSocket {
    /// A socket that does not block, is not inherited by other programs, is told of what `filter` lets through on every
    /// interface there is or will be, and sends past the queueing disciplines.
    ///
    /// Needs CAP_NET_RAW (else EPERM), once: what is open works on without. EINVAL means a ring that cannot be.
    ///
    /// A packet is told once for each device it passes: for the device under a VLAN, a bridge or a bond, and for that
    /// one.
    pub fn open(size: RingSize, filter: &Filter) -> Result<Self, Errno> {
        Self::open_on(0, size, filter)
    }

    /// The same for the interface of this index alone; ENODEV if there is none.
    pub fn open_on(interface: u32, size: RingSize, filter: &Filter) -> Result<Self, Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Protocol 0 is told nothing. It is bound to all protocols last, so that nothing comes in unfiltered.
        let fd = rustix::net::socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, None)?;
        filter.attach(fd.as_fd())?;
        let ring = Ring::map(fd.as_fd(), size)?;
        // Beyond the limit of the machine (net.core.wmem_max) the kernel grants the limit.
        sockopt::set_socket_send_buffer_size(&fd, 1 << 30)?;
        switch_on(fd.as_fd(), libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS)?;
        // Since Linux 4.20. It saves the kernel a copy of each packet that leaves; the filter refuses them anyway.
        let _ = switch_on(fd.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING);
        bind_to(interface, fd.as_fd())?;
        Ok(PacketSocket { ring, fd })
    }

    /// Sends packets, in their order. Tells how many left, and what stopped the next one.
    ///
    /// ENOBUFS and EAGAIN: the device or the socket is full for now, nothing of that packet was sent. ENXIO: there is no
    /// such interface. ENETDOWN: it is not up. EMSGSIZE: the packet is longer than its MTU. EINVAL: the addresses of
    /// the device have more than 8 bytes (InfiniBand).
    pub fn send(&mut self, packets: &[Dispatch<'_>]) -> (usize, Option<Errno>) {
        let mut sent = 0;
        while let Some(rest @ [_, ..]) = packets.get(sent..) {
            match send_some(self.fd.as_fd(), rest) {
                // sendmmsg(2) does not tell what stopped it if anything was sent; asked again it does.
                Ok(some @ 1..) => sent += some,
                Ok(0) => return (sent, Some(Errno::AGAIN)),
                Err(Errno::INTR) => {}
                Err(errno) => return (sent, Some(errno)),
            }
        }
        (sent, None)
    }

    /// Hands out what the ring holds by now, oldest first, without waiting, at most once round the ring. What came in
    /// less than [`RingSize::retire`] ago may be kept back until the next time.
    pub fn receive(&mut self, take: &mut dyn FnMut(Arrival<'_>)) {
        let now = since_1970();
        self.ring.drain(&mut |block| {
            for frame in Frames::of(block) {
                take(Arrival {
                    age: age(now, frame.stamp),
                    interface: frame.interface,
                    ether_type: frame.ether_type,
                    from: LinkAddress::new(frame.from).unwrap_or_default(),
                    checksum_pending: frame.status & libc::TP_STATUS_CSUMNOTREADY != 0,
                    bytes: frame.bytes,
                });
            }
        });
    }

    /// How many packets that the filter let through were lost since the last call, because the ring was full.
    pub fn dropped(&mut self) -> u64 {
        // struct tpacket_stats_v3: packets, drops, times that the ring was full. Reading it clears it, and cannot fail
        // on a socket like this.
        counters::<3>(self.fd.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)
            .map_or(0, |[_, drops, _]| drops.into())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The seconds of a stamp have 32 bits.
fn age(now: Duration, (seconds, nanos): (u32, u32)) -> Duration {
    let seconds = (now.as_secs() as u32).wrapping_sub(seconds) as i32;
    let nanos = i64::from(seconds) * 1_000_000_000 + i64::from(now.subsec_nanos()) - i64::from(nanos);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// Every protocol; every interface, if it is 0.
fn bind_to(interface: u32, socket: BorrowedFd<'_>) -> Result<(), Errno> {
    let name = link_name(interface, libc::ETH_P_ALL as u16, LinkAddress::default());
    let length = size_of_val(&name) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the pointer and the length describe a local variable, which
    // the kernel only reads.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), length) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// One `sendmmsg` of the first packets. Tells how many left.
fn send_some(socket: BorrowedFd<'_>, packets: &[Dispatch<'_>]) -> Result<usize, Errno> {
    let count = packets.len().min(BATCH);
    let mut names = [link_name(0, 0, LinkAddress::default()); BATCH];
    let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: mmsghdr is a C struct of integers and pointers, for which all zeros is a valid value.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    for (((packet, name), vector), message) in
        packets.iter().zip(&mut names).zip(&mut vectors).zip(&mut messages)
    {
        *name = link_name(packet.interface, packet.ether_type, packet.to);
        // The kernel only reads; the type of the field does not say so.
        vector.iov_base = packet.bytes.as_ptr().cast_mut().cast();
        vector.iov_len = packet.bytes.len();
        message.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
        message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as _;
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the descriptor is open while it is borrowed, and the first `count` messages were filled in above. Their
    // pointers are to elements of `names` and `vectors`, which live until the end of this function and are not touched
    // in between, and to bytes that `packets` borrows; each has its true length.
    let sent = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as _, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(sent).map_err(|_| last_errno())
}

fn link_name(interface: u32, ether_type: u16, to: LinkAddress) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as _,
        sll_protocol: ether_type.to_be(),
        // Interfaces have positive numbers; 0 is none.
        sll_ifindex: c_int::try_from(interface).unwrap_or(0),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: to.length,
        sll_addr: to.bytes,
    }
}

/// Packets a system call. More gain nothing (measured: 64 beats 8 and 256).
const BATCH: usize = 64;

#[cfg(test)]
pub(crate) mod tests;
