//! What is asked for, and what the lines look like.

use super::*;
use axum::body::to_bytes;

fn question(pairs: &[(&str, &str)]) -> Result<Question, String> {
    Question::read(&Params::of(pairs), "metric_names").map_err(|error| error.message().to_owned())
}

#[test]
fn wrong_parameters_are_refused_in_prometheus_words() {
    for (pairs, words) in [
        (&[("limit", "0")][..], "invalid limit \"0\": must be a positive integer"),
        (&[("batch_size", "x")], "invalid batch_size \"x\": must be a positive integer"),
        (&[("fuzz_threshold", "101")], "invalid fuzz_threshold \"101\": must be 0-100"),
        (&[("fuzz_alg", "x")], "unsupported fuzz_alg \"x\": must be one of [subsequence jarowinkler]"),
        (&[("sort_by", "x")], "invalid sort_by \"x\" for metric_names: must be \"alpha\" or \"score\""),
        (&[("sort_by", "score")], "sort_by=score requires search[] to be set"),
        (&[("sort_by", "score"), ("sort_dir", "asc")], "sort_dir is not supported for sort_by=score"),
        (&[("include_score", "maybe")], "invalid include_score \"maybe\": must be boolean"),
    ] {
        assert_eq!(question(pairs).map(|_| ()), Err(words.to_owned()));
    }
}

#[test]
fn a_name_needs_one_of_the_terms_and_its_case_unless_told_otherwise() {
    let asked = question(&[("search[]", "Req"), ("search[]", "up")]).unwrap();
    assert_eq!(asked.score("up"), Some(1.0));
    assert_eq!(asked.score("http_requests_total"), None);
    let loose = question(&[("search[]", "Req"), ("case_sensitive", "false")]).unwrap();
    assert!(loose.score("http_requests_total").is_some_and(|score| score > 0.9));
    let strict = question(&[("search[]", "hrt"), ("fuzz_threshold", "90")]).unwrap();
    assert_eq!(strict.score("http_requests_total"), None);
    assert_eq!(question(&[]).unwrap().score("anything"), Some(1.0));
}

#[tokio::test]
async fn results_come_in_batches_and_the_end_is_told() {
    let items: Vec<Value> = (0..3).map(|number| json!({"name": format!("m{number}")})).collect();
    let body = to_bytes(lines(&items, 2, true).into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(
        text,
        "{\"results\":[{\"name\":\"m0\"},{\"name\":\"m1\"}]}\n{\"results\":[{\"name\":\"m2\"}]}\n\
         {\"status\":\"success\",\"has_more\":true}\n"
    );
}
