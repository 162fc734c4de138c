use super::*;

fn key(path: &str) -> Vec<(String, String)> {
    parse(path).unwrap().into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_path_names_a_job_and_labels() {
    assert_eq!(key("job/backup"), pairs(&[("job", "backup")]));
    assert_eq!(key("job/backup/"), pairs(&[("job", "backup")]));
    assert_eq!(key("job/titan/name/Προμηθεύς"), pairs(&[("job", "titan"), ("name", "Προμηθεύς")]));
}

#[test]
fn base64_carries_slashes_and_nothing() {
    for path in ["job/cleaner/path@base64/L3Zhci90bXA", "job/cleaner/path@base64/L3Zhci90bXA="] {
        assert_eq!(key(path), pairs(&[("job", "cleaner"), ("path", "/var/tmp")]), "{path}");
    }
    assert_eq!(key("job@base64/YS9i/first@base64/="), pairs(&[("first", ""), ("job", "a/b")]));
    assert_eq!(
        key("job/titan/name@base64/zqDPgc6_zrzOt864zrXPjc-C"),
        pairs(&[("job", "titan"), ("name", "Προμηθεύς")])
    );
}

#[test]
fn a_wrong_path_is_named_with_what_would_be_right() {
    for (path, said) in [
        ("job", "\"job\" without a value"),
        ("job/", "\"job\" without a value"),
        ("job//", "no name"),
        ("job@base64/=", "no name"),
        ("instance/a", "begins with \"instance\""),
        ("job/a/b", "\"b\" without a value"),
        ("job/a/0b/c", "\"0b\" is no name"),
        ("job/a/__name__/c", "\"__name__\" is no name"),
        ("job/a/job/c", "\"job\" twice"),
        ("job/a/b@base64/+w", "not URL-safe base64"),
        ("job/a/b@base64/Y", "not URL-safe base64"),
        ("job/a/b@base64/_w", "not UTF-8"),
    ] {
        let error = parse(path).unwrap_err();
        assert!(error.status == 400 && error.message.contains(said), "{path}: {error}");
    }
}
