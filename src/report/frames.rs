//! The frames of executions by their names, so that a line can say in which region something happened.

use crate::event::{Event, ExecutionId, Fact, FrameId, Name, ROOT};
use std::collections::HashMap;

/// The frames that were opened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    opened: HashMap<(ExecutionId, FrameId), (FrameId, Name)>,
}

impl Frames {
    /// Takes in the next event.
    pub(super) fn apply(&mut self, event: &Event) {
        let Some(execution) = event.execution else {
            return;
        };
        if let Fact::FrameOpened(opened) = &event.fact {
            let name = match self.name(execution, opened.parent) {
                None => Name::clone(&opened.name),
                Some(around) => format!("{around}/{}", opened.name).into(),
            };
            self.opened
                .insert((execution, event.frame), (opened.parent, name));
        }
        if let Fact::ExecutionFinished { .. } = event.fact {
            self.opened.retain(|(known, _), _| *known != execution);
        }
    }

    /// The name of a frame behind those around it: `delivery/mail`. The task itself has none.
    pub(super) fn name(&self, execution: ExecutionId, frame: FrameId) -> Option<Name> {
        let (_, name) = self.opened.get(&(execution, frame))?;
        Some(Name::clone(name))
    }

    /// The name of the frame of an event.
    pub(super) fn of(&self, event: &Event) -> Option<Name> {
        self.name(event.execution?, event.frame)
    }

    /// A frame and those around it, the task itself last.
    pub(super) fn chain(&self, execution: ExecutionId, frame: FrameId) -> Vec<FrameId> {
        let around = |frame: &FrameId| {
            let (parent, _) = self.opened.get(&(execution, *frame))?;
            Some(*parent)
        };
        let mut chain: Vec<FrameId> = std::iter::successors(Some(frame), around).collect();
        // Of a list that begins in the middle the frames are not known.
        if chain.last() != Some(&ROOT) {
            chain.push(ROOT);
        }
        chain
    }
}
