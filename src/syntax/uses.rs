//! What an expression, script or module refers to, found in its tree.

use super::Operator;
use super::tree::{Block, Call as CallNode, Child, Kind, Loop, Node, StatementKind, Target};
use crate::event::Name;
use std::ops::Range;

/// What a source refers to beyond the names that it declares itself. Ranges are bytes of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Variables that are read.
    pub reads: Vec<Read>,
    /// Functions that are called, but for those that the source declares.
    pub calls: Vec<Call>,
    /// Members that are looked up, from a variable on.
    pub paths: Vec<Path>,
    /// Constants of modules.
    pub constants: Vec<Constant>,
    /// The function whose value is that of the whole, if all of it is one call of a function that is of no module.
    pub outermost: Option<Name>,
    /// Variables that are assigned to and not declared here.
    pub assigned: Vec<Read>,
    /// Variables that a `fn` reads: it sees its arguments only.
    pub unseen: Vec<Read>,
    /// Members from which a variable is subtracted without a space: `res.body.dist-tags`. The longest come first.
    pub dashed: Vec<Dashed>,
    /// Whether it holds a closure: a method may then be one that a map holds.
    pub has_closures: bool,
}

/// A variable that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub name: Name,
    /// Where.
    pub at: Range<usize>,
}

/// A function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The script module before `::`.
    pub module: Option<Name>,
    /// The function.
    pub name: Name,
    /// How many arguments it is given, the one before the dot included.
    pub args: usize,
    /// Whether it was called as `value.name(…)`.
    pub method: bool,
    /// Its first argument, if that is a literal text.
    pub text: Option<Name>,
    /// Where its name stands.
    pub at: Range<usize>,
}

/// A constant of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The module before `::`.
    pub module: Name,
    /// The constant.
    pub name: Name,
    /// Where both stand.
    pub at: Range<usize>,
}

/// A chain of members from a variable on: `res.body.status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The variable.
    pub root: Name,
    /// The members; an index that is a literal stands here as its text.
    pub members: Vec<Name>,
    /// Where.
    pub at: Range<usize>,
    /// Where the name or index of each member stands.
    pub places: Vec<Range<usize>>,
}

/// A member and a variable with nothing but a `-` between: a name with a dash, if there is no such variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashed {
    /// What the member belongs to.
    pub of: Range<usize>,
    /// The name as a whole: `dist-tags`.
    pub name: String,
    /// Where that stands.
    pub at: Range<usize>,
}

impl Uses {
    /// The variables that are read, each once.
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for read in &self.reads {
            if !names.contains(&read.name) {
                names.push(read.name.clone());
            }
        }
        names
    }

    /// The modules whose functions or constants it names; one may come more than once.
    pub fn modules(&self) -> impl Iterator<Item = &Name> {
        let called = self.calls.iter().filter_map(|call| call.module.as_ref());
        called.chain(self.constants.iter().map(|constant| &constant.module))
    }

    /// The environment variables that it reads by a literal name.
    pub fn env(&self) -> impl Iterator<Item = &Name> {
        self.calls
            .iter()
            .filter(|call| call.module.is_none() && &*call.name == "env")
            .filter_map(|call| call.text.as_ref())
    }

    /// Whether it reads this variable.
    pub fn reads(&self, name: &str) -> bool {
        self.reads.iter().any(|read| *read.name == *name)
    }
}

/// What an expression or script refers to.
pub fn uses(node: &Node) -> Uses {
    let mut visitor = Visitor::default();
    // The functions of a script are known in all of it.
    if let Kind::Block(block) = &node.kind {
        visitor.declare_functions(block);
    }
    visitor.node(node);
    if let Kind::Call(call) = &node.kind
        && !matches!(call.target, Target::Module(_))
    {
        visitor.found.outermost = Some(call.name.clone());
    }
    visitor.found
}

/// What the functions and constants of a module refer to.
pub fn uses_of_module(block: &Block) -> Uses {
    let mut visitor = Visitor::default();
    visitor.declare_functions(block);
    visitor.statements(block);
    visitor.found
}

#[derive(Default)]
struct Visitor {
    found: Uses,
    /// The names that are declared around the place that is looked at, innermost last.
    scopes: Vec<Vec<Name>>,
    /// The functions that the source declares.
    functions: Vec<Name>,
    /// Whether this is the body of a `fn`.
    in_function: bool,
}

impl Visitor {
    fn declare_functions(&mut self, block: &Block) {
        for statement in &block.statements {
            if let StatementKind::Function { name, .. } = &statement.kind {
                self.functions.push(name.clone());
            }
        }
    }

    fn knows(&self, name: &str) -> bool {
        let mut names = self.scopes.iter().flatten();
        names.any(|known| **known == *name)
    }

    fn within<T>(&mut self, names: Vec<Name>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(names);
        let result = work(self);
        self.scopes.pop();
        result
    }

    fn child(&mut self, child: Child<'_>) {
        match child {
            Child::Node(node) => self.node(node),
            Child::Block(block) => self.block(block),
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Variable(name) => self.read(name, &node.at),
            Kind::Member { .. } | Kind::Index { .. } => self.path(node),
            Kind::Call(call) => self.call(call, node),
            Kind::Binary(Operator::Subtract, ..) => {
                self.found.dashed.extend(dashed(node));
                self.children(node);
            }
            Kind::Constant { module, name } => {
                self.found.constants.push(Constant {
                    module: module.clone(),
                    name: name.clone(),
                    at: node.at.clone(),
                });
            }
            Kind::Closure { params, body } => {
                self.found.has_closures = true;
                self.within(params.clone(), |this| this.node(body));
            }
            Kind::Loop(looped) => match &**looped {
                Loop::For {
                    item,
                    index,
                    items,
                    body,
                } => {
                    self.node(items);
                    let names = std::iter::once(item).chain(index).cloned().collect();
                    self.within(names, |this| this.block(body));
                }
                _ => self.children(node),
            },
            _ => self.children(node),
        }
    }

    fn children(&mut self, node: &Node) {
        node.kind.each_child(&mut |child| self.child(child));
    }

    fn block(&mut self, block: &Block) {
        self.within(Vec::new(), |this| this.statements(block));
    }

    fn statements(&mut self, block: &Block) {
        for statement in &block.statements {
            match &statement.kind {
                StatementKind::Let { name, value, .. } => {
                    if let Some(value) = value {
                        self.node(value);
                    }
                    match self.scopes.last_mut() {
                        Some(scope) => scope.push(name.clone()),
                        None => self.scopes.push(vec![name.clone()]),
                    }
                }
                StatementKind::Assign { target, value, .. } => {
                    self.node(value);
                    self.assign(target);
                }
                StatementKind::Try {
                    body,
                    error,
                    handler,
                } => {
                    self.block(body);
                    self.within(error.iter().cloned().collect(), |this| this.block(handler));
                }
                StatementKind::Function { params, body, .. } => {
                    // It sees nothing of what is around it.
                    let outer = std::mem::take(&mut self.scopes);
                    let in_function = std::mem::replace(&mut self.in_function, true);
                    self.within(params.clone(), |this| this.block(body));
                    self.in_function = in_function;
                    self.scopes = outer;
                }
                other => other.each_child(&mut |child| self.child(child)),
            }
        }
    }

    fn read(&mut self, name: &Name, at: &Range<usize>) {
        if self.knows(name) {
            return;
        }
        let read = Read {
            name: name.clone(),
            at: at.clone(),
        };
        if self.in_function {
            self.found.unseen.push(read);
        } else {
            self.found.reads.push(read);
        }
    }

    fn assign(&mut self, target: &Node) {
        let mut root = target;
        while let Kind::Member { of, .. } | Kind::Index { of, .. } = &root.kind {
            root = of;
        }
        if let Kind::Variable(name) = &root.kind
            && !self.knows(name)
        {
            self.found.assigned.push(Read {
                name: name.clone(),
                at: target.at.clone(),
            });
        }
        self.node(target);
    }

    /// A chain of members and indices: as far as it is literal from a variable on, it is a path.
    fn path(&mut self, node: &Node) {
        let mut steps = Vec::new();
        let mut root = node;
        while let Kind::Member { of, .. } | Kind::Index { of, .. } = &root.kind {
            steps.push(root);
            root = of;
        }
        steps.reverse();
        self.node(root);
        let mut members = Vec::new();
        let mut end = root.at.end;
        let mut places = Vec::new();
        let mut literal = true;
        for step in steps {
            let name: Option<(Name, Range<usize>)> = match &step.kind {
                Kind::Member { name, .. } => {
                    let end = step.at.end;
                    Some((name.clone(), end - name.len()..end))
                }
                Kind::Index { by, .. } => {
                    self.node(by);
                    literal_index(by).map(|name| (name, by.at.clone()))
                }
                _ => None,
            };
            match name {
                Some((name, at)) if literal => {
                    members.push(name);
                    places.push(at);
                    end = step.at.end;
                }
                _ => literal = false,
            }
        }
        if let Kind::Variable(name) = &root.kind
            && !members.is_empty()
            && !self.knows(name)
        {
            self.found.paths.push(Path {
                root: name.clone(),
                members,
                at: root.at.start..end,
                places,
            });
        }
    }

    fn call(&mut self, call: &CallNode, node: &Node) {
        self.children(node);
        let method = matches!(call.target, Target::Method(_));
        let module = match &call.target {
            Target::Module(module) => Some(module.clone()),
            Target::Function if self.knows(&call.name) => return,
            Target::Function | Target::Method(_) if self.functions.contains(&call.name) => return,
            Target::Function | Target::Method(_) => None,
        };
        self.found.calls.push(Call {
            module,
            name: call.name.clone(),
            args: call.args.len() + usize::from(method),
            method,
            text: call.args.first().and_then(Node::as_text).cloned(),
            at: call.name_at.clone(),
        });
    }
}

/// The name with dashes that a subtraction may have been meant as.
fn dashed(node: &Node) -> Option<Dashed> {
    match &node.kind {
        Kind::Member { of, name } if !node.bracketed => Some(Dashed {
            of: of.at.clone(),
            name: name.to_string(),
            at: node.at.end - name.len()..node.at.end,
        }),
        Kind::Binary(Operator::Subtract, left, right) if !node.bracketed => {
            let before = dashed(left)?;
            let mut root = &**right;
            while let Kind::Member { of, .. } | Kind::Index { of, .. } = &root.kind {
                root = of;
            }
            let Kind::Variable(name) = &root.kind else {
                return None;
            };
            let is_adjacent = root.at.start == before.at.end + 1 && !right.bracketed;
            is_adjacent.then(|| Dashed {
                name: format!("{}-{name}", before.name),
                at: before.at.start..root.at.end,
                of: before.of,
            })
        }
        _ => None,
    }
}

/// An index that is written out: `[0]`, `[-1]`, `['name']`.
fn literal_index(by: &Node) -> Option<Name> {
    match &by.kind {
        Kind::Int(number) => Some(number.to_string().into()),
        Kind::Text(text) => Some(text.clone()),
        Kind::Negate(of) => match of.kind {
            Kind::Int(number) => Some(format!("-{number}").into()),
            _ => None,
        },
        _ => None,
    }
}
