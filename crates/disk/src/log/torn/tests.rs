use super::*;
use crate::log::segment::push_frame;

fn frame() -> Vec<u8> {
    let mut bytes = Vec::new();
    push_frame(&mut bytes, &[&[7; 60]]);
    bytes
}

#[test]
fn every_beginning_of_a_frame_is_unfinished_with_zeros_behind_it_or_without() {
    let whole = frame();
    for len in 0..whole.len() {
        assert!(is_unfinished(&whole[..len]), "cut at {len}");
        let mut grown = whole[..len].to_vec();
        grown.resize(whole.len() + 40, 0);
        // The last few bytes of a frame may be taken for damage: a false alarm is better than silence.
        assert!(is_unfinished(&grown) || len > whole.len() - MISSING_BYTES, "cut at {len}, then zeros");
    }
}

#[test]
fn a_whole_frame_with_any_bit_flipped_is_damage() {
    let whole = frame();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_unfinished(&bytes), "bit {bit}");
    }
}
