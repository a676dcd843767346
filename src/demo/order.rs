use super::catalog::{ITEMS, amount};
use super::order_request::OrderRequest;
use super::order_status::OrderStatus;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// One order.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) customer: String,
    pub(super) lines: Vec<(usize, u64)>,
    pub(super) status: OrderStatus,
    /// Whether its goods are set aside.
    pub(super) reserved: bool,
    /// Since the shop opened.
    placed: Duration,
    /// Between two steps.
    pace: Duration,
    steps: &'static [OrderStatus],
    reason: Option<&'static str>,
    parcel: Option<(&'static str, String)>,
    history: Vec<(OrderStatus, Duration)>,
    rng: fastrand::Rng,
}

impl Order {
    /// An order placed at `now`. All its chances come from `seed` and `id`.
    pub(super) fn new(
        id: u64,
        request: OrderRequest,
        in_stock: bool,
        seed: u64,
        now: Duration,
    ) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(id));
        let unhurried = Duration::from_millis(rng.u64(100..=300));
        let chance = rng.bool();
        let (steps, reason): (&[OrderStatus], _) = if in_stock {
            (request.outcome.steps(chance), "payment declined")
        } else {
            (&[OrderStatus::Rejected], "out of stock")
        };
        Self {
            id,
            customer: request.customer,
            lines: request.lines,
            status: OrderStatus::Placed,
            reserved: in_stock,
            placed: now,
            pace: request.pace.unwrap_or(unhurried),
            steps,
            reason: steps.contains(&OrderStatus::Rejected).then_some(reason),
            parcel: None,
            history: vec![(OrderStatus::Placed, Duration::ZERO)],
            rng,
        }
    }

    /// When its next step is due, if one lies before it.
    pub(super) fn due(&self) -> Option<Duration> {
        let taken = self.history.len() as u32;
        (!self.steps.is_empty()).then(|| self.placed + self.pace * taken)
    }

    /// Takes the next step, which was due at `due`.
    pub(super) fn step(&mut self, due: Duration) {
        let Some((next, rest)) = self.steps.split_first() else {
            return;
        };
        self.steps = rest;
        if *next == OrderStatus::Shipped {
            const CARRIERS: [(&str, &str); 3] =
                [("heron", "HR"), ("plover", "PV"), ("swift", "SW")];
            let (carrier, prefix) = CARRIERS[self.rng.usize(..CARRIERS.len())];
            let number = self.rng.u32(0..1_000_000_000);
            self.parcel = Some((carrier, format!("{prefix}{number:09}")));
        }
        self.enter(*next, due);
    }

    /// Cancels it at `now`.
    pub(super) fn cancel(&mut self, now: Duration) {
        self.steps = &[];
        self.reason = None;
        self.enter(OrderStatus::Cancelled, now);
    }

    fn enter(&mut self, status: OrderStatus, at: Duration) {
        self.status = status;
        self.history.push((status, at.saturating_sub(self.placed)));
    }

    fn total(&self) -> f64 {
        amount(
            self.lines
                .iter()
                .map(|(item, qty)| ITEMS[*item].cents * qty)
                .sum(),
        )
    }

    /// The order as its page shows it. What is not known yet (carrier, reason) is not there.
    pub(super) fn json(&self) -> Json {
        let mut order =
            json!({ "id": self.id, "customer": self.customer, "status": self.status.word() });
        if let [(item, qty)] = self.lines[..] {
            order["sku"] = ITEMS[item].sku.into();
            order["qty"] = qty.into();
        }
        let line = |(item, qty): &(usize, u64)| json!({ "sku": ITEMS[*item].sku, "qty": qty, "price": amount(ITEMS[*item].cents) });
        order["lines"] = self.lines.iter().map(line).collect();
        order["total"] = self.total().into();
        self.add_findings(&mut order);
        let step = |(status, after): &(OrderStatus, Duration)| json!({ "status": status.word(), "after_ms": after.as_millis() as u64 });
        order["history"] = self.history.iter().map(step).collect();
        order
    }

    /// What an event says of it: its newest status.
    pub(super) fn event(&self) -> Json {
        let mut event = json!({
            "order_id": self.id,
            "customer": self.customer,
            "status": self.status.word(),
            "total": self.total(),
        });
        self.add_findings(&mut event);
        let after = self
            .history
            .last()
            .map_or(Duration::ZERO, |(_, after)| *after);
        event["after_ms"] = (after.as_millis() as u64).into();
        event
    }

    fn add_findings(&self, order: &mut Json) {
        if let Some((carrier, tracking)) = &self.parcel {
            order["carrier"] = (*carrier).into();
            order["tracking"] = tracking.as_str().into();
        }
        if let (OrderStatus::Rejected, Some(reason)) = (self.status, self.reason) {
            order["reason"] = reason.into();
        }
    }
}
