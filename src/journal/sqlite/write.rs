use super::packed::pack;
use super::{Commit, JournalError, mistake};
use crate::event::{Event, ExecutionStarted, Fact, Headline, Outcome, RunId, RunStarted};
use crate::journal::store::labels_json;
use crate::journal::{Removal, crash};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

pub(super) fn append(
    connection: &mut Connection,
    commits: &[Commit<'_>],
) -> Result<(), JournalError> {
    // Immediate: a transaction that began by reading could not wait for another writer.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(mistake)?;
    crash::point("begun");
    for commit in commits {
        append_one(&transaction, commit)?;
    }
    crash::point("before-commit");
    transaction.commit().map_err(mistake)?;
    crash::point("committed");
    Ok(())
}

fn append_one(transaction: &Transaction<'_>, commit: &Commit<'_>) -> Result<(), JournalError> {
    if let Some(Event {
        at,
        fact: Fact::RunStarted(started),
        ..
    }) = commit.events.first()
    {
        add_run(
            transaction,
            &commit.sealed.run,
            *at,
            started,
            &commit.sealed.head,
        )
        .map_err(mistake)?;
    }
    let (run, ended): (i64, bool) = transaction
        .prepare_cached(
            // One that another run has named was interrupted, and is proved as it was then.
            "SELECT number, outcome IS NOT NULL OR is_named FROM run WHERE id = ?1",
        )
        .and_then(|mut found| {
            found.query_row([&*commit.sealed.run], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .map_err(mistake)?;
    if ended {
        return Err(JournalError::Ended {
            run: RunId::clone(&commit.sealed.run),
        });
    }
    add_commit(transaction, run, commit).map_err(mistake)
}

fn add_commit(
    transaction: &Transaction<'_>,
    run: i64,
    commit: &Commit<'_>,
) -> rusqlite::Result<()> {
    let Commit {
        sealed,
        attachments,
        events,
    } = commit;
    transaction
        .prepare_cached(
            "INSERT INTO run_commit (run, first, last, head, marks, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            run,
            sealed.first as i64,
            sealed.last as i64,
            sealed.head,
            sealed.marks,
            &*pack(&sealed.lines)
        ])?;
    crash::point("half-appended");
    for attachment in *attachments {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO attachment (hash, body) VALUES (?1, ?2)")?
            .execute(params![attachment.hash, &*pack(&attachment.body)])?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO attached (run, hash) VALUES (?1, ?2)")?
            .execute(params![run, attachment.hash])?;
    }
    let bytes = sealed.lines.len() + attachments.iter().map(|one| one.body.len()).sum::<usize>();
    transaction
        .prepare_cached(
            "UPDATE run SET events = ?2, head = ?3, bytes = bytes + ?4 WHERE number = ?1",
        )?
        .execute(params![run, sealed.last as i64, sealed.head, bytes as i64])?;
    for event in *events {
        list(transaction, run, event)?;
    }
    Ok(())
}

fn add_run(
    transaction: &Transaction<'_>,
    id: &RunId,
    at: i64,
    started: &RunStarted,
    head: &[u8],
) -> rusqlite::Result<()> {
    let command = serde_json::Value::from(started.command.clone()).to_string();
    transaction
        .prepare_cached(
            "INSERT INTO run (id, started, tasks, command, env, labels, head, cleans_up)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            &**id,
            at,
            started.tasks,
            command,
            started.env.as_deref(),
            labels_json(&started.labels).to_string(),
            head,
            started.cleans_up.as_deref()
        ])?;
    let run = transaction.last_insert_rowid();
    let mut name = transaction
        .prepare_cached("INSERT OR IGNORE INTO run_after (run, named) VALUES (?1, ?2)")?;
    let mut mark = transaction.prepare_cached("UPDATE run SET is_named = 1 WHERE id = ?1")?;
    for (named, _) in &started.after {
        name.execute(params![run, &**named])?;
        mark.execute([&**named])?;
    }
    Ok(())
}

/// Keeps what lists are made of.
fn list(transaction: &Transaction<'_>, run: i64, event: &Event) -> rusqlite::Result<()> {
    match &event.fact {
        Fact::ExecutionStarted(started) => match event.execution {
            Some(number) => add_execution(transaction, run, number, event.at, started),
            None => Ok(()),
        },
        Fact::ExecutionFinished {
            outcome,
            headline,
            state,
            metrics,
            ..
        } => match event.execution {
            Some(number) => end_execution(
                transaction,
                run,
                number,
                *outcome,
                (state.as_deref(), metrics.micros),
                headline.as_deref(),
            ),
            None => Ok(()),
        },
        Fact::RunFinished {
            outcome,
            tally,
            micros,
        } => {
            transaction
                .prepare_cached(
                    "UPDATE run SET outcome = ?2, tally = ?3, micros = ?4 WHERE number = ?1",
                )?
                .execute(params![
                    run,
                    outcome.word(),
                    super::read::tally_text(tally),
                    *micros as i64
                ])?;
            Ok(())
        }
        // The run's own row was added before its first event; no list shows the rest.
        Fact::RunStarted(_)
        | Fact::StateEntered { .. }
        | Fact::InstructionStarted { .. }
        | Fact::InstructionFinished { .. }
        | Fact::InstructionSkipped { .. }
        | Fact::ExpectationChecked { .. }
        | Fact::VariableSaved { .. }
        | Fact::SubscriptionOpened { .. }
        | Fact::SubscriptionChanged { .. }
        | Fact::MessageReceived { .. }
        | Fact::PollAnswered { .. }
        | Fact::ConditionChecked { .. }
        | Fact::WaitStarted { .. }
        | Fact::TransitionTaken { .. }
        | Fact::Stayed { .. }
        | Fact::TimedOut { .. }
        | Fact::Deferred { .. }
        | Fact::CleanupStarted { .. }
        | Fact::CleanupSkipped { .. }
        | Fact::CleanupFinished { .. }
        | Fact::NeverKnown(_)
        | Fact::Log { .. }
        | Fact::SignalSent { .. }
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::EngineBusy { .. }
        | Fact::RunSealed { .. } => Ok(()),
    }
}

fn add_execution(
    transaction: &Transaction<'_>,
    run: i64,
    number: u32,
    at: i64,
    started: &ExecutionStarted,
) -> rusqlite::Result<()> {
    if started.attempt > 1 {
        transaction
            .prepare_cached(
                "UPDATE execution SET superseded = 1 WHERE run = ?1 AND task_index = ?2",
            )?
            .execute(params![run, started.index])?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO execution
                (run, number, task_index, attempt, attempts, task, file, case_name, hash, started)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            run,
            number,
            started.index,
            started.attempt,
            started.attempts,
            &*started.task,
            &*started.file,
            started.case.as_deref(),
            &*started.hash,
            at
        ])?;
    Ok(())
}

fn end_execution(
    transaction: &Transaction<'_>,
    run: i64,
    number: u32,
    outcome: Outcome,
    (state, micros): (Option<&str>, u64),
    headline: Option<&Headline>,
) -> rusqlite::Result<()> {
    let failure = headline.map(|headline| &headline.failure);
    let path = headline
        .and_then(|headline| headline.place.as_deref())
        .map(|place| &*place.path);
    transaction
        .prepare_cached(
            "UPDATE execution SET state = ?4, micros = ?5, kind = ?6, message = ?7, path = ?8,
                outcome = CASE WHEN ?3 = 'passed' AND attempt > 1 THEN 'flaky' ELSE ?3 END
                WHERE run = ?1 AND number = ?2",
        )?
        .execute(params![
            run,
            number,
            outcome.word(),
            state,
            micros as i64,
            failure.map(|failure| failure.kind.word()),
            failure.map(|failure| &failure.message),
            path
        ])?;
    Ok(())
}

/// Removes runs with all that belongs to them alone.
pub(super) fn remove(
    connection: &mut Connection,
    runs: &[RunId],
    by: Removal,
) -> Result<(), JournalError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(mistake)?;
    for id in runs {
        remove_one(&transaction, id, by).map_err(mistake)?;
    }
    transaction.commit().map_err(mistake)
}

fn remove_one(transaction: &Transaction<'_>, id: &RunId, by: Removal) -> rusqlite::Result<()> {
    let run: Option<i64> = transaction
        .prepare_cached("SELECT number FROM run WHERE id = ?1")?
        .query_row([&**id], |row| row.get(0))
        .optional()?;
    let Some(run) = run else { return Ok(()) };
    transaction
        .prepare_cached(
            "DELETE FROM attachment WHERE hash IN (SELECT own.hash FROM attached own WHERE own.run = ?1
                AND NOT EXISTS (SELECT 1 FROM attached other
                    WHERE other.hash = own.hash AND other.run <> ?1))",
        )?
        .execute([run])?;
    transaction
        .prepare_cached(
            "INSERT INTO removed (number, id, head, by_rule)
                SELECT number, id, head, ?2 FROM run WHERE number = ?1",
        )?
        .execute((run, by == Removal::Retention))?;
    transaction
        .prepare_cached(
            "UPDATE run SET is_named = 0 WHERE id IN (SELECT own.named FROM run_after own WHERE own.run = ?1
                AND NOT EXISTS (SELECT 1 FROM run_after other
                    WHERE other.named = own.named AND other.run <> ?1))",
        )?
        .execute([run])?;
    for table in ["attached", "run_commit", "execution", "run_after"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE run = ?1"))?
            .execute([run])?;
    }
    transaction
        .prepare_cached("DELETE FROM run WHERE number = ?1")?
        .execute([run])?;
    Ok(())
}
