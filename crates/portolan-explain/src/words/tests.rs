use std::time::Duration;

use portolan_model::PaceBecause;
use portolan_model::{
    Address, AddressRange, Because, Claim, Confidence, Endpoint, Evidence, Fact, HostState, Instant,
    Likeness, LocalFault, Method, PortState, Raise, Reason, Transport, Untrusted, Verdict, Warning,
};

use crate::{
    Lang, about_left, answer, at_least_left, attempts_with, because, completeness, completeness_bounds,
    dropped, elapsed, elapsed_in_words, fault, from_port, hint, host_finished, host_silent, key_stop,
    key_stop_in_words, label_dropped, label_loss, label_rate, label_waiting, left, local_faults,
    loss_and_bounds, loss_by_chance, loss_by_pace, method, none, not_shown, not_shown_of, of_rate, or,
    overruns, pace_because, percent_in_words, ports_of, ports_of_both, ports_settled, probes_a_second,
    progress_line, progress_sentence, quote, raise, rate_in_words, rate_mean, rate_more_steps, rate_step,
    rate_steps, reason, round_trip, silence_of_udp, state, states, stopping, time_elapsed, trace_heading,
    unknown_local, up_without_sure_open, waiting, warning, why,
};

#[test]
fn each_language_has_its_own_words() {
    let (english, french) = (everything(Lang::En), everything(Lang::Fr));
    assert_eq!(english.len(), french.len());
    for (en, fr) in english.iter().zip(&french) {
        assert_ne!(en, fr);
        assert!(!en.is_empty() && !fr.is_empty());
    }
}

#[test]
fn english_is_written_in_ascii() {
    for text in everything(Lang::En) {
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn french_sets_its_double_marks_apart() {
    for text in everything(Lang::Fr) {
        let characters: Vec<char> = text.chars().collect();
        for (index, mark) in characters.iter().enumerate() {
            let ends = characters.get(index + 1).is_none_or(|next| *next == ' ');
            let before = index.checked_sub(1).and_then(|before| characters.get(before));
            // Code gets no no-break space: `ip route; ip -6 route`.
            if ":;!?»".contains(*mark) && ends && !text.contains("ip route; ip") {
                assert_eq!(before, Some(&'\u{a0}'), "{text}");
            }
            if *mark == '«' {
                assert_eq!(characters.get(index + 1), Some(&'\u{a0}'), "{text}");
            }
        }
    }
}

#[test]
fn sentences_end_and_tell_no_tales() {
    for lang in [Lang::En, Lang::Fr] {
        let reasons = Reason::ALL.iter().map(|row| reason(lang, *row));
        let because = Because::ALL.iter().map(|row| because(lang, *row));
        let over_udp = over_udp().map(|verdict| why(lang, &verdict));
        let raises = Raise::ALL.iter().map(|row| raise(lang, *row));
        for text in reasons.chain(because).chain(over_udp).chain(raises).chain([silence_of_udp(lang)]) {
            assert!(text.ends_with('.'), "{text}");
            for word in ["stealth", "hidden", "alive", "attack", "secure"] {
                assert!(!text.to_lowercase().contains(word), "{text}");
            }
        }
    }
}

#[test]
fn a_refusal_means_what_its_protocol_means() {
    for verdict in over_udp().filter(|verdict| verdict.reason() == Reason::PortUnreach) {
        let (closed, from) = (verdict.state() == PortState::Closed, verdict.claim.from.is_some());
        let said = why(Lang::En, &verdict);
        assert_eq!(said.contains("nothing listens"), closed || !from, "{said}");
        assert_eq!(said.contains("firewall"), !closed, "{said}");
        let mut over_tcp = verdict;
        over_tcp.endpoint.transport = Transport::Tcp;
        assert_eq!(why(Lang::En, &over_tcp), reason(Lang::En, Reason::PortUnreach));
    }
    let mut reset = over_udp().next().expect("there is one");
    reset.endpoint.transport = Transport::Tcp;
    for (state, said) in [(PortState::Closed, "our SYN"), (PortState::Unfiltered, "our ACK")] {
        (reset.claim.state, reset.claim.reason) = (state, Reason::Reset);
        assert!(why(Lang::En, &reset).contains(said) && why(Lang::En, &reset).ends_with('.'), "{state}");
    }
    for verdict in over_udp().filter(|verdict| verdict.reason() == Reason::NoResponse) {
        assert!(why(Lang::En, &verdict).contains("an open port that does not answer"));
    }
}

#[test]
fn a_sentence_about_a_state_begins_with_its_word() {
    for lang in Lang::ALL {
        assert!(silence_of_udp(*lang).starts_with(state(*lang, PortState::OpenFiltered)));
    }
}

#[test]
fn french_counts_none_as_one() {
    assert_eq!(states(Lang::Fr, PortState::Closed, 0), "fermé");
    assert_eq!(states(Lang::Fr, PortState::Closed, 2), "fermés");
    assert_eq!(unknown_local(Lang::En, 0u8), "0 ports stay unknown: this machine could not ask them.");
}

#[test]
fn a_stranger_cannot_write_the_warning() {
    let warned = Warning::Unresolved { name: Untrusted::from("a\r\nwarning: \x1b[2J\u{202e}") };
    assert_eq!(
        warning(Lang::En, &warned),
        r"a\x0d\x0awarning: \x1b[2J\xe2\x80\xae has no address that can be asked; it is left out"
    );
    let endless = Warning::Unresolved { name: Untrusted::from("a".repeat(1_000_000)) };
    assert!(warning(Lang::Fr, &endless).len() < 200);
}

/// Everything that differs between languages, said once.
fn everything(lang: Lang) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    all.extend(Reason::ALL.iter().map(|row| reason(lang, *row).to_owned()));
    all.extend(Because::ALL.iter().map(|row| because(lang, *row).to_owned()));
    all.extend(Raise::ALL.iter().map(|row| raise(lang, *row).to_owned()));
    all.extend(faults().map(|row| fault(lang, row)));
    for row in warnings() {
        all.push(warning(lang, &row));
        all.extend(hint(lang, &row).map(str::to_owned));
    }
    for likeness in [Likeness::Echoes, Likeness::Fits, Likeness::Strange, Likeness::Unlike] {
        all.extend([0, 1, 2].map(|bytes| answer(lang, bytes, likeness)));
    }
    all.extend(
        [Because::QuoteMatches, Because::QuoteWithoutId].map(|row| quote(lang, &[row]).unwrap().to_owned()),
    );
    all.extend(over_udp().map(|verdict| why(lang, &verdict).to_owned()));
    all.push(trace_heading(lang).to_owned());
    all.push(silence_of_udp(lang).to_owned());
    all.push(from_port(lang, 69));
    all.push(attempts_with(lang, 2u8, "x"));
    all.extend([1u8, 2].map(|n| overruns(lang, n)));
    all.push(not_shown_of(lang, "udp", "x"));
    all.push(up_without_sure_open(lang, "x"));
    all.push(not_shown(lang, "x"));
    all.extend([1u8, 2].map(|n| crate::hosts_aliased(lang, n)));
    all.push(host_silent(lang, "x"));
    all.push(method(lang, "x"));
    all.push(completeness(lang, "x"));
    all.push(completeness_bounds(lang, "1", "2"));
    all.push(loss_and_bounds(lang, "1", "2", "3"));
    all.extend([loss_by_pace(lang), loss_by_chance(lang)].map(str::to_owned));
    all.extend([1u8, 2].map(|n| rate_mean(lang, n)));
    all.extend([1u8, 2].map(|n| rate_more_steps(lang, n)));
    all.extend([1u8, 2].map(|n| local_faults(lang, n)));
    all.push(rate_steps(lang, "1", "x"));
    all.push(rate_step(lang, "1", "2", "x"));
    all.extend(PaceBecause::ALL.iter().map(|row| pace_because(lang, *row).to_owned()));
    all.push(elapsed(lang, Duration::from_millis(420)));
    all.extend(of_progress(lang));
    all.extend(of_hosts(lang));
    all
}

/// What is said of hosts where no port is asked.
fn of_hosts(lang: Lang) -> Vec<String> {
    let states = [HostState::Up, HostState::Down, HostState::Unknown];
    let mut all: Vec<String> = states.map(|of| crate::host_state(lang, of).to_owned()).into();
    let fixed = [crate::down_means(lang), crate::mac_is_local(lang), crate::looking_for_hosts(lang)];
    all.extend(fixed.map(str::to_owned));
    all.push(crate::addresses_done(lang, "1", "2"));
    all.push(crate::mac_is(lang, "x", "y", ""));
    for n in [1u8, 2] {
        all.extend([crate::up(lang, n), crate::addresses_sought(lang, n, "x"), crate::more_macs(lang, n)]);
        all.push(crate::not_found(lang, n));
    }
    all
}

/// What is said while a scan runs.
fn of_progress(lang: Lang) -> Vec<String> {
    let mut all = vec![
        ports_of(lang, 2u8, "tcp"),
        ports_of_both(lang, "1", "2"),
        of_rate(lang, "1", "2"),
        left(lang, "x"),
        progress_line(lang, "x", "y"),
        ports_settled(lang, "1", "2"),
        time_elapsed(lang, "x"),
        about_left(lang, "x"),
        at_least_left(lang, "x"),
        progress_sentence(lang, "x", "y"),
        elapsed_in_words(lang, "x"),
        host_finished(lang, "x", "y"),
        round_trip(lang, "x"),
    ];
    for n in [1u8, 2] {
        all.extend([probes_a_second(lang, n), waiting(lang, n), dropped(lang, n)]);
        all.extend([percent_in_words(lang, n), rate_in_words(lang, n)]);
    }
    let labels = [label_rate(lang), label_waiting(lang), label_loss(lang), label_dropped(lang)];
    let others = [stopping(lang), key_stop(lang), key_stop_in_words(lang), or(lang), none(lang)];
    all.extend(labels.into_iter().chain(others).map(str::to_owned));
    all
}

/// Every reason in each of its states, of a UDP port, told by nobody or by another machine.
fn over_udp() -> impl Iterator<Item = Verdict> {
    let address = Address::from(std::net::Ipv4Addr::LOCALHOST);
    let rows = Reason::ALL.iter().flat_map(|reason| reason.states().iter().map(|state| (*reason, *state)));
    let rows = rows.flat_map(move |row| [(row, None), (row, Some(address))]);
    rows.map(move |((reason, state), from)| {
        let claim = Claim { state, reason, confidence: Confidence::new(0.5, &[], &[]), from };
        let evidence = Evidence::new(Instant::from_nanos(0), Fact::Stopped);
        let endpoint = Endpoint { address, transport: Transport::Udp, port: 9 };
        Verdict::new(endpoint, claim, Method::Udp, 1, evidence)
    })
}

fn faults() -> impl Iterator<Item = LocalFault> {
    [
        LocalFault::Firewall,
        LocalFault::NoRoute,
        LocalFault::OwnAddress,
        LocalFault::NoNeighbour { on_link: true },
        LocalFault::NoNeighbour { on_link: false },
        LocalFault::Permission,
        LocalFault::NoPorts,
        LocalFault::NoDescriptors,
        LocalFault::NoBuffers,
        LocalFault::Other(5),
    ]
    .into_iter()
}

fn warnings() -> Vec<Warning> {
    let target = Address::from(std::net::Ipv4Addr::LOCALHOST);
    let mut all = vec![
        Warning::Unresolved { name: Untrusted::from("name") },
        Warning::Excluded { target: Untrusted::from("name") },
        Warning::OneOfMany { name: Untrusted::from("name"), taken: target, count: 2 },
        Warning::PortsIgnored { proto: "udp", count: 3 },
        Warning::HostWentDown { target, count: 1 },
        Warning::HostTimeout { target, count: 2 },
        Warning::EveryPortOpen { target, count: 1000 },
        Warning::Loss { target, share: 0.042 },
        Warning::AliasedPrefix {
            range: AddressRange { first: target, last: target },
            asked: 16,
            kept: target,
        },
        Warning::FoundOnLink { target: Untrusted::from("2001:db8::/64"), count: 3 },
        Warning::FewSockets { window: 60 },
    ];
    all.extend(faults().map(|fault| Warning::Local { fault, count: 12 }));
    all
}
