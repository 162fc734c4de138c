use super::*;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_model_of_an_llm_server_is_read_from_its_command_line() {
    for (line, expected) in [
        (
            "/usr/bin/python3 /usr/local/bin/vllm serve meta-llama/Llama-3.1-8B --port 8000",
            Some("meta-llama/Llama-3.1-8B"),
        ),
        ("python3 -m vllm.entrypoints.openai.api_server --model=Qwen/Qwen3-8B", Some("Qwen/Qwen3-8B")),
        ("python -m sglang.launch_server --model-path /models/llama/", Some("llama")),
        ("/opt/llama-server -m /models/q.gguf --metrics", Some("q.gguf")),
        ("trtllm-serve serve nvidia/Llama-FP8 --port 8000", Some("nvidia/Llama-FP8")),
        ("text-generation-launcher --model-id org/m", Some("org/m")),
        (
            "vllm serve /root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/abc",
            Some("Qwen/Qwen3-8B"),
        ),
        ("python3 train.py --model secret", None),
        ("python3 -m http.server", None),
        ("vllm serve --port 1", None),
        ("", None),
    ] {
        assert_eq!(model(&words(line)).as_deref(), expected, "{line}");
    }
}

#[test]
fn control_groups_tell_container_pod_and_service() {
    let id = "0123456789abcdef".repeat(4);
    for (groups, container, pod, service) in [
        (format!("0::/system.slice/docker-{id}.scope\n"), id.as_str(), "", ""),
        (format!("12:cpu:/docker/{id}\n0::/\n"), &id, "", ""),
        (
            format!(
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b0cee3c_18f5_4a27_9f2f_0242ac110002.slice/cri-containerd-{id}.scope\n"
            ),
            &id,
            "1b0cee3c-18f5-4a27-9f2f-0242ac110002",
            "",
        ),
        (
            format!("1:name=systemd:/kubepods/pod1b0cee3c-18f5-4a27-9f2f-0242ac110002/{id}\n"),
            &id,
            "1b0cee3c-18f5-4a27-9f2f-0242ac110002",
            "",
        ),
        ("0::/system.slice/vllm.service\n".to_owned(), "", "", "vllm.service"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n".to_owned(), "", "", ""),
        ("garbage\n::\n".to_owned(), "", "", ""),
    ] {
        let owner = belonging(&groups);
        assert_eq!(
            (owner.container_id.as_str(), owner.pod_uid.as_str(), owner.service.as_str()),
            (container, pod, service),
            "{groups}"
        );
    }
}

#[test]
fn a_worker_belongs_to_the_model_of_the_server_that_started_it() {
    let folder = tempfile::tempdir().unwrap();
    let process = |pid: u32, parent: u32, name: &str, line: &str| {
        let place = folder.path().join(pid.to_string());
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("stat"), format!("{pid} ({name}) S {parent} 1 1 0")).unwrap();
        std::fs::write(place.join("cmdline"), line.replace(' ', "\0")).unwrap();
        std::fs::write(place.join("cgroup"), "0::/system.slice/vllm.service\n").unwrap();
    };
    process(10, 1, "vllm", "python3 /bin/vllm serve org/model");
    process(11, 10, "VLLM::EngineCore", "VLLM::EngineCore");
    process(12, 11, "VLLM) odd (", "VLLM::Worker_TP0");
    process(13, 1, "other", "sleep 5");
    let roots = Roots { procfs: folder.path().to_path_buf(), ..Roots::default() };
    let worker = owner(&roots, 12).unwrap();
    assert_eq!((worker.model.as_str(), worker.service.as_str()), ("org/model", "vllm.service"));
    assert_eq!(worker.process, "VLLM) odd (");
    assert_eq!(owner(&roots, 13).unwrap().model, "");
    assert_eq!(owner(&roots, 99), None);
}
