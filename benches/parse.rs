//! What reading and compiling a task costs.
//!
//!     cargo bench --bench parse

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use funcy::client::Registry;
use funcy::definition::{SourceFile, parse_task};
use funcy::engine::Loader;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

/// A task of this many requests.
fn task(requests: usize) -> String {
    let mut text = String::from(
        "version: 1\nname: many\nstart_state: go\nfinal_state: done\nstates:\n  go:\n    instructions:\n",
    );
    for _ in 0..requests {
        text.push_str("      - http: GET http://127.0.0.1:1/ok\n        expect: ['res.status == 200', 'res.body.status == \"ok\"']\n");
    }
    text.push_str("    next: done\n  done: {}\n");
    text
}

fn parsing(criterion: &mut Criterion) {
    let loader = Loader::new(Registry::builtin());
    for requests in [1, 1000] {
        let text = task(requests);
        let mut group = criterion.benchmark_group(format!("{requests} requests"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        let file =
            Arc::new(SourceFile::from_bytes("t.yaml", "t.yaml", text.as_bytes()).expect("a text"));
        group.bench_function("parse", |bencher| {
            bencher.iter(|| parse_task(black_box(&file)).expect("valid"));
        });
        group.bench_function("parse and compile", |bencher| {
            bencher.iter(|| {
                loader
                    .compile(Path::new("t.yaml"), black_box(&text))
                    .expect("valid")
            });
        });
        group.finish();
    }
}

criterion_group!(benches, parsing);
criterion_main!(benches);
