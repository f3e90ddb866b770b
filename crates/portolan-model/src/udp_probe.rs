//! A question over UDP as data: what to send, where its id stands in it, and how an answer is told from a stranger.
//!
//! The catalogue of `portolan-detect` is a table of these; the engine sends them without knowing any protocol.

use std::ops::Range;

/// Sixteen bytes that nobody else can know: a keyed hash of whom is asked and how often. Where a protocol has a
/// transaction id, a part of them is it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Cookie(pub [u8; 16]);

/// A piece of a payload, or of a pattern.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// These bytes.
    Bytes(&'static [u8]),
    /// Bytes of the cookie.
    Cookie {
        /// The first of them, from 0.
        from: u8,
        /// How many.
        len: u8,
    },
    /// Bytes of the cookie as lowercase hexadecimal digits, two a byte.
    Hex {
        /// The first of them, from 0.
        from: u8,
        /// How many bytes.
        len: u8,
    },
    /// One byte, so many times.
    Fill {
        /// The byte.
        byte: u8,
        /// How often.
        len: u16,
    },
    /// Any bytes, so many; in patterns only (a payload has zeros there).
    Any {
        /// How many.
        len: u16,
    },
}

/// What must hold of an answer.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// It has at least so many bytes.
    AtLeast(u16),
    /// These pieces stand at this offset.
    At {
        /// From the first byte, from 0.
        offset: u16,
        /// One after the other.
        pieces: &'static [Piece],
    },
    /// These bits of the byte at this offset have these values.
    Bits {
        /// From the first byte, from 0.
        offset: u16,
        /// The bits that count.
        mask: u8,
        /// What they are.
        value: u8,
    },
    /// These pieces stand somewhere in it.
    Within(&'static [Piece]),
}

/// What an answer has of the answer that was asked for.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Likeness {
    /// It is of the protocol, and bears the id of our question.
    Echoes,
    /// It is of the protocol, which has no id (or one of a single byte) to bear.
    Fits,
    /// It is of the protocol, and bears another id: an answer to somebody else.
    Strange,
    /// It is not of the protocol.
    Unlike,
}

impl Likeness {
    /// The token used in every machine output.
    pub const fn token(self) -> &'static str {
        match self {
            Likeness::Echoes => "echoes-id",
            Likeness::Fits => "fits-protocol",
            Likeness::Strange => "other-id",
            Likeness::Unlike => "unlike-protocol",
        }
    }
}

/// One question over UDP.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct UdpProbe {
    /// Its own name, that of its file: `dns`.
    pub name: &'static str,
    /// The protocol's service name in the IANA registry: `domain`.
    pub service: &'static str,
    /// Where it is usually spoken, ascending.
    pub ports: &'static [u16],
    /// What to send.
    pub payload: &'static [Piece],
    /// All of this holds of an answer; of a probe without checks nothing can be recognised.
    pub answer: &'static [Check],
    /// The answer may come from another port than the one asked.
    pub elsewhere: bool,
    /// Harmless and answered often enough to be sent to ports of which nothing is known.
    pub generic: bool,
    /// How long the answer may take on purpose, in milliseconds, beside the round trip.
    pub patience_ms: u16,
}

impl UdpProbe {
    /// A datagram without a payload. Only an ICMP error answers it, or a service that answers anything.
    pub const EMPTY: UdpProbe = UdpProbe {
        name: "empty",
        service: "",
        ports: &[],
        payload: &[],
        answer: &[],
        elsewhere: false,
        generic: true,
        patience_ms: 0,
    };

    /// The bytes to send.
    pub fn write(&self, cookie: &Cookie) -> Box<[u8]> {
        let mut payload = Vec::new();
        self.payload.iter().for_each(|piece| piece.write(cookie, &mut payload));
        payload.into()
    }

    /// Where in the payload the longest run of the cookie stands; `None` if it carries less than two bytes of it.
    pub fn id(&self) -> Option<Range<usize>> {
        let mut at = 0;
        let spans = self.payload.iter().map(|piece| {
            let start = at;
            at += piece.len();
            (piece.id_bytes(), start..at)
        });
        spans.filter(|(bytes, _)| *bytes >= ID_BYTES).max_by_key(|(bytes, _)| *bytes).map(|(_, span)| span)
    }

    /// What `answer` has of an answer to this probe, sent with `cookie`.
    pub fn likeness(&self, answer: &[u8], cookie: &Cookie) -> Likeness {
        if self.answer.is_empty() {
            return Likeness::Unlike;
        }
        if self.answer.iter().all(|check| check.holds(answer, Some(cookie))) {
            let id: usize = self.answer.iter().flat_map(Check::pieces).map(Piece::id_bytes).sum();
            return if id >= ID_BYTES { Likeness::Echoes } else { Likeness::Fits };
        }
        let but_for_the_id = self.answer.iter().all(|check| check.holds(answer, None));
        if but_for_the_id { Likeness::Strange } else { Likeness::Unlike }
    }
}

/// Fewer bytes than these are no id: a stranger guesses one of 256 soon.
const ID_BYTES: usize = 2;

impl Piece {
    /// How many bytes it stands for.
    const fn len(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Cookie { len, .. } => *len as usize,
            Piece::Hex { len, .. } => 2 * *len as usize,
            Piece::Fill { len, .. } | Piece::Any { len } => *len as usize,
        }
    }

    /// How many bytes of the cookie are in it.
    const fn id_bytes(&self) -> usize {
        match self {
            Piece::Cookie { len, .. } | Piece::Hex { len, .. } => *len as usize,
            Piece::Bytes(_) | Piece::Fill { .. } | Piece::Any { .. } => 0,
        }
    }

    fn write(&self, cookie: &Cookie, out: &mut Vec<u8>) {
        match self {
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::Cookie { from, len } => out.extend_from_slice(cookie.part(*from, *len)),
            Piece::Hex { from, len } => {
                out.extend(cookie.part(*from, *len).iter().flat_map(|byte| hex(*byte)))
            }
            Piece::Fill { byte, len } => out.extend(std::iter::repeat_n(*byte, usize::from(*len))),
            Piece::Any { len } => out.extend(std::iter::repeat_n(0, usize::from(*len))),
        }
    }

    /// Whether `bytes`, as many as it stands for, are this piece. Without a cookie any id will do.
    fn is(&self, bytes: &[u8], cookie: Option<&Cookie>) -> bool {
        match (self, cookie) {
            (Piece::Bytes(wanted), _) => bytes == *wanted,
            (Piece::Cookie { from, len }, Some(cookie)) => bytes == cookie.part(*from, *len),
            (Piece::Hex { from, len }, Some(cookie)) => {
                bytes.iter().copied().eq(cookie.part(*from, *len).iter().flat_map(|byte| hex(*byte)))
            }
            (Piece::Fill { byte, .. }, _) => bytes.iter().all(|other| other == byte),
            (Piece::Cookie { .. } | Piece::Hex { .. } | Piece::Any { .. }, _) => true,
        }
    }
}

impl Check {
    /// Whether it holds of these bytes. Without a cookie any id will do.
    pub fn holds(&self, answer: &[u8], cookie: Option<&Cookie>) -> bool {
        match self {
            Check::AtLeast(len) => answer.len() >= usize::from(*len),
            Check::At { offset, pieces } => {
                answer.get(usize::from(*offset)..).is_some_and(|rest| starts_with(rest, pieces, cookie))
            }
            Check::Bits { offset, mask, value } => {
                answer.get(usize::from(*offset)).is_some_and(|byte| byte & mask == *value)
            }
            Check::Within(pieces) => (0..=answer.len())
                .any(|at| answer.get(at..).is_some_and(|rest| starts_with(rest, pieces, cookie))),
        }
    }

    fn pieces(&self) -> &'static [Piece] {
        match self {
            Check::At { pieces, .. } | Check::Within(pieces) => pieces,
            Check::AtLeast(_) | Check::Bits { .. } => &[],
        }
    }
}

impl Cookie {
    fn part(&self, from: u8, len: u8) -> &[u8] {
        // The catalogue's test holds every piece within the cookie.
        self.0.get(usize::from(from)..usize::from(from) + usize::from(len)).unwrap_or(&[])
    }
}

fn starts_with(bytes: &[u8], pieces: &[Piece], cookie: Option<&Cookie>) -> bool {
    let mut rest = bytes;
    pieces.iter().all(|piece| match rest.split_at_checked(piece.len()) {
        Some((head, tail)) => {
            rest = tail;
            piece.is(head, cookie)
        }
        None => false,
    })
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: Cookie = Cookie([0x10, 0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff]);
    const OTHER: Cookie = Cookie([0x77; 16]);
    const DNS: UdpProbe = UdpProbe {
        name: "dns",
        service: "domain",
        ports: &[53],
        payload: &[
            Piece::Cookie { from: 0, len: 2 },
            Piece::Bytes(&[0, 0, 0, 1]),
            Piece::Fill { byte: 0, len: 3 },
        ],
        answer: &[
            Check::AtLeast(12),
            Check::At { offset: 0, pieces: &[Piece::Cookie { from: 0, len: 2 }] },
            Check::Bits { offset: 2, mask: 0x80, value: 0x80 },
        ],
        elsewhere: false,
        generic: true,
        patience_ms: 0,
    };

    #[test]
    fn an_answer_is_told_from_a_stranger_and_from_noise() {
        assert_eq!(*DNS.write(&COOKIE), [0x10, 0xa1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(DNS.id(), Some(0..2));
        let mut answer = [0; 12];
        answer[..3].copy_from_slice(&[0x10, 0xa1, 0x81]);
        assert_eq!(DNS.likeness(&answer, &COOKIE), Likeness::Echoes);
        assert_eq!(DNS.likeness(&answer, &OTHER), Likeness::Strange);
        assert_eq!(DNS.likeness(&answer[..11], &COOKIE), Likeness::Unlike);
        assert_eq!(DNS.likeness(&[], &COOKIE), Likeness::Unlike);
    }

    #[test]
    fn text_bears_the_cookie_as_hex_anywhere() {
        let probe = UdpProbe {
            payload: &[Piece::Bytes(b"Call-ID: "), Piece::Hex { from: 14, len: 2 }],
            answer: &[
                Check::At {
                    offset: 0,
                    pieces: &[Piece::Bytes(b"SIP/"), Piece::Any { len: 1 }, Piece::Bytes(b".0 ")],
                },
                Check::Within(&[Piece::Bytes(b"Call-ID: "), Piece::Hex { from: 14, len: 2 }]),
            ],
            ..DNS
        };
        assert_eq!(*probe.write(&COOKIE), *b"Call-ID: 0eff");
        assert_eq!(probe.id(), Some(9..13));
        assert_eq!(probe.likeness(b"SIP/2.0 200 OK\r\nCall-ID: 0eff\r\n", &COOKIE), Likeness::Echoes);
        assert_eq!(probe.likeness(b"SIP/2.0 200 OK\r\nCall-ID: 0efe\r\n", &COOKIE), Likeness::Strange);
        assert_eq!(probe.likeness(b"SIP/2.0 200 OK\r\n", &COOKIE), Likeness::Unlike);
    }

    #[test]
    fn without_an_id_an_answer_only_fits() {
        let probe = UdpProbe {
            payload: &[Piece::Cookie { from: 0, len: 1 }],
            answer: &[Check::At { offset: 0, pieces: &[Piece::Cookie { from: 0, len: 1 }] }],
            ..DNS
        };
        assert_eq!((probe.id(), probe.likeness(&[0x10], &COOKIE)), (None, Likeness::Fits));
        assert_eq!((UdpProbe::EMPTY.id(), UdpProbe::EMPTY.likeness(b"x", &COOKIE)), (None, Likeness::Unlike));
    }
}
