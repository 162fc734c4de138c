//! `alertmanager.yml` as YAML, before anything is checked. Keys that Alertmanager knows and Watchfire does not yet are
//! here too, so that they can be refused by name and place.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// A value that is only refused.
pub(super) type Unbuilt = Option<Spanned<IgnoredAny>>;

/// Names and texts in the order written.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, Spanned<String>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of label names to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// A struct whose last fields are refused: gives their names with what was found.
macro_rules! with_unbuilt {
    (
        $name:ident, $prefix:literal,
        { $($(#[$meta:meta])* $field:ident : $type:ty,)* },
        [ $($unbuilt:ident),* $(,)? ]
    ) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name {
            $($(#[$meta])* pub(super) $field: $type,)*
            $($unbuilt: Unbuilt,)*
        }

        impl $name {
            pub(super) fn unsupported(&self) -> Vec<(&'static str, Option<&Spanned<IgnoredAny>>)> {
                vec![$((concat!($prefix, stringify!($unbuilt)), self.$unbuilt.as_ref())),*]
            }
        }
    };
}

with_unbuilt!(RawConfig, "", {
    global: Option<RawGlobal>,
    route: Option<Spanned<RawRoute>>,
    receivers: Option<Vec<RawReceiver>>,
}, [templates, inhibit_rules, mute_time_intervals, time_intervals, event_recorder, tracing]);

with_unbuilt!(RawGlobal, "global.", {
    resolve_timeout: Option<Spanned<String>>,
}, [
    smtp_from, smtp_hello, smtp_smarthost, smtp_auth_username, smtp_auth_password, smtp_auth_password_file,
    smtp_auth_secret, smtp_auth_secret_file, smtp_auth_identity, smtp_require_tls, smtp_tls_config,
    smtp_force_implicit_tls, slack_api_url, slack_api_url_file, slack_app_token, slack_app_token_file, slack_app_url,
    jira_api_url, pagerduty_url, opsgenie_api_url, opsgenie_api_key, opsgenie_api_key_file, wechat_api_url,
    wechat_api_secret, wechat_api_secret_file, wechat_api_corp_id, victorops_api_url, victorops_api_key,
    victorops_api_key_file, telegram_api_url, telegram_bot_token, telegram_bot_token_file, webex_api_url,
    rocketchat_api_url, rocketchat_token, rocketchat_token_file, rocketchat_token_id, rocketchat_token_id_file,
    mattermost_webhook_url, mattermost_webhook_url_file, http_config,
]);

with_unbuilt!(RawRoute, "", {
    receiver: Option<Spanned<String>>,
    group_by: Option<Vec<Spanned<String>>>,
    group_wait: Option<Spanned<String>>,
    group_interval: Option<Spanned<String>>,
    repeat_interval: Option<Spanned<String>>,
    #[serde(rename = "match")]
    equal: Option<Pairs>,
    #[serde(rename = "match_re")]
    regex: Option<Pairs>,
    matchers: Option<Vec<Spanned<String>>>,
    #[serde(rename = "continue")]
    goes_on: Option<bool>,
    routes: Option<Vec<RawRoute>>,
}, [mute_time_intervals, active_time_intervals, labels]);

with_unbuilt!(RawReceiver, "", {
    name: Option<Spanned<String>>,
    webhook_configs: Option<Vec<Spanned<RawWebhook>>>,
}, [
    discord_configs, email_configs, pagerduty_configs, slack_configs, opsgenie_configs, wechat_configs,
    pushover_configs, victorops_configs, sns_configs, telegram_configs, webex_configs, msteams_configs,
    msteamsv2_configs, jira_configs, rocketchat_configs, mattermost_configs, incidentio_configs, labels,
]);

with_unbuilt!(RawWebhook, "", {
    url: Option<Spanned<String>>,
    url_file: Option<Spanned<String>>,
    send_resolved: Option<bool>,
    max_alerts: Option<u64>,
    timeout: Option<Spanned<String>>,
    http_config: Option<RawHttp>,
}, [payload]);

with_unbuilt!(RawHttp, "", {
    basic_auth: Option<Spanned<RawBasicAuth>>,
    authorization: Option<Spanned<RawAuthorization>>,
}, [
    oauth2, bearer_token, bearer_token_file, proxy_url, no_proxy, proxy_from_environment, proxy_connect_header,
    follow_redirects, enable_http2, tls_config, http_headers,
]);

with_unbuilt!(RawBasicAuth, "", {
    username: Option<String>,
    password: Option<String>,
    password_file: Option<String>,
}, [username_file, username_ref, password_ref]);

with_unbuilt!(RawAuthorization, "", {
    #[serde(rename = "type")]
    kind: Option<String>,
    credentials: Option<String>,
    credentials_file: Option<String>,
}, [credentials_ref]);
