use super::*;

#[test]
fn a_box_before_the_host_is_nearer() {
    let nearer = |reset_ttl, host| {
        let claim = reset(Segment { ttl: reset_ttl, window: 0 }, host);
        claim.confidence.because.contains(&Because::ResetFromNearer)
    };
    assert!(nearer(64, Some(63)) && nearer(254, Some(60)) && nearer(127, Some(61)));
    // As far as the host, from further away, with another system's number, and where nothing is known of the host.
    assert!(!nearer(63, Some(63)) && !nearer(62, Some(63)) && !nearer(252, Some(61)) && !nearer(64, None));
}
