//! The language page as a small interpreter: no futures, no wakers. Each strategy of a race is asked when it
//! would decide if it were alone; the earliest decides, of equals the one written first.

use crate::spec::{
    Answers, End, Guard, Instruction, Poll, Source, Spec, State, Step, Test, Way, name,
};
use crate::watches::{self, Left, Watched};
use funcy::event::{ErrorKind, Outcome};
use std::collections::HashMap;

/// Why the walk ended before an end.
enum Stop {
    Halted,
    Expired,
}

/// Where a visit leads.
enum Exit {
    Final,
    To { way: usize, also: Vec<String> },
    Trouble(ErrorKind),
    Late,
}

/// What a strategy would do if it were alone.
#[derive(Default)]
struct Strategy<'a> {
    /// When it decides, for which way, and how: the messages it takes, or the error.
    decides: Option<(u64, usize, Result<Vec<usize>, ErrorKind>)>,
    /// When it has dropped out: it can decide nothing any more.
    drops: Option<u64>,
    /// The moments at which its requests start.
    starts: Vec<(&'a str, u64)>,
    /// When parts of its `all` are fulfilled.
    parts: Vec<u64>,
    /// Of a poll one of whose conditions can only fail.
    watched: Option<Watched>,
}

struct Model<'a> {
    spec: &'a Spec,
    now: u64,
    /// Nothing that takes longer is waited for.
    limit: u64,
    halt: Option<u64>,
    v: i64,
    last: i64,
    p: i64,
    /// How many answers each path has given.
    given: HashMap<&'a str, usize>,
    mail_taken: Vec<bool>,
    visits: Vec<u32>,
    deferred: Vec<&'a Step>,
    log: Vec<String>,
    state: usize,
}

/// What happens to this machine.
pub(crate) fn story(spec: &Spec) -> Vec<String> {
    let mut model = Model {
        spec,
        now: 0,
        limit: spec.timeout,
        halt: spec.halt,
        v: 0,
        last: 0,
        p: 0,
        given: HashMap::new(),
        mail_taken: vec![false; spec.mail.len()],
        visits: vec![0; spec.states.len()],
        deferred: Vec::new(),
        log: Vec::new(),
        state: 0,
    };
    let walked = if spec.halt == Some(0) {
        Err(Stop::Halted)
    } else {
        model.walk()
    };
    let outcome = match walked {
        Ok(outcome) => outcome,
        Err(Stop::Halted) => Outcome::Cancelled,
        Err(Stop::Expired) => {
            model.tell(&format!("timeout task {}", name(model.state)));
            Outcome::TimedOut
        }
    };
    model.finish(outcome);
    model.log
}

fn outcome_of(kind: ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Expect | ErrorKind::Condition | ErrorKind::Fail | ErrorKind::Limit => {
            Outcome::Failed
        }
        ErrorKind::Timeout => Outcome::TimedOut,
        _ => Outcome::Error,
    }
}

impl<'a> Model<'a> {
    fn tell(&mut self, line: &str) {
        self.log.push(format!("{} {line}", self.now));
    }

    /// Waits. A halt comes before what happens at the same time, a deadline after it.
    fn sleep(&mut self, until: u64) -> Result<(), Stop> {
        let last = until.min(self.limit);
        if let Some(halt) = self.halt.filter(|halt| *halt <= last) {
            self.now = halt;
            return Err(Stop::Halted);
        }
        if until > self.limit {
            self.now = self.limit;
            return Err(Stop::Expired);
        }
        self.now = until;
        Ok(())
    }

    fn walk(&mut self) -> Result<Outcome, Stop> {
        let spec = self.spec;
        loop {
            let index = self.state;
            let state = &spec.states[index];
            if self.visits[index] == state.max_visits {
                return Ok(outcome_of(ErrorKind::Limit));
            }
            self.visits[index] += 1;
            self.tell(&format!("enter {} #{}", name(index), self.visits[index]));
            let (to, also) = match self.visit(state)? {
                Exit::Final => return Ok(Outcome::Passed),
                Exit::To { way, also } => {
                    self.v += i64::from(state.ways[way].set);
                    (state.ways[way].to.expect("a watch only fails"), also)
                }
                Exit::Late => {
                    self.tell(&format!("timeout transition {}", name(index)));
                    match state.on_timeout {
                        Some(to) => (to, Vec::new()),
                        None => return Ok(Outcome::TimedOut),
                    }
                }
                Exit::Trouble(kind) => {
                    let route = (state.on_error.iter())
                        .find(|(wanted, _)| wanted.is_none_or(|wanted| wanted == kind));
                    match route {
                        Some((_, to)) if kind != ErrorKind::Limit => (*to, Vec::new()),
                        _ => return Ok(outcome_of(kind)),
                    }
                }
            };
            let (from, to_name) = (name(index), name(to));
            self.tell(&format!("take {from} → {to_name} [{}]", also.join(" ")));
            self.state = to;
        }
    }

    fn visit(&mut self, state: &'a State) -> Result<Exit, Stop> {
        if state.end == End::Fail {
            return Ok(Exit::Trouble(ErrorKind::Fail));
        }
        let entered = self.now;
        for instruction in &state.instructions {
            let trouble = match instruction {
                Instruction::One(step) => self.step(step)?,
                Instruction::Parallel(branches) => self.parallel(branches)?,
            };
            if let Some(kind) = trouble {
                return Ok(Exit::Trouble(kind));
            }
        }
        if state.end == End::Final {
            return Ok(Exit::Final);
        }
        if state.shared.is_none() {
            for (index, way) in state.ways.iter().enumerate() {
                if way.source.is_some() || !self.holds(way.test.guard) {
                    continue;
                }
                return Ok(match way.to {
                    Some(_) if self.has_heard(state, entered) => {
                        Exit::Trouble(ErrorKind::Condition)
                    }
                    Some(_) => Exit::To {
                        way: index,
                        also: Vec::new(),
                    },
                    None => Exit::Trouble(ErrorKind::Condition),
                });
            }
        }
        self.race(state, entered)
    }

    /// Whether a message that a watch looks for has come by now.
    fn has_heard(&self, state: &'a State, entered: u64) -> bool {
        let mut ways = state.ways.iter().filter(|way| way.to.is_none());
        ways.any(|way| {
            let Some(source @ (Source::Subscribe { .. } | Source::Listen)) = &way.source else {
                return false;
            };
            let heard = self.strategy(source, &[(0, false, &way.test)], entered, self.now);
            heard.decides.is_some_and(|(at, ..)| at <= self.now)
        })
    }

    fn holds(&self, guard: Option<Guard>) -> bool {
        match guard {
            None => true,
            Some(Guard::V(least)) => self.v >= least,
            Some(Guard::Last(value)) => self.last == value,
            Some(Guard::P(least)) => self.p >= least,
        }
    }

    fn race(&mut self, state: &'a State, entered: u64) -> Result<Exit, Stop> {
        let deadline = self.now + state.timeout.unwrap_or(self.spec.transition_timeout);
        let mut strategies = Vec::new();
        let ways = || state.ways.iter().enumerate();
        for (index, way) in ways() {
            if let Some(source) = &way.source {
                let one = [(index, way.to.is_some(), &way.test)];
                strategies.push(self.strategy(source, &one, entered, deadline));
            }
        }
        if let Some(source) = &state.shared {
            let all: Vec<_> = ways()
                .filter(|(_, way)| way.source.is_none())
                .map(|(index, way)| (index, way.to.is_some(), &way.test))
                .collect();
            strategies.push(self.strategy(source, &all, entered, deadline));
        }
        let first = strategies
            .iter()
            .filter_map(|strategy| strategy.decides.as_ref());
        let first = first.map(|(at, ..)| *at).min().filter(|at| *at <= deadline);
        let stuck = strategies
            .iter()
            .map(|strategy| strategy.drops)
            .collect::<Option<Vec<_>>>();
        let stuck = stuck.map(|drops| drops.into_iter().max().unwrap_or(self.now));
        let stuck = stuck.filter(|at| *at <= deadline);
        let end = first.or(stuck).unwrap_or(deadline);
        self.sleep(end)?;
        let leads = match first {
            Some(at) => {
                let mut ready = strategies.iter().filter_map(|one| one.decides.as_ref());
                let ready = ready.by_ref().filter(|(when, ..)| *when == at);
                let winner = ready.min_by_key(|(_, way, _)| *way);
                winner.is_some_and(|(.., how)| how.is_ok())
            }
            None => stuck.is_none() && state.on_timeout.is_some(),
        };
        let watched: Vec<Watched> = strategies
            .iter_mut()
            .filter_map(|strategy| strategy.watched.take())
            .collect();
        let left = if leads {
            watches::leave(&watched, end)
        } else {
            Left::At(end)
        };
        let (Left::At(until) | Left::Failed(until, _)) = left;
        self.sleep(until)?;
        for (path, at) in strategies.iter().flat_map(|strategy| &strategy.starts) {
            let one = watched.iter().find(|one| leads && one.path == **path);
            let last = watches::polled_until(one, end, until);
            *self.given.entry(path).or_default() += usize::from(*at <= last);
        }
        let parts = strategies.iter().flat_map(|strategy| &strategy.parts);
        for _ in parts.filter(|at| **at <= end) {
            self.p += 1;
        }
        if let Left::Failed(_, kind) = left {
            return Ok(Exit::Trouble(kind));
        }
        if first.is_none() {
            return Ok(match stuck {
                Some(_) => Exit::Trouble(ErrorKind::Condition),
                None => Exit::Late,
            });
        }
        let mut ready: Vec<_> = strategies
            .into_iter()
            .filter_map(|strategy| strategy.decides)
            .collect();
        ready.retain(|(at, ..)| *at == end);
        ready.sort_by_key(|(_, way, _)| *way);
        let also = ready[1..]
            .iter()
            .map(|(_, way, _)| label(&state.ways[*way]));
        let also = also.collect();
        match ready.swap_remove(0) {
            (_, _, Err(kind)) => Ok(Exit::Trouble(kind)),
            (_, way, Ok(taken)) => {
                for message in taken {
                    self.mail_taken[message] = true;
                }
                Ok(Exit::To { way, also })
            }
        }
    }

    fn strategy(
        &self,
        source: &'a Source,
        tests: &[(usize, bool, &Test)],
        entered: u64,
        deadline: u64,
    ) -> Strategy<'a> {
        match source {
            Source::Wait(length) => {
                let at = self.now + length;
                let (way, _, test) = tests[0];
                if self.holds(test.guard) {
                    Strategy {
                        decides: Some((at, way, Ok(Vec::new()))),
                        ..Strategy::default()
                    }
                } else {
                    Strategy {
                        drops: Some(at),
                        ..Strategy::default()
                    }
                }
            }
            Source::Poll(poll) => self.poll(poll, tests, deadline),
            Source::Subscribe { messages, .. } => {
                let messages = messages.iter();
                let arrived = messages.map(|(after, value)| (entered + after, *value, None));
                self.messages(arrived.collect(), tests)
            }
            Source::Listen => {
                let mail = self.spec.mail.iter().enumerate();
                let left = mail.filter(|(index, _)| !self.mail_taken[*index]);
                let arrived = left.map(|(index, (at, value))| (*at, *value, Some(index)));
                self.messages(arrived.collect(), tests)
            }
            Source::All(parts) => self.all(parts, tests[0].0, entered, deadline),
        }
    }

    fn poll(&self, poll: &'a Poll, tests: &[(usize, bool, &Test)], deadline: u64) -> Strategy<'a> {
        let mut strategy = Strategy::default();
        let given = self.given.get(&*poll.path).copied().unwrap_or(0);
        let mut at = self.now;
        let mut attempts = Vec::new();
        let mut decides = None;
        let mut pause = poll.every;
        let longest = poll.max_every.unwrap_or(u64::MAX);
        while at < deadline.min(self.limit) {
            let (latency, answer) = nth(&poll.answers, given + strategy.starts.len());
            strategy.starts.push((&poll.path, at));
            let start = at;
            let own = poll.timeout.unwrap_or(30_000);
            at += latency.min(own);
            attempts.push((start, at, latency <= own && answer.is_ok()));
            match answer {
                _ if latency > own => {}
                Err(ErrorKind::Transport) => {}
                Err(kind) => decides = Some((at, tests[0].0, Err(kind))),
                Ok(value) => {
                    let mut matches = vec![Vec::new(); tests.len()];
                    let judged = judge(value, None, tests, &mut matches);
                    decides = judged.map(|(way, end)| (at, way, end));
                }
            }
            if decides.is_some() {
                break;
            }
            at += pause.min(longest);
            pause *= poll.backoff;
        }
        let way = tests
            .iter()
            .find(|(_, leads, test)| !leads && test.fail_when.is_some());
        strategy.watched = way.map(|(way, ..)| Watched {
            path: poll.path.clone(),
            every: poll.every,
            attempts,
            decides: (decides.as_ref())
                .map(|(at, _, how)| (*at, how.as_ref().map(drop).map_err(|kind| *kind))),
            way: *way,
        });
        strategy.decides = decides;
        strategy
    }

    fn messages(
        &self,
        arrived: Vec<(u64, i64, Option<usize>)>,
        tests: &[(usize, bool, &Test)],
    ) -> Strategy<'a> {
        let mut matches = vec![Vec::new(); tests.len()];
        for (at, value, number) in arrived {
            if let Some((way, end)) = judge(value, number, tests, &mut matches) {
                return Strategy {
                    decides: Some((at.max(self.now), way, end)),
                    ..Strategy::default()
                };
            }
        }
        Strategy::default()
    }

    /// The last of its parts decides, or the first that fails.
    fn all(
        &self,
        parts: &'a [(Source, Test)],
        way: usize,
        entered: u64,
        deadline: u64,
    ) -> Strategy<'a> {
        let each = parts.iter().enumerate();
        let each = each
            .map(|(index, (source, test))| {
                self.strategy(source, &[(index, true, test)], entered, deadline)
            })
            .collect::<Vec<_>>();
        let mut strategy = Strategy::default();
        let mut taken = Vec::new();
        let mut failed: Option<(u64, usize, ErrorKind)> = None;
        let mut ends = Vec::new();
        for (index, part) in each.iter().enumerate() {
            ends.push(part.drops);
            match &part.decides {
                Some((at, _, Ok(messages))) => {
                    ends[index] = Some(*at);
                    taken.extend(messages);
                }
                Some((at, _, Err(kind))) if failed.is_none_or(|(first, ..)| *at < first) => {
                    failed = Some((*at, index, *kind));
                }
                _ => {}
            }
        }
        for (index, part) in each.iter().enumerate() {
            strategy.starts.extend(&part.starts);
            if let Some((at, _, Ok(_))) = part.decides
                && failed.is_none_or(|(end, by, _)| at < end || (at == end && index < by))
            {
                strategy.parts.push(at);
            }
        }
        let end = ends.into_iter().collect::<Option<Vec<_>>>();
        let end = end.and_then(|ends| ends.into_iter().max());
        let is_whole = each
            .iter()
            .all(|part| matches!(part.decides, Some((_, _, Ok(_)))));
        match (failed, end) {
            (Some((at, _, kind)), _) => strategy.decides = Some((at, way, Err(kind))),
            (None, Some(at)) if is_whole => strategy.decides = Some((at, way, Ok(taken))),
            (None, end) => strategy.drops = end,
        }
        strategy
    }

    /// The attempts of a step if nothing stopped it: when each starts, when it ends, and how.
    fn attempts(&self, step: &Step, from: u64) -> (Vec<u64>, u64, Result<Vec<i64>, ErrorKind>) {
        let given = self.given.get(&*step.path).copied().unwrap_or(0);
        let (mut at, mut starts, mut seen) = (from, Vec::new(), Vec::new());
        let mut pause = step.retry.as_ref().map_or(0, |retry| retry.delay);
        loop {
            let (latency, answer) = nth(&step.answers, given + starts.len());
            starts.push(at);
            let limit = step.timeout.unwrap_or(30_000);
            at += latency.min(limit);
            let kind = match answer {
                _ if latency > limit => ErrorKind::Timeout,
                Err(kind) => kind,
                Ok(value) => {
                    seen.push(value);
                    if step.expect.is_none_or(|wanted| wanted == value) {
                        return (starts, at, Ok(seen));
                    }
                    ErrorKind::Expect
                }
            };
            let again = !matches!(kind, ErrorKind::Script | ErrorKind::Limit);
            match &step.retry {
                Some(retry) if again && starts.len() < retry.max_attempts as usize => {
                    at += pause;
                    pause *= retry.backoff;
                }
                _ => return (starts, at, Err(kind)),
            }
        }
    }

    fn step(&mut self, step: &'a Step) -> Result<Option<ErrorKind>, Stop> {
        // The results of attempts that failed are saved too; only the last one matters here.
        let given = self.given.get(&*step.path).copied().unwrap_or(0);
        let trouble = self.side_by_side(&[step])?;
        if step.save {
            let attempts = self.given[&*step.path] - given;
            for attempt in 0..attempts {
                let (latency, answer) = nth(&step.answers, given + attempt);
                if let (Ok(value), true) = (answer, latency <= step.timeout.unwrap_or(30_000)) {
                    self.last = value;
                }
            }
        }
        Ok(trouble)
    }

    fn parallel(&mut self, branches: &'a [Step]) -> Result<Option<ErrorKind>, Stop> {
        self.side_by_side(&branches.iter().collect::<Vec<_>>())
    }

    /// All at once; the first failure, of equals the one written first, ends it.
    fn side_by_side(&mut self, steps: &[&'a Step]) -> Result<Option<ErrorKind>, Stop> {
        let from = self.now;
        let runs: Vec<_> = steps.iter().map(|step| self.attempts(step, from)).collect();
        let failed = runs
            .iter()
            .enumerate()
            .filter_map(|(index, (_, end, how))| {
                how.as_ref().err().map(|kind| (*end, index, *kind))
            });
        let failed = failed.min_by_key(|(end, index, _)| (*end, *index));
        let end = failed.map_or_else(
            || runs.iter().map(|(_, end, _)| *end).max().unwrap_or(from),
            |(end, ..)| end,
        );
        let mut starts: Vec<(u64, usize, usize)> = Vec::new();
        for (index, (all, ..)) in runs.iter().enumerate() {
            starts.extend(all.iter().enumerate().map(|(n, at)| (*at, index, n)));
        }
        starts.retain(|(at, index, _)| {
            let in_time =
                failed.is_none_or(|(end, by, _)| *at < end || (*at == end && *index <= by));
            let halted = self.halt.is_some_and(|halt| halt > from && *at >= halt);
            in_time && !halted && *at <= self.limit
        });
        starts.sort_unstable();
        for (at, index, attempt) in starts {
            let step = steps[index];
            if let (0, Some(defer)) = (attempt, &step.defer) {
                self.deferred.push(defer);
            }
            *self.given.entry(&step.path).or_default() += 1;
            self.log
                .push(format!("{at} start {} #{}", step.path, attempt + 1));
        }
        self.sleep(end)?;
        Ok(failed.map(|(_, _, kind)| kind))
    }

    /// `defer`s, newest first, then cleanup, within their own budget; nothing halts them.
    fn finish(&mut self, mut outcome: Outcome) {
        let spec = self.spec;
        let mut steps: Vec<&Step> = std::mem::take(&mut self.deferred);
        let count = steps.len();
        steps.reverse();
        steps.extend(&spec.cleanup);
        if !steps.is_empty() {
            self.tell(&format!("cleanup {count}"));
            self.halt = None;
            self.limit = self.now + spec.cleanup_timeout;
            let mut failures = 0;
            for step in steps {
                // A `defer` of a cleanup step is run right after it.
                let mut more = vec![step];
                while let Some(step) = more.pop() {
                    if let Ok(trouble) = self.step(step) {
                        failures += usize::from(trouble.is_some());
                    } else {
                        self.tell(&format!("cleaned {}", failures + 1));
                        self.tell(&format!("finish {}", worse(outcome).word()));
                        return;
                    }
                    more.append(&mut self.deferred);
                }
            }
            self.tell(&format!("cleaned {failures}"));
            if failures > 0 {
                outcome = worse(outcome);
            }
        }
        self.tell(&format!("finish {}", outcome.word()));
    }
}

/// A cleanup failure makes a pass an error.
fn worse(outcome: Outcome) -> Outcome {
    if outcome == Outcome::Passed {
        Outcome::Error
    } else {
        outcome
    }
}

/// The answer with this number; the last one repeats.
fn nth(answers: &Answers, number: usize) -> (u64, Result<i64, ErrorKind>) {
    answers[number.min(answers.len() - 1)]
}

/// Shows a result to conditions in order; the first that is fulfilled or fails decides.
fn judge(
    value: i64,
    number: Option<usize>,
    tests: &[(usize, bool, &Test)],
    matches: &mut [Vec<usize>],
) -> Option<(usize, Result<Vec<usize>, ErrorKind>)> {
    for ((way, leads, test), found) in tests.iter().zip(matches) {
        if test.fail_when == Some(value) {
            return Some((*way, Err(ErrorKind::Condition)));
        }
        if !leads || test.when.is_some_and(|wanted| wanted != value) {
            continue;
        }
        // A message of the visit's own subscription is taken too, but nobody can see that.
        found.push(number.unwrap_or(usize::MAX));
        if found.len() == test.count.unwrap_or(1) {
            let mut taken = found.clone();
            taken.retain(|number| *number != usize::MAX);
            return Some((*way, Ok(taken)));
        }
    }
    None
}

fn label(way: &Way) -> String {
    way.to.map_or_else(|| "watch".to_owned(), name)
}
