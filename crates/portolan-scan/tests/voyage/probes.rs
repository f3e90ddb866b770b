//! Questions in the simulator's own little protocol: a request of kind `a` is `Qa` and an id, its answer `Aa` and the
//! same id.

use portolan_model::{Check, Piece, UdpProbe};

const ID: Piece = Piece::Cookie { from: 0, len: 8 };

/// Kind `a` is asked wherever nothing else is known; on some ports `b` too, in turn; `t` may answer from another port; the
/// answers of `n` bear no id.
pub(crate) const PROBES: &[UdpProbe] = &[
    UdpProbe {
        name: "a",
        service: "kind-a",
        ports: OF_TWO_KINDS,
        payload: &[Piece::Bytes(b"Qa"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Aa"), ID] }],
        generic: true,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "b",
        service: "kind-b",
        ports: OF_TWO_KINDS,
        payload: &[Piece::Bytes(b"Qb"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Ab"), ID] }],
        generic: false,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "t",
        service: "kind-t",
        ports: &[60, 61, 62, 63, 64, 65, 66, 67, 68, 69],
        payload: &[Piece::Bytes(b"Qt"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"At"), ID] }],
        elsewhere: true,
        generic: false,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "n",
        service: "kind-n",
        ports: &[70, 71],
        payload: &[Piece::Bytes(b"Qn"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"An")] }],
        generic: false,
        ..UdpProbe::EMPTY
    },
];

const OF_TWO_KINDS: &[u16] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100];
