use super::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use watchfire_model::ingest::{Committed, Row, WriteReport};
use watchfire_model::time::ManualClock;
use watchfire_model::{Metadata, SampleValue};

const NOW_MS: i64 = 1_795_000_000_000;

#[derive(Default)]
struct Kept(Mutex<Vec<Row>>, Mutex<BTreeSet<String>>);

impl MetricSink for Kept {
    fn write(&self, batch: Batch) -> Committed {
        let rows: Vec<Row> = batch.rows().collect();
        let report = WriteReport { accepted: rows.len(), ..WriteReport::default() };
        self.0.lock().unwrap().extend(rows);
        Box::pin(std::future::ready(Ok(report)))
    }

    fn describe(&self, _: &Labels, family: &str, metadata: Metadata) {
        assert!(!metadata.help.is_empty());
        self.1.lock().unwrap().insert(family.to_owned());
    }
}

fn ci() -> (Ci, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let options = Options {
        ledger: Ledger::in_memory().unwrap(),
        sink: Arc::clone(&kept) as Arc<dyn MetricSink>,
        clock: Arc::new(ManualClock::at(NOW_MS)),
    };
    (Ci::new(options), kept)
}

fn told(kept: &Kept) -> Vec<(String, i64, f64)> {
    let rows = kept.0.lock().unwrap();
    let one = |row: &Row| {
        let SampleValue::Float(value) = row.value else { panic!("a number") };
        let labels: Vec<&str> =
            row.series.iter().filter(|(name, _)| *name != METRIC_NAME).map(|(_, value)| value).collect();
        (format!("{} {}", row.series.metric_name(), labels.join(" ")), row.timestamp_ms, value)
    };
    rows.iter().map(one).collect()
}

#[tokio::test]
async fn a_webhook_is_read_only_when_its_signature_is_right() {
    let (ci, kept) = ci();
    // The example of GitHub's own documentation.
    let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(ci.github("push", signature, body).await, Err(CiError::NotConfigured("GitHub")));
    ci.set_secrets(Secrets { github: Some(Secret::new(secret)), gitlab: Some(Secret::new("token")) });
    assert!(
        matches!(ci.github("push", signature, body).await, Err(CiError::Invalid(_))),
        "signed, and no JSON"
    );
    for wrong in ["", "sha256=", "sha256=00", &signature.replace("75", "76"), "sha1=757107ea"] {
        assert_eq!(ci.github("push", wrong, body).await, Err(CiError::Unsigned));
    }
    assert_eq!(ci.gitlab("tokem", b"{}").await, Err(CiError::Unsigned));
    assert_eq!(ci.gitlab("token", b"{}").await, Ok(Taken::default()));
    ci.set_secrets(Secrets { github: Some(Secret::new("")), gitlab: Some(Secret::new("")) });
    assert_eq!(ci.gitlab("", b"{}").await, Err(CiError::Unsigned), "an empty secret is none");
    assert!(kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn deployments_give_lead_time_and_time_to_restore() {
    let (ci, kept) = ci();
    let deployed = |id: u64, outcome: Outcome, at_ms: i64| Event::Deployment {
        id,
        project: "a/b".into(),
        environment: "prod".into(),
        sha: "abc1234".into(),
        outcome,
        at_ms: NOW_MS + at_ms,
    };
    let sha = "ABC1234567890".to_owned();
    ci.events(vec![Event::Commit { sha, at_ms: NOW_MS - 60_000 }]).await.unwrap();
    ci.events(vec![deployed(1, Outcome::Failure, 0), deployed(2, Outcome::Failure, 30_000)]).await.unwrap();
    ci.events(vec![deployed(3, Outcome::Success, 90_000)]).await.unwrap();
    ci.events(vec![deployed(4, Outcome::Success, 90_000)]).await.unwrap();
    let told = told(&kept);
    let of = |name: &str| -> Vec<f64> {
        told.iter().filter(|(found, ..)| found.starts_with(name)).map(|(_, _, value)| *value).collect()
    };
    assert_eq!(of("ci_deployment_lead_time_seconds"), [150.0, 150.0]);
    assert_eq!(of("ci_deployment_restore_seconds"), [90.0], "since the first failure, and once");
    assert_eq!(of("ci_deployment prod a/b failure").len(), 2);
    let times: Vec<i64> = told
        .iter()
        .filter(|(found, ..)| found == "ci_deployment prod a/b success")
        .map(|(_, at, _)| *at - NOW_MS)
        .collect();
    assert_eq!(times, [90_003, 90_004], "of one second, and not of one time");
}

#[tokio::test]
async fn reports_become_series() {
    let (ci, kept) = ci();
    let of = Labelled { project: "a/b".into(), branch: "main".into() };
    let text = "<testsuite name=\"s\"><testcase time=\"2\"/><testcase><failure/></testcase></testsuite>";
    assert_eq!(ci.report(ReportKind::Junit, &of, text).await.unwrap().samples, 5);
    ci.report(ReportKind::Cobertura, &of, "<coverage line-rate=\"0.75\"/>").await.unwrap();
    ci.report(ReportKind::Lcov, &of, "FNF:4\nFNH:1\nend_of_record").await.unwrap();
    let described = kept.1.lock().unwrap().clone();
    for row in kept.0.lock().unwrap().iter() {
        assert!(
            described.contains(row.series.metric_name()),
            "{} is not described",
            row.series.metric_name()
        );
    }
    let told = told(&kept);
    for (series, value) in [
        ("ci_tests main a/b passed s", 1.0),
        ("ci_tests main a/b failed s", 1.0),
        ("ci_tests_duration_seconds main a/b s", 2.0),
        ("ci_coverage_ratio main line a/b", 0.75),
        ("ci_coverage_ratio main function a/b", 0.25),
    ] {
        assert!(told.contains(&(series.to_owned(), NOW_MS, value)), "{series} {told:?}");
    }
    assert!(matches!(ci.report(ReportKind::Junit, &of, "nothing").await, Err(CiError::Invalid(_))));
}
