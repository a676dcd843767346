//! Keys that stand where they have no meaning, and what their author wants there.

use crate::definition::keys::{
    ACTIONS, CONDITION, INSTRUCTION, MODIFIERS, Object, RETRY, STATE, TASK, TRANSITION,
};

/// Keys of an object that does not have them, and what to write instead; `KEY` stands for the key.
struct Misplaced {
    within: &'static [&'static Object],
    keys: &'static [&'static str],
    instead: &'static str,
}

/// The first entry that fits wins.
static MISPLACED: &[Misplaced] = &[
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["wait", "sleep"],
        instead: "a pause is no instruction: beside `instructions`, write `transitions: [{to: NAME, wait: 1s}]`",
    },
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["poll", "subscribe"],
        instead: "waiting is no instruction: beside `instructions`, write `transitions: [{to: NAME, KEY: …, when: …}]`",
    },
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["every", "backoff", "max_every", "jitter"],
        instead: "it stands beside `poll`, in a state or a transition; `retry` has `delay`, `backoff` and `jitter`",
    },
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["when", "fail_when"],
        instead: "write `if` for what decides whether it runs, `expect` for what must hold then; `KEY` judges a transition",
    },
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["set", "vars"],
        instead: "an instruction keeps a value with `save: {NAME: EXPRESSION}`",
    },
    Misplaced {
        within: &[&INSTRUCTION],
        keys: &["max_attempts", "delay", "max_delay"],
        instead: "it stands inside of `retry: {max_attempts: 3, delay: 1s}`",
    },
    // Nearer to `expect` than to what is meant.
    Misplaced {
        within: &[&CONDITION, &TRANSITION],
        keys: &["exec"],
        instead: "`poll: {KEY: …}` repeats an instruction until `when` holds",
    },
    Misplaced {
        within: &[&CONDITION, &TRANSITION],
        keys: &["if", "until"],
        instead: "write `when`: what is polled or received is looked at until it holds",
    },
    Misplaced {
        within: &[&CONDITION, &TRANSITION],
        keys: &["save"],
        instead: "write `set`: it is applied when the transition is taken",
    },
    Misplaced {
        within: &[&CONDITION, &TRANSITION],
        keys: &["retry"],
        instead: "a poll is repeated anyway: `every`, `backoff` and `max_every` stand beside it",
    },
    Misplaced {
        within: &[&CONDITION, &TRANSITION, &STATE],
        keys: &["sleep"],
        instead: "write `wait`",
    },
    Misplaced {
        within: &[&STATE],
        keys: &[
            "when",
            "fail_when",
            "set",
            "count",
            "collect",
            "all",
            "to",
            "stay",
        ],
        instead: "it stands in a transition, `transitions: [{to: NAME, KEY: …}]`, or in a `transition_condition`",
    },
    Misplaced {
        within: &[&STATE],
        keys: &["if", "until"],
        instead: "write `when` in a transition: `transitions: [{to: NAME, when: …}]`",
    },
];

/// What to write instead of a key that an instruction does not have, where it is one of another object or language.
pub fn misplaced_in_instruction(key: &str) -> Option<String> {
    misplaced(key, &INSTRUCTION)
}

/// What to write instead of a key that this object does not have, where it is one of another object or language.
pub(super) fn misplaced(key: &str, object: &Object) -> Option<String> {
    let is = |other: &Object| other.name == object.name;
    let entry = MISPLACED
        .iter()
        .find(|one| one.keys.contains(&key) && one.within.iter().any(|within| is(within)));
    if let Some(entry) = entry {
        return Some(entry.instead.replace("KEY", key));
    }
    if ACTIONS.iter().any(|action| action.name == key) {
        return request_instead(key, object);
    }
    if is(&STATE) && MODIFIERS.iter().any(|modifier| modifier.name == key) {
        return Some(format!(
            "it stands beside what an instruction does, in the list `instructions`: `- CLIENT: …`, then `{key}: …`"
        ));
    }
    let other = [&TRANSITION, &STATE, &INSTRUCTION, &RETRY, &TASK]
        .into_iter()
        .find(|other| !is(other) && other.key(key).is_some())?;
    Some(if is(&INSTRUCTION) && other.name == STATE.name {
        format!(
            "it is a key of {}: it stands beside `instructions`",
            other.name
        )
    } else {
        format!("it is a key of {}", other.name)
    })
}

/// Where an instruction stands that was written as a key of this object; none of one that holds none.
pub(super) fn request_instead(key: &str, object: &Object) -> Option<String> {
    let is = |other: &Object| other.name == object.name;
    if is(&STATE) {
        return Some(format!(
            "an instruction stands in the list `instructions`: `- {key}: …`"
        ));
    }
    (is(&CONDITION) || is(&TRANSITION))
        .then(|| format!("`poll: {{{key}: …}}` repeats an instruction until `when` holds"))
}
