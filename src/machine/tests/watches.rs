//! Watches: an absence is proved only by who could have seen a presence.

use super::task;
use crate::event::{ErrorKind, Failure, Outcome, SubscriptionChange};
use serde_json::json;

const POLLED: &str = "states.a.transitions[0].poll";
const HEARD: &str = "states.a.transitions[0].subscribe";

/// A state that is watched by a poll for a second.
fn polled(more: &str) -> super::Scene {
    task(&format!(
        "
        start_state: a
        final_state: b
        states:
          a:
            {more}
            transitions:
              - {{ poll: {{ stub: look }}, every: 100ms, fail_when: res.k == 9 }}
              - {{ to: b, wait: 1s }}
          b:
        "
    ))
}

/// A state that listens for a second.
fn heard() -> super::Scene {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { subscribe: { stub: news }, fail_when: res.k == 9 }
              - { to: b, wait: 1s }
          b:
        ",
    )
}

fn lost() -> SubscriptionChange {
    SubscriptionChange::Lost {
        why: Failure::transport("the line is cut"),
    }
}

#[test]
fn a_poll_that_was_answered_proves_an_absence() {
    polled("").answer(POLLED, json!({ "k": 1 })).run().passes();
}

#[test]
fn polls_that_were_all_refused_prove_nothing() {
    polled("")
        .fails(POLLED, 0, ErrorKind::Transport)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: all 11 attempts of `look` failed, the last with: broken",
        );
}

#[test]
fn the_last_attempt_must_have_been_answered() {
    // The server was there once, and is gone.
    polled("")
        .answer(POLLED, json!({ "k": 1 }))
        .fails(POLLED, 0, ErrorKind::Transport)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: the last of 11 attempts of `look` failed: broken",
        );
}

#[test]
fn an_answer_of_which_it_is_unknown_shows_nothing() {
    polled("").answer(POLLED, json!({ "other": 1 })).run().ends(
        Outcome::Error,
        ErrorKind::Transport,
        "the watch could not see: of the last answer of `look` its `fail_when` is unknown",
    );
}

#[test]
fn an_attempt_that_does_not_come_back_counts_as_refused() {
    polled("")
        .later(POLLED, 10, json!({ "k": 1 }))
        .later(POLLED, 60_000, json!({ "k": 1 }))
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: attempt 2 of `look` has had no answer for 890ms",
        );
    polled("")
        .later(POLLED, 60_000, json!({ "k": 1 }))
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: `look` has had no answer for 1s",
        );
}

#[test]
fn an_attempt_that_is_as_slow_as_the_others_is_waited_for_no_longer() {
    // The third begins at 800 ms and is open for 200 ms at the end: less than twice what the others took.
    polled("")
        .later(POLLED, 300, json!({ "k": 1 }))
        .run()
        .passes()
        .shows_at(
            "poll take",
            "300 poll #1 {\"k\":1}\n700 poll #2 {\"k\":1}\n1000 take a → b",
        );
}

#[test]
fn a_first_attempt_has_its_every_before_the_state_is_left() {
    let scene = |k: u64, after: u64| {
        task(
            "
            start_state: a
            final_state: b
            states:
              a:
                transitions:
                  - { poll: { stub: look }, every: 500ms, fail_when: res.k == 9 }
                  - { to: b, wait: 100ms }
              b:
            ",
        )
        .later(POLLED, after, json!({ "k": k }))
    };
    scene(1, 300)
        .run()
        .passes()
        .shows_at("take", "300 take a → b");
    scene(9, 300)
        .run()
        .ends(Outcome::Failed, ErrorKind::Condition, "`fail_when` held");
    scene(1, 700).run().ends(
        Outcome::Error,
        ErrorKind::Transport,
        "`look` has had no answer for 500ms",
    );
}

#[test]
fn it_is_judged_where_a_timeout_leads_on_and_not_where_it_ends_the_task() {
    let scene = |more: &str| {
        task(&format!(
            "
            start_state: a
            final_state: b
            states:
              a:
                timeout: 1s
                {more}
                transitions:
                  - {{ poll: {{ stub: look }}, every: 100ms, fail_when: res.k == 9 }}
                  - {{ to: b, subscribe: {{ stub: never }} }}
              b:
            "
        ))
    };
    scene("on_timeout: b")
        .answer(POLLED, json!({ "k": 1 }))
        .run()
        .passes();
    scene("on_timeout: b")
        .fails(POLLED, 0, ErrorKind::Transport)
        .run()
        .ends(Outcome::Error, ErrorKind::Transport, "could not see");
    scene("").fails(POLLED, 0, ErrorKind::Transport).run().ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition",
    );
}

#[test]
fn what_it_could_not_see_can_be_routed() {
    polled("on_error: [{ kind: transport, to: b }]")
        .fails(POLLED, 0, ErrorKind::Transport)
        .run()
        .passes();
}

#[test]
fn a_condition_without_a_strategy_leaves_before_a_poll_begins() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { poll: { stub: look }, every: 100ms, fail_when: res.k == 9 }
              - { to: b, when: 1 == 1 }
          b:
        ",
    )
    .fails(POLLED, 0, ErrorKind::Transport)
    .run()
    .passes()
    .shows("poll", "");
}

#[test]
fn what_decides_for_another_condition_of_the_poll_could_have_been_seen() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            poll: { stub: look }
            transitions:
              - { to: b, when: res.k == 1 }
              - { fail_when: res.k == 9 }
          b:
        ",
    )
    .answer("states.a.poll", json!({ "k": 1 }))
    .run()
    .passes();
}

#[test]
fn a_subscription_that_is_open_all_the_time_proves_an_absence() {
    heard().run().passes();
    heard().message(HEARD, 10, json!({ "k": 1 })).run().passes();
    heard().message(HEARD, 10, json!({ "k": 9 })).run().ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "`fail_when` held",
    );
}

#[test]
fn one_that_ended_or_broke_or_was_lost_proves_nothing() {
    heard()
        .message(HEARD, 10, json!({ "k": 1 }))
        .change(HEARD, 20, SubscriptionChange::Ended)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: its source has ended after 1 message",
        )
        .shows_at("ended finish", "20 ended after 1\n1000 finish error");
    let why = Failure::transport("the line is cut");
    heard()
        .change(HEARD, 20, SubscriptionChange::Broken { why })
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the watch could not see: its subscription broke after 0 messages: the line is cut",
        );
    heard().change(HEARD, 20, lost()).run().ends(
        Outcome::Error,
        ErrorKind::Transport,
        "its connection was lost after 0 messages, and is not open again",
    );
    heard()
        .change(HEARD, 20, lost())
        .change(HEARD, 30, SubscriptionChange::Reopened)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "its connection was lost 1 time while the state waited",
        )
        .shows_at("lost reopened", "20 lost after 0\n30 reopened after 0");
}

#[test]
fn a_gap_before_the_state_is_none_of_its_own() {
    let listen = |gap: u64| {
        task(
            "
            listen: { mail: { stub: inbox } }
            start_state: a
            final_state: c
            states:
              a: { transitions: [{ to: b, wait: 1s }] }
              b:
                transitions:
                  - { subscribe: mail, fail_when: res.k == 9 }
                  - { to: c, wait: 1s }
              c:
            ",
        )
        .change("listen.mail", gap, lost())
        .change("listen.mail", gap + 100, SubscriptionChange::Reopened)
    };
    listen(500).run().passes();
    listen(1_500).run().ends(
        Outcome::Error,
        ErrorKind::Transport,
        "while the state waited",
    );
}

#[test]
fn what_is_buffered_is_seen_also_where_nothing_is_waited_for() {
    let scene = || {
        task(
            "
            start_state: a
            final_state: b
            states:
              a:
                instructions: [{ stub: slow }]
                transitions:
                  - { subscribe: { stub: news }, fail_when: res.k == 9 }
                  - { to: b, when: 1 == 1 }
              b:
            ",
        )
        .later("states.a.instructions[0]", 500, json!(1))
    };
    scene().run().passes();
    scene().message(HEARD, 100, json!({ "k": 9 })).run().ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "`fail_when` held",
    );
    scene()
        .change(HEARD, 100, SubscriptionChange::Ended)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "its source has ended after 0 messages",
        );
}
