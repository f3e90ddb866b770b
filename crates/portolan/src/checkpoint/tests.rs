use std::ffi::OsStr;
use std::fs;

use portolan_explain::Lang;
use portolan_model::{OpenHost, OpenPorts, PlanHash, PortSet, Ranges};
use portolan_scan::PlanSpec;
use portolan_target::{AddressSet, Exclusions, Ports};
use proptest::prelude::*;

use super::*;

type Saved = (Typed, u64, Checkpoint);

fn ports() -> impl Strategy<Value = OpenPorts> {
    let set =
        || prop::collection::vec(any::<u16>(), 0..5).prop_map(|ports| ports.into_iter().collect::<PortSet>());
    let witnesses = prop::collection::vec(any::<u16>(), 0..3);
    (set(), witnesses, set(), set(), any::<(u32, u32)>(), any::<bool>()).prop_map(
        |(settled, witnesses, silent, unanswered, answers, spell)| OpenPorts {
            settled,
            witnesses,
            silent,
            unanswered,
            answers,
            spell,
        },
    )
}

fn saved() -> impl Strategy<Value = Saved> {
    let word =
        || prop_oneof![".{0,6}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..6)];
    let host = (any::<u64>(), any::<bool>(), ports(), ports())
        .prop_map(|(visit, heard, tcp, udp)| OpenHost { visit, heard, tcp, udp });
    let done = prop::collection::vec((any::<u64>(), any::<u64>()), 0..4)
        .prop_map(|ranges| ranges.into_iter().map(|(first, last)| first..=last).collect::<Ranges>());
    let hash = any::<[u128; 4]>().prop_map(|[targets, ports, excluded, order]| PlanHash {
        targets,
        ports,
        excluded,
        order,
    });
    let typed = (prop::collection::vec(word(), 0..4), prop::option::of(word()));
    (typed, any::<u64>(), hash, any::<bool>(), done, prop::collection::vec(host, 0..3)).prop_map(
        |((argv, directory), seed, plan, complete, done, open)| {
            (Typed { argv, directory }, seed, Checkpoint { plan, complete, done, open })
        },
    )
}

fn bytes_of((typed, seed, checkpoint): &Saved) -> Vec<u8> {
    written("test", typed, *seed, checkpoint)
}

/// What may happen to a file.
#[derive(Clone, Debug)]
enum Accident {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Drop(prop::sample::Index, usize),
    Append(Vec<u8>),
}

fn accident() -> impl Strategy<Value = Accident> {
    let some = || prop::collection::vec(any::<u8>(), 1..5);
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Accident::Cut),
        (any::<prop::sample::Index>(), 0u8..8).prop_map(|(at, bit)| Accident::Flip(at, bit)),
        (any::<prop::sample::Index>(), some()).prop_map(|(at, bytes)| Accident::Insert(at, bytes)),
        (any::<prop::sample::Index>(), 1usize..9).prop_map(|(at, len)| Accident::Drop(at, len)),
        some().prop_map(Accident::Append),
    ]
}

fn struck(mut bytes: Vec<u8>, accident: &Accident) -> Vec<u8> {
    match accident {
        Accident::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Accident::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Accident::Insert(at, some) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, some.iter().copied());
        }
        Accident::Drop(at, len) => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        Accident::Append(some) => bytes.extend_from_slice(some),
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read(saved in saved()) {
        prop_assert_eq!(parse(&bytes_of(&saved)).unwrap(), saved);
    }

    /// A file that met with an accident is refused, or says what it said: it is never another scan.
    #[test]
    fn no_accident_makes_another_scan(saved in saved(), accidents in prop::collection::vec(accident(), 1..4)) {
        let bytes = accidents.iter().fold(bytes_of(&saved), |bytes, accident| {
            if bytes.is_empty() { bytes } else { struck(bytes, accident) }
        });
        if let Ok(read) = parse(&bytes) {
            prop_assert_eq!(read, saved);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), ours: bool) {
        let head: &[u8] = if ours { br#"{"portolan-checkpoint":1,"hash":""# } else { b"" };
        prop_assert!(parse(&[head, &bytes].concat()).is_err());
    }
}

/// A content whose hash fits, as another program may write it.
fn framed(content: &str) -> Vec<u8> {
    let header = CheckpointHeader { version: CHECKPOINT.into(), hash: hash(content.as_bytes()) };
    format!("{}\n{content}\n", serde_json::to_string(&header).unwrap()).into_bytes()
}

fn sample() -> Saved {
    let tcp = OpenPorts {
        settled: [1..=80, 443..=443].into_iter().collect(),
        witnesses: vec![22, 80],
        silent: [79..=79].into_iter().collect(),
        unanswered: [444..=450].into_iter().collect(),
        answers: (79, 1),
        spell: false,
    };
    let open = vec![OpenHost { visit: 3, heard: true, tcp, udp: OpenPorts::default() }];
    let done = [0..=1, 5..=5].into_iter().collect();
    let plan = PlanHash { targets: 1, ports: u128::MAX, excluded: 0, order: 77 };
    let argv = vec![b"portolan".to_vec(), b"--exclude".to_vec(), b"\xff".to_vec()];
    let typed = Typed { argv, directory: Some(b"/home/user".to_vec()) };
    (typed, u64::MAX, Checkpoint { plan, complete: false, done, open })
}

/// Files of version 1 are read as long as there is a version 1. Another form is another version.
#[test]
fn the_written_form_of_version_1_stays() {
    let kept = include_bytes!("version-1.checkpoint");
    assert_eq!(parse(kept).unwrap(), sample());
    let now = bytes_of(&sample());
    assert_eq!(String::from_utf8_lossy(&now), String::from_utf8_lossy(kept));
}

#[test]
fn what_another_program_writes_is_refused() {
    let sample = String::from_utf8(bytes_of(&sample())).unwrap();
    let content = sample.lines().nth(1).unwrap();
    assert!(parse(&framed(content)).is_ok());
    let odd = [
        content.replace("\"seed\":18446744073709551615", "\"seed\":-1"),
        content.replace("[79,1]", "[79]"),
        content.replace("[1,80]", "[1,65536]"),
        content.replacen("\"targets\":\"0", "\"targets\":\"+", 1),
        content.replacen('{', "{\"new\":1,", 1),
        "{}".to_owned(),
        "[".repeat(100_000),
    ];
    for odd in odd {
        assert!(matches!(parse(&framed(&odd)), Err(Fault::Damaged)), "{odd:.80}");
    }
    // Ranges in the wrong order hold nothing: what they leave out is asked again.
    let (_, _, read) = parse(&framed(&content.replace("[0,1]", "[1,0]"))).unwrap();
    assert_eq!(read.done.len(), 1);
}

fn fault<T: std::fmt::Debug>(result: Result<T, CheckpointError>) -> CheckpointError {
    result.unwrap_err()
}

fn argv() -> Vec<OsString> {
    ["portolan", "192.0.2.1"].map(OsString::from).to_vec()
}

#[test]
fn what_another_scan_needs_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan");
    let names =
        || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();

    let mut keep = Keep::new(&path, &argv()).unwrap();
    assert_eq!(names(), <[&OsStr; 0]>::default(), "asking leaves nothing behind");
    keep.write(5, &Checkpoint::default()).unwrap();
    assert_eq!(names(), [OsStr::new("scan")]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777 & !0o600, 0, "{mode:o}");
    assert!(matches!(fault(Keep::new(&path, &argv())).fault(), Fault::Unfinished));

    let again = Keep::resume(&path).unwrap();
    assert_eq!((again.seed(), again.argv(), again.is_complete()), (Some(5), argv(), false));
    keep.write(5, &Checkpoint { complete: true, ..Checkpoint::default() }).unwrap();
    assert!(Keep::resume(&path).unwrap().is_complete());
    assert!(Keep::new(&path, &argv()).is_ok());

    let other = folder.path().join("notes");
    fs::write(&other, "my notes").unwrap();
    assert!(matches!(fault(Keep::new(&other, &argv())).fault(), Fault::InTheWay));
    assert_eq!(fs::read(&other).unwrap(), b"my notes");
    fs::write(&other, "").unwrap();
    assert!(Keep::new(&other, &argv()).is_ok());

    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    Keep::new(&link, &argv()).unwrap().write(6, &Checkpoint::default()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Keep::resume(&path).unwrap().seed(), Some(6));
}

#[test]
fn every_refusal_has_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        path(name)
    };
    let good = bytes_of(&sample());
    let huge = file("huge", b"");
    fs::File::options().write(true).open(&huge).unwrap().set_len(file::MOST + 1).unwrap();
    let future = String::from_utf8_lossy(&good).replacen(":1,", ":2,", 1);
    let mut errors = vec![
        fault(Keep::resume(&path("nowhere"))),
        fault(Keep::resume(folder.path())),
        fault(Keep::resume(&huge)),
        fault(Keep::resume(&file("foreign", b"{}\n{}\n"))),
        fault(Keep::resume(&file("empty", b""))),
        fault(Keep::resume(&file("future", future.as_bytes()))),
        fault(Keep::resume(&file("cut", &good[..good.len() - 9]))),
        fault(
            Keep::new(&path("notes\x1b[2J"), &argv())
                .and_then(|_| Keep::new(&file("foreign", b"x"), &argv())),
        ),
        fault(Keep::new(&file("unfinished it's", &good), &argv())),
        fault(Keep::new(&path("no folder/scan"), &argv())),
        fault(Keep::resume(&file("good", &good)).and_then(|keep| keep.from(&plan(1, None)))),
    ];
    let mut moved = sample();
    moved.0.directory = Some(path("gone").into_os_string().into_vec());
    errors.push(fault(Keep::resume(&file("moved", &bytes_of(&moved))).and_then(|keep| keep.enter())));
    let here = folder.path().to_str().unwrap();
    let mut told = String::new();
    for error in errors {
        for lang in [Lang::En, Lang::Fr] {
            let advice = error.advice(lang);
            told.push_str(
                &crate::hint::told(lang, &error.message(lang), advice.as_deref()).replace(here, "/tmp/x"),
            );
        }
    }
    insta::assert_snapshot!(told);
}

fn plan(seed: u64, excluded: Option<&str>) -> Plan {
    let hosts: AddressSet = ["192.0.2.1", "192.0.2.9"]
        .iter()
        .map(|ip| portolan_model::Address::new(ip.parse().unwrap()))
        .collect();
    let excluded = excluded.map(|ip| portolan_model::Address::new(ip.parse().unwrap()));
    Plan::new(PlanSpec {
        products: vec![(hosts, Ports::tcp([80u16].into_iter().collect()))],
        excluded: Exclusions::new(excluded.into_iter().collect()),
        seed,
        ..PlanSpec::default()
    })
    .unwrap()
}

#[test]
fn another_plan_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan");
    let mut keep = Keep::new(&path, &argv()).unwrap();
    let from = keep.from(&plan(1, None)).unwrap();
    assert_eq!(from.plan, plan(1, None).hash());
    keep.write(1, &from).unwrap();
    let keep = Keep::resume(&path).unwrap();
    assert_eq!(keep.from(&plan(1, None)).unwrap(), from);
    for (other, what) in [(plan(2, None), "its order"), (plan(1, Some("192.0.2.9")), "its exclusions")] {
        let message = fault(keep.from(&other)).message(Lang::En);
        assert!(message.contains(what), "{message}");
    }
}
