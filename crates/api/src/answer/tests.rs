use super::*;
use http_body_util::BodyExt;
use std::io::Read;

fn accepting(value: &str) -> Packing {
    Packing::of(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]))
}

#[test]
fn gzip_is_chosen_where_it_is_welcome_and_nothing_is_more_so() {
    for value in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.8", "deflate , gzip; q=0.5"] {
        assert_eq!(accepting(value), Packing::Gzip, "{value}");
    }
    for value in ["", "identity", "zstd", "gzip;q=0", "gzip;q=0.5, zstd", "gzip;q=nonsense", "xgzip"] {
        assert_eq!(accepting(value), Packing::Plain, "{value}");
    }
    assert_eq!(Packing::of(&HeaderMap::new()), Packing::Plain);
}

/// The answer made of these texts, with a pause after each.
async fn answer(packing: Packing, texts: &[&str]) -> (HeaderMap, Vec<u8>) {
    let (reply, awaited) = Reply::new();
    let mut page = Page::new(packing, reply);
    for text in texts {
        page.buffer().extend_from_slice(text.as_bytes());
        assert!(page.pause());
    }
    page.finish();
    let response = awaited.await.unwrap().unwrap();
    let (parts, body) = response.into_parts();
    (parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn short_and_long_answers_arrive_whole_compressed_or_not() {
    let piece = "[1732208000,\"0.25\"],".repeat(700);
    for pieces in [0, 1, 40] {
        let texts = vec![piece.as_str(); pieces];
        let (headers, body) = answer(Packing::Plain, &texts).await;
        assert!(body == texts.concat().as_bytes() && !headers.contains_key(header::CONTENT_ENCODING));
        let (headers, body) = answer(Packing::Gzip, &texts).await;
        assert_eq!(headers.contains_key(header::CONTENT_ENCODING), pieces > 0, "{pieces}");
        let mut unpacked = Vec::new();
        if pieces > 0 {
            assert_eq!(headers[header::VARY], "accept-encoding");
            flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut unpacked).unwrap();
        }
        assert!(unpacked == texts.concat().as_bytes(), "{pieces}");
    }
}

/// A list of numbers, each as text, written with the help of so many threads.
async fn list(packing: Packing, numbers: &[u32], threads: usize) -> Vec<u8> {
    let options = watchfire_promql::EngineOptions { threads, ..Default::default() };
    let (reply, awaited) = Reply::new();
    let mut page = Page::new(packing, reply).helped_by(&Engine::new(options));
    page.buffer().extend_from_slice(b"{\"data\":");
    let about = |number: &u32| number.to_string().len() + 1;
    page.list(numbers, about, || {
        |out: &mut Vec<u8>, number: &u32| out.extend_from_slice(number.to_string().as_bytes())
    });
    page.buffer().push(b'}');
    page.finish();
    awaited.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn a_list_is_the_same_however_many_threads_write_it() {
    for count in [0, 1, 1_000, 300_000] {
        let numbers: Vec<u32> = (0..count).map(|number: u32| number.wrapping_mul(2_654_435_761)).collect();
        let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let expected = format!("{{\"data\":[{}]}}", texts.join(","));
        for threads in [1, 2, 5] {
            assert!(
                list(Packing::Plain, &numbers, threads).await == expected.as_bytes(),
                "{count} {threads}"
            );
            let packed = list(Packing::Gzip, &numbers, threads).await;
            let mut unpacked = Vec::new();
            if expected.len() > SMALL_BYTES {
                flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
            } else {
                unpacked = packed;
            }
            assert!(unpacked == expected.as_bytes(), "{count} {threads}");
        }
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_written_to_its_end_does_not_pass_for_a_whole_one() {
    for threads in [1, 3] {
        let options = watchfire_promql::EngineOptions { threads, ..Default::default() };
        let (reply, awaited) = Reply::new();
        let written = std::thread::spawn(move || {
            let mut page = Page::new(Packing::Plain, reply).helped_by(&Engine::new(options));
            let numbers: Vec<usize> = (0..8).collect();
            page.list(
                &numbers,
                |_| PIECE_BYTES,
                || {
                    |out: &mut Vec<u8>, number: &usize| {
                        assert!(*number < 6, "a failure in the midst of it");
                        out.resize(out.len() + PIECE_BYTES, b' ');
                    }
                },
            );
            page.finish();
        });
        let body = awaited.await.unwrap().unwrap().into_body();
        assert!(body.collect().await.is_err(), "{threads}");
        assert!(written.join().is_err());
    }
}

#[tokio::test]
async fn nobody_writes_on_a_list_that_nobody_wants_any_more() {
    for threads in [1, 3] {
        let options = watchfire_promql::EngineOptions { threads, ..Default::default() };
        let (reply, awaited) = Reply::new();
        let mut page = Page::new(Packing::Plain, reply).helped_by(&Engine::new(options));
        page.buffer().resize(PIECE_BYTES, b' ');
        assert!(page.pause());
        drop(awaited.await);
        let numbers: Vec<usize> = (0..10_000).collect();
        let written = std::sync::atomic::AtomicUsize::new(0);
        page.list(
            &numbers,
            |_| PIECE_BYTES,
            || {
                |out: &mut Vec<u8>, _: &usize| {
                    written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    out.resize(PIECE_BYTES, b' ');
                }
            },
        );
        page.finish();
        assert!(written.into_inner() < numbers.len(), "{threads}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_pass_for_a_whole_one() {
    let (reply, awaited) = Reply::new();
    let mut page = Page::new(Packing::Plain, reply);
    page.buffer().resize(PIECE_BYTES, b' ');
    assert!(page.pause());
    drop(page);
    assert!(awaited.await.unwrap().unwrap().into_body().collect().await.is_err());
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_not_written_on() {
    let (reply, awaited) = Reply::new();
    let mut page = Page::new(Packing::Gzip, reply);
    // Numbers that repeat nothing, so that something is left of them.
    let text: String = (0..40_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
    assert!(text.len() > PIECE_BYTES);
    page.buffer().extend_from_slice(text.as_bytes());
    assert!(page.pause());
    drop(awaited.await);
    page.buffer().extend_from_slice(text.as_bytes());
    assert!(!page.pause());
    page.finish();
}
