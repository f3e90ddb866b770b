use crate::untrusted::Untrusted;

/// What runs behind a port, as it showed itself in an answer. A name that is only guessed from the port's number is
/// none of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name in the IANA registry.
    pub name: &'static str,
    /// The name of the probe whose signature matched.
    pub matched: &'static str,
    /// The product, in its own words.
    pub product: Option<Untrusted>,
    /// Its version, in its own words.
    pub version: Option<Untrusted>,
    /// What else it told of itself, each with its name.
    pub details: Vec<(&'static str, Untrusted)>,
}

impl Service {
    /// A service of which only the protocol is known.
    pub const fn named(name: &'static str, matched: &'static str) -> Self {
        Service { name, matched, product: None, version: None, details: Vec::new() }
    }
}
