//! Reports of tests and coverage, and webhooks.

use crate::harness::Setup;

#[tokio::test]
async fn reports_and_webhooks_become_series_that_outlive_a_kill() {
    let setup = Setup::new().config("ci:\n  gitlab: {secret: s3cret}\n");
    let server = setup.start().await;
    let report =
        "<testsuite name=\"<b>unit</b>\"><testcase time=\"1\"/><testcase><failure/></testcase></testsuite>";
    // An attribute may hold what is no name of an element.
    let report = report.replace("<b>unit</b>", "&lt;b&gt;unit");
    let (status, told) = server.post("/api/v1/ci/junit?project=a/b&branch=main", report).await;
    assert_eq!((status, told.as_str()), (200, "{\"status\":\"success\",\"data\":{\"samples\":5}}"));
    let (status, told) = server.post("/api/v1/ci/lcov?project=a/b", "LF:4\nLH:3\nend_of_record\n").await;
    assert_eq!(status, 200, "{told}");
    for (path, body, expected) in [
        ("/api/v1/ci/junit?project=a", "<html>", 400),
        ("/api/v1/ci/junit", "<testsuite/>", 400),
        ("/hooks/github", "{}", 404),
        ("/hooks/gitlab", "{}", 403),
    ] {
        let (status, told) = server.post(path, body).await;
        assert_eq!(status, expected, "{path} {told}");
    }
    let now = a_minute_ago();
    let hook = format!(
        "{{\"object_kind\":\"deployment\",\"project\":{{\"path_with_namespace\":\"a/b\"}},\"status\":\"success\",\
         \"status_changed_at\":\"{now}\",\"deployment_id\":4,\"environment\":\"prod\",\"short_sha\":\"abc1234\"}}"
    );
    for _ in 0..2 {
        let sent = server
            .client()
            .post(server.url("/hooks/gitlab"))
            .header("x-gitlab-token", "s3cret")
            .body(hook.clone());
        assert_eq!(sent.send().await.unwrap().status().as_u16(), 200);
    }
    assert!(!server.get("/api/v1/status/config").await.1.contains("s3cret"), "a secret is not shown");
    server.kill();
    let server = setup.start().await;
    assert_eq!(server.value("ci_tests{suite=\"<b>unit\",result=\"failed\"}").await, Some(1.0));
    assert_eq!(server.value("ci_coverage_ratio{kind=\"line\"}").await, Some(0.75));
    let deployments = server.value("sum(count_over_time(ci_deployment{environment=\"prod\"}[1h]))").await;
    assert_eq!(deployments, Some(1.0), "the same delivery twice counts once");
}

/// A minute ago, as GitLab writes it.
fn a_minute_ago() -> String {
    let seconds = crate::harness::now_ms() / 1_000 - 60;
    jiff::Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
