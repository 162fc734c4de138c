//! Real tools of the field, against the real binary.

use crate::harness::remote_write::send;
use crate::harness::{PATIENCE, Peer, Setup, encode, find_program, free_port, now_ms};
use std::process::Command;
use std::time::{Duration, Instant};

#[tokio::test]
async fn promtool_queries_it() {
    let Some(promtool) = find_program("promtool") else { return };
    let setup = Setup::new();
    let server = setup.start().await;
    server.until("count(up)", |targets| targets >= 1.0).await;
    let url = server.url("");
    let ask = |args: Vec<String>| {
        let output = Command::new(&promtool).args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let words = |args: &[&str]| args.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert!(ask(words(&["query", "instant", &url, "up"])).contains("up{"));
    assert!(ask(words(&["query", "range", "--step=1s", &url, "up"])).contains("up{"));
    assert!(ask(words(&["query", "labels", &url, "job"])).contains("node"));
    assert!(ask(words(&["query", "series", "--match=up", &url])).contains("__name__=\"up\""));
}

#[tokio::test]
async fn promtool_accepts_our_own_metrics_and_the_built_in_rules() {
    let Some(promtool) = find_program("promtool") else { return };
    let setup = Setup::new();
    let server = setup.start().await;
    let (_, body) = server.get("/metrics").await;
    let exposition = setup.write("metrics.txt", &body);
    let output = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(exposition).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Names that are Prometheus's own stay as they are.
    let is_prometheus_own = |line: &&str| {
        line.starts_with("prometheus_") && line.ends_with("should not include type 'histogram'")
    };
    let ours: Vec<&str> = said.lines().filter(|line| !line.is_empty() && !is_prometheus_own(line)).collect();
    assert!(ours.is_empty(), "{ours:?}");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/rules");
    for entry in std::fs::read_dir(rules).unwrap().map_while(Result::ok) {
        if entry.path().extension().is_some_and(|extension| extension == "yml") {
            let output = Command::new(&promtool).args(["check", "rules"]).arg(entry.path()).output().unwrap();
            assert!(
                output.status.success(),
                "{}: {}",
                entry.path().display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it_and_writes_to_it() {
    let setup = Setup::new();
    let server = setup.start().await;
    let port = free_port();
    let config = setup.write(
        "peer.yml",
        &format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: ours\n  static_configs: [{{targets: ['{0}']}}]\nremote_write:\n- url: http://{0}/api/v1/write\n",
            server.address
        ),
    );
    let Some(_prometheus) = Peer::start(
        "prometheus",
        [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", setup.path("peer-data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    ) else {
        return;
    };
    // Its scrape of us comes back to us by remote write.
    server.until("up{job=\"ours\"}", |up| up == 1.0).await;
    server.until("count({job=\"ours\"})", |series| series > 20.0).await;

    // The same question gets the same answer from both.
    let question = "sum by (job) (up{job=\"ours\"})";
    let started = Instant::now();
    loop {
        let theirs =
            reqwest::get(format!("http://127.0.0.1:{port}/api/v1/query?query={}", encode(question))).await;
        if let Ok(response) = theirs {
            let theirs: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            let ours = server.query(question).await;
            if theirs["data"]["result"][0]["metric"] == ours[0]["metric"]
                && theirs["data"]["result"][0]["value"][1] == ours[0]["value"][1]
            {
                break;
            }
        }
        assert!(started.elapsed() < PATIENCE, "the answers differ");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_real_prometheus_federates_from_it_and_keeps_its_labels() {
    let setup = Setup::new().config("global: {external_labels: {dc: here}}\n");
    let server = setup.start().await;
    let series = [("__name__", "requests_total"), ("instance", "a:1"), ("job", "api")];
    let bare = [("__name__", "requests_total"), ("job", "bare")];
    let gone = [("__name__", "requests_total"), ("job", "gone")];
    let now = now_ms();
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let written =
        send(&server, &[(&series, &[(now, 7.0)]), (&bare, &[(now, 8.0)]), (&gone, &[(now, stale)])]).await;
    assert_eq!(written.unwrap().0, 204);
    let (status, body) =
        server.get(&format!("/federate?match[]={}", encode("{job=~\"api|bare|gone\"}"))).await;
    assert_eq!(
        (status, body.as_str()),
        (
            200,
            format!(
                "# TYPE requests_total untyped\nrequests_total{{instance=\"a:1\",job=\"api\",dc=\"here\"}} 7 {now}\n\
                 requests_total{{job=\"bare\",dc=\"here\",instance=\"\"}} 8 {now}\n"
            )
            .as_str()
        )
    );
    assert_eq!(server.get("/federate?match[]=up%7B").await.0, 400);
    let port = free_port();
    let config = setup.write(
        "peer.yml",
        &format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: federate\n  honor_labels: true\n  metrics_path: /federate\n  params: {{'match[]': ['requests_total']}}\n  static_configs: [{{targets: ['{}']}}]\n",
            server.address
        ),
    );
    let Some(_prometheus) = Peer::start(
        "prometheus",
        [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", setup.path("peer-data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    ) else {
        return;
    };
    let started = Instant::now();
    loop {
        let theirs = format!("http://127.0.0.1:{port}/api/v1/query?query=requests_total");
        if let Ok(response) = reqwest::get(theirs).await {
            let theirs: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            let result = &theirs["data"]["result"];
            if result.as_array().is_some_and(|result| result.len() == 2) {
                let metric = &result[0]["metric"];
                assert_eq!((&metric["job"], &metric["instance"]), (&"api".into(), &"a:1".into()), "{theirs}");
                assert_eq!(
                    (&metric["dc"], &result[0]["value"][1]),
                    (&"here".into(), &"7".into()),
                    "{theirs}"
                );
                assert!(result[1]["metric"]["instance"].is_null(), "{theirs}");
                break;
            }
        }
        assert!(started.elapsed() < PATIENCE, "nothing was federated");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
