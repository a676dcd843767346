//! Trees out of choices: every constructor of [`tree`](crate::syntax::tree) has its row here.
//!
//! A tree is grown from a list of numbers, each of which decides one thing, so that a list cut short or made smaller is a
//! simpler tree: that is how a failure shrinks. A new constructor does not compile until it has a row.

use crate::event::Name;
use crate::syntax::tree::{
    Arm, Block, Call, If, Kind, Loop, Node, Piece, Statement, StatementKind, Switch, Target,
};
use crate::syntax::{OPERATORS, Operator};

/// Deepest tree that is grown.
const DEEPEST: usize = 6;
/// How often a loop that has no other end is gone through.
const ROUNDS: i64 = 3;

/// What a value may be: bits, since much gives more than one.
type Want = u16;
const BOOL: Want = 1;
const NUMBER: Want = 2;
const TEXT: Want = 4;
const LIST: Want = 8;
const MAP: Want = 16;
const NOTHING: Want = 32;
const ANY: Want = 63;

/// Lists the constructors of one `enum`, each with what makes it and what it may give.
macro_rules! constructors {
    ($table:ident, $name:ident, $of:ty { $($pattern:pat => $maker:ident: $gives:expr,)* }) => {
        const $table: &[(&str, Maker<$of>, Want)] = &[$((stringify!($maker), Grower::$maker, $gives),)*];

        /// The row of a value that was made.
        pub(super) fn $name(of: &$of) -> &'static str {
            match of { $($pattern => stringify!($maker),)* }
        }
    };
}

type Maker<T> = fn(&mut Grower, Want) -> T;

constructors!(KINDS, kind_name, Kind {
    Kind::Variable(_) => variable: ANY,
    Kind::Null => null: NOTHING,
    Kind::Bool(_) => boolean: BOOL,
    Kind::Int(_) => integer: NUMBER,
    Kind::Float(_) => float: NUMBER,
    Kind::Text(_) => text: TEXT,
    Kind::Interpolated(_) => interpolated: TEXT,
    Kind::This => this: NOTHING,
    Kind::Member { .. } => member: ANY,
    Kind::Index { .. } => index: ANY,
    Kind::Not(_) => not: BOOL,
    Kind::Negate(_) => negate: NUMBER,
    Kind::Binary(..) => binary: ANY,
    Kind::List(_) => list: LIST,
    Kind::Map(_) => map: MAP,
    Kind::Call(_) => call: ANY,
    Kind::Constant { .. } => constant: NUMBER,
    Kind::If(_) => conditional: ANY,
    Kind::Switch(_) => switch: ANY,
    Kind::Block(_) => braced: ANY,
    Kind::Closure { .. } => closure: NOTHING,
    Kind::Loop(_) => looped: ANY,
});

constructors!(STATEMENTS, statement_name, StatementKind {
    StatementKind::Expression(_) => expression: ANY,
    StatementKind::Let { .. } => declaration: ANY,
    StatementKind::Assign { .. } => assignment: ANY,
    StatementKind::Throw(_) => throw: ANY,
    StatementKind::Return(_) => leave: ANY,
    StatementKind::Break(_) => leave_loop: ANY,
    StatementKind::Continue => go_on: ANY,
    StatementKind::Try { .. } => tried: ANY,
    StatementKind::Function { .. } => function: ANY,
});

constructors!(LOOPS, loop_name, Loop {
    Loop::For { .. } => for_each: ANY,
    Loop::While(..) => while_it_holds: ANY,
    Loop::DoWhile(..) => do_while: ANY,
    Loop::DoUntil(..) => do_until: ANY,
    Loop::Endless(_) => endless: ANY,
});

constructors!(TARGETS, target_name, Target {
    Target::Function => of_nothing: ANY,
    Target::Method(_) => of_value: ANY,
    Target::Module(_) => of_module: ANY,
});

constructors!(PIECES, piece_name, Piece {
    Piece::Text(_) => piece_of_text: ANY,
    Piece::Code(_) => piece_of_code: ANY,
});

/// The names of all rows.
pub(super) fn rows() -> impl Iterator<Item = &'static str> {
    let names = KINDS.iter().map(|row| row.0);
    names
        .chain(STATEMENTS.iter().map(|row| row.0))
        .chain(LOOPS.iter().map(|row| row.0))
        .chain(TARGETS.iter().map(|row| row.0))
        .chain(PIECES.iter().map(|row| row.0))
}

/// Functions with what they take and give, ours and Rhai's; `CLOSURE`: a closure of one item, with what it gives.
const CLOSURE: Want = 64;
const CALLS: &[(&str, &[Want], Want)] = &[
    ("len", &[TEXT | LIST | MAP], NUMBER),
    ("min", &[NUMBER, NUMBER], NUMBER),
    ("max", &[LIST], NUMBER),
    ("sum", &[LIST], NUMBER),
    ("abs", &[NUMBER], NUMBER),
    ("to_float", &[NUMBER], NUMBER),
    ("contains", &[LIST | MAP | TEXT, ANY], BOOL),
    ("starts_with", &[TEXT, TEXT], BOOL),
    ("one_of", &[ANY, LIST], BOOL),
    ("approx", &[NUMBER, NUMBER], BOOL),
    ("is_empty", &[LIST], BOOL),
    ("all", &[LIST, CLOSURE | BOOL], BOOL),
    ("some", &[LIST, CLOSURE | BOOL], BOOL),
    ("filter", &[LIST, CLOSURE | BOOL], LIST),
    ("find", &[LIST, CLOSURE | BOOL], ANY),
    ("map", &[LIST, CLOSURE | ANY], LIST),
    ("sort", &[LIST], LIST),
    ("reverse", &[LIST | TEXT], LIST | TEXT),
    ("keys", &[MAP], LIST),
    ("values", &[MAP], LIST),
    ("trim", &[TEXT], TEXT),
    ("to_upper", &[TEXT], TEXT),
    ("to_json", &[ANY], TEXT),
    ("to_string", &[ANY], TEXT),
    ("split", &[TEXT, TEXT], LIST),
    ("type_of", &[ANY], TEXT),
    ("duration", &[TEXT], ANY),
    ("push", &[LIST, ANY], LIST),
    ("pop", &[LIST], ANY),
    ("remove", &[LIST, NUMBER], ANY),
    ("insert", &[LIST, NUMBER, ANY], LIST),
    ("replace", &[TEXT, TEXT, TEXT], TEXT),
    ("dedup", &[LIST], LIST),
    ("truncate", &[LIST | TEXT, NUMBER], LIST | TEXT),
    ("clear", &[LIST | MAP | TEXT], LIST | MAP | TEXT),
    ("append", &[LIST | TEXT, LIST | TEXT], LIST | TEXT),
    ("mixin", &[MAP, MAP], MAP),
    ("set", &[LIST, NUMBER, ANY], LIST),
    ("pad", &[LIST, NUMBER, ANY], LIST),
    ("chop", &[LIST | TEXT, NUMBER], LIST | TEXT),
    ("crop", &[TEXT, NUMBER, NUMBER], TEXT),
    ("splice", &[LIST, NUMBER, NUMBER, LIST], LIST),
    ("retain", &[LIST, CLOSURE | BOOL], LIST),
    ("drain", &[LIST, CLOSURE | BOOL], LIST),
    ("for_each", &[LIST, CLOSURE | ANY], LIST),
    ("shift", &[LIST], ANY),
    ("sort_desc", &[LIST], LIST),
    ("make_upper", &[TEXT], TEXT),
    ("join", &[LIST, TEXT], TEXT),
    ("capture", &[TEXT, TEXT], MAP),
    ("range", &[NUMBER, NUMBER], LIST),
    ("is_missing", &[ANY], BOOL),
    ("same", &[ANY, ANY], BOOL),
];

/// Modules and functions that the desk has: module, function, what it takes, what it gives.
const MODULES: &[(&str, &str, &[Want], Want)] = &[
    ("kit", "twice", &[NUMBER], NUMBER),
    ("kit", "prices", &[LIST], LIST),
    ("kit", "same_as", &[ANY, ANY], BOOL),
];

/// The source of that module.
pub(super) const KIT: &str = "const RATE = 2;\nfn twice(x) { x * global::RATE }\n\
    fn prices(items) { items.filter(|i| i.price > 0).map(|i| i.price) }\nfn same_as(a, b) { a == b }";

const PATHS: &[(&[&str], Want)] = &[
    (&["body", "total"], NUMBER),
    (&["body", "count"], NUMBER),
    (&["body", "huge"], NUMBER),
    (&["body", "status"], TEXT),
    (&["body", "default"], TEXT),
    (&["body", "paid"], BOOL),
    (&["body", "items"], LIST),
    (&["body", "tags"], LIST),
    (&["body", "case"], MAP),
    (&["headers"], MAP),
    (&["body", "note"], NOTHING),
    (&["body", "nope", "deeper"], NOTHING),
];

const TEXTS: &[&str] = &[
    "a",
    "",
    "shipped",
    "é ☃",
    "it's \"q\"",
    "a\\b",
    "${x}",
    "`",
    "1\n2\t\r",
    "5s",
    "2026-11-24T09:00:00Z",
    "content-type",
];
const INTEGERS: &[i64] = &[1, 0, 2, 3, 7, 64, i64::MAX, i64::MIN, -1];
const FLOATS: &[f64] = &[0.5, 0.0, 9.5, 99.5, 1e300, 1e-9, 9_007_199_254_740_992.0];
/// Names of members, among them words that Rhai keeps for itself.
const MEMBERS: &[&str] = &["a", "b", "price", "sku", "default", "new", "status", "x y"];

#[derive(Clone)]
struct Variable {
    name: Name,
    gives: Want,
    assignable: bool,
}

/// Grows a tree.
pub(super) struct Grower {
    choices: std::vec::IntoIter<u16>,
    depth: usize,
    variables: Vec<Variable>,
    functions: Vec<(Name, usize)>,
    /// How many loops of its own closure the place lies in.
    loops: usize,
    /// How many closures the place lies in.
    closures: usize,
    in_function: bool,
    /// How many blocks the place lies in, the script itself one of them.
    blocks: usize,
    counters: usize,
}

/// A whole script, of which every second is one expression.
pub(super) fn grown(choices: &[u16]) -> Node {
    let known = |name: &str, gives| Variable {
        name: name.into(),
        gives,
        assignable: false,
    };
    let mut grower = Grower {
        choices: choices.to_vec().into_iter(),
        depth: 0,
        variables: vec![
            known("n", NUMBER),
            known("flag", BOOL),
            known("name", TEXT),
            known("list", LIST),
            // A word that Rhai keeps for itself.
            known("default", NUMBER),
            known("never_saved", NOTHING),
        ],
        functions: Vec::new(),
        loops: 0,
        closures: 0,
        in_function: false,
        blocks: 0,
        counters: 0,
    };
    let mut root = if grower.pick(2) == 0 {
        grower.blocks = 1;
        grower.node(ANY)
    } else {
        leaf(Kind::Block(grower.block_of(2, ANY)))
    };
    // A script that is one expression is read as that.
    if let Kind::Block(block) = &mut root.kind
        && block.as_expression().is_some()
    {
        let kind = StatementKind::Expression(leaf(Kind::Null));
        block.statements.push(statement(kind));
    }
    root
}

fn leaf(kind: Kind) -> Node {
    Node::new(kind, 0..0)
}

fn statement(kind: StatementKind) -> Statement {
    Statement { kind, at: 0..0 }
}

fn boxed(kind: Kind) -> Box<Node> {
    Box::new(leaf(kind))
}

impl Grower {
    /// A number below `n`: 0 once the choices are used up.
    fn pick(&mut self, n: usize) -> usize {
        self.choices
            .next()
            .map_or(0, |choice| usize::from(choice) % n)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.pick(of.len())]
    }

    fn row<T>(&mut self, table: &'static [(&'static str, Maker<T>, Want)], want: Want) -> T {
        let rows: Vec<_> = table.iter().filter(|row| row.2 & want != 0).collect();
        let row = rows[self.pick(rows.len())];
        row.1(self, want)
    }

    fn node(&mut self, want: Want) -> Node {
        // Now and then something else than what is wanted: errors must be the same too.
        let want = if self.pick(24) == 23 { ANY } else { want };
        self.depth += 1;
        let at_end = self.depth > DEEPEST || self.choices.len() == 0;
        let kind = if at_end {
            self.end(want)
        } else {
            self.row(KINDS, want)
        };
        self.depth -= 1;
        let mut node = leaf(kind);
        node.bracketed = self.pick(8) == 7;
        node
    }

    fn boxed(&mut self, want: Want) -> Box<Node> {
        Box::new(self.node(want))
    }

    fn nodes(&mut self, most: usize, want: Want) -> Vec<Node> {
        let count = self.pick(most + 1);
        (0..count).map(|_| self.node(want)).collect()
    }

    /// What has nothing below it.
    fn end(&mut self, want: Want) -> Kind {
        let ways: [Maker<Kind>; 6] = [
            Self::boolean,
            Self::integer,
            Self::text,
            Self::variable,
            Self::float,
            Self::null,
        ];
        let gives = [BOOL, NUMBER, TEXT, ANY, NUMBER, NOTHING];
        let ways: Vec<_> = (ways.iter().zip(gives))
            .filter(|(_, gives)| gives & want != 0)
            .collect();
        ways[self.pick(ways.len())].0(self, want)
    }

    // -----------------------------------------------------------------------------------------------------
    // Expressions.

    fn variable(&mut self, want: Want) -> Kind {
        let fitting: Vec<Name> = (self.variables.iter())
            .filter(|variable| variable.gives & want != 0)
            .map(|variable| variable.name.clone())
            .collect();
        match fitting.len() {
            0 if self.in_function => Kind::Null,
            0 => Kind::Variable("res".into()),
            count => Kind::Variable(fitting[self.pick(count)].clone()),
        }
    }

    fn null(&mut self, _: Want) -> Kind {
        Kind::Null
    }

    fn boolean(&mut self, _: Want) -> Kind {
        Kind::Bool(self.pick(2) == 0)
    }

    fn integer(&mut self, _: Want) -> Kind {
        Kind::Int(self.one(INTEGERS))
    }

    fn float(&mut self, _: Want) -> Kind {
        Kind::Float(self.one(FLOATS))
    }

    fn text(&mut self, _: Want) -> Kind {
        Kind::Text(self.one(TEXTS).into())
    }

    fn interpolated(&mut self, want: Want) -> Kind {
        let count = self.pick(4);
        let mut pieces: Vec<Piece> = Vec::new();
        for _ in 0..count {
            let piece = self.row(PIECES, want);
            // Two texts side by side are read as one, and an empty one as none.
            let merges = matches!(
                (pieces.last(), &piece),
                (Some(Piece::Text(_)), Piece::Text(_))
            );
            if !merges {
                pieces.push(piece);
            }
        }
        Kind::Interpolated(pieces)
    }

    fn piece_of_text(&mut self, _: Want) -> Piece {
        Piece::Text(self.one(&["<", "`", "${", "é\n", "$", "\\n"]).into())
    }

    fn piece_of_code(&mut self, _: Want) -> Piece {
        let text = TEXT | NUMBER | BOOL;
        if self.pick(4) == 3 {
            return Piece::Code(self.block_of(2, text));
        }
        let node = self.node(text);
        Piece::Code(block(vec![statement(StatementKind::Expression(node))]))
    }

    fn this(&mut self, _: Want) -> Kind {
        if self.closures > 0 {
            Kind::This
        } else {
            Kind::Null
        }
    }

    fn member(&mut self, want: Want) -> Kind {
        if self.in_function || self.pick(4) == 3 {
            let of = self.boxed(MAP);
            // A member's name is a word; others stand in an index.
            let name = self.one(&MEMBERS[..MEMBERS.len() - 1]).into();
            return Kind::Member { of, name };
        }
        let paths: Vec<_> = PATHS.iter().filter(|path| path.1 & want != 0).collect();
        let (path, _) = paths[self.pick(paths.len())];
        path.iter()
            .fold(Kind::Variable("res".into()), |of, name| Kind::Member {
                of: boxed(of),
                name: (*name).into(),
            })
    }

    fn index(&mut self, want: Want) -> Kind {
        let _ = want;
        let (of, by) = match self.pick(3) {
            0 => (LIST, NUMBER),
            1 => (MAP, TEXT),
            _ => (TEXT, NUMBER),
        };
        let of = self.boxed(of);
        let by = if by == TEXT {
            boxed(Kind::Text(self.one(MEMBERS).into()))
        } else {
            self.boxed(by)
        };
        Kind::Index { of, by }
    }

    fn not(&mut self, _: Want) -> Kind {
        Kind::Not(self.boxed(BOOL))
    }

    fn negate(&mut self, _: Want) -> Kind {
        Kind::Negate(self.boxed(NUMBER))
    }

    fn binary(&mut self, want: Want) -> Kind {
        let fitting: Vec<Operator> = (OPERATORS.iter().map(|row| row.operator))
            .filter(|operator| want & given_by(*operator) != 0)
            .collect();
        let fitting = if fitting.is_empty() {
            vec![Operator::Coalesce]
        } else {
            fitting
        };
        let operator = self.one(&fitting);
        let (left, right) = match operator {
            Operator::And | Operator::Or => (BOOL, BOOL),
            Operator::Equal | Operator::NotEqual => {
                let side = self.one(&[NUMBER, TEXT, BOOL, LIST, ANY]);
                (side, side | NOTHING)
            }
            Operator::In | Operator::NotIn => self.one(&[(ANY, LIST), (TEXT, MAP), (TEXT, TEXT)]),
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => self.one(&[(NUMBER, NUMBER), (TEXT, TEXT)]),
            Operator::Coalesce => (want | NOTHING, want),
            Operator::Add => {
                let side = self.one(&[NUMBER, TEXT, LIST, MAP]);
                (side, side)
            }
            Operator::BitAnd | Operator::BitOr | Operator::BitXor => {
                let side = self.one(&[NUMBER, BOOL]);
                (side, side)
            }
            _ => (NUMBER, NUMBER),
        };
        let (mut left, mut right) = (self.boxed(left), self.boxed(right));
        if operator.is_logical() {
            for side in [&mut left, &mut right] {
                // What is never true or false is refused where it is written.
                if never_bool(&side.kind) {
                    **side = leaf(Kind::Bool(true));
                }
            }
        }
        Kind::Binary(operator, left, right)
    }

    fn list(&mut self, _: Want) -> Kind {
        let want = self.one(&[NUMBER, TEXT, BOOL, ANY]);
        Kind::List(self.nodes(3, want))
    }

    fn map(&mut self, _: Want) -> Kind {
        let count = self.pick(4);
        let mut members: Vec<(Name, Node)> = Vec::new();
        for _ in 0..count {
            let name: Name = self.one(MEMBERS).into();
            let value = self.node(ANY);
            if members.iter().all(|(known, _)| *known != name) {
                members.push((name, value));
            }
        }
        Kind::Map(members)
    }

    fn constant(&mut self, _: Want) -> Kind {
        Kind::Constant {
            module: "kit".into(),
            name: self.one(&["RATE", "RATE", "NOPE"]).into(),
        }
    }

    fn call(&mut self, want: Want) -> Kind {
        let target = self.row(TARGETS, want);
        let (name, takes): (Name, Vec<Want>) = match &target {
            Target::Module(_) => {
                let (_, name, takes, _) = self.one(MODULES);
                (name.into(), takes.to_vec())
            }
            _ if !self.functions.is_empty() && self.pick(3) == 0 => {
                let at = self.pick(self.functions.len());
                let (name, count) = self.functions[at].clone();
                (name, vec![NUMBER; count])
            }
            _ => {
                let calls: Vec<_> = CALLS.iter().filter(|call| call.2 & want != 0).collect();
                let calls = if calls.is_empty() {
                    CALLS.iter().collect()
                } else {
                    calls
                };
                let (name, takes, _) = calls[self.pick(calls.len())];
                ((*name).into(), takes.to_vec())
            }
        };
        let mut args: Vec<Node> = takes.iter().map(|want| self.argument(*want)).collect();
        let target = match target {
            Target::Method(_) if !args.is_empty() => Target::Method(Box::new(args.remove(0))),
            Target::Method(_) => Target::Function,
            other => other,
        };
        Kind::Call(Call {
            target,
            name,
            name_at: 0..0,
            args,
        })
    }

    fn argument(&mut self, want: Want) -> Node {
        if want & CLOSURE == 0 {
            return self.node(want);
        }
        leaf(self.closure(want & ANY))
    }

    fn of_nothing(&mut self, _: Want) -> Target {
        Target::Function
    }

    /// The value is the first argument, once there are some.
    fn of_value(&mut self, _: Want) -> Target {
        Target::Method(boxed(Kind::Null))
    }

    fn of_module(&mut self, _: Want) -> Target {
        Target::Module("kit".into())
    }

    fn conditional(&mut self, want: Want) -> Kind {
        let condition = self.node(BOOL);
        let then = self.block(want);
        let otherwise = (self.pick(3) > 0).then(|| self.block(want));
        Kind::If(Box::new(If {
            condition,
            then,
            otherwise,
        }))
    }

    fn switch(&mut self, want: Want) -> Kind {
        let of = self.node(NUMBER | TEXT);
        let count = self.pick(3);
        let mut arms: Vec<Arm> = (0..count)
            .map(|_| {
                let cases = (0..=self.pick(2)).map(|_| self.case()).collect();
                let guard = (self.pick(4) == 3).then(|| self.node(BOOL));
                let body = self.node(want);
                Arm { cases, guard, body }
            })
            .collect();
        if self.pick(2) == 0 {
            arms.push(Arm {
                cases: Vec::new(),
                guard: None,
                body: self.node(want),
            });
        }
        Kind::Switch(Box::new(Switch { of, arms }))
    }

    /// Rhai knows literals and ranges of integers here alone.
    fn case(&mut self) -> Node {
        let small = |this: &mut Self| boxed(Kind::Int(this.pick(9) as i64));
        match self.pick(6) {
            0 => *small(self),
            1 => leaf(self.text(ANY)),
            2 => leaf(self.boolean(ANY)),
            3 => leaf(Kind::Negate(small(self))),
            4 => {
                let (from, to) = (small(self), small(self));
                leaf(Kind::Binary(Operator::Range, from, to))
            }
            _ => leaf(Kind::Float(self.one(FLOATS))),
        }
    }

    fn braced(&mut self, want: Want) -> Kind {
        Kind::Block(self.block(want))
    }

    fn closure(&mut self, want: Want) -> Kind {
        let known = self.variables.len();
        let loops = std::mem::take(&mut self.loops);
        self.closures += 1;
        let params = match self.pick(8) {
            7 => Vec::new(),
            6 => vec![
                self.declared("x", ANY, true),
                self.declared("y", NUMBER, true),
            ],
            _ => vec![self.declared("x", NUMBER, true)],
        };
        let body = self.boxed(want);
        self.closures -= 1;
        self.loops = loops;
        self.variables.truncate(known);
        Kind::Closure { params, body }
    }

    /// A loop, with the counter that ends it declared before.
    fn looped(&mut self, want: Want) -> Kind {
        let looped = self.row(LOOPS, want);
        match looped {
            Loop::For { .. } => Kind::Loop(Box::new(looped)),
            other => {
                let kind = StatementKind::Let {
                    name: self.counter(),
                    value: Some(leaf(Kind::Int(0))),
                    constant: false,
                };
                let looped = leaf(Kind::Loop(Box::new(other)));
                let looped = StatementKind::Expression(looped);
                Kind::Block(block(vec![statement(kind), statement(looped)]))
            }
        }
    }

    /// The counter of the loop that was made last.
    fn counter(&self) -> Name {
        format!("rounds_{}", self.counters).into()
    }

    /// The body of a loop, which counts its rounds first.
    fn counted(&mut self, want: Want) -> (Block, Name) {
        self.loops += 1;
        let mut body = self.block(want);
        self.loops -= 1;
        self.counters += 1;
        let counter = self.counter();
        let count = StatementKind::Assign {
            target: leaf(Kind::Variable(counter.clone())),
            operator: Some(Operator::Add),
            value: leaf(Kind::Int(1)),
        };
        body.statements.insert(0, statement(count));
        (body, counter)
    }

    /// Whether the counter has not reached its end.
    fn bounded(counter: Name, operator: Operator) -> Box<Node> {
        let counter = boxed(Kind::Variable(counter));
        boxed(Kind::Binary(operator, counter, boxed(Kind::Int(ROUNDS))))
    }

    fn condition(&mut self) -> Box<Node> {
        let condition = self.boxed(BOOL);
        if never_bool(&condition.kind) {
            return boxed(Kind::Bool(true));
        }
        condition
    }

    fn for_each(&mut self, want: Want) -> Loop {
        let items = self.node(LIST);
        let known = self.variables.len();
        let item = self.declared("x", NUMBER, true);
        let index = (self.pick(2) == 1).then(|| self.declared("y", NUMBER, true));
        self.loops += 1;
        let body = self.block(want);
        self.loops -= 1;
        self.variables.truncate(known);
        Loop::For {
            item,
            index,
            items,
            body,
        }
    }

    fn while_it_holds(&mut self, want: Want) -> Loop {
        let condition = self.condition();
        let (body, counter) = self.counted(want);
        let less = Self::bounded(counter, Operator::Less);
        Loop::While(leaf(Kind::Binary(Operator::And, less, condition)), body)
    }

    fn do_while(&mut self, want: Want) -> Loop {
        let condition = self.condition();
        let (body, counter) = self.counted(want);
        let less = Self::bounded(counter, Operator::Less);
        Loop::DoWhile(body, leaf(Kind::Binary(Operator::And, less, condition)))
    }

    fn do_until(&mut self, want: Want) -> Loop {
        let condition = self.condition();
        let (body, counter) = self.counted(want);
        let enough = Self::bounded(counter, Operator::GreaterOrEqual);
        Loop::DoUntil(body, leaf(Kind::Binary(Operator::Or, enough, condition)))
    }

    fn endless(&mut self, want: Want) -> Loop {
        let value = (self.pick(2) == 1).then(|| self.node(want));
        let (mut body, counter) = self.counted(want);
        let end = StatementKind::Expression(leaf(Kind::If(Box::new(If {
            condition: *Self::bounded(counter, Operator::Greater),
            then: block(vec![statement(StatementKind::Break(value))]),
            otherwise: None,
        }))));
        body.statements.insert(1, statement(end));
        Loop::Endless(body)
    }

    // -----------------------------------------------------------------------------------------------------
    // Statements.

    fn block(&mut self, want: Want) -> Block {
        let most = self.pick(6);
        self.block_of(if most < 4 { 1 } else { most - 2 }, want)
    }

    /// `count` statements, the last of which gives the value.
    fn block_of(&mut self, count: usize, want: Want) -> Block {
        let known = self.variables.len();
        self.blocks += 1;
        let mut statements = Vec::new();
        for left in (0..count).rev() {
            let kind = if left == 0 && self.pick(4) > 0 || self.choices.len() == 0 {
                self.expression(want)
            } else {
                self.row(STATEMENTS, want)
            };
            statements.push(statement(kind));
        }
        self.blocks -= 1;
        self.variables.truncate(known);
        block(statements)
    }

    fn expression(&mut self, want: Want) -> StatementKind {
        StatementKind::Expression(self.node(want))
    }

    fn declared(&mut self, name: &str, gives: Want, assignable: bool) -> Name {
        self.variables.push(Variable {
            name: name.into(),
            gives,
            assignable,
        });
        name.into()
    }

    fn declaration(&mut self, _: Want) -> StatementKind {
        let gives = self.one(&[NUMBER, LIST, TEXT, MAP, BOOL]);
        let value = (self.pick(8) < 7).then(|| self.node(gives));
        let constant = value.is_some() && self.pick(5) == 4;
        let name = self.one(&["a", "b", "new"]);
        StatementKind::Let {
            name: self.declared(name, gives, !constant),
            value,
            constant,
        }
    }

    fn assignment(&mut self, want: Want) -> StatementKind {
        let known: Vec<Variable> = (self.variables.iter())
            .filter(|variable| variable.assignable)
            .cloned()
            .collect();
        if known.is_empty() {
            return self.declaration(want);
        }
        let variable = known[self.pick(known.len())].clone();
        let mut target = leaf(Kind::Variable(variable.name));
        match self.pick(6) {
            4 => {
                let name = self.one(&["a", "default"]).into();
                let of = Box::new(target);
                target = leaf(Kind::Member { of, name });
            }
            5 => {
                let by = boxed(Kind::Int(self.pick(3) as i64));
                let of = Box::new(target);
                target = leaf(Kind::Index { of, by });
            }
            _ => {}
        }
        let assigning: Vec<Operator> = (OPERATORS.iter())
            .filter(|row| row.assignment.is_some())
            .map(|row| row.operator)
            .collect();
        let operator = (self.pick(2) == 1).then(|| self.one(&assigning));
        StatementKind::Assign {
            target,
            operator,
            value: self.node(variable.gives),
        }
    }

    fn throw(&mut self, _: Want) -> StatementKind {
        StatementKind::Throw((self.pick(4) > 0).then(|| self.node(TEXT)))
    }

    fn leave(&mut self, want: Want) -> StatementKind {
        StatementKind::Return((self.pick(4) > 0).then(|| self.node(want)))
    }

    fn leave_loop(&mut self, want: Want) -> StatementKind {
        if self.loops == 0 {
            return self.expression(want);
        }
        StatementKind::Break((self.pick(2) == 0).then(|| self.node(want)))
    }

    fn go_on(&mut self, want: Want) -> StatementKind {
        if self.loops == 0 {
            return self.expression(want);
        }
        StatementKind::Continue
    }

    fn tried(&mut self, want: Want) -> StatementKind {
        let body = self.block(want);
        let known = self.variables.len();
        let error = (self.pick(2) == 1).then(|| self.declared("x", TEXT | MAP, true));
        let handler = self.block(want);
        self.variables.truncate(known);
        StatementKind::Try {
            body,
            error,
            handler,
        }
    }

    /// At the top of a script alone; it sees its parameters and nothing else.
    fn function(&mut self, want: Want) -> StatementKind {
        if self.blocks > 1 {
            return self.expression(want);
        }
        let outer = std::mem::take(&mut self.variables);
        let in_function = std::mem::replace(&mut self.in_function, true);
        let count = self.pick(3);
        let params = ["p", "q"][..count]
            .iter()
            .map(|name| self.declared(name, NUMBER, true))
            .collect();
        // It does not know itself, so that it ends.
        let functions = std::mem::take(&mut self.functions);
        let body = self.block(NUMBER);
        self.functions = functions;
        self.in_function = in_function;
        self.variables = outer;
        let name: Name = format!("f{}", self.functions.len()).into();
        self.functions.push((name.clone(), count));
        StatementKind::Function {
            name,
            name_at: 0..0,
            params,
            body,
            private: self.pick(4) == 3,
        }
    }
}

fn block(statements: Vec<Statement>) -> Block {
    Block {
        statements,
        at: 0..0,
    }
}

/// What an operator gives.
fn given_by(operator: Operator) -> Want {
    match operator {
        Operator::Coalesce => ANY,
        Operator::Add => NUMBER | TEXT | LIST | MAP,
        Operator::BitOr | Operator::BitXor | Operator::BitAnd => NUMBER | BOOL,
        Operator::Range | Operator::RangeInclusive => NOTHING,
        operator if operator.is_arithmetic() => NUMBER,
        _ => BOOL,
    }
}

/// As the parser refuses it beside `&&` and `||`.
fn never_bool(kind: &Kind) -> bool {
    match kind {
        Kind::Null | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) => true,
        Kind::Interpolated(_) | Kind::List(_) | Kind::Map(_) | Kind::Negate(_) => true,
        Kind::Binary(operator, ..) => {
            operator.is_arithmetic()
                && !matches!(
                    operator,
                    Operator::BitAnd | Operator::BitOr | Operator::BitXor
                )
        }
        _ => false,
    }
}
