//! A whole file replayed, against the same file really evaluated.

use super::super::*;
use crate::file::{ReadOptions, Rule, RuleFile};
use crate::group::{Group, Surround};
use crate::query::QueryThreads;
use crate::sink::{AlertSink, Restored, SinkFuture};
use crate::testing::TestStore;
use std::sync::Mutex;
use watchfire_model::SampleValue;
use watchfire_model::ingest::Row;
use watchfire_model::sample::STALE_NAN_BITS;
use watchfire_promql::engine::EngineOptions;
use watchfire_promql::{Query, QueryError, QueryResult};

const FROM_MS: i64 = 10_000_000;
const TO_MS: i64 = FROM_MS + 20 * 60_000;

/// Rules that read one another in every way there is.
const RULES: &str = "
groups:
- name: in-order
  interval: 15s
  rules:
  - {record: 'host:work:rate1m', expr: 'rate(work_total[1m])', labels: {kind: rate}}
  - {record: 'work:sum', expr: 'sum(host:work:rate1m{kind=\"rate\"})'}
  - {alert: Busy, expr: 'work:sum > 12', for: 30s, keep_firing_for: 30s, labels: {team: a}}
  - {alert: EachBusy, expr: 'host:work:rate1m > 4', for: 15s}
  - {record: 'work:max5m', expr: 'max_over_time(work:sum[5m])'}
  - {alert: WasBusy, expr: 'work:max5m > 14'}
  - {alert: Both, expr: 'ALERTS{alertname=\"EachBusy\",alertstate=\"firing\"} and on() ALERTS_FOR_STATE{alertname=\"Busy\"}'}
- name: elsewhere
  interval: 10s
  rules:
  - {alert: FromElsewhere, expr: 'work:sum offset 20s > 12', for: 20s}
  - {alert: Gone, expr: 'absent(host:work:rate1m{host=\"b\"})'}
  - {alert: Any, expr: '{__name__=~\"work:(sum|few)\"} > 13'}
- name: late
  interval: 10s
  query_offset: 25s
  rules:
  - {record: 'late:work', expr: 'sum by (host) (rate(work_total[30s]))'}
- name: reads-late
  interval: 5s
  rules:
  - {alert: Late, expr: 'late:work > 5'}
  - {alert: LateCount, expr: 'count_over_time(late:work[40s]) > 1'}
- name: itself
  interval: 20s
  rules:
  - {alert: ReadsLater, expr: 'ticks > 10 < 40', for: 40s}
  - {record: ticks, expr: '(ticks or vector(0)) + 1'}
  - {alert: Ahead, expr: 'work_total offset -30s > 300'}
  - {alert: AtEnd, expr: 'work:sum @ end() > 12'}
- name: faulty
  interval: 10s
  limit: 3
  rules:
  - {record: 'work:matched', expr: 'work_total * on (kind) group_left () flag'}
  - {alert: Matched, expr: 'work:matched > 0'}
  - {record: 'work:few', expr: 'work_total > 200'}
  - {alert: Few, expr: 'work:few > 0'}
  - {record: 'work:same', expr: 'label_replace(work_total, \"host\", \"x\", \"host\", \"[ab]\")'}
  - {alert: Same, expr: 'work:same > 0'}
";

type Said = BTreeMap<(String, i64), Vec<AlertInstance>>;

#[derive(Default)]
struct Heard(Mutex<Said>);

impl AlertSink for Heard {
    fn commit(&self, evaluation: Evaluation) -> SinkFuture<'_, ()> {
        note(&mut self.0.lock().unwrap(), &evaluation);
        Box::pin(std::future::ready(Ok(())))
    }

    fn restore(&self, _rule: &str) -> SinkFuture<'_, Option<Restored>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn retain(&self, _rules: Vec<String>, _now_ms: i64) -> SinkFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn note(said: &mut Said, evaluation: &Evaluation) {
    if !evaluation.instances.is_empty() {
        let instances = evaluation
            .instances
            .iter()
            .cloned()
            .map(|instance| AlertInstance { annotations: BTreeMap::new(), ..instance });
        said.insert((evaluation.rule.clone(), evaluation.evaluated_ms), instances.collect());
    }
}

struct Asked<'a> {
    engine: Engine,
    source: Arc<dyn Source>,
    said: Said,
    lives: usize,
    queries: usize,
    last_ms: i64,
    stop_after: Option<usize>,
    marker: std::marker::PhantomData<&'a ()>,
}

impl Host for Asked<'_> {
    type Stop = &'static str;

    fn ask(&mut self, _rule: &Rule, query: Query) -> Result<Result<QueryResult, QueryError>, Self::Stop> {
        self.queries += 1;
        if self.stop_after.is_some_and(|most| self.queries > most) {
            return Err("enough");
        }
        Ok(self.engine.evaluate(&query, &*self.source))
    }

    fn evaluated(
        &mut self,
        _rule: usize,
        evaluation: &Evaluation,
        ended: Vec<Life>,
    ) -> Result<(), Self::Stop> {
        assert!(evaluation.evaluated_ms >= self.last_ms, "in the order of time");
        self.last_ms = evaluation.evaluated_ms;
        self.lives += ended.len();
        note(&mut self.said, evaluation);
        Ok(())
    }

    fn passed(&mut self, to_ms: i64) -> Result<(), Self::Stop> {
        assert!(to_ms >= self.last_ms);
        Ok(())
    }
}

fn engine() -> Engine {
    Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() })
}

/// Four hosts that work more and less, one of which goes away for a while; and a flag that doubles now and then.
fn store() -> Arc<TestStore> {
    let store = TestStore::default();
    let put = |name: &str, pairs: &[(&str, &str)], timestamp_ms: i64, value: f64| {
        let series = Labels::from_pairs(pairs.iter().copied().chain([("__name__", name)]));
        store.append(Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) });
    };
    let mut done = [0.0_f64; 4];
    for step in -120_i64..=260 {
        let at_ms = FROM_MS + step * 5_000;
        for (host, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let phase = f64::from(i32::try_from(step).unwrap()) / (20.0 + 7.0 * host as f64);
            done[host] += 15.0 * (1.0 + phase.sin()) + host as f64;
            if name == "b" && (60..110).contains(&step) {
                if step == 60 {
                    let pairs = [("host", name), ("kind", "w")];
                    put("work_total", &pairs, at_ms, f64::from_bits(STALE_NAN_BITS));
                }
                continue;
            }
            put("work_total", &[("host", name), ("kind", "w")], at_ms, done[host]);
        }
        put("flag", &[("kind", "w")], at_ms, 1.0);
        if step % 40 > 30 {
            put("flag", &[("kind", "w"), ("twice", "yes")], at_ms, 1.0);
        } else if step % 40 == 0 {
            put("flag", &[("kind", "w"), ("twice", "yes")], at_ms, f64::from_bits(STALE_NAN_BITS));
        }
    }
    Arc::new(store)
}

async fn really(file: &RuleFile, store: &Arc<TestStore>, from_ms: i64) -> Said {
    let heard = Arc::new(Heard::default());
    // What comes later is not there yet.
    let present = Arc::new(overlay::Overlay::new(store.clone(), Vec::new(), std::iter::empty()));
    let surround = Surround {
        asker: Asker::new(engine(), present.clone()),
        observer: None,
        threads: Arc::new(QueryThreads::start(1).unwrap()),
        samples: store.clone(),
        alerts: heard.clone(),
        external_labels: Labels::empty(),
        external_url: String::new(),
        default_query_offset: Duration::ZERO,
    };
    let settings = Settings::default();
    let mut groups: Vec<(Timing, Group)> = file
        .groups
        .iter()
        .map(|spec| {
            let timing = Timing::of((&file.name, spec), &settings, from_ms);
            (timing, Group::new(&file.name, spec.clone(), settings.evaluation_interval))
        })
        .collect();
    loop {
        let (timing, group) = groups.iter_mut().min_by_key(|(timing, _)| timing.first_ms).unwrap();
        if timing.first_ms > TO_MS {
            break;
        }
        present.look_no_farther_than(timing.first_ms);
        group.evaluate(timing.first_ms, &surround, || true).await;
        timing.first_ms += timing.interval_ms;
    }
    let said = heard.0.lock().unwrap();
    said.iter()
        .filter(|((_, at_ms), _)| *at_ms >= FROM_MS)
        .map(|(key, said)| (key.clone(), said.clone()))
        .collect()
}

fn parsed(text: &str) -> RuleFile {
    RuleFile::parse("r.yml", text, ReadOptions::default()).unwrap()
}

fn plan<'a>(file: &'a RuleFile, settings: &'a Settings, places: &'a HashMap<String, String>) -> Plan<'a> {
    Plan { file, only: None, settings, places, range: (FROM_MS, TO_MS), limits: Limits::default() }
}

fn asked(backtest: &Backtest) -> Asked<'static> {
    Asked {
        engine: engine(),
        source: backtest.source(),
        said: Said::new(),
        lives: 0,
        queries: 0,
        last_ms: 0,
        stop_after: None,
        marker: std::marker::PhantomData,
    }
}

fn replayed(file: &RuleFile, store: Arc<dyn Source>) -> (Said, usize) {
    let (settings, places) = (Settings::default(), HashMap::new());
    let mut backtest = Backtest::new(&plan(file, &settings, &places), &engine(), store).unwrap();
    let mut host = asked(&backtest);
    backtest.run(&mut host).unwrap();
    assert_eq!(backtest.held(), 0, "everything was followed");
    (host.said, host.queries)
}

fn differences(left: &Said, right: &Said) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differs = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    differs.map(|key| format!("{key:?}: {:?} / {:?}", left.get(key), right.get(key))).collect()
}

#[tokio::test]
async fn a_file_is_replayed_as_it_is_evaluated() {
    let file = parsed(RULES);
    let alive = store();
    let really = really(&file, &alive, FROM_MS).await;
    // Nothing is there before the rules begin, so what they would have recorded then is not either.
    let rules: std::collections::BTreeSet<&str> =
        really.keys().map(|(rule, _)| rule.split(';').nth(2).unwrap()).collect();
    let expected = [
        "Ahead",
        "Any",
        "AtEnd",
        "Both",
        "Busy",
        "EachBusy",
        "Few",
        "FromElsewhere",
        "Gone",
        "Late",
        "LateCount",
        "Matched",
        "ReadsLater",
        "Same",
        "WasBusy",
    ];
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), expected, "the data makes every rule say something");
    let (settings, places) = (Settings::default(), HashMap::new());
    // With what was really recorded below, and without.
    for source in [alive as Arc<dyn Source>, store()] {
        let mut backtest = Backtest::new(&plan(&file, &settings, &places), &engine(), source).unwrap();
        backtest.begin_at_once();
        let mut host = asked(&backtest);
        backtest.run(&mut host).unwrap();
        assert_eq!(backtest.held(), 0, "everything was followed");
        let differences = differences(&really, &host.said);
        assert!(
            differences.is_empty(),
            "{} of {}: {:#?}",
            differences.len(),
            really.len(),
            &differences[..differences.len().min(3)]
        );
    }
}

#[tokio::test]
async fn what_recording_rules_wrote_before_the_time_asked_for_is_there() {
    let file = parsed(
        "groups:\n- name: g\n  interval: 15s\n  rules:\n  - {record: 'work:rate', expr: 'sum(rate(work_total[1m]))'}\n\
         \x20 - {record: 'work:avg', expr: 'avg_over_time(work:rate[3m])'}\n\
         \x20 - {alert: High, expr: 'max_over_time(work:avg[2m:30s]) > 10'}\n",
    );
    let alive = store();
    let really = really(&file, &alive, FROM_MS - 500_000).await;
    let (said, queries) = replayed(&file, store());
    assert!(said.len() > 10 && queries < 20, "{} evaluations of {queries} queries", said.len());
    // The alert itself begins with the time asked for.
    type States = Vec<(i64, Vec<(Labels, AlertState, f64)>)>;
    let states = |said: &Said| -> States {
        let each = said.iter().map(|((_, at_ms), instances)| {
            (
                *at_ms,
                instances
                    .iter()
                    .filter(|one| one.state != AlertState::Inactive)
                    .map(|one| (one.labels.clone(), one.state, one.value))
                    .collect(),
            )
        });
        each.filter(|(_, alerts): &(i64, Vec<_>)| !alerts.is_empty()).collect()
    };
    assert_eq!(states(&said), states(&really));
}

#[test]
fn what_takes_too_much_names_the_rule_and_the_mend() {
    let file = parsed(
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - {record: all, expr: 'work_total'}\n\
         \x20 - {alert: High, expr: 'sum(sum_over_time(all[1h])) > 10'}\n\
         - name: itself\n  interval: 5s\n  rules:\n  - {record: ticks, expr: 'ticks + 1'}\n  - {alert: Ticks, expr: 'ticks > 1'}\n",
    );
    let (settings, places) = (Settings::default(), HashMap::new());
    let limited = |limits: Limits| {
        let plan = Plan { limits, ..plan(&file, &settings, &places) };
        Backtest::new(&plan, &engine(), store())
    };
    let said = limited(Limits { evaluations: 1000, ..Limits::default() }).unwrap_err();
    assert!(
        said.contains("more than the 1000")
            && said.contains("rule \"all\" of group \"g\" with its interval of 1s"),
        "{said}"
    );
    let said = limited(Limits { singly: 100, ..Limits::default() }).unwrap_err();
    assert!(said.contains("one by one") && said.contains("rule \"ticks\" of group \"itself\""), "{said}");
    let mut backtest = limited(Limits { bytes: 10_000, ..Limits::default() }).unwrap();
    let mut host = asked(&backtest);
    match backtest.run(&mut host) {
        Err(Ended::Refused(said)) => {
            assert!(
                said.contains("most of it is \"all\" with 4 series") && said.contains("longer interval"),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
    let mut backtest = limited(Limits::default()).unwrap();
    let mut host = Asked { stop_after: Some(3), ..asked(&backtest) };
    assert!(matches!(backtest.run(&mut host), Err(Ended::Stopped("enough"))));
    let mut backtest = limited(Limits::default()).unwrap();
    let mut host = asked(&backtest);
    backtest.run(&mut host).unwrap();
    assert!(!host.said.is_empty());
}

#[test]
fn thirty_days_of_an_expression_every_second_are_few_queries() {
    let file =
        parsed("groups:\n- name: g\n  interval: 1s\n  rules: [{alert: High, expr: 'work_total > 1e9'}]\n");
    let (settings, places) = (Settings::default(), HashMap::new());
    let plan = Plan { range: (FROM_MS, FROM_MS + 30 * 86_400_000), ..plan(&file, &settings, &places) };
    let mut backtest = Backtest::new(&plan, &engine(), store()).unwrap();
    assert_eq!(
        backtest.evaluations(),
        2_592_000 + i64::from(backtest.replays()[0].timing().first_ms == FROM_MS)
    );
    let mut host = asked(&backtest);
    backtest.run(&mut host).unwrap();
    assert!(host.queries < 700, "{}", host.queries);
    assert!(host.said.is_empty());
}
