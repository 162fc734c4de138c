use super::*;

fn value(state: ClockState, name: &str) -> f64 {
    let mut out = Collection::default();
    tell(state, &mut out);
    let families = out.into_families();
    families.iter().find(|family| family.name == name).unwrap().points[0].value
}

#[test]
fn units_are_seconds_whatever_the_kernel_counts_in() {
    let state = ClockState { offset: 1_500.0, ..ClockState::default() };
    assert_eq!(value(state, "node_timex_offset_seconds"), 0.001_5);
    let state = ClockState { in_nanoseconds: true, ..state };
    assert_eq!(value(state, "node_timex_offset_seconds"), 0.000_001_5);
    let state = ClockState { frequency: 65_536.0 * 100.0, ..state };
    assert!((value(state, "node_timex_frequency_adjustment_ratio") - 1.0001).abs() < 1e-12);
    assert_eq!(value(state, "node_timex_sync_status"), 0.0);
}

#[cfg(target_os = "linux")]
#[test]
fn this_kernel_answers() {
    let mut out = Collection::default();
    match Timex.collect(&Roots::default(), &mut out) {
        Ok(()) => assert_eq!(out.into_families().len(), 17),
        // A container may forbid to ask.
        Err(error) => assert_eq!(error.reason(), "permission_denied"),
    }
}
