//! What is known about each engine: how it is recognised, where it listens, where its metrics are, and what must be
//! switched on for them.

/// A server of models, or what stands before such servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "their names are what they are")]
pub enum Engine {
    Vllm,
    Sglang,
    TensorRtLlm,
    Triton,
    LlamaCpp,
    Ollama,
    LiteLlm,
    Ray,
    Tgi,
}

/// What makes an engine: its name, its usual port, the flag that changes it, its metrics' path, the beginnings of its
/// metrics' names, and what to do when it has none.
struct Facts {
    name: &'static str,
    port: u16,
    port_flags: &'static [&'static str],
    path: &'static str,
    prefixes: &'static [&'static str],
    hint: &'static str,
}

impl Engine {
    const ALL: [Self; 9] = [
        Self::Vllm,
        Self::Sglang,
        Self::TensorRtLlm,
        Self::Triton,
        Self::LlamaCpp,
        Self::Ollama,
        Self::LiteLlm,
        Self::Ray,
        Self::Tgi,
    ];

    const fn facts(self) -> Facts {
        match self {
            Self::Vllm => Facts {
                name: "vllm",
                port: 8000,
                port_flags: &["--port"],
                path: "/metrics",
                prefixes: &["vllm:"],
                hint: "vLLM has metrics unless it is started with --disable-log-stats; with more than one API server \
                       PROMETHEUS_MULTIPROC_DIR must be on a local disk",
            },
            Self::Sglang => Facts {
                name: "sglang",
                port: 30000,
                port_flags: &["--port"],
                path: "/metrics",
                prefixes: &["sglang:"],
                hint: "SGLang has no metrics before it is started with --enable-metrics",
            },
            Self::TensorRtLlm => Facts {
                name: "tensorrt-llm",
                port: 8000,
                port_flags: &["--port"],
                path: "/prometheus/metrics",
                prefixes: &["trtllm_"],
                hint: "trtllm-serve has metrics at /prometheus/metrics once return_perf_metrics: true is in the file \
                       that --config (or --extra_llm_api_options) names",
            },
            Self::Triton => Facts {
                name: "triton",
                port: 8002,
                port_flags: &["--metrics-port"],
                path: "/metrics",
                prefixes: &["nv_inference_", "nv_gpu_"],
                hint: "Triton has metrics on --metrics-port (8002) unless it is started with --allow-metrics=false",
            },
            Self::LlamaCpp => Facts {
                name: "llama.cpp",
                port: 8080,
                port_flags: &["--port"],
                path: "/metrics",
                prefixes: &["llamacpp:"],
                hint: "llama-server has no metrics before it is started with --metrics",
            },
            Self::Ollama => Facts {
                name: "ollama",
                port: 11434,
                port_flags: &[],
                path: "/metrics",
                prefixes: &["ollama_"],
                hint: "",
            },
            Self::LiteLlm => Facts {
                name: "litellm",
                port: 4000,
                port_flags: &["--port"],
                path: "/metrics/",
                prefixes: &["litellm_"],
                hint: "LiteLLM has no metrics before its configuration says litellm_settings: callbacks: [\"prometheus\"]",
            },
            Self::Ray => Facts {
                name: "ray",
                port: 0,
                port_flags: &["--metrics-export-port", "--metrics_export_port"],
                path: "/metrics",
                prefixes: &["ray_"],
                hint: "Ray has metrics on the port that ray start --metrics-export-port names",
            },
            Self::Tgi => Facts {
                name: "tgi",
                port: 3000,
                port_flags: &["--port"],
                path: "/metrics",
                prefixes: &["tgi_"],
                hint: "text-generation-router has metrics on its own port; see --port",
            },
        }
    }

    /// Its name, which is also that of its job.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Where its metrics are; `None` when it has none.
    pub fn metrics_path(self) -> Option<&'static str> {
        (self != Self::Ollama).then(|| self.facts().path)
    }

    /// What to do when it has no metrics.
    pub fn hint(self) -> &'static str {
        self.facts().hint
    }

    /// The engine that a command line starts; workers that an engine starts itself are none.
    pub(super) fn of_command(arguments: &[String]) -> Option<Self> {
        let program =
            |index: usize| arguments.get(index).map_or("", |word| word.rsplit('/').next().unwrap_or(word));
        let has = |wanted: &str| arguments.iter().skip(1).any(|word| word == wanted);
        // The program, or the script or module that an interpreter runs: the first word behind its switches.
        let interpreted = program(0).starts_with("python") || matches!(program(0), "sh" | "bash" | "env");
        let script = if interpreted {
            let mut words = arguments.iter().enumerate().skip(1);
            words.find(|(_, word)| !word.starts_with('-')).map_or(0, |(index, _)| index)
        } else {
            0
        };
        let name = program(script);
        Some(match name {
            "vllm" if has("serve") => Self::Vllm,
            _ if name.starts_with("vllm.entrypoints.") && name.contains("api_server") => Self::Vllm,
            "api_server.py" if arguments.iter().any(|word| word.contains("/vllm/entrypoints/")) => Self::Vllm,
            "sglang" if has("serve") => Self::Sglang,
            "sglang.launch_server" => Self::Sglang,
            "trtllm-serve" => Self::TensorRtLlm,
            "tritonserver" => Self::Triton,
            "llama-server" => Self::LlamaCpp,
            "ollama" if has("serve") => Self::Ollama,
            "litellm" => Self::LiteLlm,
            "agent.py" if arguments.iter().any(|word| word.contains("/ray/dashboard/")) => Self::Ray,
            "text-generation-router" => Self::Tgi,
            _ => return None,
        })
    }

    /// The port that a command line names, otherwise the usual one.
    pub(super) fn port(self, arguments: &[String]) -> u16 {
        let facts = self.facts();
        let named = arguments.iter().enumerate().find_map(|(index, word)| {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word.as_str(), arguments.get(index + 1).map(String::as_str)),
            };
            facts.port_flags.contains(&flag).then(|| value?.parse().ok()).flatten()
        });
        named.unwrap_or(facts.port)
    }

    /// The engine whose answer this is.
    pub(super) fn of_answer(path: &str, body: &str) -> Option<Self> {
        if path == "/api/version" {
            // {"version":"0.5.1"} on Ollama's own port.
            return body.trim_start().starts_with("{\"version\"").then_some(Self::Ollama);
        }
        let is_of =
            |engine: &Self, name: &str| engine.facts().prefixes.iter().any(|prefix| name.starts_with(prefix));
        body.lines().find_map(|line| {
            let name = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
            Self::ALL.into_iter().find(|engine| is_of(engine, name))
        })
    }
}

/// Whether some engine listens there by default, and nothing else commonly does without metrics to tell it apart.
pub(super) fn is_usual(port: u16) -> bool {
    Engine::ALL.iter().any(|engine| engine.facts().port == port && port != 0)
}
