//! Calendars of people on call: taken from an address, kept when it is ill, given to others, right when clocks are set.

use crate::harness::{PATIENCE, Server, Setup};
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server of calendars.
#[derive(Clone)]
struct Source(Arc<Mutex<Result<String, StatusCode>>>);

impl Source {
    async fn start(calendar: &str) -> (Self, String) {
        let source = Self(Arc::new(Mutex::new(Ok(calendar.to_owned()))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/private-3f9a.ics", listener.local_addr().unwrap());
        let own = source.clone();
        let app = Router::new().fallback(move || {
            let said = own.0.lock().unwrap().clone();
            async move {
                match said {
                    Ok(calendar) => ([("content-type", "text/calendar")], calendar).into_response(),
                    Err(status) => status.into_response(),
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (source, url)
    }

    fn says(&self, said: Result<&str, StatusCode>) {
        *self.0.lock().unwrap() = said.map(str::to_owned);
    }
}

/// Two people who take turns of a day from nine o'clock in Berlin.
fn calendar(first: &str, second: &str) -> String {
    let event = |uid: u32, day: u32, who: &str| {
        format!(
            "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART;TZID=Europe/Berlin:202601{day:02}T090000\r\n\
             DTEND;TZID=Europe/Berlin:202601{:02}T090000\r\nRRULE:FREQ=DAILY;INTERVAL=2\r\nSUMMARY:{who}\r\nEND:VEVENT\r\n",
            day + 1
        )
    };
    let events = [event(1, 5, first), event(2, 6, second)].concat();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{events}END:VCALENDAR\r\n")
}

fn setup(url: &str) -> Setup {
    let setup = Setup::new()
        .config("alertmanager_file: alertmanager.yml\noncall_file: oncall.yml\ncollect: {enabled: false}\n");
    setup.write("alertmanager.yml", "route: {receiver: team}\nreceivers: [{name: team}]\n");
    setup.write("oncall.url", url);
    setup.write(
        "oncall.yml",
        "people:\n- {name: ada, receivers: [team]}\n- {name: ben, receivers: [team]}\nschedules:\n- name: primary\n  \
         time_zone: Europe/Berlin\n  layers:\n  - {name: plan, calendar_url_file: oncall.url, calendar_refresh: 10s}\n",
    );
    setup
}

async fn schedule(server: &Server, from: &str, to: &str) -> Value {
    let answer = server.get_json(&format!("/api/v1/schedules/primary?from={from}&to={to}")).await;
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"].clone()
}

/// The shifts that hold, as `person from to`, in UTC to the minute.
async fn shifts(server: &Server, from: &str, to: &str) -> Vec<String> {
    let shown = schedule(server, from, to).await;
    let minute = |shift: &Value, key: &str| shift[key].as_str().unwrap()[..16].to_owned();
    let line = |shift: &Value| {
        let people: Vec<&str> =
            shift["people"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        format!("{} {} {}", people.join("+"), minute(shift, "from"), minute(shift, "to"))
    };
    shown["final"].as_array().unwrap().iter().map(line).collect()
}

/// Waits until a schedule satisfies a condition.
async fn until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let shown = schedule(server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await;
        if holds(&shown) {
            return shown;
        }
        assert!(started.elapsed() < 2 * PATIENCE, "{what}: {shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_calendar_at_an_address_is_followed_kept_while_it_is_ill_and_given_to_others() {
    let (source, url) = Source::start(&calendar("ada", "ben")).await;
    let setup = setup(&url);
    let server = setup.start().await;
    let read = |shown: &Value| !shown["final"].as_array().unwrap().is_empty();
    until(&server, "the calendar to be read", read).await;

    // Clocks are set forward in the night to the 31st, and back in the one to the 27th: turns have 23 and 25 hours.
    let spring = ["ben 2030-03-30T08:00 2030-03-31T07:00", "ada 2030-03-31T07:00 2030-04-01T07:00"];
    assert_eq!(shifts(&server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await, spring);
    let autumn = ["ben 2030-10-26T07:00 2030-10-27T08:00", "ada 2030-10-27T08:00 2030-10-28T08:00"];
    assert_eq!(shifts(&server, "2030-10-26T07:00:00Z", "2030-10-28T08:00:00Z").await, autumn);

    let made = json!({"people": ["ada"], "from": "2030-03-30T12:00:00Z", "to": "2030-03-30T13:00:00Z", "by": "ada", "note": ""});
    let request = server.client().post(server.url("/api/v1/schedules/primary/overrides"));
    let answer =
        request.header("content-type", "application/json").body(made.to_string()).send().await.unwrap();
    assert!(answer.status().is_success(), "{:?}", answer.text().await);
    let overridden = [
        "ben 2030-03-30T08:00 2030-03-30T12:00",
        "ada 2030-03-30T12:00 2030-03-30T13:00",
        "ben 2030-03-30T13:00 2030-03-31T07:00",
        "ada 2030-03-31T07:00 2030-04-01T07:00",
    ];
    assert_eq!(shifts(&server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await, overridden);

    // What is given to others is read back as the same plan.
    let other = self::setup(&server.url("/api/v1/schedules/primary/calendar.ics"));
    let reader = other.start().await;
    let now_s = crate::harness::now_ms() / 1000;
    let (from, to) = ((now_s + 2 * 86_400).to_string(), (now_s + 9 * 86_400).to_string());
    let given = shifts(&server, &from, &to).await;
    assert!(given.len() >= 7, "{given:?}");
    let started = Instant::now();
    while shifts(&reader, &from, &to).await != given {
        assert!(started.elapsed() < PATIENCE, "{given:?} {:?}", shifts(&reader, &from, &to).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    // A calendar that is ill, or names somebody unknown, changes nothing, and the reason is shown; nor does a kill.
    let eve = calendar("eve", "ben");
    for said in [Err(StatusCode::SERVICE_UNAVAILABLE), Ok(eve.as_str()), Ok("no calendar")] {
        let failures = |shown: &Value| shown["calendars"][0]["failures"].as_u64().unwrap();
        let before = failures(&schedule(&server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await);
        source.says(said);
        let shown = until(&server, "the failure to be noted", |shown| failures(shown) > before).await;
        assert!(!shown["calendars"][0]["error"].as_str().unwrap().is_empty(), "{shown}");
        assert!(!shown.to_string().contains("private-3f9a"), "the address is a secret: {shown}");
        assert_eq!(shifts(&server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await, overridden);
    }
    server.kill();
    let server = setup.start().await;
    assert_eq!(shifts(&server, "2030-03-30T08:00:00Z", "2030-04-01T07:00:00Z").await, overridden);
    source.says(Ok(&calendar("ben", "ada")));
    let swapped = |shown: &Value| shown["final"][0]["people"] == json!(["ada"]);
    until(&server, "the new plan to be read", swapped).await;
}
