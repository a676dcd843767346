//! What runs are asked for: `status:failed task:order* since:24h label:team=pay`.

use crate::event::{Name, Outcome, nearest, parse_signed_duration};
use std::str::FromStr;
use std::time::Duration;

/// Which runs are wanted: all that every term holds for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `status:failed`, `status:running`; several are alternatives.
    pub status: Vec<Wanted>,
    /// `task:order*`: a task's name with `*` and `?`. Together with a status it asks for tasks that ended so.
    pub tasks: Vec<Name>,
    /// `file:tasks/order*`.
    pub files: Vec<Name>,
    /// `env:stage`.
    pub env: Vec<Name>,
    /// `label:team=pay`.
    pub labels: Vec<(Name, Name)>,
    /// `since:24h`: how far back, in microseconds.
    pub since: Option<u64>,
    /// `before:7d`: at least this long ago, in microseconds.
    pub before: Option<u64>,
    /// The moment that `since` and `before` count from, microseconds since the Unix epoch.
    pub now: i64,
    /// The runs that are under way, by name. Who knows this is not the store.
    pub alive: Vec<Name>,
}

/// How a run, or a task in it, is to have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Under way.
    Running,
    /// Ended so; without an end and not under way it is interrupted.
    Ended(Outcome),
}

/// The terms that a query knows.
const TERMS: [&str; 7] = ["status", "task", "file", "env", "label", "since", "before"];

impl Query {
    /// Every run.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }
}

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// In words.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

fn wrong<T>(message: String, hint: impl Into<String>) -> Result<T, QueryError> {
    let hint = hint.into();
    Err(QueryError { message, hint })
}

impl FromStr for Query {
    type Err = QueryError;

    /// Terms with spaces between them. A word without a colon asks for a task.
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for word in text.split_whitespace() {
            let (term, value) = word.split_once(':').unwrap_or(("task", word));
            if value.is_empty() {
                return wrong(format!("`{word}` asks for nothing"), example(term));
            }
            match term {
                "status" => query.status.extend(wanted(value)?),
                "task" => query.tasks.push(value.into()),
                "file" => query.files.push(value.into()),
                "env" => query.env.push(value.into()),
                "label" => match value.split_once('=') {
                    Some((name, value)) => query.labels.push((name.into(), value.into())),
                    None => return wrong(format!("`{word}` names no value"), example(term)),
                },
                "since" => query.since = Some(length(word, value)?),
                "before" => query.before = Some(length(word, value)?),
                _ => {
                    let hint = nearest(term, TERMS.into_iter()).map_or_else(
                        || format!("the terms are {}", TERMS.join(", ")),
                        |near| format!("did you mean `{near}:{value}`?"),
                    );
                    return wrong(format!("there is no term `{term}`"), hint);
                }
            }
        }
        Ok(query)
    }
}

fn example(term: &str) -> String {
    let example = match term {
        "status" => "status:failed",
        "file" => "file:tasks/order*",
        "env" => "env:stage",
        "label" => "label:team=pay",
        "since" => "since:24h",
        "before" => "before:7d",
        _ => "task:order*",
    };
    format!("write `{example}`")
}

/// `failed`, `timed-out`, `bad`, `passed,flaky`.
fn wanted(value: &str) -> Result<Vec<Wanted>, QueryError> {
    let mut found = Vec::new();
    for word in value.split(',') {
        let same = |outcome: &Outcome| outcome.word().replace(' ', "-") == word.replace('_', "-");
        match (word, Outcome::ALL.iter().find(|outcome| same(outcome))) {
            (_, Some(outcome)) => found.push(Wanted::Ended(*outcome)),
            ("running", None) => found.push(Wanted::Running),
            ("bad", None) => {
                let bad = Outcome::ALL.into_iter().filter(|one| !one.is_good());
                found.extend(bad.map(Wanted::Ended));
            }
            (_, None) => {
                let words: Vec<String> = (Outcome::ALL.iter())
                    .map(|outcome| outcome.word().replace(' ', "-"))
                    .chain(["running".to_owned(), "bad".to_owned()])
                    .collect();
                let hint = nearest(word, words.iter().map(String::as_str)).map_or_else(
                    || format!("it is one of {}", words.join(", ")),
                    |near| format!("did you mean `status:{near}`?"),
                );
                return wrong(format!("there is no status `{word}`"), hint);
            }
        }
    }
    Ok(found)
}

fn length(word: &str, value: &str) -> Result<u64, QueryError> {
    match parse_age(value) {
        Ok(length) => Ok(length.as_micros() as u64),
        Err(error) => wrong(
            format!("`{word}`: {error}"),
            "write `since:24h` or `before:30d`",
        ),
    }
}

/// Reads an age: a length of time as the task language writes it (`24h`, `30d`, `2w`), of any length.
///
/// # Errors
/// What is wrong and what to write instead, one sentence without a full stop.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let age = parse_signed_duration(text)?;
    Duration::try_from(age).map_err(|_| format!("`{text}` is negative: an age is not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        let query: Query = "status:failed,timed-out task:order* env:stage since:24h label:k=v pay"
            .parse()
            .unwrap();
        let ended = |outcome| Wanted::Ended(outcome);
        assert_eq!(
            query.status,
            [ended(Outcome::Failed), ended(Outcome::TimedOut)]
        );
        assert_eq!(query.tasks, ["order*".into(), Name::from("pay")]);
        assert_eq!(query.env, ["stage".into()]);
        assert_eq!(query.since, Some(86_400_000_000));
        assert_eq!(query.labels, [("k".into(), "v".into())]);
    }

    #[test]
    fn a_mistake_names_what_was_meant() {
        let hint = |text: &str| text.parse::<Query>().unwrap_err().hint;
        assert_eq!(hint("statsu:failed"), "did you mean `status:failed`?");
        assert_eq!(hint("status:faild"), "did you mean `status:failed`?");
        assert_eq!(hint("label:k"), "write `label:team=pay`");
        assert_eq!(hint("status:"), "write `status:failed`");
        assert!("since:soon".parse::<Query>().is_err());
    }
}
