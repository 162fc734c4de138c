//! Alerts that come and go, receivers that fail and a process that is killed, in orders that seeds decide.

use super::*;

/// Lets alerts come and go, the receiver fail and the process be killed, in an order that the seed decides. Gives how
/// many alerts fired long enough to be told of, and how often the process was killed.
async fn live_through(seed: u64) -> (usize, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut house = House::new("").await;
    let (mut firing, mut ever): (BTreeSet<&str>, BTreeSet<&str>) = (BTreeSet::new(), BTreeSet::new());
    // Since when each alert fires without a break, and those that did for long enough to be told of.
    let mut since: BTreeMap<&str, i64> = BTreeMap::new();
    let mut owed: BTreeSet<&str> = BTreeSet::new();
    let (mut received, mut kills) = (Vec::new(), 0);
    for _ in 0..60 {
        match rng.u32(0..10) {
            0..=2 => {
                let name = ["a", "b", "c"][rng.usize(0..3)];
                if !firing.remove(name) {
                    firing.insert(name);
                    ever.insert(name);
                }
            }
            3 => house.script.then(std::iter::repeat_n(Answer::Status(503), rng.usize(0..4))),
            4 => house.script.then([Answer::RetryAfter(429, rng.u64(0..200))]),
            5 => {
                kills += 1;
                house.kill().await;
            }
            6 => {
                kills += 1;
                // The process ends when the attempts have begun, before or after they reached the receiver.
                let now_ms = house.clock.now_ms();
                let inner = Arc::clone(&house.alerting.inner);
                let round = tokio::task::spawn_blocking(move || inner.round(now_ms, false).unwrap().0);
                for claim in round.await.unwrap() {
                    if rng.bool() {
                        telling::send(&claim.channel, &claim.job, claim.receipt.as_ref()).await;
                    }
                }
                house.kill().await;
            }
            _ => {
                house.pass(rng.i64(1..90) * SECOND).await;
            }
        }
        let gone: Vec<&str> = ever.difference(&firing).copied().collect();
        house.evaluate(&firing.iter().copied().collect::<Vec<_>>(), &gone).await;
        let now_ms = house.clock.now_ms();
        since.retain(|name, _| firing.contains(name));
        for name in &firing {
            let begun = *since.entry(name).or_insert(now_ms);
            // A turn of the group has certainly come and gone.
            if now_ms - begun > 90 * SECOND {
                owed.insert(name);
            }
        }
        received.extend(house.script.take());
    }
    house.script.answers.lock().unwrap().clear();
    house.evaluate(&[], &ever.iter().copied().collect::<Vec<_>>()).await;
    for _ in 0..40 {
        house.pass(MINUTE).await;
    }
    received.extend(house.script.take());
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for received in &received {
        for alert in received.body["alerts"].as_array().unwrap() {
            let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            last.insert(word(&alert["labels"]["instance"]), word(&alert["status"]));
        }
    }
    let fired = owed.len();
    for name in owed {
        assert!(last.contains_key(name), "seed {seed}: {name} fired and nobody was told");
    }
    for (name, status) in last {
        assert_eq!(status, "resolved", "seed {seed}: the end of {name} was never told");
    }
    assert!(house.alerting.alerts(AlertFilter::default()).await.is_empty(), "seed {seed}");
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty(), "seed {seed}");
    let counts = house.alerting.outbox(1).await.unwrap().counts;
    assert_eq!((counts.open, counts.dead), (0, 0), "seed {seed}");
    (fired, kills)
}

#[tokio::test]
async fn whatever_happens_what_fired_is_told_and_what_was_told_ends() {
    let (mut fired, mut kills) = (0, 0);
    for seed in 0..24 {
        let lived = live_through(seed).await;
        fired += lived.0;
        kills += lived.1;
    }
    println!("{fired} alerts told of over {kills} kills");
    assert!(fired > 30 && kills > 100, "{fired} alerts, {kills} kills: not much of a test");
}
