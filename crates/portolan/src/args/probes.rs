//! The page about what is asked over UDP, made from the catalogue itself.

use std::fmt::Write;

use portolan_detect::{ENTRIES, Entry, Origin};

/// The page, in Markdown.
pub(super) fn page() -> String {
    let mut page = String::from(HEAD);
    for entry in ENTRIES {
        // Writing to a String does not fail.
        let _ = writeln!(page, "{}", row(entry));
    }
    page.push_str(SAMPLES);
    for entry in ENTRIES {
        for sample in entry.samples {
            let title = entry.title;
            let from = match sample.origin {
                Origin::Recorded => commanded(sample.from),
                Origin::Composed => sample.from.to_owned(),
            };
            let _ = writeln!(page, "- {title}: {}, {from}", sample.origin.token());
        }
    }
    page
}

fn row(entry: &Entry) -> String {
    let probe = &entry.probe;
    let ports: Vec<String> = probe.ports.iter().map(u16::to_string).collect();
    let bytes = probe.write(&portolan_model::Cookie([0; 16])).len();
    let Entry { title, source, polite, .. } = entry;
    format!("| {title} | `{}` | {} | {bytes} | {source} | {polite} |", probe.service, ports.join(", "))
}

/// A server and the command that started it.
fn commanded(text: &str) -> String {
    match text.split_once(": ") {
        Some((server, command)) => format!("{server}: `{command}`"),
        None => text.to_owned(),
    }
}

const HEAD: &str = "\
# What is asked over UDP

Written by `cargo xtask docs` from the files of `crates/portolan-detect/probes/udp/`; edit those.

Each row is one question in a protocol's own words, in its smallest harmless form. Where the protocol has a transaction id,
a keyed hash is in it, and only an answer that returns it is surely ours. Ports of which nothing is known get the DNS question
and an empty datagram in turn. No question guesses a password or a community, and none is of the kind that makes servers
amplify.

| protocol | told as | ports | bytes | source | why it is harmless |
|---|---|---|---|---|---|
";

const SAMPLES: &str = "
## What the answers are held against

The tests recognise each of these. *Recorded*: a real server sent it. *Composed*: it was written from the specification.

";
