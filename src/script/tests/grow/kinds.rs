//! What makes expressions.

use super::*;

impl Grower {
    pub(super) fn variable(&mut self, want: Want) -> Kind {
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

    pub(super) fn null(_: &mut Self, _: Want) -> Kind {
        Kind::Null
    }

    pub(super) fn boolean(&mut self, _: Want) -> Kind {
        Kind::Bool(self.pick(2) == 0)
    }

    pub(super) fn integer(&mut self, _: Want) -> Kind {
        Kind::Int(self.one(INTEGERS))
    }

    pub(super) fn float(&mut self, _: Want) -> Kind {
        Kind::Float(self.one(FLOATS))
    }

    pub(super) fn text(&mut self, _: Want) -> Kind {
        Kind::Text(self.one(TEXTS).into())
    }

    pub(super) fn interpolated(&mut self, want: Want) -> Kind {
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

    pub(super) fn piece_of_text(&mut self, _: Want) -> Piece {
        Piece::Text(self.one(&["<", "`", "${", "é\n", "$", "\\n"]).into())
    }

    pub(super) fn piece_of_code(&mut self, _: Want) -> Piece {
        let text = TEXT | NUMBER | BOOL;
        if self.pick(4) == 3 {
            return Piece::Code(self.block_of(2, text));
        }
        let node = self.node(text);
        Piece::Code(block(vec![statement(StatementKind::Expression(node))]))
    }

    pub(super) fn this(&mut self, _: Want) -> Kind {
        if self.closures > 0 {
            Kind::This
        } else {
            Kind::Null
        }
    }

    pub(super) fn member(&mut self, want: Want) -> Kind {
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

    pub(super) fn index(&mut self, want: Want) -> Kind {
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

    pub(super) fn not(&mut self, _: Want) -> Kind {
        Kind::Not(self.boxed(BOOL))
    }

    pub(super) fn negate(&mut self, _: Want) -> Kind {
        Kind::Negate(self.boxed(NUMBER))
    }

    pub(super) fn binary(&mut self, want: Want) -> Kind {
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

    pub(super) fn list(&mut self, _: Want) -> Kind {
        let want = self.one(&[NUMBER, TEXT, BOOL, ANY]);
        Kind::List(self.nodes(3, want))
    }

    pub(super) fn map(&mut self, _: Want) -> Kind {
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

    pub(super) fn constant(&mut self, _: Want) -> Kind {
        Kind::Constant {
            module: "kit".into(),
            name: self.one(&["RATE", "RATE", "NOPE"]).into(),
        }
    }

    pub(super) fn call(&mut self, want: Want) -> Kind {
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

    pub(super) fn argument(&mut self, want: Want) -> Node {
        if want & CLOSURE == 0 {
            return self.node(want);
        }
        leaf(self.closure(want & ANY))
    }

    pub(super) fn of_nothing(_: &mut Self, _: Want) -> Target {
        Target::Function
    }

    /// The value is the first argument, once there are some.
    pub(super) fn of_value(_: &mut Self, _: Want) -> Target {
        Target::Method(boxed(Kind::Null))
    }

    pub(super) fn of_module(_: &mut Self, _: Want) -> Target {
        Target::Module("kit".into())
    }

    pub(super) fn conditional(&mut self, want: Want) -> Kind {
        let condition = self.node(BOOL);
        let then = self.block(want);
        let otherwise = (self.pick(3) > 0).then(|| self.block(want));
        Kind::If(Box::new(If {
            condition,
            then,
            otherwise,
        }))
    }

    pub(super) fn switch(&mut self, want: Want) -> Kind {
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
    pub(super) fn case(&mut self) -> Node {
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

    pub(super) fn braced(&mut self, want: Want) -> Kind {
        Kind::Block(self.block(want))
    }

    pub(super) fn closure(&mut self, want: Want) -> Kind {
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
}
