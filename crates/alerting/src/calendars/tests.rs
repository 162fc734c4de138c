use super::*;
use crate::manager::{AlertingOptions, Settings, Tuning};
use std::path::Path;
use watchfire_ledger::Ledger;
use watchfire_model::time::ManualClock;

const NOW_MS: i64 = 1_770_120_000_000;

fn calendar(who: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:{who}\r\nDTSTART:20260101T000000Z\r\n\
         DTEND:20270101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Serves what it holds: a status and a text.
#[derive(Clone, Default)]
struct Served(Arc<Mutex<(u16, String)>>);

impl Served {
    fn set(&self, status: u16, text: String) {
        *self.0.lock().unwrap() = (status, text);
    }

    async fn start(&self) -> String {
        let served = self.0.clone();
        let app = axum::Router::new().fallback(move || {
            let (status, text) = served.lock().unwrap().clone();
            async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret/team.ics", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
}

fn oncall(url: &str) -> OnCall {
    let text = format!(
        "people: [{{name: ada, receivers: [a]}}, {{name: ben, receivers: [b]}}]\nschedules:\n- name: primary\n  time_zone: UTC\n  layers: [{{name: shared, calendar_url: '{url}', calendar_refresh: 10s}}]\n"
    );
    OnCall::parse(Path::new("oncall.yml"), &text).unwrap()
}

/// What a start does with a ledger and an on-call file.
async fn start(ledger: &Path, url: &str) -> (Alerting, Calendars) {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let ledger = Ledger::open(ledger, NOW_MS).unwrap().ledger;
    let options = AlertingOptions { ledger, clock: clock.clone(), tuning: Tuning::default() };
    let alerting = Alerting::open(options).unwrap();
    let calendars = Calendars::new(alerting.clone(), clock);
    let oncall = Arc::new(calendars.filled(oncall(url)).await);
    let settings = Settings { oncall, ..Settings::default() };
    alerting.apply(crate::Config::default(), settings).await.unwrap();
    calendars.apply().await;
    (alerting, calendars)
}

async fn read(alerting: &Alerting, calendars: &Calendars) -> (Vec<String>, CalendarView) {
    let oncall = alerting.oncall();
    for (place, remote) in oncall.remotes() {
        calendars.read(&place, remote).await;
    }
    (who(alerting), calendars.of("primary").remove(0))
}

fn who(alerting: &Alerting) -> Vec<String> {
    alerting.oncall().schedule("primary").unwrap().on_call(NOW_MS, &[])
}

#[tokio::test]
async fn the_last_good_calendar_holds_whatever_is_served_after_it_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let served = Served::default();
    served.set(200, calendar("ada"));
    let url = served.start().await;
    let (alerting, calendars) = start(&path, &url).await;
    assert!(who(&alerting).is_empty(), "nothing was read yet");
    let (now, view) = read(&alerting, &calendars).await;
    assert_eq!((now, view.read_ms, view.error), (vec!["ada".to_owned()], Some(NOW_MS), None));
    for (status, text, says) in [
        (404, String::new(), "the answer has the status 404"),
        (200, "<html>log in</html>".to_owned(), "calendar:1"),
        (200, calendar("nobody we know"), "nobody we know"),
        (200, "x".repeat(MOST_BYTES + 1), "more than 4194304 bytes"),
    ] {
        served.set(status, text);
        let (now, view) = read(&alerting, &calendars).await;
        assert_eq!(now, ["ada"], "{says}");
        let error = view.error.unwrap();
        assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
    }
    let mut text = String::new();
    calendars.write_metrics(&mut text);
    let failures = "watchfire_calendar_failures_total{schedule=\"primary\",layer=\"shared\"} 4";
    assert!(text.contains(failures) && !text.contains("s3cret"), "{text}");
    drop((alerting, calendars));
    let (alerting, calendars) = start(&path, &url).await;
    assert_eq!(who(&alerting), ["ada"], "the copy is on disk");
    served.set(200, calendar("ben"));
    assert_eq!(read(&alerting, &calendars).await.0, ["ben"]);
    drop((alerting, calendars));
    let (alerting, _) = start(&path, "http://127.0.0.1:1/other.ics").await;
    assert!(who(&alerting).is_empty(), "the copy of one address says nothing of another");
}

#[tokio::test]
async fn calendars_are_read_again_and_again_until_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::default();
    served.set(200, calendar("ada"));
    let url = served.start().await;
    let (alerting, calendars) = start(&folder.path().join("ledger.sqlite"), &url).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn({
        let calendars = calendars.clone();
        async move { calendars.run(stopped).await }
    });
    let holds = async |who_now: &str| {
        let until = Instant::now() + Duration::from_secs(60);
        while who(&alerting) != [who_now] {
            assert!(Instant::now() < until, "{who_now} never came: {:?}", calendars.of("primary"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    holds("ada").await;
    served.set(200, calendar("ben"));
    calendars.apply().await;
    holds("ben").await;
    stop.send_replace(true);
    running.await.unwrap();
}
