//! Probes: asking a target from outside whether it does its work.
//!
//! Flows in: modules in blackbox_exporter's file format, and a target. Flows out: metrics under blackbox_exporter's names,
//! and a log of what happened; for models, which it does not know, metrics of our own. It promises to end within its
//! time, to read no more of an answer than it said, and that whatever the target sends is only ever a number, a label or
//! a line of text. It never decides when to ask.

mod config;
mod connection;
mod dial;
mod dns;
mod grpc;
mod http;
mod icmp;
mod llm;
mod report;
mod tcp;
#[cfg(test)]
mod testing;
mod tls;

pub use config::{
    Dns, Exchange, Grpc, HeaderCheck, Http, Icmp, Llm, LlmStyle, Module, Modules, Prober, RecordChecks, Tcp,
    Transport,
};
pub use dial::IpChoice;
pub use report::Report;
use std::time::Duration;

/// Asks a target. Ends after the module's timeout or `within`, whichever is shorter.
pub async fn probe(module: &Module, target: &str, within: Duration) -> Report {
    let limit = module.timeout.map_or(within, |timeout| timeout.min(within));
    let mut report = Report::new();
    let outcome = match tokio::time::timeout(limit, ask(module, target, &mut report)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("not answered within {} s", limit.as_secs_f64())),
    };
    report.finish(outcome)
}

async fn ask(module: &Module, target: &str, report: &mut Report) -> Result<(), String> {
    match &module.prober {
        Prober::Http(http) => http::probe(http, target, report).await,
        Prober::Tcp(tcp) => tcp::probe(tcp, target, report).await,
        Prober::Dns(dns) => dns::probe(dns, target, report).await,
        Prober::Icmp(icmp) => icmp::probe(icmp, target, report).await,
        Prober::Grpc(grpc) => grpc::probe(grpc, target, report).await,
        Prober::Llm(llm) => llm::probe(llm, target, report).await,
    }
}
