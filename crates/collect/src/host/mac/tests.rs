use super::*;
use crate::Collection;
use watchfire_wire::exposition::{Format, write::write};

const VM_STAT: &str = r#"Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10000.
Pages active:                            345678.
Pages inactive:                          333333.
Pages wired down:                        123456.
Pages purgeable:                           4321.
"Translation faults":                 123456789.
Anonymous pages:                         400000.
Pages occupied by compressor:            100000.
Swapins:                                   1000.
Swapouts:                                     3.
"#;

const NETSTAT: &str = "\
Name       Mtu   Network       Address            Ipkts Ierrs     Ibytes    Opkts Oerrs     Obytes  Coll Drop
lo0        16384 <Link#1>                        123456     0   98765432   123456     0   98765432     0   0
lo0        16384 127           127.0.0.1         123456     -   98765432   123456     -   98765432     -   -
gif0*      1280  <Link#2>                             0     0          0        0     0          0     0   0
en0        1500  <Link#14>   a4:83:e7:00:00:01  5555555     2 4444444444  3333333     1 2222222222     0   7
";

const IOREG: &str = r#"+-o IOBlockStorageDriver  <class IOBlockStorageDriver, id 0x1000003f5, registered, matched, active>
  | {
  |   "IOClass" = "IOBlockStorageDriver"
  |   "Statistics" = {"Operations (Write)"=1234,"Latency Time (Write)"=0,"Bytes (Read)"=56789,"Errors (Write)"=0,"Total Time (Read)"=1500000000,"Bytes (Write)"=4567,"Operations (Read)"=999}
  | }
  |
  +-o APPLE SSD AP0512Q Media  <class IOMedia, id 0x1000003f8, registered, matched, active>
    | {
    |   "BSD Name" = "disk0"
    | }
    +-o EFI@1  <class IOMedia, id 0x1000003f9, registered, matched, active>
      | {
      |   "BSD Name" = "disk0s1"
      | }
"#;

fn text(tell: impl FnOnce(&mut Collection)) -> String {
    let mut out = Collection::default();
    tell(&mut out);
    let text = write(&out.into_families(), Format::Text);
    text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn memory_is_told_in_bytes() {
    let told = text(|out| assert!(memory::tell(VM_STAT, out)));
    assert!(told.contains("node_memory_free_bytes 1.6384e+08\n"), "{told}");
    assert!(told.contains("node_memory_swapped_out_bytes_total 49152\n"), "{told}");
    assert_eq!(told.lines().count(), 9);
    for swap in
        ["total = 2048.00M  used = 1024.50M  free = 1023.50M  (encrypted)", "total = 2,00G  used = 1024,50M"]
    {
        let told = text(|out| memory::tell_swap(swap, out));
        assert!(told.contains("node_memory_swap_total_bytes 2.147483648e+09\n"), "{told}");
        assert!(told.contains("node_memory_swap_used_bytes 1.074266112e+09\n"), "{told}");
    }
}

#[test]
fn traffic_is_told_once_for_each_device() {
    let told = text(|out| assert!(network::tell(NETSTAT, |device| device != "gif0", out)));
    assert!(told.contains("node_network_receive_bytes_total{device=\"en0\"} 4.444444444e+09\n"), "{told}");
    assert!(told.contains("node_network_receive_drop_total{device=\"en0\"} 7\n"), "{told}");
    assert!(told.contains("node_network_transmit_packets_total{device=\"lo0\"} 123456\n"), "{told}");
    assert!(!told.contains("gif0"), "{told}");
    assert_eq!(told.lines().count(), 16);
}

#[test]
fn disks_are_told_as_a_whole() {
    let told = text(|out| assert_eq!(disks::tell(IOREG, |_| true, out), 1));
    assert!(told.contains("node_disk_read_time_seconds_total{device=\"disk0\"} 1.5\n"), "{told}");
    assert!(told.contains("node_disk_written_bytes_total{device=\"disk0\"} 4567\n"), "{told}");
    assert!(!told.contains("disk0s1"), "{told}");
}

#[test]
fn numbers_of_the_system_are_read() {
    assert_eq!(load("{ 1.50 1.75 2.00 }\n"), Some([1.5, 1.75, 2.0]));
    assert_eq!(load("{ 1,50 1,75 2,00 }\n"), Some([1.5, 1.75, 2.0]));
    assert_eq!(load("{ 1.50 }"), None);
    let booted = boot_time("{ sec = 1700000000, usec = 500000 } Tue Nov 14 22:13:20 2023\n");
    assert_eq!(booted, Some(1_700_000_000.5));
    assert_eq!(boot_time("no such thing"), None);
}

#[test]
fn what_is_cut_off_or_garbage_panics_nowhere() {
    for capture in [VM_STAT, NETSTAT, IOREG, "{ sec = 1, usec", "total = M used = "] {
        for end in 0..=capture.len() {
            let cut = &capture[..end];
            let mut out = Collection::default();
            memory::tell(cut, &mut out);
            memory::tell_swap(cut, &mut out);
            network::tell(cut, |_| true, &mut out);
            disks::tell(cut, |_| true, &mut out);
            let _ = (load(cut), boot_time(cut));
        }
    }
}
