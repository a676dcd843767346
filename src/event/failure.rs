use super::{Json, Name};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of trouble ended an instruction, a condition or a state. The words are those that
/// `on_error: {kind: …}` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// An `expect` was false.
    Expect,
    /// A `fail_when` held.
    Condition,
    /// A `fail` state of a region or a called task was entered.
    Fail,
    /// The other side could not be reached, or the connection broke.
    Transport,
    /// The other side answered something that its protocol does not allow, or refused the request.
    Protocol,
    /// An expression or template failed.
    Script,
    /// A deadline expired.
    Timeout,
    /// What a task may exceed was exceeded: `max_visits`.
    Limit,
    /// A limit of funcy's own was met: of rows, a body, a buffer, a script.
    Resource,
    /// An effect did not stop in time after it was cancelled.
    Lost,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Expect,
        Self::Condition,
        Self::Fail,
        Self::Transport,
        Self::Protocol,
        Self::Script,
        Self::Timeout,
        Self::Limit,
        Self::Resource,
        Self::Lost,
    ];

    /// The word in a task file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Expect => "expect",
            Self::Condition => "condition",
            Self::Fail => "fail",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
            Self::Script => "script",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Resource => "resource",
            Self::Lost => "lost",
        }
    }

    /// Whether it may be due to time that has passed: something came too late, or was not seen.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Timeout | Self::Transport)
    }

    /// Whether `on_error` may route it: what a task may not exceed and lost effects never are.
    #[must_use]
    pub fn is_routable(self) -> bool {
        !matches!(self, Self::Limit | Self::Lost)
    }
}

/// Trouble, in words: what went wrong, and how to mend it where that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// What went wrong, one sentence without a full stop.
    pub message: String,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A command that repeats the request, in the client's own words (a `curl`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

impl Failure {
    /// Trouble of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            again: None,
        }
    }

    /// The other side could not be reached, or the connection broke.
    pub fn transport(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transport, message)
    }

    /// The other side refused, or answered what its protocol does not allow.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// A limit of funcy's own was met. Names it, its value and how to raise it.
    pub fn resource(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Resource, message)
    }

    /// What a task may exceed was exceeded.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a command that repeats the request.
    #[must_use]
    pub fn again(mut self, again: impl Into<String>) -> Self {
        self.again = Some(again.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What a client answered to a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer as `res` shows it to expressions.
    pub value: Arc<Json>,
    /// One line that tells what was done and what came back: `GET http://… → 200 in 4ms`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub summary: Name,
    /// A command that repeats the request, in the client's own words, so that no reporter needs to
    /// know a protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Name>,
    /// Payload bytes sent.
    #[serde(default)]
    pub sent: u64,
    /// Payload bytes received.
    #[serde(default)]
    pub received: u64,
}

/// What a subscription received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The message as `res` shows it to expressions.
    pub value: Arc<Json>,
    /// Payload bytes received.
    #[serde(default)]
    pub received: u64,
}
