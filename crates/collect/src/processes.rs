//! Processes: what they are, and to what they belong.

use crate::Roots;
use crate::roots::Source;

/// How many parents are asked for what a worker does not say itself.
const GENERATIONS: usize = 5;

/// A process as /proc shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) parent: u32,
    /// The command line, by arguments.
    pub(crate) arguments: Vec<String>,
}

/// To what a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) process: String,
    pub(crate) container_id: String,
    pub(crate) pod_uid: String,
    /// The systemd unit.
    pub(crate) service: String,
    /// The model that an LLM server was started with.
    pub(crate) model: String,
}

/// Reads a process; `None` when it is gone or is none of our business.
pub(crate) fn read(roots: &Roots, pid: u32) -> Option<Process> {
    let stat = roots.proc(&format!("{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold some itself.
    let (before, after) = stat.text.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let parent = after.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let arguments = arguments(roots, pid);
    Some(Process { name, parent, arguments })
}

/// The command line of a process; none of one that is gone or is the kernel's own.
pub(crate) fn arguments(roots: &Roots, pid: u32) -> Vec<String> {
    let line = Source::read(roots.procfs.join(format!("{pid}/cmdline"))).map(|line| line.text);
    line.unwrap_or_default().split('\0').map(str::to_owned).filter(|word| !word.is_empty()).collect()
}

/// Who a process works for. `None` when it is gone.
pub(crate) fn owner(roots: &Roots, pid: u32) -> Option<Owner> {
    let process = read(roots, pid)?;
    let groups = roots.proc(&format!("{pid}/cgroup")).map(|source| source.text).unwrap_or_default();
    let mut owner = Owner { process: process.name.clone(), ..belonging(&groups) };
    let mut ancestor = Some(process);
    for _ in 0..GENERATIONS {
        let Some(current) = ancestor else { break };
        if let Some(model) = model(&current.arguments) {
            owner.model = model;
            break;
        }
        ancestor = (current.parent > 1).then(|| read(roots, current.parent)).flatten();
    }
    Some(owner)
}

/// Container, pod and service from the control groups of a process, of either version.
fn belonging(groups: &str) -> Owner {
    let mut owner = Owner::default();
    for path in groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
        for part in path.split('/') {
            let bare = part.strip_suffix(".scope").unwrap_or(part);
            // `docker-<id>`, `cri-containerd-<id>`, `libpod-<id>`, `crio-<id>`, or the identifier alone.
            let id = bare.rsplit('-').next().unwrap_or(bare);
            if owner.container_id.is_empty()
                && id.len() == 64
                && id.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                id.clone_into(&mut owner.container_id);
            }
            let slice = part.strip_suffix(".slice").unwrap_or(part);
            if owner.pod_uid.is_empty()
                && let Some((before, uid)) = slice.rsplit_once("pod")
                && uid.len() == 36
                && (before.is_empty() || before.ends_with('-'))
            {
                owner.pod_uid = uid.replace('_', "-");
            }
            if owner.service.is_empty() && part.ends_with(".service") {
                part.clone_into(&mut owner.service);
            }
        }
    }
    owner
}

/// The model in the command line of an LLM server.
pub(crate) fn model(arguments: &[String]) -> Option<String> {
    let word = |index: usize| arguments.get(index).map(String::as_str);
    let program = arguments.first().map_or("", |first| first.rsplit('/').next().unwrap_or(first));
    let is_llama = program.starts_with("llama-") || program == "llama";
    let line = arguments.iter().take(8);
    let is_server = is_llama
        || line.map(String::as_str).any(|word| {
            ["vllm", "sglang", "trtllm-serve", "text-generation-launcher", "mlx_lm", "lmdeploy", "ollama"]
                .iter()
                .any(|name| word.rsplit('/').next().unwrap_or(word).starts_with(name))
        });
    if !is_server {
        return None;
    }
    let mut positional = None;
    for (index, argument) in arguments.iter().enumerate().skip(1) {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (argument.as_str(), word(index + 1)),
        };
        let names_model =
            matches!(flag, "--model" | "--model-path" | "--model-id" | "--model_path" | "--hf-repo")
                || is_llama && matches!(flag, "-m" | "-hf" | "-hfr");
        if names_model {
            return value.map(model_name);
        }
        if matches!(argument.as_str(), "serve" | "trtllm-serve" | "api_server") {
            positional = word(index + 1).filter(|next| !next.starts_with('-'));
        }
    }
    positional.map(model_name)
}

/// A model's name: of a path the last part, or what a cache's folder stands for.
fn model_name(path: &str) -> String {
    if let Some(cached) = path.split('/').find_map(|part| part.strip_prefix("models--")) {
        return cached.replace("--", "/");
    }
    let path = path.trim_end_matches('/');
    if path.starts_with(['/', '.', '~']) {
        path.rsplit('/').next().unwrap_or(path).to_owned()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests;
