//! How much of public address space may be asked, and on whose word. One wrong digit in a prefix length makes of a
//! scan at home one of thousands of strangers; this is where it stops.

use std::fmt;

use portolan_explain::{Lang, number};
use portolan_model::{Address, AddressRange};
use portolan_sys::interfaces::{self, InterfaceAddress};
use portolan_target::AddressSet;
use portolan_target::special::public;

/// So many public addresses are asked without a word.
const UNASKED: u128 = 256;
/// So many are asked if somebody is named who allows it: as many as a /16 has.
const AUTHORISED: u128 = 1 << 16;

/// Lets a scan of these addresses pass, or says why not. `authorised`: whether `--authorised` is given. `attached` is
/// what does not count although it is public, and is looked up only where that matters.
pub(crate) fn admit(
    asked: &AddressSet,
    authorised: bool,
    attached: impl FnOnce() -> AddressSet,
) -> Result<(), TooPublic> {
    let mut public = public(asked);
    if public.len() > UNASKED {
        public = public.difference(&attached());
    }
    match public.len() {
        ..=UNASKED => Ok(()),
        ..=AUTHORISED if authorised => Ok(()),
        public => Err(TooPublic { public }),
    }
}

/// The addresses of this machine and of its neighbours, which it asks without leaving the link.
pub(crate) fn attached() -> AddressSet {
    // Without the list of interfaces none is attached, which is the careful side.
    let own = interfaces::addresses().unwrap_or_default();
    own.iter()
        .flat_map(|own| [network(own), Some(Address::new(own.ip).into())])
        .flatten()
        .fold(AddressSet::new(), |all, set| all.union(&set))
}

/// The network of an interface's address. One larger than any link (a /16, a /64) is no link: that is how tunnels
/// write "the whole Internet is behind me", and trusting it would switch the guard off.
fn network(own: &InterfaceAddress) -> Option<AddressSet> {
    let is_link =
        if own.ip.is_ipv4() { (16..=32).contains(&own.prefix) } else { (64..=128).contains(&own.prefix) };
    let (first, last) = own.ends();
    is_link.then(|| AddressRange { first: first.into(), last: last.into() }.into())
}

/// More public addresses are asked for than may be.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct TooPublic {
    /// How many.
    public: u128,
}

impl TooPublic {
    /// What is wrong.
    pub(crate) fn message(&self, lang: Lang) -> String {
        let n = |n: u128| number(lang, n);
        let (asked, unasked, authorised) = (n(self.public), n(UNASKED), n(AUTHORISED));
        match (self.public <= AUTHORISED, lang) {
            (true, Lang::En) => format!(
                "{asked} public addresses are asked for; more than {unasked} need --authorised \"who and why\""
            ),
            (true, Lang::Fr) => format!(
                "{asked} adresses publiques sont demandées\u{a0}; au-delà de {unasked}, il faut --authorised \"qui et pourquoi\""
            ),
            (false, Lang::En) => format!(
                "{asked} public addresses are asked for; --authorised allows {authorised} at most, and more need a scope file, \
                 which this version cannot read yet"
            ),
            (false, Lang::Fr) => format!(
                "{asked} adresses publiques sont demandées\u{a0}; --authorised en permet {authorised} au plus, et davantage exige \
                 un fichier de périmètre, que cette version ne sait pas encore lire"
            ),
        }
    }

    /// What can be done.
    pub(crate) const fn advice(&self, lang: Lang) -> &'static str {
        match (self.public <= AUTHORISED, lang) {
            (true, Lang::En) => {
                "is the range as large as you meant? if so, say who allows it; the record keeps the text"
            }
            (true, Lang::Fr) => {
                "la plage a-t-elle la taille voulue\u{a0}? si oui, dites qui le permet\u{a0}; l’enregistrement garde le texte"
            }
            (false, Lang::En) => {
                "is the range as large as you meant? name fewer targets, or leave some out by --exclude"
            }
            (false, Lang::Fr) => {
                "la plage a-t-elle la taille voulue\u{a0}? nommez moins de cibles, ou écartez-en par --exclude"
            }
        }
    }
}

impl fmt::Display for TooPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

impl std::error::Error for TooPublic {}

#[cfg(test)]
mod tests;
