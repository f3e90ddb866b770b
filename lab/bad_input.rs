use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::require::{Lab, require};
use portolan_lab::namespace::Namespace;

const LIMIT: Duration = Duration::from_secs(30);

/// Each is refused with one clear line before anything is sent. `names` is what the line must point at.
struct Bad<'a> {
    words: &'a [&'a str],
    names: &'a str,
}

#[test]
fn bad_input_is_refused_in_one_line_and_nothing_is_sent() {
    let Some(lab) = require("bad input", &[]) else { return };
    let namespace = Namespace::new("bad-input");
    let path = |name: &str, contents: &[u8]| lab.write(name, contents).to_string_lossy().into_owned();
    let noise = path("noise.txt", &noise(10 << 20));
    let empty = path("empty.txt", b"");
    let comments = path("comments.txt", b"# nothing\n\n   # here\n");
    let secret = path("secret.txt", b"127.0.0.1\n");
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("the lab's folder is ours");
    for bad in [
        Bad { words: &["127.0.0.1", "-p", "70000"], names: "70000" },
        Bad { words: &["127.0.0.1", "-p70000"], names: "70000" },
        Bad { words: &["10.0.0.0/33"], names: "10.0.0.0/33" },
        Bad { words: &["127.0.0.1", "10.0.0.0/33"], names: "10.0.0.0/33" },
        Bad { words: &["127.0.0.1", "-p", "U:"], names: "U:" },
        Bad { words: &["-iL", &secret], names: "secret.txt" },
        Bad { words: &["-iL", "no-such-file.txt"], names: "no-such-file.txt" },
        Bad { words: &["-iL", &empty], names: "empty.txt" },
        Bad { words: &["-iL", &comments], names: "comments.txt" },
        Bad { words: &["-iL", &noise], names: "noise.txt" },
        Bad { words: &["127.0.0.1", "--excludefile", &empty], names: "empty.txt" },
        // To the kernel they are this machine, so what is excluded of it is excluded of them.
        Bad { words: &["0.0.0.0", "--exclude", "127.0.0.0/8"], names: "excluded" },
        Bad { words: &["-sTU", "::", "--exclude", "::1"], names: "excluded" },
        Bad { words: &["127.0.0.1", "--exclude", "0.0.0.0"], names: "excluded" },
        Bad { words: &["127.0.0.1", "--excludefile", &secret], names: "secret.txt" },
        Bad { words: &[], names: "" },
    ] {
        let before = sent(&namespace);
        refused(&lab, &namespace, &bad);
        assert_eq!(sent(&namespace), before, "{:?}: something was sent", bad.words);
    }
    // Asking what a name means is not scanning: here only connects are counted.
    let before = namespace.counters()["Tcp.ActiveOpens"];
    refused(&lab, &namespace, &Bad { words: &["no-such-host.invalid"], names: "no-such-host.invalid" });
    assert_eq!(namespace.counters()["Tcp.ActiveOpens"], before, "an unknown name: a connect was made");
}

fn refused(lab: &Lab, namespace: &Namespace, bad: &Bad<'_>) {
    // With and without a machine format: an error is never data.
    for format in [&[][..], &["--json"]] {
        let words = [bad.words, format].concat();
        let outcome = lab.scan(namespace, &words).run(LIMIT);
        outcome.assert_code(2);
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        println!("bad input: {words:?}: {}", lines.first().unwrap_or(&"").escape_debug());
        let said = lines.iter().filter(|line| !line.starts_with("hint:")).count();
        assert_eq!(said, 1, "{words:?}: not one line:\n{}", outcome.stderr.escape_debug());
        assert!(lines[0].contains(bad.names), "{words:?}: the line does not name {}", bad.names);
        assert!(lines[0].chars().count() <= 300, "{words:?}: the line has no end");
        let is_raw = outcome.stderr.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{fffd}');
        assert!(!is_raw, "{words:?}: control characters reach the terminal");
        assert_eq!(outcome.stdout, "", "{words:?}: stdout is data");
    }
}

/// All packets that left this namespace's IP layers, loopback included.
fn sent(namespace: &Namespace) -> (u64, u64, u64) {
    let counters = namespace.counters();
    (counters["Ip.OutRequests"], counters["Ip6OutRequests"], counters["Tcp.ActiveOpens"])
}

/// Bytes without a meaning, the same in every run (xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect()
}
