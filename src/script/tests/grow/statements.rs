//! What makes loops and statements.

use super::*;

impl Grower {
    /// A loop, with the counter that ends it declared before.
    pub(super) fn looped(&mut self, want: Want) -> Kind {
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
    pub(super) fn counter(&self) -> Name {
        format!("rounds_{}", self.counters).into()
    }

    /// The body of a loop, which counts its rounds first.
    pub(super) fn counted(&mut self, want: Want) -> (Block, Name) {
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
    pub(super) fn bounded(counter: Name, operator: Operator) -> Node {
        let counter = boxed(Kind::Variable(counter));
        leaf(Kind::Binary(operator, counter, boxed(Kind::Int(ROUNDS))))
    }

    pub(super) fn condition(&mut self) -> Node {
        let condition = self.node(BOOL);
        if never_bool(&condition.kind) {
            return leaf(Kind::Bool(true));
        }
        condition
    }

    pub(super) fn for_each(&mut self, want: Want) -> Loop {
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

    pub(super) fn while_it_holds(&mut self, want: Want) -> Loop {
        let condition = Box::new(self.condition());
        let (body, counter) = self.counted(want);
        let less = Box::new(Self::bounded(counter, Operator::Less));
        Loop::While(leaf(Kind::Binary(Operator::And, less, condition)), body)
    }

    pub(super) fn do_while(&mut self, want: Want) -> Loop {
        let condition = Box::new(self.condition());
        let (body, counter) = self.counted(want);
        let less = Box::new(Self::bounded(counter, Operator::Less));
        Loop::DoWhile(body, leaf(Kind::Binary(Operator::And, less, condition)))
    }

    pub(super) fn do_until(&mut self, want: Want) -> Loop {
        let condition = Box::new(self.condition());
        let (body, counter) = self.counted(want);
        let enough = Box::new(Self::bounded(counter, Operator::GreaterOrEqual));
        Loop::DoUntil(body, leaf(Kind::Binary(Operator::Or, enough, condition)))
    }

    pub(super) fn endless(&mut self, want: Want) -> Loop {
        let value = (self.pick(2) == 1).then(|| self.node(want));
        let (mut body, counter) = self.counted(want);
        let end = StatementKind::Expression(leaf(Kind::If(Box::new(If {
            condition: Self::bounded(counter, Operator::Greater),
            then: block(vec![statement(StatementKind::Break(value))]),
            otherwise: None,
        }))));
        body.statements.insert(1, statement(end));
        Loop::Endless(body)
    }

    pub(super) fn block(&mut self, want: Want) -> Block {
        let most = self.pick(6);
        self.block_of(if most < 4 { 1 } else { most - 2 }, want)
    }

    /// `count` statements, the last of which gives the value.
    pub(super) fn block_of(&mut self, count: usize, want: Want) -> Block {
        let known = self.variables.len();
        self.blocks += 1;
        let mut statements = Vec::new();
        for left in (0..count).rev() {
            let kind = if left == 0 && self.pick(4) > 0 || self.choices.is_empty() {
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

    pub(super) fn expression(&mut self, want: Want) -> StatementKind {
        StatementKind::Expression(self.node(want))
    }

    pub(super) fn declared(&mut self, name: &str, gives: Want, assignable: bool) -> Name {
        self.variables.push(Variable {
            name: name.into(),
            gives,
            assignable,
        });
        name.into()
    }

    pub(super) fn declaration(&mut self, _: Want) -> StatementKind {
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

    pub(super) fn assignment(&mut self, want: Want) -> StatementKind {
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

    pub(super) fn throw(&mut self, _: Want) -> StatementKind {
        StatementKind::Throw((self.pick(4) > 0).then(|| self.node(TEXT)))
    }

    pub(super) fn leave(&mut self, want: Want) -> StatementKind {
        StatementKind::Return((self.pick(4) > 0).then(|| self.node(want)))
    }

    pub(super) fn leave_loop(&mut self, want: Want) -> StatementKind {
        if self.loops == 0 {
            return self.expression(want);
        }
        StatementKind::Break((self.pick(2) == 0).then(|| self.node(want)))
    }

    pub(super) fn go_on(&mut self, want: Want) -> StatementKind {
        if self.loops == 0 {
            return self.expression(want);
        }
        StatementKind::Continue
    }

    pub(super) fn tried(&mut self, want: Want) -> StatementKind {
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
    pub(super) fn function(&mut self, want: Want) -> StatementKind {
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
