//! Objectives and prices of the configuration, beside rules of one's own.

use crate::harness::Setup;

const CONFIG: &str = r"
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [own.yml]
objectives:
  llm: [{model: 'llama-\d+b', ttft: 250ms, goal: 0.9}]
  probes: [{instance: 'https://pay\..*', goal: 0.9999}]
prices: {gpu_hour: 2.5, million_tokens: [{model: llama-8b, output: 0.6}], budget: {gpus: 4000}}
";

const TOLD: &str = r#"
probe_success{job="probe",instance="https://pay.example"} 1
probe_success{job="probe",instance="https://other.example"} 1
llm:ttft_seconds_bucket:rate5m{job="vllm",instance="a",model_name="llama-8b",le="0.25"} 3
llm:ttft_seconds_bucket:rate5m{job="vllm",instance="a",model_name="llama-8b",le="+Inf"} 4
llm:ttft_seconds_bucket:rate5m{job="vllm",instance="a",model_name="other",le="0.5"} 1
llm:ttft_seconds_bucket:rate5m{job="vllm",instance="a",model_name="other",le="2.0"} 4
llm:ttft_seconds_bucket:rate5m{job="vllm",instance="a",model_name="other",le="+Inf"} 4
"#;

#[tokio::test]
async fn objectives_and_prices_of_the_configuration_are_in_force_beside_rules_of_ones_own() {
    let setup = Setup::new().config(CONFIG);
    setup.write("own.yml", "groups:\n- name: own\n  rules:\n  - {record: own, expr: '1'}\n");
    let server = setup.start().await;
    let (status, told) = server.post("/api/v1/import/prometheus", TOLD).await;
    assert_eq!(status, 204, "{told}");
    for (expr, expected) in [
        ("own", 1.0),
        ("price:gpu_hour", 2.5),
        ("price:million_tokens{model_name=\"llama-8b\",kind=\"output\"}", 0.6),
        ("budget:per_month{budget=\"gpus\"}", 4000.0),
        ("probe:objective:goal{instance=\"https://pay.example\"}", 0.9999),
        ("probe:objective:goal{instance=\"https://other.example\"}", 0.999),
        ("llm:objective:seconds{model_name=\"llama-8b\",objective=\"ttft\"}", 0.25),
        ("llm:objective:goal{model_name=\"llama-8b\",objective=\"ttft\"}", 0.9),
        ("llm:objective:exact{model_name=\"llama-8b\",objective=\"ttft\"}", 1.0),
        ("llm:goodput:at_most:ratio5m{model_name=\"llama-8b\"}", 0.75),
        // Nobody said anything of this model: within a second, which is no bucket's bound, a third of the way.
        ("llm:objective:exact{model_name=\"other\",objective=\"ttft\"}", 0.0),
        ("llm:goodput:at_most:ratio5m{model_name=\"other\"}", 0.5),
    ] {
        server.until(expr, |value| (value - expected).abs() < 1e-9).await;
    }
}
