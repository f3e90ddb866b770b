use proptest::prelude::*;

use super::*;

#[test]
fn known_cards_have_their_makers() {
    for (mac, maker) in [
        ([0x00, 0x00, 0x0c, 1, 2, 3], "Cisco Systems"),
        ([0x00, 0x1b, 0x21, 1, 2, 3], "Intel"),
        ([0x00, 0x50, 0x56, 1, 2, 3], "VMware"),
        ([0x08, 0x00, 0x27, 1, 2, 3], "PCS Systemtechnik"),
        ([0xb8, 0x27, 0xeb, 1, 2, 3], "Raspberry Pi Foundation"),
        ([0x20, 0x85, 0x93, 0xb1, 2, 3], "IOG Products"),
        ([0x70, 0xb3, 0xd5, 0xf2, 0xf1, 3], "Teleplatforms"),
        ([0x00, 0x50, 0xc2, 0x7d, 0x51, 3], "DEUTA-WERKE"),
    ] {
        assert_eq!(name(Mac(mac)).as_deref(), Some(maker), "{}", Mac(mac));
    }
}

#[test]
fn whoever_chose_his_address_himself_has_no_maker() {
    // 02:07:01 is an assignment from before that bit had a meaning.
    for first in [0x02, 0x52, 0xaa, 0xfe] {
        assert_eq!(name(Mac([first, 0x07, 0x01, 1, 2, 3])), None);
    }
    assert_eq!(name(Mac([0xff; 6])), None);
    assert_eq!(
        name(Mac([0x70, 0xb3, 0xd5, 0xff, 0xff, 0xff])).as_deref(),
        None,
        "the IEEE itself made no card"
    );
}

#[test]
fn the_listing_is_whole_and_small() {
    let packed = Packed::new(BUNDLED).unwrap();
    assert!(BUNDLED.len() < 700 * 1024, "{}", BUNDLED.len());
    // 2026-06-26, when the files were fetched.
    assert!(packed.as_of() >= 1_782_000_000);
    let names = packed.names_in_order();
    assert!(names.len() > 30_000);
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
    for name in &names {
        assert!(
            !name.is_empty() && name.chars().count() <= 64 && !name.contains(char::is_control),
            "{name:?}"
        );
    }
    for (rows, value) in packed.prefixes_in_order() {
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{value}: in order, each once");
    }
}

#[test]
fn bytes_that_are_no_listing_name_nobody() {
    let mac = Mac([0x70, 0xb3, 0xd5, 0xf2, 0xf1, 3]);
    for end in (0..BUNDLED.len()).step_by(997) {
        // Cut short, some parts are missing; none of this may panic.
        let _ = Packed::new(&BUNDLED[..end]).map(|packed| packed.name(mac));
    }
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    // The second bit of the first byte is left clear: such addresses have makers.
    prop::sample::select(LENGTHS.to_vec()).prop_flat_map(|bits| {
        (0..1_u64 << bits).prop_map(move |value| Prefix { bits, value: value & !(2 << (bits - 8)) })
    })
}

proptest! {
    #[test]
    fn what_is_packed_is_found_again(
        rows in prop::collection::btree_map(prefixes(), "[A-D]{1,3}( (aa|bbbb|é|Technology)){0,4}", 0..200),
        other in any::<[u8; 6]>(),
    ) {
        let mut registry = Registry::default();
        rows.iter().for_each(|(prefix, name)| registry.insert(*prefix, name));
        let packed = pack(&registry, 7).unwrap();
        let packed = Packed::new(&packed).unwrap();
        prop_assert_eq!(packed.as_of(), 7);
        let inside = rows.keys().map(|prefix| {
            let value = prefix.value << (48 - prefix.bits);
            let [_, _, bytes @ ..] = value.to_be_bytes();
            bytes
        });
        for mac in inside.chain([other]).map(Mac) {
            let found = packed.name(mac);
            prop_assert_eq!(found.as_deref(), registry.name(mac), "{}", mac);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), mac in any::<[u8; 6]>()) {
        let mut whole = packed::MAGIC.to_vec();
        whole.extend(&bytes);
        let _ = Packed::new(&whole).map(|packed| packed.name(Mac(mac)));
        let mut registry = Registry::default();
        registry.read_csv(&bytes);
        let _ = registry.name(Mac(mac));
    }
}
