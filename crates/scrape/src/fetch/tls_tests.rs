//! TLS against a real server, OpenSSL's, where it is installed.

use super::*;
use crate::testing::one_job;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the server with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn openssl(folder: &Path, arguments: &str) -> Option<bool> {
    let arguments = arguments.split_whitespace();
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().ok().map(|status| status.success())
}

/// A server on `localhost` with a certificate of its own making, and its port.
fn serve(folder: &Path, extra: &str) -> Option<(Server, u16)> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    let authority = format!("{new} -keyout ca-key.pem -out ca.pem -subj /CN=authority");
    let server = format!(
        "{new} -keyout key.pem -out cert.pem -CA ca.pem -CAkey ca-key.pem -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
    );
    if openssl(folder, &authority) != Some(true) || openssl(folder, &server) != Some(true) {
        println!("skipped: openssl 3 is not installed");
        return None;
    }
    let body = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n";
    std::fs::write(folder.join("metrics"), body).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Command::new("openssl")
        .args(
            format!("s_server -HTTP -key key.pem -cert cert.pem -accept 127.0.0.1:{port} {extra}")
                .split_whitespace(),
        )
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some((Server(server), port))
}

async fn fetch(port: u16, folder: &Path, tls: &str) -> Result<Answer, ScrapeError> {
    let tls = tls.replace("DIR", &folder.display().to_string());
    let config = one_job(&format!("scheme: https\ntls_config: {tls}"), &format!("localhost:{port}"));
    let fetcher = Fetcher::new(&config.scrape_configs[0], "Watchfire/test").unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer =
            fetcher.fetch(&format!("https://localhost:{port}/metrics"), Duration::from_secs(20), 0).await;
        let starting =
            matches!(&answer, Err(ScrapeError::Unreachable { reason, .. }) if reason.contains("refused"));
        if !starting || std::time::Instant::now() > deadline {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_certificate_must_be_trusted_or_excused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, port)) = serve(folder.path(), "") else { return };
    let error = fetch(port, folder.path(), "{}").await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(fetch(port, folder.path(), "{insecure_skip_verify: true}").await.unwrap().body, b"a 1\n");
    assert_eq!(fetch(port, folder.path(), "{ca_file: DIR/ca.pem}").await.unwrap().body, b"a 1\n");
}

#[tokio::test]
async fn the_certificate_may_be_checked_against_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, port)) = serve(folder.path(), "") else { return };
    fetch(port, folder.path(), "{ca_file: DIR/ca.pem}").await.unwrap();
    let ask = async |tls: &str| {
        let tls = tls.replace("DIR", &folder.path().display().to_string());
        let config = one_job(&format!("scheme: https\ntls_config: {tls}"), &format!("127.0.0.1:{port}"));
        let fetcher = Fetcher::new(&config.scrape_configs[0], "Watchfire/test").unwrap();
        fetcher.fetch(&format!("https://127.0.0.1:{port}/metrics"), Duration::from_secs(20), 0).await
    };
    assert!(ask("{ca_file: DIR/ca.pem}").await.unwrap_err().to_string().contains("certificate"));
    assert_eq!(ask("{ca_file: DIR/ca.pem, server_name: localhost}").await.unwrap().body, b"a 1\n");
    let wrong = ask("{ca_file: DIR/ca.pem, server_name: elsewhere.example}").await.unwrap_err().to_string();
    assert!(wrong.contains("certificate"), "{wrong}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, port)) = serve(folder.path(), "-Verify 1") else { return };
    assert!(fetch(port, folder.path(), "{insecure_skip_verify: true}").await.is_err());
    let tls = "{insecure_skip_verify: true, cert_file: DIR/cert.pem, key_file: DIR/key.pem}";
    assert_eq!(fetch(port, folder.path(), tls).await.unwrap().body, b"a 1\n");
}
