//! Regions: which there are, what each of them saves, and which of them an expression may look at.

use super::context::Context;
use super::flow::StateReads;
use super::{Compiler, flow};
use crate::definition::model::{self, Join};
use crate::definition::{Text, nearest};
use crate::event::{Name, Span};
use crate::machine::program::{Region, Regions};
use crate::syntax::Path;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of a region before anything is compiled.
pub(super) struct KnownRegion<'a> {
    name: &'a Text,
    program: &'a model::Program,
    /// The region around it; none, in a state of the task.
    around: Option<usize>,
    /// What it saves, each with the first place where it does.
    saves: HashMap<Name, Span>,
    /// What the machine around it saves, but for the ways out of its state: they carry over what is wanted.
    outside: HashSet<Name>,
}

/// Every region of a task, each behind the one around it.
pub(super) fn known_regions(program: &model::Program) -> Vec<KnownRegion<'_>> {
    fn collect<'a>(
        program: &'a model::Program,
        around: Option<usize>,
        found: &mut Vec<KnownRegion<'a>>,
    ) {
        let regions = (program.states.iter())
            .flat_map(|state| state.regions.iter().map(move |region| (state, region)));
        for (state, region) in regions {
            let mut outside = HashSet::new();
            flow::saved_outside(program, state, &mut |name| {
                outside.insert(Name::clone(&name.value));
            });
            let mut saves = HashMap::new();
            flow::saved_in(&region.program, &mut |name| {
                saves.entry(Name::clone(&name.value)).or_insert(name.span);
            });
            found.push(KnownRegion {
                name: &region.name,
                program: &region.program,
                around,
                saves,
                outside,
            });
            let own = found.len() - 1;
            collect(&region.program, Some(own), found);
        }
    }
    let mut found = Vec::new();
    collect(program, None, &mut found);
    found
}

impl<'a> Compiler<'a> {
    /// The regions of a state. What is wrong with one of them has been said.
    pub(super) fn regions(
        &mut self,
        cx: Context<'a>,
        reads: &mut StateReads,
        state: &'a model::State,
        path: &str,
    ) -> Option<Box<Regions>> {
        if state.regions.is_empty() {
            if let Some(join) = &state.join {
                let hint = "remove it, or write `regions:` beside it".to_owned();
                self.error(
                    "join",
                    &cx.file.name,
                    join.span,
                    "`join` says when regions are done, and this state has none",
                    "nothing to join",
                    Some(hint),
                );
            }
            return None;
        }
        let mut list = Vec::with_capacity(state.regions.len());
        for region in &state.regions {
            let number = (self.regions.iter())
                .position(|known| std::ptr::eq(known.program, &raw const region.program));
            let inside = Context {
                program: &region.program,
                region: number,
                ..cx
            };
            self.check_shadowing(inside);
            let path = format!("{path}.regions.{}.", region.name.as_str());
            let program = self.program(inside, &path);
            let mut saves: Vec<Name> = number.map_or_else(Vec::new, |number| {
                self.regions[number].saves.keys().cloned().collect()
            });
            saves.sort();
            list.push(program.map(|(program, state_reads)| {
                reads.regions.push(state_reads);
                Region {
                    name: Name::clone(&region.name.value),
                    place: cx.place(region.name.span, path.trim_end_matches('.')),
                    program: Arc::new(program),
                    saves: saves.into(),
                }
            }));
        }
        Some(Box::new(Regions {
            list: list.into_iter().collect::<Option<_>>()?,
            join: state.join.as_ref().map_or(Join::All, |join| join.value),
        }))
    }

    /// The region that holds here, and those around it.
    fn around(&self, cx: Context<'a>) -> impl Iterator<Item = &KnownRegion<'a>> {
        let mut next = cx.region;
        std::iter::from_fn(move || {
            let region = &self.regions[next?];
            next = region.around;
            Some(region)
        })
    }

    /// Whether a region that holds here saves a variable of this name.
    pub(super) fn is_saved_by_region(&self, cx: Context<'a>, name: &str) -> bool {
        self.around(cx)
            .any(|region| region.saves.contains_key(name))
    }

    /// The variables that regions give to what is written here.
    pub(super) fn saved_by_regions(&self, cx: Context<'a>) -> impl Iterator<Item = &Name> {
        self.around(cx).flat_map(|region| region.saves.keys())
    }

    /// What a region saves is its own: by a name of the task's it would be mistaken for that.
    fn check_shadowing(&mut self, cx: Context<'a>) {
        let Some(number) = cx.region else { return };
        let declared = self.declared();
        let mut shadowing: Vec<(Name, Span)> = (self.regions[number].saves.iter())
            .filter(|(name, _)| {
                let mut around = self.around(cx);
                declared.contains(*name) || around.any(|region| region.outside.contains(*name))
            })
            .map(|(name, span)| (Name::clone(name), *span))
            .collect();
        shadowing.sort_by_key(|(_, span)| *span);
        let region = Name::clone(&self.regions[number].name.value);
        for (name, span) in shadowing {
            let message = format!(
                "the region `{region}` saves `{name}`, which is a variable outside of it as well"
            );
            let hint = format!(
                "what a region saves is its own: give it another name, and carry it over with `set: {{{name}: regions.{region}.NAME}}`"
            );
            self.error(
                "shadowed-variable",
                &cx.file.name,
                span,
                message,
                "would hide the other one",
                Some(hint),
            );
        }
    }

    /// `regions.NAME.variable`: both are known.
    pub(super) fn check_region_path(&mut self, cx: Context<'a>, path: &Path, span: Span) {
        if &*path.root != "regions" {
            return;
        }
        let Some(name) = path.members.first() else {
            return;
        };
        let (around, regions) = (cx.region, &self.regions);
        let mut chain: Vec<Option<usize>> = vec![None];
        let mut next = around;
        while let Some(number) = next {
            chain.push(Some(number));
            next = regions[number].around;
        }
        let in_sight = || regions.iter().filter(|one| chain.contains(&one.around));
        let named: Vec<&KnownRegion<'_>> =
            in_sight().filter(|one| one.name.value == *name).collect();
        if named.is_empty() {
            let near = nearest(name, in_sight().map(|one| one.name.as_str()));
            let hint = near.map_or_else(
                || "a state has machines side by side under `regions:`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no region `{name}`");
            self.error(
                "unknown-region",
                &cx.file.name,
                span,
                message,
                "",
                Some(hint),
            );
            return;
        }
        let Some(variable) = path.members.get(1) else {
            return;
        };
        if named.iter().any(|one| one.saves.contains_key(variable)) {
            return;
        }
        let saves = named.iter().flat_map(|one| one.saves.keys());
        let near = nearest(variable, saves.clone().map(|saved| &**saved));
        let hint = near.map_or_else(
            || {
                let mut saves: Vec<&str> = saves.map(|saved| &**saved).collect();
                saves.sort_unstable();
                saves.dedup();
                match &saves[..] {
                    [] => "it saves nothing".to_owned(),
                    some => format!("it saves `{}`", some.join("`, `")),
                }
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("the region `{name}` saves no variable `{variable}`");
        self.error(
            "unknown-variable",
            &cx.file.name,
            span,
            message,
            "",
            Some(hint),
        );
    }

    /// Warns of what the states of a region read before it was saved.
    pub(super) fn check_region_flow(
        &mut self,
        region: &Region,
        reads: &[StateReads],
        around: (&flow::Undeclared, &flow::Saved),
        warned: &mut HashSet<Name>,
    ) {
        let (variables, entry) = around.0.inside(around.1, &region.saves);
        self.check_states_flow(&region.program, reads, &variables, entry, warned);
    }
}
