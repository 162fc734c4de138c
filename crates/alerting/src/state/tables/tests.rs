use super::*;
use proptest::prelude::*;
use watchfire_ledger::JobState;

fn job(id: i64, receiver: u8, next_try_ms: i64) -> Job {
    Job {
        id,
        group_key: format!("g{id}"),
        receiver: format!("r{receiver}"),
        integration: 0,
        state: JobState::Open,
        generation: 0,
        reason: String::new(),
        payload: String::new(),
        firing: BTreeSet::new(),
        resolved: BTreeSet::new(),
        created_ms: 0,
        next_try_ms,
        attempts: 0,
        finished_ms: None,
        last_error: None,
        incident: None,
    }
}

proptest! {
    #[test]
    fn each_open_job_has_its_turn_and_no_other(steps in prop::collection::vec((0_u8..3, 0_i64..6, 0_u8..2, 0_i64..4), 1..60)) {
        let mut tables = Tables::default();
        for (what, id, receiver, next_try_ms) in steps {
            match what {
                // A job keeps its receiver for life.
                0 => tables.put_job(tables.jobs.get(&id).map_or_else(
                    || job(id, receiver, next_try_ms),
                    |open| Job { next_try_ms, ..open.clone() },
                )),
                1 => tables.put_off(id, next_try_ms, "refused"),
                _ => drop(tables.remove_job(id)),
            }
            let mut expected: BTreeMap<Destination, BTreeSet<(i64, i64)>> = BTreeMap::new();
            for job in tables.jobs.values() {
                let destination = (job.receiver.clone(), job.integration);
                expected.entry(destination).or_default().insert((job.next_try_ms, job.id));
            }
            prop_assert_eq!(&tables.due, &expected);
        }
    }
}
