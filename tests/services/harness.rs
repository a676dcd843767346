use funcy::client::{Context, Registry, Scope, Session};
use funcy::event::{Failure, Inbox, Json, Message, Next, Over, Permissions, Reply};
use std::future::poll_fn;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Whether a test can have its server. Says so if not; with `FUNCY_TEST_SERVICES=required` it fails.
pub(crate) fn reachable(name: &str, address: &str) -> bool {
    let found = address
        .parse()
        .is_ok_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok());
    if !found {
        missing(&format!("no {name} on {address}"));
    }
    found
}

/// Says that a test is left out, or fails if that is not allowed.
pub(crate) fn missing(what: &str) {
    let required = std::env::var("FUNCY_TEST_SERVICES").is_ok_and(|value| value == "required");
    assert!(!required, "{what}, and FUNCY_TEST_SERVICES=required");
    // Written past the capture of the test harness: a test that was left out must be seen.
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {what}");
}

/// A name that no other test and no other process uses.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("funcy_{what}_{}_{count}", std::process::id())
}

/// One open client, as an execution has it.
pub(crate) struct Opened {
    session: Arc<dyn Session>,
    pub(crate) scope: Scope,
}

/// Opens a client of this kind, everything permitted, paths relative to `folder`.
pub(crate) async fn open_in(kind: &str, config: Json, folder: &Path) -> Result<Opened, Failure> {
    open_with(kind, config, folder, Permissions::everything()).await
}

/// Opens a client of this kind with these permissions.
pub(crate) async fn open_with(
    kind: &str,
    config: Json,
    folder: &Path,
    permissions: Permissions,
) -> Result<Opened, Failure> {
    let client = Registry::builtin().get(kind).expect("a known client");
    let context = Context {
        permissions: Arc::new(permissions),
        folder: folder.to_owned(),
        trace: Arc::new(funcy::event::Trace::of("", 0)),
    };
    let session = client.open(config, &context).await?;
    Ok(Opened {
        session,
        scope: Scope::new(),
    })
}

/// Opens a client of this kind.
pub(crate) async fn open(kind: &str, config: Json) -> Result<Opened, Failure> {
    open_in(kind, config, &PathBuf::from(".")).await
}

impl Opened {
    /// The same session, with effects in a scope of their own.
    pub(crate) fn with_scope(opened: &Self, scope: Scope) -> Self {
        Self {
            session: Arc::clone(&opened.session),
            scope,
        }
    }

    pub(crate) async fn call(&self, request: Json) -> Result<Reply, Failure> {
        self.session.call(&request, &self.scope).await
    }

    /// What `res` holds after the request.
    pub(crate) async fn res(&self, request: Json) -> Json {
        let reply = self.call(request).await.expect("the request works");
        Json::clone(&reply.value)
    }

    pub(crate) async fn subscribe(&self, source: Json) -> Result<Messages, Failure> {
        let (feed, inbox) = Inbox::new();
        self.session.subscribe(&source, feed, &self.scope).await?;
        Ok(Messages { inbox, cursor: 0 })
    }

    /// Ends everything, as the engine does.
    pub(crate) async fn close(self) {
        assert!(self.scope.close().await, "an effect did not stop");
        self.session.close().await;
    }
}

/// What a subscription received.
pub(crate) struct Messages {
    pub(crate) inbox: Inbox,
    cursor: u64,
}

impl Messages {
    /// The next message, within 10 s.
    pub(crate) async fn next(&mut self) -> Json {
        let message = self.result().await.expect("a message");
        Json::clone(&message.value)
    }

    /// The next message, or why there is none.
    pub(crate) async fn result(&mut self) -> Result<Message, Failure> {
        loop {
            let next = poll_fn(|context| self.inbox.poll_next(&mut self.cursor, context));
            match tokio::time::timeout(Duration::from_secs(10), next).await {
                Ok(Next::Message(_, message)) => return Ok(message),
                Ok(Next::Over(Over::Broken(failure))) => return Err(failure),
                Ok(Next::Over(Over::Ended)) => {
                    return Err(Failure::protocol("the source has ended"));
                }
                Ok(Next::Change(_)) => {}
                Err(elapsed) => panic!("no message within 10 s: {elapsed}"),
            }
        }
    }

    /// How many have come so far.
    pub(crate) fn received(&self) -> u64 {
        self.inbox.counts().0
    }
}
