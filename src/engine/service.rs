//! Services: the processes that a suite's tasks need, started before the first task and stopped after the
//! last, with everything they started.

use super::project::Project;
use crate::client::{Context, Registry, Scope};
use crate::definition::Suite;
use crate::definition::model::{Length, Service};
use crate::event::{Json, Permissions, Refusal};
use crate::os::process::{self, Family};
use serde_json::{Map, json};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a service may take to get ready, where nothing else is written.
const READY: Duration = Duration::from_secs(10);
/// How long it may take to end after SIGTERM.
const END: Duration = Duration::from_secs(3);
/// The part of its output that is kept.
const OUTPUT: usize = 16 << 10;
/// How often it is started again on another port when it ends before it is ready.
const STARTS: u32 = 3;

/// The services of one suite while they run.
#[derive(Debug, Default)]
pub struct Services {
    running: Vec<Running>,
    /// What expressions see as `services`.
    pub addresses: Json,
}

/// A service that did not get ready.
#[derive(Debug, thiserror::Error)]
#[error("the service `{name}` did not get ready: {reason}")]
pub struct ServiceError {
    /// The service.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The last lines of its output.
    pub output: String,
}

/// Services that outlive a run: started when a run first needs them, and kept until [`KeptServices::stop`].
/// Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct KeptServices(Arc<Mutex<HashMap<PathBuf, Shelf>>>);

/// Where the services of one suite are kept. Runs that use them hold it for reading, so that they are
/// never restarted under a run.
type Shelf = Arc<RwLock<Option<(Arc<Project>, Services)>>>;

/// Services in use by a run.
#[derive(Debug)]
pub(super) struct Held(OwnedRwLockReadGuard<Option<(Arc<Project>, Services)>>);

impl Held {
    pub(super) fn addresses(&self) -> Json {
        let kept = self.0.as_ref();
        kept.map_or(Json::Null, |(_, services)| services.addresses.clone())
    }
}

impl KeptServices {
    /// The services of this suite, started if they do not run yet. After a change of the suite file, or where
    /// one has ended, they are started anew as soon as no run uses them.
    pub(super) async fn of(
        &self,
        project: &Arc<Project>,
        registry: &Registry,
    ) -> Result<Held, ServiceError> {
        let place = {
            let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shelves.entry(project.suite.folder.clone()).or_default())
        };
        let held = Arc::clone(&place).read_owned().await;
        if fits(held.as_ref(), project) {
            return Ok(Held(held));
        }
        drop(held);
        let mut kept = place.write_owned().await;
        // Another run may have started them in between.
        if !fits(kept.as_ref(), project) {
            if let Some((_, mut old)) = kept.take() {
                old.stop().await;
            }
            let Project {
                suite, permissions, ..
            } = &**project;
            let services = Services::start(suite, permissions, registry).await?;
            *kept = Some((Arc::clone(project), services));
        }
        Ok(Held(kept.downgrade()))
    }

    /// What expressions of the suite in this folder see as `services`; null as long as none were started.
    #[must_use]
    pub fn addresses(&self, folder: &Path) -> Json {
        let shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = shelves.get(folder).and_then(|place| place.try_read().ok());
        let kept = held.as_deref().and_then(Option::as_ref);
        kept.map_or(Json::Null, |(_, services)| services.addresses.clone())
    }

    /// Stops all of them, and waits until they have ended.
    pub async fn stop(&self) {
        let shelves: Vec<Shelf> = {
            let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shelves.drain().map(|(_, shelf)| shelf).collect()
        };
        for shelf in shelves {
            if let Some((_, mut services)) = shelf.write().await.take() {
                services.stop().await;
            }
        }
    }
}

/// Whether these services still run and are what this suite asks for.
fn fits(kept: Option<&(Arc<Project>, Services)>, project: &Arc<Project>) -> bool {
    kept.is_some_and(|(of, services)| {
        let same = Arc::ptr_eq(of, project)
            || (of.suite.has_same_services(&project.suite)
                && of.permissions == project.permissions);
        same && services.running.iter().all(Running::is_alive)
    })
}

#[derive(Debug)]
struct Running {
    child: Child,
    family: Family,
    pumps: JoinSet<()>,
    output: Arc<Mutex<VecDeque<u8>>>,
}

impl Services {
    /// Starts the services of a suite in their order and waits until each is ready.
    ///
    /// # Errors
    /// When one is not among the programs that the suite lists, does not start, or does not get ready in time; those before it are stopped.
    pub async fn start(
        suite: &Suite,
        permissions: &Permissions,
        registry: &Registry,
    ) -> Result<Self, ServiceError> {
        let grants = Grants {
            permissions,
            is_listed: permissions.bounded
                || (suite.permissions.as_ref()).is_some_and(|written| written.exec.is_some()),
        };
        let mut services = Self::default();
        let mut addresses = Map::new();
        for service in &suite.services {
            match start(service, &suite.folder, grants, registry).await {
                Ok((running, url)) => {
                    services.running.push(running);
                    addresses.insert(service.name.value.to_string(), json!({ "url": url }));
                }
                Err(error) => {
                    services.stop().await;
                    return Err(error);
                }
            }
        }
        services.addresses = Json::Object(addresses);
        Ok(services)
    }

    /// Stops them, the last one first, and waits until they have ended.
    pub async fn stop(&mut self) {
        while let Some(mut running) = self.running.pop() {
            running.stop().await;
        }
    }
}

/// What services may do.
#[derive(Clone, Copy)]
struct Grants<'p> {
    permissions: &'p Permissions,
    /// Whether somebody lists the programs that may be started: the suite, or the one that started this funcy. The one who wrote `services` means them to be started;
    /// a list that is written is meant for them as well.
    is_listed: bool,
}

async fn start(
    service: &Service,
    folder: &Path,
    grants: Grants<'_>,
    registry: &Registry,
) -> Result<(Running, String), ServiceError> {
    let mut last = None;
    for _ in 0..STARTS {
        let port = free_port()
            .map_err(|error| failed(service, format!("no port is free: {error}"), String::new()))?;
        let own = format!("http://127.0.0.1:{port}");
        let fill = |text: &str| {
            text.replace("${port}", &port.to_string())
                .replace("${url}", &own)
        };
        let ready = service.ready_http.as_ref().map(|text| fill(text.as_str()));
        let uses_port = service
            .command
            .iter()
            .any(|text| text.as_str().contains("${port}"));
        let url = match &ready {
            Some(ready) if !uses_port => origin(ready),
            _ => own.clone(),
        };
        let mut running = spawn(service, folder, grants, &fill)?;
        match running
            .until_ready(
                service,
                ready.as_deref().unwrap_or(&own),
                ready.is_some(),
                registry,
            )
            .await
        {
            Ok(()) => return Ok((running, url)),
            Err(NotReady { reason, ended }) => {
                running.stop().await;
                last = Some(failed(service, reason, running.tail()));
                // Another process may have taken the port in between; anything else fails again the same way.
                if !(ended && uses_port) {
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| failed(service, "it was never started".to_owned(), String::new())))
}

/// Whether the service may be started with this environment.
fn admit(
    service: &Service,
    program: &str,
    is_demo: bool,
    grants: Grants<'_>,
) -> Result<(), String> {
    let refused = |refusal: Refusal| format!("{}; {}", refusal.message, refusal.hint);
    if grants.is_listed && !is_demo {
        grants.permissions.exec(program).map_err(refused)?;
    }
    for (name, _) in &service.env {
        if grants.is_listed {
            let set = grants.permissions.set_env(name.as_str());
            set.map_err(refused)?;
        }
        process::settable(name.as_str())?;
    }
    Ok(())
}

fn spawn(
    service: &Service,
    folder: &Path,
    grants: Grants<'_>,
    fill: &dyn Fn(&str) -> String,
) -> Result<Running, ServiceError> {
    let fail = |reason: String| failed(service, reason, String::new());
    let mut words = service.command.iter().map(|text| fill(text.as_str()));
    let program = words
        .next()
        .ok_or_else(|| fail("its command is empty".to_owned()))?;
    let mut words = words.peekable();
    let is_own = program == "funcy";
    let is_demo = is_own && words.peek().is_some_and(|word| word == "demo");
    let Grants {
        permissions,
        is_listed,
    } = grants;
    admit(service, &program, is_demo, grants).map_err(fail)?;
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let found = if is_own {
        std::env::current_exe().map_err(|error| fail(error.to_string()))?
    } else {
        process::find(&program, folder).ok_or_else(|| {
            fail(format!(
                "the program {program:?} was not found: it must stand in a folder of PATH, or write its path, `./NAME`"
            ))
        })?
    };
    // Absolute, since the process begins in the folder.
    let found = std::path::absolute(found).map_err(|error| fail(error.to_string()))?;
    let mut command = process::command(&found);
    command
        .arg0(&program)
        .args(words)
        .current_dir(folder)
        .envs(std::env::vars_os().filter(|(name, _)| {
            let name = name.to_str();
            name.is_some_and(|name| permissions.env(name).is_ok())
        }))
        .envs(
            service
                .env
                .iter()
                .map(|(name, value)| (name.as_str(), fill(value.as_str()))),
        );
    if is_listed && let Some(ceiling) = permissions.ceiling() {
        process::set_ceiling(&mut command, &ceiling);
    }
    let (mut child, family) = Family::start(command)
        .map_err(|error| fail(format!("`{program}` does not start: {error}")))?;
    let output = Arc::new(Mutex::new(VecDeque::new()));
    let mut pumps = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        pumps.spawn(keep_tail(stdout, Arc::clone(&output)));
    }
    if let Some(stderr) = child.stderr.take() {
        pumps.spawn(keep_tail(stderr, Arc::clone(&output)));
    }
    Ok(Running {
        child,
        family,
        pumps,
        output,
    })
}

struct NotReady {
    reason: String,
    ended: bool,
}

impl Running {
    async fn until_ready(
        &mut self,
        service: &Service,
        url: &str,
        http: bool,
        registry: &Registry,
    ) -> Result<(), NotReady> {
        let limit = match &service.ready_timeout {
            Some(Length::Literal(limit)) => limit.value,
            _ => READY,
        };
        let deadline = Instant::now() + limit;
        let mut last;
        let mut pause = Duration::from_millis(2);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(NotReady {
                    reason: format!("it ended with {status}"),
                    ended: true,
                });
            }
            let asked = if http {
                ask(url, registry).await
            } else {
                knock(url).await
            };
            match asked {
                Ok(()) => return Ok(()),
                Err(reason) => last = reason,
            }
            if Instant::now() >= deadline {
                let reason = format!("{url} gave {last} for {}s", limit.as_secs_f32());
                return Err(NotReady {
                    reason,
                    ended: false,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Whether its process has not ended.
    fn is_alive(&self) -> bool {
        process::is_alive(&self.child)
    }

    async fn stop(&mut self) {
        self.family.end(Some(&mut self.child), END).await;
        // The pipe may be held open by a process that hangs in the kernel: it is not waited for.
        let _ = timeout(Duration::from_millis(200), async {
            while self.pumps.join_next().await.is_some() {}
        })
        .await;
        self.pumps.abort_all();
    }

    fn tail(&self) -> String {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(output.make_contiguous()).into_owned()
    }
}

/// Asks with the product's own HTTP client; any answer below 500 counts.
async fn ask(url: &str, registry: &Registry) -> Result<(), String> {
    let Some(client) = registry.get("http") else {
        return knock(url).await;
    };
    let context = Context {
        permissions: Arc::new(Permissions::everything()),
        folder: ".".into(),
        trace: Arc::new(crate::event::Trace::of("", 0)),
    };
    let session = client
        .open(Json::Null, &context)
        .await
        .map_err(|failure| failure.message)?;
    let scope = Scope::new();
    let request = json!({ "get": url });
    let answer = timeout(Duration::from_secs(2), session.call(&request, &scope)).await;
    match answer {
        Err(_) => Err("no answer".to_owned()),
        Ok(Err(failure)) => Err(failure.message),
        Ok(Ok(reply)) => match reply.value.get("status").and_then(Json::as_u64) {
            Some(status) if status < 500 => Ok(()),
            Some(status) => Err(format!("status {status}")),
            None => Err("no status".to_owned()),
        },
    }
}

/// Whether something listens.
async fn knock(url: &str) -> Result<(), String> {
    let address = url
        .split("//")
        .nth(1)
        .unwrap_or(url)
        .split('/')
        .next()
        .unwrap_or_default();
    match tokio::net::TcpStream::connect(address).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn origin(url: &str) -> String {
    match url.split_once("//") {
        Some((scheme, rest)) => format!("{scheme}//{}", rest.split('/').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

async fn keep_tail(mut from: impl AsyncRead + Unpin, output: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend(&buffer[..count]);
        let excess = output.len().saturating_sub(OUTPUT);
        output.drain(..excess);
    }
}

fn failed(service: &Service, reason: String, output: String) -> ServiceError {
    ServiceError {
        name: service.name.value.to_string(),
        reason,
        output,
    }
}
