use super::*;

fn fault(text: &str) -> String {
    let fault = Config::parse(text, Path::new("p.yml"), Check::Syntax).unwrap_err().to_string();
    assert!(!fault.contains('\n'), "{fault}");
    fault
}

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("p.yml"), Check::Full).unwrap()
}

#[test]
fn every_fault_is_one_line_with_its_place() {
    for (text, expected) in [
        (
            "scrape_config: []",
            "p.yml:1:1: unknown key \"scrape_config\" in configuration file; did you mean \"scrape_configs\"?",
        ),
        (
            "global:\n  scrape_interval: soon",
            "p.yml:2:20: scrape_interval is \"soon\"; expected a duration such as \"15s\" or \"1h30m\"",
        ),
        (
            "scrape_configs:\n- job_name:",
            "p.yml:2:3: job_name is missing in scrape configuration; expected a value",
        ),
        (
            "scrape_configs:\n- job_name: a\n- job_name: a",
            "p.yml:3:3: found multiple scrape configs with job name \"a\"",
        ),
        (
            "scrape_configs:\n- job_name: a\n  honor_labels: 3",
            "p.yml:3:17: honor_labels is \"3\"; expected true or false",
        ),
        (
            "scrape_configs:\n- job_name: a\n  body_size_limit: 100",
            "p.yml:3:20: body_size_limit is \"100\"; expected a size with its unit such as \"10MB\"",
        ),
        (
            "scrape_configs:\n- job_name: a\n  scheme: gopher",
            "p.yml:3:11: scheme is \"gopher\"; expected one of http, https",
        ),
        ("scrape_configs: 3", "p.yml:1:17: scrape_configs is \"3\"; expected a list"),
        (
            "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://x']",
            "p.yml:4:15: \"http://x\" is not a valid hostname; expected HOST:PORT without scheme or path",
        ),
        (
            "rule_files: ['a/*/b.yml']",
            "p.yml:1:14: invalid rule file path \"a/*/b.yml\"; expected \"*\" in its last element only",
        ),
        (
            "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {regex: '(', target_label: x}",
            "p.yml:4:13: regex \"(\" is not valid: unclosed group; expected RE2 syntax",
        ),
    ] {
        assert_eq!(fault(text), expected);
    }
}

#[test]
fn jobs_take_over_from_global_what_they_do_not_set() {
    let config = parse(
        "global: {scrape_interval: 15s, sample_limit: 7, external_labels: {dc: x}}\nscrape_configs:\n- job_name: a\n  sample_limit: 3\n- job_name: b\n  scrape_interval: 5s\n",
    );
    let [first, second] = config.scrape_configs.as_slice() else { panic!("two jobs") };
    assert_eq!(
        (first.scrape_interval, first.scrape_timeout),
        (Duration::from_secs(15), Duration::from_secs(10))
    );
    assert_eq!(
        (second.scrape_interval, second.scrape_timeout),
        (Duration::from_secs(5), Duration::from_secs(5))
    );
    assert_eq!((first.limits.samples, second.limits.samples), (3, 7));
    assert_eq!(config.global.external_labels.get("dc"), Some("x"));
}

#[test]
fn our_own_keys_stand_beside_prometheus_keys() {
    let config = parse("collect: {enabled: false, interval: 1s}");
    assert_eq!(
        config.collect,
        Collect { enabled: false, interval: Duration::from_secs(1), ..Collect::default() }
    );
    let collect =
        parse("collect: {llm: false, disabled_collectors: [rapl], textfile_directories: [/m]}").collect;
    assert!(!collect.llm && collect.gpu_aliases);
    assert_eq!(
        (collect.disabled_collectors, collect.textfile_directories),
        (vec!["rapl".to_owned()], vec!["/m".into()])
    );
    let text = "collect: {textfile_directories: [sub]}";
    let collect = Config::parse(text, Path::new("/etc/watch/p.yml"), Check::Full).unwrap().collect;
    assert_eq!(collect.textfile_directories, [PathBuf::from("/etc/watch/sub")], "not the working directory");
    assert!(parse("collect: {interval: 1s}").collect.enabled);
    assert!(!parse("").collect.enabled, "a file gives what it says and no more");
    assert!(Config::default().collect.enabled, "without a file this machine is watched");
    assert!(parse("").built_in_rules && Config::default().built_in_rules);
    assert!(!parse("rule_files: [a.yml]").built_in_rules);
    assert!(parse("rule_files: [a.yml]\nbuilt_in_rules: true").built_in_rules);
    assert!(parse("rule_files: [a.yml]\nprices: {gpu_hour: 2}").built_in_rules, "what nothing else uses");
    assert!(parse("rule_files: [a.yml]\nobjectives: {}").built_in_rules);
}

#[test]
fn what_is_not_supported_passes_a_syntax_check_only() {
    let text = "scrape_configs:\n- job_name: k\n  kubernetes_sd_configs: [{role: pod}]";
    assert!(Config::parse(text, Path::new("p.yml"), Check::Syntax).is_ok());
    let fault = Config::parse(text, Path::new("p.yml"), Check::Full).unwrap_err().to_string();
    assert_eq!(
        fault,
        "p.yml:3:3: kubernetes_sd_configs: Watchfire does not have this service discovery yet; expected its targets in \
         a file for file_sd_configs, or from a server for http_sd_configs"
    );
}

#[test]
fn files_are_relative_to_the_configuration_and_must_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yml");
    std::fs::write(
        &file,
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password_file: secret}\n",
    )
    .unwrap();
    assert!(Config::load(&file, Check::Syntax).is_ok());
    let fault = Config::load(&file, Check::Full).unwrap_err().to_string();
    assert!(fault.contains("p.yml:3:44: cannot read ") && fault.contains("secret: "), "{fault}");
    std::fs::write(folder.path().join("secret"), "x").unwrap();
    assert!(Config::load(&file, Check::Full).is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let config = parse(
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: hunter2}\n  http_headers: {X-Key: {secrets: [hunter2]}}\n- job_name: b\n  authorization: {credentials: hunter2}\n  proxy_url: http://user:hunter2@proxy:3128\n- job_name: c\n  bearer_token: hunter2\n",
    );
    assert!(!config.to_yaml().contains("hunter2"), "{}", config.to_yaml());
    assert!(!format!("{:?}", config.scrape_configs[0]).contains("hunter2"));
    assert_eq!(serde_json::to_string(&secret::Secret::new("hunter2")).unwrap(), "\"<secret>\"");
}

#[test]
fn the_shown_configuration_reads_back_the_same() {
    let text = "global:\n  scrape_interval: 15s\n  external_labels: {a: 'x: y', b: \"1\"}\nscrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['h:1', \"[::1]:2\"]\n    labels: {}\n  params: {q: ['a\"b', \"line\\nline\"]}\n  relabel_configs:\n  - {source_labels: [a, b], regex: '(.*)\\d', target_label: c}\n";
    let first = parse(text);
    let second = parse(first.to_yaml());
    assert_eq!(first, second);
    assert_eq!(first.to_yaml(), second.to_yaml());
}

/// Prometheus's own files: `good` ones must be accepted and `bad` ones refused. The floor may only rise.
#[test]
fn prometheus_configuration_files_are_judged_as_prometheus_judges_them() {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/prometheus/config");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut good, mut accepted, mut bad, mut refused) = (0, 0, 0, 0);
    for entry in entries {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let result = Config::load(&file, Check::Syntax);
        if let Err(fault) = &result {
            assert!(!fault.to_string().contains('\n'), "{fault}");
        }
        if name.ends_with(".good.yml") {
            good += 1;
            accepted += usize::from(result.is_ok());
            if let Err(fault) = result {
                println!("good but refused: {fault}");
            }
        } else if name.ends_with(".bad.yml") {
            bad += 1;
            refused += usize::from(result.is_err());
            match result {
                Ok(_) => println!("bad but accepted: {name}"),
                Err(fault) => println!("refused: {fault}"),
            }
        }
    }
    println!("prometheus config files: {accepted} of {good} good accepted, {refused} of {bad} bad refused");
    assert_eq!((accepted, refused), (good, bad), "all of them");
}

#[test]
fn what_prometheus_takes_in_odd_forms_is_taken() {
    let config = parse(
        "scrape_configs:\n- {job_name: a, sample_limit: 1e3, fallback_scrape_protocol: ''}\n- {job_name: b, scrape_protocols: , proxy_from_environment: true, proxy_connect_header: {A: [b]}}\n",
    );
    assert_eq!(config.scrape_configs[0].limits.samples, 1000);
    assert_eq!(config.scrape_configs[0].fallback_scrape_protocol, None);
    assert_eq!(
        fault("remote_write:\n- {url: ':'}"),
        "p.yml:2:9: url is no URL: relative URL without a base; expected one such as \"https://host/api/v1/write\""
    );
}

#[test]
fn servers_and_names_that_tell_targets_are_read() {
    let config = parse(
        "scrape_configs:\n- job_name: a\n  http_sd_configs:\n  - {url: 'https://cmdb/targets', refresh_interval: 5m, authorization: {credentials: x}}\n  dns_sd_configs:\n  - {names: [_metrics._tcp.example], type: srv}\n  - {names: [h], type: A, port: 9100, refresh_interval: 10s}\n",
    );
    let discovery = &config.scrape_configs[0].discovery;
    assert_eq!(discovery.http_sources[0].refresh_interval, Duration::from_secs(300));
    assert_eq!(discovery.dns_sources[0].refresh_interval, Duration::from_secs(30));
    assert_eq!((discovery.dns_sources[1].port, discovery.dns_sources[1].names.len()), (9100, 1));
    for (lines, expected) in [
        (
            "http_sd_configs: [{}]",
            "p.yml:3:21: url is missing in HTTP discovery configuration; expected a value",
        ),
        (
            "http_sd_configs: [{url: 'ftp://x/'}]",
            "p.yml:3:27: url has a scheme other than http and https; expected one such as \"http://host/targets\"",
        ),
        (
            "dns_sd_configs: [{type: A}]",
            "p.yml:3:20: names is missing in a DNS discovery configuration; expected at least one name",
        ),
        (
            "dns_sd_configs: [{names: [x], type: A}]",
            "p.yml:3:20: port is missing in a DNS discovery configuration; only SRV records say it",
        ),
        (
            "http_sd_configs: [{url: 'http:///x'}]",
            "p.yml:3:27: url has no host; expected one such as \"http://host/targets\"",
        ),
        (
            "static_configs: [{targets: ['h:1', '']}]",
            "p.yml:3:19: a target of static_configs is empty; expected HOST:PORT",
        ),
        ("scrape_protocols: []", "p.yml:3:21: scrape_protocols is empty; expected at least one"),
        (
            "proxy_connect_header: {A: [b]}",
            "p.yml:3:3: proxy_connect_header without a proxy; expected proxy_url or proxy_from_environment as well",
        ),
        (
            "dns_sd_configs: [{names: [x], type: TXT}]",
            "p.yml:3:39: type is \"TXT\"; expected one of SRV, A, AAAA, MX, NS",
        ),
    ] {
        assert_eq!(fault(&format!("scrape_configs:\n- job_name: a\n  {lines}\n")), expected);
    }
}
