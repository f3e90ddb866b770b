//! Messages and their attributes: `struct nlmsghdr` and `struct rtattr`, in the byte order of the machine.
//!
//! All of this is pure, and nothing is asked of the alignment of the bytes. A length is never trusted: each
//! step takes at least a header off the bytes and stays inside of them.

use std::ffi::c_int;
use std::net::IpAddr;

use crate::Errno;

/// One message.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

/// The messages of one datagram. One whose length is below its header or beyond the datagram is told once, as
/// EBADMSG, and ends it.
pub(super) struct Messages<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let Some((message, rest)) = split(bytes) else { return Some(Err(Errno::BADMSG)) };
        self.rest = rest;
        Some(Ok(message))
    }
}

/// length u32, kind u16, flags u16, sequence u32, port u32.
fn split(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let message = Message {
        kind: u16_at(bytes, 4)?,
        flags: u16_at(bytes, 6)?,
        sequence: u32_at(bytes, 8)?,
        body: bytes.get(HEADER..length)?,
    };
    Some((message, after(bytes, length)))
}

/// The attributes behind the fixed part of a body: kind and data. A broken one ends them: what stood before it counts.
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Those behind the first `fixed` bytes of `body`.
    pub(super) fn after(body: &'a [u8], fixed: usize) -> Self {
        Attributes { rest: body.get(fixed..).unwrap_or(&[]) }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & KIND;
        let data = bytes.get(ATTRIBUTE_HEADER..length)?;
        self.rest = after(bytes, length);
        Some((kind, data))
    }
}

/// What has arrived of an answer: the messages of one kind, as `read` understands them.
pub(super) struct Answer<T> {
    kind: u16,
    read: fn(&[u8]) -> Option<T>,
    pub(super) found: Vec<T>,
    /// The list changed while it was told (NLM_F_DUMP_INTR).
    pub(super) is_torn: bool,
}

impl<T> Answer<T> {
    /// Nothing yet.
    pub(super) fn of(kind: u16, read: fn(&[u8]) -> Option<T>) -> Self {
        Answer { kind, read, found: Vec::new(), is_torn: false }
    }

    /// Takes what one datagram has for the question `sequence`, and tells whether the answer is whole now. Answers to
    /// other questions are skipped: one that was given up may still be answered.
    pub(super) fn take(&mut self, sequence: u32, datagram: &[u8]) -> Result<bool, Errno> {
        for message in (Messages { rest: datagram }) {
            let message = message?;
            if message.sequence == sequence && self.take_one(message)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_one(&mut self, message: Message<'_>) -> Result<bool, Errno> {
        let has = |flag: c_int| c_int::from(message.flags) & flag != 0;
        self.is_torn |= has(libc::NLM_F_DUMP_INTR);
        match c_int::from(message.kind) {
            // Both carry an errno, negative; zero is success.
            libc::NLMSG_ERROR | libc::NLMSG_DONE => status(message.body).map(|()| true),
            libc::NLMSG_OVERRUN => Err(Errno::OVERFLOW),
            libc::NLMSG_NOOP => Ok(false),
            _ => {
                if message.kind == self.kind {
                    self.found.extend((self.read)(message.body));
                }
                Ok(!has(libc::NLM_F_MULTI))
            }
        }
    }
}

fn status(body: &[u8]) -> Result<(), Errno> {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        // Beyond these the kernel has none, and rustix panics.
        Some(negative @ -4095..0) => Err(Errno::from_raw_os_error(-negative)),
        _ => Err(Errno::BADMSG),
    }
}

/// A message as it is sent; the kernel fills in nothing of it.
pub(super) fn write(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // The port of the sender: the kernel knows it.
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}

/// Appends an attribute, padded; `data` is at most 65531 bytes.
pub(super) fn write_attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let length = u16::try_from(ATTRIBUTE_HEADER + data.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// The number at `at`, if the bytes reach so far.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// The number at `at`, if the bytes reach so far.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// An address of either family, told by its length.
pub(super) fn address(data: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(data).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(data).map(IpAddr::from)).ok()
}

/// What follows the first `length` bytes and their padding, which may be missing at the end.
fn after(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or(&[])
}

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;

/// Length of `struct rtattr`.
const ATTRIBUTE_HEADER: usize = 4;

/// Of messages and of attributes (`NLMSG_ALIGNTO`, `RTA_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// The kind of an attribute without its two flags (`NLA_TYPE_MASK`).
const KIND: u16 = 0x3fff;
