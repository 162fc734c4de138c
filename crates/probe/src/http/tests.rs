use crate::testing::{answering, value, watch};
use crate::{Modules, Report, probe};
use std::path::Path;
use std::time::Duration;

async fn ask(module: &str, target: &str) -> Report {
    let text = format!("modules:\n  m: {module}");
    let modules = Modules::parse(&text, Path::new("")).unwrap();
    probe(modules.get("m").unwrap(), target, Duration::from_secs(10)).await
}

#[tokio::test]
async fn a_good_answer_is_measured_in_all_its_phases() {
    let server = answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\nhello"
            .into()
    })
    .await;
    let report = ask("{ prober: http, http: { preferred_ip_protocol: ip4 } }", &server.address()).await;
    assert!(report.success(), "{:?}", report.lines());
    assert_eq!(value(&report, "probe_success", &[]), Some(1.0));
    assert_eq!(value(&report, "probe_http_status_code", &[]), Some(200.0));
    assert_eq!(value(&report, "probe_http_content_length", &[]), Some(5.0));
    assert_eq!(value(&report, "probe_http_uncompressed_body_length", &[]), Some(5.0));
    assert_eq!(value(&report, "probe_http_version", &[]), Some(1.1));
    assert_eq!(value(&report, "probe_http_ssl", &[]), Some(0.0));
    assert_eq!(value(&report, "probe_http_last_modified_timestamp_seconds", &[]), Some(1_445_412_480.0));
    assert_eq!(value(&report, "probe_ip_protocol", &[]), Some(4.0));
    for phase in ["connect", "processing"] {
        assert!(value(&report, "probe_http_duration_seconds", &[("phase", phase)]) > Some(0.0), "{phase}");
    }
    assert!(report.exposition(watchfire_wire::exposition::Format::Text).contains("probe_success 1\n"));
}

#[tokio::test]
async fn redirects_are_followed_counted_and_refused_where_that_is_wanted() {
    let server = answering(|request| {
        if request.starts_with("GET /end") {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()
        } else {
            "HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n".into()
        }
    })
    .await;
    let report = ask("{ prober: http }", &server.address()).await;
    assert!(report.success(), "{:?}", report.lines());
    assert_eq!(value(&report, "probe_http_redirects", &[]), Some(1.0));
    let report = ask("{ prober: http, http: { follow_redirects: false } }", &server.address()).await;
    assert!(!report.success());
    assert_eq!(value(&report, "probe_http_status_code", &[]), Some(302.0));
}

#[tokio::test]
async fn an_endless_chain_of_redirects_ends() {
    let server =
        answering(|_| "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n".into()).await;
    let report = ask("{ prober: http }", &server.address()).await;
    assert!(!report.success());
    assert!(
        report.lines().last().is_some_and(|line| line.contains("more than 10 redirects")),
        "{:?}",
        report.lines()
    );
}

#[tokio::test]
async fn each_check_fails_by_itself_and_says_so() {
    let server =
        answering(|_| "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\nServer: old\r\n\r\nwrong".into()).await;
    for (checks, said, by_regex) in [
        ("", "status 503; expected 200 to 299", 0.0),
        ("valid_status_codes: [503], fail_if_not_ssl: true", "fail_if_not_ssl is on", 0.0),
        ("valid_status_codes: [503], valid_http_versions: [HTTP/2.0]", "HTTP/1.1; expected one of", 0.0),
        ("valid_status_codes: [503], fail_if_body_matches_regexp: [wro]", "the body matches wro", 1.0),
        (
            "valid_status_codes: [503], fail_if_body_not_matches_regexp: [right]",
            "the body does not match right",
            1.0,
        ),
        (
            "valid_status_codes: [503], fail_if_header_matches: [{ header: server, regexp: old }]",
            "the header server matches old",
            1.0,
        ),
        (
            "valid_status_codes: [503], fail_if_header_not_matches: [{ header: x-no, regexp: a }]",
            "the header x-no is missing",
            1.0,
        ),
        ("valid_status_codes: [503], body_size_limit: 4B", "the body is larger than 4 bytes", 0.0),
    ] {
        let report = ask(&format!("{{ prober: http, http: {{ {checks} }} }}"), &server.address()).await;
        assert!(!report.success(), "{checks}");
        let last = report.lines().last().cloned().unwrap_or_default();
        assert!(last.contains(said), "{checks}: {last}");
        assert_eq!(value(&report, "probe_failed_due_to_regex", &[]), Some(by_regex), "{checks}");
    }
    let good = "valid_status_codes: [503], fail_if_body_not_matches_regexp: [wrong]";
    assert!(ask(&format!("{{ prober: http, http: {{ {good} }} }}"), &server.address()).await.success());
}

#[tokio::test]
async fn what_is_sent_is_what_the_module_says() {
    let (server, requests) = watch("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let module = "{ prober: http, http: { method: POST, body: hello, headers: { X-One: two }, basic_auth: { username: ada, password: x } } }";
    assert!(ask(module, &format!("http://{}/path?q=1", server.address())).await.success());
    let request = requests.lock().unwrap().concat();
    for part in [
        "POST /path?q=1 HTTP/1.1\r\n",
        "x-one: two\r\n",
        "authorization: Basic YWRhOng=\r\n",
        "content-length: 5\r\n",
    ] {
        assert!(request.contains(part), "{part:?} is not in {request:?}");
    }
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    let (elsewhere, requests) = watch("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = elsewhere.address().rsplit(':').next().unwrap_or_default().to_owned();
    let server = answering(move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/\r\nContent-Length: 0\r\n\r\n")
    })
    .await;
    let module =
        "{ prober: http, http: { preferred_ip_protocol: ip4, basic_auth: { username: ada, password: x } } }";
    assert!(ask(module, &server.address()).await.success());
    let request = requests.lock().unwrap().concat();
    assert!(!request.contains("authorization"), "{request:?}");
}

#[tokio::test]
async fn a_target_that_never_answers_ends_with_the_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = silent.local_addr().unwrap().to_string();
    let report = ask("{ prober: http, timeout: 100ms }", &target).await;
    assert!(!report.success());
    assert!(report.lines().last().is_some_and(|line| line.contains("not answered within 0.1 s")));
}

#[tokio::test]
async fn no_target_is_asked_that_is_none() {
    for target in ["ftp://host/", "http://", "", "file:///etc/passwd"] {
        let report = ask("{ prober: http }", target).await;
        assert!(!report.success(), "{target:?}");
    }
}
