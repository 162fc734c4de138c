//! The rules between the keys of `kubernetes_sd_configs`, which Watchfire checks and does not follow yet.

use super::yaml::{Key, Node, Place, Problem, Value};

/// Checks one item.
pub(super) fn check(place: Place, entries: &[(Key, Node)]) -> Result<(), Problem> {
    let value = |name: &str| {
        entries.iter().find(|(key, node)| key.name == name && !node.is_null()).map(|(_, node)| node)
    };
    let client_keys =
        ["authorization", "basic_auth", "bearer_token", "bearer_token_file", "oauth2", "tls_config"];
    let client = client_keys.iter().find(|name| value(name).is_some());
    let (server, kubeconfig) = (value("api_server"), value("kubeconfig_file"));
    if server.is_some() && kubeconfig.is_some() {
        return Err(Problem::new(
            place,
            "api_server and kubeconfig_file exclude each other; expected one of them",
        ));
    }
    if let (Some(name), Some(_)) = (client, kubeconfig) {
        return Err(Problem::new(
            place,
            format!("{name} and kubeconfig_file exclude each other; expected one of them"),
        ));
    }
    if let (Some(name), None) = (client, server) {
        return Err(Problem::new(place, format!("{name} without api_server; expected both")));
    }
    let own_namespace = value("namespaces").and_then(|node| match &node.value {
        Value::Map(keys) => keys.iter().find(|(key, _)| key.name == "own_namespace").map(|(_, node)| node),
        _ => None,
    });
    let own =
        own_namespace.is_some_and(|node| matches!(&node.value, Value::Scalar(text, _) if text == "true"));
    if own && (kubeconfig.is_some() || server.is_some()) {
        return Err(Problem::new(
            place,
            "own_namespace needs to run inside the cluster, without kubeconfig_file",
        ));
    }
    let role = value("role").and_then(scalar).unwrap_or("");
    let Some(Value::List(selectors)) = value("selectors").map(|node| &node.value) else { return Ok(()) };
    for selector in selectors {
        let Value::Map(keys) = &selector.value else { return Err(selector.expected("a mapping")) };
        let field =
            |name: &str| keys.iter().find(|(key, _)| key.name == name).and_then(|(_, node)| scalar(node));
        let selected = field("role").unwrap_or("");
        let allowed: &[&str] = match role {
            "pod" => &["pod", "node"],
            "service" => &["service"],
            "endpointslice" => &["pod", "service", "endpointslice", "node"],
            "endpoints" => &["pod", "service", "endpoints"],
            "node" => &["node"],
            "ingress" => &["ingress"],
            _ => &[],
        };
        if !allowed.contains(&selected) {
            return Err(selector.problem(format!(
                "the role {role} cannot be selected by {selected:?}; expected one of {}",
                allowed.join(", ")
            )));
        }
        let wrong =
            field("field").filter(|text| text.split(',').any(|term| !term.is_empty() && !term.contains('=')));
        if let Some(text) = wrong {
            return Err(
                selector.problem(format!("field selector {text:?} has no \"=\"; expected NAME=VALUE"))
            );
        }
    }
    Ok(())
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text, _) => Some(text),
        _ => None,
    }
}
