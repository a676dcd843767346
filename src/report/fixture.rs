//! Runs to test reports with.

use crate::event::{
    Attempted, ConditionState, ConditionStrategy, ErrorKind, Event, ExecutionStarted, Explanation,
    Fact, Failure, Headline, Json, Location, Metrics, Missing, Name, Operand, OperandKind, Outcome,
    Pos, Reply, RunStarted, Span, StateMetrics, Tally,
};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A file that several may hold, to be read back.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("no panic while held").clone();
        String::from_utf8(bytes).expect("text")
    }

    /// What was written since the last call.
    pub(crate) fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().expect("no panic while held"));
        String::from_utf8(bytes).expect("text")
    }
}

impl Write for Shared {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no panic while held")
            .extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The task that most tests are about.
pub(crate) const ORDER: &str = r#"version: 1
name: order-ships
vars:
  total: 100.0

clients:
  shop: { http: { base_url: "http://127.0.0.1:7801" } }

start_state: place
final_state: shipped

states:
  place:
    instructions:
      - shop:
          post: /orders
          json: { sku: A-1 }
        save:
          order_id: res.body.id
        expect:
          - res.status == 201
          - res.body.total > 0
          - one_of(res.body.status, ['new', 'placed'])
    transitions: [placed]

  placed:
    poll:
      shop: GET /orders/${order_id}
    every: 500ms
    transitions:
      - to: shipped
        when: res.body.status == "shipped" && res.body.total == total
      - to: rejected
        when: res.body.status in ['rejected', 'lost']
      - fail_when: res.status >= 500

  shipped:
    transition_condition:
      subscribe:
        bus: orders.*.shipped
      when: |
        let wanted = order_id;
        res.body.order_id == wanted
          && res.body.carrier != null
"#;

pub(crate) const FILE: &str = "tasks/order.yaml";

/// The place of a piece of [`ORDER`], which must occur there.
pub(crate) fn place(path: &str, piece: &str) -> Arc<Location> {
    Arc::new(Location {
        file: FILE.into(),
        path: path.into(),
        span: span_in(ORDER, piece),
    })
}

/// Where a piece stands in a text.
pub(crate) fn span_in(text: &str, piece: &str) -> Span {
    let start = text
        .find(piece)
        .unwrap_or_else(|| panic!("{piece:?} is in the text"));
    Span {
        start: position(text, start),
        end: position(text, start + piece.len()),
    }
}

fn position(text: &str, offset: usize) -> Pos {
    let before = &text[..offset];
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    Pos {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line..].chars().count() as u32 + 1,
    }
}

/// An explanation in the making.
pub(crate) struct Explain<'t> {
    text: &'t str,
    base: usize,
    explanation: Explanation,
}

/// An explanation of an expression that stands in this text.
pub(crate) fn explain<'t>(text: &'t str, source: &str, value: impl Into<Json>) -> Explain<'t> {
    let base = text
        .find(source)
        .unwrap_or_else(|| panic!("{source:?} is in the text"));
    Explain {
        text,
        base,
        explanation: Explanation {
            source: source.to_owned(),
            value: Some(value.into()),
            ..Explanation::default()
        },
    }
}

impl Explain<'_> {
    fn push(
        mut self,
        depth: u16,
        piece: &str,
        value: Option<Json>,
        sides: Option<(Json, Json)>,
    ) -> Self {
        let inside = self.explanation.source.find(piece);
        let start = self.base + inside.unwrap_or_else(|| panic!("{piece:?} is inside"));
        self.explanation.operands.push(Operand {
            span: Span {
                start: position(self.text, start),
                end: position(self.text, start + piece.len()),
            },
            source: piece.to_owned(),
            depth,
            kind: kind(piece),
            parent: None,
            value,
            sides,
            difference: None,
        });
        self
    }

    /// An operand with its value.
    pub(crate) fn value(self, depth: u16, piece: &str, value: impl Into<Json>) -> Self {
        self.push(depth, piece, Some(value.into()), None)
    }

    /// A comparison; unknown, where a side is missing.
    pub(crate) fn compared(
        self,
        depth: u16,
        piece: &str,
        held: bool,
        left: impl Into<Json>,
        right: impl Into<Json>,
    ) -> Self {
        let sides: (Json, Json) = (left.into(), right.into());
        let is_unknown = (sides.0.is_null() || sides.1.is_null())
            && !matches!(kind(piece), OperandKind::IsNull | OperandKind::IsNotNull);
        let value = if is_unknown { Json::Null } else { held.into() };
        self.push(depth, piece, Some(value), Some(sides))
    }

    /// An operand that was not evaluated.
    pub(crate) fn skipped(self, depth: u16, piece: &str) -> Self {
        self.push(depth, piece, None, None)
    }

    /// A member that does not exist.
    pub(crate) fn missing(mut self, path: &str, nearest: Option<&str>) -> Self {
        self.explanation.missing.push(Missing {
            path: path.to_owned(),
            nearest: nearest.map(str::to_owned),
            hint: None,
        });
        self
    }

    pub(crate) fn done(self) -> Explanation {
        self.explanation
    }
}

/// What an expression is, as the tree of the language has it.
fn kind(piece: &str) -> OperandKind {
    use crate::syntax::Operator as O;
    use crate::syntax::tree::Kind;
    // Names are ASCII in the language; a fixture may have others.
    let plain = piece.replace(|c: char| !c.is_ascii(), "a");
    let Ok(node) = crate::syntax::expression(&plain) else {
        return OperandKind::Computed;
    };
    match &node.kind {
        Kind::Not(_) => OperandKind::Not,
        Kind::Variable(_) | Kind::Member { .. } | Kind::Index { .. } => OperandKind::Path,
        Kind::Binary(operator, left, right) => match operator {
            O::And => OperandKind::And,
            O::Or => OperandKind::Or,
            O::Equal if left.is_null() || right.is_null() => OperandKind::IsNull,
            O::NotEqual if left.is_null() || right.is_null() => OperandKind::IsNotNull,
            O::Equal => OperandKind::Equal,
            O::NotEqual => OperandKind::NotEqual,
            O::Less => OperandKind::Less,
            O::LessOrEqual => OperandKind::LessOrEqual,
            O::Greater => OperandKind::Greater,
            O::GreaterOrEqual => OperandKind::GreaterOrEqual,
            O::In => OperandKind::In,
            O::NotIn => OperandKind::NotIn,
            _ => OperandKind::Computed,
        },
        _ => OperandKind::Computed,
    }
}

/// A headline with nothing but its message.
pub(crate) fn headline(kind: ErrorKind, state: &str, message: &str) -> Headline {
    Headline {
        state: (!state.is_empty()).then(|| state.into()),
        attempts: 1,
        ..Headline::of(Failure::new(kind, message))
    }
}

/// A condition that was waited for.
pub(crate) fn condition(
    place: Arc<Location>,
    strategy: ConditionStrategy,
    attempts: u32,
) -> ConditionState {
    ConditionState {
        place,
        to: Some("shipped".into()),
        strategy,
        is_fulfilled: false,
        stayed: 0,
        source: None,
        attempts,
        last: None,
        again: None,
        trouble: None,
        operand: None,
        values: Vec::new(),
        more_values: 0,
        unchanged_micros: 0,
        explanations: Vec::new(),
    }
}

/// What the order task waits for, and why it did not come.
pub(crate) fn not_shipped() -> Headline {
    let source = r#"res.body.status == "shipped" && res.body.total == total"#;
    let explanation = explain(ORDER, source, false)
        .value(0, source, false)
        .compared(
            1,
            r#"res.body.status == "shipped""#,
            true,
            "shipped",
            "shipped",
        )
        .value(2, "res.body.status", "shipped")
        .compared(1, "res.body.total == total", false, 99.5, 100.0)
        .value(2, "res.body.total", 99.5)
        .done();
    let mut poll = condition(
        place("states.placed.transitions[0].when", source),
        ConditionStrategy::Poll,
        38,
    );
    poll.last = Some("GET http://127.0.0.1:7801/orders/7 → 200 in 4ms".into());
    poll.again = Some("curl -sS http://127.0.0.1:7801/orders/7".into());
    poll.values = vec![("packed".into(), 3), ("shipped".into(), 35)];
    poll.unchanged_micros = 18_400_000;
    poll.explanations = vec![explanation];
    let message = "no transition within 20s";
    Headline {
        attempts: 38,
        micros: 20_000_000,
        place: Some(place("states.placed", "placed:\n")),
        conditions: vec![poll],
        ..headline(ErrorKind::Timeout, "placed", message)
    }
}

/// Events in the making: numbered, and each a little later than the one before.
pub(crate) struct Log {
    pub(crate) events: Vec<Event>,
    pub(crate) now: i64,
}

impl Log {
    /// A run of this many tasks.
    pub(crate) fn run(tasks: u32) -> Self {
        let mut log = Self {
            events: Vec::new(),
            now: 1_764_000_000_000_000,
        };
        log.push(
            None,
            Fact::RunStarted(Box::new(RunStarted {
                version: "0.1.0".to_owned(),
                command: vec!["funcy".to_owned(), "run".to_owned()],
                seed: 7,
                tasks,
                jobs: 4,
                ..RunStarted::default()
            })),
        );
        log
    }

    pub(crate) fn push(&mut self, execution: Option<u32>, fact: Fact) -> &mut Self {
        self.now += 1_000;
        self.events.push(Event {
            run: "7KP".into(),
            seq: self.events.len() as u64 + 1,
            at: self.now,
            execution,
            frame: crate::event::ROOT,
            fact,
        });
        self
    }

    pub(crate) fn wait(&mut self, micros: i64) -> &mut Self {
        self.now += micros;
        self
    }

    pub(crate) fn start(
        &mut self,
        id: u32,
        task: &str,
        index: u32,
        attempt: (u32, u32),
    ) -> &mut Self {
        let source = (attempt.0 == 1).then(|| Name::from(ORDER));
        let started = ExecutionStarted {
            task: task.into(),
            file: FILE.into(),
            index,
            attempt: attempt.0,
            attempts: attempt.1,
            tags: vec!["orders".into()],
            source,
            ..ExecutionStarted::default()
        };
        self.push(Some(id), Fact::ExecutionStarted(Box::new(started)))
    }

    pub(crate) fn enter(&mut self, id: u32, state: &str) -> &mut Self {
        let state = state.into();
        self.push(Some(id), Fact::StateEntered { state, visit: 1 })
    }

    pub(crate) fn leave(&mut self, id: u32, from: &str, to: &str) -> &mut Self {
        let fact = Fact::TransitionTaken {
            from: from.into(),
            to: to.into(),
            place: place("states.place", "placed]"),
            also_ready: Vec::new(),
        };
        self.push(Some(id), fact)
    }

    pub(crate) fn poll(&mut self, id: u32, attempt: u32, seen: &str) -> &mut Self {
        let place = place("states.placed.poll", "shop: GET");
        let reply = Reply {
            summary: "GET http://127.0.0.1:7801/orders/7 → 200 in 4ms".into(),
            ..Reply::default()
        };
        let answered = Fact::PollAnswered {
            place: Arc::clone(&place),
            attempt,
            micros: 4_000,
            result: Attempted::Reply(reply),
        };
        let checked = Fact::ConditionChecked {
            place,
            attempt,
            verdict: crate::event::ConditionVerdict::NotYet,
            explanation: None,
            seen: Some(Box::new(("res.body.status".into(), seen.into()))),
        };
        self.push(Some(id), answered).push(Some(id), checked)
    }

    pub(crate) fn end(
        &mut self,
        id: u32,
        outcome: Outcome,
        headline: Option<Headline>,
        micros: u64,
    ) -> &mut Self {
        let state: Name = if outcome.is_good() {
            "shipped"
        } else {
            "placed"
        }
        .into();
        let metrics = Metrics {
            micros,
            transitions: 2,
            attempts: 39,
            states: vec![StateMetrics {
                state: "placed".into(),
                visits: 1,
                micros: micros / 2,
            }],
            ..Metrics::default()
        };
        let finished = Fact::ExecutionFinished {
            outcome,
            headline: headline.map(Box::new),
            state: Some(state),
            outputs: Json::Null,
            metrics: Box::new(metrics),
        };
        self.push(Some(id), finished)
    }

    pub(crate) fn finish(&mut self, outcomes: &[Outcome]) -> &mut Self {
        let mut tally = Tally::default();
        for outcome in outcomes {
            tally.add(*outcome);
        }
        let outcome = outcomes.iter().max().copied().unwrap_or(Outcome::Passed);
        let micros = (self.now - self.events[0].at).unsigned_abs();
        self.push(
            None,
            Fact::RunFinished {
                outcome,
                tally,
                micros,
            },
        )
    }
}

/// A run with an end of each kind.
pub(crate) fn sample_run() -> Vec<Event> {
    let mut log = Log::run(6);
    log.start(1, "order-ships", 0, (1, 1))
        .enter(1, "place")
        .wait(120_000)
        .leave(1, "place", "placed")
        .enter(1, "placed")
        .push(
            Some(1),
            Fact::WaitStarted {
                limit_micros: Some(20_000_000),
            },
        )
        .start(2, "order-cancelled", 1, (1, 1))
        .enter(2, "place")
        .poll(1, 1, "packed")
        .end(2, Outcome::Passed, None, 340_000)
        .start(3, "refund", 2, (1, 3))
        .enter(3, "place")
        .end(3, Outcome::Failed, Some(unmet()), 90_000)
        .start(4, "refund", 2, (2, 3))
        .enter(4, "place")
        .end(4, Outcome::Flaky, None, 1_310_000)
        .wait(20_000_000)
        .poll(1, 38, "shipped")
        .end(1, Outcome::TimedOut, Some(not_shipped()), 20_130_000)
        .start(5, "old", 3, (1, 1))
        .end(5, Outcome::Skipped, None, 0)
        .start(6, "login", 4, (1, 1))
        .enter(6, "place");
    let mut refused = headline(
        ErrorKind::Transport,
        "place",
        "cannot connect to 127.0.0.1:7801: connection refused",
    );
    refused.place = Some(place("states.place.instructions[0]", "shop:\n"));
    refused.failure.hint = Some("is the service started?".to_owned());
    log.end(6, Outcome::Error, Some(refused), 12_000)
        .start(7, "stopped", 5, (1, 1))
        .enter(7, "place")
        .end(7, Outcome::Cancelled, None, 5_000)
        .finish(&[
            Outcome::Passed,
            Outcome::Flaky,
            Outcome::Skipped,
            Outcome::TimedOut,
            Outcome::Error,
            Outcome::Cancelled,
        ]);
    log.events
}

/// Three expectations, two of which were not met.
pub(crate) fn unmet() -> Headline {
    let status = explain(ORDER, "res.status == 201", false)
        .compared(0, "res.status == 201", false, 500, 201)
        .value(1, "res.status", 500)
        .done();
    let total = explain(ORDER, "res.body.total > 0", false)
        .compared(0, "res.body.total > 0", false, Json::Null, 0)
        .missing("res.body.total", Some("totals"))
        .done();
    let explanations = vec![
        (
            place(
                "states.place.instructions[0].expect[0]",
                "res.status == 201",
            ),
            status,
        ),
        (
            place(
                "states.place.instructions[0].expect[1]",
                "res.body.total > 0",
            ),
            total,
        ),
    ];
    let mut unmet = Headline {
        explanations,
        place: Some(place("states.place.instructions[0]", "shop:\n")),
        what: Some("POST /orders".into()),
        last: Some("POST http://127.0.0.1:7801/orders → 500 in 4ms".into()),
        ..headline(
            ErrorKind::Expect,
            "place",
            "2 of 3 expectations were not met",
        )
    };
    unmet.failure.again = Some(
        "curl -sS -X POST -H 'content-type: application/json' --data '{\"sku\":\"A-1\"}' http://127.0.0.1:7801/orders"
            .to_owned(),
    );
    unmet
}
