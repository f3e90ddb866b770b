use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{Endpoint, Icmp, Instant, Transport};

use super::{ForgedKind, Forgery, NodeSpec, Pass, Passing};
use crate::attempts::{Attempt, Attempts};
use crate::counters::Counters;
use crate::packet::{Answer, Connect, Content, Flow, Packet, Quote, Way};
use crate::random::Random;

/// One node, and packets shown to it.
struct Bench {
    node: Box<dyn super::Node>,
    random: Random,
    counters: Counters,
}

impl Bench {
    fn new(toml: &str) -> Bench {
        let spec: NodeSpec = toml::from_str(toml).unwrap();
        Bench { node: spec.describe().build(), random: Random::new(5), counters: Counters::default() }
    }

    fn pass(&mut self, ms: u64, way: Way, packet: &Packet) -> Pass {
        let now = Instant::ZERO + Duration::from_millis(ms);
        let passing = &mut Passing { now, random: &mut self.random, counters: &mut self.counters };
        self.node.pass(packet, way, passing)
    }

    /// How many of `n` packets, one a millisecond, meet this.
    fn count(&mut self, n: u64, way: Way, packet: &Packet, what: impl Fn(Pass) -> bool) -> usize {
        (0..n).filter(|ms| what(self.pass(*ms, way, packet))).count()
    }
}

fn packet(port: u16, content: Content) -> Packet {
    let to = Endpoint::tcp(Ipv4Addr::new(192, 0, 2, 1).into(), port);
    let local = SocketAddr::from((Ipv4Addr::new(198, 18, 0, 1), 40000 + port));
    let (probe, sent) = (ProbeId { slot: 1, tag: 2 }, Instant::ZERO);
    let attempt = Attempt { probe, to, sent, host: None, chain: 0, local, again: 0, accepted: false };
    let attempt = Attempts::default().add(attempt);
    let flow = Flow::Connect(Connect { attempt, probe, sent });
    Packet { flow, to, host: None, chain: 0, local, content, copy: false }
}

fn syn(port: u16) -> Packet {
    packet(port, Content::Syn)
}

/// A datagram of ours, or what comes back of it.
fn datagram(port: u16, content: Content) -> Packet {
    let to = Endpoint { transport: Transport::Udp, ..syn(port).to };
    Packet { flow: Flow::Datagram(b"Qa1234".as_slice().into()), to, content, ..syn(port) }
}

fn question(port: u16) -> Packet {
    datagram(port, Content::Question)
}

fn icmp(by: u8) -> Packet {
    let to = Ipv4Addr::new(192, 0, 2, 1).into();
    let from = Ipv4Addr::new(198, 51, 100, by).into();
    let icmp: Icmp = crate::Reject::PortUnreach.icmp(to, from, 60).unwrap();
    packet(80, Content::Icmp(icmp, Quote::Full))
}

fn is_lost(pass: Pass) -> bool {
    pass == Pass::Lost
}

#[test]
fn a_bottleneck_lets_a_burst_pass_and_then_its_rate_which_may_change() {
    let narrow = || Bench::new("node = 'bottleneck'\nper_second = 500\nburst = 10\nms = 20");
    // A thousand a second come: the burst passes at once, then they wait, for up to 20 ms, and then half is dropped.
    assert!((19..=20).contains(&narrow().count(1000, Way::Out, &syn(80), |pass| pass == Pass::On)));
    assert!((478..=482).contains(&narrow().count(1000, Way::Out, &syn(80), is_lost)));
    let changes = "changes = [{ after_ms = 1000, per_second = 100 }, { after_ms = 2000, per_second = 1000 }]";
    let mut bench = Bench::new(&format!("node = 'bottleneck'\nper_second = 500\nburst = 5\n{changes}"));
    let mut passed = [0; 3];
    for ms in 0..3000 {
        let pass = bench.pass(ms, Way::Back, &syn(80));
        assert!(pass == Pass::On || pass == Pass::Lost, "a policer: nothing waits");
        passed[ms as usize / 1000] += usize::from(pass == Pass::On);
    }
    assert_eq!(passed.map(|n| n / 10), [50, 10, 100]);
}

#[test]
fn delay_is_the_same_each_time() {
    let mut bench = Bench::new("node = 'delay'\nms = 20");
    for way in [Way::Out, Way::Back] {
        assert_eq!(bench.pass(0, way, &syn(80)), Pass::Late(Duration::from_millis(20)));
    }
}

#[test]
fn jitter_fills_its_range() {
    let mut bench = Bench::new("node = 'jitter'\nms = 100");
    let late = |bench: &mut Bench| match bench.pass(0, Way::Out, &syn(80)) {
        Pass::Late(late) => late,
        other => panic!("{other:?}"),
    };
    let times: Vec<_> = (0..1000).map(|_| late(&mut bench)).collect();
    assert!(times.iter().all(|time| *time <= Duration::from_millis(100)));
    assert!(times.iter().any(|time| *time < Duration::from_millis(5)));
    assert!(times.iter().any(|time| *time > Duration::from_millis(95)));
}

#[test]
fn loss_is_as_probable_as_said() {
    let mut bench = Bench::new("node = 'loss'\nprobability = 0.2");
    let lost = bench.count(10_000, Way::Out, &syn(80), is_lost);
    assert!((1850..2150).contains(&lost), "{lost}");
    assert_eq!(bench.counters.lost_out as usize, lost);
}

#[test]
fn burst_losses_follow_each_other() {
    let mut bench = Bench::new("node = 'burst-loss'\nbad_ms = 200\ngood_ms = 1800");
    let fates: Vec<_> = (0..200_000).map(|ms| is_lost(bench.pass(ms, Way::Out, &syn(80)))).collect();
    let lost = fates.iter().filter(|lost| **lost).count();
    assert!((14_000..26_000).contains(&lost), "{lost}");
    let spells = fates.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert!((60..140).contains(&spells), "{spells} bad spells in 200 s");
}

#[test]
fn reorder_holds_some_back() {
    let mut bench = Bench::new("node = 'reorder'\nprobability = 0.1\nms = 15");
    let held = bench.count(10_000, Way::Back, &syn(80), |pass| pass == Pass::Late(Duration::from_millis(15)));
    assert!((900..1100).contains(&held), "{held}");
}

#[test]
fn duplicates_are_not_duplicated() {
    let mut bench = Bench::new("node = 'duplicate'\nprobability = 1.0\nms = 50");
    assert!(matches!(bench.pass(0, Way::Back, &syn(80)), Pass::Twice(_)));
    assert_eq!(bench.pass(0, Way::Back, &Packet { copy: true, ..syn(80) }), Pass::On);
}

#[test]
fn a_full_queue_drops_its_tail_and_drains() {
    let mut bench = Bench::new("node = 'tail-drop'\npackets = 50\nper_second = 1000");
    let lost = (0..80).filter(|_| is_lost(bench.pass(0, Way::Out, &syn(80)))).count();
    assert_eq!(lost, 30);
    assert_eq!(bench.pass(0, Way::Back, &syn(80)), Pass::Late(Duration::from_millis(1)), "each way its own");
    assert_eq!(bench.pass(10, Way::Out, &syn(80)), Pass::Late(Duration::from_millis(41)));
    let lost = bench.count(1000, Way::Back, &syn(80), is_lost);
    assert_eq!(lost, 0, "as fast as it drains");
}

#[test]
fn icmp_limits_are_each_senders_own_unless_shared() {
    let limit = "limit = { kind = 'bucket', burst = 6, per_second = 1 }";
    for (shared, passed) in [("", 12), ("shared = true", 6)] {
        let mut bench = Bench::new(&format!("node = 'icmp-limit'\n{limit}\n{shared}"));
        let on = (0..50).filter(|n| bench.pass(0, Way::Back, &icmp(n % 2)) == Pass::On).count();
        assert_eq!(on, passed);
        assert_eq!(bench.pass(0, Way::Back, &packet(80, Content::Reset)), Pass::On, "only ICMP is limited");
        assert_eq!(bench.counters.icmp_limited as usize, 50 - passed);
    }
}

#[test]
fn firewalls_drop_refuse_and_let_through() {
    let mut drops = Bench::new("node = 'firewall'\nports = '20-30'\nexcept = '22'");
    assert_eq!(drops.pass(0, Way::Out, &syn(25)), Pass::Lost);
    assert_eq!(drops.pass(0, Way::Out, &syn(22)), Pass::On);
    assert_eq!(drops.pass(0, Way::Out, &syn(80)), Pass::On);
    let reject = "reject = { with = 'admin-prohibited', by = '198.51.100.1' }";
    let mut refuses = Bench::new(&format!("node = 'firewall'\nway = 'both'\n{reject}"));
    match refuses.pass(0, Way::Out, &syn(80)) {
        Pass::Answered(Content::Icmp(icmp, _)) => {
            assert_eq!((icmp.icmp_type, icmp.code), (3, 13));
            assert_eq!(icmp.from, Some(Ipv4Addr::new(198, 51, 100, 1).into()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(refuses.pass(0, Way::Back, &packet(80, Content::SynAck)), Pass::Lost);
    let mut resets = Bench::new("node = 'firewall'\nreject = { with = 'reset', by = '198.51.100.1' }");
    assert_eq!(resets.pass(0, Way::Out, &syn(80)), Pass::Answered(Content::Reset));
}

#[test]
fn a_flap_passes() {
    let spell = "bad_ms = 30\ngood_ms = 300\nwith = 'net-unreach'\nby = '198.51.100.1'";
    let mut bench = Bench::new(&format!("node = 'flap'\n{spell}"));
    let refused = bench.count(33_000, Way::Out, &syn(80), |pass| matches!(pass, Pass::Answered(_)));
    assert!((2000..4000).contains(&refused), "{refused}");
}

#[test]
fn an_outage_begins_and_ends() {
    let mut bench = Bench::new("node = 'outage'\nafter_packets = 100\nms = 50");
    let lost: Vec<_> = (0..300).filter(|ms| is_lost(bench.pass(*ms, Way::Out, &syn(80)))).collect();
    assert_eq!(lost, (100..150).collect::<Vec<_>>());
    let mut bench = Bench::new("node = 'outage'\nafter_packets = 100");
    assert_eq!(bench.count(300, Way::Out, &syn(80), is_lost), 200);
}

#[test]
fn a_translator_forgets_in_its_own_time() {
    let mut bench = Bench::new("node = 'nat'\nentries = 10\ntimeout_ms = 1000\nclosed_ms = 100");
    let lost = (1..=15).filter(|port| is_lost(bench.pass(0, Way::Out, &syn(*port)))).count();
    assert_eq!(lost, 5);
    assert_eq!(bench.pass(1, Way::Out, &syn(3)), Pass::On, "an old connection's SYN again");
    assert_eq!(bench.pass(2, Way::Back, &packet(3, Content::Reset)), Pass::On);
    assert_eq!(bench.pass(50, Way::Out, &syn(20)), Pass::Lost);
    assert_eq!(bench.pass(103, Way::Out, &syn(20)), Pass::On, "the answered one is gone");
    assert_eq!(bench.pass(104, Way::Out, &syn(21)), Pass::Lost);
    assert_eq!(bench.pass(1001, Way::Out, &syn(21)), Pass::On, "the unanswered ones are gone");
}

#[test]
fn a_forger_strikes_at_syns() {
    let mut bench = Bench::new("node = 'forger'\nprobability = 1.0\nms = 10");
    assert!(matches!(bench.pass(0, Way::Out, &syn(80)), Pass::Forged(Forgery::Completion, _)));
}

#[test]
fn a_forger_makes_of_datagrams_what_he_was_told() {
    let mut bench = Bench::new("node = 'forger'\nprobability = 1.0\nms = 10\nkinds = ['icmp', 'stranger']");
    let forged: Vec<_> = (0..100).map(|_| bench.pass(0, Way::Out, &question(53))).collect();
    for kind in [ForgedKind::Icmp, ForgedKind::Stranger] {
        let of = |pass: &&Pass| matches!(pass, Pass::Forged(Forgery::Datagram(made), _) if *made == kind);
        assert!((30..70).contains(&forged.iter().filter(of).count()), "{forged:?}");
    }
    let mut harmless = Bench::new("node = 'forger'\nprobability = 1.0\nms = 10\nkinds = []");
    assert_eq!(harmless.pass(0, Way::Out, &question(53)), Pass::On);
}

#[test]
fn a_translator_keeps_ends_that_exchange_datagrams_as_long_as_they_do() {
    let mut bench = Bench::new("node = 'nat'\nentries = 2\ntimeout_ms = 1000\nclosed_ms = 100");
    let to = question(1).to;
    let answer = datagram(1, Content::Answer(Answer { from: to, bytes: b"??".as_slice().into() }));
    assert_eq!(bench.pass(0, Way::Out, &question(1)), Pass::On);
    assert_eq!(bench.pass(0, Way::Out, &question(2)), Pass::On);
    assert_eq!(bench.pass(0, Way::Out, &question(3)), Pass::Lost, "the table is full");
    assert_eq!(bench.pass(900, Way::Back, &answer), Pass::On);
    assert_eq!(bench.pass(1800, Way::Back, &answer), Pass::On, "the answer kept it");
    assert_eq!(bench.pass(2900, Way::Back, &answer), Pass::Lost, "nobody knows it any more");
    assert_eq!(bench.pass(2900, Way::Out, &question(3)), Pass::On);
}

#[test]
fn boxes_refuse_and_limit_datagrams_too() {
    let reject = "reject = { with = 'port-unreach', by = '198.51.100.1', quote = 'none' }";
    let mut refuses = Bench::new(&format!("node = 'firewall'\ntransport = 'udp'\n{reject}"));
    assert_eq!(refuses.pass(0, Way::Out, &syn(53)), Pass::On, "it minds one transport");
    let Pass::Answered(content) = refuses.pass(0, Way::Out, &question(53)) else { panic!() };
    assert!(matches!(content, Content::Icmp(_, Quote::None)));
    assert_eq!((refuses.counters.rejected, refuses.counters.icmp_sent), (1, 1));
    let limit = "limit = { kind = 'window', count = 3, ms = 1000 }";
    let mut limits = Bench::new(&format!("node = 'icmp-limit'\n{limit}"));
    let on = (0..10).filter(|_| limits.pass(0, Way::Back, &datagram(53, content.clone())) == Pass::On);
    assert_eq!(on.count(), 3);
}

#[test]
fn what_a_node_does_not_know_is_an_error() {
    for (text, word) in [
        ("node = 'delay'\nms = 1\nspeed = 2", "speed"),
        ("node = 'black-hole'", "black-hole"),
        ("node = 'loss'\nprobability = 1.5", "1.5"),
        ("node = 'delay'", "ms"),
        ("node = 'firewall'\nports = '70000'", "70000"),
    ] {
        let error = toml::from_str::<NodeSpec>(text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
