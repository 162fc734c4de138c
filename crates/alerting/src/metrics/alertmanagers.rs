//! Families of Alertmanager's about what is not here: gossip, snapshots, limits on groups. They stay at zero, which is
//! true, so that dashboards and alerts made for Alertmanager find what they look for.

use super::Out;

/// Counters without labels.
const NEVER: [(&str, &str); 22] = [
    ("alertmanager_cluster_messages_pruned_total", "Messages of the cluster left out."),
    ("alertmanager_cluster_peer_name_conflicts_total", "Members of the cluster with one name."),
    ("alertmanager_cluster_peers_joined_total", "Members that joined the cluster."),
    ("alertmanager_cluster_peers_left_total", "Members that left the cluster."),
    ("alertmanager_cluster_peers_update_total", "Members of the cluster that changed."),
    ("alertmanager_cluster_reconnections_failed_total", "Members of the cluster not reached again."),
    ("alertmanager_cluster_reconnections_total", "Members of the cluster reached again."),
    ("alertmanager_cluster_refresh_join_failed_total", "Members of the cluster not looked up again."),
    ("alertmanager_cluster_refresh_join_total", "Members of the cluster looked up again."),
    ("alertmanager_dispatcher_aggregation_group_creation_given_up_total", "Groups that could not be made."),
    (
        "alertmanager_dispatcher_aggregation_group_creation_retries_total",
        "Groups that were made at a later attempt.",
    ),
    (
        "alertmanager_dispatcher_aggregation_group_limit_reached_total",
        "Alerts left out because there were too many groups.",
    ),
    ("alertmanager_nflog_gossip_messages_propagated_total", "Notifications told to the cluster."),
    ("alertmanager_nflog_maintenance_errors_total", "Snapshots of what was told that failed."),
    ("alertmanager_nflog_maintenance_total", "Snapshots of what was told: it is on disk at once."),
    ("alertmanager_nflog_query_errors_total", "Looks at what was told that failed."),
    ("alertmanager_silences_gc_errors_total", "Silences that could not be forgotten."),
    ("alertmanager_silences_gossip_messages_propagated_total", "Silences told to the cluster."),
    ("alertmanager_silences_maintenance_errors_total", "Snapshots of silences that failed."),
    ("alertmanager_silences_maintenance_total", "Snapshots of silences: they are on disk at once."),
    ("alertmanager_silences_query_errors_total", "Looks at silences that failed."),
    ("alertmanager_http_concurrency_limit_exceeded_total", "Requests refused because too many ran."),
];

/// Counters of messages, by their kind.
const MESSAGES: [&str; 4] = [
    "alertmanager_cluster_messages_received_size_total",
    "alertmanager_cluster_messages_received_total",
    "alertmanager_cluster_messages_sent_size_total",
    "alertmanager_cluster_messages_sent_total",
];

/// What there is one of, or none.
const GAUGES: [(&str, &str); 4] = [
    ("alertmanager_alerts_per_alert_limit", "How many alerts of one name there may be; 0: any number."),
    ("alertmanager_cluster_messages_queued", "Messages that wait for the cluster."),
    ("alertmanager_nflog_snapshot_size_bytes", "The size of the last snapshot of what was told."),
    ("alertmanager_silences_snapshot_size_bytes", "The size of the last snapshot of silences."),
];

/// Writes them.
pub(super) fn write(out: &mut Out<'_>) {
    for (name, help) in NEVER {
        let labels = if name.starts_with("alertmanager_http") { "{method=\"get\"}" } else { "" };
        out.family(name, "counter", help);
        out.sample(name, labels, 0);
    }
    for name in MESSAGES {
        out.family(name, "counter", "Messages of the cluster.");
        for kind in ["full_state", "update"] {
            out.sample(name, &format!("{{msg_type=\"{kind}\"}}"), 0);
        }
    }
    for (name, help) in GAUGES {
        out.single(name, "gauge", help, 0);
    }
}
