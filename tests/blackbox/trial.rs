//! The trial of the promise that a fired alert is delivered, and so is its end.
//!
//! The real program tells a receiver that is ill by a plan: it answers 429 with and without `Retry-After`, 500, 503,
//! Slack's `ok: false`, nothing, a byte at a time, half, or cuts the connection, and works again when the plan is used up.
//! Meanwhile alerts begin and end, by its own rules and posted to it, silences are made, and it is killed with signal 9 at
//! random moments and started again. In the end every life of an alert must have been told to somebody who confirmed it,
//! and nobody may be left to believe that what ended goes on; silences that were acknowledged must be there; and nothing
//! may have been told twice unless a kill or an answer that never arrived accounts for it.
//!
//! `TRIAL_LIVES` sets how many lives there are, `TRIAL_KILLS` how many kills, `TRIAL_SEED` what happens when. The same
//! trial runs on Alertmanager where it is installed, and prints what that loses.

mod lives;
mod receiver;
mod subject;
mod verdict;

use crate::differential::random::Random;
use crate::harness::{encode, now_ms};
use lives::{Sender, rfc3339};
use receiver::Receiver;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use subject::{Line, Program};
use verdict::Verdict;

/// Requests until the receiver is well, for each life.
const ILL_REQUESTS: usize = 1;
/// How long Watchfire may take at the end, on any machine; it is never waited for where nothing is broken.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long another program gets for each end, after which it is taken for lost: longer than it gives an attempt.
const OTHERS_WAIT: Duration = Duration::from_secs(15);

struct Plan {
    seed: u64,
    lives: usize,
    kills: usize,
}

impl Plan {
    fn of_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
        let lives = number("TRIAL_LIVES").unwrap_or(60) as usize;
        let plan = Self {
            seed: number("TRIAL_SEED").unwrap_or_else(|| now_ms().unsigned_abs()),
            lives,
            kills: number("TRIAL_KILLS").map_or(lives / 10, |kills| kills as usize),
        };
        println!("TRIAL_SEED={} TRIAL_LIVES={} TRIAL_KILLS={}", plan.seed, plan.lives, plan.kills);
        plan
    }
}

/// A silence that was acknowledged, and whether its end was, too.
struct Silence {
    id: String,
    is_expired: bool,
}

/// Makes a silence, and for every third asks for its end; `None` where that was not acknowledged.
async fn silence(line: &Line, number: usize) -> Option<Silence> {
    let body = json!({
        "matchers": [{"name": "nobody", "value": number.to_string(), "isRegex": false, "isEqual": true}],
        "startsAt": rfc3339(now_ms()),
        "endsAt": rfc3339(now_ms() + 86_400_000),
        "createdBy": "trial",
        "comment": "is it still there?",
    });
    let request = line.client.post(line.url("/api/v2/silences")).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.ok()?;
    assert!(answer.status().is_success(), "{answer:?}");
    let said: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    let id = said["silenceID"].as_str()?.to_owned();
    let is_expired = number % 3 == 2
        && line
            .client
            .delete(line.url(&format!("/api/v2/silence/{id}")))
            .send()
            .await
            .ok()?
            .status()
            .is_success();
    Some(Silence { id, is_expired })
}

/// Runs a program through the trial; `wait` is how long each life waits to be told over.
async fn hold(program: &Program, receiver: &Arc<Receiver>, plan: &Plan, wait: Duration) -> Verdict {
    let mut random = Random::new(plan.seed);
    let subjects = lives::subjects(&mut random, plan.lives, program.has_rules(), !program.has_rules());
    let line = Line::new();
    let mut process = program.start(&line).await;
    let sender = Sender::new(&line);
    let repeating = tokio::spawn(sender.clone().repeat());
    let mut living = tokio::task::JoinSet::new();
    for subject in subjects.clone() {
        let (sender, receiver) = (sender.clone(), Arc::clone(receiver));
        let delay = Duration::from_millis(random.next() % 3_000);
        living.spawn(async move {
            tokio::time::sleep(delay).await;
            sender.live(&subject, &receiver, wait).await;
        });
    }
    let mut verdict = Verdict::default();
    let mut silences = Vec::new();
    while verdict.kills < plan.kills && !living.is_empty() {
        // A moment of the seed's choosing, from the first instant to well into the telling.
        tokio::time::sleep(Duration::from_micros(random.next() % 2_500_000)).await;
        silences.extend(silence(&line, verdict.kills).await);
        drop(process);
        verdict.kills = receiver.killed();
        process = program.start(&line).await;
        while let Some(done) = living.try_join_next() {
            done.unwrap();
        }
    }
    while let Some(done) = living.join_next().await {
        done.unwrap();
    }
    let started = Instant::now();
    loop {
        verdict.hear(&subjects, &receiver.tellings());
        if verdict.is_whole() || started.elapsed() > wait {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    repeating.abort();
    verdict.silences = silences.len();
    for silence in silences {
        let said = line.get(&format!("/api/v2/silence/{}", silence.id)).await.unwrap_or_default();
        let state = said["status"]["state"].clone();
        if state != if silence.is_expired { "expired" } else { "active" } {
            verdict.silences_lost.push(silence.id);
        }
    }
    for name in &verdict.never_told {
        let subject = name.split('/').next().unwrap_or_default();
        let filter = encode(&format!("subject=\"{subject}\""));
        if let Some(story) = line.get(&format!("/api/v1/alerts/explain?filter={filter}")).await {
            println!("{name}: {story}");
        }
    }
    if program.has_rules() {
        until_nothing_waits(&line).await;
    }
    drop(process);
    let tellings = receiver.tellings();
    verdict.requests = receiver.requests();
    verdict.count_repetitions(&tellings, program.has_rules());
    println!("answers: {}", receiver.plan());
    println!("| {} | |\n|---|---|\n{verdict}", program.name());
    verdict
}

/// Until Watchfire itself says that nothing is left to be told, and that it gave nothing up.
async fn until_nothing_waits(line: &Line) {
    let started = Instant::now();
    loop {
        let counts = line.get("/api/ui/v1/deliveries").await.unwrap()["counts"].clone();
        assert_eq!(counts["dead"], 0, "nothing was refused for good");
        if counts["open"] == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "still to be told: {counts}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_and_its_end_are_told_whatever_the_receiver_does_and_whenever_we_are_killed() {
    let plan = Plan::of_environment();
    let receiver = Receiver::start(plan.seed, plan.lives * ILL_REQUESTS);
    let verdict = hold(&Program::watchfire(&receiver), &receiver, &plan, PATIENCE).await;
    assert_eq!(verdict.never_told, Vec::<String>::new(), "fired, and nobody was told");
    assert_eq!(verdict.never_ended, Vec::<String>::new(), "nobody was told the end");
    assert_eq!(verdict.silences_lost, Vec::<String>::new(), "acknowledged silences");
    assert_eq!(verdict.without_cause, Vec::<String>::new(), "told twice");
    assert!(verdict.confirmed > 0 && verdict.kills > 0, "the trial tried nothing: {verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alertmanager_goes_through_the_same_trial_and_what_it_loses_is_printed() {
    let plan = Plan::of_environment();
    let receiver = Receiver::start(plan.seed, plan.lives * ILL_REQUESTS);
    let Some(program) = Program::alertmanager(&receiver) else { return };
    let verdict = hold(&program, &receiver, &plan, OTHERS_WAIT).await;
    println!("never told: {:?}\nend never told: {:?}", verdict.never_told, verdict.never_ended);
    assert!(verdict.confirmed > 0, "the trial cannot tell anything: {verdict:?}");
}
