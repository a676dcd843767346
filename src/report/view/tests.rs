use super::super::fixture::{Log, place, unmet};
use super::super::options::Options;
use super::*;
use crate::event::{Attempted, Failure, ValueTypes};

fn fold(log: &Log) -> (Live, Vec<Ended>) {
    let mut live = Live::default();
    let ended = log
        .events
        .iter()
        .filter_map(|event| live.apply(event))
        .collect();
    (live, ended)
}

#[test]
fn a_waiting_state_shows_attempt_value_and_deadline() {
    let mut log = Log::run(1);
    log.start(1, "order", 0, (1, 1)).enter(1, "placed");
    log.push(
        Some(1),
        Fact::WaitStarted {
            limit_micros: Some(20_000_000),
        },
    );
    let begun = log.now;
    log.poll(1, 12, "packed");
    let (live, _) = fold(&log);
    let running = &live.running[&1];
    assert_eq!(running.status(), Status::Waiting);
    assert_eq!(running.at.attempt, 12);
    assert_eq!(
        running.at.last,
        Some(Last::Value("res.body.status=\"packed\"".to_owned()))
    );
    assert_eq!(running.at.deadline, Some(begun + 20_000_000));
    log.enter(1, "shipped");
    let (live, _) = fold(&log);
    let running = &live.running[&1];
    assert_eq!(
        (running.at.attempt, &running.at.last, running.at.deadline),
        (0, &None, None)
    );
}

#[test]
fn trouble_is_seen_until_an_answer_comes() {
    let mut log = Log::run(1);
    log.start(1, "order", 0, (1, 1)).enter(1, "placed").push(
        Some(1),
        Fact::PollAnswered {
            place: place("states.placed.poll", "shop: GET"),
            attempt: 3,
            micros: 10,
            result: Attempted::Failure(Failure::transport("connection refused")),
        },
    );
    let (live, _) = fold(&log);
    let trouble = Last::Trouble("connection refused".to_owned());
    assert_eq!(live.running[&1].at.last, Some(trouble));
}

#[test]
fn of_a_retried_task_the_last_attempt_counts() {
    let mut log = Log::run(1);
    log.start(1, "order", 0, (1, 3))
        .end(1, Outcome::Failed, Some(unmet()), 10)
        .start(2, "order", 0, (2, 3));
    let (live, ended) = fold(&log);
    assert_eq!(live.done(), 0);
    assert!(!ended[0].last_attempt);
    assert!(
        !live.running[&2].sources.0.is_empty(),
        "a retry has the source of the first attempt"
    );
    log.end(2, Outcome::Passed, None, 10);
    let (live, ended) = fold(&log);
    assert_eq!(live.tally.of(Outcome::Flaky), 1);
    assert_eq!(live.done(), 1);
    assert!(ended[1].sources.0.is_empty(), "dropped after a good end");
    assert!(live.retrying.is_empty());
}

#[test]
fn a_failure_can_be_taken_up_at_its_last_transition() {
    let mut log = Log::run(1);
    log.start(1, "order", 0, (1, 1))
        .enter(1, "place")
        .leave(1, "place", "placed");
    let seq = log.events.len();
    log.enter(1, "placed")
        .end(1, Outcome::Failed, Some(unmet()), 10);
    let (live, ended) = fold(&log);
    let again = |resumable| {
        let options = Options {
            resumable,
            flags: " --var id=7".into(),
            ..Options::default()
        };
        ended[0].about(live.run.as_ref(), &options).again
    };
    let from = format!("funcy run tasks/order.yaml --from placed --context 7KP@{seq} --var id=7");
    assert_eq!(again(true), Some(from));
    assert_eq!(
        again(false).as_deref(),
        Some("funcy run tasks/order.yaml --var id=7")
    );
}

#[test]
fn a_failure_behind_a_secret_that_was_saved_is_not_taken_up() {
    let mut log = Log::run(1);
    log.start(1, "login", 0, (1, 1)).enter(1, "place");
    let saved = Fact::VariableSaved {
        name: "token".into(),
        value: "$token".into(),
        types: ValueTypes::default(),
        undone: false,
    };
    log.push(Some(1), saved)
        .leave(1, "place", "placed")
        .enter(1, "placed")
        .end(1, Outcome::Failed, Some(unmet()), 10);
    let (live, ended) = fold(&log);
    let options = Options {
        resumable: true,
        ..Options::default()
    };
    let again = ended[0].about(live.run.as_ref(), &options).again;
    assert_eq!(again.as_deref(), Some("funcy run tasks/order.yaml"));
}

#[test]
fn the_path_of_a_loop_is_bounded() {
    let mut log = Log::run(1);
    log.start(1, "order", 0, (1, 1));
    for _ in 0..1000 {
        log.enter(1, "ping");
    }
    let (live, _) = fold(&log);
    assert_eq!(live.running[&1].path.len(), MAX_PATH);
    assert_eq!(live.running[&1].more_visits, 800);
}

#[test]
fn what_no_event_ends_was_interrupted() {
    let mut log = Log::run(2);
    log.start(1, "order", 0, (1, 1))
        .enter(1, "placed")
        .wait(5_000_000)
        .start(2, "b", 1, (1, 1));
    let (mut live, _) = fold(&log);
    let ended = live.interrupt();
    assert_eq!(ended.len(), 2);
    assert_eq!(ended[0].outcome, Outcome::Interrupted);
    assert_eq!(ended[0].metrics.micros, 5_002_000);
    assert_eq!(live.tally.of(Outcome::Interrupted), 2);
    assert!(live.interrupt().is_empty());
}
