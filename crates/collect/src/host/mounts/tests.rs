use super::*;
use std::path::PathBuf;

#[test]
fn a_line_of_mountinfo_tells_a_mount() {
    let mount = parse(
        "36 35 98:0 /mnt1 /my\\040disk rw,noatime master:1 propagate_from:2 - ext3 /dev/root ro,errors=continue",
    );
    let mount = mount.unwrap();
    assert_eq!(
        (mount.mount_point.as_str(), mount.device.as_str(), mount.fs_type.as_str()),
        ("/my disk", "/dev/root", "ext3")
    );
    assert_eq!((mount.major.as_str(), mount.minor.as_str(), mount.is_read_only), ("98", "0", true));
    assert_eq!(parse("36 35 98:0 /mnt1"), None);
    assert_eq!(parse(""), None);
}

#[test]
fn a_host_seen_from_a_container_tells_its_own_mount_points() {
    let roots = Roots { rootfs: PathBuf::from("/host"), ..Roots::default() };
    let told = |mount_point: &str| {
        let line = format!("1 1 8:1 / {mount_point} rw - ext4 /dev/sda rw");
        in_root(parse(&line).unwrap(), &roots).mount_point
    };
    assert_eq!(
        (told("/host").as_str(), told("/host/data").as_str(), told("/hostile").as_str()),
        ("/", "/data", "/hostile")
    );
}

#[test]
fn only_octal_escapes_are_undone() {
    assert_eq!(unescape(r"a\040b\134\x\04"), "a b\\\\x\\04");
}
