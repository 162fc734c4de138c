//! Safe from the first day.

use crate::harness::Setup;
use crate::harness::remote_write::send;

/// A configuration that scrapes nothing.
const QUIET: &str = "";

#[tokio::test]
async fn the_network_is_refused_while_no_user_exists() {
    let setup = Setup::new().config(QUIET);
    let output = std::process::Command::new(crate::harness::binary())
        .args(["run", "--web.listen-address=0.0.0.0:0"])
        .arg(format!("--storage.tsdb.path={}", setup.path("data").display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no user exists"), "{said}");
}

#[tokio::test]
async fn foreign_hosts_and_foreign_sites_get_nothing() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let client = server.client();
    let rebound =
        client.get(server.url("/api/v1/query?query=1")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
    for path in ["/-/reload", "/-/quit", "/api/v1/write", "/api/v1/admin/tsdb/compact"] {
        let request = client.post(server.url(path)).header("origin", "https://evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    let image = client.get(server.url("/api/v1/query?query=1")).header("sec-fetch-site", "cross-site");
    assert_eq!(image.header("sec-fetch-mode", "no-cors").send().await.unwrap().status(), 403);
    let link = client.get(server.url("/explore")).header("sec-fetch-site", "cross-site");
    assert_eq!(link.header("sec-fetch-mode", "navigate").send().await.unwrap().status(), 200);
    assert_eq!(server.get("/-/healthy").await.0, 200, "and it still runs");
    let reloaded = client.put(server.url("/-/reload")).send().await.unwrap();
    assert_eq!(reloaded.status(), 200, "PUT does what POST does");
}

#[tokio::test]
async fn every_answer_carries_the_strict_policy() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    for (path, status) in
        [("/", 200), ("/explore", 200), ("/api/v1/query?query=1", 200), ("/metrics", 200), ("/nowhere", 404)]
    {
        let response = server.client().get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn paths_never_leave_what_is_embedded() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    for path in [
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets//etc/passwd",
        "/api/ui/v1/dashboards/..%2f..%2fetc",
    ] {
        let (status, body) = server.get(path).await;
        assert_eq!(status, 404, "{path}: {body}");
    }
}

#[tokio::test]
async fn a_snappy_bomb_and_oversized_bodies_are_refused_before_they_are_unpacked() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    // A snappy block that claims four gigabytes.
    let bomb: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x41];
    let write = |body: Vec<u8>| {
        server
            .client()
            .post(server.url("/api/v1/write"))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .body(body)
            .send()
    };
    let refused = write(bomb.to_vec()).await.unwrap();
    assert!(matches!(refused.status().as_u16(), 400 | 413), "{}", refused.status());
    let refused = write(b"not snappy at all".to_vec()).await.unwrap();
    assert_eq!(refused.status(), 400);
    // Refused by its announced size, perhaps before it was sent in whole: then the connection ends.
    let huge = server.client().post(server.url("/api/ui/v1/query")).body(vec![b' '; 8 << 20]).send().await;
    if let Ok(answer) = huge {
        assert!(matches!(answer.status().as_u16(), 400 | 413 | 415), "{}", answer.status());
        assert_eq!(answer.headers()["connection"], "close", "nobody asks again on what is about to end");
    }
    let (status, _) =
        send(&server, &[(&[("__name__", "fine")], &[(crate::harness::now_ms(), 1.0)])]).await.unwrap();
    assert_eq!(status, 204, "and it still takes what is right");
}
