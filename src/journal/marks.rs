//! What the past says of a task: marks, by rules that anybody can check.
//!
//! The results of a task are those of its last attempt in each run, case by case. **Bad** is a result that is
//! `failed`, `timed out` or `error`; **good** is one that is `passed` or `flaky`. What was skipped, cancelled or
//! interrupted says nothing and is passed over.
//!
//! | mark | rule |
//! | --- | --- |
//! | new failure | bad, and the result before it was good |
//! | broken | the last 3 or more results were bad |
//! | flaky retry | passed, but only on a retry |
//! | flaky flip | good and bad took turns at least twice in the last 10 results of the same definition |
//! | slow | good, took at least 1 s, and more than twice the median of the 20 good results before it |

use super::ExecutionRow;
use crate::event::{Name, Outcome};

/// What the past says of a result. The rules are those of [`RULES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// It passed the last time.
    NewFailure,
    /// It has not passed for some time.
    Broken,
    /// It passed on a retry.
    FlakyRetry,
    /// It passes and fails without a change.
    FlakyFlip,
    /// It took much longer than it used to.
    Slow,
}

/// Each mark's word with its rule, as help and pages print them.
pub const RULES: [(Mark, &str); 5] = [
    (
        Mark::NewFailure,
        "did not pass, and the result before it passed",
    ),
    (Mark::Broken, "the last 3 or more results did not pass"),
    (Mark::FlakyRetry, "passed, but only on a retry"),
    (
        Mark::FlakyFlip,
        "changed at least twice between passing and not in the last 10 results of the same definition",
    ),
    (
        Mark::Slow,
        "passed in at least 1s, and in more than twice the median of the 20 results before it that passed",
    ),
];

/// How many of a task's latest executions are enough to tell its marks.
pub(super) const ENOUGH: usize = 60;

/// How many bad results in a row make it broken.
const BROKEN: usize = 3;
/// The results among which flips are counted, and how many make it flaky.
const FLIP_WINDOW: usize = 10;
const FLIPS: usize = 2;
/// The good results whose median is the usual duration.
const USUAL: usize = 20;
/// What is never slow, in microseconds.
const SLOW_MICROS: u64 = 1_000_000;

impl Mark {
    /// The word that people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NewFailure => "new failure",
            Self::Broken => "broken",
            Self::FlakyRetry => "flaky retry",
            Self::FlakyFlip => "flaky flip",
            Self::Slow => "slow",
        }
    }
}

/// One result, as the rules look at it.
#[derive(Clone, Copy, Debug)]
struct JudgedResult<'r> {
    row: &'r ExecutionRow,
    good: bool,
}

/// The marks of the first of these executions: it and those before it, the latest first, as
/// [`Store::history`](super::Store::history) gives them. Other tasks, files and cases among them are passed
/// over, and so are the attempts before a run's last.
#[must_use]
pub fn marks(rows: &[ExecutionRow]) -> Vec<Mark> {
    let Some(subject) = rows.first() else {
        return Vec::new();
    };
    let results = results(rows);
    // What was cancelled or interrupted has no marks; the past before it is not its own.
    match results.first() {
        Some(verdict) if std::ptr::eq(verdict.row, subject) => {}
        _ => return Vec::new(),
    }
    let bad = results.iter().take_while(|verdict| !verdict.good).count();
    let mut marks = Vec::new();
    if bad == 1 && results.len() > 1 {
        marks.push(Mark::NewFailure);
    }
    if bad >= BROKEN {
        marks.push(Mark::Broken);
    }
    if subject.outcome == Some(Outcome::Flaky) {
        marks.push(Mark::FlakyRetry);
    }
    if flips(&results, &subject.hash) >= FLIPS {
        marks.push(Mark::FlakyFlip);
    }
    if bad == 0 && is_slow(&results) {
        marks.push(Mark::Slow);
    }
    marks
}

/// The results of the first row's task, the latest first, that say something.
fn results(rows: &[ExecutionRow]) -> Vec<JudgedResult<'_>> {
    let Some(subject) = rows.first() else {
        return Vec::new();
    };
    let mut results = Vec::with_capacity(rows.len());
    let mut last: Option<(&Name, u32)> = None;
    for row in rows {
        let same = row.task == subject.task && row.file == subject.file && row.case == subject.case;
        // The latest attempt comes first; those before it are no results.
        let superseded = last == Some((&row.run, row.index));
        if !same || superseded {
            continue;
        }
        last = Some((&row.run, row.index));
        let good = match row.outcome {
            Some(Outcome::Passed | Outcome::Flaky) => true,
            Some(Outcome::Failed | Outcome::TimedOut | Outcome::Error) => false,
            Some(Outcome::Known | Outcome::Skipped | Outcome::Cancelled | Outcome::Interrupted)
            | None => continue,
        };
        results.push(JudgedResult { row, good });
    }
    results
}

fn flips(results: &[JudgedResult<'_>], hash: &str) -> usize {
    let same: Vec<bool> = (results.iter())
        .filter(|verdict| &*verdict.row.hash == hash)
        .take(FLIP_WINDOW)
        .map(|verdict| verdict.good)
        .collect();
    same.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

fn is_slow(results: &[JudgedResult<'_>]) -> bool {
    let Some((subject, before)) = results.split_first() else {
        return false;
    };
    let micros = subject.row.micros;
    let usual = median(before);
    micros >= SLOW_MICROS && usual.is_some_and(|usual| micros > 2 * usual)
}

/// The usual duration of a task in microseconds: the median of the last 20 of these results that are good.
#[must_use]
pub fn usual_micros(rows: &[ExecutionRow]) -> Option<u64> {
    median(&results(rows))
}

fn median(results: &[JudgedResult<'_>]) -> Option<u64> {
    let good = results.iter().filter(|verdict| verdict.good);
    let mut micros: Vec<u64> = good.take(USUAL).map(|one| one.row.micros).collect();
    micros.sort_unstable();
    let middle = micros.len() / 2;
    match micros.len() {
        0 => None,
        count if count % 2 == 1 => Some(micros[middle]),
        _ => Some(u64::midpoint(micros[middle - 1], micros[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Cancelled, Error, Failed, Flaky, Passed, TimedOut};

    /// A history, the latest first, one run each.
    fn past(outcomes: &[Outcome]) -> Vec<ExecutionRow> {
        let row = |(at, outcome): (usize, &Outcome)| ExecutionRow {
            run: format!("R{:03}", 999 - at).into(),
            task: "pay".into(),
            hash: "one".into(),
            attempt: 1,
            attempts: 1,
            micros: 100_000,
            outcome: Some(*outcome),
            ..ExecutionRow::default()
        };
        outcomes.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_failure_is_new_only_after_a_pass() {
        assert_eq!(marks(&past(&[Failed, Passed])), [Mark::NewFailure]);
        assert_eq!(marks(&past(&[TimedOut, Flaky])), [Mark::NewFailure]);
        assert_eq!(marks(&past(&[Failed])), [], "it never ran before");
        assert_eq!(marks(&past(&[Failed, Error, Passed])), []);
        assert_eq!(marks(&past(&[Passed, Failed])), []);
        // What was cancelled says nothing.
        assert_eq!(
            marks(&past(&[Failed, Cancelled, Passed])),
            [Mark::NewFailure]
        );
        assert_eq!(marks(&past(&[Cancelled, Failed, Failed, Failed])), []);
    }

    #[test]
    fn three_failures_are_broken() {
        assert_eq!(marks(&past(&[Failed, Failed])), []);
        assert_eq!(marks(&past(&[Failed, TimedOut, Error])), [Mark::Broken]);
        assert_eq!(marks(&past(&[Failed; 9])), [Mark::Broken]);
    }

    #[test]
    fn a_pass_on_a_retry_is_flaky_and_its_first_attempt_no_result() {
        let mut rows = past(&[Flaky, Failed, Passed]);
        rows[0].attempt = 2;
        // The attempt before it, in the same run.
        rows[1].run = rows[0].run.clone();
        assert_eq!(marks(&rows), [Mark::FlakyRetry]);
        rows[1].run = "R500".into();
        assert_eq!(marks(&rows), [Mark::FlakyRetry, Mark::FlakyFlip]);
    }

    #[test]
    fn flips_count_within_ten_results_of_one_definition() {
        assert_eq!(marks(&past(&[Passed, Failed, Passed])), [Mark::FlakyFlip]);
        assert_eq!(marks(&past(&[Passed, Passed, Failed])), []);
        let mut changed = past(&[Passed, Failed, Passed]);
        changed[2].hash = "two".into();
        assert_eq!(marks(&changed), []);
        let mut long = vec![Passed; 9];
        long.extend([Failed, Passed]);
        assert_eq!(marks(&past(&long)), [], "only one change in the last ten");
        long.remove(0);
        assert_eq!(marks(&past(&long)), [Mark::FlakyFlip]);
    }

    #[test]
    fn slow_is_twice_the_median_and_a_second() {
        let took = |first: u64, others: u64| {
            let mut rows = past(&[Passed; 8]);
            for row in &mut rows {
                row.micros = others;
            }
            rows[0].micros = first;
            marks(&rows)
        };
        assert_eq!(took(2_000_001, 1_000_000), [Mark::Slow]);
        assert_eq!(took(2_000_000, 1_000_000), []);
        assert_eq!(took(999_999, 1_000), []);
        assert_eq!(took(1_000_000, 1_000), [Mark::Slow]);
        let mut failed = past(&[Failed, Passed]);
        failed[0].micros = 90_000_000;
        assert_eq!(marks(&failed), [Mark::NewFailure]);
        // Only the last 20 that passed count: these are old.
        let mut rows = past(&[Passed; 40]);
        for (at, row) in rows.iter_mut().enumerate() {
            row.micros = if at < 21 { 4_000_000 } else { 1_000 };
        }
        assert_eq!(marks(&rows), []);
    }

    #[test]
    fn cases_and_namesakes_have_their_own_past() {
        let mut rows = past(&[Failed, Passed, Passed]);
        rows[1].case = Some("sku=A".into());
        rows[2].file = "elsewhere.yaml".into();
        assert_eq!(marks(&rows), []);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        let mut rows = past(&[Passed, Passed]);
        rows[0].micros = 10;
        rows[1].micros = 20;
        assert_eq!(usual_micros(&rows), Some(15));
        assert_eq!(usual_micros(&past(&[Failed])), None);
    }
}
