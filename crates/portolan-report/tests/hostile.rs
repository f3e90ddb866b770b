//! Whatever strangers call themselves, no sink lets a byte of it act (H1, H2, H3, H20 of the safety design).

mod canned;

use std::sync::Arc;

use canned::{Event, Shared, everything, replay, udp, v4, v6};
use portolan_explain::Lang;
use portolan_model::{Begin, Untrusted, Verdict, Warning};
use portolan_report::{Context, FORMATS, Names, TalkOptions, TalkSink, TextOptions};
use proptest::prelude::*;

/// What terminals, line formats and bidirectional text have been attacked with.
const CORPUS: &[&[u8]] = &[
    b"",
    b"\x1b]0;title\x07\x1b[2J\x1b[31mred",
    b"220 ok\r\nHost: 10.99.0.66 ()\tPorts: 22/open/tcp//ssh///",
    b"a\nwarning: b",
    b"\"},\n{\"event\":\"finish\"}",
    b"\x00\x7f\x85\x9b1m\xc2\x9b\xff\xfe",
    b"<script>alert(1)</script>]]>&amp;'\"\\",
    b"=cmd|' /C calc'!A0",
    "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{2028}\u{2029}".as_bytes(),
    "hôte.例え.مثال".as_bytes(),
    b"\\x1b[2J\\",
    b"..etc.passwd $(reboot) `id` %s%n",
];

#[test]
fn the_corpus_is_shown_and_not_obeyed() {
    for hostile in CORPUS {
        assert_safe(&Untrusted::new(*hostile), 80);
        assert_safe(&Untrusted::new(hostile.repeat(40)), 80);
    }
}

#[test]
fn no_width_panics() {
    for width in (1..125).step_by(3).chain([2, 80, usize::MAX]) {
        assert_safe(&Untrusted::new(CORPUS[9]), width);
    }
}

#[test]
fn no_service_floods_the_table() {
    let events = spoil(udp::scan(), &Untrusted::from("\u{1b}[2J  x\n".repeat(2_000)));
    let text = told(&FORMATS[0], &events, &Untrusted::from("h"), TextOptions::default());
    let rows = text.lines().filter(|line| line.contains("/udp"));
    assert!(rows.clone().count() > 8);
    assert!(rows.clone().all(|row| row.chars().count() < 200), "{text}");
    assert_eq!(
        text.lines().count(),
        told(&FORMATS[0], &udp::scan(), &Untrusted::from("h"), TextOptions::default()).lines().count()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn anything_is_shown_and_not_obeyed(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        text in "[\\x00-\\u{10ffff}]{0,40}",
        width in 1usize..200,
    ) {
        assert_safe(&Untrusted::new(bytes), width);
        assert_safe(&Untrusted::from(text), width);
    }
}

fn assert_safe(hostile: &Untrusted, width: usize) {
    let events = spoil(everything(), hostile);
    for lang in [Lang::En, Lang::Fr] {
        for (color, ascii, reason, open_only) in
            [(false, false, true, false), (true, false, false, false), (false, true, true, true)]
        {
            let text =
                TextOptions { lang, width: Some(width), color, ascii, reason, open_only, accessible: false };
            for format in FORMATS {
                let out = told(format, &events, hostile, text.clone());
                // NDJSON is UTF-8 by its definition (RFC 8259 section 8.1).
                assert_inert(&out, color && format.name == "text", ascii && format.name != "ndjson");
                if format.name == "ndjson" {
                    assert_lines(&out, &events, hostile);
                }
            }
            let mut talk = TalkSink::new(
                Vec::new(),
                TalkOptions { lang, ascii, color, hints: true, trace: true, verbose: 0 },
            );
            replay(&events, &mut talk).expect("memory does not fail");
            assert_inert(&String::from_utf8(talk.into_inner()).expect("UTF-8"), color, ascii);
        }
    }
}

fn told(
    format: &portolan_report::Format,
    events: &[Event],
    hostile: &Untrusted,
    text: TextOptions,
) -> String {
    let names: Names =
        [(v4(10), hostile.clone()), (v6(0x10), hostile.clone()), (v4(77), Untrusted::from("only.example"))]
            .into_iter()
            .chain([(v4(200), Untrusted::new([hostile.bytes(), b"2"].concat()))])
            .collect();
    let context = Context {
        names: Arc::new(names),
        service: canned::SERVICE,
        vendor: canned::VENDOR,
        text,
        flush_lines: false,
        progress_every: Some(std::time::Duration::from_secs(1)),
    };
    let out = Shared::default();
    let mut sink = format.sink(Box::new(out.clone()), &context);
    replay(events, sink.as_mut()).expect("memory does not fail");
    out.text()
}

/// Puts the text wherever an event takes one.
fn spoil(events: Vec<Event>, hostile: &Untrusted) -> Vec<Event> {
    let name = || hostile.clone();
    events
        .into_iter()
        .map(|event| match event {
            Event::Begin(begin) => Event::Begin(Begin {
                argv: vec![name(), name()],
                targets: vec![name()],
                excluded: vec![name()],
                authorised: Some(name()),
                ..begin
            }),
            Event::Warning(Warning::Unresolved { .. }) => {
                Event::Warning(Warning::Unresolved { name: name() })
            }
            Event::Warning(Warning::Excluded { .. }) => Event::Warning(Warning::Excluded { target: name() }),
            Event::Warning(Warning::OneOfMany { taken, count, .. }) => {
                Event::Warning(Warning::OneOfMany { name: name(), taken, count })
            }
            Event::Verdict(verdict) => Event::Verdict(misnamed(verdict, hostile)),
            Event::Update(verdict) => Event::Update(misnamed(verdict, hostile)),
            other => other,
        })
        .collect()
}

fn misnamed(mut verdict: Verdict, hostile: &Untrusted) -> Verdict {
    if let Some(service) = &mut verdict.service {
        service.product = Some(hostile.clone());
        service.version = Some(hostile.clone());
        service.details.iter_mut().for_each(|(_, text)| *text = hostile.clone());
        verdict.answer = Some(hostile.bytes().into());
    }
    verdict
}

fn assert_inert(out: &str, color: bool, ascii: bool) {
    let mut plain = out.to_owned();
    if color {
        for sgr in ["0", "1", "2", "32", "33", "35"] {
            plain = plain.replace(&format!("\x1b[{sgr}m"), "");
        }
    }
    for character in plain.chars() {
        let acts = (character.is_control() && character != '\n')
            || matches!(
                character,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            );
        assert!(!acts, "{character:?} in {out:?}");
    }
    assert!(!ascii || out.is_ascii(), "{out:?}");
}

/// One event is one line, each a JSON object, and the stranger's bytes can be had back.
fn assert_lines(out: &str, events: &[Event], hostile: &Untrusted) {
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), events.len());
    let first = lines[0]["argv"][0].as_str().expect("text");
    assert_eq!(Untrusted::from_escaped(first).as_ref(), Some(hostile));
}
