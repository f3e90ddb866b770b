use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::fchown;
use std::path::Path;

use portolan_sys::privilege::{self, User};

/// Who started a scan as root by sudo: as whom it goes on once everything is open. Root itself stays root, without its
/// capabilities.
pub(crate) fn behind_sudo(env: &dyn Fn(&str) -> Option<String>) -> Option<User> {
    privilege::is_root().then(|| named(env)).flatten()
}

fn named(env: &dyn Fn(&str) -> Option<String>) -> Option<User> {
    let id = |name| env(name)?.parse().ok().filter(|id| *id != 0);
    Some(User { uid: id("SUDO_UID")?, gid: id("SUDO_GID")? })
}

/// Creates a file, or empties the one that is there, or else adds to it if this run `goes_on` with another. A new one is
/// `owner`'s, if there is one; another stays whose it was.
pub(crate) fn create(path: &Path, goes_on: bool, owner: Option<User>) -> io::Result<File> {
    let any = || {
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(goes_on).truncate(!goes_on).open(path)
    };
    let Some(User { uid, gid }) = owner else { return any() };
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => {
            fchown(&file, Some(uid), Some(gid))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => any(),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_and_neither_is_roots() {
        let user = |uid: Option<&str>, gid: Option<&str>| {
            named(&|name| match name {
                "SUDO_UID" => uid.map(str::to_owned),
                "SUDO_GID" => gid.map(str::to_owned),
                _ => None,
            })
        };
        assert_eq!(user(Some("1000"), Some("100")), Some(User { uid: 1000, gid: 100 }));
        for (uid, gid) in [
            (None, Some("100")),
            (Some("1000"), None),
            (Some("0"), Some("100")),
            (Some("1000"), Some("0")),
            (Some("-1"), Some("100")),
            (Some("jo"), Some("100")),
            (Some(""), Some("")),
            (Some("4294967296"), Some("100")),
        ] {
            assert_eq!(user(uid, gid), None, "{uid:?} {gid:?}");
        }
    }
}
