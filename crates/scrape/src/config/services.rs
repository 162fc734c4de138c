//! Service discoveries that Prometheus knows and Watchfire does not have yet.
//!
//! Their sections are recognised and checked as far as it helps whoever checks a file (`--syntax-only`), and refused
//! where targets would be needed.

use super::Reading;
use super::client::ClientConfig;
use super::section::Section;
use super::yaml::{Node, Problem, Value};

/// What is known about one service discovery.
struct Service {
    key: &'static str,
    /// Keys that must have a value.
    required: &'static [&'static str],
    /// Keys of which at most one may have a value.
    exclusive: &'static [&'static str],
    /// Of `exclusive`, one must be there.
    one_needed: bool,
    /// Keys whose value is one of a few words.
    choices: &'static [(&'static str, &'static [&'static str])],
}

const fn service(key: &'static str, required: &'static [&'static str]) -> Service {
    Service { key, required, exclusive: &[], one_needed: false, choices: &[] }
}

const SERVICES: [Service; 30] = [
    service("aws_sd_configs", &["role"]),
    Service {
        choices: &[("authentication_method", &["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"])],
        ..service("azure_sd_configs", &["subscription_id"])
    },
    service("consul_sd_configs", &[]),
    service("digitalocean_sd_configs", &[]),
    service("docker_sd_configs", &["host"]),
    Service {
        choices: &[("role", &["services", "nodes", "tasks"])],
        ..service("dockerswarm_sd_configs", &["host", "role"])
    },
    service("ec2_sd_configs", &[]),
    service("ecs_sd_configs", &[]),
    service("elasticache_sd_configs", &[]),
    service("eureka_sd_configs", &["server"]),
    service("gce_sd_configs", &["project", "zone"]),
    Service { choices: &[("role", &["robot", "hcloud"])], ..service("hetzner_sd_configs", &["role"]) },
    service("ionos_sd_configs", &["datacenter_id"]),
    Service {
        choices: &[("role", &["pod", "service", "endpoints", "endpointslice", "ingress", "node"])],
        ..service("kubernetes_sd_configs", &["role"])
    },
    service("kuma_sd_configs", &["server"]),
    service("lightsail_sd_configs", &[]),
    service("linode_sd_configs", &[]),
    Service {
        exclusive: &["auth_token", "auth_token_file", "bearer_token", "bearer_token_file", "basic_auth"],
        ..service("marathon_sd_configs", &["servers"])
    },
    service("nerve_sd_configs", &["servers", "paths"]),
    service("nomad_sd_configs", &[]),
    Service {
        choices: &[("auth", &["api_key", "instance_principal", "oke_workload_identity"])],
        ..service("oci_sd_configs", &[])
    },
    Service {
        choices: &[
            ("role", &["instance", "hypervisor", "loadbalancer"]),
            ("availability", &["public", "admin", "internal"]),
        ],
        ..service("openstack_sd_configs", &["role", "region"])
    },
    Service {
        exclusive: &["secret_key", "secret_key_file"],
        one_needed: true,
        ..service("outscale_sd_configs", &["region", "access_key"])
    },
    Service {
        choices: &[("service", &["vps", "dedicated_server"])],
        ..service(
            "ovhcloud_sd_configs",
            &["service", "application_key", "application_secret", "consumer_key"],
        )
    },
    service("puppetdb_sd_configs", &["url", "query"]),
    Service {
        choices: &[("role", &["instance", "baremetal"])],
        exclusive: &["secret_key", "secret_key_file"],
        one_needed: true,
        ..service("scaleway_sd_configs", &["role", "project_id", "access_key"])
    },
    service("serverset_sd_configs", &["servers", "paths"]),
    service("stackit_sd_configs", &["project"]),
    service("triton_sd_configs", &["account", "dns_suffix", "endpoint"]),
    service("uyuni_sd_configs", &["server", "username", "password"]),
];
/// Vultr's has nothing to check but the client.
const UNCHECKED: [&str; 1] = ["vultr_sd_configs"];

/// Takes every `*_sd_configs` that is not ours out of a section, checks it, and remembers that it is not supported.
pub(crate) fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<(), Problem> {
    for service in &SERVICES {
        let Some((key, node)) = section.take_with_key(service.key) else { continue };
        reading.not_yet(key.place, refusal(service.key));
        let Value::List(items) = node.value else { return Err(node.expected("a list")) };
        for item in items {
            check(service, item, reading)?;
        }
    }
    for name in UNCHECKED {
        if let Some((key, _)) = section.take_with_key(name) {
            reading.not_yet(key.place, refusal(name));
        }
    }
    Ok(())
}

fn refusal(key: &str) -> String {
    format!(
        "{key}: Watchfire does not have this service discovery yet; expected its targets in a file for \
         file_sd_configs, or from a server for http_sd_configs"
    )
}

fn check(service: &Service, item: Node, reading: &mut Reading<'_>) -> Result<(), Problem> {
    if item.is_null() {
        return Err(item.problem(format!("empty or null section in {}; expected a mapping", service.key)));
    }
    let Value::Map(entries) = &item.value else { return Err(item.expected("a mapping")) };
    let place = item.place;
    let value = |name: &str| {
        entries.iter().find(|(key, node)| key.name == name && !blank(node)).map(|(_, node)| node)
    };
    for name in service.required {
        if value(name).is_none() {
            return Err(Problem::new(
                place,
                format!("{name} is missing in {}; expected a value", service.key),
            ));
        }
    }
    for (name, words) in service.choices {
        if let Some(node) = value(name)
            && !matches!(&node.value, Value::Scalar(text, _) if words.contains(&text.as_str()))
        {
            return Err(node.expected(&format!("{name} to be one of {}", words.join(", "))));
        }
    }
    let given: Vec<&str> = service.exclusive.iter().copied().filter(|name| value(name).is_some()).collect();
    if let [first, second, ..] = given.as_slice() {
        return Err(Problem::new(
            place,
            format!("{first} and {second} exclude each other; expected one of them"),
        ));
    }
    if service.one_needed && given.is_empty() {
        let names = service.exclusive.join(" or ");
        return Err(Problem::new(place, format!("{} needs {names}", service.key)));
    }
    for name in ["url", "server", "endpoint", "api_server"] {
        let plain_host = matches!(
            (service.key, name),
            ("uyuni_sd_configs" | "consul_sd_configs" | "triton_sd_configs" | "ovhcloud_sd_configs", _)
        );
        if let (Some(node), false) = (value(name), plain_host) {
            check_url(service, name, node)?;
        }
    }
    if service.key == "azure_sd_configs" {
        let oauth = !matches!(value("authentication_method").map(|node| &node.value),
            Some(Value::Scalar(text, _)) if text != "OAuth");
        for name in ["tenant_id", "client_id", "client_secret"] {
            if oauth && value(name).is_none() {
                return Err(Problem::new(
                    place,
                    format!("{name} is missing in {}; expected a value", service.key),
                ));
            }
        }
    }
    if service.key == "kubernetes_sd_configs" {
        super::kubernetes::check(place, entries)?;
    }
    // The keys of the HTTP client are checked as everywhere; what it reads is not needed.
    let client_keys =
        ["bearer_token", "bearer_token_file", "basic_auth", "authorization", "oauth2", "tls_config"];
    let client_entries = entries.iter().filter(|(key, _)| client_keys.contains(&key.name.as_str()));
    let client_node = Node { place, value: Value::Map(client_entries.cloned().collect()) };
    let mut client = Section::open(client_node, "HTTP client configuration")?;
    ClientConfig::take(&mut client, reading)?;
    Ok(())
}

fn blank(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar(text, _) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(_) => false,
    }
}

fn check_url(service: &Service, name: &str, node: &Node) -> Result<(), Problem> {
    let Value::Scalar(text, _) = &node.value else { return Err(node.expected("an URL")) };
    let url = reqwest::Url::parse(text);
    let http_only = matches!(service.key, "puppetdb_sd_configs" | "eureka_sd_configs");
    let valid = match &url {
        Ok(url) if http_only => matches!(url.scheme(), "http" | "https") && url.has_host(),
        Ok(_) => true,
        Err(_) => service.key == "kubernetes_sd_configs" && !text.contains("://"),
    };
    if valid {
        Ok(())
    } else {
        Err(node.expected(&format!("{name} to be an URL such as \"http://host:80/path\"")))
    }
}
