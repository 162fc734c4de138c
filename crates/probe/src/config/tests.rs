use super::*;

fn parse(text: &str) -> Result<Modules, String> {
    Modules::parse(text, Path::new(""))
        .map_err(|problem| problem.in_file(Path::new("probes.yml")).to_string())
}

#[test]
fn the_built_in_modules_are_read() {
    let modules = Modules::default();
    let names: Vec<&str> = modules.names().collect();
    assert_eq!(
        names,
        ["grpc", "grpc_plain", "http_2xx", "http_post_2xx", "icmp", "llm", "tcp_connect", "tls_connect"]
    );
    let Some(Prober::Http(http)) = modules.get("http_post_2xx").map(|module| &module.prober) else {
        panic!("no HTTP module")
    };
    assert_eq!(http.method, "POST");
}

#[test]
fn a_file_of_blackbox_exporter_is_read() {
    let modules = parse(
        r#"
modules:
  http_2xx_example:
    prober: http
    timeout: 5s
    http:
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      valid_status_codes: [200, 204]
      method: GET
      headers:
        Host: vhost.example.com
        Accept-Language: en-US
      follow_redirects: true
      fail_if_ssl: false
      fail_if_body_matches_regexp:
        - "Could not connect to database"
      fail_if_header_matches:
        - header: Set-Cookie
          allow_missing: true
          regexp: '.*'
      tls_config:
        insecure_skip_verify: false
      preferred_ip_protocol: "ip4"
      ip_protocol_fallback: false
      body_size_limit: 1MB
  smtp_starttls:
    prober: tcp
    tcp:
      query_response:
        - expect: "^220 ([^ ]+) ESMTP (.+)$"
          labels:
            - name: host
              value: ${1}
        - send: "EHLO prober"
        - expect: "^250-STARTTLS"
        - send: "STARTTLS"
        - expect: "^220"
        - starttls: true
  dns_soa:
    prober: dns
    dns:
      query_name: "prometheus.io"
      query_type: "SOA"
      transport_protocol: tcp
      valid_rcodes: [NOERROR, NXDOMAIN]
      validate_answer_rrs:
        fail_if_not_matches_regexp: [".*\tIN\tSOA\t.*"]
  ping:
    prober: icmp
    icmp: { payload_size: 100, ttl: 32 }
"#,
    )
    .unwrap();
    let Some(Module { timeout, prober: Prober::Http(http) }) = modules.get("http_2xx_example") else {
        panic!("no HTTP module")
    };
    assert_eq!(*timeout, Some(Duration::from_secs(5)));
    assert_eq!(http.valid_status_codes, [200, 204]);
    assert_eq!(http.ip, IpChoice { prefer_v6: false, fallback: false });
    assert_eq!(http.body_size_limit, 1 << 20);
    assert!(http.fail_if_header_matches[0].allow_missing);
    let Some(Prober::Tcp(tcp)) = modules.get("smtp_starttls").map(|module| &module.prober) else {
        panic!("no TCP module")
    };
    assert_eq!(tcp.talk.len(), 6);
    assert!(tcp.talk[5].starttls);
    let Some(Prober::Dns(dns)) = modules.get("dns_soa").map(|module| &module.prober) else {
        panic!("no DNS module")
    };
    assert_eq!((dns.query_type, dns.query_class, dns.transport), (6, 1, Transport::Tcp));
    assert_eq!(dns.valid_rcodes, [0, 3]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        (
            "modules:\n  a: { prober: htp }",
            "probes.yml:2:16: prober is \"htp\"; expected one of http, tcp, dns, icmp, grpc, llm",
        ),
        ("modules:\n  a: {}", "probes.yml:2:6: prober is missing in module; expected a value"),
        (
            "modules:\n  a: { prober: http, http: { methods: GET } }",
            "unknown key \"methods\" in http probe; did you mean \"method\"?",
        ),
        (
            "modules:\n  a: { prober: http, http: { fail_if_body_matches_regexp: [\"(\"] } }",
            "fail_if_body_matches_regexp holds no regular expression",
        ),
        ("modules:\n  a: { prober: dns }", "query_name is missing in dns probe"),
        (
            "modules:\n  a: { prober: dns, dns: { query_name: x, query_type: NOPE } }",
            "query_type is \"NOPE\"; expected one such as ANY",
        ),
        ("modules:\n  a: { prober: http, http: { valid_status_codes: [2xx] } }", "\"2xx\" is no HTTP status"),
        ("modules:\n  a: { prober: icmp, icmp: { ttl: 256 } }", "ttl is 256; expected at most 255"),
        (
            "modules:\n  a: { prober: http, http: { body: x, body_file: y } }",
            "body and body_file exclude each other",
        ),
        (
            "module:\n  a: { prober: http }",
            "unknown key \"module\" in probe configuration; did you mean \"modules\"?",
        ),
    ] {
        let told = parse(text).err().unwrap_or_default();
        assert!(told.contains(expected), "{text}\n  told: {told}");
        assert!(told.starts_with("probes.yml:"), "{told}");
    }
}
