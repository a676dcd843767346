use super::*;
use serde_json::{Value as Json, json};

fn request(body: &Json) -> OrderRequest {
    OrderRequest::read(body).unwrap()
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn words(shop: &Shop) -> Vec<(u64, &'static str)> {
    let (entries, missed) = shop.events(0, MAX_EVENTS);
    assert_eq!(missed, 0);
    entries
        .iter()
        .map(|entry| (entry.order, entry.name))
        .collect()
}

#[test]
fn steps_are_taken_at_their_own_time_however_late_somebody_looks() {
    let mut shop = Shop::new(1);
    shop.place(request(&json!({ "sku": "A-1", "pace": 100 })), at(0));
    shop.place(request(&json!({ "sku": "A-1", "pace": 60 })), at(10));
    shop.advance(at(1000));
    // First order: 100, 200, 300; second: 70, 130, 190.
    assert_eq!(
        words(&shop),
        [
            (1, "placed"),
            (2, "placed"),
            (2, "paid"),
            (1, "paid"),
            (2, "packed"),
            (2, "shipped"),
            (1, "packed"),
            (1, "shipped"),
        ]
    );
    let order = shop.order(1).unwrap().json();
    let after: Vec<_> = order["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["after_ms"].as_u64().unwrap())
        .collect();
    assert_eq!(after, [0, 100, 200, 300]);
    assert_eq!(shop.next_due(), None);
}

#[test]
fn looking_often_and_looking_once_give_the_same() {
    let mut seldom = Shop::new(7);
    let mut often = Shop::new(7);
    for shop in [&mut seldom, &mut often] {
        for outcome in ["any", "lost", "rejected", "stuck", "shipped"] {
            shop.place(request(&json!({ "sku": "B-2", "outcome": outcome })), at(0));
        }
    }
    seldom.advance(at(2000));
    (0..=2000).for_each(|now| often.advance(at(now)));
    assert_eq!(words(&seldom), words(&often));
    for id in 1..=5 {
        assert_eq!(
            seldom.order(id).unwrap().json(),
            often.order(id).unwrap().json()
        );
    }
}

#[test]
fn the_seed_decides_and_another_seed_decides_otherwise() {
    let story = |seed| {
        let mut shop = Shop::new(seed);
        for _ in 0..40 {
            shop.place(request(&json!({ "sku": "A-1", "outcome": "any" })), at(0));
        }
        shop.advance(at(1000));
        let orders = (1..=40).map(|id| shop.order(id).unwrap().json());
        orders.collect::<Json>().to_string()
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
    assert!(story(1).contains("rejected") && story(1).contains("shipped"));
}

#[test]
fn outcomes_end_where_they_say() {
    for (outcome, end, reason) in [
        ("shipped", OrderStatus::Shipped, None),
        ("rejected", OrderStatus::Rejected, Some("payment declined")),
        ("lost", OrderStatus::Lost, None),
        ("stuck", OrderStatus::Paid, None),
    ] {
        let mut shop = Shop::new(1);
        shop.place(request(&json!({ "sku": "A-1", "outcome": outcome })), at(0));
        shop.advance(at(10_000));
        let order = shop.order(1).unwrap();
        assert_eq!(order.status, end, "{outcome}");
        let shown = order.json();
        assert_eq!(shown.get("reason").and_then(Json::as_str), reason);
        assert_eq!(shown.get("carrier").is_some(), end == OrderStatus::Shipped);
    }
}

#[test]
fn what_is_set_aside_is_missing_to_others_until_the_order_is_closed() {
    let mut shop = Shop::new(1);
    let mug = super::super::catalog::find("E-5").unwrap();
    let mugs = |qty| request(&json!({ "sku": "E-5", "qty": qty, "pace": 100 }));
    shop.place(mugs(8), at(0));
    assert_eq!(shop.left(mug), 2);
    shop.place(mugs(3), at(0));
    assert_eq!(
        shop.left(mug),
        2,
        "an order that is too large takes nothing"
    );
    shop.advance(at(100));
    let refused = shop.order(2).unwrap().json();
    assert_eq!(refused["status"], "rejected");
    assert_eq!(refused["reason"], "out of stock");
    shop.cancel(1, at(150)).unwrap();
    assert_eq!(shop.left(mug), 10);
    shop.place(mugs(10), at(200));
    shop.advance(at(500));
    assert_eq!(shop.order(3).unwrap().status, OrderStatus::Shipped);
    assert_eq!(shop.left(mug), 10, "shipped goods are restocked");
    let two = json!({ "lines": [{ "sku": "E-5", "qty": 6 }, { "sku": "E-5", "qty": 6 }] });
    assert!(!shop.place(request(&two), at(500)).reserved, "lines add up");
}

#[test]
fn cancelling_stops_an_order_once() {
    let mut shop = Shop::new(1);
    shop.place(request(&json!({ "sku": "A-1", "pace": 100 })), at(0));
    shop.advance(at(150));
    assert_eq!(
        shop.cancel(1, at(150)).unwrap().status,
        OrderStatus::Cancelled
    );
    assert!(shop.cancel(1, at(160)).is_ok());
    shop.advance(at(1000));
    assert_eq!(words(&shop), [(1, "placed"), (1, "paid"), (1, "cancelled")]);
    shop.place(request(&json!({ "sku": "A-1", "pace": 0 })), at(1000));
    shop.advance(at(1000));
    let error = shop.cancel(2, at(1000)).unwrap_err();
    assert_eq!(error, CancelError::Settled(OrderStatus::Shipped));
    assert_eq!(shop.cancel(3, at(0)).unwrap_err(), CancelError::Unknown);
}

#[test]
fn orders_and_events_are_bounded() {
    let mut shop = Shop::new(1);
    let more = 50;
    for _ in 0..MAX_ORDERS + more {
        shop.place(request(&json!({ "sku": "C-3", "outcome": "stuck" })), at(0));
    }
    assert_eq!(shop.orders.len(), MAX_ORDERS);
    assert!(shop.order(more as u64).is_none());
    assert!(shop.order(more as u64 + 1).is_some());
    assert_eq!(shop.due.len(), MAX_ORDERS);
    // There are 500 kettles. Each forgotten order gave its own back, and the next one took it.
    assert_eq!(shop.left(2), 0);
    assert!(shop.order(MAX_ORDERS as u64 + 1).unwrap().reserved);
    assert!(!shop.order(MAX_ORDERS as u64).unwrap().reserved);
    assert_eq!(shop.events.len(), MAX_EVENTS);
    let (entries, missed) = shop.events(10, 3);
    assert_eq!(missed, (MAX_ORDERS + more - MAX_EVENTS - 10) as u64);
    assert_eq!(entries[0].seq, missed + 11);
    let (entries, missed) = shop.events(u64::MAX, 3);
    assert!(entries.is_empty());
    assert_eq!(missed, 0);
}

#[test]
fn pages_hold_every_order_once() {
    let mut shop = Shop::new(1);
    for number in 0..25 {
        let customer = if number % 2 == 0 { "even" } else { "odd" };
        shop.place(
            request(&json!({ "sku": "A-1", "customer": customer })),
            at(0),
        );
    }
    let (mut after, mut ids, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = shop.list(after, 4, |order| order.customer == "even");
        ids.extend(page.items.iter().map(|order| order["id"].as_u64().unwrap()));
        pages += 1;
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(ids, (1..=25).step_by(2).collect::<Vec<_>>());
    assert_eq!(pages, 4, "13 orders, and no empty page at the end");
}

#[test]
fn every_wrong_field_is_named() {
    let fields = |body: Json| -> Vec<String> {
        let errors = OrderRequest::read(&body).unwrap_err();
        errors.into_iter().map(|error| error.field).collect()
    };
    assert_eq!(
        fields(
            json!({ "sku": "X", "qty": 0, "customer": "", "pace": -1, "outcome": "x", "colour": 1 })
        ),
        ["colour", "sku", "qty", "customer", "pace", "outcome"]
    );
    assert_eq!(fields(json!({})), ["sku"]);
    assert_eq!(fields(json!({ "sku": "A-1", "qty": 1.5 })), ["qty"]);
    assert_eq!(fields(json!([])), [""]);
    assert_eq!(fields(json!({ "lines": [] })), ["lines"]);
    assert_eq!(
        fields(json!({ "sku": "A-1", "lines": [{ "sku": "A-1", "qtty": 2 }, 7] })),
        ["sku", "lines[0].qtty", "lines[1]"]
    );
}
