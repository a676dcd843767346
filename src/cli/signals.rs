use tokio::signal::unix::{SignalKind, signal};

/// Completes at the first SIGINT or SIGTERM, with its name.
pub(super) async fn named() -> &'static str {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the default action ends the process, which is all that is left to do.
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

/// Completes at the first SIGINT or SIGTERM.
pub(super) async fn first() {
    named().await;
}
