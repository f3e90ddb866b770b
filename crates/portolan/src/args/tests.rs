//! Command lines as people type them, and the words in which they are refused.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use portolan_explain::Lang;
use proptest::prelude::*;

use super::*;
use crate::hint;

mod resume;

/// Parses a line without the program's name, in an environment of one language.
fn parse_in(line: impl IntoIterator<Item = OsString>, locale: &'static str) -> Result<Parsed, ArgsError> {
    let argv = std::iter::once(OsString::from("portolan")).chain(line);
    parse(argv, &|name| (name == "LANG").then(|| locale.to_owned()))
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn args(line: &str) -> Args {
    match parse_in(words(line), "C") {
        Ok(Parsed::Run(args)) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str, locale: &'static str) -> ArgsError {
    match parse_in(words(line), locale) {
        Err(error) => error,
        other => panic!("{line}: {other:?}"),
    }
}

fn page(line: &str) -> String {
    match parse_in(words(line), "C") {
        Ok(Parsed::Print(page)) => page,
        other => panic!("{line}: {other:?}"),
    }
}

/// A scan of `h` with nothing else said.
fn plain() -> Args {
    Args {
        targets: vec!["h".into()],
        lists: vec![],
        exclude: vec![],
        exclude_files: vec![],
        resolve_all: false,
        assume_up: false,
        hosts_only: false,
        pings: vec![],
        collapse: true,
        authorised: None,
        family: Family::Any,
        tcp: true,
        method: Method::Auto,
        interface: None,
        udp: false,
        ports: Ports::Default,
        exclude_ports: vec![],
        timing: 3,
        max_rate: None,
        min_rate: None,
        max_retries: None,
        host_timeout: None,
        shard: None,
        seed: None,
        checkpoint: None,
        open: false,
        reason: false,
        all: false,
        packet_trace: false,
        stdout: Stdout::Table,
        json_files: vec![],
        text_files: vec![],
        color: Color::Auto,
        lang: Lang::En,
        hints: true,
        talk: Talk::default(),
    }
}

fn listed(ports: &str) -> Args {
    Args { ports: Ports::Listed(ports.into()), ..plain() }
}

fn file(name: &str) -> Source {
    Source::File(name.into())
}

#[test]
fn lines_that_mean_the_same() {
    let fast4 = Args { ports: Ports::Fast, family: Family::V4, ..plain() };
    let from_file = Args { targets: vec![], lists: vec![file("f")], ..plain() };
    let from_stdin = Args { targets: vec![], lists: vec![Source::Stdin], ..plain() };
    let quiet = Args { stdout: Stdout::Quiet, ..plain() };
    let ndjson = Args { stdout: Stdout::Ndjson, ..plain() };
    let same: Vec<(Args, &[&str])> = vec![
        (plain(), &["h", "scan h", "-- h", "--tcp h", "-n h", "h -T3", "-4 -6 h", "-oN - h"]),
        (
            listed("80"),
            &[
                "-p80 h",
                "-p 80 h",
                "-p=80 h",
                "--ports 80 h",
                "--ports=80 h",
                "h -p80",
                "scan -p80 h",
                "-np80 h",
            ],
        ),
        (listed("-"), &["-p- h", "-p - h", "h -p -"]),
        (listed("-100"), &["-p-100 h", "-p -100 h", "--ports=-100 h", "--ports -100 h"]),
        (listed("U:53,T:22"), &["-pU:53,T:22 h"]),
        (listed("--"), &["-p -- h"]),
        (fast4, &["-F -4 h", "-F4 h", "-4F h", "-n4F h", "--fast --ipv4 h", "-F -F -4 h"]),
        (
            Args { timing: 4, ..plain() },
            &[
                "-T4 h",
                "-T 4 h",
                "-T=4 h",
                "-T aggressive h",
                "-TAggressive h",
                "-nT4 h",
                "-T1 -T4 h",
                "--timing 4 h",
            ],
        ),
        (Args { timing: 0, ..plain() }, &["-T0 h", "-T paranoid h"]),
        (from_file, &["-iL f", "-iLf", "-iL=f", "-niL f", "--includefile f", "-iL f -iL f", "scan -iL f"]),
        (from_stdin, &["-", "-iL -", "-iL-", "- -iL -", "-- -"]),
        (quiet, &["-q h", "--quiet h", "-qn h", "-qq h"]),
        (ndjson, &["--json h", "-oJ - h", "--json -oJ - h", "-oJ=- h"]),
        (Args { family: Family::V6, ..plain() }, &["-6 h"]),
        (Args { ports: Ports::Top(100), ..plain() }, &["--top-ports 100 h", "--top-ports=100 h"]),
        (
            Args { method: Method::Connect, ..plain() },
            &[
                "-sT h",
                "-sT --tcp h",
                "-n -sT h",
                "--connect h",
                "--method connect h",
                "--method syn --method connect -sT h",
            ],
        ),
        (
            Args { method: Method::Syn, ..plain() },
            &["-sS h", "--syn h", "h -sS --tcp", "-nsS h", "--method=syn h", "-sS --method auto h"],
        ),
        (
            Args { method: Method::Ack, ..plain() },
            &["-sA h", "--ack h", "h -sA --tcp", "-nsA h", "--method ack h"],
        ),
        (Args { method: Method::Ack, udp: true, ..plain() }, &["-sAU h", "-sUA h", "-sU -sA h"]),
        (
            Args { method: Method::Syn, udp: true, ..plain() },
            &["-sSU h", "-sU -sS h", "--method syn --tcp -sU h"],
        ),
        (
            Args { tcp: false, udp: true, ..plain() },
            &["-sU h", "--udp h", "h -sU", "-sU -sU h", "-sUU h", "-n -sU h", "-nsU h", "scan --udp h"],
        ),
        (Args { udp: true, ..plain() }, &["--tcp --udp h", "--udp --tcp h", "-sU --tcp h"]),
        (
            Args { method: Method::Connect, udp: true, ..plain() },
            &["-sTU h", "-sUT h", "-sT -sU h", "-sU -sT h", "-sT --udp h", "--connect --udp h", "-nsTU h"],
        ),
        (Args { assume_up: true, ..plain() }, &["-Pn h", "-nPn h", "--no-ping h", "-P0 h", "-nP0 h"]),
        (
            Args { hosts_only: true, ..plain() },
            &["-sn h", "-sP h", "--hosts-only h", "-nsn h", "h -sn --method auto", "-sn -sn h"],
        ),
        (
            Args { pings: vec![Ping::Syn(80), Ping::Ack(80), Ping::Udp(40_125)], ..plain() },
            &[
                "-PS -PA -PU h",
                "-PU -PA -PS h",
                "-PS80 -PA80 -PU40125 h",
                "-PS -PA=80 --ping-udp h",
                "-PS -PS80 -PA -PU h",
            ],
        ),
        (
            Args { pings: vec![Ping::Syn(22), Ping::Syn(80), Ping::Syn(443)], ..plain() },
            &[
                "-PS22,80,443 h",
                "-PS22 -PS80 -PS443 h",
                "--ping-syn=22,80,443 h",
                "-PSssh,80,443 h",
                "-PS22,80 h -PShttps",
            ],
        ),
        (
            Args { pings: vec![Ping::Echo, Ping::Timestamp, Ping::Neighbour], ..plain() },
            &["-PE -PP -PR h", "-PR -PP -PE h", "--ping-echo --ping-timestamp --ping-neighbour h"],
        ),
        (
            Args { pings: vec![Ping::Syn(80)], targets: vec!["22".into()], ..plain() },
            &["-PS 22", "--ping-syn 22"],
        ),
        (
            Args { pings: vec![Ping::Syn(80)], method: Method::Connect, ..plain() },
            &["-PS -sT h", "-PS --method connect h"],
        ),
        (
            Args { interface: Some("eth0".into()), ..plain() },
            &["-e eth0 h", "-eeth0 h", "--interface eth0 h", "--interface=eth0 h", "-ne eth0 h"],
        ),
        (Args { collapse: false, ..plain() }, &["--no-collapse h"]),
        (Args { shard: Some((2, 4)), ..plain() }, &["--shard 2/4 h"]),
        (
            Args { authorised: Some("J.Doe,CHG-4711".into()), ..plain() },
            &[
                "--authorised J.Doe,CHG-4711 h",
                "h --authorised=J.Doe,CHG-4711",
                "--authorized J.Doe,CHG-4711 h",
                "h --authorized=J.Doe,CHG-4711",
            ],
        ),
        (
            Args { talk: Talk { verbose: 2, ..Talk::default() }, ..plain() },
            &["-vv h", "-v h -v", "-nvv h", "--verbose h --verbose"],
        ),
        (
            Args {
                talk: Talk {
                    accessible: true,
                    stats_every: Some(Duration::from_secs(90)),
                    debug: true,
                    ..Talk::default()
                },
                ..plain()
            },
            &[
                "-d h --accessible --stats-every 90",
                "-ddn --accessible --stats-every=1s --stats-every 1.5m h",
            ],
        ),
        (Args { lang: Lang::Fr, ..plain() }, &["--lang fr h", "h --lang=fr", "--lang en --lang fr h"]),
    ];
    for (wanted, lines) in same {
        for line in lines {
            assert_eq!(args(line), wanted, "{line}");
        }
    }
}

#[test]
fn everything_at_once() {
    let all = args(
        "a b -sTU -Pn -iL f --exclude c,d --exclude e --excludefile g --resolve-all --authorised me -6 --exclude-ports 25 --exclude-ports 80 \
         -T5 --max-rate 1000 --min-rate 50 --max-retries 3 --host-timeout 90s --shard 1/3 --seed 42 --open --reason --all --packet-trace -e eth0 -oJ j1 -oJ j2 -oN n --color never --no-hints",
    );
    let wanted = Args {
        targets: vec!["a".into(), "b".into()],
        lists: vec![file("f")],
        exclude: vec!["c,d".into(), "e".into()],
        exclude_files: vec![file("g")],
        resolve_all: true,
        assume_up: true,
        authorised: Some("me".into()),
        family: Family::V6,
        udp: true,
        exclude_ports: vec!["25".into(), "80".into()],
        timing: 5,
        max_rate: Some(1000),
        min_rate: Some(50),
        max_retries: Some(3),
        host_timeout: Some(Duration::from_secs(90)),
        shard: Some((1, 3)),
        seed: Some(42),
        open: true,
        reason: true,
        all: true,
        packet_trace: true,
        interface: Some("eth0".into()),
        json_files: vec!["j1".into(), "j2".into()],
        text_files: vec!["n".into()],
        color: Color::Never,
        hints: false,
        method: Method::Connect,
        ..plain()
    };
    assert_eq!(all, wanted);
}

#[test]
fn who_and_why_is_a_text_and_no_blank() {
    let given =
        |text: &[u8]| parse_in(["h".into(), "--authorised".into(), OsString::from_vec(text.to_vec())], "C");
    let Ok(Parsed::Run(args)) = given("J. Doe, «\u{a0}CHG\u{a0}»\n".as_bytes()) else { panic!("refused") };
    assert_eq!(args.authorised.as_deref(), Some("J. Doe, «\u{a0}CHG\u{a0}»\n"));
    for blank in [b"".as_slice(), b" ", b"\t \n"] {
        let error = given(blank).expect_err("blank");
        assert_eq!(error.message, "--authorised needs a value: --authorised TEXT");
    }
    assert_eq!(given(b"\xff").expect_err("bytes").message, r"--authorised: '\xff' is not UTF-8 text");
}

#[test]
fn verbs_are_the_first_word_only() {
    for line in ["schema", "--lang fr schema", "schema --lang=en"] {
        assert_eq!(parse_in(words(line), "C"), Ok(Parsed::Schema), "{line}");
    }
    assert_eq!(args("h schema").targets, ["h", "schema"]);
    assert_eq!(args("scan scan").targets, ["scan"]);
    assert_eq!(args("-- schema").targets, ["schema"]);
    assert_eq!(args("-- explain -x").targets, ["explain", "-x"]);
    assert_eq!(args("h -- --open").targets, ["h", "--open"]);
}

#[test]
fn files_need_not_be_text() {
    let raw = OsString::from_vec(b"a\xff".to_vec());
    let line = ["-iL".into(), raw.clone(), "-oJ".into(), raw.clone()];
    let Ok(Parsed::Run(args)) = parse_in(line, "C") else { panic!("refused") };
    assert_eq!(args.lists, [Source::File(raw.clone().into())]);
    assert_eq!(args.json_files, [PathBuf::from(raw)]);
}

/// Each with what is wrong; the snapshot holds the words in both languages.
const REFUSED: &[&str] = &[
    "",
    "-F",
    "scan",
    "-iL",
    "h -p",
    "h --top-ports",
    "h --top-ports=",
    "h --top-ports 0",
    "h --top-ports 65536",
    "h --top-ports +4",
    "h --top-ports -F",
    "h --max-rate 0",
    "h --max-rate 1k",
    "h --min-rate 2000 --max-rate 1000",
    "h --rate fast",
    "h --rate 0",
    "h --rate 5 --rate auto",
    "h --min-rate 2000 --max-rate 5000 --rate 1000",
    "h --max-retries 12",
    "h --host-timeout 0",
    "h --host-timeout 5parsecs",
    "h --seed 99999999999999999999",
    "h --authorised",
    "h --authorised=",
    "h --authorised me --authorized you",
    "h --authorize me",
    "h -authorized me",
    "h --shard 0/4",
    "h --shard 5/4",
    "h --shard 4",
    "h -T6",
    "h -T",
    "h -T4F",
    "h --color blue",
    "h --lang de",
    "h --generate pdf",
    "h --open=yes",
    "h -p80 -p443",
    "h -F -p80",
    "h -F --top-ports 10",
    "h -q --json",
    "h --json -oN -",
    "h -oJ a -oN a",
    "-iL - --excludefile -",
    "h -oJSON",
    "h -oX f",
    "h -oS f",
    "h -oQ f",
    "h --bogus",
    "h --opne",
    "h --opne=3",
    "h -open",
    "h -top-ports 5",
    "h -udp",
    "h -x",
    "h -Pn4",
    "h -PN",
    "h -PS22,",
    "h -PS70000",
    "h -PST:22",
    "h -PA1-65",
    "h -PEE",
    "h -PY",
    "h -PM",
    "h -PO1",
    "h -Pn -PS22",
    "h -Pn -sn",
    "h -PE --method connect",
    "h -sT -PA22",
    "h -sn --method connect -PR",
    "h -sn -p80",
    "h -sn -F",
    "h -sn --exclude-ports 80",
    "h -sn -sS",
    "h -snU",
    "h -sPT",
    "h -sn --open",
    "h -sL",
    "h -pn -il f",
    "h -s",
    "h -sT4",
    "h -sN",
    "h -sS -sT",
    "h -sS --method connect",
    "h --method half",
    "h -sSA",
    "h -sUN",
    "h -sTUV",
    "h -sU4",
    "h -su",
    "h -tcp",
    "h --udp=yes",
    "h --udp-budget 60",
    "h --udp-proof=2",
    "h -sY",
    "schema -sU",
    "h -sVC",
    "h -v2",
    "h -d2",
    "h --verbose=2",
    "h --stats-every",
    "h --stats-every 0",
    "h --stats-every soon",
    "schema -v",
    "h -A",
    "h -O",
    "h -e",
    "h -e eth0 -e eth1",
    "h --script=default",
    "h --script default",
    "h -D RND:5",
    "h -S 10.0.0.1",
    "h -f",
    "h --spoof-mac 0",
    "h -sI zombie",
    "h -b ftp",
    "h --proxies x",
    "h --data-length 4",
    "explain h 80",
    "schema x",
    "schema -p 80",
];

#[test]
fn each_refusal_is_one_line_in_both_languages() {
    let mut told = String::new();
    for line in REFUSED {
        told.push_str(&format!("$ portolan {line}\n"));
        for locale in ["en_GB.UTF-8", "fr_FR.UTF-8"] {
            let error = refusal(line, locale);
            assert!(!error.message.contains('\n') && !error.message.is_empty(), "{line}");
            told.push_str(&hint::told(error.lang, &error.message, error.hint.as_deref()));
        }
    }
    insta::assert_snapshot!("refused", told);
}

#[test]
fn hostile_bytes_are_shown_and_not_obeyed() {
    let evil = [b"\x1b[2J\xff".as_slice(), "\u{202e}\n\r".as_bytes()].concat();
    for (before, glue) in [
        ("", ""),
        ("-", ""),
        ("--", ""),
        ("--color", "="),
        ("--max-rate", "="),
        ("-T", ""),
        ("-s", ""),
        ("-d", ""),
    ] {
        let line =
            [b"h".to_vec(), [before.as_bytes(), glue.as_bytes(), &evil].concat()].map(OsString::from_vec);
        for locale in ["C", "fr_FR"] {
            let error = parse_in(line.clone(), locale).expect_err("refused");
            let told = format!("{}{}", error.message, error.hint.unwrap_or_default());
            assert!(told.contains(r"\x1b[2J\xff"), "{told}");
            assert!(!told.chars().any(|c| c.is_control() || c == '\u{202e}'), "{told:?}");
        }
    }
}

#[test]
fn of_two_ceilings_the_lower_holds() {
    let rows = [
        ("h --rate auto", None),
        ("h --rate 500", Some(500)),
        ("h --rate auto --max-rate 900", Some(900)),
        ("h --rate 500 --max-rate 900", Some(500)),
        ("h --rate 900 --max-rate 500", Some(500)),
    ];
    for (line, most) in rows {
        let Ok(Parsed::Run(args)) = parse_in(line.split(' ').map(OsString::from), "C") else {
            panic!("{line}: refused")
        };
        assert_eq!(args.max_rate, most, "{line}");
    }
}

#[test]
fn advice_can_be_refused() {
    assert!(refusal("", "C").hint.is_some());
    assert_eq!(refusal("--no-hints", "C").hint, None);
    assert_eq!(refusal("--opne --no-hints", "C").hint, None);
}

#[test]
fn the_language_is_the_flags_then_the_environments() {
    let lang = |line: &str, env: &[(&str, &str)]| {
        let argv = std::iter::once("portolan".into()).chain(words(line));
        let env =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        match parse(argv, &env) {
            Ok(Parsed::Run(args)) => args.lang,
            Ok(other) => panic!("{line}: {other:?}"),
            Err(error) => error.lang,
        }
    };
    assert_eq!(lang("", &[]), Lang::En);
    assert_eq!(lang("", &[("LANG", "fr_FR.UTF-8")]), Lang::Fr);
    assert_eq!(lang("", &[("LANG", "fr_FR.UTF-8"), ("LC_ALL", "C")]), Lang::En);
    assert_eq!(lang("", &[("LC_ALL", "C"), ("PORTOLAN_LANG", "fr")]), Lang::Fr);
    assert_eq!(lang("--bogus --lang fr", &[]), Lang::Fr);
    assert_eq!(lang("--lang=en", &[("PORTOLAN_LANG", "fr")]), Lang::En);
    assert_eq!(lang("-- --lang fr", &[]), Lang::En);
}

#[test]
fn help_is_given_even_beside_mistakes() {
    assert_eq!(page("-h"), page("-nh"));
    assert_eq!(page("-h"), page("h -sS -h"));
    assert_eq!(page("--help"), page("--bogus --help"));
    assert_eq!(page("-V"), page("--version"));
    assert!(parse_in(words("h -- -h"), "C").is_ok_and(|parsed| matches!(parsed, Parsed::Run(_))));
}

#[test]
fn help_pages() {
    insta::assert_snapshot!("help_short_en", page("-h"));
    insta::assert_snapshot!("help_short_fr", page("-h --lang fr"));
    insta::assert_snapshot!("help_long_en", page("--help"));
    insta::assert_snapshot!("help_long_fr", page("--help --lang fr"));
}

#[test]
fn help_fits_the_screen() {
    for line in ["-h", "-h --lang fr", "--help", "--help --lang fr"] {
        let page = page(line);
        for text in page.lines() {
            assert!(text.chars().count() <= 80, "{line}: {text}");
        }
        assert!(!line.starts_with("-h") || page.lines().count() <= 40, "{line}: {}", page.lines().count());
    }
}

#[test]
fn every_flag_is_explained_in_both_languages() {
    for flag in flags::FLAGS {
        for text in [Some(flag.help), flag.more, flag.takes.value()].into_iter().flatten() {
            assert!(!text.en.is_empty() && !text.fr.is_empty(), "{}", flag.long);
            assert!(french_is_typeset(text.fr), "{}: {}", flag.long, text.fr);
        }
        assert!(flag.more.is_none_or(|more| more.en != more.fr), "{}", flag.long);
        assert!(flag.help.en != flag.help.fr, "{}", flag.long);
        for lang in [Lang::En, Lang::Fr] {
            assert!(flag.hidden || help::long(lang).contains(flag.help.of(lang)), "{}", flag.long);
        }
    }
    for line in REFUSED {
        let error = refusal(line, "fr_FR");
        assert!(french_is_typeset(&error.message), "{}", error.message);
        assert!(error.hint.is_none_or(|hint| french_is_typeset(&hint)), "{line}");
    }
}

/// A no-break space before high punctuation and inside guillemets.
fn french_is_typeset(text: &str) -> bool {
    [" :", " ;", " !", " ?", "« ", " »"].iter().all(|plain| !text.contains(plain))
}

#[test]
fn no_flag_is_both_here_and_refused() {
    for flag in flags::FLAGS {
        for name in [Some(format!("--{}", flag.long)), flag.short.map(|short| format!("-{short}"))] {
            assert!(name.is_none_or(|name| not_yet::named(name.as_bytes()).is_none()), "{}", flag.long);
        }
        for long in [Some(flag.long), flag.also].into_iter().flatten() {
            let named = flags::FLAGS.iter().filter(|other| other.long == long || other.also == Some(long));
            assert_eq!(named.count(), 1, "{long}");
            assert!(not_yet::named(format!("--{long}").as_bytes()).is_none(), "{long}");
        }
        assert!(flag.short.is_none_or(|s| flags::FLAGS.iter().filter(|o| o.short == Some(s)).count() == 1));
    }
}

#[test]
fn generated_files() {
    let man = page("--generate man");
    assert_eq!(man, page("--lang fr --generate=man"));
    insta::assert_snapshot!("man", man);
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef portolan"), ("fish", "complete -c portolan")]
    {
        let script = page(&format!("--generate complete-{shell}"));
        assert!(
            script.contains(mark) && script.contains("top-ports") && !script.contains("generate"),
            "{script}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is typed: an answer, and never a target that begins with a dash unless after `--`.
    #[test]
    fn any_line_is_answered(line in proptest::collection::vec(argument(), 0..8), french: bool) {
        let line: Vec<OsString> = line.into_iter().map(OsString::from_vec).collect();
        match parse_in(line.clone(), if french { "fr_FR" } else { "C" }) {
            Ok(Parsed::Run(args)) if !line.contains(&OsString::from("--")) => {
                prop_assert!(args.tcp || args.udp, "{:?}", args);
                prop_assert!(!args.targets.iter().any(|target| target.starts_with('-')), "{:?}", args);
            }
            Ok(_) => {}
            Err(error) => {
                let told = hint::told(error.lang, &error.message, error.hint.as_deref());
                prop_assert!(told.lines().count() <= 2 && told.chars().all(|c| c == '\n' || !c.is_control()));
                prop_assert!(!error.message.contains("command line:"), "left to clap: {:?} {}", line, told);
            }
        }
    }
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    let known = flags::FLAGS
        .iter()
        .flat_map(|flag| [format!("--{}", flag.long), flag.typed(), format!("--{}=", flag.long)])
        .chain(["-", "--", "", "80", "h", "schema", "fr", "-sS", "-oX", "--script"].map(String::from))
        .collect::<Vec<_>>();
    prop_oneof![
        proptest::sample::select(known.clone()).prop_map(String::into_bytes),
        (proptest::sample::select(known), any::<Vec<u8>>()).prop_map(|(known, tail)| [
            known.into_bytes(),
            tail
        ]
        .concat()),
        "-{0,2}[a-zA-Z0-9=/-]{0,6}".prop_map(String::into_bytes),
        any::<Vec<u8>>(),
    ]
    .prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != 0).collect())
}
