use crate::cli::exit::Exit;
use crate::cli::history::{CommandError, Format};
use crate::cli::{output, run, when};
use crate::journal::{History, RunRow};
use crate::report::{Ink, Snapshot, Style};
use std::ops::ControlFlow;

/// The run as it stood after this event.
pub(super) fn run(
    history: &History,
    row: &RunRow,
    seq: u64,
    format: Format,
    style: Style,
) -> Result<(), CommandError> {
    if seq == 0 || seq > row.events {
        let message = format!("run {} has no event {seq}", row.id);
        let hint = format!("its events are 1 to {}", row.events);
        output::error(&message, Some(&hint));
        return Err(Exit::Usage.into());
    }
    let mut snapshot = Snapshot::default();
    history.events(&row.id, 1, |event| {
        snapshot.apply(&event);
        if event.seq < seq {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if format == Format::Json {
        let mut json = snapshot.to_json();
        json["run"] = row.id.to_string().into();
        json["seq"] = seq.into();
        output::data(&format!("{json}\n"));
        return Ok(());
    }
    let mut out = String::new();
    let dot = format!(" {} ", style.symbols().dot);
    style
        .line()
        .push(Ink::Faint, &format!("run {}{dot}", row.id))
        .push(Ink::Faint, &format!("event {seq} of {}{dot}", row.events))
        .push(Ink::Faint, &format!("after {}{dot}", snapshot.after()))
        .push(Ink::Faint, &when::exact(snapshot.live.now, run::now()))
        .write(&mut out);
    snapshot.write(style, &mut out);
    output::data(&out);
    Ok(())
}
