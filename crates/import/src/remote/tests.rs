use super::*;

#[test]
fn a_range_is_cut_at_the_ends_of_days() {
    let slices = Remote::slices(TimeRange::new(DAY_MS - 5, 2 * DAY_MS + 7));
    let expected = [(DAY_MS - 5, DAY_MS - 1), (DAY_MS, 2 * DAY_MS - 1), (2 * DAY_MS, 2 * DAY_MS + 7)];
    assert_eq!(slices, expected.map(|(from, to)| TimeRange::new(from, to)));
    assert_eq!(Remote::slices(TimeRange::new(5, 4)), []);
}

#[test]
fn credentials_of_a_url_are_used_and_never_shown() {
    let remote = Remote::new("https://me:secret@host:9090", Credentials::default()).unwrap();
    assert_eq!(remote.shown(), "https://host:9090/api/v1/read");
    assert_eq!(remote.credentials.user.as_deref(), Some("me"));
    assert_eq!(remote.credentials.password.as_deref(), Some("secret"));
    let said = format!("{remote:?} {}", remote.source(TimeRange::new(0, 1), &Choice::default()));
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(Remote::new("http://h/x/read", Credentials::default()).unwrap().shown(), "http://h/x/read");
    for wrong in ["prometheus:9090", "file:///x", "/var/lib/prometheus"] {
        let problem = Remote::new(wrong, Credentials::default()).unwrap_err();
        assert!(problem.contains("write it like"), "{problem}");
    }
}
