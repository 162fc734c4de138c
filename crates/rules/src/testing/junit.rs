//! Reports as JUnit's XML, which CI systems show.

use super::Report;
use std::fmt::Write as _;

/// The reports in one document, as promtool writes it with `--junit`; `at` is the time of the run.
pub fn junit(reports: &[Report], at: jiff::Timestamp) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut out = String::from("<testsuites>");
    for report in reports {
        // Writing into a string does not fail.
        let failures = report.cases.iter().filter(|case| !case.failures.is_empty()).count();
        let errors = usize::from(report.cases.is_empty() && !report.failures.is_empty());
        let _ = write!(
            out,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" timestamp=\"{at}\">",
            escaped(&report.file),
            report.cases.len() + errors,
        );
        for case in &report.cases {
            let _ = write!(out, "<testcase name=\"{}\">", escaped(&case.name));
            for failure in &case.failures {
                let _ = write!(out, "<failure>{}</failure>", escaped(failure));
            }
            out.push_str("</testcase>");
        }
        if errors > 0 {
            // The file could not be run at all.
            let _ = write!(
                out,
                "<testcase name=\"{}\"><error>{}</error></testcase>",
                escaped(&report.file),
                escaped(&report.failures.join("\n"))
            );
        }
        out.push_str("</testsuite>");
    }
    out.push_str("</testsuites>\n");
    out
}

/// A text inside XML; what XML cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            '\r' => out.push_str("&#xD;"),
            letter if letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Case;
    use super::*;

    #[test]
    fn each_test_is_a_case_and_a_file_that_cannot_be_run_an_error() {
        let case = |name: &str, failures: &[&str]| Case {
            name: name.to_owned(),
            failures: failures.iter().map(|&failure| failure.to_owned()).collect(),
        };
        let ran = Report {
            file: "a.yml".to_owned(),
            tests: 2,
            failures: vec!["x".to_owned()],
            cases: vec![case("good", &[]), case("\"bad\"", &["exp: <1>\n\u{1}"])],
        };
        let broken = Report {
            file: "b.yml".to_owned(),
            tests: 0,
            failures: vec!["no such file".to_owned()],
            cases: Vec::new(),
        };
        let at = jiff::Timestamp::from_second(0).unwrap();
        assert_eq!(
            junit(&[ran, broken], at),
            "<testsuites><testsuite name=\"a.yml\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" \
             timestamp=\"1970-01-01T00:00:00\"><testcase name=\"good\"></testcase><testcase name=\"&#34;bad&#34;\">\
             <failure>exp: &lt;1&gt;&#xA;\u{fffd}</failure></testcase></testsuite><testsuite name=\"b.yml\" tests=\"1\" \
             failures=\"0\" errors=\"1\" skipped=\"0\" timestamp=\"1970-01-01T00:00:00\"><testcase name=\"b.yml\">\
             <error>no such file</error></testcase></testsuite></testsuites>\n"
        );
    }
}
