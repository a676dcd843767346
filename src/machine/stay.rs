//! Conditions that stay, and the race beside regions. Where a condition of a state stays, none of its strategies ends
//! when a condition is fulfilled: it offers that and waits. Offers are looked at in the order of the file. One that
//! stays is taken, and its strategy goes on; one that leads on ends the race.

use super::condition::{Cell, End, RunningStrategy, Settled};
use super::execution::Trouble;
use super::frame::Frame;
use super::program::State;
use super::race::{Either, Pending, first};
use super::visit::{Exit, Expiry};
use super::world::World;
use crate::event::{Fact, Name};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

impl RunningStrategy<'_> {
    /// Hands out how a condition ended. Where another condition may come first, waits for what becomes of that; `None`:
    /// it was not used, or the state has stayed, and the next result counts.
    pub(super) async fn offer(&self, end: End) -> Option<End> {
        let Settled::Fulfilled(_) = end.settled else {
            return Some(end);
        };
        if !self.sets.are_offered() {
            // Outside of the race the state is being left.
            return (!self.sets.stays(end.index)).then_some(end);
        }
        self.cell().seen(|seen| {
            seen.offer = Some(end);
            seen.is_held = true;
        });
        // Whoever decides polls it again.
        poll_fn(|_| {
            if self.cell().seen(|seen| seen.is_held) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        None
    }
}

/// A condition that could decide.
struct Ready {
    end: End,
    /// The strategy that waits for what becomes of it: its number among those of the state.
    held: Option<usize>,
}

impl Ready {
    fn ended(end: End) -> Self {
        Self { end, held: None }
    }

    /// Whether the state goes on with it.
    fn stays(&self, state: &State) -> bool {
        let is_fulfilled = matches!(self.end.settled, Settled::Fulfilled(_));
        is_fulfilled && state.transitions[self.end.index].stays
    }

    /// Whether its messages are still there.
    fn is_whole(&self) -> bool {
        match &self.end.settled {
            Settled::Fulfilled(win) => {
                let mut take = win.take.iter();
                take.all(|(inbox, number)| inbox.holds(*number))
            }
            Settled::Failed(_) => true,
        }
    }
}

impl<W: World> Frame<'_, W> {
    /// The race beside the state's regions, with conditions that look at what regions save, and with conditions that
    /// stay.
    pub(super) async fn race_beside<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        mut arms: Vec<Option<Pending<'a, Option<End>>>>,
        expiry: Expiry,
    ) -> Result<Exit, Trouble> {
        let has_stays = state.has_stays();
        let mut watching = self.watch_regions(state);
        // Where only those conditions are left, regions around this one may still fulfil them.
        let may_be_fulfilled = watching.is_some() && self.region.is_some();
        let mut regions = self.open_regions(state).await;
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            let pass = poll_fn(|context| {
                match regions.poll(context) {
                    Some(Err(trouble)) => return Poll::Ready(Err(trouble)),
                    Some(Ok(joined)) => ready.push(Ready::ended(joined)),
                    None => {}
                }
                if let Some(arm) = &mut watching
                    && let Poll::Ready(end) = arm.as_mut().poll(context)
                {
                    watching = None;
                    ready.extend(end.map(Ready::ended));
                }
                for (number, slot) in arms.iter_mut().enumerate() {
                    let Some(arm) = slot else { continue };
                    if let Poll::Ready(end) = arm.as_mut().poll(context) {
                        *slot = None;
                        ready.extend(end.map(Ready::ended));
                    } else if has_stays
                        && let Some(end) = cells[state.strategies[number].slot].take_offer()
                    {
                        let held = Some(number);
                        ready.push(Ready { end, held });
                    }
                }
                let is_over = !regions.are_running() && arms.iter().all(Option::is_none);
                if ready.is_empty() && (!is_over || may_be_fulfilled) {
                    return Poll::Pending;
                }
                Poll::Ready(Ok(()))
            });
            match first(pass, self.sleep_until(expiry.at)).await {
                Either::Left(Ok(())) => {}
                Either::Left(Err(trouble)) => {
                    drop((regions, watching, arms));
                    return Err(trouble);
                }
                Either::Right(()) => break,
            }
            ready.sort_by_key(|one| one.end.index);
            if !ready.first().is_some_and(|one| one.stays(state)) {
                drop((regions, watching));
                let ready = ready.into_iter().map(|one| one.end).collect();
                return self.settled(state, cells, arms, ready).await;
            }
            self.go_on(state, cells, ready.remove(0)).await?;
            // What looked at the same message has to look at the next.
            ready.retain(|one| {
                let is_whole = one.held.is_none() || one.is_whole();
                if !is_whole {
                    release(state, cells, one);
                }
                is_whole
            });
            if let Some(end) = self.immediate(state, false).await {
                drop((regions, watching));
                return self.settled(state, cells, arms, vec![end]).await;
            }
            // A source that never pauses does not keep the deadline away.
            if self.world().now() > expiry.at {
                break;
            }
        }
        drop((regions, watching));
        self.expired(state, cells, arms, expiry.limit).await
    }

    /// Takes what has fulfilled a condition that stays, and lets its strategy go on.
    async fn go_on(&self, state: &State, cells: &[Cell], ready: Ready) -> Result<(), Trouble> {
        let index = ready.end.index;
        let win = match &ready.end.settled {
            Settled::Fulfilled(win) => win,
            Settled::Failed(trouble) => return Err(trouble.clone()),
        };
        for (inbox, number) in &win.take {
            inbox.take(*number);
        }
        let transition = &state.transitions[index];
        let env = self.env().with_res(&win.res, win.attempt);
        self.assign_all(&transition.set, env).await?;
        let mut times = 1;
        if let Some(strategy) = ready.held.map(|number| &state.strategies[number]) {
            let mut conditions = strategy.conditions.iter();
            let slot = conditions.position(|one| one.index == index).unwrap_or(0);
            times = cells[strategy.slot].seen(|seen| {
                seen.stayed.resize(strategy.conditions.len(), 0);
                seen.stayed[slot] += 1;
                seen.stayed[slot]
            });
        }
        self.record(Fact::Stayed {
            state: Name::clone(&state.name),
            place: Arc::clone(&transition.place),
            attempt: win.attempt,
            times,
        })
        .await;
        release(state, cells, &ready);
        Ok(())
    }
}

/// Lets the strategy go on that waits for what becomes of its offer.
fn release(state: &State, cells: &[Cell], ready: &Ready) {
    if let Some(number) = ready.held {
        cells[state.strategies[number].slot].seen(|seen| seen.is_held = false);
    }
}
