//! A backtest at work: on a thread of its own, with queries that take their turn among those of users.

use super::{Outcome, Tested};
use crate::app::App;
use crate::error::ApiError;
use crate::origin::Origin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use watchfire_alerting::Simulation;
use watchfire_promql::engine::Query;
use watchfire_promql::{QueryError, QueryResult, Source};
use watchfire_rules::backtest::{Backtest, Ended, Host, Life};
use watchfire_rules::{Evaluation, Rule};

/// Replays to the end. Whoever asked may leave at any time; then it stops.
pub(super) async fn run(
    app: &Arc<App>,
    origin: &Origin,
    mut backtest: Backtest,
    simulation: Simulation,
) -> Result<Tested, ApiError> {
    let (here, left) = oneshot::channel::<()>();
    let rules = backtest.replays().iter().map(|_| Outcome::default()).collect();
    let mut asking = Asking {
        app: Arc::clone(app),
        origin: origin.clone(),
        source: backtest.source(),
        runtime: Handle::current(),
        left,
        simulation,
        rules,
    };
    let task = move || {
        let ended = backtest.run(&mut asking);
        let Asking { simulation, rules, .. } = asking;
        ended.map(|()| Tested { backtest, simulation, rules })
    };
    let ended = tokio::task::spawn_blocking(task)
        .await
        .map_err(|panic| ApiError::internal(format!("the backtest failed unexpectedly: {panic}")))?;
    drop(here);
    ended.map_err(|ended| match ended {
        Ended::Stopped(error) => error,
        Ended::Refused(reason) => ApiError::execution(reason),
    })
}

struct Asking {
    app: Arc<App>,
    origin: Origin,
    source: Arc<dyn Source>,
    runtime: Handle,
    /// Resolves when nobody waits for the answer any more.
    left: oneshot::Receiver<()>,
    simulation: Simulation,
    rules: Vec<Outcome>,
}

impl Host for Asking {
    type Stop = ApiError;

    fn ask(&mut self, rule: &Rule, query: Query) -> Result<Result<QueryResult, QueryError>, ApiError> {
        let text = format!("backtest of {}: {}", rule.name(), rule.expr().text);
        let (app, source, origin) = (&self.app, Arc::clone(&self.source), self.origin.clone());
        let left = &mut self.left;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = left => Err(QueryError::Cancelled.into()),
                outcome = app.evaluate_over(source, query, &text, origin) => outcome,
            }
        })
    }

    fn evaluated(&mut self, rule: usize, evaluation: &Evaluation, ended: Vec<Life>) -> Result<(), ApiError> {
        let at_ms = evaluation.evaluated_ms;
        self.simulation.pass_to(at_ms).map_err(ApiError::internal_of)?;
        self.simulation.commit(evaluation).map_err(ApiError::internal_of)?;
        if let Some(rule) = self.rules.get_mut(rule) {
            ended.into_iter().for_each(|life| rule.count(life, at_ms));
        }
        Ok(())
    }

    fn passed(&mut self, to_ms: i64) -> Result<(), ApiError> {
        self.simulation.pass_to(to_ms).map_err(ApiError::internal_of)
    }
}
