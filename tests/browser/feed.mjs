// A small AI platform that does not exist: what its GPUs, servers, gateways, probes and services would tell a scraper,
// under the names that the real ones use. Counters grow with the clock, so that rates are what they say.
import { once } from "node:events";
import { createServer } from "node:http";
import { hostname } from "node:os";

const BEGAN_S = Date.now() / 1000 - 3_600;
const SECONDS = ["0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0"];
const TOKENS = ["10", "100", "1000", "10000"];

/** The jobs of the platform and what each tells. */
const JOBS = {
  gpu: () => [
    ...[0, 1].flatMap((gpu) => gpuMetrics({ gpu, gpu_uuid: `GPU-${gpu}` })),
    gauge("llm_server_info", { engine: "vllm", address: "127.0.0.1:8000", process: "vllm", model: "llama-8b" }, 1),
    gauge("ollama_models_loaded", {}, 1),
    gauge("ollama_model_size_bytes", { model: "qwen" }, 8e9),
    gauge("ollama_model_vram_bytes", { model: "qwen" }, 6e9),
    gauge("ollama_model_expires_timestamp_seconds", { model: "qwen" }, Date.now() / 1000 + 300),
  ],
  training: () => {
    const run = { run_id: "1", run: "sleepy-cat", experiment: "llama", instance: "node-7" };
    const progress = { step: 300, epoch: 1.5, progress_ratio: 0.3, eta_seconds: 700, steps_per_second: 1, loss: 1.2, validation_loss: 1.4, stalled: 0, gpus: 8, gpu_utilization_ratio: 0.9, cost: 12, cost_per_step: 0.01 };
    return [
      gauge("training_run_info", { ...run, status: "running", user: "ada", reporter: "mlflow" }, 1),
      gauge("training_run_last_update_timestamp_seconds", run, Date.now() / 1000 - 3),
      ...Object.entries(progress).map(([name, value]) => gauge(`training_run_${name}`, run, value)),
    ];
  },
  vllm: () => {
    const model = { model_name: "llama-8b", engine: "0" };
    return [
      gauge("vllm:num_requests_running", model, 5),
      gauge("vllm:num_requests_waiting", model, 2),
      gauge("vllm:num_requests_waiting_by_reason", { ...model, reason: "capacity" }, 2),
      gauge("vllm:kv_cache_usage_perc", model, 0.6),
      counter("vllm:prefix_cache_queries_total", model, 900),
      counter("vllm:prefix_cache_hits_total", model, 400),
      counter("vllm:num_preemptions_total", model, 0.2),
      counter("vllm:prompt_tokens_total", model, 900),
      counter("vllm:generation_tokens_total", model, 300),
      counter("vllm:request_success_total", { ...model, finished_reason: "stop" }, 3),
      counter("vllm:request_success_total", { ...model, finished_reason: "length" }, 1),
      ...["time_to_first_token", "inter_token_latency", "e2e_request_latency", "request_queue_time", "request_prefill_time", "request_decode_time"].flatMap((name) => histogram(`vllm:${name}_seconds`, model, SECONDS, 4)),
      ...histogram("vllm:request_prompt_tokens", model, TOKENS, 4),
      ...histogram("vllm:request_generation_tokens", model, TOKENS, 4),
    ];
  },
  sglang: () => {
    const model = { model_name: "qwen-32b", engine_type: "unified", tp_rank: "0" };
    return [
      gauge("sglang:num_running_reqs", model, 4),
      gauge("sglang:num_queue_reqs", model, 1),
      gauge("sglang:token_usage", model, 0.4),
      gauge("sglang:cache_hit_rate", model, 0.5),
      gauge("sglang:gen_throughput", model, 210),
      gauge("sglang:kv_used_tokens", model, 5_000),
      gauge("sglang:kv_evictable_tokens", model, 2_000),
      gauge("sglang:kv_available_tokens", model, 9_000),
      counter("sglang:prompt_tokens_total", model, 500),
      counter("sglang:generation_tokens_total", model, 210),
      counter("sglang:cached_tokens_total", { ...model, cache_source: "device" }, 250),
      counter("sglang:num_retracted_requests_total", model, 0.1),
      counter("sglang:num_aborted_requests_total", model, 0.1),
      ...["time_to_first_token", "inter_token_latency", "e2e_request_latency"].flatMap((name) => histogram(`sglang:${name}_seconds`, model, SECONDS, 2)),
      ...histogram("sglang:per_stage_req_latency_seconds", { ...model, stage: "in_progress" }, SECONDS, 2),
    ];
  },
  "tensorrt-llm": () => {
    const model = { model_name: "nemotron", engine_type: "trtllm" };
    return [
      gauge("trtllm_num_active_requests", model, 3),
      gauge("trtllm_server_queue_length", model, 1),
      gauge("trtllm_kv_cache_utilization", model, 0.3),
      gauge("trtllm_kv_cache_hit_rate", model, 0.2),
      counter("trtllm_prompt_tokens_total", model, 500),
      counter("trtllm_prompt_cached_tokens_total", model, 100),
      counter("trtllm_request_success_total", { ...model, finished_reason: "stop" }, 2),
      counter("trtllm_request_error_total", model, 0.01),
      ...["time_to_first_token", "time_per_output_token", "e2e_request_latency", "request_queue_time"].flatMap((name) => histogram(`trtllm_${name}_seconds`, model, SECONDS, 2)),
    ];
  },
  tgi: () => [
    gauge("tgi_batch_current_size", {}, 6),
    gauge("tgi_queue_size", {}, 2),
    counter("tgi_request_count", {}, 3),
    counter("tgi_request_success", {}, 2.9),
    ...["tgi_request_duration", "tgi_request_mean_time_per_token_duration", "tgi_request_validation_duration", "tgi_request_queue_duration", "tgi_request_inference_duration"].flatMap((name) => histogram(name, {}, SECONDS, 3)),
    ...histogram("tgi_batch_inference_duration", { method: "decode" }, SECONDS, 3),
    ...histogram("tgi_request_generated_tokens", {}, TOKENS, 3),
    ...histogram("tgi_request_input_length", {}, TOKENS, 3),
  ],
  triton: () => {
    const model = { model: "resnet", version: "1" };
    return [
      counter("nv_inference_count", model, 40),
      counter("nv_inference_exec_count", model, 10),
      counter("nv_inference_request_success", model, 10),
      counter("nv_inference_request_failure", { ...model, reason: "OTHER" }, 0.1),
      gauge("nv_inference_pending_request_count", model, 2),
      counter("nv_inference_request_duration_us", model, 90_000),
      ...["queue", "compute_input", "compute_infer", "compute_output"].map((stage) => counter(`nv_inference_${stage}_duration_us`, model, 20_000)),
      gauge("nv_gpu_utilization", { gpu_uuid: "GPU-0" }, 0.7),
      gauge("nv_gpu_memory_used_bytes", { gpu_uuid: "GPU-0" }, 5e9),
      gauge("nv_gpu_memory_total_bytes", { gpu_uuid: "GPU-0" }, 8e9),
    ];
  },
  llamacpp: () => [
    gauge("llamacpp:requests_processing", {}, 1),
    gauge("llamacpp:requests_deferred", {}, 1),
    gauge("llamacpp:n_busy_slots_per_decode", {}, 1.4),
    counter("llamacpp:tokens_predicted_total", {}, 30),
    counter("llamacpp:tokens_predicted_seconds_total", {}, 0.6),
    counter("llamacpp:prompt_tokens_total", {}, 90),
    counter("llamacpp:prompt_seconds_total", {}, 0.2),
    counter("llamacpp:n_decode_total", {}, 30),
  ],
  litellm: () => {
    const who = { model: "gpt-4o", requested_model: "gpt-4o", api_provider: "openai", team_alias: "search", api_key_alias: "ci" };
    return [
      counter("litellm_proxy_total_requests_metric_total", { ...who, status_code: "200" }, 3),
      counter("litellm_proxy_failed_requests_metric_total", { ...who, exception_status: "500" }, 0.1),
      counter("litellm_spend_metric_total", who, 0.002),
      counter("litellm_total_tokens_metric_total", who, 400),
      counter("litellm_input_tokens_metric_total", who, 300),
      counter("litellm_output_tokens_metric_total", who, 100),
      gauge("litellm_in_flight_requests", {}, 4),
      gauge("litellm_deployment_state", { api_provider: "openai", litellm_model_name: "gpt-4o" }, 0),
      counter("litellm_deployment_failure_responses_total", { api_provider: "openai", exception_class: "RateLimitError" }, 0.1),
      ...histogram("litellm_request_total_latency_metric", who, SECONDS, 3),
      ...histogram("litellm_llm_api_latency_metric", who, SECONDS, 3),
      ...histogram("litellm_llm_api_time_to_first_token_metric", who, SECONDS, 3),
    ];
  },
  ray: () => {
    const app = { application: "chat", deployment: "Llama", replica: "r1", route: "/chat" };
    return [
      gauge("ray_serve_deployment_replica_healthy", app, 1),
      gauge("ray_serve_autoscaling_target_replicas", app, 2),
      gauge("ray_serve_deployment_queued_queries", app, 1),
      gauge("ray_serve_replica_processing_queries", app, 3),
      gauge("ray_serve_replica_utilization_percent", app, 71),
      counter("ray_serve_num_http_requests_total", app, 4),
      counter("ray_serve_num_http_error_requests_total", app, 0.1),
      ...histogram("ray_serve_http_request_latency_ms", app, ["10", "100", "1000"], 4),
      ...histogram("ray_serve_deployment_processing_latency_ms", app, ["10", "100", "1000"], 4),
    ];
  },
  probe: () => [
    gauge("probe_success", {}, 1),
    gauge("probe_duration_seconds", {}, 0.12),
    gauge("probe_ssl_earliest_cert_expiry", {}, Date.now() / 1000 + 40 * 86_400),
    ...["resolve", "connect", "tls", "processing", "transfer"].map((phase) => gauge("probe_http_duration_seconds", { phase }, 0.02)),
    gauge("probe_llm_time_to_first_token_seconds", {}, 0.3),
    gauge("probe_llm_answer_correct", {}, 1),
  ],
  training: () => {
    const run = { run: "sleepy-cat-12", run_id: "1", experiment: "sft", status: "running" };
    const told = { stalled: 0, eta_seconds: 900, steps_per_second: 2.1, gpu_utilization_ratio: 0.9, cost: 12.5, cost_per_step: 0.01, loss: 0.6, validation_loss: 0.7, progress_ratio: 0.4 };
    return [gauge("training_run_info", run, 1), gauge("training_run_last_update_timestamp_seconds", run, Date.now() / 1000 - 3), ...Object.entries(told).map(([name, value]) => gauge(`training_run_${name}`, run, value))];
  },
  business: () => [
    gauge("price:million_tokens", { model_name: "llama-8b", kind: "output" }, 0.6),
    gauge("price:million_tokens", { model_name: "llama-8b", kind: "input" }, 0.2),
    gauge("price:gpu_hour", {}, 2.5),
    gauge("budget:per_month", { budget: "tokens" }, 500),
    gauge("budget:per_month", { budget: "gpus" }, 4_000),
    gauge("eval_score", { model: "llama-8b", suite: "mmlu", metric: "accuracy" }, 0.71),
    counter("user_feedback_total", { model: "llama-8b", verdict: "up" }, 0.9),
    counter("user_feedback_total", { model: "llama-8b", verdict: "down" }, 0.1),
  ],
  ci: () => {
    const at = { project: "watch/fire", environment: "production" };
    return [
      gauge("ci_deployment", { ...at, result: "success" }, 1),
      gauge("ci_deployment", { ...at, result: "failure" }, 1),
      gauge("ci_deployment_lead_time_seconds", at, 4_000),
      gauge("ci_deployment_restore_seconds", at, 1_200),
      gauge("ci_pipeline_duration_seconds", { project: "watch/fire", pipeline: "build", branch: "main", result: "success" }, 620),
      gauge("ci_tests", { project: "watch/fire", branch: "main", suite: "unit", result: "passed" }, 812),
      gauge("ci_tests_duration_seconds", { project: "watch/fire", branch: "main", suite: "unit" }, 41),
      gauge("ci_coverage_ratio", { project: "watch/fire", branch: "main", kind: "line" }, 0.83),
    ];
  },
  "memory-server": () => [...service("llm-server"), gauge("memory_items", {}, 321), counter("memory_operations_total", { operation: "recall" }, 3)],
  "llm-server": () => [...service("memory-server"), counter("llm_tokens_total", { direction: "input", model: "parrot-1" }, 30), counter("llm_tokens_total", { direction: "output", model: "parrot-1" }, 90)],
  "gui-server": () => [...service("llm-server"), gauge("gui_active_sessions", {}, 7), counter("gui_frontend_errors_total", { page: "/chat" }, 0.01)],
};

/** Serves every job under `/JOB`; `scrapes` is their part of a configuration. */
export async function startFeed() {
  const server = createServer((request, response) => {
    const tell = Object.hasOwn(JOBS, request.url.slice(1)) ? JOBS[request.url.slice(1)] : undefined;
    response.writeHead(tell ? 200 : 404, { "content-type": "text/plain; version=0.0.4" });
    response.end(tell ? tell().join("") : "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  // What runs on this machine is told under its name.
  const instances = { gpu: hostname(), vllm: `${hostname()}:8000` };
  const scrapes = Object.keys(JOBS).map((job) => {
    const labels = instances[job] ? `, labels: { instance: "${instances[job]}" }` : "";
    return `  - job_name: ${job}\n    metrics_path: /${job}\n    static_configs: [{ targets: ["127.0.0.1:${port}"]${labels} }]\n`;
  });
  return { scrapes: scrapes.join(""), stop: () => server.close() };
}

function service(peer) {
  return [
    counter("http_requests_total", { handler: "/ask", method: "POST", code: "200" }, 4),
    counter("http_requests_total", { handler: "/ask", method: "POST", code: "500" }, 0.05),
    ...histogram("http_request_duration_seconds", { handler: "/ask" }, SECONDS, 4),
    counter("ipc_requests_total", { peer, outcome: "success" }, 3),
    ...histogram("ipc_request_duration_seconds", { peer }, SECONDS, 3),
    counter("cache_hits_total", {}, 3),
    counter("cache_misses_total", {}, 1),
    gauge("process_resident_memory_bytes", {}, 2e8),
    counter("process_cpu_seconds_total", {}, 0.2),
  ];
}

function gpuMetrics(gpu) {
  const gauges = { temperature_celsius: 61, memory_temperature_celsius: 70, utilization_ratio: 0.8, memory_utilization_ratio: 0.4, encoder_utilization_ratio: 0.1, decoder_utilization_ratio: 0.1, memory_used_bytes: 6e10, memory_total_bytes: 8e10, power_watts: 412, power_limit_watts: 700, processes: 1, lost: 0 };
  const counters = { energy_joules_total: 412, nvlink_transmitted_bytes_total: 1e9, nvlink_received_bytes_total: 1e9, pcie_transmitted_bytes_total: 1e8, pcie_received_bytes_total: 1e8 };
  return [
    gauge("gpu_info", { ...gpu, name: "H200", vendor: "nvidia" }, 1),
    ...Object.entries(gauges).map(([name, value]) => gauge(`gpu_${name}`, gpu, value)),
    ...Object.entries(counters).map(([name, rate]) => counter(`gpu_${name}`, gpu, rate)),
    gauge("gpu_temperature_limit_celsius", { ...gpu, threshold: "slowdown" }, 90),
    gauge("gpu_clock_hertz", { ...gpu, clock: "sm" }, 1.7e9),
    gauge("gpu_throttle_active", { ...gpu, reason: "sw_power_cap" }, 1),
    counter("gpu_throttled_seconds_total", { ...gpu, reason: "sw_power_cap" }, 0.1),
    counter("gpu_ecc_errors_total", { ...gpu, type: "corrected" }, 0.01),
    counter("gpu_xid_errors_total", { ...gpu, xid: "13" }, 0.001),
    gauge("gpu_xid_last_timestamp_seconds", { ...gpu, xid: "13" }, Date.now() / 1000 - 60),
    gauge("gpu_process_memory_used_bytes", { ...gpu, pid: "4242" }, 6e10),
    gauge("gpu_process_info", { ...gpu, pid: "4242", process: "vllm", service: "vllm.service", model: "llama-8b" }, 1),
  ];
}

function line(name, labels, value) {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}{${pairs.join(",")}} ${value}\n`;
}

/** A value that breathes a little; counts and times do not. */
function gauge(name, labels, value) {
  return line(name, labels, Number.isInteger(value) || value > 1e9 ? value : value * (1 + 0.05 * Math.sin(Date.now() / 7_000)));
}

function counter(name, labels, perSecond) {
  return line(name, labels, (Date.now() / 1000 - BEGAN_S) * perSecond);
}

/** As many observations in each bucket as in the next. */
function histogram(name, labels, bounds, perSecond) {
  const total = Math.floor((Date.now() / 1000 - BEGAN_S) * perSecond);
  const buckets = [...bounds, "+Inf"].map((le, index) => line(`${name}_bucket`, { ...labels, le }, Math.floor((total * (index + 1)) / (bounds.length + 1))));
  return [...buckets, line(`${name}_sum`, labels, total * Number(bounds[1])), line(`${name}_count`, labels, total)];
}
