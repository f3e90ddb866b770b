//! The tables as Rust text. `{:?}` of a string or a number is its literal.

use std::fmt::Write;

use crate::file::{Form, Origin};
use crate::read::{Check, Extract, Find, Piece, Probe, Sample};

/// The text of `udp.rs`: each probe, the list of them, and the list of whole entries.
pub(crate) fn table(probes: &[Probe]) -> String {
    let mut out = String::new();
    for (at, probe) in probes.iter().enumerate() {
        let _ = writeln!(out, "const P{at}: UdpProbe = {};", udp_probe(probe));
    }
    let all: Vec<String> = (0..probes.len()).map(|at| format!("P{at}")).collect();
    let _ = writeln!(out, "pub(crate) static UDP: &[UdpProbe] = &[{}];", all.join(", "));
    let entries: Vec<String> = probes.iter().enumerate().map(|(at, probe)| entry(at, probe)).collect();
    let _ = writeln!(out, "pub(crate) static ENTRIES: &[Entry] = &[{}];", entries.join(",\n"));
    out
}

fn udp_probe(probe: &Probe) -> String {
    format!(
        "UdpProbe {{ name: {:?}, service: {:?}, ports: &{:?}, payload: {}, answer: {}, elsewhere: {:?}, generic: {:?}, \
         patience_ms: {} }}",
        probe.name,
        probe.file.service,
        probe.file.ports,
        pieces(&probe.payload),
        list(&probe.answer, check),
        probe.file.elsewhere,
        probe.file.generic,
        probe.file.patience_ms
    )
}

fn entry(at: usize, probe: &Probe) -> String {
    format!(
        "Entry {{ probe: P{at}, title: {:?}, source: {:?}, polite: {:?}, samples: {}, extracts: {} }}",
        probe.file.title,
        probe.file.source,
        probe.file.polite,
        list(&probe.samples, sample),
        list(&probe.extracts, extract)
    )
}

fn pieces(pieces: &[Piece]) -> String {
    list(pieces, |piece| match piece {
        Piece::Bytes(bytes) => format!("Piece::Bytes(&{bytes:?})"),
        Piece::Cookie([from, len]) => format!("Piece::Cookie {{ from: {from}, len: {len} }}"),
        Piece::Hex([from, len]) => format!("Piece::Hex {{ from: {from}, len: {len} }}"),
        Piece::Fill(byte, len) => format!("Piece::Fill {{ byte: {byte}, len: {len} }}"),
        Piece::Any(len) => format!("Piece::Any {{ len: {len} }}"),
    })
}

fn check(check: &Check) -> String {
    match check {
        Check::AtLeast(len) => format!("Check::AtLeast({len})"),
        Check::At(offset, is) => format!("Check::At {{ offset: {offset}, pieces: {} }}", pieces(is)),
        Check::Bits(offset, mask, value) => {
            format!("Check::Bits {{ offset: {offset}, mask: {mask}, value: {value} }}")
        }
        Check::Within(within) => format!("Check::Within({})", pieces(within)),
    }
}

fn extract(rule: &Extract) -> String {
    let field = match rule.field.as_str() {
        "product" => "Field::Product".to_owned(),
        "version" => "Field::Version".to_owned(),
        other => format!("Field::Detail({other:?})"),
    };
    let find = match &rule.find {
        Find::Whole => "Find::Whole".to_owned(),
        Find::Between(after, until) => format!("Find::Between {{ after: &{after:?}, until: &{until:?} }}"),
        Find::Header(name) => format!("Find::Header({name:?})"),
        Find::Attribute(a) => format!(
            "Find::Attribute {{ from: {}, kind: {}, size: {}, pad: {}, is: {} }}",
            a.from, a.kind, a.size, a.pad, a.is
        ),
        Find::Ber(path) => format!("Find::Ber(&{path:?})"),
    };
    let names = list(&rule.names, |(number, name)| format!("({number}, {name:?})"));
    let form = match rule.form {
        Form::Text => "Form::Text".to_owned(),
        Form::Hex => "Form::Hex".to_owned(),
        Form::Dotted => "Form::Dotted".to_owned(),
        Form::Number => format!("Form::Number {{ bits: {}, names: {names} }}", rule.bits),
        Form::QuicVersions => format!("Form::QuicVersions {{ names: {names} }}"),
    };
    format!(
        "Extract {{ field: {field}, when: {}, find: {find}, at: {}, len: {:?}, form: {form} }}",
        list(&rule.when, check),
        rule.at,
        rule.len
    )
}

fn sample(sample: &Sample) -> String {
    let origin = match sample.origin {
        Origin::Recorded => "Origin::Recorded",
        Origin::Composed => "Origin::Composed",
    };
    format!(
        "Sample {{ origin: {origin}, from: {:?}, cookie: Cookie({:?}), reply: &{:?}, tells: &{:?} }}",
        sample.from, sample.cookie, sample.reply, sample.tells
    )
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    format!("&[{}]", items.iter().map(write).collect::<Vec<_>>().join(", "))
}
