use super::*;
use crate::testing::{http, one_job, serve, serve_with, text};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

const LONG: Duration = Duration::from_secs(20);

async fn fetch(lines: &str, address: &str, timeout: Duration) -> Result<Answer, ScrapeError> {
    let config = one_job(lines, address);
    let fetcher = Fetcher::new(&config.scrape_configs[0], "Watchfire/test").unwrap();
    fetcher.fetch(&format!("http://{address}/metrics"), timeout, 0).await
}

/// Remembers the head of the last request.
async fn listening() -> (String, Arc<Mutex<String>>) {
    let seen = Arc::new(Mutex::new(String::new()));
    let remembered = Arc::clone(&seen);
    let address = serve(move |head| {
        *remembered.lock().unwrap() = head.to_owned();
        text("a 1\n")
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn a_request_says_who_asks_for_what_and_for_how_long() {
    let (address, seen) = listening().await;
    let answer = fetch("", &address, LONG).await.unwrap();
    assert_eq!(answer.body, b"a 1\n");
    assert_eq!(answer.content_type.as_deref(), Some("text/plain; version=0.0.4"));
    let head = seen.lock().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /metrics http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: watchfire/test\r\n"), "{head}");
    assert!(head.contains("x-prometheus-scrape-timeout-seconds: 20\r\n"), "{head}");
    assert!(head.contains("accept-encoding: gzip\r\n"), "{head}");
    assert!(
        head.contains(
            "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n"
        ),
        "{head}"
    );
}

#[tokio::test]
async fn credentials_are_sent_and_files_are_read_each_time() {
    let (address, seen) = listening().await;
    fetch("basic_auth: {username: user, password: pass}", &address, LONG).await.unwrap();
    assert!(seen.lock().unwrap().contains("authorization: Basic dXNlcjpwYXNz\r\n"));
    fetch("authorization: {type: Token, credentials: abc}", &address, LONG).await.unwrap();
    assert!(seen.lock().unwrap().contains("authorization: Token abc\r\n"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let config = one_job(&format!("bearer_token_file: {}", file.display()), &address);
    let fetcher = Fetcher::new(&config.scrape_configs[0], "Watchfire/test").unwrap();
    let url = format!("http://{address}/metrics");
    fetcher.fetch(&url, LONG, 0).await.unwrap();
    assert!(seen.lock().unwrap().contains("authorization: Bearer first\r\n"));
    std::fs::write(&file, "second\n").unwrap();
    fetcher.fetch(&url, LONG, 0).await.unwrap();
    assert!(seen.lock().unwrap().contains("authorization: Bearer second\r\n"));
    std::fs::remove_file(&file).unwrap();
    let error = fetcher.fetch(&url, LONG, 0).await.unwrap_err();
    assert!(matches!(error, ScrapeError::Credentials { .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_unless_told_otherwise() {
    let address = serve(|head| {
        if head.starts_with("GET /metrics") {
            http("302 Found", "Location: /other\r\n", b"")
        } else {
            text("b 2\n")
        }
    })
    .await;
    assert_eq!(fetch("", &address, LONG).await.unwrap().body, b"b 2\n");
    let error = fetch("follow_redirects: false", &address, LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "server returned HTTP status 302 Found");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let address = serve(|_| http("302 Found", "Location: /metrics\r\n", b"")).await;
    let error = fetch("", &address, LONG).await.unwrap_err().to_string();
    assert!(error.contains("redirect"), "{error}");
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let address = serve_with(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut alive = stream.write_all(head).await.is_ok();
        while alive {
            alive = stream.write_all(b"4\r\na 1\n\r\n".repeat(1000).as_slice()).await.is_ok();
        }
    })
    .await;
    let error = fetch("body_size_limit: 1MB", &address, LONG).await.unwrap_err();
    assert_eq!(error, ScrapeError::BodyTooLarge { limit_bytes: 1 << 20 });
}

#[tokio::test]
async fn an_announced_gigabyte_is_refused_before_it_is_read() {
    let address = serve_with(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1073741824\r\n\r\n";
        let _ = stream.write_all(head).await;
        std::future::pending::<()>().await;
    })
    .await;
    let error = fetch("", &address, LONG).await.unwrap_err();
    assert_eq!(error, ScrapeError::BodyTooLarge { limit_bytes: HARD_BODY_LIMIT_BYTES });
}

#[tokio::test]
async fn a_small_gzip_body_that_unpacks_to_a_gigabyte_is_cut() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    println!("the bomb has {} bytes", bomb.len());
    let address =
        serve(move |_| http("200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", &bomb)).await;
    let error = fetch("body_size_limit: 8MB", &address, LONG).await.unwrap_err();
    assert_eq!(error, ScrapeError::BodyTooLarge { limit_bytes: 8 << 20 });
}

#[tokio::test]
async fn compressed_bodies_are_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"a 1\n").unwrap();
    let packed = encoder.finish().unwrap();
    let address =
        serve(move |_| http("200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", &packed))
            .await;
    assert_eq!(fetch("", &address, LONG).await.unwrap().body, b"a 1\n");
}

#[tokio::test]
async fn a_trickle_ends_at_the_timeout() {
    let address = serve_with(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n").await;
        while stream.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let error = fetch("", &address, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("Get \"http://{address}/metrics\": context deadline exceeded"));
}

#[tokio::test]
async fn a_target_that_is_not_there_is_unreachable_with_the_reason() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = fetch("", &address, LONG).await.unwrap_err().to_string();
    assert!(error.contains("onnection refused"), "{error}");
}

#[tokio::test]
async fn a_failing_server_is_told_by_its_status() {
    let address = serve(|_| http("503 Service Unavailable", "", b"no")).await;
    let error = fetch("", &address, LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "server returned HTTP status 503 Service Unavailable");
}

#[test]
fn an_answer_must_say_what_it_is() {
    use crate::config::global::ScrapeProtocol;
    use watchfire_wire::exposition::Format;
    let format = protocol::format_of;
    assert_eq!(format(Some("text/plain; version=0.0.4"), None), Ok(Format::Text));
    assert_eq!(format(Some("application/openmetrics-text; version=1.0.0"), None), Ok(Format::OpenMetrics));
    assert_eq!(
        format(Some("text/html"), None).unwrap_err().to_string(),
        "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target"
    );
    assert_eq!(format(None, None), Err(ScrapeError::BlankContentType));
    assert_eq!(format(None, Some(ScrapeProtocol::PrometheusText004)), Ok(Format::Text));
    assert_eq!(format(Some("text/html"), Some(ScrapeProtocol::OpenMetricsText100)), Ok(Format::OpenMetrics));
}

#[test]
fn base64_is_padded() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(watchfire_settings::http::base64(bytes.as_bytes()), text);
    }
}
