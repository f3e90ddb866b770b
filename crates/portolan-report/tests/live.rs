//! What a running scan shows: the panel's lines, and a terminal on which nothing of it is left.

mod canned;
mod terminal;

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use canned::{Event, context, replay, scan, v4};
use portolan_explain::Lang;
use portolan_model::{Begin, Counts, Method, Progress, Sink, TimeLeft, Untrusted, Warning};
use portolan_report::{
    Above, Fan, Format, LiveSink, Panel, PanelOptions, TalkOptions, TalkSink, Terminal, TextOptions,
    TickerOptions, TickerSink, is_worth_watching,
};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

fn begin() -> Begin {
    Begin {
        targets: vec![Untrusted::from("192.168.1.0/24")],
        udp_ports: "53,67-70,123,137-150".to_owned(),
        hosts_only: false,
        pings: vec![],
        methods: vec![Method::Connect, Method::Udp],
        why: Some(portolan_model::Why::MayNotCapture),
        answers_kept: None,
        udp_by: None,
        ..canned::begin()
    }
}

fn panel(
    progress: &Progress,
    warning: Option<&Warning>,
    width: usize,
    options: &PanelOptions,
) -> Vec<String> {
    Panel { begin: &begin(), progress, rate: 412, warning }.lines(width, options)
}

#[test]
fn the_panel_fits_its_terminal() {
    let warning = Warning::Loss { target: v4(254), share: 0.042 };
    for (lang, ascii) in [(Lang::En, false), (Lang::En, true), (Lang::Fr, false), (Lang::Fr, true)] {
        let options = PanelOptions { lang, ascii, color: false, keys: true };
        let mut told = String::new();
        for width in [40, 60, 80, 120] {
            let lines = panel(&canned::progress(), Some(&warning), width, &options);
            told.push_str(&format!("{width}:\n{}\n", lines.join("\n")));
        }
        assert!(!ascii || told.is_ascii(), "{told}");
        let name = format!("panel_{}{}", lang.tag(), if ascii { "_ascii" } else { "" });
        insta::assert_snapshot!(name, visible(&told));
    }
}

#[test]
fn the_panel_says_what_is_known() {
    let plain = PanelOptions::default();
    let early = Progress {
        rtt: None,
        rtt_p95: None,
        left: None,
        max_rate: None,
        loss: 0.0,
        settled: 0,
        counts: Counts::default(),
        ..canned::progress()
    };
    let unsure = Progress {
        left: Some(TimeLeft { time: Duration::from_secs(7229), at_least: true }),
        dropped_by_us: 3,
        ..canned::progress()
    };
    let stopping = Progress { stopping: true, left: None, ..canned::progress() };
    let mut told = String::new();
    for (name, progress, options) in [
        ("early", &early, &plain),
        ("unsure", &unsure, &plain),
        ("stopping", &stopping, &PanelOptions { keys: true, ..plain.clone() }),
        ("colour", &unsure, &PanelOptions { keys: true, color: true, ..plain.clone() }),
    ] {
        told.push_str(&format!("{name}:\n{}\n", panel(progress, None, 80, options).join("\n")));
    }
    let search = Begin { hosts_only: true, ports: String::new(), methods: vec![], ..begin() };
    for lang in [Lang::En, Lang::Fr] {
        let panel = Panel { begin: &search, progress: &unsure, rate: 412, warning: None };
        let lines = panel.lines(80, &PanelOptions { lang, ..PanelOptions::default() });
        told.push_str(&format!("hosts only:\n{}\n", lines.join("\n")));
    }
    insta::assert_snapshot!("panel_states", visible(&told));
}

#[test]
fn a_line_of_progress_is_plain() {
    let unsure = Progress {
        elapsed: Duration::from_secs(60),
        left: Some(TimeLeft { time: Duration::from_secs(185), at_least: true }),
        ..canned::progress()
    };
    let stopping =
        Progress { elapsed: Duration::from_secs(90), stopping: true, left: None, ..canned::progress() };
    let mut told = String::new();
    for (lang, ascii, accessible, debug) in [
        (Lang::En, false, false, false),
        (Lang::En, false, false, true),
        (Lang::En, false, true, true),
        (Lang::Fr, false, false, true),
        (Lang::Fr, true, true, true),
    ] {
        let every = Duration::from_secs(10);
        let options = TickerOptions { lang, ascii, accessible, debug, keys: accessible, every, width: None };
        let mut sink = TickerSink::new(Vec::new(), options);
        sink.begin(&begin()).unwrap();
        // The second comes too soon after the first.
        for progress in [&canned::progress(), &canned::progress(), &unsure, &stopping] {
            sink.progress(progress).unwrap();
        }
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text}");
        assert!(!ascii || text.is_ascii());
        told.push_str(&text);
    }
    for (lang, accessible) in [(Lang::En, false), (Lang::Fr, true)] {
        let every = Duration::from_secs(10);
        let options =
            TickerOptions { lang, ascii: false, accessible, debug: false, keys: false, every, width: None };
        let mut sink = TickerSink::new(Vec::new(), options);
        sink.begin(&Begin { hosts_only: true, ..begin() }).unwrap();
        sink.progress(&canned::progress()).unwrap();
        told.push_str(&String::from_utf8(sink.into_inner()).unwrap());
    }
    for accessible in [false, true] {
        let (lang, every) = (Lang::En, Duration::from_secs(10));
        let options =
            TickerOptions { lang, ascii: false, accessible, debug: false, keys: false, every, width: None };
        let mut sink = TickerSink::new(Vec::new(), options);
        sink.begin(&Begin { methods: vec![Method::Ack], ..begin() }).unwrap();
        let counts = Counts { unfiltered: 3, ..Counts::default() };
        sink.progress(&Progress { counts, ..canned::progress() }).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert!(!text.contains("open"), "an ACK finds none: {text}");
    }
    insta::assert_snapshot!("ticker", visible(&told));
}

#[test]
fn the_table_can_be_read_aloud() {
    let mut told = String::new();
    for (lang, width) in [(Lang::En, Some(80)), (Lang::Fr, None)] {
        let options = TextOptions { lang, width, accessible: true, ..TextOptions::default() };
        for events in [scan(), canned::udp::scan()] {
            let out = canned::Shared::default();
            let mut sink =
                Format::named("text").unwrap().sink(Box::new(out.clone()), &context(options.clone()));
            replay(&events, sink.as_mut()).unwrap();
            let text = out.text();
            assert!(!text.contains(['●', '○', '~', '\x1b']), "{text}");
            told.push_str(&text);
        }
    }
    insta::assert_snapshot!("text_accessible", visible(&told));
}

#[test]
fn verbose_talk_tells_hosts_and_then_ports() {
    for (verbose, lang) in [(1, Lang::En), (2, Lang::En), (2, Lang::Fr)] {
        let mut events = scan();
        for n in 0..12 {
            let name = Untrusted::from(format!("n{n}.example"));
            events.insert(1, Event::Warning(Warning::Unresolved { name }));
        }
        let options = TalkOptions { lang, verbose, ..TalkOptions::default() };
        let mut sink = TalkSink::new(Vec::new(), options);
        replay(&events, &mut sink).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        insta::assert_snapshot!(format!("talk_verbose_{verbose}_{}", lang.tag()), visible(&text));
    }
}

#[test]
fn a_short_scan_is_not_worth_watching() {
    let at = |millis, left: Option<(u64, bool)>| {
        let left = left.map(|(millis, at_least)| TimeLeft { time: Duration::from_millis(millis), at_least });
        is_worth_watching(&Progress { elapsed: Duration::from_millis(millis), left, ..canned::progress() })
    };
    assert!(!at(499, None) && !at(600, Some((100, false))));
    assert!(at(500, None) && at(600, Some((100, true))) && at(600, Some((5000, false))));
}

/// A terminal that sinks write on.
#[derive(Clone)]
struct Wire(Arc<Mutex<Machine>>);

struct Machine {
    terminal: terminal::Terminal,
    /// The same by an emulator that is not ours.
    witness: vt100::Parser,
    columns: usize,
    rows: usize,
    ours: bool,
}

impl Wire {
    fn new(columns: u16, rows: u16) -> Self {
        Wire(Arc::new(Mutex::new(Machine {
            terminal: terminal::Terminal::new(columns.into(), rows.into()),
            witness: vt100::Parser::new(at_least_one(rows), at_least_one(columns), 10_000),
            columns: columns.into(),
            rows: rows.into(),
            ours: true,
        })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        act(&mut self.0.lock().expect("no test panics inside"))
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|machine| {
            let text = std::str::from_utf8(bytes).expect("a redraw is one write, in whole characters");
            machine.terminal.write(text);
            machine.witness.process(text.replace('\n', "\r\n").as_bytes());
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal for Wire {
    fn size(&self) -> (usize, usize) {
        self.with(|machine| (machine.columns, machine.rows))
    }

    fn is_ours(&self) -> bool {
        self.with(|machine| machine.ours)
    }
}

/// What happens to a running scan.
#[derive(Clone, Debug)]
enum Step {
    Find(u16),
    Warn(u8),
    Progress(u16),
    Resize(u16, u16),
    Background(bool),
}

const TEXT: TextOptions = TextOptions {
    lang: Lang::En,
    width: None,
    color: false,
    ascii: false,
    reason: false,
    open_only: false,
    accessible: false,
};

/// Performs the steps on sinks that write into `out` and `talk`; `live` comes first, `resize` does the rest.
fn perform(
    steps: &[Step],
    live: Option<Box<dyn Sink + Send>>,
    out: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    mut on: impl FnMut(&Step),
) {
    let text = Format::named("text").expect("a format").sink(out, &context(TEXT));
    let talk = Box::new(TalkSink::new(talk, TalkOptions::default()));
    let sinks = live.into_iter().chain([text, talk as Box<dyn Sink + Send>]);
    let mut fan = Fan::new(sinks.map(|sink| ("x".to_owned(), sink)).collect());
    let mut told = canned::progress();
    fan.begin(&canned::begin()).expect("memory does not fail");
    for step in steps {
        match step {
            Step::Find(port) => fan.verdict(&canned::open(v4(10), *port, 640)).expect("memory does not fail"),
            Step::Warn(last) => fan
                .warning(&Warning::EveryPortOpen { target: v4(*last), count: 3 })
                .expect("memory does not fail"),
            Step::Progress(settled) => {
                told.settled = (*settled).into();
                fan.progress(&told).expect("memory does not fail");
            }
            Step::Resize(..) | Step::Background(_) => {}
        }
        on(step);
    }
    fan.finish(&canned::finish(Counts { open: 3, ..Counts::default() })).expect("memory does not fail");
}

/// Runs the steps with the panel; `reflows` is what the terminal does when its size changes.
fn with_panel(steps: &[Step], columns: u16, rows: u16, reflows: bool) -> Wire {
    let wire = Wire::new(columns, rows);
    let options = PanelOptions { keys: true, color: true, ..PanelOptions::default() };
    let (live, above): (_, Above<Wire, Wire>) = LiveSink::new(wire.clone(), wire.clone(), options);
    let terminal = wire.clone();
    perform(steps, Some(Box::new(live)), Box::new(above.clone()), Box::new(above), |step| {
        terminal.with(|machine| match step {
            Step::Resize(columns, rows) => {
                (machine.columns, machine.rows) = ((*columns).into(), (*rows).into());
                machine.terminal.resize(machine.columns, machine.rows, reflows);
            }
            Step::Background(background) => machine.ours = !background,
            _ => {}
        });
    });
    wire
}

/// What the table and the warnings alone would have printed.
fn plainly(steps: &[Step]) -> String {
    let out = canned::Shared::default();
    perform(steps, None, Box::new(out.clone()), Box::new(out.clone()), |_| {});
    out.text().lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn step(sizes: bool) -> impl Strategy<Value = Step> {
    let columns = 60u16..140;
    prop_oneof![
        4 => (1u16..2000).prop_map(Step::Find),
        1 => (1u8..20).prop_map(Step::Warn),
        4 => (0u16..12_240).prop_map(Step::Progress),
        if sizes { 2 } else { 0 } => (columns, 12u16..40).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
    ]
}

fn steps(sizes: bool) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(sizes), 0..60)
}

proptest! {
    #[test]
    fn no_line_is_wider_than_its_terminal(
        settled: u128, endpoints: u128, counts: [u64; 4], others: [u64; 4], millis: u64,
        width in 0usize..200, french: bool, ascii: bool, keys: bool, name in "\\PC{0,60}",
    ) {
        let time = Duration::from_millis(millis);
        let progress = Progress {
            elapsed: time,
            settled,
            endpoints,
            counts: Counts {
                open: counts[0], closed: counts[1], filtered: counts[2], unknown: counts[3], ..Counts::default()
            },
            hosts_up: others[0],
            packets: others[1],
            max_rate: Some(others[2]),
            waiting: usize::MAX,
            rtt: Some(time),
            rtt_p95: Some(time),
            loss: f32::NAN,
            dropped_by_us: others[3],
            left: Some(TimeLeft { time, at_least: ascii }),
            ..canned::progress()
        };
        let lang = if french { Lang::Fr } else { Lang::En };
        let options = PanelOptions { lang, ascii, color: false, keys };
        let begin = Begin { targets: vec![Untrusted::from(name.clone()); 3], ..begin() };
        let warning = Warning::Unresolved { name: Untrusted::from(name) };
        let lines = Panel { begin: &begin, progress: &progress, rate: u64::MAX, warning: Some(&warning) }
            .lines(width, &options);
        prop_assert!(width < 20 || lines.len() == 6);
        for line in lines {
            prop_assert!(line.width() < width && line.width() <= 100, "{width}: {line:?}");
            prop_assert!(!ascii || line.is_ascii(), "{line:?}");
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn nothing_of_the_panel_is_left(steps in steps(false)) {
        let wire = with_panel(&steps, 120, 24, true);
        wire.with(|machine| {
            prop_assert_eq!(machine.terminal.text(), plainly(&steps));
            prop_assert_eq!(&machine.terminal.strange, &Vec::<String>::new());
            prop_assert_eq!(witnessed(&mut machine.witness), plainly(&steps));
            Ok(())
        })?;
    }

    #[test]
    fn a_terminal_that_wraps_anew_loses_nothing(steps in steps(true)) {
        with_panel(&steps, 120, 24, true).with(|machine| {
            prop_assert_eq!(machine.terminal.text(), plainly(&steps));
            Ok(())
        })?;
    }

    #[test]
    fn a_terminal_that_cuts_keeps_every_line(steps in steps(true)) {
        // What the terminal itself has cut, nobody can keep: each line's beginning is there, once, in order.
        let head = |line: &str| line.chars().take(40).collect::<String>().trim_end().to_owned();
        with_panel(&steps, 120, 24, false).with(|machine| {
            let seen = machine.terminal.seen();
            let mut rows = seen.iter();
            for line in plainly(&steps).lines() {
                prop_assert!(rows.any(|row| head(row) == head(line)), "{line} is not in {seen:#?}");
            }
            let finds = steps.iter().filter(|step| matches!(step, Step::Find(_))).count();
            prop_assert_eq!(seen.iter().filter(|row| row.contains("/tcp")).count(), finds);
            prop_assert!(!seen.iter().any(|row| row.contains(['━', '─']) || row.contains("q stop")), "{:#?}", seen);
            Ok(())
        })?;
    }
}

/// The scrollback and the screen of the other emulator.
fn witnessed(parser: &mut vt100::Parser) -> String {
    let columns = parser.screen().size().1.into();
    parser.screen_mut().set_scrollback(usize::MAX);
    let above = parser.screen().scrollback();
    let mut text = String::new();
    for back in (1..=above).rev() {
        parser.screen_mut().set_scrollback(back);
        let line = parser.screen().rows(0, columns).next().unwrap_or_default();
        text.push_str(&(line.trim_end().to_owned() + "\n"));
    }
    parser.screen_mut().set_scrollback(0);
    let screen: String =
        parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned() + "\n").collect();
    text.push_str(&screen);
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_panel_stands_below_the_finds() {
    let steps = [Step::Find(22), Step::Progress(100), Step::Find(80), Step::Find(443), Step::Progress(7466)];
    let shown = Arc::new(Mutex::new(Vec::new()));
    let wire = Wire::new(80, 24);
    let (live, above) = LiveSink::new(wire.clone(), wire.clone(), PanelOptions::default());
    let (seen, terminal) = (Arc::clone(&shown), wire);
    perform(&steps, Some(Box::new(live)), Box::new(above.clone()), Box::new(above), |_| {
        seen.lock().unwrap().push(terminal.with(|machine| machine.terminal.seen().join("\n")));
    });
    let shown = shown.lock().unwrap();
    // The first find after a progress is there at once, the second with the next.
    assert!(shown[2].contains(" 80/tcp") && !shown[3].contains("443/tcp"), "{shown:#?}");
    insta::assert_snapshot!("panel_below_finds", shown[4]);
}

#[test]
fn a_short_scan_prints_what_it_always_did() {
    let out = canned::Shared::default();
    let (mut live, above) = LiveSink::new(out.clone(), Wire::new(80, 24), PanelOptions::default());
    let early = Progress { elapsed: Duration::from_millis(400), ..canned::progress() };
    live.begin(&begin()).unwrap();
    live.progress(&early).unwrap();
    let steps = [Step::Find(22), Step::Warn(1), Step::Find(80)];
    perform(&steps, Some(Box::new(live)), Box::new(above.clone()), Box::new(above), |_| {});
    assert_eq!(
        out.text().lines().map(|line| line.trim_end().to_owned() + "\n").collect::<String>(),
        plainly(&steps)
    );
}

#[test]
fn nothing_is_drawn_from_the_background() {
    let steps = [
        Step::Find(22),
        Step::Progress(100),
        Step::Background(true),
        Step::Find(80),
        Step::Find(443),
        Step::Progress(200),
    ];
    let wire = with_panel(&steps, 80, 24, true);
    wire.with(|machine| {
        let text = machine.terminal.text();
        // The panel that was there when the shell took over is left to it; below it no second one.
        assert_eq!(text.matches("0:27 left").count(), 1, "{text}");
        assert!(text.contains(" 80/tcp") && text.contains("443/tcp"), "{text}");
    });
}

#[test]
fn a_terminal_too_small_has_no_panel() {
    let steps = [Step::Find(22), Step::Progress(1), Step::Find(80), Step::Progress(2)];
    for (columns, rows) in [(19, 24), (80, 6), (80, 1)] {
        let wire = Wire::new(columns, rows);
        let (live, above) =
            LiveSink::new(wire.clone(), wire.clone(), PanelOptions { keys: true, ..PanelOptions::default() });
        let bytes = wire.clone();
        perform(&steps, Some(Box::new(live)), Box::new(above.clone()), Box::new(above), |_| {
            bytes.with(|machine| assert!(!machine.terminal.text().contains('%')));
        });
    }
}

fn at_least_one(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has some size")
}

fn visible(text: &str) -> String {
    text.replace('\x1b', "␛").replace('\u{a0}', "⍽").replace('\u{202f}', "˽")
}
