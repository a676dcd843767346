//! The keys of the suite file.

use super::{Object, Shape, key, required};

pub(in crate::definition) static SUITE: Object = Object {
    name: "a suite file",
    keys: &[&[
        required(
            "version",
            Shape::Version,
            "The version of the task language: `1`.",
        ),
        key(
            "scripts",
            Shape::Text,
            "The folder of the Rhai modules (default: `scripts/` beside this file).",
        ),
        key(
            "vars",
            Shape::Values,
            "Variables of every task: name and value.",
        ),
        key(
            "environments",
            Shape::MapOf(&ENVIRONMENT),
            "What differs from place to place: name and `{vars}`, chosen by `--env NAME`.",
        ),
        key(
            "secrets",
            Shape::Secrets,
            "Variables of every task whose values are masked before anything is recorded: name and template, or a name alone for a value that is saved later.",
        ),
        key(
            "clients",
            Shape::Clients,
            "Clients of every task: name and `{KIND: config}`, with `record` beside it.",
        ),
        key(
            "defaults",
            Shape::Object(&DEFAULTS),
            "What holds where a task says nothing.",
        ),
        key(
            "concurrency",
            Shape::Count(1),
            "How many tasks run at once.",
        ),
        key(
            "services",
            Shape::MapOf(&SERVICE),
            "Processes that the tasks need: started before the first task, stopped after the last.",
        ),
        key(
            "permissions",
            Shape::Object(&PERMISSIONS),
            "What tasks may do to this machine and to others.",
        ),
        key(
            "journal",
            Shape::Object(&JOURNAL),
            "How long runs are kept in the journal (default: until `funcy runs prune`).",
        ),
        key(
            "plugins",
            Shape::Unsupported,
            "Clients in processes of their own.",
        ),
    ]],
};

pub(in crate::definition) static ENVIRONMENT: Object = Object {
    name: "an environment",
    keys: &[&[required(
        "vars",
        Shape::Values,
        "Variables, over those of the suite: name and value.",
    )]],
};

pub(in crate::definition) static DEFAULTS: Object = Object {
    name: "`defaults`",
    keys: &[&[
        key(
            "max_global_transition_timeout",
            Shape::Duration,
            "The longest time that any state waits for its next transition.",
        ),
        key(
            "timeout",
            Shape::Duration,
            "The longest time that a whole run may take.",
        ),
        key(
            "retries",
            Shape::Count(0),
            "How often a task is run again after a failure.",
        ),
    ]],
};

pub(in crate::definition) static SERVICE: Object = Object {
    name: "a service",
    keys: &[&[
        required(
            "command",
            Shape::Texts,
            "Program and arguments; `funcy` is the running program itself.",
        ),
        key(
            "ready",
            Shape::Object(&READY),
            "How to see that it is ready.",
        ),
        key(
            "env",
            Shape::Templates,
            "Environment variables: name and value.",
        ),
    ]],
};

pub(in crate::definition) static READY: Object = Object {
    name: "`ready`",
    keys: &[&[
        required(
            "http",
            Shape::Template,
            "The URL that answers when the service is ready.",
        ),
        key(
            "timeout",
            Shape::Duration,
            "How long it may take to get ready.",
        ),
    ]],
};

pub(in crate::definition) static JOURNAL: Object = Object {
    name: "`journal`",
    keys: &[&[
        key(
            "keep",
            Shape::Age,
            "Runs that began longer ago are removed when a run has ended.",
        ),
        key(
            "max",
            Shape::Size,
            "The most that the journal may take: beyond it the oldest runs are removed when a run has ended.",
        ),
    ]],
};

pub(in crate::definition) static PERMISSIONS: Object = Object {
    name: "`permissions`",
    keys: &[&[
        key("net", Shape::Texts, "Hosts that may be reached."),
        key("exec", Shape::Texts, "Programs that may be started."),
        key(
            "env",
            Shape::Texts,
            "Environment variables that may be read.",
        ),
        key("read", Shape::Texts, "Folders that may be read."),
        key("write", Shape::Texts, "Folders that may be written."),
    ]],
};
