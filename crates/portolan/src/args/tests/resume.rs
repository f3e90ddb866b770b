//! A scan that is gone on with, and what may stand beside `--resume`.

use super::*;

fn resume(line: &str) -> Resume {
    match parse_in(words(line), "C") {
        Ok(Parsed::Resume(resume)) => *resume,
        other => panic!("{line}: {other:?}"),
    }
}

/// The scan of an earlier line, gone on with by another.
fn gone_on(earlier: &str, now: &str) -> Result<Args, ArgsError> {
    let argv = std::iter::once(OsString::from("portolan")).chain(words(earlier));
    resumed(argv, &resume(now), &|_| None)
}

#[test]
fn a_scan_is_gone_on_with_as_it_was_typed() {
    for line in ["--resume f", "scan --resume=f", "--no-hints --resume f"] {
        assert_eq!(resume(line).file, PathBuf::from("f"), "{line}");
    }
    assert!(!resume("--resume f --no-hints").hints);
    let kept = Args { checkpoint: Some("c".into()), ..plain() };
    assert_eq!(gone_on("h --checkpoint c", "--resume c"), Ok(kept));
    let dashed = Args {
        targets: vec!["-x".into()],
        json_files: vec!["a".into(), "b".into()],
        stdout: Stdout::Quiet,
        lang: Lang::Fr,
        ..plain()
    };
    assert_eq!(gone_on("-oJ a -- -x", "--resume c -oJ b -q --lang fr"), Ok(dashed));
}

#[test]
fn what_stands_beside_resume_is_refused_unless_it_is_an_output() {
    for line in
        ["--resume f h", "--resume f -p 80", "--resume f --checkpoint g", "-sS --resume f", "--resume f -"]
    {
        let error = refusal(line, "C");
        assert!(error.message.contains("too much"), "{line}: {error}");
        assert!(refusal(line, "fr").message.contains("de trop"), "{line}");
    }
    assert!(refusal("--resume", "C").message.contains("needs a value"));
    assert!(refusal("--resume f --resume g", "C").message.contains("twice"));
    assert!(refusal("h --checkpoint f -oJ f", "C").message.contains("one file"));
    assert!(refusal("resume f", "C").hint.is_some_and(|hint| hint.contains("--resume FILE")));
    // A file may say anything.
    for line in ["--resume g", "schema", "--help h", "--generate man", "h --nonsense", ""] {
        assert!(gone_on(line, "--resume f").is_err(), "{line}");
    }
    assert!(gone_on("h -oJ a", "--resume f -oJ a").is_err());
}
