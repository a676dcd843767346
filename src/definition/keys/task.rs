//! The keys of a task file.

use super::{KeySpec, Object, Shape, key, required};
use crate::definition::model::Join;

pub(in crate::definition) static TASK: Object = Object {
    name: "a task",
    keys: &[&[
        required(
            "version",
            Shape::Version,
            "The version of the task language: `1`.",
        ),
        key(
            "name",
            Shape::Text,
            "The task's name; without it, the file's name without its ending.",
        ),
        key(
            "description",
            Shape::Text,
            "What the task shows, for people.",
        ),
        key("tags", Shape::Texts, "For `--tag` and reports."),
        key(
            "skip",
            Shape::TextOr(&SKIP),
            "Why the task is not run, or `{if, reason}`: it is reported as skipped.",
        ),
        key(
            "xfail",
            Shape::Text,
            "Why the task is known to fail. Failed or timed out, it is reported as known; passed, it has failed: then `xfail` is to be removed.",
        ),
        key(
            "requirements",
            Shape::Texts,
            "What the task shows to be fulfilled, tickets or rules by name: for `--requirement` and reports.",
        ),
        key(
            "vars",
            Shape::Values,
            "Variables: name and value. Values may hold templates; they are evaluated in order.",
        ),
        key(
            "secrets",
            Shape::Secrets,
            "Variables whose values are masked before anything is recorded: name and template, or a name alone for a value that is saved later.",
        ),
        key(
            "clients",
            Shape::Clients,
            "Clients: name and `{KIND: config}`, with `record` beside it. They are opened on first use and closed at the end of the run.",
        ),
        key(
            "cases",
            Shape::Cases(&CASES),
            "One run for each: a list of maps whose members are variables, `{file: cases.csv}`, or `{matrix: {NAME: [VALUE, …]}}` for every combination. A case is called by its `name`, else by its values joined with `-`.",
        ),
        key(
            "params",
            Shape::Names,
            "Names of variables that must be given from outside: `--var NAME=…`.",
        ),
        key("needs", Shape::Unsupported, "Tasks that run once before."),
        key(
            "locks",
            Shape::Names,
            "Names: tasks that share one never run at the same time, in one run.",
        ),
        key(
            "listen",
            Shape::Listens,
            "Subscriptions: name and `{CLIENT: source}`. They are confirmed before the start state is entered and buffered for the whole run.",
        ),
        required(
            "start_state",
            Shape::Name,
            "The state in which the task begins.",
        ),
        required(
            "final_state",
            Shape::NameOrNames,
            "The state, or the list of states, in which the task has passed.",
        ),
        key(
            "max_global_transition_timeout",
            Shape::Duration,
            "The longest time that any state waits for its next transition (default 30s); it begins anew with every transition.",
        ),
        key(
            "timeout",
            Shape::Duration,
            "The longest time that the whole run may take, cleanup excluded (default 10m).",
        ),
        required("states", Shape::States, "The states: name and state."),
        key(
            "cleanup",
            Shape::Instructions,
            "Instructions that run at every end: passed, failed, timed out or cancelled.",
        ),
        key(
            "cleanup_timeout",
            Shape::Duration,
            "The longest time that `defer` and `cleanup` may take (default 30s).",
        ),
        key(
            "outputs",
            Shape::Assignments,
            "Outputs: name and expression, evaluated when the task has passed.",
        ),
        key(
            "retries",
            Shape::Count(0),
            "How often the whole task is run again after a failure (default 0). Passing on a retry is reported as flaky.",
        ),
    ]],
};

/// What stands beside the kind of a client, which has a name of its own.
pub(in crate::definition) static CLIENT: Object = Object {
    name: "a client",
    keys: &[&[key(
        "record",
        Shape::Record,
        "What is recorded of its requests, answers and messages: `full` (the default), `headers` (without bodies), or `none` (only that they happened, and their sizes). What the task itself looks at or saves is recorded all the same.",
    )]],
};

pub(in crate::definition) static CASES: Object = Object {
    name: "`cases`",
    keys: &[&[
        key(
            "file",
            Shape::Name,
            "A csv, JSON or YAML file with the cases, relative to this one.",
        ),
        key(
            "matrix",
            Shape::Axes,
            "Names and lists of values: every combination of them is a case.",
        ),
    ]],
};

pub(in crate::definition) static SKIP: Object = Object {
    name: "`skip`",
    keys: &[&[
        key(
            "if",
            Shape::Expression,
            "Skips the task only if this holds. Sees variables only.",
        ),
        required("reason", Shape::Text, "Why the task is skipped."),
    ]],
};

/// Strategies and what belongs to them: keys of a state and of a condition.
const STRATEGY: &[KeySpec] = &[
    key(
        "wait",
        Shape::DurationOr(&WAIT),
        "A length of time, or `{until: EXPR}` for a timestamp: fulfilled when it has passed.",
    ),
    key(
        "poll",
        Shape::Polled,
        "An instruction that is repeated; `res` is each result in turn. The first attempt is made at once.",
    ),
    key(
        "every",
        Shape::Duration,
        "The pause between the end of one poll and the next (default 500ms).",
    ),
    key(
        "backoff",
        Shape::Factor,
        "The factor by which the pause between polls grows (default 1).",
    ),
    key(
        "max_every",
        Shape::Duration,
        "The longest pause between polls.",
    ),
    key(
        "jitter",
        Shape::Share,
        "A share of the pause between polls, from 0 to 1: each is longer or shorter by chance, by at most so much (default 0).",
    ),
    key(
        "subscribe",
        Shape::Subscribe,
        "Messages: `{CLIENT: source}` or the name of a `listen` entry; `res` is each message in turn.",
    ),
];

pub(in crate::definition) static WAIT: Object = Object {
    name: "`wait`",
    keys: &[&[required(
        "until",
        Shape::Expression,
        "An expression that yields a timestamp.",
    )]],
};

pub(in crate::definition) static STATE: Object = Object {
    name: "a state",
    keys: &[
        &[
            key(
                "description",
                Shape::Text,
                "What the state means, for people.",
            ),
            key(
                "instructions",
                Shape::Instructions,
                "Run in order when the state is entered.",
            ),
            key(
                "transitions",
                Shape::Transitions,
                "The valid next states: each entry is a name, or `{to: NAME, …condition}`.",
            ),
            key(
                "next",
                Shape::Name,
                "The only next state: `next: NAME` is short for `transitions: [NAME]`.",
            ),
            key(
                "transition_condition",
                Shape::Condition,
                "Guards the way into this state: every transition to it that brings no condition of its own uses it.",
            ),
        ],
        STRATEGY,
        &[
            key(
                "timeout",
                Shape::Duration,
                "The longest time that this state waits for its next transition.",
            ),
            key(
                "on_timeout",
                Shape::NameOr(&TIMEOUT_ROUTE),
                "The state to go to when that time is over, instead of ending the task.",
            ),
            key(
                "on_error",
                Shape::NameOrList(&ERROR_ROUTE),
                "The state to go to after an error, or a list of `{kind, to, set}`; the first match wins.",
            ),
            key(
                "max_visits",
                Shape::Count(1),
                "How often the state may be entered in one run (default 1000).",
            ),
            key(
                "fail",
                Shape::Template,
                "Entering this state ends the task as failed, with this message.",
            ),
            key(
                "regions",
                Shape::MapOf(&REGION),
                "Machines that run side by side while this state is active: name and `{start_state, final_state, states}`.",
            ),
            key(
                "join",
                Shape::Words(&Join::WORDS),
                "When the regions count as done: when `all` of them are (the default), or `any`.",
            ),
        ],
    ],
};

pub(in crate::definition) static REGION: Object = Object {
    name: "a region",
    keys: &[&[
        required("start_state", Shape::Name, "The state in which it begins."),
        required(
            "final_state",
            Shape::NameOrNames,
            "A name or a list of names: entering one of these states, the region is done.",
        ),
        required("states", Shape::States, "Name and state, in order."),
    ]],
};

pub(in crate::definition) static TIMEOUT_ROUTE: Object = Object {
    name: "`on_timeout`",
    keys: &[&[
        required("to", Shape::Name, "The state to go to."),
        key(
            "set",
            Shape::Assignments,
            "Assignments: name and expression.",
        ),
    ]],
};

pub(in crate::definition) static ERROR_ROUTE: Object = Object {
    name: "an entry of `on_error`",
    keys: &[&[
        key(
            "kind",
            Shape::ErrorKind,
            "The kind of error; without it, any.",
        ),
        required("to", Shape::Name, "The state to go to."),
        key(
            "set",
            Shape::Assignments,
            "Assignments: name and expression.",
        ),
    ]],
};

const EXPRESSIONS: &[KeySpec] = &[
    key(
        "all",
        Shape::Conditions,
        "Named conditions: fulfilled when each has been, in any order.",
    ),
    key(
        "count",
        Shape::Counted,
        "With `subscribe`: fulfilled by the match with this number, or the value of this expression when the condition is armed; `res` is the list of them.",
    ),
    key(
        "collect",
        Shape::DurationOrEnd,
        "With `subscribe`: gathers what matches for this time, or to the `end` of the source, then judges `expect`; `res` is the list.",
    ),
    key(
        "expect",
        Shape::Expressions,
        "With `collect`: what must hold of the list `res`; where it does not, the state has failed.",
    ),
    key(
        "when",
        Shape::Expressions,
        "Holds: the condition is fulfilled. Of a list, all must hold.",
    ),
    key(
        "fail_when",
        Shape::Expressions,
        "Holds: the condition has failed, and with it the state. Of a list, any.",
    ),
    key(
        "set",
        Shape::Assignments,
        "Assignments: name and expression; applied if this transition is taken.",
    ),
];

pub(in crate::definition) static CONDITION: Object = Object {
    name: "a condition",
    keys: &[STRATEGY, EXPRESSIONS],
};

pub(in crate::definition) static TRANSITION: Object = Object {
    name: "a transition",
    keys: &[
        &[key(
            "to",
            Shape::Name,
            "The next state. Without it, the transition is a watch that can only fail.",
        )],
        &[key(
            "stay",
            Shape::True,
            "Instead of `to`, with `poll` or `subscribe`: each result that fulfils the condition is taken and `set` applied, and the state goes on.",
        )],
        STRATEGY,
        EXPRESSIONS,
    ],
};

/// Keys of an instruction that stand beside what it does.
pub(in crate::definition) const MODIFIERS: &[KeySpec] = &[
    key("name", Shape::Text, "For logs and reports."),
    key("if", Shape::Expression, "Skipped unless this holds."),
    key(
        "expect",
        Shape::Expressions,
        "What must hold of the result `res`; all of it is reported together.",
    ),
    key(
        "save",
        Shape::Saves,
        "Variables to keep from the result: name, and an expression or a JSONPath (`$.…`) over `res.body`.",
    ),
    key(
        "timeout",
        Shape::Duration,
        "The longest time that one attempt may take (default 30s).",
    ),
    key(
        "retry",
        Shape::Object(&RETRY),
        "Repeats the instruction after an error or an unmet `expect`.",
    ),
    key(
        "for_each",
        Shape::Items,
        "A list, a range, a number of times, or an expression that yields one of these: the instruction runs for each `item`, with its `index`; `res` is the list of results.",
    ),
    key(
        "concurrency",
        Shape::Count(1),
        "With `for_each`: how many run at once (default 1).",
    ),
    key(
        "defer",
        Shape::Instruction,
        "An instruction to run at the end of the task, however it ends; armed when this one starts.",
    ),
];

/// What an instruction can do without a client.
pub(in crate::definition) const ACTIONS: &[KeySpec] = &[
    key(
        "parallel",
        Shape::Instructions,
        "All at once; the first failure cancels the rest. `res` is the list of results.",
    ),
    key(
        "listen",
        Shape::Listens,
        "Opens subscriptions here, buffered to the end of the run.",
    ),
    key("eval", Shape::Script, "A Rhai script; its value is `res`."),
    key(
        "signal",
        Shape::Object(&SIGNAL),
        "An event inside the run: `subscribe: {signal: NAME}` receives it.",
    ),
    key("log", Shape::Value, "A line in the log."),
    key(
        "task",
        Shape::Object(&CALL),
        "Runs another task as a step; `res` is its outputs.",
    ),
];

/// Keys of an instruction that it does not take where it is polled, and what to write instead.
pub(in crate::definition) const NOT_POLLED: &[(&str, &str)] = &[
    ("expect", "write `when` or `fail_when` beside `poll`"),
    (
        "save",
        "write `set` beside `poll`: it is applied when the transition is taken",
    ),
    (
        "retry",
        "a poll is repeated anyway: `every`, `backoff` and `max_every` stand beside it",
    ),
    ("defer", "give `defer` to an instruction of the state"),
    (
        "for_each",
        "poll one request, or an `eval`, or give each its own transition",
    ),
    ("listen", "poll a client's request, or an `eval`"),
    ("signal", "poll a client's request, or an `eval`"),
    ("log", "poll a client's request, or an `eval`"),
    ("task", "poll a client's request, or an `eval`"),
];

pub(in crate::definition) static INSTRUCTION: Object = Object {
    name: "an instruction",
    keys: &[MODIFIERS, ACTIONS],
};

pub(in crate::definition) static SIGNAL: Object = Object {
    name: "`signal`",
    keys: &[&[
        required("name", Shape::Name, "The signal's name."),
        key(
            "data",
            Shape::Value,
            "What its receivers see as `res.body`.",
        ),
    ]],
};

pub(in crate::definition) static CALL: Object = Object {
    name: "`task`",
    keys: &[&[
        required(
            "file",
            Shape::Name,
            "The task's file, relative to this one.",
        ),
        key(
            "with",
            Shape::Values,
            "Its variables: name and value. They are stronger than its own and than `--var`.",
        ),
    ]],
};

pub(in crate::definition) static RETRY: Object = Object {
    name: "`retry`",
    keys: &[&[
        required("max_attempts", Shape::Count(1), "Attempts in all."),
        key(
            "delay",
            Shape::Duration,
            "The pause before the next attempt.",
        ),
        key(
            "backoff",
            Shape::Factor,
            "The factor by which the pause grows (default 1).",
        ),
        key("max_delay", Shape::Duration, "The longest pause."),
        key(
            "jitter",
            Shape::Share,
            "A share of the pause, from 0 to 1: each is longer or shorter by chance, by at most so much (default 0).",
        ),
        key(
            "if",
            Shape::Expression,
            "Repeats only while this holds; sees `res` and `error`.",
        ),
    ]],
};
