//! Alerts from outside, silences, inhibition and intervals, from the post to the receiver.

use super::*;
use crate::{
    InhibitRule, MatcherMode, NamedInterval, PostedAlert, PostedSilence, Route, SilenceState, TimeInterval,
};
use watchfire_ledger::SilenceMatcher;

fn posted(name: &str, starts_ms: Option<i64>, ends_ms: Option<i64>) -> PostedAlert {
    PostedAlert {
        labels: Labels::from_pairs([("alertname", "Down"), ("instance", name)]),
        starts_ms,
        ends_ms,
        ..PostedAlert::default()
    }
}

fn silence_of(instance: &str, from_ms: i64, to_ms: i64) -> PostedSilence {
    PostedSilence {
        matchers: vec![vec![SilenceMatcher {
            name: "instance".to_owned(),
            value: instance.to_owned(),
            is_regex: true,
            is_equal: true,
        }]],
        starts_ms: from_ms,
        ends_ms: to_ms,
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
        ..PostedSilence::default()
    }
}

impl House {
    async fn post(&self, alerts: Vec<PostedAlert>) {
        let taken = self.alerting.post(alerts).await.unwrap();
        assert_eq!(taken.rejected, []);
    }

    async fn reconfigure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::parse("am.yml", &self.config, Path::new("")).unwrap();
        change(&mut config);
        self.alerting.apply(config, Settings::default()).await.unwrap();
    }

    async fn minutes(&self, count: usize) {
        for _ in 0..count {
            self.pass(MINUTE).await;
        }
    }
}

#[tokio::test]
async fn an_alert_from_outside_ends_when_nobody_speaks_of_it_any_more() {
    let house = House::new("").await;
    house.post(vec![posted("a", None, None)]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    // It is spoken of every minute, for longer than any timeout.
    for _ in 0..20 {
        house.post(vec![posted("a", None, None)]).await;
        house.pass(MINUTE).await;
    }
    assert!(house.script.told().is_empty());
    let alerts = house.alerting.alerts(AlertFilter::default()).await;
    assert_eq!(alerts[0].starts_ms, START);
    house.minutes(7).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert!(house.alerting.alerts(AlertFilter::default()).await.is_empty());
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn an_alert_from_outside_survives_a_kill_and_a_long_absence() {
    let mut house = House::new("").await;
    house.post(vec![posted("a", Some(START - MINUTE), Some(START + 4 * MINUTE))]).await;
    house.pass(SECOND).await;
    assert_eq!(house.script.told(), ["firing: a=firing"], "it has waited long enough");
    house.clock.advance(30 * MINUTE);
    house.kill().await;
    // Nobody could have said that it goes on: it has until somebody can.
    house.pass(MINUTE).await;
    assert!(house.script.told().is_empty());
    house.post(vec![posted("a", Some(START - MINUTE), Some(house.clock.now_ms() + 4 * MINUTE))]).await;
    house.minutes(3).await;
    assert!(house.script.told().is_empty());
    house.post(vec![posted("a", Some(START - MINUTE), Some(house.clock.now_ms()))]).await;
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
}

#[tokio::test]
async fn what_is_wrong_with_one_alert_does_not_keep_the_others_out() {
    let house = House::new("").await;
    let nameless = PostedAlert::default();
    let backwards = posted("b", Some(START), Some(START - 1));
    let taken = house.alerting.post(vec![nameless, backwards, posted("a", None, None)]).await.unwrap();
    let reasons: Vec<&str> = taken.rejected.iter().map(|rejected| rejected.0.as_str()).collect();
    assert_eq!(reasons, ["at least one label pair required", "start time must be before end time"]);
    assert_eq!((taken.firing, taken.resolved), (1, 0));
    assert_eq!(house.alerting.alerts(AlertFilter::default()).await.len(), 1);
    // The end of what nobody heard of is not kept.
    house.post(vec![posted("c", Some(START - 2), Some(START - 1))]).await;
    assert_eq!(house.alerting.alerts(AlertFilter::default()).await.len(), 1);
}

#[tokio::test]
async fn a_silence_that_was_acknowledged_survives_a_kill() {
    let mut house = House::new("").await;
    let id = house.alerting.put_silence(silence_of("a", START, START + 60 * MINUTE)).await.unwrap();
    house.kill().await;
    assert_eq!(house.alerting.silences().await[0].id, id);
    house.post(vec![posted("a", None, None), posted("b", None, None)]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(house.script.told(), ["firing: b=firing"]);
    let alerts = house.alerting.alerts(AlertFilter { active: false, ..AlertFilter::default() }).await;
    assert_eq!((alerts.len(), &alerts[0].silenced_by), (1, &vec![id.clone()]));
    house.alerting.expire_silence(id.clone()).await.unwrap();
    house.kill().await;
    assert!(house.alerting.expire_silence(id).await.unwrap_err().to_string().contains("already expired"));
    house.post(vec![posted("a", None, None), posted("b", None, None)]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
}

#[tokio::test]
async fn the_end_of_what_was_told_is_told_also_when_it_is_silenced_by_then() {
    // Alertmanager says nothing in this case, and a pager stays on.
    let house = House::new("").await;
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
    house.alerting.put_silence(silence_of("a|b", START, START + 600 * MINUTE)).await.unwrap();
    house.minutes(2).await;
    house.evaluate(&["b"], &["a"]).await;
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    // What still fires is not spoken of while it is silenced, however long that takes.
    house.minutes(100).await;
    assert!(house.script.told().is_empty());
    house.evaluate(&[], &["a", "b"]).await;
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["resolved: b=resolved"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn what_was_never_told_is_not_told_when_it_ends_silenced() {
    let house = House::new("").await;
    house.alerting.put_silence(silence_of("a", START, START + 600 * MINUTE)).await.unwrap();
    house.evaluate(&["a"], &[]).await;
    house.minutes(3).await;
    house.evaluate(&[], &["a"]).await;
    house.minutes(3).await;
    assert!(house.script.told().is_empty());
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
    let mut metrics = String::new();
    house.alerting.write_metrics(&mut metrics);
    assert!(metrics.contains("alertmanager_silences{state=\"active\"} 1"), "{metrics}");
    assert!(!metrics.contains("suppressed_total{reason=\"silence\"} 0"), "{metrics}");
}

#[tokio::test]
async fn an_end_left_out_of_one_notification_is_told_by_a_later_one() {
    let house = House::new("").await;
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    house.script.take();
    house.alerting.put_silence(silence_of("a", START, START + 600 * MINUTE)).await.unwrap();
    // The group ends as far as the receiver is told, while a goes on in silence.
    house.evaluate(&["a"], &["b"]).await;
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["resolved: b=resolved"]);
    house.evaluate(&[], &["a", "b"]).await;
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn a_silence_is_changed_in_place_only_where_it_mutes_the_same_since_the_same() {
    let house = House::new("").await;
    let id = house.alerting.put_silence(silence_of("a", START - MINUTE, START + MINUTE)).await.unwrap();
    let first = house.alerting.silence(id.clone()).await.unwrap();
    assert_eq!(first.starts_ms, START, "it cannot have begun before it was made");
    let change = |instance: &str, from_ms: i64, to_ms: i64| PostedSilence {
        id: id.clone(),
        ..silence_of(instance, from_ms, to_ms)
    };
    house.clock.advance(SECOND);
    let same = house.alerting.put_silence(change("a", START, START + 5 * MINUTE)).await.unwrap();
    assert_eq!(same, id);
    let other = house.alerting.put_silence(change("b", START, START + 5 * MINUTE)).await.unwrap();
    assert_ne!(other, id);
    let states: Vec<SilenceState> = house
        .alerting
        .silences()
        .await
        .iter()
        .map(|silence| SilenceState::of(silence, house.clock.now_ms()))
        .collect();
    assert_eq!(states, [SilenceState::Active, SilenceState::Expired]);
    let nobody = PostedSilence { id: "nobody".to_owned(), ..silence_of("a", START, START + MINUTE) };
    assert!(matches!(house.alerting.put_silence(nobody).await, Err(SilenceError::NotFound)));
    assert_eq!((other.len(), other.as_bytes()[14]), (36, b'4'));
}

#[tokio::test]
async fn silences_over_a_limit_are_refused_and_old_ones_forgotten() {
    let clock = Arc::new(ManualClock::at(START));
    let silences = SilenceLimits { count: 2, size_bytes: 200 };
    let options = AlertingOptions {
        ledger: Ledger::in_memory().unwrap(),
        clock: clock.clone(),
        tuning: Tuning { silences, ..Tuning::default() },
    };
    let alerting = Alerting::open(options).unwrap();
    let ask = || silence_of("a", START, START + MINUTE);
    alerting.put_silence(ask()).await.unwrap();
    let wordy = PostedSilence { comment: "x".repeat(200), ..ask() };
    let error = alerting.put_silence(wordy).await.unwrap_err().to_string();
    assert!(error.contains("maximum size"), "{error}");
    alerting.put_silence(ask()).await.unwrap();
    let error = alerting.put_silence(ask()).await.unwrap_err().to_string();
    assert_eq!(error, "exceeded maximum number of silences: 2 (limit: 2)");
    clock.advance(121 * 60 * MINUTE);
    let inner = Arc::clone(&alerting.inner);
    let now_ms = clock.now_ms();
    tokio::task::spawn_blocking(move || inner.round(now_ms, true).unwrap()).await.unwrap();
    assert!(alerting.silences().await.is_empty());
}

#[tokio::test]
async fn an_inhibited_alert_is_told_when_its_source_ends() {
    let house = House::new("").await;
    let matchers = |text: &str| MatcherMode::Fallback.parse(text, "test").unwrap();
    house
        .reconfigure(|config| {
            config.inhibit_rules = vec![InhibitRule {
                name: "r".to_owned(),
                sources: matchers("instance=source"),
                targets: matchers("instance=target"),
                equal: vec!["alertname".to_owned()],
            }];
        })
        .await;
    house.evaluate(&["source", "target"], &[]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(house.script.told(), ["firing: source=firing"]);
    let inhibited = house.alerting.alerts(AlertFilter { active: false, ..AlertFilter::default() }).await;
    assert_eq!((inhibited.len(), inhibited[0].inhibited_by.len()), (1, 1));
    house.evaluate(&["target"], &["source"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: source=resolved target=firing"]);
}

#[tokio::test]
async fn a_route_is_quiet_in_its_intervals_and_tells_what_still_fires_after_them() {
    let house = House::new("").await;
    // 22:13:20 to 22:30 of the day on which the clock starts.
    let quiet = NamedInterval {
        name: "quiet".to_owned(),
        parts: vec![TimeInterval { times: vec![(22 * 60, 22 * 60 + 30)], ..TimeInterval::default() }],
    };
    house
        .reconfigure(|config| {
            config.time_intervals.insert("quiet".to_owned(), quiet);
            let root = config.route.as_mut().unwrap();
            let child = Route { mute_time_intervals: vec!["quiet".to_owned()], ..root.clone() };
            root.routes = vec![child];
        })
        .await;
    house.evaluate(&["a"], &[]).await;
    house.minutes(16).await;
    assert!(house.script.told().is_empty());
    let groups = house.alerting.groups(AlertFilter::default()).await;
    assert_eq!(groups[0].alerts[0].muted_by, ["quiet"]);
    assert!(house.alerting.groups(AlertFilter { muted: false, ..AlertFilter::default() }).await.is_empty());
    house.minutes(2).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
}

#[tokio::test]
async fn a_group_that_begins_waits_for_the_start_delay_and_a_reload_gives_every_group_its_turn() {
    let script = Script::default();
    let url = serve(script.clone()).await;
    let clock = Arc::new(ManualClock::at(START));
    let options = AlertingOptions {
        ledger: Ledger::in_memory().unwrap(),
        clock: clock.clone(),
        tuning: Tuning { start_delay: Duration::from_secs(300), ..Tuning::default() },
    };
    let alerting = Alerting::open(options).unwrap();
    let text = format!(
        "route: {{receiver: hook, group_wait: 10s, group_interval: 10m}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    );
    let config = || Config::parse("am.yml", &text, Path::new("")).unwrap();
    alerting.apply(config(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let house = House { folder, clock, script, config: text.clone(), alerting };
    house.post(vec![posted("a", Some(START - MINUTE), Some(START + 60 * MINUTE))]).await;
    house.minutes(4).await;
    assert!(house.script.told().is_empty());
    house.minutes(1).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    house.post(vec![posted("b", None, Some(START + 60 * MINUTE))]).await;
    house.minutes(2).await;
    assert!(house.script.told().is_empty(), "its group was looked at two minutes ago");
    house.alerting.apply(config(), Settings::default()).await.unwrap();
    house.minutes(1).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
}

#[tokio::test]
async fn what_a_receiver_refuses_for_good_reaches_its_fallback_with_its_end() {
    let (broken, spare) = (Script::default(), Script::default());
    let (broken_url, spare_url) = (serve(broken.clone()).await, serve(spare.clone()).await);
    let config = format!(
        "route: {{receiver: broken, group_by: [alertname], group_wait: 10s, group_interval: 1m}}\n\
         receivers:\n- {{name: broken, fallback: spare, webhook_configs: [{{url: '{broken_url}'}}]}}\n\
         - {{name: spare, webhook_configs: [{{url: '{spare_url}'}}]}}\n"
    );
    let mut house = House::with(config, spare).await;
    broken.then([Answer::Status(404)]);
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    house.pass(SECOND).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    // The receiver is well again by the end, and both hear of it; also over a kill.
    house.kill().await;
    house.evaluate(&[], &["a"]).await;
    house.minutes(3).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert_eq!(broken.told(), ["resolved: a=resolved"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}
