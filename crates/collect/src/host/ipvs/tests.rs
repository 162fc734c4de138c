use super::*;

#[test]
fn addresses_of_both_versions_are_read() {
    assert_eq!(address("C0A80016:0CEA"), Some(("192.168.0.22".to_owned(), "3306".to_owned())));
    let six = address("[2620:0000:0000:0000:0000:0000:0000:0001]:0050");
    assert_eq!(six, Some(("2620::1".to_owned(), "80".to_owned())));
    for wrong in ["", ":", "C0A8:0CEA", "C0A80016:XYZ", "[::g]:0050", "+0A80016:0CEA:"] {
        assert_eq!(address(wrong), None, "{wrong}");
    }
}

#[test]
fn backends_that_the_chosen_labels_do_not_tell_apart_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ip_vs");
    let rows = concat!(
        "IP Virtual Server version 1.2.1 (size=4096)\nProt\n  -> Remote\nTCP  C0A80016:0CEA wlc\n",
        "  -> C0A85216:0CEA      Tunnel  100    248        2\n  -> C0A85318:0CEA      Tunnel  50    2        1\n",
    );
    std::fs::write(&path, rows).unwrap();
    let ipvs = Ipvs { labels: vec!["local_address".to_owned()] };
    let mut out = Collection::default();
    ipvs.backends(&Source::read(&path).unwrap(), &mut out).unwrap();
    let families = out.into_families();
    let active =
        families.iter().find(|family| family.name == "node_ipvs_backend_connections_active").unwrap();
    assert_eq!(active.points.len(), 1);
    assert_eq!(active.points[0].value, 250.0);
    std::fs::write(&path, "a\nb\nc\nTCP  C0A80016\n").unwrap();
    let wrong = ipvs.backends(&Source::read(&path).unwrap(), &mut Collection::default()).unwrap_err();
    assert_eq!(wrong.reason(), "garbage");
}
