//! The one interface that everything is to leave by.

use portolan_sys::netlink::Netlink;

use crate::error::NetError;

/// An interface of this machine, to which a door can be restricted: what it sends leaves there and nowhere else, and what
/// comes in elsewhere is not heard.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub(crate) index: u32,
    pub(crate) is_loopback: bool,
}

impl Interface {
    /// The interface of this name; an error if there is none, or if it is switched off.
    pub fn find(name: &str) -> Result<Self, NetError> {
        let links = Netlink::open().and_then(|mut netlink| netlink.links());
        let links = links.map_err(|errno| NetError::ListInterfaces(errno.into()))?;
        let Some(link) = links.iter().find(|link| link.name == name) else {
            let mut others: Vec<_> = links.iter().map(|link| link.name.to_string_lossy()).collect();
            others.sort_unstable();
            return Err(NetError::NoSuchInterface { name: name.to_owned(), others: others.join(", ") });
        };
        if !link.is_up {
            return Err(NetError::InterfaceDown(name.to_owned()));
        }
        Ok(Interface { index: link.index, is_loopback: link.is_loopback })
    }
}
