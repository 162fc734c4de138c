use super::*;
use crate::Outcome;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// A mail server that follows a script: for each line that begins so, an answer; everything said is recorded.
async fn server(script: Vec<(&'static str, &'static str)>) -> (String, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut said = String::new();
        stream.get_mut().write_all(b"220 hello\r\n").await.unwrap();
        let (mut mail, mut script) = (false, VecDeque::from(script));
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return said;
            }
            said.push_str(&line);
            let answer = match (mail, line.trim_end()) {
                (true, ".") => {
                    mail = false;
                    script
                        .pop_front()
                        .filter(|(word, _)| *word == ".")
                        .map_or("250 queued", |(_, answer)| answer)
                }
                (true, _) => continue,
                (false, "QUIT") => return said,
                (false, line) => match script.iter().position(|(word, _)| line.starts_with(word)) {
                    Some(at) => script.remove(at).unwrap().1,
                    None if line == "DATA" => "354 go",
                    None => "250 fine",
                },
            };
            mail |= answer.starts_with("354");
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    });
    (address, task)
}

const PLAIN: &str = "from: 'Watch <w@x.org>', require_tls: false, html: '<b>{{ .CommonAnnotations.summary }}</b>', text: '{{ .Status }}'";

async fn mailed(
    more: &str,
    script: Vec<(&'static str, &'static str)>,
) -> (Attempt, Vec<crate::Exchange>, String) {
    let (address, task) = server(script).await;
    let channel = channel(&format!("email_configs: [{{smarthost: '{address}', {PLAIN}, {more}}}]"));
    let (attempt, exchanges) = channel.send_and_show(&notification(Status::Firing), None).await;
    (attempt, exchanges, task.await.unwrap())
}

#[tokio::test]
async fn a_mail_has_both_parts_and_its_headers() {
    let (attempt, _, said) =
        mailed("to: 'a@x.org, b@x.org', headers: {X-Team: ops}, threading: {enabled: true}", vec![]).await;
    assert_eq!((attempt.outcome, attempt.status), (Outcome::Delivered, Some(250)), "{attempt:?}");
    for line in [
        "EHLO localhost\r\n",
        "MAIL FROM:<w@x.org>\r\n",
        "RCPT TO:<a@x.org>\r\nRCPT TO:<b@x.org>\r\n",
        "Subject: [FIRING:1] Down (a critical)\r\n",
        "To: a@x.org, b@x.org\r\n",
        "From: \"Watch\" <w@x.org>\r\n",
        "X-Team: ops\r\n",
        "Date: Tue, 3 Feb 2026 12:00:00 +0000\r\n",
        "Content-Type: text/plain; charset=UTF-8\r\n\r\nfiring\r\n",
        "Content-Type: text/html; charset=UTF-8\r\n\r\n<b>a is &lt;down&gt;</b>\r\n",
    ] {
        assert!(said.contains(line), "{line:?} in\n{said}");
    }
    let thread = format!("<alert-{}-2026-02-03@alertmanager>", &key_hash()[..16]);
    assert!(said.contains(&format!("References: {thread}\r\nIn-Reply-To: {thread}\r\n")), "{said}");
}

#[tokio::test]
async fn every_way_to_log_in_is_known_and_its_secrets_are_not_shown() {
    for (offer, login, expected) in [
        ("250-x\r\n250 AUTH PLAIN LOGIN", "auth_password: hunter2", "AUTH PLAIN AHVzZXIAaHVudGVyMg=="),
        ("250-x\r\n250 AUTH LOGIN", "auth_password: hunter2", "AUTH LOGIN\r\ndXNlcg==\r\naHVudGVyMg=="),
        ("250-x\r\n250 AUTH CRAM-MD5 PLAIN", "auth_secret: hunter2", "AUTH CRAM-MD5\r\n"),
        (
            "250-x\r\n250 AUTH XOAUTH2",
            "auth_token: hunter2",
            "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIGh1bnRlcjIBAQ==",
        ),
    ] {
        let mut script = vec![("EHLO", offer)];
        match offer {
            offer if offer.contains("CRAM") => {
                script.extend([("AUTH", "334 PDFAeD4="), ("dXNlci", "235 in")])
            }
            offer if offer.ends_with("AUTH LOGIN") => {
                script.extend([
                    ("AUTH", "334 VXNlcm5hbWU6"),
                    ("dXNlcg==", "334 UGFzc3dvcmQ6"),
                    ("aHVu", "235 in"),
                ]);
            }
            _ => script.push(("AUTH", "235 in")),
        }
        let (attempt, exchanges, said) =
            mailed(&format!("to: a@x.org, auth_username: user, {login}"), script).await;
        assert_eq!(attempt.outcome, Outcome::Delivered, "{offer}: {attempt:?}\n{said}");
        assert!(said.contains(expected), "{expected} in\n{said}");
        let shown = format!("{exchanges:?}");
        assert!(
            shown.contains("<secret>") && !shown.contains("hunter2") && !shown.contains("aHVudGVyMg"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_server_says_what_may_pass_and_what_not() {
    for (script, outcome, words) in [
        (vec![("MAIL", "451 later")], Outcome::Retry, "MAIL FROM: 451 later"),
        (vec![("MAIL", "550 no")], Outcome::Dead, "MAIL FROM: 550 no"),
        (vec![("RCPT", "550 unknown")], Outcome::Dead, "RCPT TO <a@x.org>: 550 unknown"),
        (vec![(".", "452 full")], Outcome::Retry, "the mail was refused: 452 full"),
        (vec![(".", "554 spam")], Outcome::Dead, "the mail was refused: 554 spam"),
    ] {
        let (attempt, _, _) = mailed("to: a@x.org", script).await;
        assert_eq!(attempt.outcome, outcome, "{attempt:?}");
        assert!(attempt.error.as_deref().unwrap().contains(words), "{attempt:?}");
    }
    let (attempt, _, _) = mailed("to: 'a@x.org, b@x.org'", vec![("RCPT TO:<a", "550 unknown")]).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    assert_eq!(attempt.error.as_deref(), Some("not told: <a@x.org>: 550 unknown"));
}

#[tokio::test]
async fn nothing_goes_out_in_the_clear_unless_allowed() {
    let (address, task) = server(vec![]).await;
    let channel =
        channel(&format!("email_configs: [{{smarthost: '{address}', to: a@x.org, from: w@x.org}}]"));
    let attempt = channel.send(&notification(Status::Firing), None).await;
    assert_eq!(attempt.outcome, Outcome::Retry);
    assert!(attempt.error.unwrap().contains("does not offer STARTTLS"));
    assert!(!task.await.unwrap().contains("MAIL"));
}
