//! xxHash with 64 bits and seed 0, as its specification defines it: how Alertmanager's log names alerts, and Prometheus
//! tells label sets apart.

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

const fn round(state: u64, lane: u64) -> u64 {
    state.wrapping_add(lane.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn lane(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The hash of bytes.
pub fn xxhash64(bytes: &[u8]) -> u64 {
    let mut stripes = bytes.chunks_exact(32);
    let mut hash = if bytes.len() >= 32 {
        let mut states = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
        for stripe in stripes.by_ref() {
            for (state, eight) in states.iter_mut().zip(stripe.chunks_exact(8)) {
                *state = round(*state, lane(eight));
            }
        }
        let merged = states
            .iter()
            .zip([1, 7, 12, 18])
            .fold(0_u64, |sum, (state, turn)| sum.wrapping_add(state.rotate_left(turn)));
        states.iter().fold(merged, |hash, state| (hash ^ round(0, *state)).wrapping_mul(P1).wrapping_add(P4))
    } else {
        P5
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let rest = stripes.remainder();
    let mut eights = rest.chunks_exact(8);
    for eight in eights.by_ref() {
        hash = (hash ^ round(0, lane(eight))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let mut fours = eights.remainder().chunks_exact(4);
    for four in fours.by_ref() {
        hash = (hash ^ lane(four).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
    }
    for byte in fours.remainder() {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(P2);
    hash = (hash ^ hash >> 29).wrapping_mul(P3);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::xxhash64;

    #[test]
    fn the_hash_is_that_of_its_specification() {
        assert_eq!(xxhash64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxhash64(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xxhash64(b"abc"), 0x44bc_2cf5_ad77_0999);
        let long = b"Call me Ishmael. Some years ago--never mind how long precisely-";
        assert_eq!((long.len(), xxhash64(long)), (63, 0x02a2_e854_70d6_fd96));
    }
}
