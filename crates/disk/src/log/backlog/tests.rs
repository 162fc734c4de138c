#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::sim::SimDisk;
use proptest::prelude::*;

fn written(records: &[Vec<u8>]) -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let mut bytes = segment::header(1).to_vec();
    let mut places = Vec::new();
    for record in records {
        let from = bytes.len();
        segment::push_frame(&mut bytes, &[record]);
        places.push(from..bytes.len());
    }
    (bytes, places)
}

fn read(bytes: &[u8], tail: Tail) -> (Vec<Vec<u8>>, Recovery) {
    let disk = SimDisk::new(1);
    let path = Path::new("/00000001.log");
    let mut file = disk.create(path).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    let (mut found, mut recovery) = (Vec::new(), Recovery::default());
    let mut each = |record: &[u8]| {
        found.push(record.to_vec());
        ControlFlow::Continue(())
    };
    let _ = replay(&disk, path, tail, &mut recovery, &mut each).unwrap();
    (found, recovery)
}

/// Records around the size of the window, so that frames lie across its end in every way.
fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let sizes = prop_oneof![0..40_usize, READ_BYTES - 40..READ_BYTES + 40, 300_000..400_000_usize];
    let record = (sizes, any::<u8>()).prop_map(|(len, seed)| {
        // Marks inside of records are no frames.
        let mut record: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(seed)).collect();
        if let Some(bytes) = record.get_mut(8..12) {
            bytes.copy_from_slice(&FRAME_MARK);
        }
        record
    });
    prop::collection::vec(record, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_costs_the_record_it_hits_and_is_reported_with_its_place(
        records in records(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let (mut bytes, places) = written(&records);
        let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
        let hit = places.iter().position(|place| place.contains(&at)).unwrap();
        bytes[at] ^= 1 << bit;
        let (found, recovery) = read(&bytes, Tail::Damage);
        let mut expected = records.clone();
        expected.remove(hit);
        prop_assert!(found == expected);
        let [damage] = &recovery.damage[..] else { panic!("{:?}", recovery.damage) };
        prop_assert_eq!((damage.offset, damage.bytes), (places[hit].start as u64, places[hit].len() as u64));
    }

    #[test]
    fn a_torn_end_costs_only_the_record_that_was_being_written(
        records in records(), at in any::<prop::sample::Index>(),
    ) {
        let (bytes, places) = written(&records);
        let len = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
        let whole = places.iter().filter(|place| place.end <= len).count();
        let (found, recovery) = read(&bytes[..len], Tail::Leave);
        prop_assert!(found == records[..whole]);
        prop_assert!(recovery.damage.is_empty());
        let end = places[..whole].last().map_or(HEADER_BYTES, |place| place.end);
        prop_assert_eq!(recovery.torn_bytes, (len - end) as u64);
    }
}

#[test]
fn reading_can_be_broken_off() {
    let (bytes, _) = written(&[b"first".to_vec(), b"second".to_vec()]);
    let disk = SimDisk::new(1);
    let path = Path::new("/00000001.log");
    disk.create(path).unwrap().append(&bytes).unwrap();
    let mut found = Vec::new();
    let mut each = |record: &[u8]| {
        found.push(record.to_vec());
        ControlFlow::Break(())
    };
    assert!(replay(&disk, path, Tail::Damage, &mut Recovery::default(), &mut each).unwrap().is_break());
    assert_eq!(found, [b"first"]);
}
