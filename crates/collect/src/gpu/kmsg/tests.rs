use super::*;
use std::io::Write;

fn shared(file: &str) -> Option<String> {
    let root = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let text = std::fs::read_to_string(root.join("data/gpu/xid").join(file)).ok();
    if text.is_none() {
        println!("skipped: {file} is not there");
    }
    text
}

#[test]
fn a_real_log_tells_of_its_xids() {
    let Some(log) = shared("dmesg-with-xid-119.log") else { return };
    let events: Vec<Event> = log.lines().filter_map(event).collect();
    let xids = events.iter().filter(|found| **found == Event::Xid("0000:9b:00.0".into(), 119)).count();
    assert_eq!(xids, log.lines().filter(|line| line.contains("Xid (PCI:0000:9b:00): 119")).count());
    assert!(xids >= 4);
}

#[test]
fn a_real_log_tells_of_a_crash_in_nccl() {
    let Some(log) = shared("dmesg.decode.iso.log") else { return };
    let events: Vec<Event> = log.lines().filter_map(event).collect();
    assert_eq!(events, [Event::Other("nccl_segfault"), Event::Other("nccl_segfault")]);
}

#[test]
fn the_logs_device_is_read_in_records_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kmsg");
    let mut log = File::create(&path).unwrap();
    log.write_all(
        b"6,1,100,-;Linux version 6\n SUBSYSTEM=x\n2,2,5000000,-;NVRM: Xid (PCI:0000:83:00): 79, pid='<unknown>'\n4,3,6,-;NVRM",
    )
    .unwrap();
    let mut kmsg = Kmsg::new(path);
    assert_eq!(kmsg.look().unwrap(), [(5_000_000, Event::Xid("0000:83:00.0".into(), 79))]);
    assert_eq!(kmsg.look().unwrap(), []);
    log.write_all(b": Xid (PCI:0000:84:00.0): 48, x\n3,4,7,-;python3 invoked oom-killer: gfp\n").unwrap();
    assert_eq!(
        kmsg.look().unwrap(),
        [(6, Event::Xid("0000:84:00.0".into(), 48)), (7, Event::Other("oom_kill"))]
    );
}

#[test]
fn a_log_that_is_not_there_is_an_error_and_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kmsg");
    let mut kmsg = Kmsg::new(path.clone());
    assert!(kmsg.look().unwrap_err().is_absent());
    std::fs::write(&path, "4,3,6,-;watchdog: BUG: soft lockup - CPU#3 stuck for 22s!\n").unwrap();
    assert_eq!(kmsg.look().unwrap(), [(6, Event::Other("soft_lockup"))]);
}

proptest::proptest! {
    #[test]
    fn no_message_makes_it_panic(message in "(NVRM: Xid \\(|PCI:|\\): |[0-9a-f]{1,12}|;|,|\\PC){0,40}") {
        event(&message);
        record(&message);
    }
}
