//! Random machines that `check` accepts, made from a tape of bytes: a shorter tape, or one with smaller
//! bytes, is a simpler machine.

use crate::spec::{
    Answers, End, Guard, Instruction, Poll, Retry, Source, Spec, State, Step, Test, Way,
};
use funcy::event::ErrorKind;

struct Tape<'a>(std::slice::Iter<'a, u8>);

impl Tape<'_> {
    /// One of `count` choices, the first at the end of the tape.
    fn choose(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.choose(count) == count - 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.choose(from.len())]
    }

    fn maybe<T>(&mut self, one_in: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(one_in).then(|| make(self))
    }
}

/// Lengths that fall together often.
const SHORT: [u64; 5] = [0, 50, 100, 200, 400];
const WAITS: [u64; 3] = [50, 100, 200];
const TIMEOUTS: [u64; 3] = [300, 500, 1000];
const KINDS: [ErrorKind; 4] = [
    ErrorKind::Transport,
    ErrorKind::Protocol,
    ErrorKind::Script,
    ErrorKind::Limit,
];

pub(crate) fn spec(tape: &[u8]) -> Spec {
    let mut tape = Tape(tape.iter());
    let ways = 1 + tape.choose(4);
    // The last state passes, and one before it fails the task, if there is one.
    let with_fail = tape.one_in(2);
    let last = ways + usize::from(with_fail);
    let mut spec = Spec {
        transition_timeout: tape.pick(&TIMEOUTS),
        timeout: tape.pick(&[10_000, 2000, 700]),
        cleanup_timeout: tape.pick(&[5000, 300]),
        halt: tape.maybe(4, |tape| 50 * tape.choose(40) as u64),
        ..Spec::default()
    };
    for _ in 0..tape.choose(4) {
        spec.mail.push((tape.pick(&SHORT) * 3, value(&mut tape)));
    }
    // A buffer holds its messages as they came.
    spec.mail.sort_by_key(|(at, _)| *at);
    for index in 0..ways {
        let next = if index + 1 == ways { last } else { index + 1 };
        let mut state = state(&mut tape, index, ways, next, last);
        if with_fail && index == 0 {
            let way = Way {
                to: Some(ways),
                test: guarded(Guard::V(3)),
                ..Way::default()
            };
            state.ways.insert(0, way);
        }
        spec.states.push(state);
    }
    if with_fail {
        spec.states.push(State {
            end: End::Fail,
            max_visits: 1,
            ..State::default()
        });
    }
    spec.states.push(State {
        end: End::Final,
        instructions: instructions(&mut tape),
        max_visits: 2,
        ..State::default()
    });
    for _ in 0..tape.choose(3) {
        let step = step(&mut tape, false);
        spec.cleanup.push(step);
    }
    name_paths(&mut spec);
    spec
}

fn state(tape: &mut Tape<'_>, index: usize, ways: usize, next: usize, last: usize) -> State {
    let target = |tape: &mut Tape<'_>| {
        let choice = tape.choose(ways + 1);
        if choice == ways { last } else { choice }
    };
    let mut state = State {
        instructions: instructions(tape),
        timeout: tape.maybe(4, |tape| tape.pick(&TIMEOUTS)),
        max_visits: 1 + tape.choose(4) as u32,
        ..State::default()
    };
    // `s0` has a way without a strategy, which must stay one.
    if index > 0 && tape.one_in(3) {
        state.shared = Some(if tape.one_in(2) {
            subscription(tape)
        } else {
            poll(tape)
        });
    }
    for _ in 0..tape.choose(5) {
        let to = tape
            .maybe(5, |_| ())
            .map_or_else(|| Some(target(tape)), |()| None);
        let way = way(tape, to, state.shared.is_some());
        state.ways.push(way);
    }
    // One way leads forward, so that every state can be reached and every one has an end.
    let mut forward = way(tape, Some(next), state.shared.is_some());
    if state.shared.is_some() {
        forward.source = None;
        forward.test = test(tape, false, false, false);
    }
    let alone = state.ways.iter().all(|way| way.source.is_none()) && state.shared.is_none();
    if forward.source.is_none() && state.shared.is_none() && alone && tape.one_in(2) {
        // Unconditional: nothing may stand behind it, and no strategy beside it.
        forward.test = Test::default();
    }
    state.ways.push(forward);
    state.on_timeout = tape.maybe(3, target);
    for _ in 0..tape.choose(3) {
        let kind = tape.maybe(2, |tape| {
            tape.pick(&[
                ErrorKind::Transport,
                ErrorKind::Protocol,
                ErrorKind::Expect,
                ErrorKind::Condition,
                ErrorKind::Timeout,
            ])
        });
        state.on_error.push((kind, target(tape)));
    }
    // Behind an entry for the same errors, or for any, nothing may stand.
    state
        .on_error
        .sort_by_key(|(kind, _)| (kind.is_none(), *kind));
    state.on_error.dedup_by_key(|(kind, _)| *kind);
    state
}

fn way(tape: &mut Tape<'_>, to: Option<usize>, shared: bool) -> Way {
    let source = match tape.choose(7) {
        0 | 1 => None,
        2 if to.is_some() => Some(Source::Wait(tape.pick(&WAITS))),
        3 => Some(subscription(tape)),
        4 => Some(Source::Listen),
        5 if to.is_some() => Some(Source::All(
            (0..=tape.choose(3)).map(|_| part(tape)).collect(),
        )),
        _ => Some(poll(tape)),
    };
    let is_shared = source.is_none() && shared;
    let test = match &source {
        None if !shared => guarded(guard(tape, true)),
        Some(Source::Wait(_)) => Test {
            guard: tape.maybe(4, |tape| guard(tape, false)),
            ..Test::default()
        },
        Some(Source::All(_)) => Test::default(),
        Some(Source::Subscribe { .. } | Source::Listen) => test(tape, to.is_none(), false, true),
        // Behind one without `when` nothing of a shared strategy could be reached.
        _ => test(tape, to.is_none(), is_shared, false),
    };
    Way {
        to,
        source,
        test,
        set: to.is_some() && tape.one_in(2),
    }
}

fn test(tape: &mut Tape<'_>, is_watch: bool, needs_when: bool, counts: bool) -> Test {
    if is_watch {
        return Test {
            fail_when: Some(value(tape)),
            ..Test::default()
        };
    }
    let when = (needs_when || !tape.one_in(3)).then(|| value(tape));
    Test {
        when,
        fail_when: tape.maybe(5, value),
        guard: None,
        count: counts
            .then(|| tape.maybe(4, |tape| 1 + tape.choose(2)))
            .flatten(),
    }
}

fn part(tape: &mut Tape<'_>) -> (Source, Test) {
    let source = match tape.choose(4) {
        0 => Source::Wait(tape.pick(&WAITS)),
        1 => subscription(tape),
        2 => Source::Listen,
        _ => poll(tape),
    };
    let test = match &source {
        Source::Wait(_) => Test {
            guard: tape.maybe(5, |tape| guard(tape, false)),
            ..Test::default()
        },
        Source::Poll(_) => test(tape, false, false, false),
        _ => test(tape, false, false, true),
    };
    (source, test)
}

fn guarded(guard: Guard) -> Test {
    Test {
        guard: Some(guard),
        ..Test::default()
    }
}

fn guard(tape: &mut Tape<'_>, parts: bool) -> Guard {
    match tape.choose(if parts { 3 } else { 2 }) {
        0 => Guard::V(value(tape)),
        1 => Guard::Last(value(tape)),
        _ => Guard::P(value(tape)),
    }
}

fn value(tape: &mut Tape<'_>) -> i64 {
    tape.pick(&[0, 1, 2, 3])
}

fn subscription(tape: &mut Tape<'_>) -> Source {
    let messages = (0..tape.choose(4))
        .map(|_| (tape.pick(&SHORT), value(tape)))
        .collect();
    Source::Subscribe {
        path: String::new(),
        messages,
    }
}

fn poll(tape: &mut Tape<'_>) -> Source {
    Source::Poll(Poll {
        path: String::new(),
        answers: answers(tape),
        every: tape.pick(&WAITS),
        backoff: 1 + tape.choose(2) as u64,
        max_every: tape.maybe(4, |tape| tape.pick(&WAITS)),
        timeout: tape.maybe(4, |tape| tape.pick(&WAITS)),
    })
}

fn answers(tape: &mut Tape<'_>) -> Answers {
    let one = |tape: &mut Tape<'_>| {
        let latency = tape.pick(&SHORT);
        let kind = tape.maybe(4, |tape| tape.pick(&KINDS));
        (latency, kind.map_or_else(|| Ok(value(tape)), Err))
    };
    (0..=tape.choose(4)).map(|_| one(tape)).collect()
}

fn instructions(tape: &mut Tape<'_>) -> Vec<Instruction> {
    let one = |tape: &mut Tape<'_>| {
        if tape.one_in(4) {
            let branches = 1 + tape.choose(3);
            Instruction::Parallel((0..branches).map(|_| step(tape, false)).collect())
        } else {
            Instruction::One(step(tape, true))
        }
    };
    (0..tape.choose(3)).map(|_| one(tape)).collect()
}

fn step(tape: &mut Tape<'_>, saves: bool) -> Step {
    Step {
        path: String::new(),
        answers: answers(tape),
        expect: tape.maybe(5, value),
        save: saves && tape.one_in(2),
        timeout: tape.maybe(5, |tape| tape.pick(&WAITS)),
        retry: tape.maybe(3, |tape| Retry {
            max_attempts: 1 + tape.choose(3) as u32,
            delay: tape.pick(&WAITS),
            backoff: 1 + tape.choose(2) as u64,
        }),
        defer: tape.maybe(3, |tape| {
            Box::new(Step {
                answers: answers(tape),
                ..Step::default()
            })
        }),
    }
}

/// Gives everything that asks the world its path in the file.
fn name_paths(spec: &mut Spec) {
    for (index, step) in spec.cleanup.iter_mut().enumerate() {
        name_step(step, format!("cleanup[{index}]"));
    }
    for (index, state) in spec.states.iter_mut().enumerate() {
        let path = format!("states.s{index}");
        for (index, instruction) in state.instructions.iter_mut().enumerate() {
            let path = format!("{path}.instructions[{index}]");
            match instruction {
                Instruction::One(step) => name_step(step, path),
                Instruction::Parallel(branches) => {
                    for (index, branch) in branches.iter_mut().enumerate() {
                        name_step(branch, format!("{path}.parallel[{index}]"));
                    }
                }
            }
        }
        if let Some(source) = &mut state.shared {
            name_source(source, &path);
        }
        for (index, way) in state.ways.iter_mut().enumerate() {
            if let Some(source) = &mut way.source {
                name_source(source, &format!("{path}.transitions[{index}]"));
            }
        }
    }
}

fn name_step(step: &mut Step, path: String) {
    if let Some(defer) = &mut step.defer {
        defer.path = format!("{path}.defer");
    }
    step.path = path;
}

fn name_source(source: &mut Source, at: &str) {
    match source {
        Source::Wait(_) | Source::Listen => {}
        Source::Poll(poll) => poll.path = format!("{at}.poll"),
        Source::Subscribe { path, messages } => {
            *path = format!("{at}.subscribe");
            messages.sort_by_key(|(after, _)| *after);
        }
        Source::All(parts) => {
            for (index, (source, _)) in parts.iter_mut().enumerate() {
                name_source(source, &format!("{at}.all.part{index}"));
            }
        }
    }
}
