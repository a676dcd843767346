use super::node::{Node, Text};
use crate::event::{Failure, Span};
use std::time::Duration;

/// What stands in for the world, as it is written: for each place its answers or messages, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StubsFile {
    /// In the order of the file; several places may mean the same one.
    pub places: Vec<(Text, Vec<StubDefinition>)>,
}

/// One answer or message.
#[derive(Clone, Debug, PartialEq)]
pub struct StubDefinition {
    /// Where it stands.
    pub span: Span,
    /// What comes.
    pub brings: Brings,
    /// How long it takes: an answer from the request on, a message from the opening on.
    pub after: Duration,
    /// `latency` or `after` as it is written, for messages.
    pub timed: Option<Text>,
    /// How often it comes; `None`: once, and again and again if it is the last.
    pub times: Option<u32>,
}

/// What a stub brings.
#[derive(Clone, Debug, PartialEq)]
pub enum Brings {
    /// `result`.
    Result(Node),
    /// `message`.
    Message(Node),
    /// `error`.
    Error(Failure),
    /// `ended`: the source of a subscription ends by itself.
    Ended,
    /// `lost`: the connection of a subscription is lost, and open again after this.
    Lost(Duration),
}
