use super::*;

#[test]
fn a_cpu_time_that_falls_by_a_tick_stays_where_it_was() {
    let mut before = [10.0; 10];
    before[IDLE] = 100.0;
    let mut now = [11.0; 10];
    now[IDLE] = 99.98;
    let told = rise(&before, &now);
    assert_eq!((told[IDLE], told[0]), (100.0, 11.0));
}

#[test]
fn a_cpu_that_came_back_counts_anew() {
    let before = [10.0; 10];
    let now = [1.0; 10];
    assert_eq!(rise(&before, &now), now);
}

#[test]
fn a_list_of_cpus_has_numbers_and_ranges() {
    assert_eq!(cpu_list("1,3-5,9"), [1, 3, 4, 5, 9]);
    assert_eq!(cpu_list(""), [0_u32; 0]);
    assert_eq!(cpu_list("x,2"), [2]);
    assert_eq!(cpu_list("0-4294967295").len(), MOST_CPUS);
}
