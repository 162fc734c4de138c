use super::*;

const HASH: &str = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";

fn judged(text: &str) -> Result<WebConfig, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, text).unwrap();
    WebConfig::load(&file).map_err(|fault| {
        let told = fault.to_string();
        told.strip_prefix(&format!("{}/", folder.path().display())).map_or(told.clone(), str::to_owned)
    })
}

#[test]
fn users_and_headers_are_counted() {
    let text = format!(
        "http_server_config: {{http2: false, headers: {{X-Frame-Options: deny, X-XSS-Protection: '1'}}}}\nbasic_auth_users: {{a: {HASH}, 'b:c': {HASH}}}\nrate_limit: {{interval: 1s, burst: 3}}\n"
    );
    assert_eq!(judged(&text), Ok(WebConfig { is_encrypted: false, users: 2, headers: 2 }));
    for empty in ["", "tls_server_config: {}", "tls_server_config: {min_version: TLS13}", "basic_auth_users:"]
    {
        assert_eq!(judged(empty), Ok(WebConfig::default()), "{empty}");
    }
}

#[test]
fn every_fault_has_its_place_and_no_hash_is_told() {
    for (text, expected) in [
        ("foo: 1", "web.yml:1:1: unknown key \"foo\""),
        ("tls_server_config: {cert: x}", "web.yml:1:20: key or key_file is missing; expected one of them"),
        ("tls_server_config: {key: x}", "web.yml:1:20: cert or cert_file is missing"),
        (
            "tls_server_config: {client_auth_type: RequestClientCert}",
            "web.yml:1:20: cert or cert_file is missing",
        ),
        (
            "tls_server_config: {cert: x, key: y}",
            "web.yml:1:27: there is no certificate; expected one in PEM",
        ),
        ("tls_server_config:\n  cert_file: gone.pem\n  key_file: gone.pem", "web.yml:2:14: cannot read "),
        ("tls_server_config: {cipher_suites: [x]}", "web.yml:1:37: cipher_suites names \"x\"; expected TLS_"),
        ("tls_server_config: {curve_preferences: [x]}", "web.yml:1:41: curve_preferences names \"x\""),
        (
            "tls_server_config: {client_auth_type: x}",
            "web.yml:1:39: client_auth_type is \"x\"; expected one of",
        ),
        (
            "http_server_config:\n  headers: {X-Frame-Options: DENY}",
            "web.yml:2:30: X-Frame-Options is \"DENY\"; expected deny or sameorigin",
        ),
        ("http_server_config: {headers: {Foo: x}}", "web.yml:1:32: the header \"Foo\" cannot be set here"),
        (
            "basic_auth_users:\n  a: plaintext",
            "web.yml:2:3: the password of \"a\" is too short; expected a hash made by bcrypt",
        ),
    ] {
        let told = judged(text).unwrap_err();
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains("plaintext"), "{told}");
    }
    for (from, to, expected) in [
        ("$2y", "$3y", "does not begin"),
        ("$10$", "$40$", "has the cost \"40\""),
        ("$2y", "x2y", "does not begin"),
    ] {
        let told = judged(&format!("basic_auth_users: {{a: '{}'}}", HASH.replace(from, to))).unwrap_err();
        assert!(told.contains(expected) && !told.contains("mDwo"), "{told}");
    }
}
