//! One canned scan through every format; the snapshots are the specification of what people see.

mod canned;

use std::time::Duration;

use canned::{Event, Shared, context, hosts, replay, scan, syn, udp};
use portolan_explain::Lang;
use portolan_model::{Counts, Finish, HostState, Ping, Rate, Reason, Untrusted, Warning};
use portolan_report::{FORMATS, Format, TalkOptions, TalkSink, TextOptions};

#[test]
fn every_format_tells_the_scan() {
    for format in FORMATS {
        let text = told(format, &scan(), TextOptions::default());
        insta::assert_snapshot!(format!("format_{}", format.name), visible(&text));
    }
}

#[test]
fn the_table_fits_its_terminal() {
    for (lang, width) in [(Lang::En, 120), (Lang::En, 80), (Lang::En, 60), (Lang::Fr, 120), (Lang::Fr, 80)] {
        let options = TextOptions { lang, width: Some(width), ..TextOptions::default() };
        let text = table(&scan(), options);
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{line}");
        }
        insta::assert_snapshot!(format!("text_{}_{width}", lang.tag()), visible(&text));
    }
}

#[test]
fn the_table_wears_colour_or_plain_letters() {
    let wide = TextOptions { width: Some(80), ..TextOptions::default() };
    let color = TextOptions { color: true, ..wide.clone() };
    let ascii = TextOptions { ascii: true, ..wide.clone() };
    let ascii_fr = TextOptions { lang: Lang::Fr, ..ascii.clone() };
    insta::assert_snapshot!("text_color", visible(&table(&scan(), color.clone())));
    insta::assert_snapshot!("text_ascii", visible(&table(&scan(), ascii.clone())));
    insta::assert_snapshot!("text_ascii_fr", visible(&table(&scan(), ascii_fr.clone())));

    assert!(table(&scan(), ascii).is_ascii() && table(&scan(), ascii_fr).is_ascii());
    let stripped = table(&scan(), color).replace("\x1b[0m", "");
    let stripped = ["1", "2", "32", "33", "35"]
        .iter()
        .fold(stripped, |text, sgr| text.replace(&format!("\x1b[{sgr}m"), ""));
    assert_eq!(stripped, table(&scan(), wide), "colour only repeats what words say");
}

#[test]
fn the_table_shows_reasons_or_open_ports_alone() {
    for lang in [Lang::En, Lang::Fr] {
        let reason = TextOptions { lang, width: Some(80), reason: true, ..TextOptions::default() };
        insta::assert_snapshot!(format!("text_reason_{}", lang.tag()), visible(&table(&scan(), reason)));
    }
    let open = TextOptions { width: Some(80), open_only: true, ..TextOptions::default() };
    insta::assert_snapshot!("text_open_only", visible(&table(&scan(), open)));
}

#[test]
fn every_format_tells_datagrams_too() {
    for format in FORMATS {
        let text = told(format, &udp::scan(), TextOptions::default());
        insta::assert_snapshot!(format!("udp_{}", format.name), visible(&text));
    }
}

#[test]
fn every_format_tells_what_a_syn_met() {
    for format in FORMATS {
        let text = told(format, &syn::scan(), TextOptions::default());
        insta::assert_snapshot!(format!("syn_{}", format.name), visible(&text));
    }
    for lang in [Lang::En, Lang::Fr] {
        let reason = TextOptions { lang, width: Some(80), reason: true, ..TextOptions::default() };
        insta::assert_snapshot!(format!("syn_reason_{}", lang.tag()), visible(&table(&syn::scan(), reason)));
    }
}

#[test]
fn of_acks_alone_nothing_is_said_of_open_ports() {
    let mut all = String::new();
    for lang in [Lang::En, Lang::Fr] {
        all.push_str(&table(&syn::acks(), TextOptions { lang, width: Some(80), ..TextOptions::default() }));
    }
    assert!(!all.contains("open") && !all.contains("ouvert"), "{all}");
    insta::assert_snapshot!("acks", visible(&all));
}

#[test]
fn every_format_tells_hosts_alone() {
    for format in FORMATS {
        for (name, events) in [("hosts", hosts::v4_search()), ("hosts_v6", hosts::v6_search())] {
            let text = told(format, &events, TextOptions::default());
            insta::assert_snapshot!(format!("{name}_{}", format.name), visible(&text));
        }
    }
}

#[test]
fn a_table_of_hosts_fits_its_terminal() {
    for (lang, width) in [(Lang::En, 120), (Lang::En, 80), (Lang::En, 60), (Lang::Fr, 80)] {
        let mut all = String::new();
        for events in [hosts::v4_search(), hosts::v6_search(), hosts::scanned()] {
            let text = table(&events, TextOptions { lang, width: Some(width), ..TextOptions::default() });
            for line in text.lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{line}");
            }
            all.push_str(&text);
        }
        insta::assert_snapshot!(format!("hosts_{}_{width}", lang.tag()), visible(&all));
    }
    let reason = TextOptions { width: Some(80), reason: true, accessible: true, ..TextOptions::default() };
    for width in [None, Some(60)] {
        let mut events = hosts::v4_search();
        let Some(Event::Begin(begin)) = events.first_mut() else { unreachable!("a scan begins by begin") };
        begin.pings = vec![Ping::Syn(443), Ping::Syn(80)];
        let text = table(&events, TextOptions { width, ..TextOptions::default() });
        assert!(text.contains("RTT\n") && !text.contains("MAC"), "no packet, no hardware address: {text}");
    }
    insta::assert_snapshot!("hosts_reason", visible(&table(&hosts::v4_search(), reason)));
}

#[test]
fn a_table_of_udp_fits_its_terminal() {
    for (lang, width) in [(Lang::En, 120), (Lang::En, 80), (Lang::En, 60), (Lang::Fr, 80)] {
        let options = TextOptions { lang, width: Some(width), ..TextOptions::default() };
        for (name, events) in [("udp", udp::scan()), ("udp_alone", udp::alone())] {
            let text = table(&events, options.clone());
            for line in text.lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{line}");
            }
            insta::assert_snapshot!(format!("{name}_{}_{width}", lang.tag()), visible(&text));
        }
    }
    let ascii = TextOptions { lang: Lang::Fr, width: Some(80), ascii: true, ..TextOptions::default() };
    insta::assert_snapshot!("udp_ascii_fr", visible(&table(&udp::scan(), ascii)));
}

#[test]
fn a_table_of_udp_shows_what_came_back() {
    for lang in [Lang::En, Lang::Fr] {
        let reason = TextOptions { lang, width: Some(80), reason: true, ..TextOptions::default() };
        insta::assert_snapshot!(format!("udp_reason_{}", lang.tag()), visible(&table(&udp::scan(), reason)));
    }
    let open = TextOptions { width: Some(80), open_only: true, ..TextOptions::default() };
    insta::assert_snapshot!("udp_open_only", visible(&table(&udp::scan(), open)));
}

#[test]
fn a_scan_without_open_ports_is_clear() {
    let closed = canned::group(canned::v4(20), "1-1000", vec![canned::refused(canned::v4(20), 1)]);
    let counts = Counts { closed: 1000, ..Counts::default() };
    let folded = [
        Event::Begin(canned::begin()),
        Event::Ports(closed),
        Event::Host(canned::host(canned::v4(20), HostState::Up, counts)),
        Event::Finish(quiet_finish(counts, 1)),
    ];
    insta::assert_snapshot!("text_all_folded", visible(&table(&folded, TextOptions::default())));
}

#[test]
fn a_host_that_never_answered_gets_a_sentence() {
    let silent = canned::group(canned::v4(20), "1-1000", vec![canned::silent(canned::v4(20), 1)]);
    let counts = Counts { filtered: 1000, ..Counts::default() };
    let mut events = vec![
        Event::Begin(canned::begin()),
        Event::Ports(silent),
        Event::Host(canned::host(canned::v4(20), HostState::Unknown, counts)),
    ];
    for last in 21..35 {
        let mut gone = canned::host(canned::v4(last), HostState::Down, Counts::default());
        gone.reason = Some(Reason::HostUnreach);
        events.push(Event::Host(gone));
    }
    let mut unasked = canned::host(canned::v4(40), HostState::Unknown, Counts::default());
    unasked.reason = Some(Reason::LocalNoRoute);
    events.push(Event::Host(unasked));
    let finish =
        Finish { hosts_silent: 3, hosts_down: 14, endpoints_unlisted: 3000, ..quiet_finish(counts, 0) };
    events.push(Event::Finish(finish));
    for lang in [Lang::En, Lang::Fr] {
        let options = TextOptions { lang, width: Some(80), ..TextOptions::default() };
        insta::assert_snapshot!(format!("text_silent_{}", lang.tag()), visible(&table(&events, options)));
    }
}

#[test]
fn talk_is_bounded() {
    let mut events = canned::everything();
    for n in 0..100 {
        let name = Untrusted::from(format!("n{n}.example"));
        events.insert(1, Event::Warning(Warning::Unresolved { name }));
    }
    for (lang, ascii, color) in [(Lang::En, false, true), (Lang::Fr, false, false), (Lang::Fr, true, false)] {
        let mut sink = TalkSink::new(
            Vec::new(),
            TalkOptions { lang, ascii, color, hints: true, trace: true, verbose: 0 },
        );
        replay(&events, &mut sink).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        insta::assert_snapshot!(
            format!("talk_{}{}", lang.tag(), if ascii { "_ascii" } else { "" }),
            visible(&text)
        );
    }
}

fn quiet_finish(counts: Counts, hosts_up: u64) -> Finish {
    Finish {
        hosts_up,
        elapsed: Duration::from_millis(420),
        packets: 1003,
        loss: 0.0,
        completeness: 1.0,
        completeness_bounds: Some((1.0, 1.0)),
        rate: Rate::default(),
        unknown_local: 0,
        ..canned::finish(counts)
    }
}

fn table(events: &[Event], options: TextOptions) -> String {
    told(Format::named("text").expect("a format"), events, options)
}

fn told(format: &Format, events: &[Event], options: TextOptions) -> String {
    let out = Shared::default();
    let mut sink = format.sink(Box::new(out.clone()), &context(options));
    replay(events, sink.as_mut()).expect("memory does not fail");
    out.text()
}

/// Characters that a reviewer of a snapshot would not see, and the flood that he need not.
fn visible(text: &str) -> String {
    text.replace(&"A".repeat(10_000), "[10 000 of A]")
        .replace('\x1b', "␛")
        .replace('\u{a0}', "⍽")
        .replace('\u{202f}', "˽")
}
