use super::*;
use crate::exposition::tests::shared_data;

/// How many of the public cases must have the right verdict; may only rise.
const FLOOR: usize = 147;

#[test]
fn the_openmetrics_suite_gets_the_verdicts_of_the_specification() {
    let Some(folder) = shared_data("openmetrics") else { return };
    let (mut ran, mut right) = (0, 0);
    for case in std::fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let Ok(verdict) = std::fs::read_to_string(case.join("test.json")) else { continue };
        let verdict: serde_json::Value = serde_json::from_str(&verdict).unwrap();
        let body = std::fs::read(case.join(verdict["file"].as_str().unwrap())).unwrap();
        let found = crate::exposition::utf8(&body).and_then(check);
        ran += 1;
        if found.is_ok() == verdict["shouldParse"].as_bool().unwrap() {
            right += 1;
        } else {
            println!("{}: {found:?}\n{}", case.display(), String::from_utf8_lossy(&body));
        }
    }
    println!("openmetrics strict: {right} of {ran}");
    assert!(right >= FLOOR.min(ran), "{right} of {ran}");
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let error = check("# TYPE a counter\na_total 1\n# HELP a late\n# EOF\n").unwrap_err();
    assert_eq!(error.to_string(), "3:1: found HELP after samples of \"a\", expected metadata before samples");
    let error =
        check("# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n# EOF\n").unwrap_err();
    assert_eq!(error.to_string(), "3:1: found the count 1 after 2, expected cumulative counts of buckets");
}

#[test]
fn a_valid_body_is_summed_up() {
    let body = "# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 2\n# TYPE c counter\nc_total 1\n# EOF\n";
    assert_eq!(check(body), Ok(Summary { families: 2, samples: 3 }));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_checker_panic(body in "(?s)(# TYPE [ab] (counter|histogram|info|summary)\n|a(_total|_bucket|_info)?\\{(le|b)=\"[1x]\"\\} [01](| [01])\n|.){0,12}# EOF\n") {
        let _ = check(&body);
    }
}
