//! Receivers of every kind, plain and with everything set.

/// One receiver, as both are configured with it.
pub(super) struct Receiver {
    pub(super) name: &'static str,
    /// The first minor version of Alertmanager that knows all of its keys.
    pub(super) since: u32,
    /// How many requests tell of two alerts that fire, and how many of their end.
    pub(super) requests: (usize, usize),
    /// Its integrations in YAML; `@` is the recorder's address with the receiver's own path, `SMTP` the mail server's, `PROXY`
    /// that of the proxy.
    pub(super) yaml: &'static str,
}

const fn plain(name: &'static str, since: u32, yaml: &'static str) -> Receiver {
    Receiver { name, since, requests: (1, 1), yaml }
}

const fn talking(name: &'static str, since: u32, requests: (usize, usize), yaml: &'static str) -> Receiver {
    Receiver { name, since, requests, yaml }
}

/// Names that end in `-long` get alerts with texts beyond every limit.
pub(super) const RECEIVERS: &[Receiver] = &[
    plain(
        "webhook",
        25,
        "webhook_configs: [{url: '@/hook?a=b', http_config: {authorization: {type: Token, credentials: abc}}}]",
    ),
    plain(
        "webhook-most",
        25,
        "webhook_configs: [{url: '@/hook', max_alerts: 1, http_config: {basic_auth: {username: u, password: p}}}]",
    ),
    plain("slack", 25, "slack_configs: [{api_url: '@/slack', channel: '#c', send_resolved: true}]"),
    plain("slack-long", 25, "slack_configs: [{api_url: '@/slack', channel: '#c', send_resolved: true}]"),
    plain(
        "slack-full",
        25,
        "slack_configs: [{api_url: '@/slack', channel: '#c', send_resolved: true, username: u, color: good, \
        title: t, title_link: 'http://l/', pretext: pre, text: '{{ .CommonAnnotations.summary }}', fallback: fb, callback_id: cb, \
        icon_emoji: ':x:', icon_url: 'http://i/', image_url: 'http://im/', thumb_url: 'http://th/', footer: foot, link_names: true, \
        short_fields: true, mrkdwn_in: [text], fields: [{title: a, value: '{{ .Status }}'}, {title: b, value: c, short: false}], \
        actions: [{type: button, text: go, url: 'http://go/', style: danger}, {type: button, text: n, name: nn, value: vv, \
        confirm: {text: sure, title: tt, ok_text: 'yes', dismiss_text: 'no'}}]}]",
    ),
    plain(
        "slack-app",
        31,
        "slack_configs: [{app_token: xoxb-1, app_url: '@/chat.postMessage', channel: '#c', send_resolved: true}]",
    ),
    plain("pagerduty", 28, "pagerduty_configs: [{routing_key: rk, url: '@/enqueue'}]"),
    plain("pagerduty-long", 28, "pagerduty_configs: [{routing_key: rk, url: '@/enqueue'}]"),
    plain(
        "pagerduty-full",
        28,
        "pagerduty_configs: [{routing_key: rk, url: '@/enqueue', client: c, client_url: 'http://cu/', \
        description: 'd {{ .Status }}', severity: warning, source: src, component: comp, group: g, class: cl, \
        details: {a: '{{ .Status }}', firing: f}, images: [{src: 'http://s/', alt: al, href: 'http://h/'}], \
        links: [{href: 'http://h/', text: te}]}]",
    ),
    plain(
        "pagerduty-texts",
        25,
        "pagerduty_configs: [{routing_key: rk, url: '@/enqueue', details: {firing: '{{ .Status }}', \
        resolved: r, num_firing: many, num_resolved: few}}]",
    ),
    plain("opsgenie", 25, "opsgenie_configs: [{api_key: k, api_url: '@/og/'}]"),
    plain("opsgenie-long", 25, "opsgenie_configs: [{api_key: k, api_url: '@/og/'}]"),
    talking(
        "opsgenie-full",
        25,
        (3, 1),
        "opsgenie_configs: [{api_key: k, api_url: '@/og/', message: 'm {{ .Status }}', description: d, \
        source: s, details: {x: 'y {{ .Status }}'}, responders: [{name: t, type: team}, {username: u, type: user}, \
        {id: '4', type: '{{ \"schedule\" }}'}], tags: 'a, b,c', note: n, priority: P2, entity: e, actions: 'x,y', \
        update_alerts: true}]",
    ),
    plain("discord", 25, "discord_configs: [{webhook_url: '@/discord'}]"),
    plain("discord-long", 27, "discord_configs: [{webhook_url: '@/discord'}]"),
    plain(
        "discord-full",
        28,
        "discord_configs: [{webhook_url: '@/discord', title: t, message: m, content: con, username: un, \
        avatar_url: 'http://av/'}]",
    ),
    plain("telegram", 25, "telegram_configs: [{bot_token: '123:abc', chat_id: 42, api_url: '@/tg'}]"),
    plain(
        "telegram-md-long",
        25,
        "telegram_configs: [{bot_token: '123:abc', chat_id: -42, api_url: '@/tg', parse_mode: MarkdownV2, \
        message: '{{ .CommonAnnotations.description }} *x*', disable_notifications: true}]",
    ),
    plain(
        "telegram-topic",
        27,
        "telegram_configs: [{bot_token: '123:abc', chat_id: -42, message_thread_id: 7, api_url: '@/tg', \
        message: '{{ .CommonAnnotations.description }} <b>x</b>'}]",
    ),
    plain(
        "sns",
        25,
        "sns_configs: [{api_url: '@/sns', topic_arn: 'arn:aws:sns:us-east-2:123456789012:My-Topic', \
        sigv4: {region: us-east-2, access_key: AK, secret_key: SK}, attributes: {k: 'v {{ .Status }}'}}]",
    ),
    plain(
        "sns-profile",
        25,
        "sns_configs: [{api_url: '@/sns', topic_arn: 'arn:aws:sns:us-east-2:123456789012:My-Topic', \
        sigv4: {region: us-east-2, profile: pages}, subject: s, message: m}]",
    ),
    talking(
        "sns-role",
        28,
        (2, 1),
        "sns_configs: [{api_url: '@/sns', topic_arn: 'arn:aws:sns:us-east-2:123456789012:My-Topic', \
        sigv4: {region: us-east-2, role_arn: 'arn:aws:iam::1:role/sns-role', external_id: x}, subject: s, message: m}]",
    ),
    plain(
        "sns-fifo",
        25,
        "sns_configs: [{api_url: '@/sns', topic_arn: 'arn:aws:sns:us-east-2:123456789012:My-Topic.fifo', \
        sigv4: {region: us-east-2, access_key: AK, secret_key: SK}, subject: s, message: 'm {{ .Status }}'}]",
    ),
    plain(
        "sns-phone",
        25,
        "sns_configs: [{api_url: '@/sns', phone_number: '+123', \
        sigv4: {region: us-east-2, access_key: AK, secret_key: SK}}]",
    ),
    plain("victorops", 25, "victorops_configs: [{api_key: k, routing_key: rk, api_url: '@/vo/'}]"),
    plain("victorops-long", 25, "victorops_configs: [{api_key: k, routing_key: rk, api_url: '@/vo/'}]"),
    plain(
        "victorops-full",
        25,
        "victorops_configs: [{api_key: k, routing_key: 'r k', api_url: '@/vo/', message_type: WARNING, \
        entity_display_name: edn, state_message: 'sm {{ .Status }}', monitoring_tool: mt, custom_fields: {eman: e}}]",
    ),
    plain(
        "webex",
        25,
        "webex_configs: [{api_url: '@/webex', room_id: r, http_config: {authorization: {credentials: tok}}}]",
    ),
    plain(
        "webex-long",
        25,
        "webex_configs: [{api_url: '@/webex', room_id: r, http_config: {authorization: {credentials: tok}}}]",
    ),
    talking(
        "wechat",
        25,
        (2, 1),
        "wechat_configs: [{api_url: '@/wechat/', api_secret: sec, corp_id: corp, to_user: u, agent_id: '5', \
        send_resolved: true}]",
    ),
    talking(
        "wechat-md",
        25,
        (2, 1),
        "wechat_configs: [{api_url: '@/wechat/', api_secret: sec2, corp_id: corp, to_party: p, to_tag: t, \
        agent_id: '5', message_type: markdown, message: 'm {{ .Status }}', send_resolved: true}]",
    ),
    plain("msteams", 26, "msteams_configs: [{webhook_url: '@/teams'}]"),
    plain("msteamsv2", 28, "msteamsv2_configs: [{webhook_url: '@/teams'}]"),
    plain("msteamsv2-full", 28, "msteamsv2_configs: [{webhook_url: '@/teams', title: t, text: x}]"),
    talking(
        "jira",
        28,
        (2, 1),
        "jira_configs: [{api_url: '@/none', project: P, issue_type: Bug, \
        http_config: {basic_auth: {username: u, password: p}}}]",
    ),
    talking("jira-long", 28, (2, 1), "jira_configs: [{api_url: '@/none', project: P, issue_type: Bug}]"),
    talking(
        "jira-open",
        28,
        (2, 4),
        "jira_configs: [{api_url: '@/open/', project: P, issue_type: Bug, summary: 's {{ .Status }}', \
        description: 'd {{ .Status }}', labels: [a, 'l {{ .GroupLabels.alertname }}'], priority: High, resolve_transition: Done, \
        reopen_transition: Reopen, wont_fix_resolution: Not now, reopen_duration: 1h, \
        fields: {components: [{name: x}], customfield_1: {value: red}, n: 3, t: '{{ .Status }}'}}]",
    ),
    talking(
        "jira-closed",
        28,
        (4, 2),
        "jira_configs: [{api_url: '@/closed/', project: P, issue_type: Bug, resolve_transition: Done, \
        reopen_transition: Reopen}]",
    ),
    talking(
        "jira-cloud",
        29,
        (2, 1),
        "jira_configs: [{api_url: '@/rest/api/3', api_type: cloud, project: P, issue_type: Bug, \
        description: '{\"type\": \"doc\", \"version\": 1, \"content\": []}'}]",
    ),
    plain(
        "rocketchat",
        28,
        "rocketchat_configs: [{api_url: '@/rc', token: tk, token_id: ti, channel: '#c', send_resolved: true}]",
    ),
    plain(
        "rocketchat-full",
        28,
        "rocketchat_configs: [{api_url: '@/rc/', token: tk, token_id: ti, channel: '#c', send_resolved: true, \
        title: t, title_link: 'http://tl/', text: tx, color: red, image_url: 'http://im/', thumb_url: 'http://th/', emoji: ':e:', \
        icon_url: 'http://ic/', link_names: true, short_fields: true, fields: [{title: a, value: b}, \
        {title: c, value: '{{ .Status }}', short: false}], actions: [{type: button, text: go, url: 'http://go/', msg: mm}]}]",
    ),
    plain("mattermost", 30, "mattermost_configs: [{webhook_url: '@/mm'}]"),
    plain(
        "mattermost-full",
        30,
        "mattermost_configs: [{webhook_url: '@/mm', channel: c, username: u, icon_url: 'http://i/', \
        icon_emoji: ':e:', fallback: f, color: red, pretext: p, text: 'tx {{ .Status }}', author_name: an, \
        author_link: 'http://al/', author_icon: 'http://ai/', title: ti, title_link: 'http://tl/', thumb_url: 'http://th/', \
        footer: fo, footer_icon: 'http://fi/', image_url: 'http://im/', fields: [{title: a, value: b, short: true}, \
        {title: c, value: d}], props: {card: cc}, priority: {priority: urgent, requested_ack: true, persistent_notifications: true}}]",
    ),
    plain("incidentio", 29, "incidentio_configs: [{url: '@/ii', alert_source_token: t}]"),
    plain("incidentio-most", 29, "incidentio_configs: [{url: '@/ii', alert_source_token: t, max_alerts: 1}]"),
    plain(
        "email",
        25,
        "email_configs: [{to: 'email@ops.example', from: 'am@x.example', smarthost: 'SMTP', require_tls: false, send_resolved: true}]",
    ),
    plain(
        "email-long",
        25,
        "email_configs: [{to: 'email-long@ops.example', from: 'am@x.example', smarthost: 'SMTP', require_tls: false, \
        send_resolved: true}]",
    ),
    plain(
        "email-full",
        25,
        "email_configs: [{to: 'Ops Team <email-full@ops.example>, second@ops.example', from: 'Alert é <am@x.example>', \
        smarthost: 'SMTP', hello: me.example, require_tls: false, send_resolved: true, auth_username: u, auth_password: p, \
        headers: {Subject: 'S é {{ .Status }} {{ .GroupLabels.alertname }}', Reply-To: 'r@x.example', x-state: '{{ .Status }}'}, \
        text: 'T {{ .CommonAnnotations.description }} é = .', html: '<p>{{ .CommonAnnotations.summary }}</p>'}]",
    ),
    plain(
        "email-secret",
        25,
        "email_configs: [{to: 'email-secret@ops.example', from: 'am@x.example', smarthost: 'SMTP', require_tls: false, \
        send_resolved: true, auth_username: u, auth_secret: s, html: '', text: t}]",
    ),
    plain(
        "email-thread",
        33,
        "email_configs: [{to: 'email-thread@ops.example', from: 'am@x.example', smarthost: 'SMTP', require_tls: false, \
        send_resolved: true, threading: {enabled: true, thread_by_date: daily}, text: t, html: ''}]",
    ),
    plain(
        "pushover",
        25,
        "pushover_configs: [{user_key: pushover, token: t, http_config: {proxy_url: PROXY, \
        tls_config: {insecure_skip_verify: true}}}]",
    ),
    plain(
        "pushover-long",
        25,
        "pushover_configs: [{user_key: pushover-long, token: t, http_config: {proxy_url: PROXY, \
        tls_config: {insecure_skip_verify: true}}}]",
    ),
    plain(
        "pushover-full",
        28,
        "pushover_configs: [{user_key: pushover-full, token: t, title: 'T {{ .Status }}', \
        message: '<b>{{ .CommonAnnotations.summary }}</b>', url: 'http://u/', url_title: ut, device: d, sound: siren, \
        priority: '1', retry: 90s, expire: 2h, ttl: 24h, html: true, http_config: {proxy_url: PROXY, \
        tls_config: {insecure_skip_verify: true}}}]",
    ),
];
