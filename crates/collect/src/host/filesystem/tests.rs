use super::*;
use std::sync::Condvar;
use std::time::Instant;

fn mount(mount_point: &str) -> Mount {
    Mount {
        device: "/dev/x".to_owned(),
        mount_point: mount_point.to_owned(),
        fs_type: "ext4".to_owned(),
        major: "8".to_owned(),
        minor: "1".to_owned(),
        is_read_only: false,
    }
}

/// Holds calls for `/dead` back until a test opens it.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn slow_ask(path: &Path) -> std::io::Result<Space> {
    if path == Path::new("/dead") {
        let open = GATE.0.lock().unwrap();
        drop(GATE.1.wait_while(open, |open| !*open).unwrap());
    }
    if path == Path::new("/broken") {
        return Err(std::io::Error::other("broken"));
    }
    let space = Space {
        block_bytes: 4096.0,
        blocks: 10.0,
        free_blocks: 5.0,
        available_blocks: 4.0,
        files: 3.0,
        free_files: 2.0,
        is_read_only: false,
    };
    Ok(space)
}

#[test]
fn a_dead_mount_is_told_and_costs_no_other() {
    let file_system = FileSystem {
        ask: slow_ask,
        patience: Duration::from_secs(2),
        ..FileSystem::new(&Options::default())
    };
    let mounts = || ["/a", "/dead", "/broken", "/b"].map(mount).to_vec();
    let told = |answers: Vec<(Mount, Result<Space, String>)>| {
        let mut told: Vec<(String, Option<String>)> =
            answers.into_iter().map(|(mount, answer)| (mount.mount_point, answer.err())).collect();
        told.sort();
        told
    };
    let expected = [
        ("/a".to_owned(), None),
        ("/b".to_owned(), None),
        ("/broken".to_owned(), Some("broken".to_owned())),
        ("/dead".to_owned(), Some(NO_ANSWER.to_owned())),
    ];
    assert_eq!(told(file_system.ask_all(Path::new("/"), mounts())), expected);
    // The second round does not even ask: without patience it would wait for ever.
    let patient = FileSystem { patience: Duration::from_secs(3600), ..file_system };
    assert_eq!(told(patient.ask_all(Path::new("/"), mounts())), expected);
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !patient.stuck().is_empty() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let answers = told(patient.ask_all(Path::new("/"), mounts()));
    assert_eq!(answers[3], ("/dead".to_owned(), None));
}

#[test]
fn this_machine_answers() {
    assert!(ask(Path::new("/")).unwrap().blocks > 0.0);
}
