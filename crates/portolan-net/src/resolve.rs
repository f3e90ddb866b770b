//! Names to addresses, as the system does it: getaddrinfo(3), so that `/etc/hosts` and the rest count.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use portolan_model::Address;

/// Which addresses of a name are wanted.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// Both kinds, in the order the system prefers (RFC 6724).
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// Why a name has no address for us. The name itself is known to the caller, who can say it safely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The resolver's own words.
    #[error("{0}")]
    Lookup(io::Error),
    /// The name exists, but not in the family that was asked for.
    #[error("the name has no IPv4 address")]
    NoV4,
    /// The name exists, but not in the family that was asked for.
    #[error("the name has no IPv6 address")]
    NoV6,
    /// The resolver answered with nothing.
    #[error("the name has no address")]
    NoAddress,
}

/// Resolves every name, several at a time; the answers are in the order of the names. The addresses of a
/// name are in the order of the system's preference, each once.
pub fn resolve(names: &[String], family: Family) -> Vec<Result<Vec<Address>, ResolveError>> {
    let next = AtomicUsize::new(0);
    // Each worker takes the next name that nobody has taken: one slow name holds up one worker only.
    let work = || -> Vec<(usize, Result<Vec<Address>, ResolveError>)> {
        std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed))
            .map_while(|position| Some((position, resolve_one(names.get(position)?, family))))
            .collect()
    };
    let mut found = thread::scope(|scope| {
        // getaddrinfo blocks, so waiting in parallel takes threads; they end with this function. One
        // that the system refuses is done without: this thread works too, so all is done in the end.
        let helpers: Vec<_> = (1..names.len().min(WORKERS))
            .map_while(|_| thread::Builder::new().name("resolve".into()).spawn_scoped(scope, work).ok())
            .collect();
        let mut found = work();
        found.extend(helpers.into_iter().filter_map(|helper| helper.join().ok()).flatten());
        found
    });
    found.sort_unstable_by_key(|(position, _)| *position);
    found.into_iter().map(|(_, result)| result).collect()
}

/// The index of an interface: what `%eth0` means after a link-local address.
pub fn interface_index(name: &str) -> Option<u32> {
    portolan_sys::interfaces::index_of(name)
}

/// Enough to hide the waiting, few enough not to flood the resolver.
const WORKERS: usize = 16;

fn resolve_one(name: &str, family: Family) -> Result<Vec<Address>, ResolveError> {
    let addresses = (name, 0).to_socket_addrs().map_err(ResolveError::Lookup)?;
    wanted(addresses, family)
}

fn wanted(addresses: impl Iterator<Item = SocketAddr>, family: Family) -> Result<Vec<Address>, ResolveError> {
    let mut seen = HashSet::new();
    let mut any = false;
    let wanted: Vec<Address> = addresses
        .map(Address::from)
        .inspect(|_| any = true)
        .filter(|address| match family {
            Family::Any => true,
            Family::V4 => !address.is_ipv6(),
            Family::V6 => address.is_ipv6(),
        })
        .filter(|address| seen.insert(*address))
        .collect();
    match (wanted.is_empty(), any, family) {
        (false, ..) => Ok(wanted),
        (true, true, Family::V4) => Err(ResolveError::NoV4),
        (true, true, Family::V6) => Err(ResolveError::NoV6),
        (true, ..) => Err(ResolveError::NoAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn addresses_keep_their_order_and_come_once() {
        let given = sockets(&["2001:db8::1", "198.18.0.1", "2001:db8::1", "::ffff:198.18.0.1"]);
        let texts = |family| -> Vec<String> {
            wanted(given.iter().copied(), family).unwrap().iter().map(Address::to_string).collect()
        };
        assert_eq!(texts(Family::Any), ["2001:db8::1", "198.18.0.1"]);
        assert_eq!(texts(Family::V4), ["198.18.0.1"]);
        assert_eq!(texts(Family::V6), ["2001:db8::1"]);
    }

    #[test]
    fn a_name_without_the_family_says_which() {
        let v4 = || sockets(&["198.18.0.1"]).into_iter();
        assert!(matches!(wanted(v4(), Family::V6), Err(ResolveError::NoV6)));
        assert!(matches!(wanted(std::iter::empty(), Family::V6), Err(ResolveError::NoAddress)));
    }

    #[test]
    fn many_names_are_answered_in_their_order() {
        // Literals only: no test asks a name server.
        let names: Vec<String> = (0..100).map(|n| format!("198.18.0.{n}")).collect();
        let results = resolve(&names, Family::Any);
        assert_eq!(results.len(), names.len());
        for (name, result) in names.iter().zip(results) {
            assert_eq!(result.unwrap()[0].to_string(), *name);
        }
        assert!(resolve(&[], Family::Any).is_empty());
    }

    #[test]
    fn a_string_that_cannot_be_a_name_is_an_error_and_spoils_no_other() {
        let names = ["::1".to_owned(), "a\0b".to_owned(), String::new(), "127.0.0.1".to_owned()];
        let results = resolve(&names, Family::Any);
        assert!(results[0].is_ok() && results[3].is_ok());
        assert!(matches!(results[1], Err(ResolveError::Lookup(_))));
        assert!(results[2].is_err());
    }
}
