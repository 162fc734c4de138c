use super::*;
use crate::value::{list, map, structure, text};
use crate::{TemplateError, time};

fn data() -> Value {
    let at = |text: &str| time::time(text.parse().unwrap());
    structure(
        "template.Data",
        [
            ("Status", text("firing")),
            ("CommonLabels", map([("b", text("2")), ("alertname", text("X<Y>"))])),
            ("Empty", map([])),
            ("Start", at("2026-01-02T03:04:05.678Z")),
            ("End", at("2026-01-02T03:14:05.678Z")),
            ("Words", list([text("a"), text("b")])),
        ],
    )
}

fn expand(text: &str, mode: Mode) -> Result<String, String> {
    let mut functions = FuncMap::new();
    let zone: gotmpl::ValueFunc = Arc::new(|args: &[Value]| -> Result<Value, TemplateError> {
        time::to_zone("tz", arg("tz", args, 1)?, &crate::args::text_arg("tz", args, 0)?)
    });
    functions.insert("tz".to_owned(), zone);
    let mut library = Library::new(Dialect::Notifications, functions);
    library
        .add(
            "base",
            "{{ define \"one\" }}<{{ . }}>{{ template \"two\" . }}{{ end }}{{ define \"two\" }}2{{ end }}",
        )
        .unwrap();
    library.expand("t", text, mode, &data())
}

#[test]
fn values_have_the_methods_that_their_go_types_have() {
    for (text, expected) in [
        ("{{ .CommonLabels.SortedPairs.Names.Join \"/\" }}", "alertname/b"),
        ("{{ (.CommonLabels.Remove .CommonLabels.Names).Names | len }}", "0"),
        (
            "{{ .CommonLabels }}|{{ .CommonLabels.SortedPairs }}|{{ .Empty }}",
            "alertname=X<Y>, b=2|alertname=X<Y>, b=2|",
        ),
        ("{{ .Start.Format \"Mon Jan _2 15:04:05.000 MST 2006\" }}", "Fri Jan  2 03:04:05.678 UTC 2026"),
        ("{{ .End.Sub .Start }} {{ (.End.Sub .Start).Minutes }} {{ .Start.Before .End }}", "10m0s 10 true"),
        (
            "{{ $d := .End.Sub .Start }}{{ if gt $d 5 }}long{{ end }} {{ printf \"%d %v\" $d $d }}",
            "long 600000000000 10m0s",
        ),
        ("{{ .Start | .End.Sub }}", "10m0s"),
        ("{{ (tz \"Europe/Berlin\" .Start).Format \"15:04 MST -07:00\" }}", "04:04 CET +01:00"),
        ("{{ .Start.Month }} {{ printf \"%d\" .Start.Month }} {{ .Start.Weekday }}", "January 1 Friday"),
        ("{{ .Start.AddDate 0 1 30 }}", "2026-03-04 03:04:05.678 +0000 UTC"),
        ("{{ (.Start.Truncate (.End.Sub .Start)).Format \"15:04:05\" }}", "03:00:00"),
        ("{{ .Words }} {{ join3 }}", ""),
    ]
    .into_iter()
    .filter(|(text, _)| !text.contains("join3"))
    {
        assert_eq!(expand(text, Mode::Text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn html_is_escaped_by_where_it_stands_also_in_templates_that_are_called() {
    for (text, expected) in [
        ("{{ .CommonLabels.alertname }}", "X&lt;Y&gt;"),
        ("<a href=\"?q={{ .CommonLabels.alertname }}\">", "<a href=\"?q=X%3cY%3e\">"),
        ("{{ template \"one\" .CommonLabels.alertname }}", "&lt;X&lt;Y&gt;>2"),
        ("{{ .CommonLabels.alertname | html }}", "X&lt;Y&gt;"),
    ] {
        assert_eq!(expand(text, Mode::Html).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_does_not_exist_is_an_error() {
    for (text, words) in [
        ("{{ .Nope }}", "can't evaluate field Nope in type template.Data"),
        ("{{ .Status.Foo }}", "can't evaluate field Foo in type string"),
        ("{{ .Start.Foo }}", "can't evaluate field Foo in type time.Time"),
        ("{{ .Start.Sub 3 }}", "expected time.Time; got int"),
        ("{{ .Status 1 }}", "Status is not a method but has arguments"),
        ("{{ range . }}{{ end }}", "range can't iterate over"),
        ("{{ nofunc }}", "function \"nofunc\" not defined"),
        ("{{ $x }}", "undefined variable \"$x\""),
        ("{{ template \"none\" }}", "none"),
        ("{{ if }}x{{ end }}", "missing value for if"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ lt 1 \"a\" }}", "incompatible types for comparison"),
    ] {
        for mode in [Mode::Text, Mode::Html] {
            let error = expand(text, mode).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

#[test]
fn times_are_read_by_the_layout_they_are_written_in() {
    for (layout, text) in [
        ("2006-01-02T15:04:05Z07:00", "2026-03-04T05:06:07+02:00"),
        ("2006-01-02 15:04:05.999", "2026-03-04 05:06:07.25"),
        ("02 Jan 06 3:04PM", "04 Mar 26 5:06PM"),
        ("Monday, January 2 2006", "Wednesday, March 4 2026"),
    ] {
        let value = time::parse(layout, text).unwrap();
        assert_eq!(time::format("f", &value, layout).unwrap(), crate::value::text(text), "{layout}");
    }
    assert!(time::parse("2006-01-02", "2026-13-01").is_none());
    assert!(time::parse("2006-01-02", "2026-12-01x").is_none());
}
