//! `watchfire incident` and `watchfire schedule`.

use clap::{Args, Subcommand};

/// Where the server is, and who asks.
#[derive(Debug, Args)]
pub(crate) struct AskedArgs {
    /// The server asked.
    #[arg(
        long,
        visible_alias = "server",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090",
        env = "WATCHFIRE_URL"
    )]
    pub(crate) url: String,
    /// Print the server's answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is said, and by whom.
#[derive(Debug, Args)]
pub(crate) struct SaidArgs {
    /// Who does it: the name of a person, or any other.
    #[arg(long, value_name = "NAME", env = "USER")]
    pub(crate) by: String,
    /// A note for the others.
    #[arg(long, short = 'm', value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Lists incidents, the newest first; without flags those that are not over.
    List(IncidentListArgs),
    /// Shows an incident with its alerts and its timeline: what happened, and who was told by which attempt.
    Show(IncidentShowArgs),
    /// Takes an incident on: no repeats and no further steps until it is over, expires, or becomes more severe.
    ///
    /// Examples:
    ///   watchfire incident ack 12 --note "looking at the fans"
    ///   watchfire incident ack 12 --by ada --expires 2h --reminder 30m
    #[command(verbatim_doc_comment)]
    Ack(AckArgs),
    /// Gives an incident back: repeats go on, and its policy begins anew.
    Unack(IncidentSaidArgs),
    /// Notes something in an incident's timeline.
    Note(NoteArgs),
    /// Tells more people: whom the next step of the policy tells, or whom the flags name. Ends an acknowledgement.
    Escalate(EscalateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct IncidentListArgs {
    /// Only these: firing, acknowledged, resolved; may be given several times, or be `all`.
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<String>,
    /// Only these: critical, warning, info; may be given several times.
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Vec<String>,
    /// Only incidents that have this text somewhere in their alerts.
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Only incidents that were open at this time or later: RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only incidents that were open at this time or before.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// How many are listed.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Matchers that one of the alerts must satisfy, such as 'team="gpu"'.
    #[arg(value_name = "MATCHER")]
    pub(crate) matchers: Vec<String>,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentShowArgs {
    /// The incident's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentSaidArgs {
    /// The incident's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) said: SaidArgs,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NoteArgs {
    /// The incident's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    /// The note.
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,
    /// Who notes it.
    #[arg(long, value_name = "NAME", env = "USER")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AckArgs {
    /// The incident's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    /// After how long it is void: 2h. Until the incident is over by default.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<String>,
    /// After how long you are reminded, again and again: 30m. Never by default.
    #[arg(long, value_name = "DURATION")]
    pub(crate) reminder: Option<String>,
    #[command(flatten)]
    pub(crate) said: SaidArgs,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EscalateArgs {
    /// The incident's number.
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    /// Tell this person.
    #[arg(long, value_name = "NAME", group = "to")]
    pub(crate) person: Option<String>,
    /// Tell whoever is on call by this schedule.
    #[arg(long, value_name = "NAME", group = "to")]
    pub(crate) schedule: Option<String>,
    /// Tell everybody in this schedule.
    #[arg(long, value_name = "NAME", group = "to")]
    pub(crate) rotation: Option<String>,
    /// Tell this receiver.
    #[arg(long, value_name = "NAME", group = "to")]
    pub(crate) receiver: Option<String>,
    #[command(flatten)]
    pub(crate) said: SaidArgs,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Lists the schedules and who is on call now.
    List(AskedArgs),
    /// Shows who is on call, now or at a time, and the shifts that follow.
    Show(ScheduleShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleShowArgs {
    /// The schedule's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// From when: RFC 3339 or Unix seconds; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// How many days are shown.
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub(crate) days: u16,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
}
