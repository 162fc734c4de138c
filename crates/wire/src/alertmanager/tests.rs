use super::*;
use proptest::prelude::*;
use watchfire_model::xxhash64;

/// What Alertmanager 0.25 wrote when two alerts had been told to a webhook, and of one silence.
const NFLOG: &str = "590a490a147b7d3a7b616c6572746e616d653d22486f74227d120f0a04686f6f6b1207776562686f6f6b2a0c08c0e086d80610cb82bcb8023212b581daa5b5cba6d93997cecf88a0a2d9b94c120c08e09887d80610cb82bcb802";
const SILENCES: &str = "87010a770a2433313566613064322d353366322d346131392d613830382d303861386232643530663937120d1208696e7374616e63651a0161120c080312036a6f621a03787c791a0c08c0e086d80610a8beffb802220c08d0fc86d80610c0faafb7022a0c08c0e086d80610a8beffb80242026d654a04776f726b120c08d0aba1d80610c0faafb702";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hash(labels: &[(&str, &str)]) -> u64 {
    let mut text = Vec::new();
    for (name, value) in labels {
        text.extend_from_slice(name.as_bytes());
        text.push(0xff);
        text.extend_from_slice(value.as_bytes());
        text.push(0xff);
    }
    xxhash64(&text)
}

#[test]
fn the_log_of_a_real_alertmanager_names_the_alerts_it_told() {
    let [notice] = &read_nflog(&bytes(NFLOG)).unwrap()[..] else { panic!("not one") };
    assert_eq!(notice.group_key, "{}:{alertname=\"Hot\"}");
    assert_eq!((notice.receiver.as_str(), notice.integration.as_str(), notice.index), ("hook", "webhook", 0));
    let mut told = notice.firing.clone();
    told.sort_unstable();
    let mut expected =
        ["a", "b"].map(|instance| hash(&[("alertname", "Hot"), ("instance", instance)])).to_vec();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(
        notice.resolved.is_empty() && notice.at_ms > 1_700_000_000_000 && notice.expires_ms > notice.at_ms
    );
}

#[test]
fn the_silences_of_a_real_alertmanager_are_read() {
    let [silence] = &read_silences(&bytes(SILENCES)).unwrap()[..] else { panic!("not one") };
    assert_eq!((silence.created_by.as_str(), silence.comment.as_str()), ("me", "work"));
    assert_eq!(silence.id.len(), 36);
    let matchers: Vec<(&str, &str, bool, bool)> = silence
        .matchers
        .iter()
        .map(|matcher| (matcher.name.as_str(), matcher.pattern.as_str(), matcher.is_regex, matcher.is_equal))
        .collect();
    assert_eq!(matchers, [("instance", "a", false, true), ("job", "x|y", true, false)]);
    assert!(silence.ends_ms - silence.starts_ms > 3_500_000 && silence.unknown_fields == 0);
}

#[test]
fn a_file_that_is_cut_off_says_where() {
    let whole = bytes(NFLOG);
    let error = read_nflog(&whole[..whole.len() - 1]).unwrap_err().to_string();
    assert_eq!(error, "record 0, which begins at byte 0, is cut off");
    assert_eq!(read_nflog(&[]).unwrap(), []);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_nflog(&bytes);
        let _ = read_silences(&bytes);
    }
}
