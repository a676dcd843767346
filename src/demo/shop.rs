#[cfg(test)]
mod tests;

use super::catalog::ITEMS;
use super::order::Order;
use super::order_request::OrderRequest;
use super::order_status::OrderStatus;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Orders kept; the oldest is forgotten first.
pub(super) const MAX_ORDERS: usize = 10_000;
/// Events kept for those who come back.
pub(super) const MAX_EVENTS: usize = 4_096;

/// The shop as data: orders, stock and the log of events. It reads no clock: the caller says what time it
/// is, as the time since the shop opened, and every step is taken at the moment it was due, however late
/// somebody looks.
#[derive(Debug)]
pub(super) struct Shop {
    seed: u64,
    next_id: u64,
    orders: BTreeMap<u64, Order>,
    /// Goods set aside for open orders, by item.
    reserved: [u64; ITEMS.len()],
    /// When each moving order takes its next step.
    due: BTreeSet<(Duration, u64)>,
    events: VecDeque<Arc<LoggedEvent>>,
    newest: u64,
}

/// One line of the event log.
#[derive(Debug)]
pub(super) struct LoggedEvent {
    pub(super) seq: u64,
    pub(super) order: u64,
    pub(super) name: &'static str,
    pub(super) data: String,
}

/// Why an order was not cancelled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CancelError {
    Unknown,
    Settled(OrderStatus),
}

/// Some orders, and where the next page begins.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<serde_json::Value>,
    pub(super) next: Option<u64>,
}

impl Shop {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            next_id: 1,
            orders: BTreeMap::new(),
            reserved: [0; ITEMS.len()],
            due: BTreeSet::new(),
            events: VecDeque::new(),
            newest: 0,
        }
    }

    /// Takes every step that is due by `now`, in the order of their times.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(&(due, id)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let Some(order) = self.orders.get_mut(&id) else {
                continue;
            };
            order.step(due);
            self.due.extend(order.due().map(|due| (due, id)));
            self.changed(id);
        }
    }

    /// When the next step is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Places an order. What is not in stock is found out one step later.
    pub(super) fn place(&mut self, request: OrderRequest, now: Duration) -> &Order {
        while self.orders.len() >= MAX_ORDERS
            && let Some((_, mut oldest)) = self.orders.pop_first()
        {
            if let Some(due) = oldest.due() {
                self.due.remove(&(due, oldest.id));
            }
            release(&mut self.reserved, &mut oldest);
        }
        let mut wanted = self.reserved;
        for (item, qty) in &request.lines {
            wanted[*item] += qty;
        }
        let in_stock = wanted
            .iter()
            .zip(&ITEMS)
            .all(|(wanted, item)| *wanted <= item.stock);
        if in_stock {
            self.reserved = wanted;
        }
        let id = self.next_id;
        self.next_id += 1;
        let order = Order::new(id, request, in_stock, self.seed, now);
        self.due.extend(order.due().map(|due| (due, id)));
        self.orders.insert(id, order);
        self.changed(id);
        &self.orders[&id]
    }

    /// Cancels an order; one that is cancelled already stays so.
    pub(super) fn cancel(&mut self, id: u64, now: Duration) -> Result<&Order, CancelError> {
        let order = self.orders.get_mut(&id).ok_or(CancelError::Unknown)?;
        if order.status.is_open() {
            if let Some(due) = order.due() {
                self.due.remove(&(due, id));
            }
            order.cancel(now);
            self.changed(id);
        } else if order.status != OrderStatus::Cancelled {
            return Err(CancelError::Settled(order.status));
        }
        Ok(&self.orders[&id])
    }

    pub(super) fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// What is left of an item.
    pub(super) fn left(&self, item: usize) -> u64 {
        ITEMS[item].stock - self.reserved[item]
    }

    /// Up to `limit` orders with an id above `after`, oldest first.
    pub(super) fn list(&self, after: u64, limit: usize, wanted: impl Fn(&Order) -> bool) -> Page {
        let mut found = self
            .orders
            .range(after.saturating_add(1)..)
            .map(|(_, order)| order)
            .filter(|order| wanted(order));
        let mut last = after;
        let items = found
            .by_ref()
            .take(limit)
            .map(|order| {
                last = order.id;
                order.json()
            })
            .collect();
        Page {
            items,
            next: found.next().map(|_| last),
        }
    }

    /// The sequence number of the newest event; 0 before the first.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Up to `limit` events after `after`, and how many of those asked for are forgotten.
    pub(super) fn events(&self, after: u64, limit: usize) -> (Vec<Arc<LoggedEvent>>, u64) {
        let oldest = self.newest + 1 - self.events.len() as u64;
        let first = after.saturating_add(1).max(oldest);
        let start = (first - oldest) as usize;
        let found = self.events.iter().skip(start).take(limit).cloned();
        (found.collect(), first - after.saturating_add(1))
    }

    /// Writes the newest status of an order into the log, and gives back the goods of one that is closed.
    /// What was shipped is restocked at once, so that a long day of tests does not sell the shop out.
    fn changed(&mut self, id: u64) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        if !order.status.is_open() {
            release(&mut self.reserved, order);
        }
        self.newest += 1;
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(LoggedEvent {
            seq: self.newest,
            order: id,
            name: order.status.word(),
            data: order.event().to_string(),
        }));
    }
}

fn release(reserved: &mut [u64; ITEMS.len()], order: &mut Order) {
    if std::mem::take(&mut order.reserved) {
        for (item, qty) in &order.lines {
            reserved[*item] -= qty;
        }
    }
}
