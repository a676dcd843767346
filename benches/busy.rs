//! What a poll every 50 ms sees beside four tasks that read bodies of 12 MB, against the same poll alone.
//!
//!     cargo bench --bench busy
//!
//! An answer is late by what passes between two answers, less 50 ms. It prints the median, the 99th percentile and the
//! longest, with a journal; at the end by how much later the 99th percentile is than alone.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use funcy::client::Registry;
use funcy::engine::{Handle, Loader, Run, block_on};
use funcy::event::{Event, Fact, Sink};
use funcy::journal::{Durability, Journal};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

const POLLS: usize = 400;
const READERS: usize = 4;
const EVERY: i64 = 50_000;

const POLLER: &str = "version: 1
name: poller
vars: { base: http://BASE }
start_state: asks
final_state: done
max_global_transition_timeout: 10m
states:
  asks:
    timeout: 9m
    transitions:
      - to: done
        poll: { http: 'GET ${base}/PATH' }
        every: EVERY
        when: res.status == 404
  done:
";

/// Notes when the poller had its answers, and ends the run once it had enough.
struct Answers {
    at: Arc<Mutex<Vec<i64>>>,
    handle: Handle,
}

impl Sink for Answers {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        let mut at = self.at.lock().expect("nobody panics with it");
        for event in events {
            // The poller is the first task.
            if event.execution == Some(1) && matches!(event.fact, Fact::PollAnswered { .. }) {
                at.push(event.at);
            }
        }
        if at.len() > POLLS {
            self.handle.cancel("measured");
        }
        Ok(())
    }
}

fn body() -> String {
    let record =
        r#"{"id":12345,"name":"a name of some length","price":12.5,"tags":["one","two"]},"#;
    let records = record.repeat(12_000_000 / record.len());
    format!("[{records}0]")
}

fn answer(body: bytes::Bytes) -> std::future::Ready<impl axum::response::IntoResponse> {
    std::future::ready(([(CONTENT_TYPE, "application/json")], body))
}

/// Serves on a thread of its own.
fn serve() -> SocketAddr {
    let (told, address) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let large = bytes::Bytes::from(body());
            let small = bytes::Bytes::from_static(b"{\"ok\":true}");
            let router = Router::new()
                .route("/large", get(move || answer(large)))
                .route("/small", get(move || answer(small)));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            told.send(listener.local_addr().expect("it is bound"))
                .expect("somebody waits");
            axum::serve(listener, router).await.expect("it serves");
        });
    });
    address.recv().expect("it is sent")
}

/// By how many milliseconds the answers were late, in order.
fn lateness(server: SocketAddr, readers: usize) -> Vec<f64> {
    let registry = Registry::builtin();
    let task = |path: &str, every: &str| {
        let text = POLLER.replace("BASE", &server.to_string());
        let text = text.replace("PATH", path).replace("EVERY", every);
        Loader::new(registry.clone())
            .compile(Path::new("poller.yaml"), &text)
            .expect("the task is valid")
    };
    let mut tasks = vec![task("small", "50ms")];
    tasks.extend((0..readers).map(|_| task("large", "10ms")));
    let run = Run::new(tasks, registry.clone()).jobs(1 + readers);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, Durability::Normal).expect("a journal");
    let recorder = journal.recorder(run.id()).expect("a recorder");
    let at = Arc::new(Mutex::new(Vec::new()));
    let handle = run.handle();
    let sink = Answers {
        at: Arc::clone(&at),
        handle,
    };
    let run = run.recorded(recorder).sink(sink);
    drop(block_on(run.start()).expect("a runtime"));
    let at = at.lock().expect("nobody panics with it");
    let between = at.windows(2).map(|pair| pair[1] - pair[0] - EVERY);
    let mut late: Vec<f64> = between.map(|late| late as f64 / 1000.0).collect();
    late.truncate(POLLS);
    late.sort_by(f64::total_cmp);
    late
}

fn at(late: &[f64], part: f64) -> f64 {
    late[((late.len() - 1) as f64 * part).round() as usize]
}

fn main() {
    let server = serve();
    let measured = [("alone", 0), ("beside four readers of 12 MB", READERS)].map(|(what, readers)| {
        let late = lateness(server, readers);
        println!(
            "{what}: {} answers, late by {:.1} ms at the median, {:.1} ms at p99, {:.1} ms at most",
            late.len(),
            at(&late, 0.5),
            at(&late, 0.99),
            at(&late, 1.0)
        );
        at(&late, 0.99)
    });
    println!(
        "p99 is {:.1} ms later than alone",
        measured[1] - measured[0]
    );
}
