//! `receivers`: who is told, and how they are reached.

use super::Global;
use crate::discord::Discord;
use crate::email::Email;
use crate::incidentio::IncidentIo;
use crate::jira::Jira;
use crate::mattermost::Mattermost;
use crate::msteams::MsTeams;
use crate::notification::Pairs;
use crate::opsgenie::OpsGenie;
use crate::pagerduty::PagerDuty;
use crate::pushover::Pushover;
use crate::rocketchat::RocketChat;
use crate::slack::Slack;
use crate::sns::Sns;
use crate::telegram::Telegram;
use crate::victorops::VictorOps;
use crate::webex::Webex;
use crate::webhook::Webhook;
use crate::wechat::WeChat;
use std::path::{Path, PathBuf};
use watchfire_settings::yaml::{self, Node};
use watchfire_settings::{Place, Problem, Reading, Section};

/// The ways to tell somebody, in the order a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `webhook_configs`.
    Webhook,
    /// `email_configs`.
    Email,
    /// `pagerduty_configs`.
    PagerDuty,
    /// `slack_configs`.
    Slack,
    /// `opsgenie_configs`.
    OpsGenie,
    /// `wechat_configs`.
    WeChat,
    /// `pushover_configs`.
    Pushover,
    /// `victorops_configs`.
    VictorOps,
    /// `sns_configs`.
    Sns,
    /// `telegram_configs`.
    Telegram,
    /// `discord_configs`.
    Discord,
    /// `webex_configs`.
    Webex,
    /// `msteams_configs`.
    MsTeams,
    /// `msteamsv2_configs`.
    MsTeamsV2,
    /// `jira_configs`.
    Jira,
    /// `rocketchat_configs`.
    RocketChat,
    /// `mattermost_configs`.
    Mattermost,
    /// `incidentio_configs`.
    IncidentIo,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Webhook,
        Self::Email,
        Self::PagerDuty,
        Self::Slack,
        Self::OpsGenie,
        Self::WeChat,
        Self::Pushover,
        Self::VictorOps,
        Self::Sns,
        Self::Telegram,
        Self::Discord,
        Self::Webex,
        Self::MsTeams,
        Self::MsTeamsV2,
        Self::Jira,
        Self::RocketChat,
        Self::Mattermost,
        Self::IncidentIo,
    ];

    /// The name that metrics and a notification log know it by: `webhook`.
    pub fn name(self) -> &'static str {
        self.key().trim_end_matches("_configs")
    }

    /// The key of its list in a receiver: `webhook_configs`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Webhook => "webhook_configs",
            Self::Email => "email_configs",
            Self::PagerDuty => "pagerduty_configs",
            Self::Slack => "slack_configs",
            Self::OpsGenie => "opsgenie_configs",
            Self::WeChat => "wechat_configs",
            Self::Pushover => "pushover_configs",
            Self::VictorOps => "victorops_configs",
            Self::Sns => "sns_configs",
            Self::Telegram => "telegram_configs",
            Self::Discord => "discord_configs",
            Self::Webex => "webex_configs",
            Self::MsTeams => "msteams_configs",
            Self::MsTeamsV2 => "msteamsv2_configs",
            Self::Jira => "jira_configs",
            Self::RocketChat => "rocketchat_configs",
            Self::Mattermost => "mattermost_configs",
            Self::IncidentIo => "incidentio_configs",
        }
    }

    /// Whether ends are told unless the configuration says otherwise.
    const fn sends_resolved(self) -> bool {
        !matches!(self, Self::Email | Self::Slack | Self::WeChat | Self::RocketChat)
    }
}

/// How one integration is set.
#[derive(Clone, Debug, PartialEq)]
pub enum Settings {
    /// A webhook.
    Webhook(Box<Webhook>),
    /// Mails.
    Email(Box<Email>),
    /// PagerDuty.
    PagerDuty(Box<PagerDuty>),
    /// Slack.
    Slack(Box<Slack>),
    /// Opsgenie.
    OpsGenie(Box<OpsGenie>),
    /// WeChat.
    WeChat(Box<WeChat>),
    /// Pushover.
    Pushover(Box<Pushover>),
    /// VictorOps.
    VictorOps(Box<VictorOps>),
    /// Amazon SNS.
    Sns(Box<Sns>),
    /// Telegram.
    Telegram(Box<Telegram>),
    /// Discord.
    Discord(Box<Discord>),
    /// Webex.
    Webex(Box<Webex>),
    /// Microsoft Teams by a connector.
    MsTeams(Box<MsTeams>),
    /// Microsoft Teams by a workflow.
    MsTeamsV2(Box<MsTeams>),
    /// Jira.
    Jira(Box<Jira>),
    /// Rocket.Chat.
    RocketChat(Box<RocketChat>),
    /// Mattermost.
    Mattermost(Box<Mattermost>),
    /// incident.io.
    IncidentIo(Box<IncidentIo>),
}

/// One way in which a receiver is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Which way.
    pub kind: Kind,
    /// Its place among the receiver's integrations of its kind, from 0: what Alertmanager's notification log keeps.
    pub index: u32,
    /// Whether the end of alerts is told.
    pub send_resolved: bool,
    /// Everything else.
    pub settings: Settings,
}

/// A receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name, one of a kind.
    pub name: String,
    /// Where its name stands in the file.
    pub place: Place,
    /// Labels of the receiver itself.
    pub labels: Pairs,
    /// The ways it is told, by kind and then by the order of the file.
    pub integrations: Vec<Integration>,
}

/// What a configuration says about receivers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receivers {
    /// What receivers use unless they say otherwise.
    pub global: Global,
    /// The receivers, by the order of the file.
    pub receivers: Vec<Receiver>,
    /// `templates`: files, or patterns of files.
    pub templates: Vec<PathBuf>,
}

impl Receivers {
    /// Reads `global`, `receivers` and `templates` of a whole configuration; its other keys are not looked at. Relative
    /// file names count from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong, at most one problem for each integration.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let node = yaml::parse(text).map_err(|problem| vec![problem])?;
        let mut root = Section::open(node, "configuration").map_err(|problem| vec![problem])?;
        let mut reading = Reading::with_oauth2(folder);
        let mut problems = Vec::new();
        let receivers = Self::take(&mut root, &mut reading, &mut problems);
        problems.extend(reading.take_not_yet());
        if problems.is_empty() { Ok(receivers) } else { Err(problems) }
    }

    /// Takes `global`, `receivers` and `templates` out of a section that is the whole configuration, for whoever reads
    /// the rest of it, too. What is wrong is added to `problems`, and what is not built noted in `reading`.
    pub fn take(root: &mut Section, reading: &mut Reading<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut found = Self::default();
        let global = root
            .section("global", "global configuration")
            .and_then(|section| section.map(|section| Global::read(section, reading)).transpose());
        match global {
            Ok(global) => found.global = global.unwrap_or_default(),
            Err(problem) => problems.push(problem),
        }
        match root.texts("templates") {
            Ok(patterns) => found.templates = patterns.iter().map(|path| reading.resolve(path)).collect(),
            Err(problem) => problems.push(problem),
        }
        let items = root.list("receivers").unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        for item in items {
            let Some(receiver) = found.receiver(item, reading, problems) else { continue };
            if found.receivers.iter().any(|other| other.name == receiver.name) {
                let message = format!(
                    "notification config name {:?} is not unique; expected another name",
                    receiver.name
                );
                problems.push(Problem::new(receiver.place, message));
            }
            found.receivers.push(receiver);
        }
        found
    }

    fn receiver(
        &self,
        node: Node,
        reading: &mut Reading<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<Receiver> {
        let mut noted = |problem: Problem| problems.push(problem);
        let mut section = Section::open_item(node, "receiver").map_err(&mut noted).ok()?;
        let named = section.placed_text("name").map_err(&mut noted).ok()?;
        let Some((name, place)) = named.filter(|(name, _)| !name.is_empty()) else {
            noted(section.problem("missing name in receiver; expected a key 'name'"));
            return None;
        };
        let mut integrations = Vec::new();
        for kind in Kind::ALL {
            let items = section.list(kind.key()).map_err(&mut noted).unwrap_or_default();
            for (index, item) in (0..).zip(items) {
                match self.integration(kind, index, item, reading) {
                    Ok(integration) => integrations.push(integration),
                    Err(problem) => {
                        let message =
                            format!("receiver {name:?}: {}[{index}]: {}", kind.key(), problem.message);
                        noted(Problem::new(problem.place, message));
                    }
                }
            }
        }
        let labels = section.text_map("labels").map_err(&mut noted).unwrap_or_default();
        if let Some((key, other)) = labels.iter().find(|(key, other)| key.name == "name" && *other != name) {
            let message =
                format!("receiver label \"name\" is {other:?}; expected the receiver's name, {name:?}");
            noted(Problem::new(key.place, message));
        }
        if let Err(problem) = section.finish() {
            noted(problem);
        }
        let labels = labels.into_iter().map(|(key, value)| (key.name, value)).collect();
        Some(Receiver { name, place, labels, integrations })
    }

    fn integration(
        &self,
        kind: Kind,
        index: u32,
        node: Node,
        reading: &mut Reading<'_>,
    ) -> Result<Integration, Problem> {
        let mut section = Section::open_item(node, kind.key())?;
        let send_resolved = section.flag("send_resolved")?.unwrap_or(kind.sends_resolved());
        let (from, global) = (&mut section, &self.global);
        let settings = match kind {
            Kind::Webhook => Settings::Webhook(Box::new(Webhook::take(from, global, reading)?)),
            Kind::Email => Settings::Email(Box::new(Email::take(from, global, reading)?)),
            Kind::PagerDuty => Settings::PagerDuty(Box::new(PagerDuty::take(from, global, reading)?)),
            Kind::Slack => Settings::Slack(Box::new(Slack::take(from, global, reading)?)),
            Kind::OpsGenie => Settings::OpsGenie(Box::new(OpsGenie::take(from, global, reading)?)),
            Kind::WeChat => Settings::WeChat(Box::new(WeChat::take(from, global, reading)?)),
            Kind::Pushover => Settings::Pushover(Box::new(Pushover::take(from, global, reading)?)),
            Kind::VictorOps => Settings::VictorOps(Box::new(VictorOps::take(from, global, reading)?)),
            Kind::Sns => Settings::Sns(Box::new(Sns::take(from, global, reading)?)),
            Kind::Telegram => Settings::Telegram(Box::new(Telegram::take(from, global, reading)?)),
            Kind::Discord => Settings::Discord(Box::new(Discord::take(from, global, reading)?)),
            Kind::Webex => Settings::Webex(Box::new(Webex::take(from, global, reading)?)),
            Kind::MsTeams => Settings::MsTeams(Box::new(MsTeams::take(from, global, reading, false)?)),
            Kind::MsTeamsV2 => Settings::MsTeamsV2(Box::new(MsTeams::take(from, global, reading, true)?)),
            Kind::Jira => Settings::Jira(Box::new(Jira::take(from, global, reading)?)),
            Kind::RocketChat => Settings::RocketChat(Box::new(RocketChat::take(from, global, reading)?)),
            Kind::Mattermost => Settings::Mattermost(Box::new(Mattermost::take(from, global, reading)?)),
            Kind::IncidentIo => Settings::IncidentIo(Box::new(IncidentIo::take(from, global, reading)?)),
        };
        section.finish()?;
        Ok(Integration { kind, index, send_resolved, settings })
    }

    /// The receiver with a name.
    pub fn get(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}
