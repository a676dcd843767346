//! Samples of what a task is answered: values that its own conditions accept, as far as these tell.
//!
//! Conditions, `save` and `set` are read as trees. What is compared with a literal has that value, what is compared with a
//! variable has the variable's, also where that was saved from another answer, and what is only looked at is there.

use super::call_sites::{CallSites, Look};
use crate::definition;
use crate::event::{Json, Name};
use crate::machine::Machine;
use crate::syntax::tree::{Call, Kind, Node, Target};
use crate::syntax::{self, Operator};
use serde_json::json;
use std::collections::HashMap;

/// A place in the answers: which call site, which of its messages, and the members from `res` on.
type Slot = (usize, usize, Vec<Name>);

/// The longest list that a condition may ask for.
const MAX_LIST: i64 = 100;
/// A secret must be long enough to be masked.
const SECRET: &str = "a-secret-of-a-sample";

/// Methods that only a text has.
const OF_TEXT: [&str; 6] = [
    "trim",
    "to_upper",
    "to_lower",
    "split",
    "sub_string",
    "chars",
];

/// What an answer has to be at a place, by how much is known of it.
#[derive(Clone, Debug)]
enum Want {
    /// This value.
    Is(Json),
    /// What stands at another place.
    Same(Slot),
    /// A list of so many.
    Items(usize),
    /// Something else than this.
    Other(Json),
    /// A text.
    Text(&'static str),
    /// Anything.
    There,
}

impl Want {
    /// The stronger a wish, the earlier it is fulfilled: nothing is overwritten.
    fn rank(&self) -> u8 {
        match self {
            Self::Is(_) => 0,
            Self::Items(_) => 1,
            Self::Same(_) => 2,
            Self::Other(_) => 3,
            Self::Text(_) => 4,
            Self::There => 5,
        }
    }
}

struct Collector<'m> {
    machine: &'m Machine,
    /// Variables that begin with a value that is written out.
    written: HashMap<Name, Json>,
    /// Where variables were saved from, as a whole.
    origins: HashMap<Name, Slot>,
    wants: Vec<(Slot, Want)>,
}

/// The samples of each call site: one for a request, one a message for a subscription.
pub(super) fn samples(machine: &Machine, call_sites: &CallSites<'_>) -> Vec<Vec<Json>> {
    let mut collector = Collector {
        machine,
        written: written(machine),
        origins: HashMap::new(),
        wants: Vec::new(),
    };
    let looks = || {
        let sites = call_sites.all.iter().enumerate();
        sites.flat_map(|(site, call_site)| call_site.looks.iter().map(move |look| (site, look)))
    };
    for (site, look) in looks() {
        collector.origin(site, look);
    }
    for (site, look) in looks() {
        collector.look(Some(site), look);
    }
    for look in &call_sites.beside {
        collector.look(None, look);
    }
    let messages = |site: usize| {
        let looks = call_sites.all[site].looks.iter();
        looks.map(|look| look.message + 1).max().unwrap_or(1)
    };
    let empty = (0..call_sites.all.len()).map(|site| vec![Json::Null; messages(site)]);
    let mut samples: Vec<Vec<Json>> = empty.collect();
    collector.wants.sort_by_key(|(_, want)| want.rank());
    for (slot, want) in collector.wants {
        fulfil(&mut samples, slot, &want);
    }
    for sample in samples.iter_mut().flatten() {
        if sample.is_null() {
            *sample = json!({});
        }
        // Bytes are written in base64.
        if let Some(bytes) = sample.get_mut("bytes") {
            *bytes = json!("AA==");
        }
    }
    samples
}

/// The variables whose first values hold no template.
fn written(machine: &Machine) -> HashMap<Name, Json> {
    let Ok(task) = definition::parse_task(&machine.file) else {
        return HashMap::new();
    };
    let vars = task.value.vars.iter();
    let vars = vars.map(|(name, node)| (Name::clone(&name.value), node.to_json()));
    vars.filter(|(_, value)| !value.to_string().contains("${"))
        .collect()
}

impl Collector<'_> {
    /// Notes what is saved as a whole.
    fn origin(&mut self, site: usize, look: &Look<'_>) {
        let Some(name) = look.saved else { return };
        let Ok(node) = syntax::script(look.expression.source()) else {
            return;
        };
        if let Some(slot) = self.slot(&node, Some(site), look) {
            self.origins.entry(Name::clone(name)).or_insert(slot);
        }
    }

    fn look(&mut self, site: Option<usize>, look: &Look<'_>) {
        let Ok(node) = syntax::script(look.expression.source()) else {
            return;
        };
        let is_secret = look
            .saved
            .is_some_and(|name| self.machine.secrets.contains(name));
        if is_secret && let Some(slot) = self.slot(&node, site, look) {
            self.wants.push((slot, Want::Text(SECRET)));
        }
        if look.is_judged {
            self.judge(&node, look.holds, site, look);
        }
        self.there(&node, site, look);
    }

    /// Everything that an expression looks at is there, but what may be missing.
    fn there(&mut self, node: &Node, site: Option<usize>, look: &Look<'_>) {
        if let Some(slot) = self.slot(node, site, look) {
            self.wants.push((slot, Want::There));
            return;
        }
        let may_be_missing = |call: &Call| &*call.name == "is_missing";
        match &node.kind {
            Kind::Binary(Operator::Coalesce, ..) => {}
            Kind::Call(call) if may_be_missing(call) => {}
            Kind::Binary(_, one, other) if one.is_null() || other.is_null() => {}
            kind => kind.each_child(&mut |child| {
                if let syntax::tree::Child::Node(node) = child {
                    self.there(node, site, look);
                }
            }),
        }
    }

    /// What must be for this to hold, or not to.
    fn judge(&mut self, node: &Node, holds: bool, site: Option<usize>, look: &Look<'_>) {
        match &node.kind {
            Kind::Not(inner) => self.judge(inner, !holds, site, look),
            Kind::Binary(Operator::And, one, other) => {
                self.judge(one, holds, site, look);
                if holds {
                    self.judge(other, holds, site, look);
                }
            }
            Kind::Binary(Operator::Or, one, other) => {
                self.judge(one, holds, site, look);
                if !holds {
                    self.judge(other, holds, site, look);
                }
            }
            Kind::Binary(operator, one, other) => {
                let wants = self.compared(*operator, one, other, holds, site, look);
                self.wants.extend(wants);
            }
            Kind::Call(call) => {
                let wants = self.called(call, holds, site, look);
                self.wants.extend(wants);
            }
            _ => {
                let want = |slot| (slot, Want::Is(json!(holds)));
                let wanted = self.slot(node, site, look).map(want);
                self.wants.extend(wanted);
            }
        }
    }

    fn compared(
        &self,
        operator: Operator,
        one: &Node,
        other: &Node,
        holds: bool,
        site: Option<usize>,
        look: &Look<'_>,
    ) -> Option<(Slot, Want)> {
        let slots = [one, other].map(|node| self.slot(node, site, look));
        let values = [one, other].map(|node| self.value(node));
        let equals = match operator {
            Operator::Equal | Operator::In => holds,
            Operator::NotEqual | Operator::NotIn => !holds,
            _ => return self.ordered(operator, one, other, holds, site, look),
        };
        if let (Some(counted), [_, Some(count)]) = (self.counted(one, site, look), &values) {
            let count = count
                .as_i64()
                .filter(|count| (0..=MAX_LIST).contains(count))?;
            return equals.then(|| (counted, Want::Items(count as usize)));
        }
        if matches!(operator, Operator::In | Operator::NotIn) {
            let ([Some(slot), _], [_, Some(Json::Array(items))]) = (slots, values) else {
                return None;
            };
            let first = items.into_iter().next()?;
            let want = if equals { Want::Is } else { Want::Other };
            return Some((slot, want(first)));
        }
        match (slots, values) {
            ([Some(slot), _], [_, Some(value)]) | ([_, Some(slot)], [Some(value), _]) => {
                // What is null is not there.
                let want = match (equals, value) {
                    (true, Json::Null) => return None,
                    (false, Json::Null) => Want::There,
                    (true, value) => Want::Is(value),
                    (false, value) => Want::Other(value),
                };
                Some((slot, want))
            }
            ([Some(slot), Some(same)], _) if equals && slot != same => {
                // What came first is what is told again.
                let (later, earlier) = if slot.0 >= same.0 {
                    (slot, same)
                } else {
                    (same, slot)
                };
                Some((later, Want::Same(earlier)))
            }
            _ => None,
        }
    }

    /// `<`, `>`, and their like with a number.
    fn ordered(
        &self,
        operator: Operator,
        one: &Node,
        other: &Node,
        holds: bool,
        site: Option<usize>,
        look: &Look<'_>,
    ) -> Option<(Slot, Want)> {
        // As if the place stood on the left and it had to hold.
        let (slot, value, turned) = match self.slot(one, site, look) {
            Some(slot) => (slot, self.value(other)?, false),
            None => match self.counted(one, site, look) {
                Some(counted) => {
                    let least = self.value(other)?.as_i64()?.clamp(0, MAX_LIST) as usize;
                    let count = match operator {
                        Operator::Greater => least + 1,
                        Operator::Less => least.checked_sub(1)?,
                        _ => least,
                    };
                    return holds.then_some((counted, Want::Items(count)));
                }
                None => (self.slot(other, site, look)?, self.value(one)?, true),
            },
        };
        let is_more = match operator {
            Operator::Greater | Operator::GreaterOrEqual => !turned,
            Operator::Less | Operator::LessOrEqual => turned,
            _ => return None,
        };
        let step = if is_more == holds { 1 } else { -1 };
        let value = match value.as_i64() {
            Some(number) => json!(number.saturating_add(step)),
            None => json!(value.as_f64()? + f64::from(step as i8)),
        };
        Some((slot, Want::Is(value)))
    }

    fn called(
        &self,
        call: &Call,
        holds: bool,
        site: Option<usize>,
        look: &Look<'_>,
    ) -> Option<(Slot, Want)> {
        let mut args: Vec<&Node> = call.args.iter().collect();
        if let Target::Method(of) = &call.target {
            args.insert(0, of);
        }
        let slot = self.slot(args.first()?, site, look)?;
        if OF_TEXT.contains(&&*call.name) {
            return Some((slot, Want::Text("text")));
        }
        let second = args.get(1).and_then(|node| self.value(node));
        match (&*call.name, second?) {
            ("starts_with" | "ends_with" | "contains", text @ Json::String(_)) => {
                let want = if holds { Want::Is } else { Want::Other };
                Some((slot, want(text)))
            }
            ("contains", item) if holds => Some((slot, Want::Is(json!([item])))),
            ("one_of", Json::Array(items)) if holds => {
                Some((slot, Want::Is(items.into_iter().next()?)))
            }
            ("approx", number) if holds => Some((slot, Want::Is(number))),
            _ => None,
        }
    }

    /// The list whose length this is: `len(res.rows)`, `res.rows.len()`.
    fn counted(&self, node: &Node, site: Option<usize>, look: &Look<'_>) -> Option<Slot> {
        let Kind::Call(call) = &node.kind else {
            return None;
        };
        if &*call.name != "len" {
            return None;
        }
        let of = match &call.target {
            Target::Method(of) => of,
            Target::Function => call.args.first()?,
            Target::Module(_) => return None,
        };
        self.slot(of, site, look)
    }

    /// The place in the answers that this names.
    fn slot(&self, node: &Node, site: Option<usize>, look: &Look<'_>) -> Option<Slot> {
        let (root, mut members) = path(node)?;
        if &*root != "res" {
            let (site, message, origin) = self.origins.get(&root)?;
            let whole = origin.iter().cloned().chain(members).collect();
            return Some((*site, *message, whole));
        }
        if look.is_list {
            let index = members.first()?.parse::<usize>().ok()?;
            if look.item.is_some_and(|item| item != index) {
                return None;
            }
            members.remove(0);
        }
        (!members.is_empty()).then_some((site?, look.message, members))
    }

    fn value(&self, node: &Node) -> Option<Json> {
        Some(match &node.kind {
            Kind::Null => Json::Null,
            Kind::Bool(is) => json!(is),
            Kind::Int(number) => json!(number),
            Kind::Float(number) => json!(number),
            Kind::Text(text) => json!(&**text),
            Kind::Negate(inner) => match self.value(inner)? {
                Json::Number(number) => match number.as_i64() {
                    Some(number) => json!(-number),
                    None => json!(-number.as_f64()?),
                },
                _ => return None,
            },
            Kind::List(items) => {
                let items = items.iter().map(|item| self.value(item));
                Json::Array(items.collect::<Option<_>>()?)
            }
            Kind::Variable(name) if !self.origins.contains_key(name) => {
                self.written.get(name)?.clone()
            }
            _ => return None,
        })
    }
}

/// A variable and members of it.
fn path(node: &Node) -> Option<(Name, Vec<Name>)> {
    match &node.kind {
        Kind::Variable(name) => Some((Name::clone(name), Vec::new())),
        Kind::Member { of, name } => {
            let (root, mut members) = path(of)?;
            members.push(Name::clone(name));
            Some((root, members))
        }
        Kind::Index { of, by } => {
            let (root, mut members) = path(of)?;
            members.push(match &by.kind {
                Kind::Text(key) => Name::clone(key),
                Kind::Int(index @ 0..) => index.to_string().into(),
                _ => return None,
            });
            Some((root, members))
        }
        _ => None,
    }
}

fn fulfil(samples: &mut [Vec<Json>], (site, message, path): Slot, want: &Want) {
    let value = match want {
        Want::Is(value) => value.clone(),
        Want::Same((site, message, other)) => {
            let there = &mut samples[*site][*message];
            put(there, other, json!(1));
            at(there, other).cloned().unwrap_or_default()
        }
        Want::Other(Json::String(_)) => json!("other"),
        Want::Other(Json::Bool(is)) => json!(!is),
        Want::Other(other) => other
            .as_i64()
            .map_or(json!(1), |number| json!(number.saturating_add(1))),
        Want::Text(text) => json!(text),
        Want::There => json!(1),
        Want::Items(count) => {
            let sample = &mut samples[site][message];
            let mut items = match at(sample, &path) {
                Some(Json::Array(items)) => items.clone(),
                _ => Vec::new(),
            };
            let first = items.first().cloned().unwrap_or_else(|| json!({}));
            items.resize(items.len().max(*count), first);
            put(sample, &path, Json::Null);
            return set(sample, &path, Json::Array(items));
        }
    };
    put(&mut samples[site][message], &path, value);
}

fn at<'j>(json: &'j Json, path: &[Name]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, name| match json {
        Json::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(&**name),
    })
}

/// Sets what stands at a path that is there.
fn set(json: &mut Json, path: &[Name], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        *json = value;
        return;
    };
    let next = match json {
        Json::Array(items) => first
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get_mut(index)),
        other => other.get_mut(&**first),
    };
    if let Some(next) = next {
        set(next, rest, value);
    }
}

/// Puts a value at a path, unless something stands there.
fn put(into: &mut Json, path: &[Name], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        if into.is_null() {
            *into = value;
        }
        return;
    };
    if let Ok(index) = first.parse::<usize>()
        && index < 16
        && !into.is_object()
    {
        if into.is_null() {
            *into = json!([]);
        }
        if let Json::Array(items) = into {
            while items.len() <= index {
                items.push(Json::Null);
            }
            put(&mut items[index], rest, value);
        }
        return;
    }
    if into.is_null() || into.is_number() {
        *into = json!({});
    }
    if let Json::Object(members) = into {
        put(members.entry(&**first).or_insert(Json::Null), rest, value);
    }
}
