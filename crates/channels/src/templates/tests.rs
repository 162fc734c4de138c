use super::*;
use watchfire_model::time::ManualClock;

fn templates() -> Templates {
    Templates::new(Arc::new(ManualClock::at(1_767_324_000_000)))
}

fn vectors() -> Option<serde_json::Value> {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/alertmanager/derived/template-vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The vectors have lost a line feed at the end.
fn without_last_line_feed(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

/// Since 0.26 label sets and pairs print themselves as `name=value, …`; what 0.25 printed becomes that here.
fn as_of_today(template: &str, expected: &str) -> String {
    let labels = "alertname=GPU<Hot>, cluster=a&b, severity=critical";
    let escaped = "alertname=GPU&lt;Hot&gt;, cluster=a&amp;b, severity=critical";
    let mut today = expected.to_owned();
    for (old, new) in [
        ("map[alertname:GPU<Hot> cluster:a&b severity:critical]", labels),
        ("map[alertname:GPU&lt;Hot&gt; cluster:a&amp;b severity:critical]", escaped),
        ("[{alertname GPU<Hot>} {cluster a&b} {severity critical}]", labels),
        ("[{alertname GPU&lt;Hot&gt;} {cluster a&amp;b} {severity critical}]", escaped),
        ("[{cluster a&b} {severity critical}]", "cluster=a&b, severity=critical"),
        ("[{cluster a&amp;b} {severity critical}]", "cluster=a&amp;b, severity=critical"),
    ] {
        today = today.replace(old, new);
    }
    // What is left are maps inside of alerts, one at a time.
    while let Some((before, rest)) = today.split_once("map[") {
        let (inside, after) = rest.split_once(']').unwrap();
        let mut pairs: Vec<String> = Vec::new();
        for word in inside.split(' ') {
            let name_ends = word.find(':').filter(|_| !word.starts_with("//"));
            match (name_ends, pairs.last_mut()) {
                (Some(at), _) => pairs.push(format!("{}={}", &word[..at], &word[at + 1..])),
                (None, Some(last)) => last.push_str(&format!(" {word}")),
                (None, None) => pairs.push(word.to_owned()),
            }
        }
        today = format!("{before}{}{after}", pairs.join(", "));
    }
    // The data itself has two fields more, both empty here.
    if template.starts_with("{{ $ }}") {
        today = today.replacen("] alertname=", "]  alertname=", 1);
        today = today.replacen(" http://am.example:9093}", "  http://am.example:9093}", 1);
    }
    today
}

#[test]
fn alertmanagers_expressions_give_what_alertmanager_gives() {
    let Some(vectors) = vectors() else { return };
    let notification: Notification = serde_json::from_value(vectors["data"].clone()).unwrap();
    let mut wrong = Vec::new();
    let cases = vectors["expressions"].as_array().unwrap();
    for case in cases {
        let (template, kind) = (case["template"].as_str().unwrap(), case["type"].as_str().unwrap());
        let mode = if kind == "html" { Mode::Html } else { Mode::Text };
        let found = templates().expand(template, mode, &notification);
        let agrees = match (&found, case["expect"].as_str(), case["error"].as_str()) {
            (Ok(found), Some(expected), _) => {
                without_last_line_feed(found) == as_of_today(template, expected)
            }
            (Err(found), None, Some(expected)) => {
                // The last words say what is wrong; where is told another way.
                let words = expected.rsplit(": ").next().unwrap();
                let words = words.strip_prefix("html/template::1:12: ").unwrap_or(words);
                found.contains(words)
            }
            _ => false,
        };
        if !agrees {
            wrong.push(format!(
                "{kind} {template}\n  expected {}{}\n  found {found:?}",
                case["expect"], case["error"]
            ));
        }
    }
    println!("expressions of Alertmanager: {} of {} agree", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_default_templates_print_what_alertmanagers_print() {
    let Some(vectors) = vectors() else { return };
    let notification: Notification = serde_json::from_value(vectors["data"].clone()).unwrap();
    let mut wrong = Vec::new();
    let cases = vectors["default_templates_v0.34"].as_array().unwrap();
    for case in cases {
        let (name, kind) = (case["name"].as_str().unwrap(), case["type"].as_str().unwrap());
        let mode = if kind == "html" { Mode::Html } else { Mode::Text };
        let found = templates().expand(&format!("{{{{ template {name:?} . }}}}"), mode, &notification);
        if found.as_deref().map(without_last_line_feed) != Ok(case["expect"].as_str().unwrap()) {
            wrong.push(format!("{kind} {name}\n  expected {}\n  found    {found:?}", case["expect"]));
        }
    }
    println!("default templates of Alertmanager: {} of {} agree", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_of_later_versions_are_there() {
    let starts_at = "2026-01-02T03:04:05Z".parse().ok();
    let one =
        Alert { starts_at, labels: Pairs::from([("a".to_owned(), "<b>".to_owned())]), ..Alert::default() };
    let mut notification = Notification::new("r", "k", Pairs::new(), "http://w", vec![one]);
    notification.route_labels = Pairs::from([("team".to_owned(), "x".to_owned())]);
    for (template, expected) in [
        ("{{ trimSpace \" a \" }}{{ urlUnescape \"a%20b+c\" }}", "aa b c"),
        ("{{ base64encode \"hé\" }} {{ base64decode \"aMOp\" }}", "aMOp hé"),
        (
            "{{ toJson .CommonLabels }} {{ toJson (list 1 \"a\" true) }}",
            "{\"a\":\"\\u003cb\\u003e\"} [1,\"a\",true]",
        ),
        ("{{ range append (list 1) 2 3 }}{{ . }}{{ end }} {{ (dict \"x\" 1).x }}", "123 1"),
        (
            "{{ (index .Alerts 0).StartsAt | tz \"Asia/Tokyo\" | date \"2006-01-02 15:04 MST\" }}",
            "2026-01-02 12:04 JST",
        ),
        ("{{ since (index .Alerts 0).StartsAt | humanizeDuration }} {{ (now).Unix }}", "15m 55s 1767324000"),
        (
            "{{ (toDate \"2006-01-02\" \"2026-05-06\").Weekday }} {{ (toDate \"2006\" \"x\").IsZero }}",
            "Wednesday true",
        ),
        ("{{ routeLabels \"team\" }}{{ routeLabels \"none\" }} {{ .RouteLabels.team }}", "x x"),
        ("{{ title \"it's 3rd o.k\" }} {{ .CommonLabels.Names.Join \",\" }}", "It's 3Rd O.k a"),
    ] {
        let found = templates().expand(template, Mode::Text, &notification);
        assert_eq!(found.as_deref(), Ok(expected), "{template}");
    }
    assert!(templates().expand("{{ mustToDate \"2006\" \"x\" }}", Mode::Text, &notification).is_err());
    let link = "<a href=\"{{ safeUrl \"tel:1\" }}\">{{ safeHtml \"<b>\" }}{{ \"<i>\" }}</a>";
    let found = templates().expand(link, Mode::Html, &notification);
    assert_eq!(found.as_deref(), Ok("<a href=\"tel:1\"><b>&lt;i&gt;</a>"));
}

#[test]
fn route_labels_speak_of_each_other_but_not_of_themselves() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Pairs>()
    };
    let group = labels(&[("alertname", "Disk")]);
    let notification = Notification::new("r", "k", group, "", vec![]);
    let written = labels(&[
        ("description", "firing ({{ routeLabels \"reason\" }})"),
        ("reason", "{{ .GroupLabels.alertname }}"),
    ]);
    let filled = templates().route_labels(&written, &notification).unwrap();
    assert_eq!(filled, labels(&[("description", "firing (Disk)"), ("reason", "Disk")]));
    let circle = labels(&[("a", "{{ routeLabels \"b\" }}"), ("b", "{{ routeLabels \"a\" }}")]);
    assert!(templates().route_labels(&circle, &notification).unwrap_err().contains("speaks of itself"));
}

#[test]
fn a_file_replaces_a_default_and_a_wrong_one_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(0));
    std::fs::write(folder.path().join("a.tmpl"), "{{ define \"slack.default.title\" }}mine{{ end }}")
        .unwrap();
    let pattern = [folder.path().join("*.tmpl")];
    let own = Templates::load(Arc::clone(&clock), &pattern).unwrap();
    let found = own.expand("{{ template \"slack.default.title\" . }}", Mode::Text, &Notification::default());
    assert_eq!(found.as_deref(), Ok("mine"));
    std::fs::write(folder.path().join("b.tmpl"), "fine\n{{ define \"x\" }}{{ nofunc 1 }}{{ end }}").unwrap();
    let faults = Templates::load(clock, &pattern).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].to_string().contains("b.tmpl:2:") && faults[0].message.contains("nofunc"),
        "{}",
        faults[0]
    );
}

#[test]
fn filled_in_values_become_what_they_look_like() {
    assert_eq!(typed("5"), serde_json::json!(5));
    assert_eq!(typed("true"), serde_json::json!(true));
    assert_eq!(typed("[a, 1]"), serde_json::json!(["a", 1]));
    assert_eq!(typed("a: {b: c}"), serde_json::json!({"a": {"b": "c"}}));
    assert_eq!(typed("plain: text: with colons"), serde_json::json!("plain: text: with colons"));
}
