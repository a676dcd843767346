//! The keys of the language: one table an object, which the decoder's check for unknown keys, the JSON
//! Schema and its descriptions share.

mod stubs;
mod suite;
mod task;

pub(super) use stubs::{STUB, STUB_ERROR};
pub(super) use suite::{DEFAULTS, ENVIRONMENT, JOURNAL, PERMISSIONS, READY, SERVICE, SUITE};
pub(super) use task::{
    ACTIONS, CALL, CASES, CLIENT, CONDITION, ERROR_ROUTE, INSTRUCTION, MODIFIERS, NOT_POLLED,
    REGION, RETRY, SIGNAL, SKIP, STATE, TASK, TIMEOUT_ROUTE, TRANSITION, WAIT,
};

/// One key.
#[derive(Debug)]
pub(super) struct KeySpec {
    /// As it is written.
    pub(super) name: &'static str,
    /// What it means, for editors.
    pub(super) doc: &'static str,
    /// What its value looks like.
    pub(super) shape: Shape,
    /// Whether it must be there.
    pub(super) required: bool,
}

/// An object of the language.
#[derive(Debug)]
pub(super) struct Object {
    /// With its article, for messages: `a state`.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) keys: &'static [&'static [KeySpec]],
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `1`.
    Version,
    /// A text; a number or a bool is one too.
    Text,
    /// A text that may hold `${…}`.
    Template,
    /// A name without a template: of a state, a client.
    Name,
    /// A list of names.
    Names,
    /// A name or a list of names.
    NameOrNames,
    /// A list of texts.
    Texts,
    /// A Rhai expression.
    Expression,
    /// One or a list.
    Expressions,
    /// A script.
    Script,
    /// Name: expression.
    Assignments,
    /// Name: expression or JSONPath.
    Saves,
    /// A length of time, or a template.
    Duration,
    /// A length of time, and no template.
    Age,
    /// An amount of bytes: `1GB`.
    Size,
    /// A whole number, at least this.
    Count(u32),
    /// A factor, at least 1.
    Factor,
    /// A share, from 0 to 1.
    Share,
    /// A whole number, at least 1, or an expression that yields one.
    Counted,
    /// A length of time, or `end`.
    DurationOrEnd,
    /// `true` and nothing else.
    True,
    /// A list or an expression that yields one.
    Items,
    /// Any value, with templates.
    Value,
    /// Name: value.
    Values,
    /// Name: template or nothing, or a list of names.
    Secrets,
    /// Name: `{KIND: config, record: …}`.
    Clients,
    /// What is recorded: `full`, `headers` or `none`.
    Record,
    /// Name: `{CLIENT: source}`.
    Listens,
    /// `{CLIENT: source}` or the name of a `listen` entry.
    Subscribe,
    /// An instruction.
    Instruction,
    /// An instruction that only looks: without `expect`, `save`, `retry`, `defer`.
    Polled,
    /// A list of instructions.
    Instructions,
    /// Name: state.
    States,
    /// A condition.
    Condition,
    /// Name: condition.
    Conditions,
    /// A list of names or `{to, …condition}`.
    Transitions,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A kind of error.
    ErrorKind,
    /// A text or an object.
    TextOr(&'static Object),
    /// A name or an object.
    NameOr(&'static Object),
    /// A name, or a list of objects.
    NameOrList(&'static Object),
    /// A duration or an object.
    DurationOr(&'static Object),
    /// An object.
    Object(&'static Object),
    /// Name: object.
    MapOf(&'static Object),
    /// Name: template.
    Templates,
    /// A list of maps, or an object.
    Cases(&'static Object),
    /// Name: list of values.
    Axes,
    /// Part of the language, not of this version of funcy.
    Unsupported,
}

impl Object {
    /// Its keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static KeySpec> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    /// The key with this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static KeySpec> {
        self.keys().find(|key| key.name == name)
    }

    /// The names of the keys that can be used.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys()
            .filter(|key| !matches!(key.shape, Shape::Unsupported))
            .map(|key| key.name)
    }
}

pub(super) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> KeySpec {
    KeySpec {
        name,
        doc,
        shape,
        required: false,
    }
}

pub(super) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> KeySpec {
    KeySpec {
        name,
        doc,
        shape,
        required: true,
    }
}
