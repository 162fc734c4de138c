use super::*;
use crate::protobuf::MessageWriter;
use proptest::prelude::*;

/// All events of a file, and how many pieces were passed over for a reason.
fn read(mut file: &[u8]) -> (Vec<Event>, usize) {
    let (mut events, mut faults) = (Vec::new(), 0);
    loop {
        let bytes = match record(file) {
            Record::Whole { bytes, content } => {
                match event(content) {
                    Ok(event) => events.push(event),
                    Err(_) => faults += 1,
                }
                bytes
            }
            Record::Skip { bytes, reason } => {
                assert!(bytes > 0);
                faults += usize::from(reason.is_some());
                bytes
            }
            Record::Partial { needed } => {
                assert!(needed > file.len() as u64);
                return (events, faults);
            }
        };
        file = file.get(usize::try_from(bytes).unwrap()..).unwrap_or_default();
    }
}

fn written(step: u64, tag: &str, value: f32) -> Vec<u8> {
    let mut event = MessageWriter::new();
    event.double(1, 1_700_000_000.5);
    event.uint64(2, step);
    let mut scalar = MessageWriter::new();
    scalar.string(1, tag);
    let mut scalar = scalar.finish();
    // Field 2 as a float: the writer has none, since nothing else is one.
    scalar.push(2 << 3 | 5);
    scalar.extend(value.to_le_bytes());
    event.message(5, |summary| summary.bytes(1, &scalar));
    frame(&event.finish())
}

#[test]
fn scalars_come_back_as_they_were_written() {
    let file = [written(3, "loss/größe", 0.5), written(4, "loss", f32::NAN)].concat();
    let (events, faults) = read(&file);
    assert_eq!((events.len(), faults), (2, 0));
    assert_eq!((events[0].wall_time, events[0].step), (1_700_000_000.5, 3));
    assert_eq!(events[0].scalars, [Scalar { tag: "loss/größe".into(), value: 0.5 }]);
    assert!(events[1].scalars[0].value.is_nan());
}

#[test]
fn tensors_of_one_number_are_scalars_and_others_are_not() {
    let tensor = |build: &dyn Fn(&mut MessageWriter)| {
        let mut event = MessageWriter::new();
        event.message(5, |summary| {
            summary.message(1, |scalar| {
                scalar.string(1, "t");
                scalar.message(8, |tensor| build(tensor));
            });
        });
        event_of(&event.finish())
    };
    fn event_of(bytes: &[u8]) -> Option<f64> {
        event(bytes).unwrap().scalars.first().map(|scalar| scalar.value)
    }
    let content = |kind: u64, bytes: &'static [u8]| {
        tensor(&|tensor: &mut MessageWriter| {
            tensor.uint64(1, kind);
            tensor.bytes(4, bytes);
        })
    };
    assert_eq!(content(1, &[0, 0, 0, 0x3f]), Some(0.5));
    assert_eq!(content(2, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f]), Some(0.5));
    assert_eq!(content(3, &[0xff, 0xff, 0xff, 0xff]), Some(-1.0));
    assert_eq!(content(9, &[7, 0, 0, 0, 0, 0, 0, 0]), Some(7.0));
    assert_eq!(content(7, b"text"), None);
    assert_eq!(content(1, &[0; 8]), None, "two numbers");
    let listed = |count: usize| {
        tensor(&|tensor: &mut MessageWriter| {
            tensor.uint64(1, 1);
            tensor.bytes(5, &0.25_f32.to_le_bytes().repeat(count));
        })
    };
    assert_eq!(listed(1), Some(0.25));
    assert_eq!(listed(2), None);
    let shaped = tensor(&|tensor: &mut MessageWriter| {
        tensor.message(2, |shape| shape.message(2, |dimension| dimension.uint64(1, 2)));
        tensor.bytes(5, &0.25_f32.to_le_bytes());
    });
    assert_eq!(shaped, None);
}

#[test]
fn damage_costs_the_record_it_is_in() {
    let records = [written(1, "a", 1.0), written(2, "a", 2.0), written(3, "a", 3.0)];
    let second = records[0].len();
    for (at, faults) in
        [(second, 1), (second + 9, 1), (second + HEAD_BYTES + 3, 1), (second + records[1].len() - 1, 1)]
    {
        let mut file = records.concat();
        file[at] ^= 0x10;
        let (events, found) = read(&file);
        let steps: Vec<i64> = events.iter().map(|event| event.step).collect();
        assert_eq!((steps.as_slice(), found), ([1, 3].as_slice(), faults), "damage at {at}");
    }
}

#[test]
fn half_a_record_is_waited_for() {
    let file = [written(1, "a", 1.0), written(2, "a", 2.0)].concat();
    for end in 0..file.len() {
        let (events, faults) = read(&file[..end]);
        assert_eq!(faults, 0, "cut at {end}");
        assert!(events.len() < 2);
    }
}

#[test]
fn a_record_that_is_too_long_for_a_scalar_is_passed_over_without_being_read() {
    let length = (MAX_RECORD_BYTES + 1).to_le_bytes();
    let mut head = length.to_vec();
    head.extend(masked(&length).to_le_bytes());
    let Record::Skip { bytes, reason: Some(_) } = record(&head) else { panic!("it is skipped by its head") };
    assert_eq!(bytes, MAX_RECORD_BYTES + 1 + 16);
    let length = u64::MAX.to_le_bytes();
    let mut head = length.to_vec();
    head.extend(masked(&length).to_le_bytes());
    head.extend([0; 20]);
    assert!(matches!(record(&head), Record::Skip { bytes: 21, .. }), "no such length");
}

#[test]
fn files_of_tensorboardx_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/training/tensorboard-run/run1");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not here", folder.display());
        return;
    };
    let path = entries.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.is_file()).unwrap();
    let (events, faults) = read(&std::fs::read(path).unwrap());
    assert_eq!(faults, 0);
    assert!(events[0].file_version.as_deref().is_some_and(|version| version.starts_with("brain.Event:")));
    let scalars: Vec<&Scalar> = events.iter().flat_map(|event| &event.scalars).collect();
    assert!(scalars.len() > 10 && scalars.iter().any(|scalar| scalar.value.is_nan()), "{}", scalars.len());
    assert!(events.iter().all(|event| event.wall_time > 1.7e9));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_stand_still(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..60) {
        let mut file = written(1, "a", 1.0);
        let at = at.min(file.len());
        file.splice(at.., bytes.iter().copied());
        read(&file);
        let _ = event(&bytes);
    }

    #[test]
    fn whatever_was_frame_d_comes_back(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..5)) {
        let file: Vec<u8> = contents.iter().flat_map(|content| frame(content)).collect();
        let mut rest = file.as_slice();
        for wanted in &contents {
            let Record::Whole { bytes, content } = record(rest) else { panic!("it is whole") };
            prop_assert_eq!(content, wanted.as_slice());
            rest = &rest[usize::try_from(bytes).unwrap()..];
        }
        prop_assert!(rest.is_empty());
    }
}

/// A value with the metadata of a plug-in, whose content `fill` writes.
fn of_plugin(name: &str, fill: impl FnOnce(&mut MessageWriter)) -> Vec<u8> {
    let mut data = MessageWriter::new();
    fill(&mut data);
    let data = data.finish();
    let mut event = MessageWriter::new();
    event.message(5, |summary| {
        summary.message(1, |value| {
            value.string(1, "_hparams_/session_start_info");
            value.message(9, |metadata| {
                metadata.message(1, |plugin| {
                    plugin.string(1, name);
                    plugin.bytes(2, &data);
                });
            });
        });
    });
    event.finish()
}

#[test]
fn what_a_run_was_started_with_is_read_from_the_plugin_that_keeps_it() {
    let session = |data: &mut MessageWriter| {
        data.message(3, |session| {
            let mut entry = |key: &str, fill: &dyn Fn(&mut MessageWriter)| {
                session.message(1, |entry| {
                    entry.string(1, key);
                    entry.message(2, |value| fill(value));
                });
            };
            entry("lr", &|value| value.present_double(2, 3e-7));
            entry("batch", &|value| value.present_double(2, 32.0));
            entry("optimizer", &|value| value.string(3, "adam"));
            entry("amp", &|value| value.present_uint64(4, 1));
            entry("layers", &|value| value.message(6, |list| list.string(3, "x")));
            session.string(4, "group");
        });
    };
    let told = event(&of_plugin("hparams", session)).unwrap();
    let pairs: Vec<(&str, &str)> =
        told.params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("lr", "3e-7"), ("batch", "32"), ("optimizer", "adam"), ("amp", "true")]);
    assert_eq!(event(&of_plugin("text", session)).unwrap().params, []);
    // The description of an experiment is none of a run's parameters.
    assert_eq!(
        event(&of_plugin("hparams", |data| data.message(2, |all| all.string(1, "lr")))).unwrap().params,
        []
    );
}
