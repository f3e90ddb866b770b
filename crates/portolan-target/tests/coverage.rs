//! How much of a corpus of server programs our rankings cover, held against the tables of `data/README.md`.
//!
//! `data/corpus.csv` holds what Debian packages and container images say they listen on; `data/README.md`
//! tells how it was gathered. A changed ranking or corpus fails here until the README says what is true now.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use portolan_target::ranking;

const CORPUS: &str = include_str!("../data/corpus.csv");
const README: &str = include_str!("../data/README.md");
const BEGIN: &str = "<!-- computed by tests/coverage.rs: begin -->\n";
const END: &str = "<!-- computed by tests/coverage.rs: end -->";

/// One ranking and its history with the corpus.
struct Transport {
    proto: &'static str,
    title: &'static str,
    ranked: &'static [u16],
    whole: &'static str,
    /// The ports that are in the ranking because the corpus was looked at.
    later: &'static [u16],
    /// The ports of a rule that left the ranking for them.
    gave_way: &'static [u16],
}

const TRANSPORTS: [Transport; 2] = [
    Transport {
        proto: "tcp",
        title: "TCP",
        ranked: &ranking::TCP,
        whole: "1000",
        later: &[5443, 6060, 9117, 15692, 58846],
        gave_way: &[9039, 9041, 9044, 9045, 9046],
    },
    Transport {
        proto: "udp",
        title: "UDP",
        ranked: &ranking::UDP,
        whole: "whole list",
        later: &[5443],
        gave_way: &[],
    },
];

#[test]
fn the_readme_states_the_coverage_as_it_is() {
    let computed = TRANSPORTS.each_ref().map(section).concat();
    let stated = README.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).unwrap().0;
    assert!(stated == computed, "data/README.md must say between its two marks:\n{computed}");
}

#[test]
fn the_corpus_is_large_enough_and_in_order() {
    let rows: Vec<Row> = rows().collect();
    let key = |row: &Row| (row.kind, row.name, row.proto, row.port);
    assert!(rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])), "sorted, and no row twice");
    assert!(rows.iter().all(|row| row.port > 0 && ["tcp", "udp"].contains(&row.proto)));
    assert!(rows.iter().all(|row| row.source.contains('/')), "each row names a file");
    let programs = |kind| {
        let names = rows.iter().filter(|row| row.kind == kind).map(|row| row.name);
        names.collect::<BTreeSet<_>>().len()
    };
    let (packages, images) = (programs("debian"), programs("image"));
    assert!(packages >= 75 && images >= 75, "{packages} packages and {images} images");
    assert!(rows.iter().all(|row| ["debian", "image"].contains(&row.kind)));
    assert!(README.contains(&format!("*Debian packages* ({packages}")), "{packages} packages");
    assert!(README.contains(&format!("*Container images* ({images})")), "{images} images");
}

#[test]
fn only_the_half_for_improving_improved_the_ranking() {
    for transport in &TRANSPORTS {
        let programs = programs(transport.proto);
        for port in transport.later {
            let seen = programs.iter().any(|program| !program.held_out() && program.ports.contains(port));
            assert!(seen, "{} {port} is not of the half for improving", transport.proto);
            assert!(transport.ranked.contains(port), "{} {port} is not ranked", transport.proto);
        }
        for port in transport.gave_way {
            assert!(!transport.ranked.contains(port), "{} {port} is ranked after all", transport.proto);
        }
    }
}

/// What the README says of one transport: a table, and what the ranking does not hold.
fn section(transport: &Transport) -> String {
    let programs = programs(transport.proto);
    let first: BTreeSet<u16> = transport.ranked.iter().take(100).copied().collect();
    let whole: BTreeSet<u16> = transport.ranked.iter().copied().collect();
    let mut before: BTreeSet<u16> = &whole - &transport.later.iter().copied().collect();
    before.extend(transport.gave_way);

    let (title, name) = (transport.title, transport.whole);
    let mut text = format!(
        "| {title} | programs | their ports | in `-F` | in the {name} | programs, all ports in `-F` | \
         any in `-F` | all in the {name} | any in the {name} |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    let mut row = |label: &str, wanted: &dyn Fn(&Program) -> bool, whole: &BTreeSet<u16>| {
        let part: Vec<&Program> = programs.iter().filter(|program| wanted(program)).collect();
        writeln!(text, "| {label} | {} |", shares(&part, &first, whole)).unwrap();
    };
    row("all", &|_| true, &whole);
    row("Debian packages", &|program| program.kind == "debian", &whole);
    row("container images", &|program| program.kind == "image", &whole);
    row("half for improving", &|program| !program.held_out(), &whole);
    row("half for improving, before", &|program| !program.held_out(), &before);
    row("half only measured", &Program::held_out, &whole);
    row("half only measured, before", &Program::held_out, &before);
    text + "\n" + &missing(transport, &programs, &whole) + "\n"
}

/// The cells of a row: how many programs and ports there are, and what `-F` and the whole ranking hold.
fn shares(part: &[&Program], first: &BTreeSet<u16>, whole: &BTreeSet<u16>) -> String {
    let ports: usize = part.iter().map(|program| program.ports.len()).sum();
    let held = |set: &BTreeSet<u16>| {
        let count = part.iter().map(|program| program.ports.intersection(set).count()).sum();
        share(count, ports)
    };
    let all = |set: &BTreeSet<u16>| {
        share(part.iter().filter(|program| program.ports.is_subset(set)).count(), part.len())
    };
    let any = |set: &BTreeSet<u16>| {
        share(part.iter().filter(|program| !program.ports.is_disjoint(set)).count(), part.len())
    };
    let cells = [held(first), held(whole), all(first), any(first), all(whole), any(whole)];
    format!("{} | {ports} | {}", part.len(), cells.join(" | "))
}

fn share(count: usize, of: usize) -> String {
    // Whole per cent, to the nearest.
    format!("{count} ({} %)", (count * 200 + of) / (of * 2))
}

/// Every port of the corpus that the ranking does not hold, and whose it is.
fn missing(transport: &Transport, programs: &[Program], whole: &BTreeSet<u16>) -> String {
    let mut missed = BTreeMap::<u16, Vec<&str>>::new();
    for program in programs {
        for port in program.ports.difference(whole) {
            missed.entry(*port).or_default().push(program.name);
        }
    }
    let intro =
        format!("{} ports of the corpus that the {} does not hold:", transport.title, transport.whole);
    let mut lines = vec![intro];
    for (at, (port, names)) in missed.iter().enumerate() {
        let end = if at + 1 == missed.len() { '.' } else { ';' };
        let entry = format!("{port} {}{end}", names.join(", "));
        match lines.last_mut() {
            Some(line) if line.len() + 1 + entry.len() <= 110 => {
                line.push(' ');
                line.push_str(&entry);
            }
            _ => lines.push(entry),
        }
    }
    lines.join("\n") + "\n"
}

/// One package or image and its ports of one transport.
struct Program {
    kind: &'static str,
    name: &'static str,
    ports: BTreeSet<u16>,
}

impl Program {
    /// Whether it is in the half that may only be measured: by its name, not by its ports.
    fn held_out(&self) -> bool {
        self.name.bytes().map(u32::from).sum::<u32>() % 2 == 1
    }
}

/// The programs that listen on any port of this transport.
fn programs(proto: &str) -> Vec<Program> {
    let mut programs = Vec::<Program>::new();
    for row in rows().filter(|row| row.proto == proto) {
        match programs.last_mut() {
            Some(last) if (last.kind, last.name) == (row.kind, row.name) => {
                last.ports.insert(row.port);
            }
            _ => programs.push(Program { kind: row.kind, name: row.name, ports: [row.port].into() }),
        }
    }
    programs
}

/// One line of the corpus.
struct Row {
    name: &'static str,
    kind: &'static str,
    proto: &'static str,
    port: u16,
    source: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    let mut lines = CORPUS.lines();
    assert_eq!(lines.next(), Some("name,kind,proto,port,source"));
    lines.map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, kind, proto, port, source] = fields[..] else { panic!("{line}") };
        Row { name, kind, proto, port: port.parse().unwrap(), source }
    })
}
