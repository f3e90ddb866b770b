//! Too much of public address space: the real program refuses before it opens anything.
//!
//! Should the guard ever fail, these runs still send nothing: their output goes into a folder that does not exist, and
//! outputs are opened before doors. The blocks named are public, and nobody's hosts: anycast services of the IETF.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::process::{Command, Stdio};

/// 768 public addresses.
const SOME: &str = "192.31.196.0/24 192.52.193.0/24 192.175.48.0/24";
/// 2^17 public addresses.
const MANY: &str = "2001:4:112::/112 2001:4:112::1:0/112";

/// What the program says on stderr; the rest of how it ends is checked here.
fn refusal(line: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("missing").join("out.json");
    let run = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(line.split_whitespace())
        .args(more)
        .arg("-oJ")
        .arg(&output)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("PORTOLAN_LANG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "{line}");
    assert!(run.stdout.is_empty(), "{line}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "{line}");
    String::from_utf8(run.stderr).unwrap()
}

#[test]
fn some_need_a_word() {
    let told = refusal(SOME, &[]);
    assert!(
        told.starts_with("error: 768 public addresses are asked for; more than 256 need --authorised"),
        "{told}"
    );
    let told = refusal(SOME, &["--lang", "fr"]);
    assert!(told.starts_with("erreur\u{a0}: 768 adresses publiques sont demandées"), "{told}");
    assert_eq!(told.lines().count(), 2, "an error and a hint: {told}");
    assert_eq!(refusal(SOME, &["--no-hints"]).lines().count(), 1);
    // However they are asked: the privilege that -sS may lack is not looked at before.
    for how in ["-sS", "-sU", "-Pn", "--shard=1/1000"] {
        assert!(refusal(SOME, &[how]).contains("768 public addresses"), "{how}");
    }
    let told = refusal(SOME, &["--exclude", "192.31.196.0/25"]);
    assert!(told.contains("640 public addresses"), "{told}");
}

#[test]
fn many_are_refused_whoever_says_so() {
    for more in [&[][..], &["--authorised", "J. Doe, CHG-4711"][..]] {
        let told = refusal(MANY, more);
        assert!(told.starts_with("error: 131 072 public addresses are asked for"), "{told}");
        assert!(told.contains("65 536") && told.contains("a scope file"), "{told}");
        assert!(!told.contains("CHG-4711"), "{told}");
    }
}

/// A scan of this machine, which the guard lets pass, ends at its output: so would those above, if the guard let them.
#[test]
fn what_passes_ends_at_its_output() {
    let told = refusal("127.0.0.1", &[]);
    assert!(told.contains("-oJ") && told.contains("No such file"), "{told}");
}
