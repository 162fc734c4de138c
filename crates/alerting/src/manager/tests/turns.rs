//! Turns that come late, and what is found in them: nothing that lasted long enough is passed over.

use super::*;

#[tokio::test]
async fn a_destination_that_does_not_want_ends_hears_when_one_of_several_fires_again() {
    let house = House::new(", send_resolved: false").await;
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    house.evaluate(&["b"], &["a"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"], "a is news again");
    for _ in 0..10 {
        house.evaluate(&["a", "b"], &[]).await;
        assert_eq!(house.pass(MINUTE).await, 0);
    }
}

#[tokio::test]
async fn a_destination_that_does_not_want_ends_hears_of_what_ended_while_others_go_on_and_it_was_ill() {
    let house = House::new(", send_resolved: false").await;
    house.script.then([Answer::RetryAfter(503, 100)]);
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    house.evaluate(&["b"], &["a"]).await;
    house.settle().await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
    // And when it comes again, that is news.
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
}

#[tokio::test]
async fn a_life_that_begins_and_ends_while_the_end_of_the_last_one_is_on_its_way_is_told() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    house.evaluate(&[], &["a"]).await;
    house.clock.advance(MINUTE);
    let inner = Arc::clone(&house.alerting.inner);
    let now_ms = house.clock.now_ms();
    let round = tokio::task::spawn_blocking(move || inner.round(now_ms, false).unwrap().0);
    let claims = round.await.unwrap();
    assert_eq!(claims.len(), 1);
    // It fires again for two minutes before the receiver has taken the first end.
    house.clock.advance(SECOND);
    let since_ms = house.clock.now_ms();
    house.evaluate_since(since_ms, &["a"], &[]).await;
    house.clock.advance(2 * MINUTE);
    house.evaluate_since(since_ms, &[], &["a"]).await;
    for claim in claims {
        house.alerting.send(claim).await;
    }
    house.script.take();
    house.pass(MINUTE).await;
    house.settle().await;
    let received = house.script.take();
    assert_eq!(received.len(), 1, "{received:?}");
    let since = jiff::Timestamp::from_millisecond(since_ms).unwrap().to_string();
    assert_eq!(received[0].body["alerts"][0]["startsAt"], since, "{received:?}");
    assert_eq!(received[0].body["status"], "resolved", "{received:?}");
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn an_alert_that_lasted_until_its_turn_is_told_also_when_the_turn_comes_after_its_end() {
    for (options, told) in [("", "resolved: a=resolved"), (", send_resolved: false", "firing: a=firing")] {
        let mut house = House::new(options).await;
        house.evaluate(&["a"], &[]).await;
        // Nobody is there when the turn comes, and when somebody is, it is over.
        house.clock.advance(20 * SECOND);
        house.kill().await;
        house.evaluate(&[], &["a"]).await;
        house.settle().await;
        assert_eq!(house.script.told(), [told], "{options}");
        assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
    }
}

#[tokio::test]
async fn an_alert_that_ended_before_its_turn_is_not_told() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.clock.advance(5 * SECOND);
    house.evaluate(&[], &["a"]).await;
    assert_eq!(house.pass(MINUTE).await, 0);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_says_how_things_stand_by_then() {
    let house = House::new("").await;
    house.script.then([Answer::RetryAfter(503, 90)]);
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    house.evaluate(&[], &["a"]).await;
    house.clock.advance(SECOND);
    // It fires again, and this is another story.
    house.evaluate_since(house.clock.now_ms(), &["a"], &[]).await;
    let since = jiff::Timestamp::from_millisecond(house.clock.now_ms()).unwrap();
    house.settle().await;
    let received = house.script.take();
    assert_eq!(received[0].body["alerts"][0]["startsAt"], since.to_string(), "{received:?}");
}
