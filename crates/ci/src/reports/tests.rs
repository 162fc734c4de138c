use super::*;
use proptest::prelude::*;

const JUNIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="99">
  <testsuite name="engine &amp; more" tests="5" failures="1">
    <testcase name="a" time="0.5"/>
    <testcase name="b" time="1,000.25"><failure message="x > y">trace</failure></testcase>
    <testcase name="c"><skipped/></testcase>
    <testcase name="d"><error/><failure/></testcase>
    <testsuite name="inner"><testcase name="e" time="-1"></testcase></testsuite>
    <testcase name="f" time="NaN"/>
  </testsuite>
</testsuites>"#;

#[test]
fn tests_are_counted_by_suite() {
    let suites = junit(JUNIT).unwrap();
    let engine = Suite { passed: 2, failed: 1, errors: 1, skipped: 1, seconds: 1000.75 };
    assert_eq!(suites["engine & more"], engine);
    assert_eq!(suites["inner"], Suite { passed: 1, ..Suite::default() });
    assert_eq!(junit("<testsuite name='a'/>").unwrap().len(), 0);
}

#[test]
fn what_is_no_report_is_told() {
    assert!(junit("<html></html>").unwrap_err().contains("no JUnit report"));
    assert!(junit("<testsuite><testcase name='a'>").unwrap_err().contains("ends before"));
    assert!(junit("\n<testsuite name=\"a").unwrap_err().starts_with("line 2"));
    assert!(cobertura("<testsuite/>").unwrap_err().contains("no Cobertura report"));
    assert!(cobertura("<coverage/>").unwrap_err().contains("line-rate"));
    assert!(lcov("SF:a\nLF:x\nend_of_record").unwrap_err().contains("line 2: found \"x\""));
    assert!(lcov("hello").unwrap_err().contains("line 1"));
    let more = lcov("LF:1\nLH:10\nend_of_record").unwrap_err();
    assert_eq!(more, "of 1 lines it says that 10 were run");
    assert!(lcov("SF:a").unwrap_err().contains("end_of_record"));
}

#[test]
fn suites_beyond_the_limit_are_counted_together() {
    let suite = |index: usize| format!("<testsuite name=\"s{index}\"><testcase/></testsuite>");
    let text: String = (0..MOST_SUITES + 50).map(suite).collect();
    let suites = junit(&format!("<testsuites>{text}</testsuites>")).unwrap();
    assert_eq!((suites.len(), suites["other"].passed), (MOST_SUITES + 1, 50));
}

#[test]
fn coverage_is_read_from_totals_and_from_rates() {
    let text = "<coverage line-rate=\"0.5\" branch-rate=\"0.25\" lines-covered=\"3\" lines-valid=\"4\"><packages/></coverage>";
    let coverage = cobertura(text).unwrap();
    assert_eq!(coverage.lines, Covered { hit: 3, total: 4 });
    assert_eq!(coverage.branches, Covered { hit: 2_500, total: 10_000 });
    let text = "TN:\nSF:a.c\nFNF:2\nFNH:1\nDA:1,5\nLF:10\nLH:7\nBRF:4\nBRH:1\nend_of_record\nSF:b.c\nLF:10\nLH:3\nend_of_record\n";
    let coverage = lcov(text).unwrap();
    assert_eq!(coverage.lines, Covered { hit: 10, total: 20 });
    assert_eq!(coverage.branches, Covered { hit: 1, total: 4 });
    assert_eq!(coverage.functions, Covered { hit: 1, total: 2 });
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", at in 0_usize..400) {
        let mut mixed = JUNIT.to_owned();
        let at = (0..=at.min(mixed.len())).rev().find(|at| mixed.is_char_boundary(*at)).unwrap_or(0);
        mixed.insert_str(at, &text);
        let _ = (junit(&mixed), cobertura(&mixed), lcov(&mixed), junit(&text));
    }
}
