//! Every file of `worlds/`: it reads, it builds, it is like no other, and its truth holds together.

use std::collections::HashMap;

use portolan_sim::{Judgement, all_worlds};

#[test]
fn every_world_reads_builds_and_has_targets() {
    let worlds = all_worlds().unwrap();
    assert!(worlds.len() >= 44, "{} worlds", worlds.len());
    for (name, spec) in &worlds {
        let world = spec.build(1);
        let endpoints = world.endpoints().count();
        assert!((1..=5000).contains(&endpoints), "{name}: {endpoints} endpoints");
    }
}

#[test]
fn no_two_worlds_are_alike() {
    let mut seen = HashMap::new();
    for (name, spec) in all_worlds().unwrap() {
        if let Some(other) = seen.insert(spec.fingerprint(), name.clone()) {
            panic!("{name} and {other} are the same world");
        }
    }
}

#[test]
fn truth_is_a_function_of_the_seed_and_right_by_its_own_measure() {
    for (name, spec) in all_worlds().unwrap() {
        let (world, twin, other) = (spec.build(1), spec.build(1), spec.build(2));
        let mut differs = false;
        for endpoint in world.endpoints() {
            let truth = world.truth(endpoint);
            assert_eq!(truth, twin.truth(endpoint), "{name} {endpoint}");
            differs |= truth != other.truth(endpoint);
            assert!(!truth.right.is_empty(), "{name} {endpoint}");
            for told in &truth.right {
                assert_eq!(truth.judge(*told), Judgement::Right);
                assert!(told.reason.states().contains(&told.state), "{name}: {told}");
            }
        }
        // Where the description leaves nothing to chance, no seed makes a difference.
        let text = std::fs::read_to_string(portolan_sim::worlds_dir().join(format!("{name}.toml"))).unwrap();
        let by_chance = text.contains("count =") || text.contains("share =");
        assert_eq!(differs, by_chance, "{name}");
    }
}
