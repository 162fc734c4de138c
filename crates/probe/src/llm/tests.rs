use super::*;
use crate::testing::{answering, value};
use crate::{Modules, probe};
use std::path::Path;
use std::time::Duration;

async fn ask(llm: &str, target: &str) -> Report {
    let modules =
        Modules::parse(&format!("modules:\n  m: {{ prober: llm, llm: {{ {llm} }} }}"), Path::new(""))
            .unwrap();
    probe(modules.get("m").unwrap(), target, Duration::from_secs(10)).await
}

fn ok(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
data: {\"choices\":[{\"delta\":{\"content\":\"Par\"}}]}\n\n: a comment\n\n\
data: {\"choices\":[{\"delta\":{\"content\":\"is.\"}}]}\r\n\r\n\
data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn the_first_model_is_asked_and_its_answer_measured() {
    let server = answering(|request| {
        if request.starts_with("GET /v1/models") {
            ok("application/json", "{\"data\":[{\"id\":\"small\"},{\"id\":\"big\"}]}")
        } else {
            assert!(request.starts_with("POST /v1/chat/completions"), "{request}");
            assert!(
                request.contains("\"model\":\"small\"") && request.contains("\"stream\":true"),
                "{request}"
            );
            ok("text/event-stream", STREAM)
        }
    })
    .await;
    for target in [server.address(), format!("http://{}/v1", server.address())] {
        let report = ask("", &target).await;
        assert!(report.success(), "{:?}", report.lines());
        assert_eq!(value(&report, "probe_llm_model_info", &[("model", "small")]), Some(1.0));
        assert_eq!(value(&report, "probe_llm_answer_correct", &[]), Some(1.0));
        assert_eq!(value(&report, "probe_llm_completion_tokens", &[]), Some(3.0));
        assert!(value(&report, "probe_llm_time_to_first_token_seconds", &[]) > Some(0.0));
    }
}

#[tokio::test]
async fn a_wrong_answer_an_empty_one_and_a_failure_are_told_apart() {
    for (body, said, correct) in [
        ("data: {\"choices\":[{\"delta\":{\"content\":\"Rome\"}}]}\n\n", "does not match", Some(0.0)),
        ("data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n", "answered nothing", Some(0.0)),
        ("data: {\"error\":{\"message\":\"CUDA out of memory\"}}\n\n", "CUDA out of memory", None),
        ("data: <html>\n\n", "no JSON", None),
    ] {
        let server = answering(move |_| ok("text/event-stream", body)).await;
        let report = ask("model: m", &server.address()).await;
        assert!(!report.success(), "{body}");
        assert!(
            report.lines().last().is_some_and(|line| line.contains(said)),
            "{said}: {:?}",
            report.lines()
        );
        assert_eq!(value(&report, "probe_llm_answer_correct", &[]), correct, "{body}");
    }
    let server = answering(|_| "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nno model".into()).await;
    let report = ask("model: m", &server.address()).await;
    assert!(
        report.lines().last().is_some_and(|line| line.contains("HTTP 404: no model")),
        "{:?}",
        report.lines()
    );
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let server = answering(|request| {
        assert!(
            request.starts_with("POST /v1/completions") && request.contains("\"prompt\":\"2+2=\""),
            "{request}"
        );
        ok("application/json", "{\"choices\":[{\"text\":\"4\"}],\"usage\":{\"completion_tokens\":1}}")
    })
    .await;
    let report = ask("model: m, style: completion, prompt: \"2+2=\", expect: \"4\"", &server.address()).await;
    assert!(report.success(), "{:?}", report.lines());
}

#[test]
fn thinking_aloud_is_a_first_token_but_no_answer() {
    let mut told = Told::default();
    hear(b"data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}", 0.5, &mut told).unwrap();
    hear(b"data: {\"choices\":[{\"delta\":{\"content\":\"Paris\"}}]}", 0.9, &mut told).unwrap();
    assert_eq!(
        told,
        Told { text: "Paris".to_owned(), first_token_s: Some(0.5), parts: 2, completion_tokens: None }
    );
}
