//! `watchfire incident` and `watchfire schedule`: a running server is asked, and its answer is printed for people.

use crate::cli::{
    AckArgs, AskedArgs, EscalateArgs, Incident, IncidentListArgs, IncidentSaidArgs, IncidentShowArgs,
    NoteArgs, Schedule, ScheduleShowArgs,
};
use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Where the state is as much as is looked for without flags.
const NOT_OVER: [&str; 2] = ["firing", "acknowledged"];

pub(crate) fn incident(command: &Incident) -> anyhow::Result<()> {
    match command {
        Incident::List(args) => list(args),
        Incident::Show(args) => show(args),
        Incident::Ack(args) => ack(args),
        Incident::Unack(args) => unack(args),
        Incident::Note(args) => note(args),
        Incident::Escalate(args) => escalate(args),
    }
}

pub(crate) fn schedule(command: &Schedule) -> anyhow::Result<()> {
    match command {
        Schedule::List(asked) => schedules(asked),
        Schedule::Show(args) => shifts(args),
    }
}

/// Asks a server; without a body by GET. The answer's data.
fn ask(
    asked: &AskedArgs,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let server = asked.url.as_str();
    let mut url = reqwest::Url::parse(server).with_context(|| format!("--url {server:?} is no URL"))?;
    match url.path_segments_mut() {
        Ok(mut segments) => segments.pop_if_empty().extend(["api", "v1"]).extend(path),
        Err(()) => {
            bail!("--url {server:?} is no address of a server; expected one such as http://127.0.0.1:9090")
        }
    };
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let runtime = super::backup::runtime()?;
    let text = runtime.block_on(async {
        let client = reqwest::Client::new();
        let request = match body {
            Some(body) => client.post(url).header("content-type", "application/json").body(body.to_string()),
            None => client.get(url),
        };
        let answer = request.send().await;
        let answer =
            answer.with_context(|| format!("cannot reach {server}; is the server running there?"))?;
        anyhow::Ok(answer.text().await?)
    })?;
    let mut answer: Value =
        serde_json::from_str(&text).context("the server's answer is not JSON; is it a Watchfire server?")?;
    if answer["status"] != "success" {
        bail!("{}", answer["error"].as_str().unwrap_or("the server gave no reason"));
    }
    let data = answer["data"].take();
    if asked.json {
        println!("{data}");
    }
    Ok(data)
}

fn list(args: &IncidentListArgs) -> anyhow::Result<()> {
    let mut query: Vec<(&str, &str)> = Vec::new();
    if args.state.is_empty() && args.from.is_none() && args.to.is_none() {
        query.extend(NOT_OVER.map(|state| ("state", state)));
    }
    query.extend(args.state.iter().filter(|state| *state != "all").map(|state| ("state", state.as_str())));
    query.extend(args.severity.iter().map(|severity| ("severity", severity.as_str())));
    query.extend(args.matchers.iter().map(|matcher| ("filter", matcher.as_str())));
    query.extend(args.text.as_deref().map(|text| ("q", text)));
    query.extend(args.from.as_deref().map(|from| ("from", from)));
    query.extend(args.to.as_deref().map(|to| ("to", to)));
    let limit = args.limit.to_string();
    query.push(("limit", &limit));
    let data = ask(&args.asked, &["incidents"], &query, None)?;
    if args.asked.json {
        return Ok(());
    }
    let shown = items(&data["incidents"]);
    println!("{:>6}  {:<12}  {:<8}  {:<16}  {:<10}  Title", "Id", "State", "Severity", "Since", "Owner");
    for one in shown {
        println!(
            "{:>6}  {:<12}  {:<8}  {:<16}  {:<10}  {}",
            one["id"],
            word(&one["state"]),
            word(&one["severity"]),
            moment(&one["startsAt"], &TimeZone::system()),
            word(&one["acknowledgement"]["owner"]),
            plain(word(&one["title"])),
        );
    }
    let total = data["total"].as_u64().unwrap_or_default();
    if total > shown.len() as u64 {
        println!("{} of {total}; --limit shows more", shown.len());
    }
    Ok(())
}

fn show(args: &IncidentShowArgs) -> anyhow::Result<()> {
    let data = ask(&args.asked, &["incidents", &args.id.to_string()], &[], None)?;
    if args.asked.json {
        return Ok(());
    }
    let zone = TimeZone::system();
    tell(&data);
    println!("\nAlerts");
    for alert in items(&data["alertList"]) {
        let labels = alert["labels"].as_object().into_iter().flatten();
        let labels: Vec<String> =
            labels.map(|(name, value)| format!("{name}={}", plain(word(value)))).collect();
        println!(
            "  {:<8}  {}  {}",
            word(&alert["status"]),
            moment(&alert["startsAt"], &zone),
            labels.join(" ")
        );
    }
    println!("\nTimeline");
    for line in items(&data["timeline"]) {
        let actor = line["actor"].as_str().map_or_else(String::new, |actor| format!("{}: ", plain(actor)));
        let told = &line["notification"];
        let end = if told.is_null() { String::new() } else { format!(" ({})", word(&told["state"])) };
        let text = plain(word(&line["text"]));
        println!("  {}  {:<14}  {actor}{text}{end}", moment(&line["at"], &zone), word(&line["kind"]));
        for attempt in items(&told["attempts"]) {
            let status = attempt["status"].as_u64().map_or_else(String::new, |status| format!(" {status}"));
            let error =
                attempt["error"].as_str().map_or_else(String::new, |error| format!(": {}", plain(error)));
            println!(
                "  {}    attempt: {}{status}{error}",
                moment(&attempt["at"], &zone),
                word(&attempt["outcome"])
            );
        }
    }
    Ok(())
}

/// An incident in a few lines.
fn tell(data: &Value) {
    let zone = TimeZone::system();
    println!("Incident {}: {}", data["id"], plain(word(&data["title"])));
    let since = moment(&data["startsAt"], &zone);
    let until = data["endsAt"]
        .as_str()
        .map_or_else(String::new, |_| format!(" until {}", moment(&data["endsAt"], &zone)));
    println!("  {}, {}, since {since}{until}", word(&data["state"]), word(&data["severity"]));
    println!(
        "  {} firing, {} over; receiver {}",
        data["alerts"]["firing"],
        data["alerts"]["resolved"],
        word(&data["receiver"])
    );
    let taken = &data["acknowledgement"];
    if !taken.is_null() {
        let until = taken["until"]
            .as_str()
            .map_or_else(String::new, |_| format!(", until {}", moment(&taken["until"], &zone)));
        let note = Some(word(&taken["note"])).filter(|note| !note.is_empty());
        let note = note.map_or_else(String::new, |note| format!(": {}", plain(note)));
        println!("  acknowledged by {}{until}{note}", plain(word(&taken["owner"])));
    }
    let escalation = &data["escalation"];
    if !escalation.is_null() {
        let next = escalation["nextStepAt"].as_str().map_or_else(
            || "no further step".to_owned(),
            |_| format!("next at {}", moment(&escalation["nextStepAt"], &zone)),
        );
        println!(
            "  policy {}: {} of {} steps taken, {next}",
            word(&escalation["policy"]),
            escalation["step"],
            escalation["steps"]
        );
    }
}

fn act(asked: &AskedArgs, id: u64, verb: &str, body: &Value) -> anyhow::Result<()> {
    let data = ask(asked, &["incidents", &id.to_string(), verb], &[], Some(body))?;
    if !asked.json {
        tell(&data);
    }
    Ok(())
}

fn ack(args: &AckArgs) -> anyhow::Result<()> {
    let mut body = Map::new();
    body.insert("owner".to_owned(), args.said.by.as_str().into());
    body.insert("note".to_owned(), args.said.note.as_str().into());
    body.extend(args.expires.as_deref().map(|expires| ("expires".to_owned(), expires.into())));
    body.extend(args.reminder.as_deref().map(|reminder| ("reminder".to_owned(), reminder.into())));
    act(&args.asked, args.id, "acknowledge", &Value::from(body))
}

fn unack(args: &IncidentSaidArgs) -> anyhow::Result<()> {
    let body = json!({"by": args.said.by, "note": args.said.note});
    act(&args.asked, args.id, "unacknowledge", &body)
}

fn note(args: &NoteArgs) -> anyhow::Result<()> {
    act(&args.asked, args.id, "note", &json!({"by": args.by, "note": args.text}))
}

fn escalate(args: &EscalateArgs) -> anyhow::Result<()> {
    let targets = [
        ("person", &args.person),
        ("schedule", &args.schedule),
        ("rotation", &args.rotation),
        ("receiver", &args.receiver),
    ];
    let to = targets.into_iter().find_map(|(kind, name)| Some((kind, name.as_deref()?)));
    let mut body = json!({"by": args.said.by, "note": args.said.note});
    if let Some((kind, name)) = to {
        body["to"] = Value::from(Map::from_iter([(kind.to_owned(), Value::from(name))]));
    }
    act(&args.asked, args.id, "escalate", &body)
}

fn schedules(asked: &AskedArgs) -> anyhow::Result<()> {
    let data = ask(asked, &["schedules"], &[], None)?;
    if asked.json {
        return Ok(());
    }
    println!("{:<20}  {:<20}  {:<16}  Then", "Schedule", "On call", "Until");
    for one in items(&data["schedules"]) {
        let zone = zone_of(one);
        println!(
            "{:<20}  {:<20}  {:<16}  {}",
            word(&one["name"]),
            people(&one["onCall"]),
            moment(&one["until"], &zone),
            people(&one["next"])
        );
    }
    Ok(())
}

fn shifts(args: &ScheduleShowArgs) -> anyhow::Result<()> {
    let at = match args.at.as_deref() {
        None => Timestamp::now(),
        Some(text) => match text.parse::<i64>() {
            Ok(seconds) => Timestamp::from_second(seconds)?,
            Err(_) => text
                .parse()
                .with_context(|| format!("--at {text:?} is no time; expected RFC 3339 or Unix seconds"))?,
        },
    };
    let to = at.checked_add(SignedDuration::from_hours(i64::from(args.days) * 24))?;
    let (at, to) = (at.to_string(), to.to_string());
    let data = ask(&args.asked, &["schedules", &args.name], &[("from", &at), ("to", &to)], None)?;
    if args.asked.json {
        return Ok(());
    }
    let zone = zone_of(&data);
    let first = items(&data["final"]).first();
    let now = first.filter(|shift| shift["from"] == data["from"]).map(|shift| people(&shift["people"]));
    let who = now.unwrap_or_else(|| "nobody".to_owned());
    println!(
        "{}: {who} on call at {} ({})",
        word(&data["name"]),
        moment(&data["from"], &zone),
        word(&data["timeZone"])
    );
    for shift in items(&data["final"]) {
        let (from, to) = (moment(&shift["from"], &zone), moment(&shift["to"], &zone));
        println!("  {from} – {to}  {:<20}  {}", people(&shift["people"]), word(&shift["layer"]));
    }
    for gap in items(&data["gaps"]) {
        println!("  {} – {}  nobody", moment(&gap["from"], &zone), moment(&gap["to"], &zone));
    }
    Ok(())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Texts of others cannot move the cursor or colour the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn people(list: &Value) -> String {
    let names: Vec<String> = items(list).iter().map(|name| plain(word(name))).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn zone_of(data: &Value) -> TimeZone {
    TimeZone::get(word(&data["timeZone"])).unwrap_or(TimeZone::UTC)
}

/// A time by a clock, to the minute.
fn moment(at: &Value, zone: &TimeZone) -> String {
    match word(at).parse::<Timestamp>() {
        Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "–".to_owned(),
    }
}
