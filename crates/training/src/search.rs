//! Finding runs.

use crate::filter::{Attribute, Condition, Subject, Value};
use crate::{TrainingError, TrainingRun};
use std::cmp::Ordering;
use std::collections::HashMap;
use watchfire_ledger::{Experiment, Reading, RunColumn, RunStatus};

/// Which runs are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Those that are not deleted.
    #[default]
    Active,
    /// Those that are.
    Deleted,
    /// All.
    All,
}

impl View {
    /// Whether something that is deleted, or not, is seen.
    pub const fn shows(self, is_deleted: bool) -> bool {
        match self {
            Self::Active => !is_deleted,
            Self::Deleted => is_deleted,
            Self::All => true,
        }
    }
}

/// By what runs are ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderKey {
    /// By what.
    pub subject: Subject,
    /// The largest first.
    pub is_descending: bool,
}

/// By what runs are ordered, the first first; then the newest come first.
pub type Order = Vec<OrderKey>;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Of these experiments only; all where there are none.
    pub experiments: Vec<i64>,
    /// Which runs are looked at.
    pub view: View,
    /// All of these are true of each.
    pub conditions: Vec<Condition>,
    /// Each stands so; any where there are none.
    pub statuses: Vec<RunStatus>,
    /// Part of the name, the id, the user, the source or the experiment's name, whatever the capitals.
    pub text: String,
    /// In which order they come.
    pub order: Order,
    /// How many are passed over.
    pub offset: usize,
    /// How many are given at most.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The runs of this page.
    pub runs: Vec<TrainingRun>,
    /// How many there are on all pages.
    pub total: usize,
    /// How many stand where, whichever of that was asked for.
    pub by_status: HashMap<RunStatus, usize>,
}

/// The values of what a search asks for, by run.
#[derive(Default)]
struct Columns {
    numbers: HashMap<Subject, HashMap<String, f64>>,
    texts: HashMap<Subject, HashMap<String, String>>,
}

impl Columns {
    fn load(&mut self, reading: &Reading<'_>, subject: &Subject) -> Result<(), TrainingError> {
        match subject {
            Subject::Metric(key) if !self.numbers.contains_key(subject) => {
                self.numbers.insert(subject.clone(), reading.training_metric_column(key)?);
            }
            Subject::Param(key) if !self.texts.contains_key(subject) => {
                let column = reading.training_column(RunColumn::Param, key)?;
                self.texts.insert(subject.clone(), column);
            }
            Subject::Tag(key) if !self.texts.contains_key(subject) => {
                let column = reading.training_column(RunColumn::Tag, key)?;
                self.texts.insert(subject.clone(), column);
            }
            _ => {}
        }
        Ok(())
    }

    fn value<'a>(&'a self, run: &'a TrainingRun, subject: &Subject, artifacts: &'a str) -> Option<Value<'a>> {
        let Subject::Attribute(attribute) = subject else {
            let number = self.numbers.get(subject).and_then(|column| column.get(&run.id));
            let text = self.texts.get(subject).and_then(|column| column.get(&run.id));
            return number.map(|number| Value::Number(*number)).or(text.map(|text| Value::Text(text)));
        };
        Some(match attribute {
            Attribute::RunId => Value::Text(&run.id),
            Attribute::RunName => Value::Text(&run.name),
            Attribute::Status => Value::Text(crate::mlflow::status_word(run.status)),
            Attribute::UserId => Value::Text(&run.user),
            Attribute::StartTime => Value::Number(run.started_ms as f64),
            Attribute::EndTime => Value::Number(run.ended_ms? as f64),
            Attribute::ArtifactUri => Value::Text(artifacts),
            Attribute::Duration => Value::Number((run.ended_ms.or(run.updated_ms)? - run.started_ms) as f64),
        })
    }
}

/// Looks runs up.
pub(crate) fn search(reading: &Reading<'_>, search: &Search) -> Result<Found, TrainingError> {
    let experiments = reading.experiments()?;
    let experiments: HashMap<i64, &Experiment> =
        experiments.iter().map(|experiment| (experiment.id, experiment)).collect();
    let mut columns = Columns::default();
    let ordered = search.order.iter().map(|order| &order.subject);
    for subject in search.conditions.iter().map(|condition| &condition.subject).chain(ordered) {
        columns.load(reading, subject)?;
    }
    let mut runs = match search.experiments.as_slice() {
        [] => reading.training_runs()?,
        [one] => reading.training_runs_of(*one)?,
        several => {
            let mut runs = reading.training_runs()?;
            runs.retain(|run| several.contains(&run.experiment));
            runs
        }
    };
    let text = search.text.to_lowercase();
    let artifacts = |run: &TrainingRun| artifact_uri(experiments.get(&run.experiment).copied(), &run.id);
    runs.retain(|run| {
        let has_text = |place: &str| place.to_lowercase().contains(&text);
        let name = experiments.get(&run.experiment).map_or("", |experiment| experiment.name.as_str());
        search.view.shows(run.deleted_ms.is_some())
            && (text.is_empty()
                || [&run.name, &run.id, &run.user, &run.source].into_iter().any(|place| has_text(place))
                || has_text(name))
            && search.conditions.iter().all(|condition| {
                let uri = artifacts(run);
                condition.test.holds(columns.value(run, &condition.subject, &uri))
            })
    });
    let mut by_status = HashMap::new();
    for run in &runs {
        *by_status.entry(run.status).or_insert(0) += 1;
    }
    runs.retain(|run| search.statuses.is_empty() || search.statuses.contains(&run.status));
    // They come with the newest first, and the order of equal ones stays.
    runs.sort_by(|one, other| {
        let compared = search.order.iter().map(|order| {
            let value = |run| match columns.value(run, &order.subject, "") {
                Some(Value::Number(number)) if number.is_nan() => None,
                value => value,
            };
            compare(value(one), value(other), order.is_descending)
        });
        compared.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let total = runs.len();
    let runs = runs.into_iter().skip(search.offset).take(search.limit).collect();
    Ok(Found { runs, total, by_status })
}

/// What is missing comes last, whichever way round.
fn compare(one: Option<Value<'_>>, other: Option<Value<'_>>, is_descending: bool) -> Ordering {
    let order = match (one, other) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.total_cmp(&other),
        (Some(Value::Text(one)), Some(Value::Text(other))) => {
            match (one.parse::<f64>(), other.parse::<f64>()) {
                // Parameters are texts; as numbers they are meant to be compared, and before other words.
                (Ok(one), Ok(other)) => one.total_cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            }
        }
        (Some(Value::Number(_)), Some(Value::Text(_))) => Ordering::Less,
        (Some(Value::Text(_)), Some(Value::Number(_))) => Ordering::Greater,
    };
    if is_descending { order.reverse() } else { order }
}

/// Where the files of a run lie, as far as anybody said.
pub fn artifact_uri(experiment: Option<&Experiment>, run: &str) -> String {
    files_uri(experiment, run)
}

/// Where the files of something in an experiment lie: where its maker said, else in a folder where the program runs that makes
/// them, since clients write files themselves, and some give up on all they measured where they cannot.
pub(crate) fn files_uri(experiment: Option<&Experiment>, folder: &str) -> String {
    match experiment {
        Some(experiment) if !experiment.artifacts.is_empty() => {
            format!("{}/{folder}/artifacts", experiment.artifacts.trim_end_matches('/'))
        }
        Some(experiment) => format!("mlartifacts/{}/{folder}/artifacts", experiment.id),
        None => String::new(),
    }
}
