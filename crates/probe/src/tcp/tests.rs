use crate::testing::value;
use crate::{Modules, Report, probe};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

async fn ask(module: &str, target: &str) -> Report {
    let modules = Modules::parse(&format!("modules:\n  m: {module}"), Path::new("")).unwrap();
    probe(modules.get("m").unwrap(), target, Duration::from_secs(10)).await
}

/// Greets as a mail server does, and answers `HELO` with the name it was given.
async fn mail_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(b"220 mail.example ESMTP ready\r\n").await.unwrap();
            let mut line = String::new();
            if stream.read_line(&mut line).await.is_ok_and(|len| len > 0) {
                let answer = format!("250 {}\r\n", line.trim());
                let _ = stream.get_mut().write_all(answer.as_bytes()).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn a_port_that_listens_is_good_and_one_that_does_not_is_not() {
    let address = mail_server().await;
    assert!(ask("{ prober: tcp }", &address).await.success());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let report = ask("{ prober: tcp }", &closed).await;
    assert!(!report.success());
    assert!(
        report.lines().last().is_some_and(|line| line.contains("cannot connect")),
        "{:?}",
        report.lines()
    );
}

#[tokio::test]
async fn a_conversation_puts_what_was_said_into_what_is_sent_and_told() {
    let address = mail_server().await;
    let talk = r#"{ prober: tcp, tcp: { query_response: [
        { expect: "^220 ([^ ]+) ESMTP", labels: [{ name: host, value: "${1}" }], send: "HELO ${1}" },
        { expect: "^250 HELO mail.example$" } ] } }"#;
    let report = ask(&talk.replace('\n', " "), &address).await;
    assert!(report.success(), "{:?}", report.lines());
    assert_eq!(value(&report, "probe_expect_info", &[("host", "mail.example")]), Some(1.0));
    assert_eq!(value(&report, "probe_failed_due_to_regex", &[]), Some(0.0));
}

#[tokio::test]
async fn a_line_that_never_comes_fails_the_probe() {
    let address = mail_server().await;
    let report =
        ask("{ prober: tcp, tcp: { query_response: [{ send: x }, { expect: nothing }] } }", &address).await;
    assert!(!report.success());
    assert_eq!(value(&report, "probe_failed_due_to_regex", &[]), Some(1.0));
    assert!(report.lines().last().is_some_and(|line| line.contains("ended before a line matched")));
}
