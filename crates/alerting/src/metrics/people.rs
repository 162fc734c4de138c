//! Metrics of incidents and of those who look after them.

use super::{Gauges, Out};

pub(super) fn write(out: &mut Out<'_>, gauges: &Gauges) {
    let (name, tally) = ("watchfire_incidents", &gauges.tally);
    out.family(name, "gauge", "Incidents that fire, by severity and whether somebody has taken them on.");
    for ((severity, acknowledged), count) in &gauges.incidents {
        let state = if *acknowledged { "acknowledged" } else { "firing" };
        out.sample(name, &format!("{{severity=\"{}\",state=\"{state}\"}}", severity.as_str()), count);
    }
    let name = "watchfire_incident_events_total";
    out.family(name, "counter", "What happened to incidents, by kind.");
    let usual = ["fired", "acknowledged", "resolved"];
    let unseen = usual.iter().filter(|kind| !tally.events.contains_key(*kind)).map(|kind| (*kind, 0));
    for (kind, count) in tally.events.iter().map(|(kind, count)| (*kind, *count)).chain(unseen) {
        out.sample(name, &format!("{{kind=\"{kind}\"}}"), count);
    }
    let times = [
        (
            "watchfire_incident_acknowledge_seconds",
            "From the first alert to an acknowledgement.",
            tally.acknowledged,
        ),
        (
            "watchfire_incident_resolve_seconds",
            "From the first alert to the end of the last.",
            tally.resolved,
        ),
    ];
    for (name, help, (count, sum_ms)) in times {
        out.family(name, "summary", help);
        out.sample(&format!("{name}_sum"), "", sum_ms as f64 / 1_000.0);
        out.sample(&format!("{name}_count"), "", count);
    }
    let name = "watchfire_escalation_steps_total";
    out.family(name, "counter", "Steps of policies that told somebody.");
    for ((policy, step), count) in &tally.steps {
        out.sample(name, &format!("{{policy=\"{}\",step=\"{step}\"}}", escaped(policy)), count);
    }
    let name = "watchfire_escalation_unreachable_total";
    out.family(name, "counter", "Targets of steps at which nobody could be told.");
    for (policy, count) in &tally.unreachable {
        out.sample(name, &format!("{{policy=\"{}\"}}", escaped(policy)), count);
    }
    out.single(
        "watchfire_incidents_pruned_total",
        "counter",
        "Incidents forgotten after their retention.",
        tally.pruned,
    );
}

pub(super) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
