use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use portolan_lab::which;
use tempfile::TempDir;

/// A place to run one scenario: root, the tools that it named, and a folder that everyone may read.
pub(crate) struct Lab {
    /// Removed at the end, with everything in it.
    pub(crate) directory: TempDir,
    /// A copy of the binary under test: the unprivileged user cannot read the build directory.
    pub(crate) binary: PathBuf,
}

/// The lab for one scenario, which needs these tools (and files, with their whole names), or `None` after saying why not. In CI, "why not" is a failure.
pub(crate) fn require(scenario: &str, tools: &[&str]) -> Option<Lab> {
    let why = if !rustix::process::geteuid().is_root() {
        "needs root for network namespaces".to_owned()
    } else if let Some(tool) = ["ip", "setpriv", "prlimit", "sysctl", "sh", "mount"]
        .iter()
        .chain(tools)
        .find(|tool| if tool.starts_with('/') { !Path::new(tool).exists() } else { which(tool).is_none() })
    {
        format!("{tool} is not installed (cargo xtask setup)")
    } else {
        return Some(Lab::new());
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{scenario}: {why}; in CI nothing may be skipped");
    println!("SKIPPED {scenario}: {why}");
    None
}

impl Lab {
    /// Writes a file into the lab's folder, readable by everyone.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, contents).expect("the lab's folder is ours");
        set_mode(&path, 0o644);
        path
    }

    /// The name of a file in the lab's folder that everyone may write to.
    pub(crate) fn writable(&self, name: &str) -> String {
        let path = self.write(name, "");
        set_mode(&path, 0o666);
        path.to_str().expect("a plain path").to_owned()
    }

    /// What is in a file of the lab's folder.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).expect("a text of ours")
    }

    fn new() -> Self {
        let directory = TempDir::with_prefix("portolan-lab-").expect("a temporary folder");
        set_mode(directory.path(), 0o755);
        let binary = directory.path().join("portolan");
        std::fs::copy(env!("CARGO_BIN_EXE_portolan"), &binary).expect("the binary under test exists");
        set_mode(&binary, 0o755);
        Lab { directory, binary }
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("the lab's folder is ours");
}
