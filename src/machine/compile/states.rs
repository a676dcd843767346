//! States: their role, their instructions, their ways out.

use super::Compiler;
use super::context::{Context, Reads};
use super::flow::StateReads;
use crate::definition::{Text, model, nearest};
use crate::event::{ErrorKind, Name};
use crate::machine::program::{Condition, Length, Role, Route, State};

/// Entries of one state in one run, where nothing else is written.
const MAX_VISITS: u32 = 1000;

impl<'a> Compiler<'a> {
    pub(super) fn state(
        &mut self,
        cx: Context<'a>,
        reads: &mut StateReads,
        state: &'a model::State,
        path: &str,
    ) -> Option<State> {
        let is_final = cx
            .program
            .final_states
            .iter()
            .any(|name| name.value == state.name.value);
        self.check_ways(cx, state, is_final);
        let steps = self.steps(cx, &state.instructions, &format!("{path}.instructions"));
        let regions = self.regions(cx, reads, state, path);
        let StateReads {
            after, on_error, ..
        } = reads;
        let role = match &state.fail {
            Some(message) => {
                if is_final {
                    let message =
                        format!("`{}` is a final state and has `fail`", state.name.as_str());
                    let hint =
                        Some("a final state passes the task; remove one of the two".to_owned());
                    self.error(
                        "final-fail",
                        &cx.file.name,
                        state.name.span,
                        message,
                        "passes and fails",
                        hint,
                    );
                }
                self.text(cx, after, message, &format!("{path}.fail"))
                    .map(Role::Fail)
            }
            None if is_final => Some(Role::Final),
            None => Some(Role::Way),
        };
        let ways = self.ways(cx, after, state, path);
        let timeout = match &state.timeout {
            None => None,
            Some(length) => Some(self.length(cx, after, length, &format!("{path}.timeout"))?),
        };
        let on_timeout = match &state.on_timeout {
            None => None,
            Some(route) => Some(self.route(cx, after, route, &format!("{path}.on_timeout"))?),
        };
        let routes: Vec<_> = state
            .on_error
            .iter()
            .enumerate()
            .map(|(index, route)| {
                self.route(cx, on_error, route, &format!("{path}.on_error[{index}]"))
            })
            .collect();
        self.check_routes(cx, &state.on_error);
        let watches_regions = ways.immediate.iter().any(Condition::reads_regions);
        Some(State {
            name: Name::clone(&state.name.value),
            place: cx.place(state.name.span, path),
            role: role?,
            steps,
            transitions: ways.transitions.into(),
            immediate: ways.immediate.into(),
            strategies: ways.strategies.into(),
            slots: ways.slots,
            regions,
            joined: ways.joined,
            watches_regions,
            timeout,
            on_timeout,
            on_error: routes.into_iter().collect::<Option<_>>()?,
            max_visits: state
                .max_visits
                .as_ref()
                .map_or(MAX_VISITS, |visits| visits.value),
        })
    }

    fn check_ways(&mut self, cx: Context<'a>, state: &model::State, is_final: bool) {
        let name = state.name.as_str();
        let has_ways = !state.transitions.is_empty();
        let leads_on = state.transitions.iter().any(|way| way.to.is_some())
            || (has_ways && state.on_timeout.is_some());
        if let (true, Some(region)) = (is_final, state.regions.first()) {
            let hint = "give it a way out, and name the state behind it in `final_state`";
            self.error(
                "final-regions",
                &cx.file.name,
                region.name.span,
                format!("`{name}` is a final state and has regions, which would never run"),
                "never run",
                Some(hint.to_owned()),
            );
        }
        if is_final && has_ways {
            let span = state.transitions[0].span;
            let hint = Some("a final state ends the task; remove its transitions, or the name from `final_state`".to_owned());
            self.error(
                "final-ways",
                &cx.file.name,
                span,
                format!("`{name}` is a final state and has transitions"),
                "never taken",
                hint,
            );
        } else if !is_final
            && state.fail.is_none()
            && !leads_on
            // A misspelt final state may mean this one, and was reported.
            && cx.program.final_states.iter().all(|name| cx.program.position(name.as_str()).is_some())
        {
            let only_stays = state.transitions.iter().any(|way| way.stay.is_some());
            let (message, label, hint) = if only_stays {
                (
                    format!("nothing leads out of `{name}`: it only stays"),
                    "stays for ever",
                    "add a transition with `to`, or `on_timeout`",
                )
            } else {
                (
                    format!("nothing leads out of `{name}`"),
                    "no transitions",
                    "add `next:` or `transitions:`, or name it in `final_state`",
                )
            };
            let (file, span) = (&cx.file.name, state.name.span);
            self.error(
                "no-way-out",
                file,
                span,
                message,
                label,
                Some(hint.to_owned()),
            );
        }
    }

    /// The first match wins, so that nothing stands behind an entry for the same errors, or for any.
    fn check_routes(&mut self, cx: Context<'a>, routes: &[model::Route]) {
        for (index, route) in routes.iter().enumerate() {
            let covers = |earlier: &&model::Route| match (&earlier.kind, &route.kind) {
                (None, _) => true,
                (Some(earlier), Some(kind)) => earlier.value == kind.value,
                (Some(_), None) => false,
            };
            if let Some(earlier) = routes[..index].iter().find(covers) {
                let message = format!(
                    "this entry is never asked: the one to `{}` takes these errors first",
                    earlier.to.as_str()
                );
                let hint =
                    Some("put the entry without a `kind` last, and each kind once".to_owned());
                self.error(
                    "dead-route",
                    &cx.file.name,
                    route.span,
                    message,
                    "never asked",
                    hint,
                );
                return;
            }
        }
    }

    fn route(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        route: &model::Route,
        path: &str,
    ) -> Option<Route> {
        let kind = match &route.kind {
            None => None,
            Some(kind) => {
                let known = ErrorKind::ALL
                    .into_iter()
                    .find(|known| known.word() == kind.as_str());
                let Some(known) = known.filter(|known| known.is_routable()) else {
                    self.wrong_kind(cx, kind);
                    return None;
                };
                Some(known)
            }
        };
        let to = self.target(cx, &route.to);
        let set = self.assignments(cx, reads, &route.set, &format!("{path}.set"));
        Some(Route {
            kind,
            to: to?,
            set: set.into(),
            place: cx.place(route.span, path),
        })
    }

    /// The index of a state, or a diagnostic.
    pub(super) fn target(&mut self, cx: Context<'a>, name: &Text) -> Option<usize> {
        if let Some(index) = cx.program.position(name.as_str()) {
            return Some(index);
        }
        let names = cx.program.states.iter().map(|state| state.name.as_str());
        let known = nearest(name.as_str(), names).map(str::to_owned);
        let hint = if let Some(known) = known {
            format!("did you mean `{known}`?")
        } else {
            let names: Vec<_> = cx
                .program
                .states
                .iter()
                .take(12)
                .map(|state| state.name.as_str())
                .collect();
            format!("the states are {}", names.join(", "))
        };
        self.error(
            "unknown-state",
            &cx.file.name,
            name.span,
            format!("there is no state `{}`", name.as_str()),
            "unknown state",
            Some(hint),
        );
        None
    }

    fn wrong_kind(&mut self, cx: Context<'a>, kind: &Text) {
        let words = ErrorKind::ALL
            .into_iter()
            .filter(|kind| kind.is_routable())
            .map(ErrorKind::word);
        let hint =
            nearest(kind.as_str(), words.clone()).map(|known| format!("did you mean `{known}`?"));
        let hint = hint
            .unwrap_or_else(|| format!("the kinds are {}", words.collect::<Vec<_>>().join(", ")));
        let message = if matches!(kind.as_str(), "limit" | "lost") {
            format!("errors of the kind `{}` cannot be routed", kind.as_str())
        } else {
            format!("there is no error kind `{}`", kind.as_str())
        };
        self.error(
            "unknown-kind",
            &cx.file.name,
            kind.span,
            message,
            "",
            Some(hint),
        );
    }

    /// The length, if it is written out.
    pub(super) fn literal(length: &Length) -> Option<std::time::Duration> {
        match length {
            Length::Literal(duration) => Some(*duration),
            Length::Template(_) => None,
        }
    }
}
