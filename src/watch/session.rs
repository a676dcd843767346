//! One session: takes messages out of the mailbox, one after the other, until it is told to end.

use super::catalog::Catalog;
use super::changes::{Batch, Changes};
use super::depends::Tie;
use super::mailbox::{Inbox, Mailbox, Message};
use super::progress::Progress;
use super::runner::Runner;
use super::show::Frontend;
use super::state::{Round, RunTrigger, SessionState};
use super::view_state::SessionCommand;
use super::watched_task::ActiveRun;
use super::watcher::Watcher;
use super::{End, Options, editor, replay, text};
use crate::engine::{self, Loaded, Run};
use crate::event::{Name, RunId, RunStarted};
use crate::journal::crash;
use crate::os;
use crate::report::{Color, Style};
use crossterm::event::Event as Input;
use std::io::{self, Write as _};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The name of the thread that a session runs on.
pub(super) const THREAD: &str = "funcy-watch";

/// Messages that are taken in before anything is shown.
const AT_ONCE: usize = 512;
/// How often what runs is drawn anew.
const FRAME: Duration = Duration::from_millis(200);

pub(super) struct WatchSession {
    options: Options,
    catalog: Catalog,
    state: SessionState,
    watcher: Watcher,
    changes: Changes,
    runner: Runner,
    mailbox: Mailbox,
    inbox: Inbox,
    show: Frontend,
    /// How often Ctrl-C was pressed in a row.
    interrupts: u8,
    end: End,
}

impl WatchSession {
    /// Takes the display, loads the tasks and begins to watch.
    pub(super) fn open(
        mut options: Options,
        mailbox: Mailbox,
        inbox: Inbox,
        runner: Runner,
    ) -> io::Result<Self> {
        let mut show = Frontend::open(&mut options, mailbox.clone())?;
        let mut state = SessionState::new(1, options.on_busy);
        state.now = now();
        // Something to see, before everything is read.
        show.frame(&state)?;
        let given = options.vars.iter().map(|(name, _)| Name::clone(name));
        let catalog = Catalog::open(
            options.loader.clone(),
            options.paths.clone(),
            given.collect(),
        );
        let suites = catalog
            .entries()
            .iter()
            .filter_map(|entry| entry.good.as_ref());
        let concurrency = suites
            .filter_map(|task| task.project.suite.concurrency.as_ref())
            .map(|jobs| jobs.value as usize)
            .next();
        state.jobs = engine::jobs_that_fit(options.jobs.or(concurrency).unwrap_or(8));
        Ok(Self {
            state,
            watcher: Watcher::new(options.poll, mailbox.clone())?,
            catalog,
            changes: Changes::default(),
            options,
            runner,
            mailbox,
            inbox,
            show,
            interrupts: 0,
            end: End::Quit,
        })
    }

    /// Runs to the end of the session.
    pub(super) fn run(mut self) -> io::Result<End> {
        self.begin()?;
        loop {
            self.work()?;
            if self.state.leaving && self.state.running() == 0 {
                return Ok(self.end);
            }
            self.show.frame(&self.state)?;
            self.wait()?;
        }
    }

    /// The first run.
    fn begin(&mut self) -> io::Result<()> {
        self.sync();
        self.watch()?;
        self.state.ask(RunTrigger::Start, &[]);
        self.show.begun(&self.state)?;
        self.start();
        self.show.touch();
        self.show.frame(&self.state)?;
        self.catalog.remember();
        self.write_locations();
        Ok(())
    }

    /// Takes over what the files say.
    fn sync(&mut self) {
        self.state.sync(self.catalog.entries());
        let good = self
            .catalog
            .entries()
            .iter()
            .filter_map(|entry| entry.good.as_ref());
        let secrets = good
            .flat_map(|task| task.machine.secrets())
            .map(|name| &**name)
            .collect();
        self.show.flags((self.options.flags)(&secrets));
    }

    /// Takes in what the mailbox holds; waits until it holds something, or it is time to act.
    fn wait(&mut self) -> io::Result<()> {
        let moves = self.show.is_screen() && self.state.running() > 0;
        let frame = moves.then(|| Instant::now() + FRAME);
        let until = [self.changes.due(), frame].into_iter().flatten().min();
        let received = match until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.inbox.receiver.recv_timeout(left)
            }
            None => (self.inbox.receiver.recv()).map_err(|_| RecvTimeoutError::Disconnected),
        };
        // The session holds a sender itself: the mailbox is never closed, only silent.
        let Ok(message) = received else {
            self.show.touch();
            return Ok(());
        };
        self.take(message)?;
        for _ in 0..AT_ONCE {
            match self.inbox.receiver.try_recv() {
                Ok(message) => self.take(message)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        match message {
            Message::File(event) => self.changes.add(event, Instant::now()),
            Message::Wake => self.show.touch(),
            Message::Input(input) => self.input(&input)?,
            Message::EditorClosed(trouble) => {
                if let Frontend::Screen(screen) = &mut self.show {
                    screen.edited(trouble)?;
                }
            }
            Message::Signal(name) => self.signal(name)?,
        }
        Ok(())
    }

    fn input(&mut self, input: &Input) -> io::Result<()> {
        let Frontend::Screen(screen) = &mut self.show else {
            return Ok(());
        };
        self.state.now = now();
        crash::point("watch-input");
        let wish = match input {
            Input::Key(key) => screen.view_state.press(key, &mut self.state),
            Input::Resize(..) => {
                screen.resize()?;
                None
            }
            _ => None,
        };
        if wish != Some(SessionCommand::Interrupt) && matches!(input, Input::Key(_)) {
            self.interrupts = 0;
        }
        match wish {
            None => {}
            Some(SessionCommand::Copy(text)) => screen.copy(&text)?,
            Some(SessionCommand::Edit(file)) => {
                if let Some(task) = self.state.task(&file) {
                    let (file, at) = text::place(task);
                    // It may leave a window open.
                    os::process::share_adoption();
                    screen.edit(editor::command(&file, at, |name| std::env::var(name).ok()))?;
                    // Keys are the editor's until it is closed.
                    return Ok(());
                }
            }
            Some(SessionCommand::Interrupt) => self.interrupt()?,
            Some(SessionCommand::Leave) => {
                self.state.leaving = true;
                self.state.cancel("the session was quit");
            }
        }
        self.show.touch();
        if let (Frontend::Screen(screen), Input::Key(_)) = (&self.show, input) {
            screen.next_key();
        }
        Ok(())
    }

    /// Everything that is due.
    fn work(&mut self) -> io::Result<()> {
        self.inbox.awake();
        self.state.now = now();
        if self.inbox.lost() {
            self.changes.lost(Instant::now());
        }
        if let Some(batch) = self.changes.take(Instant::now()) {
            self.changed(&batch)?;
        }
        let settled = self.state.collect();
        self.start();
        let counts = self.state.counts(settled.len());
        for (file, count) in settled.iter().zip(counts) {
            if let Some(task) = self.state.task(file) {
                self.show.settled(task, count)?;
            }
        }
        if let Some(round) = self.state.round_over() {
            self.show.round(&round, self.state.now)?;
            self.write_locations();
            self.tell(&round)?;
            self.show.touch();
        }
        Ok(())
    }

    fn changed(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.rescan {
            self.watcher.renew();
        }
        for path in &batch.removed {
            self.watcher.forget(path);
        }
        let applied = self.catalog.apply(batch);
        // A folder that has come may hold no file yet.
        self.watch()?;
        if applied.affected.is_empty() && !applied.listed {
            return Ok(());
        }
        self.sync();
        let wanted = self.state.changed(&applied);
        self.show
            .changed(&self.state, applied.affected.keys(), &wanted)?;
        for file in &wanted {
            self.replay(file, applied.affected.get(file).copied())?;
        }
        self.show.touch();
        self.show.frame(&self.state)?;
        self.start();
        self.write_locations();
        self.show.touch();
        Ok(())
    }

    /// Judges the new definition on the last results, where no more than expressions have changed since.
    fn replay(&mut self, file: &str, tie: Option<Tie>) -> io::Result<()> {
        let Some(task) = self.state.task_mut(file) else {
            return Ok(());
        };
        task.replayed = None;
        let worth_it = tie.is_some_and(|tie| replay::is_worth_it(task, tie));
        let (Some(last), Some(definition)) = (&task.result, &task.definition) else {
            return Ok(());
        };
        if !worth_it {
            return Ok(());
        }
        let services = self.runner.addresses(&definition.project.suite.folder);
        task.replayed = Some(replay::judge(
            definition,
            last,
            &self.options.vars,
            services,
        ));
        self.show.replayed(task)
    }

    /// Watches the folders that matter now, and looks again at those that were not watched before.
    fn watch(&mut self) -> io::Result<()> {
        match self.watcher.watch(self.catalog.watched()) {
            Ok(false) => Ok(()),
            Ok(true) => {
                // Files may have come between the look at a folder and the watch on it.
                self.changes.lost(Instant::now());
                Ok(())
            }
            Err(refused) => self.note(&refused),
        }
    }

    /// Starts what is due.
    fn start(&mut self) {
        let due = self.state.due();
        let share = self.state.jobs_for_cases(due.len());
        for (file, definition) in due {
            let jobs = definition.machine.cases.len().clamp(1, share);
            let run = self.new_run(&definition).jobs(jobs);
            let id = RunId::clone(run.id());
            let handle = run.handle();
            let progress = Progress::new(self.mailbox.clone());
            self.runner
                .start(run.sink(progress.clone()), progress.clone());
            let active = ActiveRun {
                run: id,
                progress,
                handle,
                definition,
                jobs,
                superseded: false,
                cancelled: false,
            };
            self.state.started(&file, active);
        }
    }

    fn new_run(&mut self, definition: &Loaded) -> Run {
        let registry = self.catalog.loader().registry().clone();
        let run = Run::new(vec![definition.clone()], registry);
        let mut run = (self.options.asked)(run).asked(RunStarted {
            command: vec!["funcy".to_owned(), "watch".to_owned()],
            env: self.options.loader.chosen_environment().cloned(),
            ..RunStarted::default()
        });
        for (name, value) in &self.options.vars {
            run = run.var(Name::clone(name), value.clone());
        }
        let Some(journal) = &self.options.journal else {
            return run;
        };
        match journal.recorder(run.id()) {
            Ok(recorder) => run.recorded(recorder),
            Err(error) => {
                // Shown or not, the session goes on: it is there to be looked at.
                let _ = self.note(&format!("this run is not kept: {error}"));
                run
            }
        }
    }

    /// A signal asks the program to end.
    fn signal(&mut self, name: &'static str) -> io::Result<()> {
        self.end = End::Interrupted;
        if name == "SIGINT" {
            return self.interrupt();
        }
        if self.state.leaving {
            self.runner.abandon();
        }
        self.state.leaving = true;
        self.state.cancel(&format!("interrupted by {name}"));
        Ok(())
    }

    /// Ctrl-C: once cancels, twice ends when all is cleaned up. Cleaning up has a bound of its own; a fourth
    /// does not wait for it.
    fn interrupt(&mut self) -> io::Result<()> {
        self.interrupts += 1;
        let running = self.state.running();
        match self.interrupts {
            1 if running > 0 => {
                self.state.cancel("interrupted by SIGINT");
                self.show.cancelled("Ctrl-C once more ends")
            }
            1 => self.note("Ctrl-C once more ends"),
            2 | 3 => {
                self.end = End::Interrupted;
                self.state.leaving = true;
                if self.state.cancel("interrupted by SIGINT") > 0 {
                    self.note("ending as soon as all is cleaned up")?;
                }
                Ok(())
            }
            _ => {
                self.runner.abandon();
                self.show.give_back();
                std::process::exit(130)
            }
        }
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.show.note(text)
    }

    /// The bell, and a word for the desktop.
    fn tell(&mut self, round: &Round) -> io::Result<()> {
        if self.options.bell && round.ended.values().any(|outcome| !outcome.is_good()) {
            self.show.send("\x07")?;
        }
        if self.options.notify && !round.ended.is_empty() {
            let style = Style {
                width: 200,
                color: Color::Never,
                ..self.show.options().style
            };
            let mut text = String::new();
            text::round(round, self.state.now, style).write_open(&mut text);
            self.show.send(&format!("\x1b]9;funcy: {text}\x07"))?;
        }
        Ok(())
    }

    /// The places of all failures, for an editor. Written beside and moved, so that nobody reads half of it.
    fn write_locations(&mut self) {
        let Some(path) = &self.options.locations else {
            return;
        };
        let text = text::locations(&self.state);
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| std::fs::rename(&beside, path));
        if let Err(error) = written {
            let text = format!("{} cannot be written: {error}", path.display());
            // Losing the note too would only lose a remark.
            let _ = self.note(&text);
        }
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
