use std::error::Error;
use std::fmt;

/// Why bytes could not be read as a format, or a meaning not be written into a buffer.
///
/// Two static texts, so that refusing a packet costs no allocation: refused packets are counted, and
/// whoever sends them chooses how many come.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Malformed {
    /// The format, as a person would name it: `"IPv4"`.
    pub what: &'static str,
    /// What is wrong with it: `"shorter than its header"`.
    pub why: &'static str,
}

impl Malformed {
    pub(crate) const fn new(what: &'static str, why: &'static str) -> Self {
        Malformed { what, why }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Error for Malformed {}
