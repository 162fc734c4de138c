use super::*;
use crate::Outcome;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How the server encrypts.
#[derive(Clone)]
enum Safety {
    None,
    FromTheStart(TlsAcceptor),
    WhenAsked(TlsAcceptor),
}

/// A mail server that follows a script: for each line that begins so, an answer; everything said is recorded.
async fn server(script: Vec<(&'static str, &'static str)>) -> (String, tokio::task::JoinHandle<String>) {
    safe_server(script, Safety::None).await
}

async fn safe_server(
    script: Vec<(&'static str, &'static str)>,
    safety: Safety,
) -> (String, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut inner: Box<dyn Stream> = Box::new(tcp);
        if let Safety::FromTheStart(acceptor) = &safety {
            let Ok(stream) = acceptor.accept(inner).await else { return String::new() };
            inner = Box::new(stream);
        }
        let mut stream = BufReader::new(inner);
        let mut said = String::new();
        stream.get_mut().write_all(b"220 hello\r\n").await.unwrap();
        let (mut mail, mut script) = (false, VecDeque::from(script));
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return said;
            }
            said.push_str(&line);
            if let (Safety::WhenAsked(acceptor), "STARTTLS") = (&safety, line.trim_end()) {
                stream.get_mut().write_all(b"220 go\r\n").await.unwrap();
                let Ok(safe) = acceptor.accept(stream.into_inner()).await else { return said };
                stream = BufReader::new(Box::new(safe));
                continue;
            }
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
            stream.get_mut().flush().await.unwrap();
        }
    });
    (address, task)
}

fn openssl(folder: &Path, arguments: &str) -> bool {
    let mut command = std::process::Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(folder).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A certificate for `localhost` by an authority of its own, where OpenSSL is installed.
fn acceptor(folder: &Path) -> Option<TlsAcceptor> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    let authority = format!("{new} -keyout ca-key.pem -out ca.pem -subj /CN=authority");
    let server = format!(
        "{new} -keyout key.pem -out cert.pem -CA ca.pem -CAkey ca-key.pem -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
    );
    if !openssl(folder, &authority) || !openssl(folder, &server) {
        println!("skipped: openssl 3 is not installed");
        return None;
    }
    let cert = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    Some(TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn mails_go_by_starttls_or_by_tls_from_the_start_and_only_to_whom_they_trust() {
    let folder = tempfile::tempdir().unwrap();
    let Some(acceptor) = acceptor(folder.path()) else { return };
    let offer = ("EHLO", "250-x\r\n250 STARTTLS");
    let trusted =
        format!("{{ca_file: '{}', server_name: localhost}}", folder.path().join("ca.pem").display());
    for (implicit, tls, outcome) in [
        (false, trusted.as_str(), Outcome::Delivered),
        (true, trusted.as_str(), Outcome::Delivered),
        (false, "{insecure_skip_verify: true}", Outcome::Delivered),
        (false, "{server_name: localhost}", Outcome::Retry),
        (true, "{server_name: localhost}", Outcome::Retry),
    ] {
        let (safety, script) = match implicit {
            true => (Safety::FromTheStart(acceptor.clone()), vec![]),
            false => (
                Safety::WhenAsked(acceptor.clone()),
                vec![offer, ("EHLO", "250-x\r\n250 AUTH PLAIN"), ("AUTH", "235 in")],
            ),
        };
        let (address, task) = safe_server(script, safety).await;
        let integration = format!(
            "email_configs: [{{smarthost: '{address}', to: a@x.org, from: w@x.org, force_implicit_tls: {implicit}, \
             tls_config: {tls}, text: hello, html: ''{}}}]",
            if implicit { "" } else { ", auth_username: u, auth_password: hunter22" }
        );
        let attempt = channel(&integration).send(&notification(Status::Firing), None).await;
        let said = task.await.unwrap();
        assert_eq!(attempt.outcome, outcome, "{implicit} {tls}: {attempt:?}\n{said}");
        assert_eq!(said.contains("hello"), outcome == Outcome::Delivered, "{said}");
        if outcome == Outcome::Retry {
            assert!(attempt.error.unwrap().contains("TLS with"), "{said}");
        }
    }
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
async fn a_thread_for_ever_has_the_name_that_alertmanager_gives_it() {
    let (attempt, _, said) =
        mailed("to: a@x.org, threading: {enabled: true, thread_by_date: none}", vec![]).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    let thread = format!("<alert-{}-@alertmanager>", &key_hash()[..16]);
    assert!(said.contains(&format!("References: {thread}\r\n")), "{said}");
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
