//! Random states whose conditions stay, count, collect, poll and lead on, over one `listen` entry. The interpreter beside
//! them was written from the language page: it goes from moment to moment, and in each looks at the conditions in the
//! order of the file, until nothing more happens.

use crate::{Random, cases, compiled, facts_of, with_room};
use funcy::event::Fact;
use funcy::sim::{Stub, VirtualWorld};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

struct Spec {
    /// When each message comes, and what it is.
    mail: Vec<(u64, i64)>,
    states: Vec<State>,
}

struct State {
    ways: Vec<Way>,
    timeout: u64,
}

struct Way {
    /// Adds one to `n`, and does not lead on.
    stays: bool,
    kind: Kind,
}

enum Kind {
    Mail {
        value: i64,
        count: Option<usize>,
    },
    /// `expect`: so many.
    Collect {
        value: i64,
        length: u64,
        expect: Option<usize>,
    },
    Poll {
        value: i64,
        every: u64,
        answers: Vec<(u64, i64)>,
    },
    Wait(u64),
    /// `n` is at least so much; without a strategy.
    Counted(i64),
}

fn spec(random: &mut Random) -> Spec {
    let mut at = 0;
    let mail = (0..random.below(14))
        .map(|_| {
            at += 10 * random.below(4);
            (at, random.below(3) as i64)
        })
        .collect();
    let states = (0..=random.below(3)).map(|_| state(random)).collect();
    Spec { mail, states }
}

fn state(random: &mut Random) -> State {
    let mut ways: Vec<Way> = (0..=random.below(4))
        .map(|_| {
            let kind = match random.below(8) {
                0..=3 => Kind::Mail {
                    value: random.below(3) as i64,
                    count: random.chance(40).then(|| 1 + random.below(3) as usize),
                },
                4 => Kind::Collect {
                    value: random.below(3) as i64,
                    length: 10 + 10 * random.below(9),
                    expect: random.chance(40).then(|| random.below(3) as usize),
                },
                5 => Kind::Poll {
                    value: random.below(3) as i64,
                    every: 10 + 10 * random.below(4),
                    answers: (0..=random.below(6))
                        .map(|_| (10 * random.below(4), random.below(3) as i64))
                        .collect(),
                },
                6 => Kind::Wait(10 + 10 * random.below(9)),
                _ => Kind::Counted(1 + random.below(4) as i64),
            };
            let may_stay = matches!(kind, Kind::Mail { .. } | Kind::Poll { .. });
            Way {
                stays: may_stay && random.chance(60),
                kind,
            }
        })
        .collect();
    // What ends the state in any case, and is judged last.
    ways.push(Way {
        stays: false,
        kind: Kind::Wait(100),
    });
    State {
        ways,
        timeout: 110 + 10 * random.below(5),
    }
}

impl Spec {
    fn to_json(&self) -> Json {
        let mut task = json!({
            "version": 1,
            "vars": { "n": 0 },
            "listen": { "mail": { "stub": "inbox" } },
            "start_state": "s0",
            "final_state": format!("s{}", self.states.len()),
            "states": {},
        });
        for (index, state) in self.states.iter().enumerate() {
            let next = format!("s{}", index + 1);
            let ways: Vec<Json> = state.ways.iter().map(|way| way.to_json(&next)).collect();
            task["states"][format!("s{index}")] =
                json!({ "timeout": ms(state.timeout), "transitions": ways });
        }
        task["states"][format!("s{}", self.states.len())] = Json::Null;
        task
    }

    fn world(&self) -> VirtualWorld {
        let mut world = VirtualWorld::new();
        for (at, value) in &self.mail {
            world = world.message("listen.mail", Duration::from_millis(*at), json!(value));
        }
        for (index, state) in self.states.iter().enumerate() {
            for (number, way) in state.ways.iter().enumerate() {
                let Kind::Poll { answers, .. } = &way.kind else {
                    continue;
                };
                let path = format!("states.s{index}.transitions[{number}].poll");
                for (latency, value) in answers {
                    let latency = Duration::from_millis(*latency);
                    world = world.answer(&path, Stub::reply(latency, json!(value)));
                }
            }
        }
        world
    }
}

fn ms(length: u64) -> String {
    format!("{length}ms")
}

impl Way {
    fn to_json(&self, next: &str) -> Json {
        let mut way = if self.stays {
            json!({ "stay": true, "set": { "n": "n + 1" } })
        } else {
            json!({ "to": next })
        };
        let when = |value: &i64| json!(format!("res == {value}"));
        match &self.kind {
            Kind::Mail { value, count } => {
                way["subscribe"] = json!("mail");
                way["when"] = when(value);
                match count {
                    None => {}
                    Some(1) => way["count"] = json!("n - n + 1"),
                    Some(count) => way["count"] = json!(count),
                }
            }
            Kind::Collect {
                value,
                length,
                expect,
            } => {
                way["subscribe"] = json!("mail");
                way["when"] = when(value);
                way["collect"] = json!(ms(*length));
                if let Some(expect) = expect {
                    way["expect"] = json!(format!("len(res) == {expect}"));
                }
            }
            Kind::Poll { value, every, .. } => {
                way["poll"] = json!({ "stub": "look" });
                way["every"] = json!(ms(*every));
                way["when"] = when(value);
            }
            Kind::Wait(length) => way["wait"] = json!(ms(*length)),
            Kind::Counted(least) => way["when"] = json!(format!("n >= {least}")),
        }
        way
    }
}

/// What a condition could decide now.
enum Offer {
    /// With these messages.
    Fulfilled(Vec<usize>),
    Failed,
}

/// A condition while its state waits.
struct Armed {
    /// The first message that it has not looked at.
    cursor: usize,
    found: Vec<usize>,
    /// The next answer of a poll: when it comes, and which it is.
    next: (u64, usize),
    offer: Option<Offer>,
}

struct Model<'a> {
    spec: &'a Spec,
    now: u64,
    n: i64,
    taken: Vec<bool>,
    log: Vec<String>,
}

/// How a visit ended.
enum Left {
    Next,
    Failed,
    TimedOut,
}

fn model(spec: &Spec) -> Vec<String> {
    let mut model = Model {
        spec,
        now: 0,
        n: 0,
        taken: vec![false; spec.mail.len()],
        log: Vec::new(),
    };
    let mut outcome = "passed";
    for (index, state) in spec.states.iter().enumerate() {
        model.tell(&format!("enter s{index}"));
        match model.visit(index, state) {
            Left::Next => model.tell(&format!("take s{index}")),
            Left::Failed => outcome = "failed",
            Left::TimedOut => outcome = "timed_out",
        }
        if outcome != "passed" {
            break;
        }
    }
    if outcome == "passed" {
        model.tell(&format!("enter s{}", spec.states.len()));
    }
    model.tell(&format!("finish {outcome}"));
    model.log
}

impl Model<'_> {
    fn tell(&mut self, line: &str) {
        self.log.push(format!("{} {line}", self.now));
    }

    fn counted(&self, state: &State) -> bool {
        let mut ways = state.ways.iter();
        ways.any(|way| matches!(way.kind, Kind::Counted(least) if self.n >= least))
    }

    fn visit(&mut self, index: usize, state: &State) -> Left {
        if self.counted(state) {
            return Left::Next;
        }
        let began = self.now;
        let deadline = began + state.timeout;
        let mut armed: Vec<Armed> = (state.ways.iter())
            .map(|way| Armed {
                cursor: 0,
                found: Vec::new(),
                next: match &way.kind {
                    Kind::Poll { answers, .. } => (began + answers[0].0, 0),
                    _ => (0, 0),
                },
                offer: None,
            })
            .collect();
        let mut stayed = vec![0; state.ways.len()];
        loop {
            for (way, armed) in state.ways.iter().zip(&mut armed) {
                self.look(way, armed, began, deadline);
            }
            let Some(first) = armed.iter().position(|one| one.offer.is_some()) else {
                if self.now == deadline {
                    self.tell(&format!("timeout s{index}"));
                    return Left::TimedOut;
                }
                self.now = self.next_moment(state, &armed, began).min(deadline);
                continue;
            };
            let Some(Offer::Fulfilled(messages)) = armed[first].offer.take() else {
                return Left::Failed;
            };
            for message in messages {
                self.taken[message] = true;
            }
            if !state.ways[first].stays {
                return Left::Next;
            }
            self.n += 1;
            stayed[first] += 1;
            self.tell(&format!("stays s{index} #{}", stayed[first]));
            if let Kind::Poll { every, answers, .. } = &state.ways[first].kind {
                armed[first].next = self.after(*every, answers, armed[first].next.1, deadline);
            }
            for one in &mut armed {
                let is_stale = matches!(&one.offer, Some(Offer::Fulfilled(messages))
                    if messages.iter().any(|message| self.taken[*message]));
                if is_stale {
                    one.offer = None;
                }
            }
            if self.counted(state) {
                return Left::Next;
            }
        }
    }

    /// The answer behind this one.
    fn after(
        &self,
        every: u64,
        answers: &[(u64, i64)],
        number: usize,
        deadline: u64,
    ) -> (u64, usize) {
        let begins = self.now + every;
        let number = (number + 1).min(answers.len() - 1);
        if begins >= deadline {
            return (u64::MAX, number);
        }
        (begins + answers[number].0, number)
    }

    /// Goes on with one condition as far as it comes at this moment.
    fn look(&self, way: &Way, armed: &mut Armed, began: u64, deadline: u64) {
        if armed.offer.is_some() {
            return;
        }
        match &way.kind {
            Kind::Wait(length) => {
                if self.now >= began + length {
                    armed.offer = Some(Offer::Fulfilled(Vec::new()));
                }
            }
            Kind::Poll {
                value,
                every,
                answers,
            } if self.now == armed.next.0 => {
                if answers[armed.next.1].1 == *value {
                    armed.offer = Some(Offer::Fulfilled(Vec::new()));
                } else {
                    armed.next = self.after(*every, answers, armed.next.1, deadline);
                }
            }
            Kind::Counted(_) | Kind::Poll { .. } => {}
            Kind::Mail { value, count } => {
                while let Some(message) = self.next_message(armed) {
                    if self.spec.mail[message].1 != *value {
                        continue;
                    }
                    armed.found.push(message);
                    if armed.found.len() >= count.unwrap_or(1) {
                        armed.found.retain(|one| !self.taken[*one]);
                    }
                    if armed.found.len() >= count.unwrap_or(1) {
                        armed.offer = Some(Offer::Fulfilled(armed.found.clone()));
                        if count.is_none() {
                            armed.found.clear();
                        }
                        return;
                    }
                }
            }
            Kind::Collect {
                value,
                length,
                expect,
            } => {
                while let Some(message) = self.next_message(armed) {
                    if self.spec.mail[message].1 == *value {
                        armed.found.push(message);
                    }
                }
                if self.now >= began + length {
                    armed.found.retain(|one| !self.taken[*one]);
                    let holds = expect.is_none_or(|expect| armed.found.len() == expect);
                    armed.offer = Some(if holds {
                        Offer::Fulfilled(armed.found.clone())
                    } else {
                        Offer::Failed
                    });
                }
            }
        }
    }

    /// The next message that is there and that nobody has taken.
    fn next_message(&self, armed: &mut Armed) -> Option<usize> {
        let mail = self.spec.mail.iter().enumerate().skip(armed.cursor);
        let mut there = mail.filter(|(at, (came, _))| *came <= self.now && !self.taken[*at]);
        let (message, _) = there.next()?;
        armed.cursor = message + 1;
        Some(message)
    }

    /// When something happens next.
    fn next_moment(&self, state: &State, armed: &[Armed], began: u64) -> u64 {
        let mut moments: Vec<u64> = self.spec.mail.iter().map(|(at, _)| *at).collect();
        for (way, armed) in state.ways.iter().zip(armed) {
            match &way.kind {
                Kind::Wait(length) | Kind::Collect { length, .. } => moments.push(began + length),
                Kind::Poll { .. } => moments.push(armed.next.0),
                Kind::Mail { .. } | Kind::Counted(_) => {}
            }
        }
        let later = moments.into_iter().filter(|at| *at > self.now);
        later.min().unwrap_or(u64::MAX)
    }
}

fn story(spec: &Spec) -> Vec<String> {
    let text = spec.to_json().to_string();
    let machine = compiled(&text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
    let told = facts_of(&machine, &spec.world()).into_iter();
    told.filter_map(|(at, fact)| {
        let line = match fact {
            Fact::StateEntered { state, .. } => format!("enter {state}"),
            Fact::Stayed { state, times, .. } => format!("stays {state} #{times}"),
            Fact::TransitionTaken { from, .. } => format!("take {from}"),
            Fact::TimedOut { state, .. } => format!("timeout {state}"),
            Fact::ExecutionFinished { outcome, .. } => format!("finish {}", outcome.word()),
            _ => return None,
        };
        Some(format!("{} {line}", at / 1000))
    })
    .collect()
}

#[test]
fn conditions_that_stay_and_collect_do_what_the_page_says() {
    with_room(|| {
        let mut words: BTreeMap<&str, u32> = BTreeMap::new();
        for seed in 0..u64::from(cases()) {
            let spec = spec(&mut Random::new(seed));
            let (found, expected) = (story(&spec), model(&spec));
            assert_eq!(
                found,
                expected,
                "seed {seed}\n{:#}\nmail {:?}",
                spec.to_json(),
                spec.mail
            );
            for line in &expected {
                let word = ["stays", "timeout", "passed", "failed"];
                for word in word.into_iter().filter(|word| line.contains(word)) {
                    *words.entry(word).or_default() += 1;
                }
            }
        }
        // A generator that makes only trivial states would prove nothing.
        for (word, least) in [("stays", 200), ("passed", 200), ("failed", 10)] {
            let count = words.get(word).copied().unwrap_or(0);
            assert!(count >= least, "{word}: {count}");
        }
    });
}
