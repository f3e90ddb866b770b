//! Capabilities and users: what this thread may do beyond what everybody may, and how it gives that away.
//!
//! Before editing, read capabilities(7), capget(2), setresuid(2), and prctl(2) on `PR_CAPBSET_DROP` and `PR_SET_NO_NEW_PRIVS`.

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::Errno;

/// Whether this thread may open packet and raw sockets (CAP_NET_RAW is effective).
pub fn has_net_raw() -> bool {
    has(CapabilitySet::NET_RAW)
}

/// Whether this thread may change interfaces, routes and firewalls (CAP_NET_ADMIN is effective).
pub fn has_net_admin() -> bool {
    has(CapabilitySet::NET_ADMIN)
}

/// Whether this process is root's: its effective user is 0.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// A user and a group, by number.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What [`drop_all`] has done besides emptying the effective, permitted and inheritable sets.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// The bounding set is empty: no program that is started gets a capability from its file. Takes CAP_SETPCAP,
    /// unless it was empty before.
    pub bounding: bool,
    /// The ambient set was cleared by name. It is empty either way: it never exceeds the permitted set.
    pub ambient: bool,
    /// No program that is started gains anything by setuid, setgid or file capabilities.
    pub no_new_privs: bool,
}

/// Gives every capability away, for ever, and becomes `user`, if one is named: that user and group alone, without
/// supplementary groups and without a way back. What is open works on.
///
/// Capabilities belong to threads, and this is about the calling one and those it starts. Call it before any other
/// thread starts: one that was there already keeps what it has, and stays who it was. To become a user takes CAP_SETUID and CAP_SETGID (else EPERM).
///
/// After an error the thread may still have them all, and be who it was.
pub fn drop_all(user: Option<User>) -> Result<Dropped, Errno> {
    let dropped = Dropped {
        bounding: clear_bounding(),
        ambient: clear_ambient_capability_set().is_ok(),
        no_new_privs: set_no_new_privs(true).is_ok(),
    };
    if let Some(user) = user {
        become_user(user)?;
    }
    let none = CapabilitySet::empty();
    // Last, since it takes CAP_SETPCAP away, which the bounding set asks for.
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(dropped)
}

/// The user last: it takes the capabilities that the groups ask for.
fn become_user(User { uid, gid }: User) -> Result<(), Errno> {
    // The highest number means "as it is" here.
    if uid == u32::MAX || gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn has(capability: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

/// Whether the bounding set is empty afterwards.
fn clear_bounding() -> bool {
    (0..u64::BITS)
        .map(|number| CapabilitySet::from_bits_retain(1 << number))
        // EINVAL: this kernel has no capability of that number, nor any beyond.
        .map_while(|capability| Some((capability, capability_is_in_bounding_set(capability).ok()?)))
        .filter(|(_, is_in)| *is_in)
        .fold(true, |all, (capability, _)| remove_capability_from_bounding_set(capability).is_ok() && all)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::thread::configure_capability_in_ambient_set;

    use super::*;
    use crate::packet::tests::{IPV4, gather};
    use crate::packet::{Filter, PacketSocket, RingSize};
    use crate::testing::{Cable, in_own_namespace};

    /// A line of `/proc/thread-self/status`.
    fn status(key: &str) -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap().trim().to_owned()
    }

    fn open() -> Result<PacketSocket, Errno> {
        PacketSocket::open(RingSize::default(), &Filter::none())
    }

    #[test]
    fn what_was_opened_before_works_on_and_nothing_is_opened_after() {
        in_own_namespace("what_was_opened_before_works_on_and_nothing_is_opened_after", || {
            let cable = Cable::lay();
            let mut near = cable.at_the_near_end(open).unwrap();
            let mut far = cable.at_the_far_end(open).unwrap();
            assert!(has_net_raw() && has_net_admin());

            let dropped = drop_all(None).unwrap();
            assert_eq!(dropped, Dropped { bounding: true, ambient: true, no_new_privs: true });
            assert!(!has_net_raw() && !has_net_admin());
            for key in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status(key), "0000000000000000", "{key}");
            }
            assert_eq!(status("NoNewPrivs"), "1");
            assert_eq!(open().map(drop), Err(Errno::PERM));
            let ip = Command::new("ip").args(["link", "add", "type", "veth"]).output().unwrap();
            assert!(!ip.status.success(), "a program that is started got capabilities");

            let (out, back) = (cable.to_the_far_end(IPV4, b"out"), cable.to_the_near_end(IPV4, b"back"));
            assert_eq!(near.send(&[out]), (1, None));
            assert_eq!(gather(&mut far, 1)[0].bytes, b"out");
            assert_eq!(far.send(&[back]), (1, None));
            assert_eq!(gather(&mut near, 1)[0].bytes, b"back");
            // There is nothing to lose any more.
            assert_eq!(drop_all(None), Ok(dropped));
        });
    }

    #[test]
    fn a_user_is_who_it_becomes_and_nobody_else() {
        in_own_namespace("a_user_is_who_it_becomes_and_nobody_else", || {
            let cable = Cable::lay();
            let mut near = cable.at_the_near_end(open).unwrap();
            assert!(is_root());
            let nobody = User { uid: 65534, gid: 65533 };
            assert_eq!(drop_all(Some(User { uid: u32::MAX, ..nobody })), Err(Errno::INVAL));
            let dropped = drop_all(Some(nobody)).unwrap();
            assert_eq!(dropped, Dropped { bounding: true, ambient: true, no_new_privs: true });
            for key in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status(key), "0000000000000000", "{key}");
            }
            let ids = |key| status(key).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(ids("Uid"), ["65534"; 4]);
            assert_eq!(ids("Gid"), ["65533"; 4]);
            assert_eq!(status("Groups"), "");
            assert_eq!(drop_all(Some(User { uid: 0, gid: 0 })), Err(Errno::PERM), "there is no way back");
            assert_eq!(near.send(&[cable.to_the_far_end(IPV4, b"out")]), (1, None));
        });
    }

    #[test]
    fn without_setpcap_the_bounding_set_stays_and_the_others_go() {
        in_own_namespace("without_setpcap_the_bounding_set_stays_and_the_others_go", || {
            let mut sets = capabilities(None).unwrap();
            sets.inheritable = CapabilitySet::NET_RAW;
            set_capabilities(None, sets).unwrap();
            configure_capability_in_ambient_set(CapabilitySet::NET_RAW, true).unwrap();
            sets.effective.remove(CapabilitySet::SETPCAP);
            set_capabilities(None, sets).unwrap();
            assert_eq!(drop_all(None), Ok(Dropped { bounding: false, ambient: true, no_new_privs: true }));
            assert_ne!(status("CapBnd"), "0000000000000000");
            for key in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(status(key), "0000000000000000", "{key}");
            }
        });
    }
}
