//! What the responder answers where: a pure function of a seed and an endpoint, so that no table is needed, neither by
//! the program in the kernel nor by whoever asks afterwards whether a scanner was right.

use std::net::Ipv4Addr;

use portolan_wire::protocol;

/// What is asked: the same number has another truth over each.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// Answered by SYN-ACK, reset, ICMP error or nothing.
    Tcp,
    /// Answered by an ICMP error or nothing.
    Udp,
}

impl Transport {
    /// Its number in an IP header.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Transport::Tcp => protocol::TCP,
            Transport::Udp => protocol::UDP,
        }
    }
}

/// What an endpoint is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// SYN-ACK. Over UDP nobody answers: what is open there need not.
    Open,
    /// Reset. Over UDP ICMP 3/3, port unreachable.
    Closed,
    /// Nothing.
    Silent,
    /// ICMP 3/13, communication administratively prohibited, from the router.
    Prohibited,
}

/// How many of [`WHOLE`] endpoints are in which state; the rest are closed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Shares {
    /// How many are open.
    pub open: u32,
    /// How many do not answer.
    pub silent: u32,
    /// For how many the router says that they are prohibited.
    pub prohibited: u32,
    /// How many of as many addresses have a host. The others are silent at every port, and to pings.
    pub alive: u32,
}

/// All.
pub const WHOLE: u32 = 1 << 16;

impl Default for Shares {
    /// Every address has a host, and every port of it is closed.
    fn default() -> Self {
        Shares { open: 0, silent: 0, prohibited: 0, alive: WHOLE }
    }
}

/// The truth about every endpoint of IPv4.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Truth {
    start: u32,
    shares: Shares,
}

impl Truth {
    /// Same seed and same shares: the same truth. `None` if the shares are more than there is.
    pub fn new(seed: u32, shares: Shares) -> Option<Self> {
        let Shares { open, silent, prohibited, alive } = shares;
        let ports = open.checked_add(silent)?.checked_add(prohibited)?;
        // Mixed once, or neighbouring seeds would only exchange neighbouring addresses.
        (ports <= WHOLE && alive <= WHOLE).then(|| Truth { start: mix(SEED, seed), shares })
    }

    /// What an endpoint is.
    pub fn of(&self, transport: Transport, address: Ipv4Addr, port: u16) -> State {
        if !self.is_alive(address) {
            return State::Silent;
        }
        let share = self.endpoint(transport, address, port) >> 16;
        let [open, silent, prohibited] = self.limits();
        match share {
            _ if share < open => State::Open,
            _ if share < silent => State::Silent,
            _ if share < prohibited => State::Prohibited,
            _ => State::Closed,
        }
    }

    /// Whether an address has a host.
    pub fn is_alive(&self, address: Ipv4Addr) -> bool {
        self.host(address) >> 16 < self.shares.alive
    }

    /// With which sequence number an open port answers.
    pub fn sequence(&self, address: Ipv4Addr, port: u16) -> u32 {
        mix(self.endpoint(Transport::Tcp, address, port), SEQUENCE)
    }

    /// What the hash begins with.
    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    /// Below which share an address has a host.
    pub(crate) fn alive(&self) -> u32 {
        self.shares.alive
    }

    /// Below which share an endpoint is open; if not, silent; if not, prohibited.
    pub(crate) fn limits(&self) -> [u32; 3] {
        let Shares { open, silent, prohibited, .. } = self.shares;
        [open, open + silent, open + silent + prohibited]
    }

    fn host(&self, address: Ipv4Addr) -> u32 {
        mix(self.start, address.to_bits())
    }

    fn endpoint(&self, transport: Transport, address: Ipv4Addr, port: u16) -> u32 {
        mix(self.host(address), u32::from(transport.number()) << 16 | u32::from(port))
    }
}

/// The hash: takes in one word. The program in the kernel computes the same.
///
/// For a given word it is one-to-one. The high half is the good one, since multiplication carries upward only.
pub(crate) fn mix(hash: u32, word: u32) -> u32 {
    ROUNDS.iter().fold(hash ^ word, |hash, &(factor, shift)| {
        let product = hash.wrapping_mul(factor);
        product ^ product >> shift
    })
}

/// Multiply, then fold the high bits back. The factors are the fractions of the golden ratio and of the square root of
/// three, made odd.
pub(crate) const ROUNDS: [(u32, u32); 3] = [(0x9e37_79b9, 16), (0xbb67_ae85, 15), (0x9e37_79b9, 13)];

/// What is mixed with the seed.
const SEED: u32 = 0x706f_7274;

/// What makes a sequence number of an endpoint's hash.
pub(crate) const SEQUENCE: u32 = 0x6f6c_616e;

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { open: 1966, silent: 3277, prohibited: 1311, alive: WHOLE / 4 };

    fn near(count: usize, expected: f64) {
        // Five standard deviations of a Poisson count: one in two million by chance, and the seeds are fixed.
        let allowed = 5.0 * expected.sqrt();
        assert!((count as f64 - expected).abs() < allowed, "{count} instead of {expected}");
    }

    #[test]
    fn each_host_has_the_shares_that_were_asked_for() {
        for seed in 0..8 {
            let truth = Truth::new(seed, Shares { alive: WHOLE, ..SHARES }).unwrap();
            for host in 0..16 {
                let address = Ipv4Addr::from_bits(0xc612_0000 + host);
                for transport in [Transport::Tcp, Transport::Udp] {
                    let states: Vec<State> =
                        (0..=u16::MAX).map(|port| truth.of(transport, address, port)).collect();
                    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
                    near(count(State::Open), 1966.0);
                    near(count(State::Silent), 3277.0);
                    near(count(State::Prohibited), 1311.0);
                }
            }
        }
    }

    #[test]
    fn hosts_live_or_not_whatever_their_neighbours_do() {
        let truth = Truth::new(1, SHARES).unwrap();
        let alive: Vec<bool> =
            (0..1 << 17).map(|host| truth.is_alive(Ipv4Addr::from_bits(0xc612_0000 + host))).collect();
        let expected = alive.len() as f64 / 4.0;
        near(alive.iter().filter(|alive| **alive).count(), expected);
        for distance in [1, 2, 16, 256, 4096] {
            let both = alive.iter().zip(&alive[distance..]).filter(|(one, other)| **one && **other).count();
            near(both, (alive.len() - distance) as f64 / 16.0);
        }
        let dead = alive.iter().zip(0..).find(|(alive, _)| !**alive).unwrap().1;
        let dead = Ipv4Addr::from_bits(0xc612_0000 + dead);
        assert!((0..1000).all(|port| truth.of(Transport::Tcp, dead, port) == State::Silent));
    }

    #[test]
    fn neighbouring_ports_hosts_and_seeds_have_nothing_in_common() {
        let half = Shares { open: WHOLE / 2, ..Shares::default() };
        let is_open = |seed: u32, host: u32, port: u16| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + host);
            Truth::new(seed, half).unwrap().of(Transport::Tcp, address, port) == State::Open
        };
        let same = |other: &dyn Fn(u16) -> bool| {
            (0..u16::MAX).filter(|port| is_open(5, 9, *port) == other(*port)).count()
        };
        near(same(&|port| is_open(5, 9, port + 1)), 32_768.0);
        near(same(&|port| is_open(5, 10, port)), 32_768.0);
        near(same(&|port| is_open(6, 9, port)), 32_768.0);
        near(same(&|port| is_open(9, 5, port)), 32_768.0);
    }

    #[test]
    fn shares_of_more_than_there_is_are_refused() {
        let whole = Shares { open: WHOLE, ..Shares::default() };
        assert!(Truth::new(0, whole).is_some());
        assert!(Truth::new(0, Shares { silent: 1, ..whole }).is_none());
        assert!(Truth::new(0, Shares { silent: u32::MAX, ..whole }).is_none());
        assert!(Truth::new(0, Shares { alive: WHOLE + 1, ..Shares::default() }).is_none());
    }
}
