use std::net::Ipv4Addr;

use portolan_model::{
    Address, Claim, Confidence, Endpoint, Evidence, Fact, Instant, Method, PortState, Reason, Transport,
};
use proptest::prelude::*;

use super::*;
use crate::catalogue::ENTRIES;

fn told(name: &'static str, answer: &[u8]) -> Vec<(String, String)> {
    let mut service = Service::named("x", name);
    fill(&mut service, entry(name).map_or(&[], |entry| entry.extracts), answer);
    let fixed = [("product", service.product), ("version", service.version)];
    let fixed = fixed.into_iter().filter_map(|(field, text)| Some((field, text?)));
    let mut all: Vec<(String, String)> =
        fixed.chain(service.details).map(|(field, text)| (field.to_owned(), text.escaped())).collect();
    all.sort();
    all
}

#[test]
fn every_sample_tells_what_its_file_says() {
    for entry in ENTRIES {
        for sample in entry.samples {
            let mut expected: Vec<(String, String)> =
                sample.tells.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
            expected.sort();
            assert_eq!(
                told(entry.probe.name, sample.reply),
                expected,
                "{}: {}",
                entry.probe.name,
                sample.from
            );
        }
    }
}

#[test]
fn a_verdict_is_described_if_it_has_a_service_and_an_answer() {
    let claim = Claim {
        state: PortState::Open,
        reason: Reason::UdpResponse,
        confidence: Confidence::new(0.0, &[], &[]),
        from: None,
    };
    let endpoint =
        Endpoint { address: Address::from(Ipv4Addr::LOCALHOST), transport: Transport::Udp, port: 11211 };
    let evidence = Evidence::new(Instant::ZERO, Fact::Stopped);
    let bare = Verdict::new(endpoint, claim, Method::Udp, 1, evidence);

    let mut verdict = bare.clone();
    describe(&mut verdict);
    assert_eq!(verdict.service, None);

    verdict.service = Some(Box::new(Service::named("memcache", "memcached")));
    describe(&mut verdict);
    assert_eq!(verdict.service.as_deref(), Some(&Service::named("memcache", "memcached")));

    verdict.answer = Some(b"\0\x01\0\0\0\x01\0\0VERSION 1.6.18\r\n".as_slice().into());
    for _ in 0..2 {
        describe(&mut verdict);
        let version = verdict.service.as_ref().and_then(|service| service.version.clone());
        assert_eq!(version, Some("1.6.18".into()), "once or twice, it is the same");
    }
}

#[test]
fn text_is_cut_trimmed_and_never_empty() {
    let whole = |answer: &[u8]| {
        Extract { field: Field::Product, when: &[], find: Find::Whole, at: 0, len: None, form: Form::Text }
            .apply(answer)
    };
    assert_eq!(whole(b" a b \0\0"), Some("a b".into()));
    assert_eq!(whole(b" \0 "), None);
    assert_eq!(whole(b""), None);
    assert_eq!(whole(&[b'x'; 5_000]).map(|text| text.bytes().len()), Some(LONGEST));
}

#[test]
fn headers_are_found_in_any_case_and_not_in_the_body() {
    let server = |answer: &'static str| Find::Header("Server").seek(answer.as_bytes());
    assert_eq!(server("SIP/2.0 200 OK\r\nSERVER : a: b\r\n\r\n"), Some(b" a: b".as_slice()));
    assert_eq!(server("SIP/2.0 200 OK\nserver:x\n"), Some(b"x".as_slice()));
    assert_eq!(server("Server: first line\r\nVia: x\r\n\r\nServer: body"), None);
    assert_eq!(server("SIP/2.0 200 OK\r\nServer"), None);
}

#[test]
fn nested_elements_are_entered_and_bad_lengths_end_the_search() {
    let nested: &[u8] = &[0x30, 0x81, 9, 2, 1, 3, 4, 4, 0x30, 2, 5, 0];
    let at = |path: &'static [u8]| Find::Ber(path).seek(nested);
    assert_eq!(at(&[0, 0]), Some([3].as_slice()));
    assert_eq!(at(&[0, 1, 0]), Some([5, 0].as_slice()));
    assert_eq!(at(&[0, 1, 0, 0]), Some([].as_slice()));
    assert_eq!(at(&[0, 2]), None);
    assert_eq!(at(&[1]), None);
    // Indefinite, longer than it is, and a length of more bytes than a number has.
    for bad in [[0x30, 0x80, 0, 0].as_slice(), &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x89, 0, 0]] {
        assert_eq!(Find::Ber(&[0]).seek(bad), None);
    }
}

#[test]
fn attributes_are_walked_over_their_padding() {
    let found =
        |answer: &'static [u8], is| Find::Attribute { from: 1, kind: 2, size: 2, pad: 4, is }.seek(answer);
    let two = b"!\x00\x01\x00\x01a\0\0\0\x80\x22\x00\x02bc\0\0";
    assert_eq!(found(two, 1), Some(b"a".as_slice()));
    assert_eq!(found(two, 0x8022), Some(b"bc".as_slice()));
    assert_eq!(found(two, 2), None);
    assert_eq!(found(b"!\x00\x01\xff\xffa", 1), None);
    assert_eq!(found(b"", 1), None);
}

#[test]
fn numbers_are_named_and_cut_to_their_bits() {
    let number = |bits, bytes: &[u8]| Form::Number { bits, names: &[(4, "four")] }.render(bytes);
    assert_eq!(number(0x38, &[0b10_100_011]), Some(b"4 (four)".to_vec()));
    assert_eq!(number(u64::MAX, &[0xff; 8]), Some(u64::MAX.to_string().into_bytes()));
    assert_eq!(number(u64::MAX, &[0; 9]), None);
    assert_eq!(number(u64::MAX, &[]), None);
    let versions = Form::QuicVersions { names: &[(1, "v1")] };
    assert_eq!(
        versions.render(&[0x1a, 0x2a, 0x3a, 0x4a, 0, 0, 0, 1, 0xff, 0, 0, 9, 7]),
        Some(b"v1 ff000009".to_vec())
    );
}

proptest! {
    /// Whatever comes, no rule panics, and nothing long is kept.
    #[test]
    fn no_answer_harms(answer: Vec<u8>) {
        for entry in ENTRIES {
            for (_, text) in told(entry.probe.name, &answer) {
                prop_assert!(text.len() <= 4 * LONGEST);
            }
        }
    }

    /// Nor does an answer that is almost one: cut, lengthened, or with some bytes changed.
    #[test]
    fn no_answer_that_is_almost_one_harms(
        which: prop::sample::Index,
        len in 0_usize..600,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let samples: Vec<_> = ENTRIES.iter().flat_map(|entry| entry.samples.iter().map(move |s| (entry, s))).collect();
        let (entry, sample) = which.get(&samples);
        let mut answer = sample.reply.to_vec();
        answer.resize(len.max(1), 0x41);
        for (at, byte) in changes {
            let at = at.index(answer.len());
            answer[at] = byte;
        }
        told(entry.probe.name, &answer);
        for probe in crate::UDP {
            probe.likeness(&answer, &sample.cookie);
        }
    }
}
