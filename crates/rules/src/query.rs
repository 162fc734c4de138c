//! Queries of rules, on threads of their own: however many queries users run, these threads are there for rules.

use crate::template::{TemplateQuery, TemplateSample};
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use watchfire_model::SampleValue;
use watchfire_promql::{Engine, Expr, ParseOptions, Query, Source, Value};

type Task = Box<dyn FnOnce() + Send>;

/// The reserved threads.
pub(crate) struct QueryThreads {
    tasks: Mutex<Sender<Task>>,
}

impl fmt::Debug for QueryThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryThreads").finish_non_exhaustive()
    }
}

impl QueryThreads {
    /// Starts `count` threads; they end when this value is dropped.
    pub(crate) fn start(count: usize) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Task>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..count.max(1) {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("rule-query-{index}")).spawn(move || work(&receiver))?;
        }
        Ok(Self { tasks: Mutex::new(sender) })
    }

    /// Runs a task on one of the threads; `None` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let task = Box::new(move || {
            // Nobody waits any more when the group was stopped in the middle.
            let _ = answer.send(task());
        });
        let sent = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).send(task);
        if sent.is_err() {
            return None;
        }
        answered.await.ok()
    }
}

fn work(tasks: &Mutex<Receiver<Task>>) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        // One query that panics must not take the thread from all the others; its waiter sees the channel close.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err() {
            tracing::error!("a rule's query panicked");
        }
    }
}

/// A query of a rule, or of a template of one, that has ended.
#[derive(Debug)]
pub struct RuleQuery<'a> {
    /// The file of the rule's group.
    pub file: &'a str,
    /// The name of the group.
    pub group: &'a str,
    /// What was asked, and what it cost.
    pub query: &'a Query,
    /// How long it took.
    pub took: Duration,
    /// Why it has no answer.
    pub error: Option<String>,
}

/// Who is told of the queries of rules, on the thread that evaluates them.
pub trait QueryObserver: Send + Sync {
    /// Whether queries are to count the samples that they look at, for who is told of them.
    fn counts_samples(&self) -> bool {
        false
    }

    /// One has ended.
    fn ended(&self, query: &RuleQuery<'_>);
}

/// Whose queries these are, and who is told.
#[derive(Clone)]
struct Observed {
    observer: Arc<dyn QueryObserver>,
    file: String,
    group: String,
}

/// Asks the engine one thing at one time.
#[derive(Clone)]
pub(crate) struct Asker {
    engine: Engine,
    source: Arc<dyn Source>,
    observed: Option<Arc<Observed>>,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// One sample of an answer, with the labels of the series.
pub(crate) type Found = watchfire_promql::value::VectorSample;

impl Asker {
    pub(crate) fn new(engine: Engine, source: Arc<dyn Source>) -> Self {
        Self { engine, source, observed: None }
    }

    /// The same for a group, whose queries somebody is told of.
    pub(crate) fn observed(&self, observer: &Arc<dyn QueryObserver>, file: &str, group: &str) -> Self {
        let observed =
            Observed { observer: Arc::clone(observer), file: file.to_owned(), group: group.to_owned() };
        Self { observed: Some(Arc::new(observed)), ..self.clone() }
    }

    /// The instant vector that an expression gives; a scalar counts as one sample without labels.
    pub(crate) fn vector(&self, expr: impl Into<Arc<Expr>>, at_ms: i64) -> Result<Vec<Found>, String> {
        let mut query = Query::instant(expr, at_ms);
        query.count_queried =
            self.observed.as_ref().is_some_and(|observed| observed.observer.counts_samples());
        let begun = Instant::now();
        let result = self.engine.evaluate(&query, &*self.source).map_err(|error| error.to_string());
        if let Some(Observed { observer, file, group }) = self.observed.as_deref() {
            let (took, error) = (begun.elapsed(), result.as_ref().err().cloned());
            observer.ended(&RuleQuery { file, group, query: &query, took, error });
        }
        match result?.value {
            Value::Vector(samples) => Ok(samples),
            Value::Scalar { timestamp_ms, value } => Ok(vec![Found {
                labels: watchfire_model::Labels::empty(),
                timestamp_ms,
                value: SampleValue::Float(value),
            }]),
            Value::String { .. } | Value::Matrix(_) => {
                Err("rule result is not a vector or scalar".to_owned())
            }
        }
    }

    /// The `query` function of templates.
    pub(crate) fn for_templates(&self, at_ms: i64) -> TemplateQuery {
        let asker = self.clone();
        Arc::new(move |text| {
            let expr = watchfire_promql::parse(text, ParseOptions::default())
                .map_err(|error| format!("parse error: {}", error.message))?;
            let samples = asker.vector(expr, at_ms)?;
            Ok(samples
                .into_iter()
                .map(|sample| TemplateSample { labels: sample.labels, value: float_of(&sample.value) })
                .collect())
        })
    }
}

/// A sample's number; 0 for a histogram, as Prometheus has it in alerts and templates.
pub(crate) fn float_of(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(_) => 0.0,
    }
}
