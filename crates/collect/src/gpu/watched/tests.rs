use super::*;
use std::sync::mpsc::channel;

#[test]
fn a_reader_that_hangs_is_waited_for_once_and_heard_again_when_it_wakes() {
    let (wake, sleeping) = channel::<()>();
    let (woken, hears) = channel::<()>();
    let watched = Watched::start("test", Duration::from_millis(20), move |questions, answer| {
        for (number, ()) in questions.enumerate() {
            if number == 1 {
                sleeping.recv().unwrap();
            }
            answer(number);
            if number == 1 {
                woken.send(()).unwrap();
            }
        }
    });
    assert_eq!(watched.ask(), Ok(0));
    assert_eq!(watched.ask(), Err(NoAnswer::Hung(Duration::from_millis(20))));
    let Err(NoAnswer::Hung(since)) = watched.ask() else { panic!("answered while it hangs") };
    assert!(since >= Duration::from_millis(20));
    wake.send(()).unwrap();
    hears.recv_timeout(Duration::from_secs(30)).unwrap();
    // The late answer was of another time; this is the one to the new question.
    assert_eq!(watched.ask(), Ok(2));
}

#[test]
fn a_reader_that_panics_is_gone_and_costs_nobody_else() {
    let watched: Watched<u32> = Watched::start("test", Duration::from_secs(30), |questions, _| {
        questions.next();
        panic!("a reader with a mistake");
    });
    assert_eq!(watched.ask(), Err(NoAnswer::Gone));
    assert_eq!(watched.ask(), Err(NoAnswer::Gone));
}
