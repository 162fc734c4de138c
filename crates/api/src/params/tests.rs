use super::*;

fn params(query: &str) -> Params {
    Params::parse(query, b"").unwrap()
}

#[test]
fn the_body_comes_before_the_query_string() {
    let params = Params::parse("query=b&x=&match[]=up&match[]=%7Ba%3D%22b%22%7D", b"query=a+1").unwrap();
    assert_eq!(params.get("query"), Some("a 1"));
    assert_eq!(params.get("x"), None);
    assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["up", "{a=\"b\"}"]);
    assert_eq!(params.matchers().unwrap().len(), 2);
    assert_eq!(params.range().unwrap(), Some(TimeRange::ALL));
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let refused = |query: &str| Params::parse(query, b"").unwrap_err().message().to_owned();
    assert_eq!(refused("query=%ff"), "invalid parameter \"query\": its value is not valid UTF-8");
    assert_eq!(refused("query=%zz"), "error parsing form values: invalid URL escape \"%zz\"");
    assert_eq!(refused("query=a%4"), "error parsing form values: invalid URL escape \"%4\"");
    assert_eq!(params("query=%E2%82%AC&&=&a").get("query"), Some("€"));
}

#[test]
fn limits_and_counts_are_whole_numbers() {
    assert_eq!(params("limit=0").limit().unwrap(), usize::MAX);
    assert_eq!(params("limit=7").limit().unwrap(), 7);
    assert!(params("limit=-1").limit().is_err());
    assert!(params("limit=x").limit().is_err());
    assert_eq!(params("limit=0").count("limit").unwrap(), Some(0));
    assert_eq!(params("limit=-1").count("limit").unwrap(), None);
    assert_eq!(params("limit=x").count("limit").unwrap_err().message(), "limit must be a number");
}

#[test]
fn a_range_that_runs_backwards_holds_nothing() {
    assert_eq!(params("start=2&end=1").range().unwrap(), None);
    assert_eq!(params("start=1&end=1").range().unwrap(), Some(TimeRange::new(1000, 1000)));
    assert_eq!(
        params("start=x").range().unwrap_err().message(),
        "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp"
    );
}

#[test]
fn a_selector_that_asks_for_nothing_is_refused() {
    for selector in ["%7B%7D", "%7Ba%3D%22%22%7D", "%7Ba%3D~%22.*%22%7D"] {
        assert!(params(&format!("match[]={selector}")).matchers().is_err(), "{selector}");
    }
}
