use super::*;

fn times(tally: &Tally, pci: &str, xid: u32) -> u64 {
    tally
        .counts()
        .find(|(known, number, _)| *known == pci && *number == xid)
        .map_or(0, |(.., count)| count.times)
}

#[test]
fn an_error_that_driver_and_log_tell_counts_once_and_repeats_count_each() {
    let mut tally = Tally::default();
    for second in [10, 20, 30] {
        tally.report("0000:83:00.0", 31, second * 1000, Origin::Log);
    }
    for second in [11, 21, 31, 41] {
        tally.report("0000:83:00.0", 31, second * 1000, Origin::Driver);
    }
    tally.report("0000:84:00.0", 31, 11_000, Origin::Driver);
    tally.report("0000:83:00.0", 31, 500_000, Origin::Log);
    assert_eq!(times(&tally, "0000:83:00.0", 31), 5);
    assert_eq!(times(&tally, "0000:84:00.0", 31), 1);
    let last = tally.counts().next().unwrap().2.last_ms;
    assert_eq!(last, 500_000);
}

#[test]
fn a_flood_of_errors_stays_within_its_bounds() {
    let mut tally = Tally::default();
    for number in 0..10_000u32 {
        tally.report("0000:83:00.0", number, i64::from(number), Origin::Log);
    }
    assert_eq!(tally.counts().count(), PAIRS_KEPT);
    assert_eq!(tally.single.len(), REPORTS_KEPT);
}

#[test]
fn the_catalogue_knows_what_the_field_fears_most() {
    let lost = meaning(79).unwrap();
    assert_eq!((lost.severity, lost.action), ("critical", "reboot_host"));
    assert_eq!(meaning(48).unwrap().action, "reset_gpu");
    assert_eq!(meaning(31).unwrap().severity, "app");
    assert_eq!(meaning(74).unwrap().action, "check_nvlink");
    assert_eq!(meaning(u32::MAX), None);
    let lines = CATALOGUE.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let mut count = 0;
    for line in lines {
        assert_eq!(line.split('\t').count(), 5, "{line}");
        assert!(meaning(line.split('\t').next().unwrap().parse().unwrap()).is_some(), "{line}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}
