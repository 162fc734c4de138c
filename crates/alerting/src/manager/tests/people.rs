//! Incidents from the first page to the end: acknowledged, escalated, killed in between, over.

use super::*;
use crate::incident::{Acknowledge, IncidentFilter, IncidentState, IncidentStory, PeopleError};
use watchfire_ledger::{EventKind, NewOverride};
use watchfire_oncall::{OnCall, Target};

const ONCALL: &str = "
people:
- {name: ada, receivers: [ada]}
- {name: ben, receivers: [ben]}
schedules:
- name: primary
  time_zone: UTC
  layers: [{rotation: weekly, start: 2023-11-13 00:00, people: [ada]}]
- name: empty
  time_zone: UTC
  layers: [{rotation: weekly, start: 2033-11-13 00:00, people: [ada]}]
policies:
- name: gpu
  repeat: 1
  steps:
  - {tell: [{schedule: primary}], wait: 5m}
  - {tell: [{person: ben}], wait: 10m}
- name: hollow
  steps:
  - {tell: [{schedule: empty}], wait: 5m}
  - {tell: [{person: ben}], wait: 10m}
";

/// A house whose route names a policy, and in which people have receivers of their own.
struct Team {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    script: Script,
    config: String,
    alerting: Alerting,
}

impl Team {
    async fn new(policy: &str) -> Self {
        let script = Script::default();
        let url = serve(script.clone()).await;
        let receiver = |name: &str| format!("{{name: {name}, webhook_configs: [{{url: '{url}'}}]}}");
        let config = format!(
            "route: {{receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 1h, \
             labels: {{escalation_policy: '{policy}'}}}}\nreceivers: [{}, {}, {}]\n",
            receiver("team"),
            receiver("ada"),
            receiver("ben")
        );
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let alerting = begin(&folder.path().join("ledger.sqlite"), &clock, &config).await;
        Self { folder, clock, script, config, alerting }
    }

    async fn kill(&mut self) {
        self.alerting = begin(&self.folder.path().join("ledger.sqlite"), &self.clock, &self.config).await;
    }

    async fn post(&self, firing: &[(&str, &str)], resolved: &[(&str, &str)]) {
        let now_ms = self.clock.now_ms();
        let instance = |(name, severity): &(&str, &str), state: AlertState| AlertInstance {
            labels: Labels::from_pairs([("alertname", "Hot"), ("instance", *name), ("severity", *severity)]),
            annotations: BTreeMap::from([("summary".to_owned(), "GPUs are hot".to_owned())]),
            state,
            value: 0.0,
            active_ms: START,
            fired_ms: Some(START),
            resolved_ms: (state == AlertState::Inactive).then_some(now_ms),
            keep_firing_since_ms: None,
        };
        let firing = firing.iter().map(|one| instance(one, AlertState::Firing));
        let resolved = resolved.iter().map(|one| instance(one, AlertState::Inactive));
        let evaluation = Evaluation {
            rule: "f;g;Hot;{}".to_owned(),
            origin: Default::default(),
            evaluated_ms: now_ms,
            external_labels: Labels::empty(),
            generator_url: String::new(),
            instances: firing.chain(resolved).collect(),
        };
        self.alerting.commit(evaluation).await.unwrap();
    }

    /// Lets time pass in steps of ten seconds, killed at every step where that is asked for; who was told what. What is
    /// sent at once arrives in any order, and is put into one.
    async fn told(&mut self, ms: i64, kill: bool) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..ms / (10 * SECOND) {
            self.clock.advance(10 * SECOND);
            self.alerting.tick().await.unwrap();
            if kill {
                self.kill().await;
            }
            let word =
                |body: &serde_json::Value, key: &str| body[key].as_str().unwrap_or_default().to_owned();
            let received = self.script.take();
            let told = received.iter().map(|one| (word(&one.body, "receiver"), word(&one.body, "status")));
            let mut told: Vec<String> =
                told.map(|(receiver, status)| format!("{receiver} {status}")).collect();
            told.sort_by(|left, right| right.cmp(left));
            all.extend(told);
        }
        all
    }

    async fn stories(&self) -> Vec<IncidentStory> {
        let all = self.alerting.incidents(everything()).await.unwrap();
        let mut stories = Vec::new();
        for view in all.shown {
            stories.push(self.alerting.incident(view.incident.id).await.unwrap().unwrap());
        }
        stories
    }

    async fn kinds(&self) -> Vec<EventKind> {
        let stories = self.stories().await;
        assert_eq!(stories.len(), 1);
        stories[0].events.iter().map(|event| event.kind).collect()
    }
}

fn everything() -> IncidentFilter {
    IncidentFilter {
        states: Vec::new(),
        severities: Vec::new(),
        matchers: Vec::new(),
        text: String::new(),
        from_ms: i64::MIN,
        to_ms: i64::MAX,
        offset: 0,
        limit: 100,
    }
}

async fn begin(path: &Path, clock: &Arc<ManualClock>, config: &str) -> Alerting {
    let opened = Ledger::open(path, clock.now_ms()).unwrap();
    let options = AlertingOptions { ledger: opened.ledger, clock: clock.clone(), tuning: Tuning::default() };
    let alerting = Alerting::open(options).unwrap();
    let config = Config::parse("am.yml", config, Path::new("")).unwrap();
    let oncall = Arc::new(OnCall::parse(Path::new("oncall.yml"), ONCALL).unwrap());
    alerting.apply(config, Settings { oncall, ..Settings::default() }).await.unwrap();
    alerting
}

fn ada(note: &str) -> Acknowledge {
    Acknowledge { owner: "ada".to_owned(), note: note.to_owned(), ..Acknowledge::default() }
}

const HOT: &[(&str, &str)] = &[("a", "critical")];
const QUIET: usize = 0;

#[tokio::test]
async fn steps_are_taken_in_turn_until_the_policy_is_through_and_everybody_told_hears_the_end_once() {
    for kill in [false, true] {
        let mut team = Team::new("gpu").await;
        team.post(HOT, &[]).await;
        assert_eq!(team.told(10 * SECOND, kill).await, ["team firing", "ada firing"], "kill: {kill}");
        assert_eq!(team.told(5 * MINUTE, kill).await, ["ben firing"]);
        assert_eq!(team.told(9 * MINUTE, kill).await.len(), QUIET);
        assert_eq!(team.told(MINUTE, kill).await, ["ada firing"], "the second round");
        assert_eq!(team.told(5 * MINUTE, kill).await, ["ben firing"]);
        assert_eq!(team.told(30 * MINUTE, kill).await.len(), QUIET, "the policy is through");
        team.post(&[], HOT).await;
        let mut ends = team.told(2 * MINUTE, kill).await;
        ends.sort();
        assert_eq!(ends, ["ada resolved", "ben resolved", "team resolved"]);
        assert_eq!(team.told(30 * MINUTE, kill).await.len(), QUIET);
        let kinds = team.kinds().await;
        let step = EventKind::Escalated;
        assert_eq!(kinds, [EventKind::Fired, step, step, step, step, EventKind::Resolved]);
        let stories = team.stories().await;
        assert_eq!(stories[0].notifications.len(), 8);
        assert!(stories[0].notifications.iter().all(|told| told.attempts.len() == 1));
        assert_eq!(stories[0].view.title(), "Hot: GPUs are hot");
    }
}

#[tokio::test]
async fn an_acknowledgement_stops_steps_and_repeats_and_not_what_is_new_or_the_end_also_across_kills() {
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    team.told(MINUTE, false).await;
    let id = team.stories().await[0].view.incident.id;
    team.alerting.acknowledge(id, ada("looking")).await.unwrap();
    team.kill().await;
    assert_eq!(team.told(3 * 60 * MINUTE, true).await.len(), QUIET);
    // Another alert of the same severity is told, and changes nothing for whoever has it.
    team.post(&[("a", "critical"), ("b", "critical")], &[]).await;
    assert_eq!(team.told(5 * MINUTE, false).await, ["team firing"]);
    let story = &team.stories().await[0];
    assert_eq!(IncidentState::of(&story.view.incident), IncidentState::Acknowledged);
    team.post(&[], &[("a", "critical"), ("b", "critical")]).await;
    let mut ends = team.told(2 * MINUTE, false).await;
    ends.sort();
    assert_eq!(ends, ["ada resolved", "team resolved"]);
    let over = team.alerting.acknowledge(id, ada("late")).await;
    assert!(matches!(over, Err(PeopleError::Conflict(_))), "{over:?}");
    let missing = team.alerting.acknowledge(99, ada("what")).await;
    assert!(matches!(missing, Err(PeopleError::NotFound(_))), "{missing:?}");
    team.alerting.note_incident(id, "ada".to_owned(), "it was the fan".to_owned()).await.unwrap();
    assert_eq!(team.kinds().await.last(), Some(&EventKind::Note));
}

#[tokio::test]
async fn a_rise_in_severity_ends_an_acknowledgement_and_escalates_anew() {
    let mut team = Team::new("gpu").await;
    team.post(&[("a", "warning")], &[]).await;
    team.told(MINUTE, false).await;
    let id = team.stories().await[0].view.incident.id;
    team.alerting.acknowledge(id, ada("")).await.unwrap();
    team.post(&[("a", "warning"), ("b", "critical")], &[]).await;
    assert_eq!(team.told(MINUTE, false).await, ["team firing", "ada firing"]);
    let kinds = team.kinds().await;
    let expected = [EventKind::Joined, EventKind::Severity, EventKind::Unacknowledged, EventKind::Escalated];
    assert_eq!(kinds[3..], expected, "{kinds:?}");
}

#[tokio::test]
async fn an_acknowledgement_reminds_its_owner_and_runs_out() {
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    team.told(MINUTE, false).await;
    let id = team.stories().await[0].view.incident.id;
    let until_ms = Some(team.clock.now_ms() + 50 * MINUTE);
    let taken = Acknowledge { until_ms, reminder_ms: Some(20 * MINUTE), ..ada("") };
    team.alerting.acknowledge(id, taken).await.unwrap();
    assert_eq!(team.told(49 * MINUTE, true).await, ["ada firing", "ada firing"]);
    let told = team.told(2 * MINUTE, true).await;
    assert_eq!(told, ["team firing", "ada firing"], "told again, and the first step");
    let kinds = team.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::Reminded).count(), 2);
    assert!(kinds.contains(&EventKind::Expired));
}

#[tokio::test]
async fn a_step_that_reaches_nobody_falls_to_the_next_and_is_told_and_counted() {
    let mut team = Team::new("hollow").await;
    team.post(HOT, &[]).await;
    assert_eq!(team.told(10 * SECOND, false).await, ["team firing", "ben firing"]);
    assert_eq!(team.kinds().await, [EventKind::Fired, EventKind::Unreachable, EventKind::Escalated]);
    let mut metrics = String::new();
    team.alerting.write_metrics(&mut metrics);
    for line in [
        "watchfire_escalation_unreachable_total{policy=\"hollow\"} 1",
        "watchfire_escalation_steps_total{policy=\"hollow\",step=\"2\"} 1",
        "watchfire_incidents{severity=\"critical\",state=\"firing\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // An override of the schedule is reached.
    let now_ms = team.clock.now_ms();
    let made = NewOverride {
        schedule: "empty".to_owned(),
        people: vec!["ada".to_owned()],
        from_ms: now_ms,
        to_ms: now_ms + 60 * MINUTE,
        created_by: "ben".to_owned(),
        note: String::new(),
    };
    let kept = team.alerting.add_override(made).await.unwrap();
    team.kill().await;
    let id = team.stories().await[0].view.incident.id;
    team.alerting.escalate(id, "ben".to_owned(), String::new(), None).await.unwrap();
    assert_eq!(team.told(10 * SECOND, false).await, ["ada firing"]);
    team.alerting.remove_override("empty".to_owned(), kept.id).await.unwrap();
    assert!(team.alerting.overrides("empty").is_empty());
}

#[tokio::test]
async fn info_pages_nobody_until_it_is_worse() {
    let mut team = Team::new("gpu").await;
    team.post(&[("a", "info")], &[]).await;
    assert_eq!(team.told(30 * MINUTE, false).await, ["team firing"]);
    team.post(&[("a", "info"), ("b", "warning")], &[]).await;
    assert_eq!(team.told(MINUTE, false).await, ["team firing", "ada firing"]);
}

#[tokio::test]
async fn what_is_silenced_is_not_escalated_and_goes_on_when_the_silence_is_over() {
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    team.told(MINUTE, false).await;
    let now_ms = team.clock.now_ms();
    let matcher = watchfire_ledger::SilenceMatcher {
        name: "alertname".to_owned(),
        value: "Hot".to_owned(),
        is_regex: false,
        is_equal: true,
    };
    let silence = PostedSilence {
        id: String::new(),
        matchers: vec![vec![matcher]],
        starts_ms: now_ms,
        ends_ms: now_ms + 30 * MINUTE,
        created_by: "ada".to_owned(),
        comment: "maintenance".to_owned(),
        annotations: BTreeMap::new(),
    };
    team.alerting.put_silence(silence).await.unwrap();
    assert_eq!(team.told(29 * MINUTE, false).await.len(), QUIET);
    assert_eq!(team.told(2 * MINUTE, false).await, ["ben firing"]);
}

#[tokio::test]
async fn a_group_that_fires_again_soon_begins_its_incident_again_and_later_a_new_one() {
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    team.told(MINUTE, false).await;
    team.post(&[], HOT).await;
    team.told(2 * MINUTE, false).await;
    team.post(HOT, &[]).await;
    assert_eq!(team.told(2 * MINUTE, false).await, ["team firing", "ada firing"]);
    assert_eq!(team.stories().await.len(), 1);
    assert_eq!(team.stories().await[0].view.incident.reopened, 1);
    team.post(&[], HOT).await;
    team.told(20 * MINUTE, false).await;
    team.post(HOT, &[]).await;
    team.told(2 * MINUTE, false).await;
    assert_eq!(team.stories().await.len(), 2);
}

#[tokio::test]
async fn people_are_told_by_hand_and_filters_find_incidents() {
    let mut team = Team::new("").await;
    team.post(HOT, &[]).await;
    assert_eq!(team.told(MINUTE, false).await, ["team firing"]);
    let id = team.stories().await[0].view.incident.id;
    let none = team.alerting.escalate(id, "ada".to_owned(), String::new(), None).await;
    assert!(
        matches!(&none, Err(PeopleError::Conflict(why)) if why.contains("no escalation policy")),
        "{none:?}"
    );
    let nobody = Some(Target::Person("eve".to_owned()));
    let nobody = team.alerting.escalate(id, "ada".to_owned(), String::new(), nobody).await;
    assert!(matches!(nobody, Err(PeopleError::Invalid(_))), "{nobody:?}");
    let ben = Some(Target::Person("ben".to_owned()));
    team.alerting.escalate(id, "ada".to_owned(), "help".to_owned(), ben).await.unwrap();
    assert_eq!(team.told(10 * SECOND, false).await, ["ben firing"]);
    let count = |filter: IncidentFilter| async { team.alerting.incidents(filter).await.unwrap().total };
    let base = everything();
    assert_eq!(count(IncidentFilter { text: "ARE HOT".to_owned(), ..base.clone() }).await, 1);
    assert_eq!(count(IncidentFilter { text: "cold".to_owned(), ..base.clone() }).await, 0);
    assert_eq!(count(IncidentFilter { states: vec![IncidentState::Resolved], ..base.clone() }).await, 0);
    assert_eq!(count(IncidentFilter { states: vec![IncidentState::Firing], ..base.clone() }).await, 1);
    assert_eq!(count(IncidentFilter { to_ms: START - 1, ..base.clone() }).await, 0);
    let matchers = crate::MatcherMode::default().parse("instance=~\"a|z\"", "api").unwrap();
    assert_eq!(count(IncidentFilter { matchers, ..base }).await, 1);
    team.post(&[], HOT).await;
    let mut ends = team.told(2 * MINUTE, false).await;
    ends.sort();
    assert_eq!(ends, ["ben resolved", "team resolved"]);
}

#[tokio::test]
async fn a_page_that_could_not_be_delivered_yet_ends_with_the_incident() {
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    // The team's hook and Ada's fail for a while.
    team.script.then((0..2).map(|_| Answer::RetryAfter(503, 600)));
    assert_eq!(team.told(10 * SECOND, true).await.len(), QUIET);
    team.post(&[], HOT).await;
    let mut ends = team.told(30 * MINUTE, true).await;
    ends.sort();
    assert_eq!(ends, ["ada resolved", "team resolved"]);
    assert_eq!(team.alerting.outbox(1).await.unwrap().counts.open, 0);
}

#[tokio::test]
async fn who_answers_where_they_were_told_is_heard_once() {
    use watchfire_channels::{Answer, Wish, group_identity};
    let mut team = Team::new("gpu").await;
    team.post(HOT, &[]).await;
    team.told(MINUTE, false).await;
    let group = group_identity("{}:{alertname=\"Hot\"}");
    let answer = |wish: Wish| Answer {
        group: group.clone(),
        by: "ada".to_owned(),
        wish,
        at_ms: None,
        id: String::new(),
    };
    let kept = Answer { at_ms: Some(START - 2 * MINUTE), ..answer(Wish::Acknowledge) };
    assert_eq!(team.alerting.answered(kept).await.unwrap(), 0, "it is older than what fires");
    for _ in 0..2 {
        assert_eq!(team.alerting.answered(answer(Wish::Acknowledge)).await.unwrap(), 1);
    }
    assert_eq!(team.told(30 * MINUTE, true).await.len(), QUIET);
    let pressed = Answer { id: "a button".to_owned(), ..answer(Wish::Escalate) };
    assert_eq!(team.alerting.answered(pressed.clone()).await.unwrap(), 1);
    assert_eq!(team.alerting.answered(pressed).await.unwrap(), 0, "sent again");
    assert_eq!(team.told(10 * SECOND, false).await, ["ben firing"]);
    // By hand, the policy goes on after the time that people have to answer.
    team.alerting.answered(answer(Wish::Acknowledge)).await.unwrap();
    let ben = Some(Target::Person("ben".to_owned()));
    let id = team.stories().await[0].view.incident.id;
    team.alerting.escalate(id, "ada".to_owned(), String::new(), ben).await.unwrap();
    assert_eq!(team.told(9 * MINUTE, false).await, ["ben firing"]);
    assert_eq!(team.told(2 * MINUTE, false).await, ["ada firing"], "the second round");
    let other = Answer { group: "else".to_owned(), ..answer(Wish::Acknowledge) };
    assert_eq!(team.alerting.answered(other).await.unwrap(), 0);
    let kinds = team.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::Acknowledged).count(), 2, "{kinds:?}");
}

#[tokio::test]
async fn statistics_tell_how_long_it_took_until_somebody_took_an_incident_on() {
    let mut team = Team::new("").await;
    team.post(&[("a", "critical"), ("b", "critical")], &[]).await;
    team.told(3 * MINUTE, false).await;
    let id = team.stories().await[0].view.incident.id;
    let ada = Acknowledge { owner: "ada".to_owned(), ..Acknowledge::default() };
    team.alerting.acknowledge(id, ada.clone()).await.unwrap();
    team.told(MINUTE, false).await;
    // Taken on once more: the first time counts.
    team.alerting.acknowledge(id, Acknowledge { owner: "ben".to_owned(), ..ada }).await.unwrap();
    let query = |instance: &str, to_ms: i64| crate::StatisticsQuery {
        from_ms: START,
        to_ms,
        matchers: crate::MatcherMode::default().parse(&format!("instance=~\"{instance}\""), "test").unwrap(),
        rules: BTreeSet::new(),
        within_ms: 0,
        flap_ms: 0,
    };
    let now_ms = team.clock.now_ms();
    let counted = team.alerting.statistics(query(".*", now_ms)).await.unwrap();
    let expected = |times: &crate::Durations| {
        assert_eq!(
            (times.count(), times.quantile_ms(0.5)),
            (1, Some(3 * MINUTE)),
            "once, whatever the alerts"
        );
    };
    expected(&counted.total.to_acknowledge);
    expected(&counted.rules[0].to_acknowledge);
    let other = team.alerting.statistics(query("c", now_ms)).await.unwrap();
    assert_eq!(other.total.to_acknowledge.count(), 0, "no alert of it is asked for");
    let before = team.alerting.statistics(query(".*", START + MINUTE)).await.unwrap();
    assert_eq!(before.total.to_acknowledge.count(), 0, "it was not taken on by then");
}

#[tokio::test]
async fn explain_names_who_acknowledged_until_when_and_whom_steps_told() {
    let mut team = Team::new("gpu").await;
    team.post(&[("a", "critical")], &[]).await;
    team.told(MINUTE, false).await;
    let explain = async |team: &Team| {
        let matchers = crate::MatcherMode::default().parse("instance=\"a\"", "test").unwrap();
        let at_ms = team.clock.now_ms();
        let query = crate::ExplainQuery { fingerprint: None, matchers, at_ms, receiver: None };
        team.alerting.explain(query).await.unwrap().expect("an alert")
    };
    let explained = explain(&team).await;
    let has = |explained: &crate::Explained, step: &str, text: &str| {
        explained.steps.iter().any(|found| found.step == step && found.text.contains(text))
    };
    assert!(has(&explained, "escalation", "team: step 1 of gpu told ada"), "{:?}", explained.steps);
    assert!(has(&explained, "outbox", "ada: the group's turn"), "{:?}", explained.steps);
    assert!(has(&explained, "confirmed", "ada: webhook[0] confirmed"), "{:?}", explained.steps);
    assert!(explained.summary.contains("Policy \"gpu\" takes its next step at"), "{}", explained.summary);
    let id = team.stories().await[0].view.incident.id;
    let until_ms = team.clock.now_ms() + 10 * MINUTE;
    let taken = Acknowledge {
        owner: "ada".to_owned(),
        note: "on it".to_owned(),
        until_ms: Some(until_ms),
        ..Acknowledge::default()
    };
    team.alerting.acknowledge(id, taken).await.unwrap();
    let explained = explain(&team).await;
    let until = crate::explain::clock_text(until_ms);
    assert!(
        has(&explained, "acknowledgement", &format!("acknowledged by ada (until {until}: on it)")),
        "{:?}",
        explained.steps
    );
    assert!(
        explained.summary.contains("It is not repeated and not escalated: ada acknowledged it at")
            && explained.summary.contains(&until),
        "{}",
        explained.summary
    );
    team.told(11 * MINUTE, false).await;
    let explained = explain(&team).await;
    assert!(
        has(&explained, "acknowledgement", "ran out: repeats and escalation go on"),
        "{:?}",
        explained.steps
    );
    let times: Vec<_> = explained.steps.iter().map(|step| step.at_ms).collect();
    assert!(times.is_sorted(), "in order of time: {:?}", explained.steps);
}
