//! `watchfire query`, with promtool's verbs and flags.

use clap::{Args, Subcommand, ValueEnum};

/// Asks a running server. Without a verb: a query at one instant.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct QueryArgs {
    #[command(subcommand)]
    pub(crate) command: Option<QueryCommand>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The query, such as 'rate(node_cpu_seconds_total[5m])'.
    #[arg(value_name = "PROMQL", required = true)]
    pub(crate) query: Option<String>,
    /// The server asked.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) server: String,
    /// When: Unix seconds or RFC 3339; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Print the server's JSON as it is.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Asks a query at one instant.
    Instant(InstantArgs),
    /// Asks a query over a range, and draws the answer on a terminal.
    Range(RangeArgs),
    /// Lists series.
    Series(SeriesArgs),
    /// Lists the values of a label.
    Labels(LabelsArgs),
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As PromQL writes series, a line each.
    Promql,
    /// As JSON.
    Json,
    /// As a picture; of a range only.
    Graph,
}

#[derive(Debug, Args)]
pub(crate) struct InstantArgs {
    /// When: Unix seconds or RFC 3339; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// How the answer is printed.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = Format::Promql)]
    pub(crate) format: Format,
    /// The server asked.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// The query.
    #[arg(value_name = "PROMQL")]
    pub(crate) query: String,
}

#[derive(Debug, Args)]
pub(crate) struct RangeArgs {
    /// From when: Unix seconds or RFC 3339; five minutes before the end by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Until when; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// From one evaluation to the next; a 250th of the range by default, and at least a second.
    #[arg(long, value_name = "DURATION")]
    pub(crate) step: Option<String>,
    /// A header to send, such as `X-Scope: a`; may come more than once.
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// How the answer is printed; a picture on a terminal by default.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<Format>,
    /// The server asked.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// The query.
    #[arg(value_name = "PROMQL")]
    pub(crate) query: String,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// A series selector; may come more than once.
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    pub(crate) matchers: Vec<String>,
    /// From when: Unix seconds or RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// How the answer is printed.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = Format::Promql)]
    pub(crate) format: Format,
    /// The server asked.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
}

#[derive(Debug, Args)]
pub(crate) struct LabelsArgs {
    /// Only values on series that this selects; may come more than once.
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) matchers: Vec<String>,
    /// From when: Unix seconds or RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// How the answer is printed.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = Format::Promql)]
    pub(crate) format: Format,
    /// The server asked.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// The label.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
