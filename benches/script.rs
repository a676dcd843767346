//! What conditions and templates cost, with everything compiled once, as the machine does it.
//!
//!     cargo bench --bench script

use criterion::{Criterion, criterion_group, criterion_main};
use funcy::event::{Failure, Json, Name};
use funcy::script::{Engine, Host, Locals, Scope, Value};
use std::hint::black_box;
use std::sync::Arc;

struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn chance(&self, _place: u64) -> [u8; 16] {
        [7; 16]
    }

    fn env(&self, _name: &str) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

/// An answer of this many items.
fn answer(items: usize) -> Arc<Json> {
    let items: Vec<Json> = (0..items)
        .map(|n| serde_json::json!({ "sku": format!("A-{n}"), "price": n, "tags": ["x", "y"] }))
        .collect();
    Arc::new(
        serde_json::json!({ "status": 200, "body": { "status": "shipped", "total": 99.5, "items": items } }),
    )
}

fn scripts(criterion: &mut Criterion) {
    let (engine, broken) = Engine::new(&[]);
    assert!(broken.is_empty());
    let host: Arc<dyn Host> = Arc::new(Nowhere);
    let scope = Scope::new();
    scope.set(&Name::from("status"), Value::from(Json::from("ready")));
    scope.set(&Name::from("attempts"), Value::from(Json::from(3)));
    scope.set(&Name::from("id"), Value::from(Json::from(7)));
    let nothing = |_: &str| None;

    let mut group = criterion.benchmark_group("condition");
    let guard = engine
        .expression("status == \"ready\" && attempts < 5")
        .expect("valid");
    group.bench_function("variables", |bencher| {
        bencher.iter(|| {
            engine
                .test(black_box(&guard), &scope, &Locals::new(&nothing), &host)
                .expect("a bool")
        });
    });
    for items in [1, 100, 10_000] {
        let res = Value::from_json(answer(items));
        let look = |name: &str| (name == "res").then(|| res.clone());
        let guard = engine
            .expression("res.body.status == \"shipped\" && res.body.total > 50")
            .expect("valid");
        group.bench_function(format!("answer of {items} items"), |bencher| {
            bencher.iter(|| {
                engine
                    .test(black_box(&guard), &scope, &Locals::new(&look), &host)
                    .expect("a bool")
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("template");
    let template = engine
        .template("/orders/${id}/lines?status=${status}")
        .expect("valid");
    group.bench_function("two values", |bencher| {
        bencher.iter(|| {
            engine
                .render(black_box(&template), &scope, &Locals::new(&nothing), &host)
                .expect("a text")
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("compile");
    group.bench_function("expression", |bencher| {
        bencher.iter(|| {
            engine.expression(black_box(
                "res.body.status == \"shipped\" && res.body.total > 50",
            ))
        });
    });
    group.finish();
}

criterion_group!(benches, scripts);
criterion_main!(benches);
