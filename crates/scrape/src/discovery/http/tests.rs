use super::*;
use crate::testing::{http, parse, serve};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The only source of a configuration whose discovery has these lines.
fn source(lines: &str) -> HttpSource {
    let config = parse(&format!(
        "scrape_configs:\n- job_name: j\n  http_sd_configs:\n  - refresh_interval: 30s\n{}",
        lines.lines().map(|line| format!("    {line}\n")).collect::<String>()
    ));
    config.scrape_configs[0].discovery.http_sources[0].clone()
}

fn discovery(lines: &str) -> HttpDiscovery {
    HttpDiscovery::new(source(lines), NameScheme::Utf8, "Watchfire/test", Vec::new())
}

fn json(body: &str) -> Vec<u8> {
    http("200 OK", "Content-Type: application/json; charset=utf-8\r\n", body.as_bytes())
}

#[tokio::test]
async fn a_list_becomes_targets_that_say_who_told_them() {
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&heads);
    let server = serve(move |head| {
        seen.lock().unwrap().push(head.to_lowercase());
        json(r#"[{"targets": ["a:1", "b:2"], "labels": {"rack": "7", "__meta_x": "y"}}, {"targets": []}]"#)
    })
    .await;
    let lines = format!(
        "url: http://{server}/list\nbasic_auth: {{username: me, password: secret}}\nhttp_headers: {{X-Team: {{values: [ai]}}}}"
    );
    let outcome = discovery(&lines).refresh().await;
    assert_eq!((outcome.faults, outcome.failures, outcome.is_failed), (Vec::new(), 0, false));
    assert_eq!(outcome.groups[0].targets, ["a:1", "b:2"]);
    let url = format!("http://{server}/list");
    let labels = [("__meta_x", "y"), ("rack", "7"), ("__meta_url", url.as_str())];
    assert_eq!(outcome.groups[0].labels, labels.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let heads = heads.lock().unwrap();
    for expected in [
        "get /list http/1.1",
        "accept: application/json",
        "x-prometheus-refresh-interval-seconds: 30\r\n",
        "authorization: basic bwu6c2vjcmv0",
        "x-team: ai",
        "user-agent: watchfire/test",
    ] {
        assert!(heads[0].contains(expected), "{expected} in {}", heads[0]);
    }
}

#[tokio::test]
async fn whatever_goes_wrong_the_last_good_list_stays_and_the_reason_is_told() {
    let plain = "Content-Type: text/plain\r\n";
    let answers = [
        (json(r#"[{"targets": ["a:1"]}]"#), ""),
        (http("503 Service Unavailable", "", b""), "server returned HTTP status 503 Service Unavailable"),
        (http("204 No Content", "", b""), "server returned HTTP status 204 No Content"),
        (http("200 OK", plain, b"[]"), "unsupported content type \"text/plain\"; expected application/json"),
        (http("200 OK", "", b"[]"), "unsupported content type \"\"; expected application/json"),
        (json(r#"{"targets": []}"#), "the list is not as expected"),
        (json(r#"[{"targets": ["a:1"], "label": {}}]"#), "unknown field `label`"),
        (json("[null]"), "group 0 is null; expected targets and labels"),
        (json(r#"[{"targets": ["a:1"]"#), "the list is not as expected: EOF"),
        (json(r#"[{"labels": {"": "x"}}]"#), "group 0: \"\" is not a valid label name"),
    ];
    let (bodies, reasons): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let asked = AtomicUsize::new(0);
    let server = serve(move |_| bodies[asked.fetch_add(1, Ordering::SeqCst)].clone()).await;
    let mut discovery = discovery(&format!("url: http://me:secret@{server}/"));
    for reason in reasons {
        let outcome = discovery.refresh().await;
        assert_eq!(outcome.groups.len(), 1, "{reason}");
        assert_eq!(
            (outcome.is_failed, outcome.failures),
            (!reason.is_empty(), u64::from(!reason.is_empty()))
        );
        let told = outcome.faults.join("");
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains("secret"), "{told}");
        assert!(reason.is_empty() || told.ends_with("; the 1 targets of its last good list stay"), "{told}");
    }
}

#[tokio::test]
async fn an_endless_list_ends() {
    let chunk = vec![b' '; MAX_LIST_BYTES + 1];
    let server = serve(move |_| http("200 OK", "Content-Type: application/json\r\n", &chunk)).await;
    let outcome = discovery(&format!("url: http://{server}/")).refresh().await;
    assert!(outcome.faults[0].contains("the list has more than 67108864 bytes"), "{:?}", outcome.faults);
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_it_is_refused() {
    let tokens = AtomicUsize::new(0);
    let server = serve(move |head| {
        if head.starts_with("POST /token") {
            assert!(head.to_lowercase().contains("authorization: basic"), "{head}");
            let token = tokens.fetch_add(1, Ordering::SeqCst);
            return json(&format!("{{\"access_token\": \"t{token}\", \"expires_in\": 3600}}"));
        }
        if head.contains("Bearer t1") || (head.contains("Bearer t0") && head.contains("/first")) {
            json(r#"[{"targets": ["a:1"]}]"#)
        } else {
            http("401 Unauthorized", "", b"")
        }
    })
    .await;
    let lines = |path: &str| {
        format!(
            "url: http://{server}/{path}\noauth2: {{client_id: me, client_secret: s, token_url: 'http://{server}/token'}}"
        )
    };
    let mut first = discovery(&lines("first"));
    assert!(!first.refresh().await.is_failed);
    assert!(!first.refresh().await.is_failed);
    // Another's token is the second, which is taken; a refused one is fetched anew.
    let mut other = discovery(&lines("other"));
    assert!(!other.refresh().await.is_failed);
}

#[test]
fn content_types_are_those_that_prometheus_takes() {
    for good in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert!(is_json(good), "{good}");
    }
    for bad in
        ["", "text/json", "application/json; charset=latin1", "application/jsonx", "application/json; x=y"]
    {
        assert!(!is_json(bad), "{bad}");
    }
}
