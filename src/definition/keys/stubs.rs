//! The keys of a stubs file.

use super::{Object, Shape, key, required};

pub(in crate::definition) static STUB: Object = Object {
    name: "a stub",
    keys: &[&[
        key(
            "result",
            Shape::Value,
            "What comes back, as `res` shows it.",
        ),
        key(
            "error",
            Shape::NameOr(&STUB_ERROR),
            "The trouble that comes instead: a kind, or `{kind, message}`.",
        ),
        key(
            "message",
            Shape::Value,
            "Of a subscription: the message that arrives, as `res` shows it.",
        ),
        key(
            "ended",
            Shape::Value,
            "Of a subscription: `true`, its source ends by itself.",
        ),
        key(
            "lost",
            Shape::Duration,
            "Of a subscription: its connection is lost, and open again after this.",
        ),
        key("latency", Shape::Duration, "How long the answer takes."),
        key(
            "after",
            Shape::Duration,
            "Of a subscription: how long after its opening this comes.",
        ),
        key("times", Shape::Count(1), "How often this comes."),
    ]],
};

pub(in crate::definition) static STUB_ERROR: Object = Object {
    name: "`error`",
    keys: &[&[
        required("kind", Shape::ErrorKind, "What kind of trouble."),
        key("message", Shape::Text, "What it says."),
    ]],
};
