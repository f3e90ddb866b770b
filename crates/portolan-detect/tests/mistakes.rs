//! A mistake in a probe file is named: the build says which key is wrong, and why.

#[path = "../build/file.rs"]
#[expect(dead_code, reason = "what is read for the table alone")]
mod file;
#[path = "../build/read.rs"]
#[expect(dead_code, reason = "what is read for the table alone")]
mod read;

const GOOD: &str = r#"
title = "Example"
service = "example"
ports = [7, 9]
source = "RFC 862"
polite = "2 bytes"
payload = [{ cookie = [0, 2] }]
answer = [{ at = 0, is = [{ cookie = [0, 2] }] }]
[[extract]]
field = "version"
at = 2
len = 1
as = "number"
[[sample]]
origin = "composed"
from = "RFC 862"
reply = "0001 07"
tells = { version = "7" }
"#;

/// What the build says of the good file after `from` became `to`.
fn said(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read::probe("example", &GOOD.replace(from, to)).err().unwrap_or_default()
}

#[test]
fn a_good_file_is_read() {
    let probe = read::probe("example", GOOD).expect("nothing is wrong");
    assert_eq!(probe.samples[0].reply, [0, 1, 7]);
    assert_eq!(probe.samples[0].cookie, (0..16).collect::<Vec<u8>>());
}

#[test]
fn every_mistake_is_named() {
    let mistakes = [
        ("polite = ", "polit = ", "unknown field `polit`"),
        ("title = \"Example\"", "", "missing field `title`"),
        ("title = \"Example\"", "title = \" \"", "title: not one line of text"),
        ("service = \"example\"", "service = \"Example\"", "service: \"Example\" is not a word"),
        ("ports = [7, 9]", "ports = [9, 7]", "ports: not ascending"),
        ("ports = [7, 9]", "ports = [7, 7]", "ports: not ascending, one written twice"),
        ("ports = [7, 9]", "ports = [0]", "ports: not ascending, one written twice, or 0"),
        ("ports = [7, 9]", "ports = []", "ports: none"),
        ("ports = [7, 9]", "ports = [70000]", "invalid value: integer `70000`"),
        ("source = \"RFC 862\"", "", "missing field `source`"),
        ("payload = [{ cookie = [0, 2] }]", "payload = []", "payload: empty"),
        (
            "payload = [{ cookie = [0, 2] }]",
            "payload = [{ cookie = [15, 2] }]",
            "payload[0]: cookie: bytes 15..17",
        ),
        (
            "payload = [{ cookie = [0, 2] }]",
            "payload = [{ cookie = [0, 0] }]",
            "payload[0]: cookie: bytes 0..0",
        ),
        ("payload = [{ cookie = [0, 2] }]", "payload = [{ any = 2 }]", "payload[0]: any: in patterns only"),
        ("payload = [{ cookie = [0, 2] }]", "payload = [{ hex = \"0g\" }]", "payload[0]: hex: 'g'"),
        ("payload = [{ cookie = [0, 2] }]", "payload = [{ hex = \"0\" }]", "payload[0]: hex: half a byte"),
        ("payload = [{ cookie = [0, 2] }]", "payload = [{ hex = \"\" }]", "payload[0]: no bytes"),
        (
            "payload = [{ cookie = [0, 2] }]",
            "payload = [{ hex = \"00\", text = \"a\" }]",
            "payload[0]: one of hex, text",
        ),
        ("answer = [{ at = 0, is = [{ cookie = [0, 2] }] }]", "answer = []", "answer: no check"),
        ("is = [{ cookie = [0, 2] }]", "is = []", "answer[0]: no piece"),
        ("is = [{ cookie = [0, 2] }]", "bits = 3", "answer[0]: at_least, or at + is"),
        ("is = [{ cookie = [0, 2] }]", "bits = 3, value = 4", "answer[0]: value 0x04 has bits outside 0x03"),
        ("is = [{ cookie = [0, 2] }]", "bits = 0, value = 0", "answer[0]: bits at 0: none that counts"),
        ("field = \"version\"", "field = \"Version\"", "extract[0]: field: \"Version\""),
        ("field = \"version\"", "field = \"other\"", "sample: tells version, which no extract gives"),
        ("at = 2", "until = { text = \"x\" }", "extract[0]: until: without after"),
        ("at = 2", "after = { fill = [0, 2] }", "extract[0]: after: only hex or text here"),
        ("at = 2", "header = \"A\"\nber = [0]", "extract[0]: one of after, header, attribute, ber"),
        ("at = 2", "ber = []", "extract[0]: ber: no step"),
        (
            "at = 2",
            "attribute = { from = 0, kind = 3, size = 2, is = 1 }",
            "extract[0]: attribute: kind and size",
        ),
        ("len = 1", "", "extract[0]: len: how many bytes"),
        ("len = 1", "len = 9", "extract[0]: len: a number has at most 8 bytes"),
        ("as = \"number\"", "as = \"numbers\"", "unknown variant `numbers`"),
        ("as = \"number\"", "names = { 1 = \"one\" }", "extract[0]: names: of numbers and versions only"),
        (
            "as = \"number\"",
            "as = \"number\"\nnames = { one = \"one\" }",
            "extract[0]: names: one is no number",
        ),
        ("as = \"number\"", "bits = 1", "extract[0]: bits: of numbers only"),
        ("origin = \"composed\"", "origin = \"seen\"", "unknown variant `seen`"),
        ("from = \"RFC 862\"", "from = \"\"", "sample[0]: from: not one line of text"),
        ("reply = \"0001 07\"", "reply = \"0001 0\"", "sample[0]: reply: hex: half a byte"),
        ("reply = \"0001 07\"", "reply = \"\"", "sample[0]: reply: empty"),
        ("reply = \"0001 07\"", "reply = \"00\"\ncookie = \"00\"", "sample[0]: cookie: 1 bytes, not 16"),
    ];
    for (from, to, expected) in mistakes {
        let said = said(from, to);
        assert!(said.contains(expected), "{to}\n  says: {said}\n  not:  {expected}");
    }
    let without = GOOD.split("[[sample]]").next().unwrap_or_default();
    assert_eq!(read::probe("example", without).err().as_deref(), Some("sample: none"));
    assert!(read::probe("Ex_ample", GOOD).err().is_some_and(|said| said.contains("the file's name")));
}
