use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use watchfire_model::time::ManualClock;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn engines_are_recognised_by_their_command_lines_and_workers_are_none() {
    for (line, expected) in [
        ("/usr/bin/python3 /usr/local/bin/vllm serve org/m --port 9000", Some((Engine::Vllm, 9000))),
        ("python3 -m vllm.entrypoints.openai.api_server --model m", Some((Engine::Vllm, 8000))),
        ("vllm serve m --port=8123", Some((Engine::Vllm, 8123))),
        ("VLLM::EngineCore", None),
        ("vllm bench serve-nothing", None),
        ("python -m sglang.launch_server --model-path m", Some((Engine::Sglang, 30000))),
        ("/usr/bin/python3 /opt/bin/trtllm-serve serve m", Some((Engine::TensorRtLlm, 8000))),
        ("/opt/tritonserver/bin/tritonserver --metrics-port=9002", Some((Engine::Triton, 9002))),
        ("./llama-server -m a.gguf --port 8081", Some((Engine::LlamaCpp, 8081))),
        ("/usr/bin/ollama serve", Some((Engine::Ollama, 11434))),
        ("/usr/bin/ollama runner --model x", None),
        ("python3 /usr/bin/litellm --config c.yaml", Some((Engine::LiteLlm, 4000))),
        ("python -u /v/ray/dashboard/agent.py --metrics-export-port=8090", Some((Engine::Ray, 8090))),
        ("text-generation-router --port 80", Some((Engine::Tgi, 80))),
        ("vim vllm", None),
        ("grep -r vllm serve", None),
        ("", None),
    ] {
        let arguments = words(line);
        let found = Engine::of_command(&arguments).map(|engine| (engine, engine.port(&arguments)));
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn real_and_generated_metrics_tell_their_engine() {
    let root = std::env::var_os("WATCHFIRE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    for (file, engine) in [
        ("captured/litellm-1.109.1.metrics.txt", Some(Engine::LiteLlm)),
        ("captured/ray-serve-2.60.0.metrics.txt", Some(Engine::Ray)),
        ("captured/node-exporter-1.5.0-live-host.metrics.txt", None),
        ("synthetic/vllm-0.33.0.synthetic.metrics.txt", Some(Engine::Vllm)),
        ("synthetic/sglang-0.5.23.synthetic.metrics.txt", Some(Engine::Sglang)),
        ("synthetic/trtllm-2026.synthetic.metrics.txt", Some(Engine::TensorRtLlm)),
        ("synthetic/llamacpp.synthetic.metrics.txt", Some(Engine::LlamaCpp)),
    ] {
        let Ok(body) = std::fs::read_to_string(root.join("data/llm").join(file)) else {
            println!("skipped: {file} is not there");
            continue;
        };
        assert_eq!(Engine::of_answer("/metrics", &body), engine, "{file}");
    }
    assert_eq!(Engine::of_answer("/api/version", "{\"version\":\"0.5.1\"}"), Some(Engine::Ollama));
    assert_eq!(Engine::of_answer("/metrics", "{\"version\":\"0.5.1\"}"), None);
}

/// Writes a process that holds a socket, and the kernel's line about that socket.
fn process(folder: &Path, pid: u32, line: &str, socket: Option<u64>) {
    let place = folder.join(pid.to_string());
    std::fs::create_dir_all(place.join("fd")).unwrap();
    std::fs::write(place.join("stat"), format!("{pid} (python3) S 1 1 1 0")).unwrap();
    std::fs::write(place.join("cmdline"), line.replace(' ', "\0")).unwrap();
    std::fs::write(place.join("cgroup"), "0::/system.slice/llm.service\n").unwrap();
    if let Some(inode) = socket {
        std::os::unix::fs::symlink(format!("socket:[{inode}]"), place.join("fd/7")).unwrap();
    }
}

fn listen(folder: &Path, sockets: &[(u16, u64)]) {
    let mut text =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            .to_owned();
    for (number, (port, inode)) in sockets.iter().enumerate() {
        let ip = u32::from_ne_bytes([127, 0, 0, 1]);
        text += &format!(
            "   {number}: {ip:08X}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0000000000000000 100 0 0 10 0\n"
        );
    }
    text += "   9: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 99 1 0 20 4 30 10 -1\ngarbage\n";
    std::fs::create_dir_all(folder.join("net")).unwrap();
    std::fs::write(folder.join("net/tcp"), text).unwrap();
}

fn discovery(folder: &Path, clock: &Arc<ManualClock>) -> LlmDiscovery {
    let roots = Roots { procfs: folder.to_path_buf(), ..Roots::default() };
    LlmDiscovery::new(roots, Arc::clone(clock) as Arc<dyn Clock>)
}

#[test]
fn a_server_is_found_by_its_process_and_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    process(folder.path(), 10, "python3 /bin/vllm serve org/model --port 9100", Some(500));
    process(folder.path(), 11, "python3 /bin/vllm serve org/other --port 9999", None);
    process(folder.path(), 12, "llama-server -m /m/q.gguf", Some(502));
    process(folder.path(), 13, "sleep 9", Some(503));
    listen(folder.path(), &[(9100, 500), (9200, 502), (9300, 503)]);
    let clock = Arc::new(ManualClock::at(0));
    let found = discovery(folder.path(), &clock).servers();
    let told: Vec<(Engine, u16, &str, Option<u32>)> = found
        .iter()
        .map(|server| (server.engine, server.address.port(), server.model.as_str(), server.pid))
        .collect();
    // The second has no socket; the third has one on another port than usual, and no other.
    let expected =
        [(Engine::Vllm, 9100, "org/model", Some(10)), (Engine::LlamaCpp, 9200, "q.gguf", Some(12))];
    assert_eq!(told, expected);
}

/// Answers every question with the same body until the test ends.
fn serve(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let _ = write!(&stream, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{body}");
        }
    });
    port
}

#[test]
fn what_a_port_says_tells_what_it_is() {
    let of = |body| recognise(SocketAddr::from(([127, 0, 0, 1], serve(body))));
    assert_eq!(of("# HELP vllm:num_requests_running x\nvllm:num_requests_running 1\n"), Some(Engine::Vllm));
    assert_eq!(of("{\"version\":\"0.9\"}"), Some(Engine::Ollama));
    assert_eq!(of("<html>hello</html>"), None);
    assert_eq!(of(""), None);
}

#[test]
fn ollama_is_told_by_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let port = serve("{\"models\":[{\"name\":\"m\",\"size\":5,\"size_vram\":4}]}");
    process(folder.path(), 10, "ollama serve", Some(500));
    listen(folder.path(), &[(port, 500)]);
    let clock = Arc::new(ManualClock::at(0));
    let servers = LlmServers { discovery: Arc::new(discovery(folder.path(), &clock)) };
    let mut out = Collection::default();
    servers.collect(&Roots::default(), &mut out).unwrap();
    let families = out.into_families();
    let info = families.iter().find(|family| family.name == "llm_server_info").unwrap();
    let label = |name: &str| {
        info.points[0].labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    };
    assert_eq!((label("engine"), label("service")), (Some("ollama"), Some("llm.service")));
    assert!(families.iter().any(|family| family.name == "ollama_model_vram_bytes"));
}

#[test]
fn a_server_that_ends_is_found_no_more_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    process(folder.path(), 10, "vllm serve m --port 9100", Some(500));
    listen(folder.path(), &[(9100, 500)]);
    let clock = Arc::new(ManualClock::at(0));
    let discovery = discovery(folder.path(), &clock);
    assert_eq!(discovery.servers().len(), 1);
    std::fs::remove_dir_all(folder.path().join("10")).unwrap();
    assert_eq!(discovery.servers().len(), 1);
    clock.set(FRESH_MS);
    assert_eq!(discovery.servers(), []);
}
