use super::*;
use serde_json::json;

const AT_MS: i64 = 1_795_000_000_000;

fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

#[test]
fn a_workflow_of_github_gives_a_pipeline_and_the_time_of_its_commit() {
    let body = json!({
        "action": "completed", "repository": {"full_name": "ada/engine"},
        "workflow_run": {"id": 77, "name": "test", "head_branch": "main", "conclusion": "timed_out",
            "run_started_at": rfc3339(AT_MS), "updated_at": rfc3339(AT_MS + 90_000),
            "head_commit": {"id": "0123456789abcdef0123456789abcdef01234567", "timestamp": "2026-11-18T10:00:00+02:00"}}
    });
    let events = github("workflow_run", &body);
    assert_eq!(events.len(), 2);
    let Event::Commit { at_ms, .. } = events[0] else { panic!("{events:?}") };
    assert_eq!(rfc3339(at_ms), "2026-11-18T08:00:00Z");
    let expected = Event::Pipeline {
        id: 77,
        project: "ada/engine".into(),
        pipeline: "test".into(),
        branch: "main".into(),
        outcome: Outcome::Failure,
        at_ms: AT_MS + 90_000,
        seconds: 90.0,
    };
    assert_eq!(events[1], expected);
    assert!(github("workflow_run", &json!({"action": "requested"})).is_empty());
}

#[test]
fn deployments_merges_and_pushes_of_github_are_understood() {
    let state = |state: &str| {
        let body = json!({"repository": {"full_name": "a/b"}, "deployment": {"environment": "production", "sha": "abc1234"},
            "deployment_status": {"id": 5, "state": state, "created_at": rfc3339(AT_MS)}});
        github("deployment_status", &body)
    };
    assert!(matches!(state("success")[0], Event::Deployment { outcome: Outcome::Success, at_ms: AT_MS, .. }));
    assert!(state("in_progress").is_empty());
    let body = json!({"action": "closed", "repository": {"full_name": "a/b"},
        "pull_request": {"id": 9, "created_at": rfc3339(AT_MS - 1_000), "merged_at": rfc3339(AT_MS)}});
    assert!(
        matches!(github("pull_request", &body)[0], Event::Merge { opened_ms, .. } if opened_ms == AT_MS - 1_000)
    );
    let closed =
        json!({"action": "closed", "pull_request": {"created_at": rfc3339(AT_MS), "merged_at": null}});
    assert!(github("pull_request", &closed).is_empty(), "it was not merged");
    let push = json!({"commits": [{"id": "abc1234", "timestamp": rfc3339(AT_MS)}, {"id": "../x", "timestamp": rfc3339(AT_MS)}]});
    assert_eq!(github("push", &push), [Event::Commit { sha: "abc1234".into(), at_ms: AT_MS }]);
}

#[test]
fn webhooks_of_gitlab_are_understood_with_both_of_its_ways_to_write_a_time() {
    let body = json!({"object_kind": "pipeline", "project": {"path_with_namespace": "a/b"},
        "object_attributes": {"id": 3, "ref": "main", "status": "success", "source": "push", "duration": 63,
            "finished_at": "2026-11-18 10:00:00 UTC"},
        "commit": {"id": "abc1234", "timestamp": "2026-11-18T09:00:00+00:00"}});
    let events = gitlab(&body);
    let Event::Pipeline { at_ms, seconds, ref pipeline, .. } = events[1] else { panic!("{events:?}") };
    assert_eq!((rfc3339(at_ms).as_str(), seconds, pipeline.as_str()), ("2026-11-18T10:00:00Z", 63.0, "push"));
    let body = json!({"object_kind": "deployment", "project": {"path_with_namespace": "a/b"}, "status": "failed",
        "status_changed_at": "2026-11-18 12:00:00 +0200", "deployment_id": 4, "environment": "staging", "short_sha": "abc1234"});
    let Event::Deployment { at_ms, outcome, .. } = gitlab(&body)[0] else { panic!("a deployment") };
    assert_eq!((rfc3339(at_ms).as_str(), outcome), ("2026-11-18T10:00:00Z", Outcome::Failure));
    assert!(gitlab(&json!({"object_kind": "note"})).is_empty());
    assert!(gitlab(&json!([1, 2])).is_empty());
}

#[test]
fn words_from_outside_have_an_end_and_no_control_characters() {
    let long = format!("a\u{1b}[31m{}", "x".repeat(1_000));
    let body = json!({"repository": {"full_name": long}, "deployment": {"environment": "p"},
        "deployment_status": {"state": "success", "created_at": rfc3339(AT_MS)}});
    let Event::Deployment { project, .. } = github("deployment_status", &body).remove(0) else {
        panic!("a deployment")
    };
    assert_eq!(project.chars().count(), MAX_WORD);
    assert!(!project.contains('\u{1b}'));
}
