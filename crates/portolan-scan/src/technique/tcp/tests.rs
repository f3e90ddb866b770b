use super::*;
use portolan_model::{Address, Icmp, IcmpFamily, Level, LocalFault};
use std::net::Ipv4Addr;

const TARGET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn icmp(family: IcmpFamily, icmp_type: u8, code: u8, from: Ipv4Addr) -> Outcome {
    Outcome::Icmp(Icmp { family, icmp_type, code, from: Some(from.into()), ttl: Some(64) })
}

fn judged(outcome: &Outcome) -> (PortState, Reason, bool, Option<Address>) {
    match judge((Endpoint::tcp(TARGET.into(), 80), Method::Connect), outcome, None) {
        Judgement::Settled(claim) => (claim.state, claim.reason, true, claim.from),
        Judgement::Provisional(claim) => (claim.state, claim.reason, false, claim.from),
        Judgement::Silence => panic!("{outcome:?} says something"),
    }
}

#[test]
fn each_icmp_error_has_its_reason() {
    use IcmpFamily::{V4, V6};
    let table = [
        (V4, 3, 0, Reason::NetUnreach, false),
        (V4, 3, 1, Reason::HostUnreach, false),
        (V4, 3, 2, Reason::ProtoUnreach, true),
        (V4, 3, 3, Reason::PortUnreach, true),
        (V4, 3, 9, Reason::NetProhibited, true),
        (V4, 3, 10, Reason::HostProhibited, true),
        (V4, 3, 13, Reason::AdminProhibited, true),
        (V6, 1, 0, Reason::NoRoute, false),
        (V6, 1, 1, Reason::AdminProhibited, true),
        (V6, 1, 2, Reason::BeyondScope, false),
        (V6, 1, 3, Reason::AddrUnreach, false),
        (V6, 1, 4, Reason::PortUnreach, true),
        (V6, 1, 5, Reason::FailedPolicy, true),
        (V6, 1, 6, Reason::RejectRoute, true),
    ];
    for (family, icmp_type, code, reason, firm) in table {
        let told = judged(&icmp(family, icmp_type, code, ROUTER));
        assert_eq!(
            told,
            (PortState::Filtered, reason, firm, Some(ROUTER.into())),
            "{family:?} {icmp_type}/{code}"
        );
    }
}

#[test]
fn time_exceeded_is_unknown_and_never_filtered() {
    for outcome in [icmp(IcmpFamily::V4, 11, 0, ROUTER), icmp(IcmpFamily::V6, 3, 0, ROUTER)] {
        assert_eq!(judged(&outcome), (PortState::Unknown, Reason::TimeExceeded, false, Some(ROUTER.into())));
    }
}

#[test]
fn the_target_itself_is_not_named_as_another() {
    assert_eq!(judged(&icmp(IcmpFamily::V4, 3, 3, TARGET)).3, None);
    assert!(is_from_target(Endpoint::tcp(TARGET.into(), 80), &icmp(IcmpFamily::V4, 3, 3, TARGET)));
    assert!(!is_from_target(Endpoint::tcp(TARGET.into(), 80), &icmp(IcmpFamily::V4, 3, 3, ROUTER)));
}

#[test]
fn every_local_fault_is_unknown() {
    let faults = [
        LocalFault::Firewall,
        LocalFault::NoRoute,
        LocalFault::OwnAddress,
        LocalFault::NoNeighbour { on_link: false },
        LocalFault::Permission,
        LocalFault::NoPorts,
        LocalFault::NoDescriptors,
        LocalFault::NoBuffers,
        LocalFault::Other(5),
    ];
    for fault in faults {
        let (state, reason, _, _) = judged(&Outcome::Local(fault));
        assert!(state == PortState::Unknown && reason.is_local(), "{fault:?}");
    }
}

#[test]
fn silence_is_as_sure_as_its_witness() {
    assert_eq!(silence(Vouch::Never, 2, 0.01).confidence.level(), Level::Weak);
    assert_eq!(silence(Vouch::Later, 1, 0.01).confidence.level(), Level::Weak);
    assert_eq!(silence(Vouch::Later, 2, 0.01).confidence.level(), Level::Likely);
    assert_eq!(silence(Vouch::Before, 5, 0.01).state, PortState::Unknown);
}
