use super::*;

fn process(pid: u32, name: &str, ticks: u64, pages: u64) -> Seen {
    let stat = format!(
        "{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 3 0 {} 1000 {pages} 0",
        u64::from(pid) * 10
    );
    seen(pid, &stat).unwrap()
}

#[test]
fn what_a_program_used_grows_while_its_processes_come_and_go_and_begins_anew_after_the_last() {
    let mut used = Used::default();
    let ticks = |used: &mut Used, all: &[Seen]| used.look(all).get("rustc").map(|program| program.ticks);
    assert_eq!(ticks(&mut used, &[process(1, "rustc", 50, 9), process(2, "rustc", 7, 9)]), Some(57));
    assert_eq!(ticks(&mut used, &[process(2, "rustc", 10, 9)]), Some(60), "the first has ended");
    assert_eq!(ticks(&mut used, &[process(2, "rustc", 10, 9), process(3, "rustc", 4, 9)]), Some(64));
    assert_eq!(ticks(&mut used, &[process(4, "sh", 1, 9)]), None);
    assert_eq!(ticks(&mut used, &[process(5, "rustc", 2, 9)]), Some(2));
}

#[test]
fn processes_of_a_name_are_told_of_together() {
    let all = [process(1, "rustc", 50, 10), process(2, "rustc", 7, 5), process(3, "sh", 1, 1)];
    let programs = Used::default().look(&all);
    let rustc = &programs["rustc"];
    assert_eq!((rustc.processes.len(), rustc.resident_pages, rustc.recent_ticks), (2, 15.0, 57));
}

#[test]
fn ten_are_told_of_for_their_memory_and_ten_for_their_time() {
    let hungry = (0..20).map(|i| process(i, &format!("hungry{i:02}"), 0, 100 + u64::from(i)));
    let busy = (20..40).map(|i| process(i, &format!("busy{i:02}"), 100 + u64::from(i), 1));
    let all: Vec<Seen> = hungry.chain(busy).collect();
    let programs = Used::default().look(&all);
    let expected: BTreeSet<String> =
        (10..20).map(|i| format!("hungry{i}")).chain((30..40).map(|i| format!("busy{i}"))).collect();
    assert_eq!(top(&programs), expected.iter().map(String::as_str).collect());
}

#[test]
fn the_kernels_threads_go_by_what_they_are_not_by_what_they_do_at_the_moment() {
    assert_eq!(process(1, "kworker/0:1-events", 5, 0).name, "kworker");
    assert_eq!(process(1, "a/b) c(", 5, 3).name, "a/b) c(");
}
