//! The receive ring of a packet socket, TPACKET_V3: blocks of memory that the kernel fills and this process reads.
//!
//! Before editing, read Documentation/networking/packet_mmap.rst and `include/uapi/linux/if_packet.h` of Linux.
//!
//! A block belongs to one side at a time, and its status word says to which. The kernel hands a block over when it is
//! full, or when `retire` is over and something is in it; blocks come in the order of the ring, always. What the
//! kernel wrote before the hand-over is seen after an acquire load of the word; what we have read is over before a
//! release store to it.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::Errno;
use crate::socket::{last_errno, set_option};

/// How much room there is for packets that wait to be read, and how long they wait at least.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RingSize {
    /// How many blocks; at least one. With fewer than two there is no room while one is read.
    pub blocks: u32,
    /// Bytes of each: a multiple of the page size. A packet longer than a block, less some 130 bytes, is cut.
    pub block_bytes: u32,
    /// How long a block that is not full is kept back, in whole milliseconds, at least one; the rest is rounded up.
    /// Kernels whose timers are coarse take up to 10 ms.
    pub retire: Duration,
}

impl Default for RingSize {
    /// 2 MiB, told after a millisecond.
    fn default() -> Self {
        RingSize { blocks: 16, block_bytes: 128 << 10, retire: Duration::from_millis(1) }
    }
}

/// The ring as it is mapped into this process.
#[derive(Debug)]
pub(super) struct Ring {
    memory: NonNull<u8>,
    blocks: usize,
    block_bytes: usize,
    /// The block that the kernel hands over next.
    current: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and nobody else has a pointer to it.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives the socket a ring. The mapping holds the kernel's memory until it is dropped, also after the socket is
    /// closed.
    pub(super) fn map(socket: BorrowedFd<'_>, size: RingSize) -> Result<Self, Errno> {
        let millis = size.retire.as_nanos().div_ceil(1_000_000).max(1);
        let request = Request {
            block_bytes: size.block_bytes,
            blocks: size.blocks,
            // Frames of this version have any length; one a block is the count that always adds up.
            frame_bytes: size.block_bytes,
            frames: size.blocks,
            retire_millis: u32::try_from(millis).map_err(|_| Errno::INVAL)?,
            private_bytes: 0,
            features: 0,
        };
        let (blocks, block_bytes) = (size.blocks as usize, size.block_bytes as usize);
        let length = blocks.checked_mul(block_bytes).ok_or(Errno::INVAL)?;
        // The status words have to be aligned, and the header of a block has to fit.
        if length == 0 || !block_bytes.is_multiple_of(4096) {
            return Err(Errno::INVAL);
        }
        set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &TPACKET_V3)?;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let memory = map(socket, length)?;
        Ok(Ring { memory, blocks, block_bytes, current: 0 })
    }

    /// Reads the blocks that are ours and hands each back. No more than once round: a flood fills blocks as fast as
    /// they are handed back, and its reader has other things to do.
    pub(super) fn drain(&mut self, read: &mut dyn FnMut(&[u8])) {
        for _ in 0..self.blocks {
            if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return;
            }
            // SAFETY: `current` is below `blocks`, so these bytes lie within the mapping, which lives as long as `self`
            // does; fresh pages are zeros. The kernel writes to no block that is ours, as the word says, and it is ours
            // until the store below. No reference outlives the call.
            read(unsafe { std::slice::from_raw_parts(self.start(), self.block_bytes) });
            self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.current = (self.current + 1) % self.blocks;
        }
    }

    /// The status word of the current block.
    fn status(&self) -> &AtomicU32 {
        let word = self.start().wrapping_add(block::STATUS).cast::<u32>();
        // SAFETY: the word lies within the mapping, which lives as long as `self` does, and is aligned: a block starts
        // at a multiple of 4096. The kernel writes it whole. `drain` makes a slice over it only while the kernel does
        // not write.
        unsafe { AtomicU32::from_ptr(word) }
    }

    fn start(&self) -> *mut u8 {
        self.memory.as_ptr().wrapping_add(self.current * self.block_bytes)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the mapping as it was made, and every borrow of it was a borrow of `self`.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.blocks * self.block_bytes) };
    }
}

fn map(socket: BorrowedFd<'_>, length: usize) -> Result<NonNull<u8>, Errno> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at a place of the kernel's choice touches no memory that anyone has; the descriptor is
    // open while it is borrowed.
    let memory =
        unsafe { libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, socket.as_raw_fd(), 0) };
    if memory == libc::MAP_FAILED {
        return Err(last_errno());
    }
    NonNull::new(memory.cast()).ok_or(Errno::NOMEM)
}

/// One packet of a block.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame<'a> {
    /// When it came in, by the calendar: seconds, which wrap around in 2106, and nanoseconds.
    pub(super) stamp: (u32, u32),
    /// `TP_STATUS_*` of this packet.
    pub(super) status: u32,
    pub(super) ether_type: u16,
    pub(super) interface: u32,
    /// The link-layer address of the sender.
    pub(super) from: &'a [u8],
    pub(super) bytes: &'a [u8],
}

/// The packets of a block, up to the first whose offsets do not lie within the block.
pub(super) struct Frames<'a> {
    block: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Frames<'a> {
    pub(super) fn of(block: &'a [u8]) -> Self {
        let left = word(block, block::PACKETS).unwrap_or(0);
        Frames { block, at: word(block, block::FIRST).map_or(block.len(), |at| at as usize), left }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let frame = self.block.get(self.at..)?;
        match word(frame, frame::NEXT)? as usize {
            0 => self.left = 0,
            step => self.at = self.at.checked_add(step)?,
        }
        let name = frame.get(frame::NAME..)?;
        let bytes = usize::from(half(frame, frame::BYTES)?);
        let from = name.get(name::ADDRESS..name::END)?;
        Some(Frame {
            stamp: (word(frame, frame::SECONDS)?, word(frame, frame::NANOS)?),
            status: word(frame, frame::STATUS)?,
            ether_type: u16::from_be(half(name, name::ETHER_TYPE)?),
            interface: word(name, name::INTERFACE)?,
            from: from.get(..usize::from(*name.get(name::ADDRESS_LENGTH)?)).unwrap_or(from),
            bytes: frame.get(bytes..)?.get(..word(frame, frame::LENGTH)? as usize)?,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half))
}

/// struct tpacket_req3.
#[repr(C)]
struct Request {
    block_bytes: u32,
    blocks: u32,
    frame_bytes: u32,
    frames: u32,
    retire_millis: u32,
    private_bytes: u32,
    features: u32,
}

/// `enum tpacket_versions`.
const TPACKET_V3: libc::c_int = 2;

/// struct tpacket_block_desc, with struct tpacket_hdr_v1 from byte 8 on.
mod block {
    pub(super) const STATUS: usize = 8;
    pub(super) const PACKETS: usize = 12;
    pub(super) const FIRST: usize = 16;
}

/// struct tpacket3_hdr, and a sockaddr_ll behind it. All offsets in it count from its own start.
mod frame {
    pub(super) const NEXT: usize = 0;
    pub(super) const SECONDS: usize = 4;
    pub(super) const NANOS: usize = 8;
    /// Of what is here, not of what came in (`tp_snaplen`).
    pub(super) const LENGTH: usize = 12;
    pub(super) const STATUS: usize = 20;
    /// Where the packet begins (`tp_mac`, which is `tp_net` for SOCK_DGRAM).
    pub(super) const BYTES: usize = 24;
    pub(super) const NAME: usize = 48;
}

/// struct sockaddr_ll.
mod name {
    pub(super) const ETHER_TYPE: usize = 2;
    pub(super) const INTERFACE: usize = 4;
    pub(super) const ADDRESS_LENGTH: usize = 11;
    pub(super) const ADDRESS: usize = 12;
    pub(super) const END: usize = 20;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block as the kernel lays it out.
    fn block(packets: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 48];
        let mut last = None;
        for (number, packet) in packets.iter().enumerate() {
            let start = block.len();
            if let Some(last) = last {
                write(&mut block, last + frame::NEXT, (start - last) as u32);
            }
            block.resize(start + (84 + packet.len()).next_multiple_of(16), 0);
            write(&mut block, start + frame::SECONDS, 7);
            write(&mut block, start + frame::NANOS, number as u32);
            write(&mut block, start + frame::LENGTH, packet.len() as u32);
            block[start + frame::BYTES..][..2].copy_from_slice(&84_u16.to_ne_bytes());
            block[start + frame::NAME + name::ETHER_TYPE..][..2].copy_from_slice(&[0x08, 0x00]);
            write(&mut block, start + frame::NAME + name::INTERFACE, 3);
            block[start + frame::NAME + name::ADDRESS_LENGTH] = 6;
            block[start + frame::NAME + name::ADDRESS..][..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
            block[start + 84..][..packet.len()].copy_from_slice(packet);
            last = Some(start);
        }
        write(&mut block, block::PACKETS, packets.len() as u32);
        write(&mut block, block::FIRST, 48);
        block
    }

    fn write(block: &mut [u8], at: usize, value: u32) {
        block[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    #[test]
    fn the_packets_of_a_block_come_in_their_order() {
        let block = block(&[b"first", b"", b"the third, which is longer"]);
        let frames: Vec<_> = Frames::of(&block).collect();
        assert_eq!(frames.len(), 3);
        for (number, frame) in frames.iter().enumerate() {
            assert_eq!(frame.stamp, (7, number as u32));
            assert_eq!((frame.ether_type, frame.interface), (0x0800, 3));
            assert_eq!(frame.from, [2, 0, 0, 0, 0, 9]);
        }
        assert_eq!(frames[0].bytes, b"first");
        assert_eq!(frames[1].bytes, b"");
        assert_eq!(frames[2].bytes, b"the third, which is longer");
    }

    #[test]
    fn a_block_without_packets_has_none() {
        assert_eq!(Frames::of(&block(&[])).next(), None);
        assert_eq!(Frames::of(&[]).next(), None);
    }

    #[test]
    fn a_packet_that_reaches_beyond_the_block_ends_it() {
        let mut block = block(&[b"first", b"second"]);
        let room = block.len() - 48 - 84;
        write(&mut block, 48 + frame::LENGTH, room as u32);
        assert_eq!(Frames::of(&block).count(), 2);
        write(&mut block, 48 + frame::LENGTH, room as u32 + 1);
        assert_eq!(Frames::of(&block).next(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_block_makes_the_reader_fall(
            scribbles in proptest::collection::vec((0..400_usize, prop_oneof![0..600_u32, any::<u32>()]), 0..6),
            cut in 0..500_usize,
        ) {
            let mut block = block(&[b"first", b"second", &[7; 90]]);
            for (at, value) in scribbles {
                if at + 4 <= block.len() {
                    write(&mut block, at, value);
                }
            }
            block.truncate(cut);
            for frame in Frames::of(&block).take(1000) {
                prop_assert!(frame.bytes.len() <= block.len());
                prop_assert!(frame.from.len() <= 8);
            }
        }
    }
}
