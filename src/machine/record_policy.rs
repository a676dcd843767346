//! How much of what a client sends and receives is recorded. What a task looks at or saves is its own affair,
//! and recorded in any case.

use crate::definition::model::Record;
use crate::event::{Attempted, Failure, Json, Reply};
use std::sync::Arc;

/// What is recorded of the traffic of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RecordPolicy {
    #[default]
    Full,
    /// All but these members.
    Without(&'static [&'static str]),
    /// That something happened, in one line, and its size.
    Nothing,
}

impl RecordPolicy {
    /// As it is written, for a client whose payload is in these members.
    pub(super) fn new(record: Record, bodies: &'static [&'static str]) -> Self {
        match record {
            Record::Full => Self::Full,
            Record::Headers => Self::Without(bodies),
            Record::Nothing => Self::Nothing,
        }
    }

    /// Whether nothing is left out.
    pub(super) fn is_full(self) -> bool {
        self == Self::Full
    }

    /// What may be recorded of something that holds traffic of both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Full, one) | (one, Self::Full) => one,
            _ if self == other => self,
            _ => Self::Nothing,
        }
    }

    /// A request, a source or a message as it is recorded.
    pub(super) fn value(self, value: Arc<Json>) -> Arc<Json> {
        match self {
            Self::Full => value,
            Self::Without(bodies) => match &*value {
                Json::Object(_) => Arc::new(without(&value, bodies)),
                // A body through and through, for all that is known.
                _ => Arc::default(),
            },
            Self::Nothing => Arc::default(),
        }
    }

    /// What came back, as it is recorded.
    pub(super) fn answer(self, answer: &Result<Reply, Failure>) -> Attempted {
        match answer {
            Ok(reply) => Attempted::Reply(Reply {
                value: self.value(Arc::clone(&reply.value)),
                ..reply.clone()
            }),
            Err(failure) => Attempted::Failure(failure.clone()),
        }
    }

    /// What came back, without the command that would repeat the request: it holds all of it.
    pub(super) fn unrepeated(self, answer: Result<Reply, Failure>) -> Result<Reply, Failure> {
        if self.is_full() {
            return answer;
        }
        match answer {
            Ok(reply) => Ok(Reply {
                again: None,
                ..reply
            }),
            Err(failure) => Err(self.failure(failure)),
        }
    }

    /// Trouble, without the command that would repeat the request.
    pub(super) fn failure(self, failure: Failure) -> Failure {
        Failure {
            again: failure.again.filter(|_| self.is_full()),
            ..failure
        }
    }
}

/// A copy without these members. `a.b` is the member `b` of `a`, and of every item of a list there.
fn without(value: &Json, bodies: &[&str]) -> Json {
    match value {
        Json::Object(members) => {
            let kept = members
                .iter()
                .filter(|(name, _)| !bodies.contains(&name.as_str()));
            let copied = kept.map(|(name, member)| {
                let inner: Vec<&str> = bodies
                    .iter()
                    .filter_map(|body| body.strip_prefix(name.as_str())?.strip_prefix('.'))
                    .collect();
                let member = if inner.is_empty() {
                    member.clone()
                } else {
                    without(member, &inner)
                };
                (name.clone(), member)
            });
            Json::Object(copied.collect())
        }
        Json::Array(items) => items.iter().map(|item| without(item, bodies)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_left_out_at_their_place_only() {
        let bodies = ["body", "kv.json", "results.rows"];
        let value = json!({
            "body": { "a": 1 },
            "status": 200,
            "headers": { "body": "kept" },
            "kv": { "put": "key", "json": 7, "rows": 2 },
            "kvs": { "json": 7 },
            "results": [{ "rows": [1], "affected": 1 }, 3],
        });
        assert_eq!(
            without(&value, &bodies),
            json!({
                "status": 200,
                "headers": { "body": "kept" },
                "kv": { "put": "key", "rows": 2 },
                "kvs": { "json": 7 },
                "results": [{ "affected": 1 }, 3],
            })
        );
    }

    #[test]
    fn what_has_no_members_is_all_body() {
        let headers = RecordPolicy::Without(&["body"]);
        for whole in [json!("text"), json!([{ "id": 1 }]), json!(7)] {
            assert_eq!(*headers.value(Arc::new(whole)), Json::Null);
        }
    }

    #[test]
    fn in_full_nothing_is_copied() {
        let value = Arc::new(json!({ "body": 1 }));
        assert!(Arc::ptr_eq(
            &RecordPolicy::Full.value(Arc::clone(&value)),
            &value
        ));
    }

    #[test]
    fn of_two_the_stricter_counts() {
        let (some, others) = (RecordPolicy::Without(&["a"]), RecordPolicy::Without(&["b"]));
        assert_eq!(RecordPolicy::Full.and(some), some);
        assert_eq!(some.and(RecordPolicy::Full), some);
        assert_eq!(some.and(some), some);
        assert_eq!(some.and(others), RecordPolicy::Nothing);
        assert_eq!(some.and(RecordPolicy::Nothing), RecordPolicy::Nothing);
    }
}
