//! Receivers, ready to be used.

use crate::config::Config;
use crate::state::Destination;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use watchfire_channels::{Channel, Integration, Kind, Notification, Pairs, Templates, Tools};
use watchfire_model::time::Clock;

/// One way in which a receiver is told.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// What the ledger knows it by: the same while its kind and its place among those of its kind stay.
    pub(crate) number: u32,
    pub(crate) send_resolved: bool,
    pub(crate) kind: &'static str,
    pub(crate) channel: Channel,
}

/// All of them, by receiver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wiring {
    by_receiver: HashMap<String, Vec<Wire>>,
    tools: Option<Arc<Tools>>,
}

impl Wiring {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let templates = Templates::load(Arc::clone(&clock), &config.receivers.templates);
        // They were sound when the configuration was read; whatever has become of them, people are still told.
        let templates = templates.unwrap_or_else(|faults| {
            for fault in faults {
                tracing::error!(%fault, "template, the default ones are used");
            }
            Templates::new(Arc::clone(&clock))
        });
        let tools = Arc::new(Tools::with_templates(clock, templates));
        let wires = |integrations: &[Integration]| -> Vec<Wire> {
            integrations
                .iter()
                .map(|integration| Wire {
                    number: number(integration.kind.name(), integration.index),
                    send_resolved: integration.send_resolved,
                    kind: Kind::name(integration.kind),
                    channel: Channel::new(integration.clone(), Arc::clone(&tools)),
                })
                .collect()
        };
        let receivers = &config.receivers.receivers;
        let by_receiver =
            receivers.iter().map(|receiver| (receiver.name.clone(), wires(&receiver.integrations))).collect();
        Self { by_receiver, tools: Some(tools) }
    }

    /// A route's labels, filled in; as they are written where that fails.
    pub(crate) fn route_labels(&self, labels: &Pairs, notification: &Notification) -> Pairs {
        let Some(tools) = self.tools.as_ref().filter(|_| !labels.is_empty()) else {
            return labels.clone();
        };
        tools.templates().route_labels(labels, notification).unwrap_or_else(|error| {
            tracing::warn!(group = notification.group_key, error, "labels of the route cannot be filled in");
            labels.clone()
        })
    }

    /// What all channels share; `None` before the first configuration.
    pub(crate) fn tools(&self) -> Option<Arc<Tools>> {
        self.tools.clone()
    }

    /// The ways in which a receiver is told; none where nobody knows it.
    pub(crate) fn of(&self, receiver: &str) -> &[Wire] {
        self.by_receiver.get(receiver).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn get(&self, destination: &Destination) -> Option<&Wire> {
        self.of(&destination.0).iter().find(|wire| wire.number == destination.1)
    }
}

/// The number of an integration: its kind's name, hashed, and its place among those of its kind.
pub(crate) fn number(kind: &str, index: u32) -> u32 {
    let hash =
        kind.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash & 0x7fff) << 16 | index & 0xffff
}

/// How often a kind of receiver may be called: the time between two calls, and how many may come at once before that
/// counts. What others do not publish is not limited: they say so themselves when it is too much.
pub(crate) fn pace(kind: &str) -> Option<(Duration, u32)> {
    match kind {
        "slack" | "discord" | "telegram" => Some((Duration::from_secs(1), 5)),
        "msteams" | "msteamsv2" => Some((Duration::from_millis(500), 4)),
        "pagerduty" => Some((Duration::from_millis(125), 60)),
        _ => None,
    }
}
