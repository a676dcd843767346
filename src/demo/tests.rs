use super::serve::{MAX_BODY, ROUTES};
use super::service::MAX_STREAMS;
use super::*;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use std::sync::Once;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A shop on a free port, and a client.
struct Demo {
    url: String,
    client: reqwest::Client,
    stop: CancellationToken,
    server: JoinSet<std::io::Result<()>>,
}

impl Demo {
    async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, settings, stop.clone().cancelled_owned()));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            url,
            client,
            stop,
            server,
        }
    }

    fn request(&self, line: &str) -> RequestBuilder {
        let (method, path) = line.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(&format!("GET {path}")).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Json {
        read(self.get(path).await).await
    }

    async fn post(&self, path: &str, body: Json) -> Response {
        let request = self.request(&format!("POST {path}"));
        request.body(body.to_string()).send().await.unwrap()
    }

    async fn rpc(&self, body: Json) -> Json {
        read(self.post("/rpc", body).await).await
    }

    /// Stops the shop, which must then end by itself, and soon.
    async fn close(mut self) {
        self.stop.cancel();
        let end = timeout(Duration::from_secs(1), self.server.join_next()).await;
        end.expect("the shop stops at once")
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// The JSON of an answer.
async fn read(response: Response) -> Json {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Reads server-sent events.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(demo: &Demo, path: &str, last: Option<&str>) -> Self {
        let mut request = demo.request(&format!("GET {path}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = String::new();
        Self { response, text }
    }

    /// The next block, comments too; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = timeout(Duration::from_secs(5), self.response.chunk()).await;
            let chunk = chunk.expect("news within 5 s").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its name, id and data.
    async fn next(&mut self) -> (String, String, Json) {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned())
            };
            if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                let data = serde_json::from_str(&data).unwrap();
                return (name, field("id:").unwrap_or_default(), data);
            }
        }
    }

    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.next().await.0);
        }
        names
    }
}

#[tokio::test]
async fn every_route_of_the_docs_is_served_and_listed() {
    let documented: Vec<&str> = include_str!("mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `"))
        .filter_map(|row| row.split(['`', '?']).next())
        .collect();
    assert_eq!(documented, ROUTES);
    let demo = Demo::open().await;
    assert_eq!(demo.json("/").await["routes"], json!(ROUTES));
    demo.post("/orders", json!({ "sku": "A-1" })).await;
    for route in ROUTES {
        let line = route
            .replace("ANY", "PATCH")
            .replace("{sku}", "A-1")
            .replace("{id}", "1")
            .replace("{code}", "204");
        let response = demo.request(&line).send().await.unwrap();
        assert!(
            ![404, 405].contains(&response.status().as_u16()),
            "{route}: {}",
            response.status()
        );
    }
    let lost = demo.get("/nowhere").await;
    assert_eq!(lost.status(), 404);
    assert_eq!(lost.headers()["content-type"], "application/problem+json");
    let wrong = demo.request("PUT /orders").send().await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()["allow"], "GET,HEAD,POST");
    demo.close().await;
}

#[tokio::test]
async fn an_order_is_placed_and_shipped_by_itself() {
    let demo = Demo::open().await;
    let placed = demo
        .post("/orders?pace=20", json!({ "sku": "A-1", "qty": 2 }))
        .await;
    assert_eq!(placed.status(), 201);
    assert_eq!(placed.headers()["location"], "/orders/1");
    let order: Json = read(placed).await;
    assert_eq!(
        order,
        json!({
            "id": 1, "customer": "guest", "status": "placed", "sku": "A-1", "qty": 2,
            "lines": [{ "sku": "A-1", "qty": 2, "price": 49.5 }], "total": 99.0,
            "history": [{ "status": "placed", "after_ms": 0 }],
        })
    );
    // The stream tells when it is shipped; no sleep is due.
    let mut events = Events::open(&demo, "/orders/1/events", None).await;
    assert_eq!(
        events.names(4).await,
        ["placed", "paid", "packed", "shipped"]
    );
    let order = demo.json("/orders/1").await;
    assert_eq!(order["status"], "shipped");
    assert_eq!(order["tracking"].as_str().unwrap().len(), 11);
    let late = demo.request("DELETE /orders/1").send().await.unwrap();
    assert_eq!(late.status(), 409);
    assert_eq!(read(late).await["code"], "settled");
    demo.close().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_problem() {
    let demo = Demo::open().await;
    let wrong = demo
        .post("/orders?outcome=maybe", json!({ "sku": "X-9", "qty": "2" }))
        .await;
    assert_eq!(wrong.status(), 422);
    let problem: Json = read(wrong).await;
    assert_eq!(problem["detail"], "3 fields are wrong");
    assert_eq!(
        problem["errors"][0],
        json!({ "field": "sku", "detail": "is not in the catalogue" })
    );
    for (line, body, status) in [
        ("POST /orders", "{", 400),
        ("POST /orders", "7", 422),
        ("POST /orders?colour=red", "{}", 422),
        ("GET /orders/99", "", 404),
        ("GET /orders/last", "", 404),
        ("DELETE /orders/99", "", 404),
        ("GET /orders/99/events", "", 404),
        ("GET /orders?status=gone", "", 422),
        ("GET /orders?limit=0", "", 422),
        ("GET /orders?cursor=x", "", 422),
        ("GET /catalog/X-9", "", 404),
        ("GET /slow?ms=10001", "", 422),
        ("GET /flaky", "", 422),
        ("GET /status/99", "", 422),
        ("GET /status/600", "", 422),
        ("GET /redirect?to=http://example.org", "", 422),
        ("GET /redirect?to=//example.org", "", 422),
        ("GET /redirect?to=/%5Cexample.org", "", 422),
        ("GET /redirect?to=/&status=304", "", 422),
        ("GET /redirect?to=/%0d%0ax:y", "", 422),
        ("GET /cookies/set?name=a&value=b;c", "", 422),
        ("GET /bytes?n=1048577", "", 422),
    ] {
        let response = demo
            .request(line)
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{line}");
        let problem: Json = read(response).await;
        assert_eq!(problem["status"], status, "{line}");
        assert!(problem["detail"].as_str().unwrap().len() > 5, "{line}");
    }
    let large = demo.request("POST /echo").body(vec![b' '; MAX_BODY + 1]);
    assert_eq!(large.send().await.unwrap().status(), 413);
    demo.close().await;
}

#[tokio::test]
async fn orders_are_listed_by_status_and_customer() {
    let demo = Demo::open().await;
    for (customer, outcome) in [("ada", "shipped"), ("bob", "rejected"), ("ada", "stuck")] {
        let order = json!({ "sku": "B-2", "customer": customer, "outcome": outcome, "pace": 0 });
        demo.post("/orders", order).await;
    }
    let ids = |page: &Json| -> Vec<u64> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|order| order["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids(&demo.json("/orders?status=rejected").await), [2]);
    assert_eq!(ids(&demo.json("/orders?customer=ada").await), [1, 3]);
    let first = demo.json("/orders?limit=2").await;
    assert_eq!(ids(&first), [1, 2]);
    assert_eq!(first["next_cursor"], "2");
    let rest = demo.json("/orders?limit=2&cursor=2").await;
    assert_eq!(ids(&rest), [3]);
    assert_eq!(rest["next_cursor"], Json::Null);
    demo.close().await;
}

#[tokio::test]
async fn events_are_numbered_and_replayed_without_gap_or_repeat() {
    let demo = Demo::open().await;
    let fast = |sku: &str| json!({ "sku": sku, "pace": 5 });
    demo.post("/orders", fast("A-1")).await;
    Events::open(&demo, "/orders/1/events", None)
        .await
        .names(4)
        .await;
    // Without an id the stream begins now; the first order is over.
    let mut live = Events::open(&demo, "/events", None).await;
    demo.post("/orders", fast("B-2")).await;
    let (name, id, data) = live.next().await;
    assert_eq!((name.as_str(), id.as_str()), ("placed", "5"));
    assert_eq!(
        data,
        json!({ "order_id": 2, "customer": "guest", "status": "placed", "total": 12.25, "after_ms": 0 })
    );
    assert_eq!(live.names(3).await, ["paid", "packed", "shipped"]);
    let mut again = Events::open(&demo, "/events", Some("3")).await;
    let mut ids = Vec::new();
    for _ in 4..=8 {
        ids.push(again.next().await.1);
    }
    assert_eq!(ids, ["4", "5", "6", "7", "8"]);
    let mut one = Events::open(&demo, "/orders/2/events", Some("6")).await;
    assert_eq!(one.names(2).await, ["packed", "shipped"]);
    let mut bounded = Events::open(&demo, "/orders/2/events?until=packed", None).await;
    assert_eq!(bounded.names(3).await, ["placed", "paid", "packed"]);
    assert_eq!(bounded.block().await, None, "it ends behind that event");
    // An id that this shop has not given yet is from before a restart.
    let mut restarted = Events::open(&demo, "/events", Some("1000")).await;
    assert_eq!(restarted.next().await.1, "1");
    let wrong = demo.request("GET /events").header("last-event-id", "x");
    assert_eq!(wrong.send().await.unwrap().status(), 422);
    demo.close().await;
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_and_ends_with_the_shop() {
    let heartbeat = Duration::from_millis(20);
    let demo = Demo::with(Settings {
        heartbeat,
        ..Settings::default()
    })
    .await;
    let mut events = Events::open(&demo, "/events", None).await;
    assert!(events.block().await.unwrap().contains(": open"));
    assert_eq!(events.block().await.unwrap(), ": alive");
    assert_eq!(events.block().await.unwrap(), ": alive");
    demo.close().await;
    while let Some(block) = events.block().await {
        assert_eq!(block, ": alive");
    }
}

#[tokio::test]
async fn event_streams_are_bounded_and_given_back() {
    let demo = Demo::open().await;
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(Events::open(&demo, "/events", None).await);
    }
    let more = demo.get("/events").await;
    assert_eq!(more.status(), 503);
    assert_eq!(more.headers()["retry-after"], "1");
    open.pop();
    // The server sees a closed connection when it next looks.
    let free = async {
        while demo.get("/events").await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), free)
        .await
        .expect("the place of a closed stream is free");
    demo.close().await;
}

#[tokio::test]
async fn json_rpc_speaks_the_specification() {
    let demo = Demo::open().await;
    let call = |id: Json, method: &str, params: Json| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let sum = demo.rpc(call(json!("a"), "sum", json!([1, 2, 39]))).await;
    assert_eq!(sum, json!({ "jsonrpc": "2.0", "id": "a", "result": 42 }));
    let order = json!({ "sku": "D-4", "qty": 4, "outcome": "stuck", "pace": 0 });
    let created = demo.rpc(call(json!(1), "order.create", order)).await;
    assert_eq!(created["result"]["total"], 35.0);
    let id = json!({ "id": created["result"]["id"] });
    let got = demo.rpc(call(json!(2), "order.get", id.clone())).await;
    assert_eq!(got["result"]["status"], "paid");
    let cancelled = demo.rpc(call(json!(3), "order.cancel", id)).await;
    assert_eq!(cancelled["result"]["status"], "cancelled");
    for (request, code) in [
        (call(json!(1), "order.fly", json!({})), -32601),
        (call(json!(1), "order.get", json!({ "id": "x" })), -32602),
        (call(json!(1), "order.get", json!({ "id": 99 })), -32001),
        (
            call(json!(1), "order.create", json!({ "sku": "?" })),
            -32602,
        ),
        (call(json!(1), "sum", json!(["1"])), -32602),
        (call(json!(1), "sum", json!([i64::MAX, 1])), -32602),
        (call(json!(1), "sum", json!(7)), -32600),
        (call(json!([]), "sum", json!([1])), -32600),
        (json!({ "id": 1, "method": "sum" }), -32600),
        (json!("sum"), -32600),
        (json!([]), -32600),
    ] {
        let answer = demo.rpc(request.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{request}");
        assert_eq!(answer["jsonrpc"], "2.0");
    }
    let broken = demo.request("POST /rpc").body("{").send().await.unwrap();
    let broken: Json = read(broken).await;
    assert_eq!(broken["error"]["code"], -32700);
    let note = json!({ "jsonrpc": "2.0", "method": "sum", "params": [1] });
    assert_eq!(demo.post("/rpc", note.clone()).await.status(), 204);
    let batch = json!([note, call(json!(1), "echo", json!({ "a": 1 })), 7]);
    let answers = demo.rpc(batch).await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(answers[0]["result"], json!({ "a": 1 }));
    assert_eq!(answers[1]["error"]["code"], -32600);
    demo.close().await;
}

#[tokio::test]
async fn flaky_fails_as_often_as_asked_for_each_key() {
    let demo = Demo::open().await;
    for key in ["a", "b"] {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let path = format!("/flaky?key={key}&fail=2");
            statuses.push(demo.get(&path).await.status().as_u16());
        }
        assert_eq!(statuses, [503, 503, 200, 200]);
    }
    assert_eq!(demo.get("/flaky?key=c").await.headers()["retry-after"], "0");
    demo.close().await;
}

#[tokio::test]
async fn doors_open_with_the_right_key_only() {
    let demo = Demo::open().await;
    let closed = demo.get("/private").await;
    assert_eq!(closed.status(), 401);
    assert_eq!(closed.headers()["www-authenticate"], "Basic realm=\"demo\"");
    let basic = |password| {
        demo.request("GET /private")
            .basic_auth("demo", Some(password))
    };
    assert_eq!(basic("wrong").send().await.unwrap().status(), 401);
    assert_eq!(basic("demo-secret").send().await.unwrap().status(), 200);
    let wrong = json!({ "user": "demo", "password": "x" });
    assert_eq!(demo.post("/login", wrong).await.status(), 401);
    let right = json!({ "user": "demo", "password": "demo-secret" });
    let login: Json = read(demo.post("/login", right).await).await;
    let token = login["token"].as_str().unwrap();
    let me = |token: &str| demo.request("GET /me").bearer_auth(token.to_owned());
    assert_eq!(me(token).send().await.unwrap().status(), 200);
    assert_eq!(me("tok-0").send().await.unwrap().status(), 401);
    demo.close().await;
}

#[tokio::test]
async fn the_fixtures_answer_as_documented() {
    let demo = Demo::open().await;
    let mut cookies = Vec::new();
    for cookie in ["name=cart&value=7", "name=lang&value=de"] {
        let answer = demo.get(&format!("/cookies/set?{cookie}")).await;
        let value = answer.headers()["set-cookie"].to_str().unwrap();
        cookies.push(value.split(';').next().unwrap().to_owned());
    }
    let request = demo
        .request("GET /cookies")
        .header("cookie", cookies.join("; "));
    let told = read(request.send().await.unwrap()).await;
    assert_eq!(told, json!({ "cart": "7", "lang": "de" }));
    let echo = demo
        .request("PUT /echo?a=1&b=%C3%A4")
        .header("x-note", "hi");
    let echo: Json = read(echo.body("plain").send().await.unwrap()).await;
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["query"], json!({ "a": "1", "b": "ä" }));
    assert_eq!(echo["headers"]["x-note"], "hi");
    assert_eq!(echo["body"], "plain");
    let echo = demo.request("POST /echo").body(vec![0xff, 0xfe]);
    let echo: Json = read(echo.send().await.unwrap()).await;
    assert_eq!(echo["body"], json!({ "base64": "//4=" }));
    assert_eq!(demo.json("/gzip").await, json!({ "encoding": "gzip" }));
    assert_eq!(demo.json("/slow?ms=0").await, json!({ "ms": 0 }));
    let teapot = demo.get("/status/418").await;
    assert_eq!(teapot.status(), 418);
    let redirect = demo.get("/redirect?to=/health&status=307").await;
    assert_eq!(redirect.status(), 307);
    assert_eq!(redirect.headers()["location"], "/health");
    assert_eq!(
        demo.get("/text")
            .await
            .text()
            .await
            .unwrap()
            .lines()
            .count(),
        3
    );
    let bytes = demo.get("/bytes?n=100000").await.bytes().await.unwrap();
    assert_eq!(bytes.len(), 100_000);
    assert_eq!(
        bytes,
        demo.get("/bytes?n=100000").await.bytes().await.unwrap()
    );
    demo.close().await;
}

#[tokio::test]
async fn the_shop_closes_while_somebody_waits() {
    let demo = Demo::open().await;
    let slow = demo.request("GET /slow?ms=10000").send();
    let close = async {
        // An answered request later on the same runtime shows that the slow one has arrived, or nearly so.
        demo.get("/health").await;
        demo.stop.cancel();
    };
    let (slow, ()) = tokio::join!(slow, close);
    assert!(slow.is_err() || slow.unwrap().status() == 503);
    demo.close().await;
}

#[test]
fn stored_gzip_spans_blocks() {
    for length in [0, 1, 65_535, 65_536, 200_000] {
        let data = vec![7; length];
        let blocks = length.div_ceil(65_535).max(1);
        assert_eq!(gzip::wrap(&data).len(), 18 + 5 * blocks + length);
    }
    // The check value of CRC-32.
    let wrapped = gzip::wrap(b"123456789");
    let crc = &wrapped[wrapped.len() - 8..wrapped.len() - 4];
    assert_eq!(crc, 0xcbf4_3926_u32.to_le_bytes());
}
