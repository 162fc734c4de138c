use super::*;
use watchfire_model::Labels;

fn around() -> Surroundings {
    Surroundings {
        external_labels: Labels::from_pairs([("region", "north")]),
        external_url: "http://watch.example:9090/w".to_owned(),
        now_ms: 1_500,
        query: Arc::new(|text| match text {
            "bad" => Err("parse error".to_owned()),
            "none" => Ok(Vec::new()),
            _ => Ok(vec![
                TemplateSample { labels: Labels::from_pairs([("__name__", "m"), ("host", "b")]), value: 2.5 },
                TemplateSample {
                    labels: Labels::from_pairs([("__name__", "m"), ("host", "a")]),
                    value: 11.0,
                },
            ]),
        }),
    }
}

fn expand(text: &str, value: f64) -> Result<String, String> {
    let labels = Labels::from_pairs([("instance", "db.example.org:9100"), ("job", "node exporter")]);
    let around = around();
    let compiled = Compiled::new("Test", text, &around).map_err(|problem| problem.message)?;
    compiled.expand("Test", &data(&labels, value, &around))
}

#[test]
fn templates_give_what_prometheus_gives() {
    let cases = [
        ("plain % text", "plain % text"),
        ("{{ $labels.instance }} is at {{ $value }}", "db.example.org:9100 is at 0.5"),
        ("[{{ $labels.missing }}]", "[]"),
        ("{{ .Labels.job }} {{ .Value }} {{ $.ExternalLabels.region }}", "node exporter 0.5 north"),
        ("{{ $externalLabels.region }} {{ $externalURL }}", "north http://watch.example:9090/w"),
        ("{{ if eq $labels.missing \"\" }}none{{ else }}some{{ end }}", "none"),
        ("{{ printf \"%.2f\" $value }}", "0.50"),
        ("{{ printf \"%s|%s\" $labels.job $labels.nope }}", "node exporter|"),
        ("{{ with $labels.job }}{{ . | title }}{{ end }}", "Node Exporter"),
        (
            "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
            "instance=db.example.org:9100;job=node exporter;",
        ),
        (
            "{{ 1234567.0 | humanize }} {{ humanize 0.00123 }} {{ humanize 0.0 }} {{ humanize -1500.0 }}",
            "1.235M 1.23m 0 -1.5k",
        ),
        ("{{ humanize1024 1048576.0 }} {{ humanize1024 1.0 }} {{ humanize1024 1500.0 }}", "1Mi 1 1.465ki"),
        (
            "{{ humanizeDuration 90061.0 }} {{ humanizeDuration 59.99 }} {{ humanizeDuration 0.02 }} {{ humanizeDuration 3600 }}",
            "1d 1h 1m 1s 59.99s 20ms 1h 0m 0s",
        ),
        ("{{ $value | humanizePercentage }} {{ humanizePercentage 0.1234567 }}", "50% 12.35%"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        (
            "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain \"10.1.2.3:80\" }}",
            "db.example.org db:9100 10.1.2.3:80",
        ),
        (
            "{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }} {{ match \"^db\" $labels.instance }}",
            "db.example.org true",
        ),
        ("{{ query \"m\" | first | value }} {{ query \"m\" | first | label \"host\" }}", "2.5 b"),
        (
            "{{ range query \"m\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}",
            "a=11 b=2.5 ",
        ),
        ("{{ with query \"none\" }}x{{ else }}empty{{ end }}", "empty"),
        ("{{ graphLink \"up == 0\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
        ("{{ externalURL }}{{ pathPrefix }} {{ now }}", "http://watch.example:9090/w/w 1.5"),
        (
            "{{ define \"x\" }}<{{ .arg0 }}-{{ .arg1 }}>{{ end }}{{ template \"x\" (args 1 \"b\") }}{{ tmpl \"x\" (args 2 \"c\") }}",
            "<1-b><2-c>",
        ),
        ("{{ parseDuration \"1h30m\" }} {{ toDuration 5400 }} {{ toDuration 0.5 }}", "5400 1h30m0s 500ms"),
        ("{{ toTime 1425568207.5 }}", "2015-03-05 15:10:07.5 +0000 UTC"),
        (
            "{{ (toTime 1425568207).Format \"02 Jan 15:04\" }} {{ ($value | toTime).Year }} {{ (toTime 0).Weekday }}",
            "05 Mar 15:10 1970 Thursday",
        ),
        (
            "{{ (toDuration 5400).Hours }} {{ (toDuration 90).Minutes }} {{ humanizeDuration (toDuration 90) }}",
            "1.5 1.5 1m 30s",
        ),
        ("{{ ((toTime 60).Sub (toTime 0)).Seconds }} {{ (toTime 60).After (toTime 0) }}", "60 true"),
        ("{{ \"a b&c\" | urlQueryEscape }} {{ toUpper \"x\" }}{{ toLower \"Y\" }}", "a+b%26c Xy"),
        ("{{- if gt $value 0.4 -}} high {{- end -}}", "high"),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text, 0.5).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn special_values_are_written_as_go_writes_them() {
    for (value, expected) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (1e21, "1e+21"),
        (100_000_000.0, "1e+08"),
        (3.0, "3"),
        (123_456.75, "123456.75"),
        (1_234_567.0, "1.234567e+06"),
        (-0.000_12, "-0.00012"),
        (0.000_001, "1e-06"),
    ] {
        assert_eq!(expand("{{ $value }}", value).as_deref(), Ok(expected));
    }
}

#[test]
fn mistakes_are_errors_with_a_place() {
    for (text, words, offset) in [
        ("{{ $label.foo }}", "undefined variable \"$label\"", Some(3)),
        ("{{ nonsense 1 }}", "function \"nonsense\" not defined", Some(3)),
        ("{{ if }}x{{ end }}", "error parsing template __alert_Test", None),
        ("ok {{ $labels.x ", "unclosed action", None),
        ("{{ end }}", "error parsing template", None),
    ] {
        let problem = check("Test", text).expect_err(text);
        assert!(problem.message.contains(words), "{text}: {}", problem.message);
        if offset.is_some() {
            assert_eq!(problem.offset, offset, "{text}: {}", problem.message);
        }
    }
}

#[test]
fn failures_while_filling_in_are_told() {
    for (text, words) in [
        ("{{ query \"bad\" }}", "parse error"),
        ("{{ query \"none\" | first }}", "first() called on vector with no elements"),
        ("{{ .labels.x }}", "can't evaluate field labels"),
        ("{{ humanize \"x\" }}", "invalid syntax"),
        ("{{ define \"a\" }}{{ tmpl \"a\" . }}{{ end }}{{ tmpl \"a\" . }}", "nested more than"),
        ("{{ match \"(\" \"x\" }}", "invalid regular expression"),
        ("{{ toTime \"NaN\" }}", "value is NaN or Inf"),
        ("{{ (toTime 0).Yaer }}", "Yaer"),
    ] {
        let error = expand(text, 1.0).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
        assert!(error.starts_with("error executing template __alert_Test: "), "{error}");
    }
}
