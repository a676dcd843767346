use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of effects: what is started in a scope has stopped before the scope is closed.
///
/// A visit of a state has one, and so has the whole execution.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    tracker: TaskTracker,
    token: CancellationToken,
    /// The folder of the file that wrote the request, where that is not the session's.
    folder: Option<Arc<Path>>,
}

/// How long the effects of a closed scope may take to stop.
pub(super) const GRACE: Duration = Duration::from_secs(5);

impl Scope {
    /// A new, open scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same scope, for requests of a file in this folder: their relative paths start there.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.into());
        self
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Cancelled when the scope closes.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Runs this beside the machine. It must end soon after the scope's [`token`](Self::token) (or a
    /// narrower one of its own) is cancelled: closing the scope waits for it.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(future);
    }

    /// Cancels everything in the scope and waits until it has stopped. False if something has not,
    /// after 5 s.
    pub async fn close(&self) -> bool {
        self.token.cancel();
        self.tracker.close();
        if self.tracker.is_empty() {
            return true;
        }
        tokio::time::timeout(GRACE, self.tracker.wait())
            .await
            .is_ok()
    }
}
