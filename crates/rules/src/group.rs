//! One group: its rules evaluated one after the other at one time.

use crate::alerting::{self, Instances, millis};
use crate::file::{AlertingRule, GroupSpec, Rule};
use crate::query::{Asker, QueryObserver, QueryThreads};
use crate::recording::{self, Due, Recorded};
use crate::sink::{AlertInstance, AlertSink, AlertState, Evaluation, Origin};
use crate::status::{GroupStatus, Health, RuleKind, RuleStatus};
use crate::template::Surroundings;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchfire_model::ingest::{MetricSink, RefusalReason, Row, WriteReport};
use watchfire_model::{Labels, STALE_NAN, SampleValue};

/// What groups work with.
#[derive(Clone)]
pub(crate) struct Surround {
    pub(crate) asker: Asker,
    /// Who is told of queries.
    pub(crate) observer: Option<Arc<dyn QueryObserver>>,
    pub(crate) threads: Arc<QueryThreads>,
    pub(crate) samples: Arc<dyn MetricSink>,
    pub(crate) alerts: Arc<dyn AlertSink>,
    pub(crate) external_labels: Labels,
    pub(crate) external_url: String,
    pub(crate) default_query_offset: Duration,
}

impl fmt::Debug for Surround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surround").field("external_url", &self.external_url).finish_non_exhaustive()
    }
}

/// A group with the state of its rules.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) file: String,
    pub(crate) spec: GroupSpec,
    pub(crate) interval: Duration,
    rules: Vec<RuleState>,
    /// Of each rule, the last one before it whose series it may read.
    reads: Vec<Option<usize>>,
    /// Some of what its rules recorded was refused lately, see [`recording::evaluate`].
    apart: bool,
    last_evaluation_ms: Option<i64>,
    evaluation_time: Duration,
    restore_time: Duration,
}

#[derive(Clone, Debug)]
struct RuleState {
    rule: Arc<Rule>,
    instances: Instances,
    /// The series its last good evaluation wrote; those that are missing from the next one end.
    written: HashSet<Labels>,
    health: Health,
    last_error: Option<String>,
    last_evaluation_ms: Option<i64>,
    evaluation_time: Duration,
}

impl Group {
    /// A group whose rules know nothing yet.
    pub(crate) fn new(file: &str, spec: GroupSpec, default_interval: Duration) -> Self {
        let rules = spec.rules.iter().map(|rule| RuleState::new(rule.clone())).collect();
        let reads = recording::dependencies(&spec.rules);
        Self {
            file: file.to_owned(),
            interval: spec.interval.unwrap_or(default_interval),
            spec,
            rules,
            reads,
            apart: false,
            last_evaluation_ms: None,
            evaluation_time: Duration::ZERO,
            restore_time: Duration::ZERO,
        }
    }

    /// The ids of its alerting rules.
    pub(crate) fn alerting_rules(&self) -> impl Iterator<Item = &str> {
        self.rules
            .iter()
            .filter(|state| matches!(*state.rule, Rule::Alerting(_)))
            .map(|state| state.rule.id())
    }

    /// Takes over the state of the rules it shares with an older group; returns what the others had written.
    pub(crate) fn inherit(&mut self, older: Self) -> Vec<Labels> {
        let mut orphans = Vec::new();
        for old in older.rules {
            let heir = self.rules.iter_mut().find(|state| {
                state.rule.id() == old.rule.id()
                    && std::mem::discriminant(&*state.rule) == std::mem::discriminant(&*old.rule)
            });
            match heir {
                Some(heir) => *heir = RuleState { rule: Arc::clone(&heir.rule), ..old },
                None => orphans.extend(old.written),
            }
        }
        self.last_evaluation_ms = older.last_evaluation_ms;
        self.evaluation_time = older.evaluation_time;
        orphans
    }

    /// The series that end when the group goes.
    pub(crate) fn written(&self) -> Vec<Labels> {
        self.rules.iter().flat_map(|state| state.written.iter().cloned()).collect()
    }

    /// Takes up what the alert sink kept of its rules, for those that have no state yet.
    pub(crate) async fn restore(&mut self, alerts: &dyn AlertSink, now_ms: i64) {
        let begun = Instant::now();
        for state in &mut self.rules {
            if !matches!(*state.rule, Rule::Alerting(_)) || state.last_evaluation_ms.is_some() {
                continue;
            }
            match alerts.restore(state.rule.id()).await {
                Ok(Some(restored)) => {
                    state.instances = Instances::restore(restored, now_ms);
                    state.written = state.instances.rows(now_ms).into_iter().map(|row| row.series).collect();
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(rule = state.rule.id(), %error, "state of alerting rule not restored");
                }
            }
        }
        self.restore_time = begun.elapsed();
    }

    /// Evaluates all rules as of `at_ms`, one after the other, as long as `go_on` says so.
    pub(crate) async fn evaluate(&mut self, at_ms: i64, surround: &Surround, go_on: impl Fn() -> bool) {
        let begun = Instant::now();
        let asker = |observer| surround.asker.observed(observer, &self.file, &self.spec.name);
        let observed = surround
            .observer
            .as_ref()
            .map(|observer| Surround { asker: asker(observer), ..surround.clone() });
        let surround = observed.as_ref().unwrap_or(surround);
        let offset = self.spec.query_offset.unwrap_or(surround.default_query_offset);
        let query_ms = at_ms.saturating_sub(millis(offset));
        let mut place = 0;
        while place < self.rules.len() && go_on() {
            let run = self.run_from(place);
            if run.is_empty() {
                self.evaluate_alerting(place, at_ms, query_ms, surround).await;
                place += 1;
            } else {
                place += self.evaluate_recording(run, at_ms, query_ms, surround).await;
            }
        }
        self.last_evaluation_ms = Some(at_ms);
        self.evaluation_time = begun.elapsed();
    }

    /// The recording rules from a place on that can be evaluated without waiting for one another.
    fn run_from(&self, place: usize) -> Range<usize> {
        let of_run = |index: &usize| {
            let recording =
                self.rules.get(*index).is_some_and(|state| matches!(*state.rule, Rule::Recording(_)));
            let reads_run = self.reads.get(*index).copied().flatten().is_some_and(|read| read >= place);
            recording && !reads_run
        };
        place..place + (place..self.rules.len()).take_while(of_run).count()
    }

    /// Evaluates a run of recording rules as far as its turn allows; how many those were, one at least.
    async fn evaluate_recording(
        &mut self,
        run: Range<usize>,
        at_ms: i64,
        query_ms: i64,
        surround: &Surround,
    ) -> usize {
        let limit = self.spec.limit;
        let Some(states) = self.rules.get_mut(run) else { return 1 };
        let due = |state: &mut RuleState| Due {
            rule: Arc::clone(&state.rule),
            written: std::mem::take(&mut state.written),
        };
        let all = states.iter_mut().map(due).collect();
        let Some((recorded, left)) =
            recording::evaluate(all, query_ms, limit, surround, &mut self.apart).await
        else {
            if let Some(first) = states.first_mut() {
                first.settle(at_ms, Duration::ZERO, Err(panicked()), (&self.file, &self.spec.name));
            }
            return 1;
        };
        let count = recorded.len();
        for (state, Recorded { written, result, took }) in states.iter_mut().zip(recorded) {
            state.written = written;
            state.settle(at_ms, took, result, (&self.file, &self.spec.name));
        }
        for (state, Due { written, .. }) in states.iter_mut().skip(count).zip(left) {
            state.written = written;
        }
        count.max(1)
    }

    async fn evaluate_alerting(&mut self, place: usize, at_ms: i64, query_ms: i64, surround: &Surround) {
        let Some(state) = self.rules.get_mut(place) else { return };
        let begun = Instant::now();
        let origin = Origin {
            name: state.rule.name().to_owned(),
            group: self.spec.name.clone(),
            file: self.file.clone(),
            interval: self.interval,
        };
        let result = state.evaluate(at_ms, query_ms, (self.spec.limit, origin), surround).await;
        state.settle(at_ms, begun.elapsed(), result, (&self.file, &self.spec.name));
    }

    /// How the group and its rules fare.
    pub(crate) fn status(&self) -> GroupStatus {
        GroupStatus {
            name: self.spec.name.clone(),
            file: self.file.clone(),
            interval: self.interval,
            limit: self.spec.limit,
            samples: self.rules.iter().map(RuleState::samples).sum(),
            restore_time: self.restore_time,
            last_evaluation_ms: self.last_evaluation_ms,
            evaluation_time: self.evaluation_time,
            rules: self.rules.iter().map(RuleState::status).collect(),
        }
    }
}

/// Writes the end of series.
pub(crate) async fn end_series(
    samples: &dyn MetricSink,
    series: Vec<Labels>,
    at_ms: i64,
) -> Result<(), String> {
    if series.is_empty() {
        return Ok(());
    }
    let ends = series.into_iter().map(|series| Row {
        series,
        timestamp_ms: at_ms,
        start_timestamp_ms: 0,
        value: SampleValue::Float(STALE_NAN),
    });
    samples.write(ends.collect()).await.map(drop).map_err(|error| error.to_string())
}

impl RuleState {
    fn new(rule: Rule) -> Self {
        Self {
            rule: Arc::new(rule),
            instances: Instances::default(),
            written: HashSet::new(),
            health: Health::Unknown,
            last_error: None,
            last_evaluation_ms: None,
            evaluation_time: Duration::ZERO,
        }
    }

    /// Evaluates an alerting rule.
    async fn evaluate(
        &mut self,
        at_ms: i64,
        query_ms: i64,
        (limit, origin): (usize, Origin),
        surround: &Surround,
    ) -> Result<(), String> {
        let rule = Arc::clone(&self.rule);
        let Rule::Alerting(alerting) = &*rule else { return Ok(()) };
        let watched = self.watch(Arc::clone(&rule), alerting, at_ms, query_ms, limit, surround).await;
        // Whatever became of the query, what is known of the alerts is kept and told.
        let kept = self.keep(alerting, origin, at_ms, surround).await;
        let rows = self.instances.rows(query_ms);
        let written = match &watched {
            // As in Prometheus, a rule that fails neither writes nor ends its series.
            Err(_) => Ok(()),
            Ok(()) => self.write(rows, query_ms, surround).await,
        };
        watched.and(kept).and(written)
    }

    /// Notes how an evaluation went.
    fn settle(
        &mut self,
        at_ms: i64,
        took: Duration,
        result: Result<(), String>,
        (file, group): (&str, &str),
    ) {
        self.evaluation_time = took;
        self.last_evaluation_ms = Some(at_ms);
        match result {
            Ok(()) => {
                self.health = Health::Good;
                self.last_error = None;
            }
            Err(error) => {
                let rule = self.rule.name();
                tracing::warn!(file, group, rule, error, "evaluating rule failed");
                self.health = Health::Bad;
                self.last_error = Some(error);
            }
        }
    }

    async fn watch(
        &mut self,
        rule: Arc<Rule>,
        alerting: &AlertingRule,
        at_ms: i64,
        query_ms: i64,
        limit: usize,
        surround: &Surround,
    ) -> Result<(), String> {
        let around = Surroundings {
            external_labels: surround.external_labels.clone(),
            external_url: surround.external_url.clone(),
            now_ms: at_ms,
            query: surround.asker.for_templates(query_ms),
        };
        let asker = surround.asker.clone();
        let ask = move || match &*rule {
            Rule::Alerting(rule) => alerting::ask(rule, &asker, query_ms, &around),
            Rule::Recording(_) => Ok(Vec::new()),
        };
        let candidates = surround.threads.run(ask).await.ok_or_else(panicked)??;
        self.instances.step(alerting, candidates, at_ms, limit)
    }

    async fn keep(
        &self,
        rule: &AlertingRule,
        origin: Origin,
        at_ms: i64,
        surround: &Surround,
    ) -> Result<(), String> {
        let link = watchfire_templates::url_encode(&rule.expr.text).to_string();
        let evaluation = Evaluation {
            rule: rule.id.clone(),
            origin,
            evaluated_ms: at_ms,
            external_labels: surround.external_labels.clone(),
            generator_url: format!("{}/graph?g0.expr={link}&g0.tab=1", surround.external_url),
            instances: self.instances.list(),
        };
        surround.alerts.commit(evaluation).await.map_err(|error| error.to_string())
    }

    /// Writes rows, and the end of the series that were written last time and are not among them.
    async fn write(&mut self, mut rows: Vec<Row>, at_ms: i64, surround: &Surround) -> Result<(), String> {
        let written: HashSet<Labels> = rows.iter().map(|row| row.series.clone()).collect();
        rows.extend(recording::ended(&self.written, &written, at_ms));
        self.written = written;
        if rows.is_empty() {
            return Ok(());
        }
        let report = surround.samples.write(rows.into()).await.map_err(|error| error.to_string())?;
        refusals(&report)
    }

    /// How many samples its last evaluation wrote.
    fn samples(&self) -> usize {
        if self.health == Health::Good { self.written.len() } else { 0 }
    }

    fn status(&self) -> RuleStatus {
        let rule = &*self.rule;
        let kind = match rule {
            Rule::Recording(rule) => RuleKind::Recording { labels: rule.labels.clone() },
            Rule::Alerting(rule) => {
                let mut alerts: Vec<AlertInstance> = self.instances.list();
                alerts.retain(|alert| alert.state != AlertState::Inactive);
                RuleKind::Alerting {
                    hold: rule.hold,
                    keep_firing_for: rule.keep_firing_for,
                    labels: rule.labels.clone(),
                    annotations: rule.annotations.clone(),
                    state: alerts.iter().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive),
                    alerts,
                }
            }
        };
        RuleStatus {
            name: rule.name().to_owned(),
            query: rule.expr().text.clone(),
            kind,
            health: self.health,
            last_error: self.last_error.clone(),
            last_evaluation_ms: self.last_evaluation_ms,
            evaluation_time: self.evaluation_time,
        }
    }
}

/// Recorded samples may come late or twice after a restart; only a refusal that loses series is an error.
pub(crate) fn refusals(report: &WriteReport) -> Result<(), String> {
    let serious = report.refused.iter().find(|refusal| {
        !matches!(
            refusal.reason,
            RefusalReason::DuplicateTimestamp | RefusalReason::TooOld | RefusalReason::TooFarAhead
        )
    });
    serious
        .map_or(Ok(()), |refusal| Err(format!("{} samples were refused: {}", refusal.rows, refusal.example)))
}

pub(crate) fn panicked() -> String {
    "the query panicked; this is a defect of Watchfire".to_owned()
}
