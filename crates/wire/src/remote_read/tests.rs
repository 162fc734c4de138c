use super::*;
use proptest::prelude::*;

fn frame(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![message.len() as u8 & 0x7f | 0x80, (message.len() >> 7) as u8];
    bytes.extend_from_slice(&crc32c::crc32c(message).to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

#[test]
fn a_request_carries_matchers_times_and_what_may_be_answered() {
    let matchers = vec![Matcher::equal("a", "b"), Matcher::new("c", MatchOp::NotRegex, "d.*").unwrap()];
    let bytes = encode_request(&[matchers], TimeRange::new(5, 7), true);
    // Written down by hand from prometheus/prompb/remote.proto.
    let expected = [
        &[10, 24, 8, 5, 16, 7, 26, 6, 18, 1, b'a', 26, 1, b'b'][..],
        &[26, 10, 8, 3, 18, 1, b'c', 26, 3, b'd', b'.', b'*'],
        &[18, 2, 1, 0],
    ];
    let expected = expected.concat();
    assert_eq!(bytes, expected);
}

#[test]
fn frames_are_cut_out_of_whatever_pieces_come() {
    let messages: [Vec<u8>; 3] = [vec![1; 300], vec![], vec![2; 5]];
    let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
    for piece in 1..stream.len() {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for bytes in stream.chunks(piece) {
            frames.push(bytes);
            while let Some(message) = frames.next().unwrap() {
                found.push(message.to_vec());
            }
        }
        assert_eq!(found, messages, "in pieces of {piece} bytes");
        assert!(!frames.is_torn());
    }
    let mut frames = Frames::default();
    frames.push(&stream[..20]);
    assert_eq!(frames.next(), Ok(None));
    assert!(frames.is_torn());
    let mut damaged = frame(&[7; 9]);
    damaged[8] ^= 1;
    frames = Frames::default();
    frames.push(&damaged);
    assert!(matches!(frames.next(), Err(FrameError::Checksum { .. })));
    frames = Frames::default();
    frames.push(&[0xff; 12]);
    assert_eq!(frames.next(), Err(FrameError::Length));
}

#[test]
fn chunks_are_handed_out_with_their_series() {
    let mut message = MessageWriter::new();
    message.message(1, |series| {
        series.message(1, |label| {
            label.string(1, "a");
            label.string(2, "b");
        });
        for kind in [1, 9] {
            series.message(2, |chunk| {
                chunk.uint64(1, 1000);
                chunk.uint64(3, kind);
                chunk.bytes(4, &[kind as u8, 2]);
            });
        }
    });
    let bytes = message.finish();
    let found = read_chunked(&bytes).unwrap();
    assert_eq!(found[0].labels, [("a", "b")]);
    assert_eq!(found[0].chunks, [(Ok(Encoding::Xor), &[1, 2][..]), (Err(9), &[9, 2])]);
}

proptest! {
    #[test]
    fn answers_of_any_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = results(&bytes);
        let _ = read_chunked(&bytes);
        let mut frames = Frames::default();
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next() {}
    }
}
