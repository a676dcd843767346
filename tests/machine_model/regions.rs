//! Random machines with regions in regions: joins, interrupts, failures, timeouts and conditions that look at what other
//! regions have saved. The interpreter beside them was written from the language page: it goes from moment to moment, and
//! in each asks every frame in the order of the file, until nothing more happens.

use crate::{Random, compiled, with_room};
use funcy::event::{Fact, FrameId, ROOT};
use funcy::machine::{Inputs, run};
use funcy::sim::{VirtualWorld, trace_hash};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A machine: the task's, or a region's.
struct Machine {
    /// `r0_1`: the second region in the first region; `t` is the task.
    name: String,
    states: Vec<State>,
}

#[derive(Default)]
struct State {
    end: End,
    ways: Vec<Way>,
    timeout: Option<u64>,
    on_timeout: Option<usize>,
    on_error: Option<usize>,
    max_visits: u32,
    regions: Vec<Machine>,
    any: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum End {
    #[default]
    Way,
    Final,
    Fail,
}

struct Way {
    to: usize,
    when: When,
    /// Adds one to the machine's own counter.
    set: bool,
}

#[derive(Clone)]
enum When {
    /// At the join.
    Joined,
    Wait(u64),
    /// The counter of this machine is at least so much.
    Counter(String, i64),
}

const TRANSITION_TIMEOUT: u64 = 700;
/// Longer than anything else takes.
const TASK_TIMEOUT: u64 = 3_600_000;

impl Machine {
    fn counter(&self) -> String {
        format!("n_{}", self.name)
    }
}

/// A random machine. `sight`: the regions that its conditions may look at.
fn machine(random: &mut Random, name: &str, depth: usize, sight: &[String]) -> Machine {
    let ways_on = 1 + random.below(3) as usize;
    let is_region = name != "t";
    // The states that are gone through, then the end, then one that fails.
    let (end, fail) = (ways_on, ways_on + 1);
    let mut has_fail = false;
    let mut states = Vec::new();
    for index in 0..ways_on {
        let mut state = State {
            max_visits: 2 + random.below(2) as u32,
            ..State::default()
        };
        if depth > 0 && random.chance(45) {
            for number in 0..=random.below(3) {
                let inside = match name {
                    "t" => format!("r{index}{number}"),
                    around => format!("{around}_{index}{number}"),
                };
                state.regions.push(Machine {
                    name: inside,
                    states: Vec::new(),
                });
            }
            let names: Vec<String> = state.regions.iter().map(|one| one.name.clone()).collect();
            let mut inside: Vec<String> = sight.to_vec();
            inside.extend(names.iter().cloned());
            state.regions = (names.iter())
                .map(|name| machine(random, name, depth - 1, &inside))
                .collect();
            state.any = random.chance(30);
        }
        let mut seen: Vec<String> = sight.to_vec();
        seen.extend(state.regions.iter().map(|one| one.name.clone()));
        let mut joined = false;
        for number in 0..=random.below(3) {
            // The first leads on, so that every state is reached and an end is in sight.
            let to = match random.below(6) {
                0 if number > 0 => random.below(ways_on as u64) as usize,
                1 if number > 0 => {
                    has_fail = true;
                    fail
                }
                _ => index + 1,
            };
            let when = match random.below(3) {
                0 if !state.regions.is_empty() && !joined => {
                    joined = true;
                    When::Joined
                }
                1 if !seen.is_empty() => {
                    let of = random.below(seen.len() as u64) as usize;
                    When::Counter(seen[of].clone(), 1 + random.below(3) as i64)
                }
                _ => When::Wait(100 * (1 + random.below(6))),
            };
            state.ways.push(Way {
                to,
                when,
                set: random.chance(60),
            });
        }
        if random.chance(30) {
            state.timeout = Some(100 * (1 + random.below(8)) + 50 * random.below(2));
            if random.chance(50) {
                state.on_timeout = Some(index + 1);
            }
        }
        if random.chance(35) {
            state.on_error = Some(if random.chance(70) { end } else { index + 1 });
        }
        states.push(state);
    }
    states.push(State {
        end: End::Final,
        max_visits: 5,
        ..State::default()
    });
    if has_fail || (is_region && random.chance(15)) {
        if !has_fail {
            states[0].ways.push(Way {
                to: fail,
                when: When::Wait(100 * (1 + random.below(6))),
                set: false,
            });
        }
        states.push(State {
            end: End::Fail,
            max_visits: 5,
            ..State::default()
        });
    }
    Machine {
        name: name.to_owned(),
        states,
    }
}

fn state_name(index: usize) -> String {
    format!("s{index}")
}

impl Machine {
    fn to_json(&self) -> Json {
        let mut states = json!({});
        for (index, state) in self.states.iter().enumerate() {
            states[state_name(index)] = self.state_to_json(state);
        }
        let finals: Vec<String> = (0..self.states.len())
            .filter(|index| self.states[*index].end == End::Final)
            .map(state_name)
            .collect();
        json!({ "start_state": "s0", "final_state": finals, "states": states })
    }

    fn state_to_json(&self, state: &State) -> Json {
        let mut written = json!({ "max_visits": state.max_visits });
        match state.end {
            End::Final => return Json::Null,
            End::Fail => return json!({ "fail": "no good" }),
            End::Way => {}
        }
        let counter = self.counter();
        let ways = state.ways.iter().map(|way| {
            let mut one = json!({ "to": state_name(way.to) });
            match &way.when {
                When::Joined => {}
                When::Wait(length) => one["wait"] = format!("{length}ms").into(),
                When::Counter(of, least) => {
                    one["when"] = format!("(regions.{of}.n_{of} ?? 0) >= {least}").into();
                }
            }
            if way.set {
                one["set"] = json!({ counter.clone(): format!("({counter} ?? 0) + 1") });
            }
            one
        });
        written["transitions"] = ways.collect();
        if let Some(timeout) = state.timeout {
            written["timeout"] = format!("{timeout}ms").into();
        }
        if let Some(to) = state.on_timeout {
            written["on_timeout"] = state_name(to).into();
        }
        if let Some(to) = state.on_error {
            written["on_error"] = state_name(to).into();
        }
        if !state.regions.is_empty() {
            let regions = state.regions.iter();
            written["regions"] = (regions.map(|one| (one.name.clone(), one.to_json()))).collect();
            if state.any {
                written["join"] = "any".into();
            }
        }
        written
    }
}

/// What goes wrong in a machine.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Fail,
    Timeout,
    Stuck,
    Limit,
}

/// One machine while it runs.
struct Frame<'s> {
    machine: &'s Machine,
    state: usize,
    visits: Vec<u32>,
    /// When each way's wait is over.
    due: Vec<Option<u64>>,
    deadline: Option<u64>,
    children: Vec<Child<'s>>,
    joined: bool,
    /// How often counters had changed when the conditions that look at them were asked last.
    asked: u64,
}

struct Child<'s> {
    frame: Frame<'s>,
    closed: bool,
}

/// The whole of it.
struct Model {
    now: u64,
    log: Vec<String>,
    counters: BTreeMap<String, i64>,
    changes: u64,
}

impl Model {
    fn tell(&mut self, machine: &Machine, line: &str) {
        let line = match &*machine.name {
            "t" => format!("{} {line}", self.now),
            region => format!("{} {region}: {line}", self.now),
        };
        self.log.push(line);
    }

    fn holds(&self, when: &When) -> bool {
        match when {
            When::Counter(of, least) => self.counters.get(of).copied().unwrap_or(0) >= *least,
            When::Joined | When::Wait(_) => false,
        }
    }
}

impl<'s> Frame<'s> {
    fn new(machine: &'s Machine) -> Self {
        Self {
            machine,
            state: 0,
            visits: vec![0; machine.states.len()],
            due: Vec::new(),
            deadline: None,
            children: Vec::new(),
            joined: false,
            asked: 0,
        }
    }

    /// Enters a state, and goes on as long as something can be decided at once. `None`: it waits.
    fn enter(&mut self, model: &mut Model, to: usize) -> Option<Result<(), Trouble>> {
        self.state = to;
        let state = &self.machine.states[to];
        if self.visits[to] == state.max_visits {
            return self.trouble(model, Trouble::Limit);
        }
        self.visits[to] += 1;
        let visit = self.visits[to];
        model.tell(self.machine, &format!("enter {} #{visit}", state_name(to)));
        match state.end {
            End::Final => return Some(Ok(())),
            End::Fail => return self.trouble(model, Trouble::Fail),
            End::Way => {}
        }
        self.asked = model.changes;
        let at_once = state.ways.iter().position(|way| model.holds(&way.when));
        if let Some(way) = at_once {
            return self.take(model, &[way]);
        }
        let waits = (state.ways.iter()).any(|way| matches!(way.when, When::Wait(_)));
        let looks = (state.ways.iter()).any(|way| matches!(way.when, When::Counter(..)));
        if !waits && !looks && state.regions.is_empty() {
            return self.trouble(model, Trouble::Stuck);
        }
        let own = state.timeout;
        let limit = own.or(state.regions.is_empty().then_some(TRANSITION_TIMEOUT));
        self.deadline = limit.map(|limit| model.now + limit);
        self.due = (state.ways.iter())
            .map(|way| match way.when {
                When::Wait(length) => Some(model.now + length),
                When::Joined | When::Counter(..) => None,
            })
            .collect();
        self.joined = false;
        for region in &state.regions {
            let inside = format!("{}_", region.name);
            let is_gone = |name: &String| *name == region.name || name.starts_with(&inside);
            model.counters.retain(|name, _| !is_gone(name));
        }
        for region in &state.regions {
            model.tell(region, "open");
            self.children.push(Child {
                frame: Frame::new(region),
                closed: false,
            });
        }
        self.go_on(model, true)
    }

    /// Asks everything that may decide. `None`: it waits.
    fn go_on(&mut self, model: &mut Model, first: bool) -> Option<Result<(), Trouble>> {
        let state = &self.machine.states[self.state];
        let mut done = 0;
        for index in 0..self.children.len() {
            let child = &mut self.children[index];
            if child.closed {
                done += 1;
                continue;
            }
            let end = if first {
                child.frame.enter(model, 0)
            } else {
                child.frame.go_on(model, false)
            };
            let Some(end) = end else { continue };
            child.closed = true;
            let word = if end.is_ok() { "done" } else { "failed" };
            model.tell(child.frame.machine, &format!("close {word}"));
            match end {
                Ok(()) => done += 1,
                Err(trouble) => return self.trouble(model, trouble),
            }
        }
        let mut ready = Vec::new();
        let way_at_join = (state.ways.iter()).position(|way| matches!(way.when, When::Joined));
        let is_joined = if state.any {
            done > 0
        } else {
            done == state.regions.len()
        };
        if let (Some(way), true, false) = (way_at_join, is_joined, self.joined) {
            self.joined = true;
            ready.push(way);
        }
        if self.asked != model.changes {
            self.asked = model.changes;
            ready.extend(state.ways.iter().position(|way| model.holds(&way.when)));
        }
        for (way, due) in self.due.iter().enumerate() {
            if due.is_some_and(|due| due <= model.now) {
                ready.push(way);
            }
        }
        ready.sort_unstable();
        if !ready.is_empty() {
            return self.take(model, &ready);
        }
        let may_be_fulfilled = self.machine.name != "t"
            && (state.ways.iter()).any(|way| matches!(way.when, When::Counter(..)));
        let is_over =
            self.children.iter().all(|child| child.closed) && self.due.iter().all(Option::is_none);
        if is_over && !may_be_fulfilled {
            return self.trouble(model, Trouble::Stuck);
        }
        if self.deadline.is_some_and(|deadline| deadline <= model.now) {
            let name = state_name(self.state);
            model.tell(self.machine, &format!("timeout transition {name}"));
            self.leave(model);
            return match state.on_timeout {
                Some(to) => self.moved(model, to, ""),
                // A limit of its own is no error that `on_error` routes.
                None => Some(Err(Trouble::Timeout)),
            };
        }
        None
    }

    fn leave(&mut self, model: &mut Model) {
        for mut child in std::mem::take(&mut self.children) {
            if !child.closed {
                child.frame.leave(model);
                model.tell(child.frame.machine, "close cancelled");
            }
        }
    }

    fn take(&mut self, model: &mut Model, ready: &[usize]) -> Option<Result<(), Trouble>> {
        self.leave(model);
        let state = &self.machine.states[self.state];
        let way = &state.ways[ready[0]];
        if way.set {
            *model.counters.entry(self.machine.name.clone()).or_default() += 1;
            model.changes += u64::from(self.machine.name != "t");
        }
        let also: Vec<String> = (ready[1..].iter())
            .map(|way| state_name(state.ways[*way].to))
            .collect();
        self.moved(model, way.to, &also.join(" "))
    }

    fn moved(&mut self, model: &mut Model, to: usize, also: &str) -> Option<Result<(), Trouble>> {
        let (from, to_name) = (state_name(self.state), state_name(to));
        model.tell(self.machine, &format!("take {from} → {to_name} [{also}]"));
        self.enter(model, to)
    }

    fn trouble(&mut self, model: &mut Model, trouble: Trouble) -> Option<Result<(), Trouble>> {
        self.leave(model);
        let state = &self.machine.states[self.state];
        match state.on_error {
            Some(to) if trouble != Trouble::Limit => self.moved(model, to, ""),
            _ => Some(Err(trouble)),
        }
    }

    /// The next moment at which something may happen.
    fn next(&self) -> Option<u64> {
        let children = self.children.iter().filter(|child| !child.closed);
        let inside = children.filter_map(|child| child.frame.next());
        let due = self.due.iter().flatten().copied();
        inside.chain(due).chain(self.deadline).min()
    }
}

/// What happens to this machine.
fn story(machine: &Machine, halt: Option<u64>) -> Vec<String> {
    let mut model = Model {
        now: 0,
        log: Vec::new(),
        counters: BTreeMap::new(),
        changes: 0,
    };
    let mut task = Frame::new(machine);
    let mut end = task.enter(&mut model, 0);
    loop {
        // A region may have saved what one before it waits for.
        while end.is_none() {
            let before = model.changes;
            end = task.go_on(&mut model, false);
            if model.changes == before {
                break;
            }
        }
        if end.is_some() {
            break;
        }
        // Where regions are done and nothing else is in sight, only the task's own limit is left.
        let next = task.next().unwrap_or(u64::MAX).min(TASK_TIMEOUT);
        if let Some(halt) = halt.filter(|halt| *halt <= next) {
            model.now = halt;
            task.leave(&mut model);
            model.tell(machine, "finish cancelled");
            return model.log;
        }
        model.now = next;
        if next == TASK_TIMEOUT {
            let state = state_name(task.state);
            model.tell(machine, &format!("timeout task {state}"));
            task.leave(&mut model);
            model.tell(machine, "finish timed out");
            return model.log;
        }
        end = task.go_on(&mut model, false);
    }
    let word = match end {
        Some(Ok(())) => "passed",
        Some(Err(Trouble::Timeout)) => "timed out",
        _ => "failed",
    };
    model.tell(machine, &format!("finish {word}"));
    model.log
}

/// The same, as the machine tells it, with the hash of its trace.
fn told(text: &str, halt: Option<u64>) -> Option<(Vec<String>, String)> {
    let machine = compiled(text).ok()?;
    let mut world = VirtualWorld::new();
    if let Some(halt) = halt {
        world = world.halt_at(std::time::Duration::from_millis(halt), "stopped");
    }
    let _ = world
        .block_on(run(&machine, Inputs::default(), &world))
        .expect("the task's own deadline always wakes it");
    assert_eq!(world.open_subscriptions(), 0);
    let facts = world.facts();
    let mut names: BTreeMap<FrameId, String> = BTreeMap::new();
    let mut lines = Vec::new();
    for one in &facts {
        let line = match &one.fact {
            Fact::FrameOpened(opened) => {
                names.insert(one.frame, opened.name.to_string());
                "open".to_owned()
            }
            Fact::FrameClosed { end, .. } => format!("close {}", end.word()),
            Fact::StateEntered { state, visit } => format!("enter {state} #{visit}"),
            Fact::TransitionTaken {
                from,
                to,
                also_ready,
                ..
            } => format!("take {from} → {to} [{}]", also_ready.join(" ")),
            Fact::TimedOut { scope, state, .. } => format!("timeout {} {state}", scope.word()),
            Fact::ExecutionFinished { outcome, .. } => format!("finish {}", outcome.word()),
            _ => continue,
        };
        let at = one.at.0 / 1000;
        lines.push(match one.frame {
            ROOT => format!("{at} {line}"),
            frame => format!("{at} {}: {line}", names[&frame]),
        });
    }
    Some((lines, trace_hash(&facts)))
}

fn one(seed: u64) -> Option<(String, Option<u64>)> {
    let mut random = Random::new(seed);
    let machine = machine(&mut random, "t", 2, &[]);
    let halt = random.chance(20).then(|| 50 * (1 + random.below(30)));
    let mut task = machine.to_json();
    task["version"] = 1.into();
    task["vars"] = json!({ "n_t": 0 });
    task["max_global_transition_timeout"] = format!("{TRANSITION_TIMEOUT}ms").into();
    task["timeout"] = "1h".into();
    let text = task.to_string();
    let (lines, _) = told(&text, halt)?;
    let wanted = story(&machine, halt);
    assert_eq!(
        lines,
        wanted,
        "seed {seed}, halt {halt:?}\n{}",
        serde_json::to_string_pretty(&task).expect("plain data")
    );
    Some((text, halt))
}

#[test]
fn machines_with_regions_tell_the_story_of_the_page() {
    let cases = crate::cases();
    with_room(move || {
        let mut told = 0;
        let mut seed = 0;
        while told < cases {
            told += u32::from(one(seed).is_some());
            seed += 1;
            assert!(seed < 20 * u64::from(cases), "too few machines are right");
        }
    });
}

#[test]
fn the_random_machines_with_regions_are_no_monoculture() {
    // A generator that only makes trivial machines would prove nothing.
    with_room(|| {
        let mut words: BTreeMap<&str, u32> = BTreeMap::new();
        for (text, halt) in (0..400).filter_map(one) {
            let (lines, _) = told(&text, halt).expect("it was right");
            let mut add = |word, found: bool| *words.entry(word).or_default() += u32::from(found);
            let any = |part: &str| lines.iter().any(|line| line.contains(part));
            add("joined", any("close done"));
            add("cancelled", any("close cancelled"));
            add("failed", any("close failed"));
            add(
                "tie",
                lines
                    .iter()
                    .any(|line| line.contains("take") && !line.ends_with("[]")),
            );
            add("nested", lines.iter().any(|line| line.contains('_')));
            add("timeout", any("timeout transition"));
            add("halt", any("finish cancelled"));
            add("looks at regions", text.contains("when"));
        }
        for (word, count) in &words {
            assert!(*count >= 5, "{word}: {count}\n{words:#?}");
        }
    });
}

#[test]
fn the_same_machine_leaves_the_same_trace() {
    with_room(|| {
        let large = (0..40).filter_map(one).max_by_key(|(text, _)| text.len());
        let (text, halt) = large.expect("some machine is right");
        let first = told(&text, halt).expect("it was right").1;
        for _ in 0..300 {
            assert_eq!(told(&text, halt).expect("it was right").1, first);
        }
    });
}
