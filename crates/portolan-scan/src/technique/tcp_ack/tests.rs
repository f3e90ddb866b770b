use super::*;

#[test]
fn a_reset_from_nearer_than_the_farthest_is_doubted() {
    let judged = |ttl: u8, farthest| match reset(Segment { ttl, window: 0 }, farthest) {
        Judgement::Settled(claim) => {
            assert_eq!((claim.state, claim.reason), (PortState::Unfiltered, Reason::Reset));
            claim.confidence.because.contains(&Because::ResetFromNearer)
        }
        other => panic!("{other:?}"),
    };
    assert!(judged(64, Some(63)) && judged(255, Some(120)));
    assert!(!judged(63, Some(64)) && !judged(63, Some(63)) && !judged(64, None));
    let resets = [(None, 64, 64), (Some(64), 63, 63), (Some(63), 64, 63), (Some(255), 60, 60)];
    for (before, ttl, after) in resets {
        assert_eq!(farther(before, ttl), after, "{before:?} {ttl}");
    }
}
