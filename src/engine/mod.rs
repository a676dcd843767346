//! The engine: loads tasks, runs many of them at once in the live world, and tells sinks what happens.
//!
//! [`Loader`] reads files and compiles them, [`Run`] executes what was loaded, [`simulate`] does so without the world. One path leads through all of it:
//! a request becomes a run, a task one future, what it does facts, and the event log stamps each fact and
//! hands it to the sinks in order.

mod adhoc;
mod bounds;
mod called;
mod cases;
mod compile;
mod discover;
mod dispatcher;
mod event_log;
mod jobs;
mod lag;
mod live;
mod load;
mod loader;
mod locks;
mod output;
mod project;
mod run;
mod schedule;
mod script_host;
mod select;
mod service;
mod simulate;
mod stray_module;
mod turn;
mod weight;

pub use adhoc::{Adhoc, AdhocRequest};
pub use bounds::{may_read, may_write};
pub use discover::{SUITE, Survey, discover, home, suite_above, survey};
pub use jobs::{FILES_OF_A_TASK, jobs_that_fit};
pub use load::{Broken, Tasks};
pub use loader::{Allow, Loader};
pub use locks::Locks;
pub use project::{Loaded, Project, Projects};
pub use run::{Handle, Report, Run};
pub use script_host::environment;
pub use select::{Pattern, Selection, Shard};
pub use service::{KeptServices, ServiceError, Services};
pub use simulate::{Answers, Simulated, simulate};

/// Stack of the thread that runs tasks: deep values and scripts need it.
pub const STACK: usize = 64 << 20;

/// Runs a future on a runtime of one thread with a stack that scripts can use, and returns its result.
///
/// One thread is faster than many here: waking another core costs more than most steps of a test.
///
/// # Errors
/// When the operating system refuses a thread or a runtime.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("funcy".into())
            .stack_size(STACK)
            .spawn_scoped(scope, || -> std::io::Result<T> {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .thread_stack_size(STACK)
                    .build()?;
                let result = runtime.block_on(future);
                // Blocking calls that were abandoned (a name look-up) must not hold the exit up.
                runtime.shutdown_background();
                Ok(result)
            })?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
