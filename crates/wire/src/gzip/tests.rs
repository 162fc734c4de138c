use super::*;
use proptest::prelude::*;
use std::io::Read;

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut out).unwrap();
    out
}

/// Compresses text put in by pieces of these lengths, again and again.
fn packed(text: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut gzip = Gzip::new();
    let mut out = Vec::new();
    let mut rest = text;
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at((*piece).max(1).min(rest.len()));
        gzip.input().extend_from_slice(now);
        out.extend(gzip.take().unwrap_or_default());
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    out.extend(gzip.finish());
    out
}

/// What an answer of many series looks like.
fn answer(series: usize, steps: usize) -> Vec<u8> {
    use std::fmt::Write;
    let mut text = String::from("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..series {
        write!(text, "{{\"metric\":{{\"instance\":\"host-{number:03}:9100\"}},\"values\":[").unwrap();
        for step in 0..steps {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = (state >> 11) as f64 / (1_u64 << 53) as f64;
            write!(text, "[{},\"{value}\"],", 1_732_208_000 + 15 * step).unwrap();
        }
        text.push_str("]},");
    }
    text.into_bytes()
}

#[test]
fn an_answer_of_many_series_comes_back_from_less_than_half_the_bytes() {
    let text = answer(100, 241);
    let packed = packed(&text, &[70, 3_000, 200_000]);
    assert!(packed.len() * 2 < text.len(), "{} of {}", packed.len(), text.len());
    assert_eq!(unpacked(&packed), text);
}

#[test]
fn short_and_uniform_texts_come_back() {
    for text in [&b""[..], b"a", b"aaaaaaaa", b"{}", b"0123456789", &[7; 1_000_000]] {
        assert_eq!(unpacked(&packed(text, &[1 << 16])), text);
    }
}

#[test]
fn codes_of_very_different_frequency_fit_their_longest() {
    // Each twice as frequent as the one before: Huffman's own codes would have up to 40 bits.
    let counts: Vec<u32> = (0..30).map(|power| 1 << power).collect();
    let lens = codes::lengths_of(&counts);
    assert!(lens.iter().all(|len| (1..=12).contains(len)), "{lens:?}");
    let used: u32 = lens.iter().map(|len| 1 << (12 - len)).sum();
    assert!(used <= 1 << 12, "{lens:?}");
}

#[test]
fn a_stream_longer_than_its_positions_goes_on() {
    let mut gzip = Gzip::new();
    gzip.first = LAST - 10;
    let text = answer(40, 241);
    let mut out = Vec::new();
    for piece in text.chunks(5_000) {
        gzip.input().extend_from_slice(piece);
        out.extend(gzip.take().unwrap_or_default());
    }
    out.extend(gzip.finish());
    assert_eq!(unpacked(&out), text);
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(
        words in proptest::collection::vec("[ -~]{0,12}|[0-9.]{1,18}|(ab){1,300}", 0..2_000),
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
        pieces in proptest::collection::vec(1_usize..200_000, 1..4),
    ) {
        let mut text = words.concat().into_bytes();
        text.extend(bytes);
        prop_assert_eq!(unpacked(&packed(&text, &pieces)), text);
    }
}
