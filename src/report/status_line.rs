//! One line about one execution: for the live display, the heartbeat, the dump and the list of results.

use super::status::Status;
use super::style::{Ink, Line, Lines, Style};
use super::text::{cut_end, cut_middle, printable, width};
use super::value::length;
use super::view::{Ended, Last, Phase, Running, RunningRegion, Standing, stayed};
use crate::event::{ExecutionStarted, FrameEnd, Json, Outcome};

/// The name of a task, with its case.
fn name(started: &ExecutionStarted, room: usize, style: Style) -> String {
    let whole = started.name();
    let whole = printable(&whole, style.unicode);
    cut_middle(&whole, room, style.symbols().ellipsis).into_owned()
}

/// `◷ order-ships  placed  #12  res.body.status="packed"  8.1s left`. The time left is always seen: what
/// stands before it gives way.
pub(crate) fn running(running: &Running, now: i64, style: Style) -> Line {
    running_since(running, now, false, style)
}

/// The same, and since when it is in its state: `◷ order-ships  placed  for 11.9s  #12  …`.
pub(crate) fn running_since(running: &Running, now: i64, since: bool, style: Style) -> Line {
    let status = running.status();
    let left = match running.at.deadline {
        Some(deadline) => format!("{} left", length((deadline - now).max(0).unsigned_abs())),
        None => format!(
            "for {}",
            length((now - running.at.since).max(0).unsigned_abs())
        ),
    };
    let third = (style.width / 3).max(8);
    let started = &running.started;
    let mut line = style
        .line()
        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
        .plain(" ")
        .push(Ink::Strong, &name(started, third, style));
    let mut parts: Vec<String> = Vec::new();
    if let Some(state) = &running.at.state {
        let state = printable(state, style.unicode);
        parts.push(cut_middle(&state, third, style.symbols().ellipsis).into_owned());
    }
    if since && running.at.deadline.is_some() {
        let passed = (now - running.at.since).max(0).unsigned_abs();
        parts.push(format!("for {}", length(passed)));
    }
    match &running.at.phase {
        Phase::Instruction(what) => parts.push(what.to_string()),
        Phase::Cleanup => parts.push("cleanup".to_owned()),
        Phase::Thinking | Phase::Waiting => {}
    }
    if running.at.attempt > 0 {
        parts.push(format!("#{}", running.at.attempt));
    }
    let end = style.width.saturating_sub(width(&left) + 2);
    let ellipsis = style.symbols().ellipsis;
    let room = |line: &Line| end.saturating_sub(line.width() + 2);
    for part in parts {
        let part = printable(&part, style.unicode);
        if room(&line) < 4 {
            break;
        }
        let part = cut_end(&part, room(&line), ellipsis);
        line = line.plain("  ").plain(&part);
    }
    for region in running.leaves() {
        if room(&line) < 8 {
            break;
        }
        let text = region_text(region);
        let text = printable(&text, style.unicode);
        let text = cut_end(&text, room(&line), ellipsis);
        line = line.plain("  ").plain(&text);
    }
    if let Some(last) = running.at.last.as_ref().filter(|_| room(&line) >= 8) {
        let text = printable(last.text(), style.unicode);
        let text = match last {
            // The value stands at the end, and is what one looks for.
            Last::Value(_) => cut_middle(&text, room(&line), ellipsis),
            _ => cut_end(&text, room(&line), ellipsis),
        };
        line = line.plain("  ").plain(&text);
    }
    line.push(Ink::Faint, &format!("  {left}"))
}

/// Where a region stands: `payment: charge #3`.
fn region_text(region: &RunningRegion) -> String {
    let state = match (&region.end, &region.at.state) {
        (Some(end), _) => end.word(),
        (None, Some(state)) => state,
        (None, None) => "",
    };
    let attempt = match region.at.attempt {
        attempt if attempt > 0 && region.end.is_none() => format!(" #{attempt}"),
        _ => String::new(),
    };
    format!("{}: {state}{attempt}", region.name)
}

/// The line about one execution that waits, for a display of its own: attempt, value of the operand that is
/// not as wanted, time left. `now`: microseconds since the Unix epoch.
#[must_use]
pub fn waiting(one: &Running, now: i64, style: Style) -> String {
    let mut out = String::new();
    running(one, now, style).write_open(&mut out);
    out
}

/// The same for programs.
pub(crate) fn json(running: &Running) -> Json {
    let regions = running.regions.values().map(|region| {
        let mut json = standing(&region.at);
        json["region"] = region.name.as_str().into();
        json["end"] = region.end.map(FrameEnd::word).into();
        json
    });
    let regions: Vec<Json> = regions.collect();
    let mut json = serde_json::json!({
        "execution": running.id,
        "task": running.started.task,
        "case": running.started.case,
        "attempt_of_task": running.started.attempt,
        "began": running.began,
        "status": running.status().word(),
    });
    if let (Json::Object(json), Json::Object(at)) = (&mut json, standing(&running.at)) {
        json.extend(at);
    }
    if !regions.is_empty() {
        json["regions"] = regions.into();
    }
    json
}

fn standing(at: &Standing) -> Json {
    let doing = match &at.phase {
        Phase::Instruction(what) => what,
        Phase::Cleanup => "cleanup",
        Phase::Thinking => "evaluating",
        Phase::Waiting => "waiting",
    };
    serde_json::json!({
        "state": at.state,
        "visit": at.visit,
        "since": at.since,
        "doing": doing,
        "attempt": at.attempt,
        "last": at.last.as_ref().map(Last::text),
        "deadline": at.deadline,
    })
}

/// The states that an execution was in, each with the time that it took: `place 12ms → placed 2.0s → shipped`.
/// A state that followed itself is counted.
pub(crate) fn path(ended: &Ended, style: Style) -> String {
    let symbols = style.symbols();
    let mut pieces: Vec<(&str, u64, u32, u32)> = Vec::new();
    let ends = ended.path.iter().skip(1).map(|visit| visit.at);
    let ends = ends.chain([ended.at]);
    for (visit, end) in ended.path.iter().zip(ends) {
        let micros = (end - visit.at).max(0).unsigned_abs();
        match pieces.last_mut() {
            Some((state, total, times, stayed)) if **state == *visit.state => {
                *total += micros;
                *times += 1;
                *stayed += visit.stayed;
            }
            _ => pieces.push((&visit.state, micros, 1, visit.stayed)),
        }
    }
    let mut texts: Vec<String> = (pieces.iter())
        .map(|(state, micros, times, stays)| {
            let (length, stayed) = (length(*micros), stayed(*stays));
            match times {
                1 => format!("{state} {length}{stayed}"),
                times => format!("{state} {}{times} {length}{stayed}", symbols.times),
            }
        })
        .collect();
    if ended.more_visits > 0 {
        texts.push(format!("{} more", ended.more_visits));
    }
    texts.join(&format!(" {} ", symbols.arrow))
}

/// What the dump says of an execution, one line a fact.
pub(crate) fn dump(running: &Running, now: i64, style: Style, out: &mut impl Lines) {
    let status = running.status();
    let started = &running.started;
    let since = |at: i64| length((now - at).max(0).unsigned_abs());
    let third = (style.width / 2).max(8);
    style
        .line()
        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
        .plain(" ")
        .push(Ink::Strong, &name(started, third, style))
        .push(
            Ink::Faint,
            &format!("  {}, started {} ago", status.word(), since(running.began)),
        )
        .write(out);
    let mut facts = standing_facts(&running.at, now);
    for region in running.regions.values() {
        let ended = region.end.map(|end| format!(", {}", end.word()));
        facts.push(format!(
            "region    {}{}",
            region.name,
            ended.unwrap_or_default()
        ));
        if region.end.is_none() {
            let of_region = standing_facts(&region.at, now);
            facts.extend(of_region.into_iter().map(|fact| format!("  {fact}")));
        }
    }
    for fact in facts {
        style.line().plain("    ").plain(&fact).write(out);
    }
}

/// Where a machine stands, one line a fact.
fn standing_facts(at: &Standing, now: i64) -> Vec<String> {
    let since = |at: i64| length((now - at).max(0).unsigned_abs());
    let mut facts = Vec::new();
    if let Some(state) = &at.state {
        let (visit, since) = (at.visit, since(at.since));
        facts.push(format!("state     {state}, visit {visit}, for {since}"));
    }
    match &at.phase {
        Phase::Instruction(what) => facts.push(format!("does      {what}")),
        Phase::Cleanup => facts.push("does      cleanup".to_owned()),
        Phase::Thinking | Phase::Waiting => {}
    }
    if at.attempt > 0 {
        facts.push(format!("attempt   #{}", at.attempt));
    }
    if let Some(last) = &at.last {
        facts.push(format!("last      {}", last.text()));
    }
    if let Some(deadline) = at.deadline {
        let left = length((deadline - now).max(0).unsigned_abs());
        facts.push(format!("deadline  in {left}"));
    }
    facts
}

/// `✓ order-ships  1.2s  (41/120)`, and for what did not simply pass, why. `count`: how many tasks of how
/// many are done.
pub(crate) fn ended(ended: &Ended, count: Option<(u32, u32)>, style: Style) -> Line {
    let status = Status::Ended(ended.outcome);
    let started = &ended.started;
    let third = (style.width / 2).max(8);
    let mut line = style
        .line()
        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
        .plain(" ")
        .push(Ink::Strong, &name(started, third, style))
        .push(Ink::Faint, &format!("  {}", length(ended.metrics.micros)));
    if let Some((done, tasks)) = count.filter(|_| ended.last_attempt) {
        line = line.push(Ink::Faint, &format!("  ({done}/{})", tasks.max(done)));
    }
    let dot = style.symbols().dot;
    let tries = format!("attempt {} of {}", started.attempt, started.attempts);
    let mut said = match ended.outcome {
        Outcome::Passed => String::new(),
        Outcome::Flaky => format!("flaky: passed on {tries}"),
        Outcome::Skipped => {
            let reason = started.skip.as_deref().unwrap_or("no reason given");
            format!("skipped: {reason}")
        }
        Outcome::Known => format!("known: {}", ended.known()),
        outcome => {
            let state = ended.state.as_ref().map(|state| format!(" in {state}"));
            let reason = ended.reason();
            let word = outcome.word();
            let reason = match reason.strip_prefix(word) {
                Some(rest) => rest.trim_start().to_owned(),
                None => format!("{dot} {reason}"),
            };
            format!("{word}{} {reason}", state.unwrap_or_default())
        }
    };
    if !ended.outcome.is_good() && started.attempts > 1 {
        said = format!("{tries} {dot} {said}");
    }
    if !said.is_empty() {
        let first = said.lines().next().unwrap_or_default().trim_end();
        let ink = if ended.outcome.is_good() {
            Ink::Faint
        } else {
            Ink::Hue(status.hue())
        };
        line = line.plain("  ").push(ink, first);
    }
    line
}
