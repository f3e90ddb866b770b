//! What the kernel is kept from, and the RST that gives it up.

use super::*;

/// A door whose kernel is kept from what answers these numbers.
fn kept(machine: &str) -> (SimSockets, Numbers) {
    let mut door = door("", "rest = 'open'", machine);
    let numbers = Numbers::new((3, 5));
    door.keep_answers(numbers, &[to(HOST, 1).address]);
    (door, numbers)
}

/// Sends a segment from the port of ours for this port.
fn say(door: &mut SimSockets, port: u16, (flags, sequence): (TcpFlags, u32)) {
    let to = to(HOST, port);
    let source = door.source(to.address).unwrap();
    let mut packet = syn(source, to);
    resum(&mut packet, |packet| {
        packet[24..28].copy_from_slice(&sequence.to_be_bytes());
        packet[33] = flags.0;
    });
    let mut batch = Batch::default();
    batch.push(name(port), to.address, packet.len(), |buffer| {
        buffer.copy_from_slice(&packet);
        Some(packet.len())
    });
    door.send(&mut batch);
}

fn syn_acks(told: &[Answer]) -> usize {
    told.iter()
        .filter(|answer| matches!(answer.what, What::Segment { flags, .. } if flags.contains(TcpFlags::SYN)))
        .count()
}

#[test]
fn what_the_kernel_is_kept_from_comes_again_until_we_give_it_up() {
    let (mut door, numbers) = kept("");
    let number = numbers.number(to(HOST, 1), OURS + 1, 9);
    say(&mut door, 1, (TcpFlags::SYN, number));
    // At once, and after 1 and 3 seconds.
    assert_eq!((syn_acks(&answers(&mut door, 3500)), door.half_open()), (3, 3));
    say(&mut door, 1, (TcpFlags::RST, number.wrapping_add(1)));
    assert_eq!(syn_acks(&answers(&mut door, 100_000)), 0);
    assert_eq!((door.half_open(), door.counters().resets), (2, 1));

    // Where the kernel sees them it gives them up.
    let (mut seen, _) = kept("keeps_answers = false");
    say(&mut seen, 1, (TcpFlags::SYN, number));
    assert_eq!(syn_acks(&answers(&mut seen, 100_000)), 1);
    assert_eq!(seen.half_open(), 0);
}

#[test]
fn a_rst_that_nothing_has_earned_is_a_bug() {
    let panic = |flags, offset: u32| {
        let (mut door, numbers) = kept("");
        let number = numbers.number(to(HOST, 1), OURS + 1, 9);
        say(&mut door, 1, (TcpFlags::SYN, number));
        answers(&mut door, 100);
        let said = catch_unwind(AssertUnwindSafe(|| say(&mut door, 1, (flags, number.wrapping_add(offset)))));
        said.map_err(|panic| panic.downcast_ref::<String>().unwrap().clone())
    };
    assert_eq!(panic(TcpFlags::RST, 1), Ok(()));
    for (flags, offset, why) in [
        (TcpFlags::RST, 0, "earned"),
        (TcpFlags::RST, 2, "earned"),
        (TcpFlags::RST | TcpFlags::ACK, 1, "no sound SYN"),
        (TcpFlags::SYN, 1 << Numbers::PLACE_BITS, "known to nobody"),
    ] {
        let said = panic(flags, offset).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
