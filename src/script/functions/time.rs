use super::{Call, Function, Literal, Missing, Run, text_arg};
use crate::event::parse_signed_duration;
use crate::script::ops::{self, Fault, shown};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "now",
        params: "",
        arity: 0..=0,
        doc: "The current time of the run.",
        example: "now() > time('2020-01-01T00:00:00Z')",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, _| Ok(Dynamic::from(call.host.now()))),
    },
    Function {
        name: "time",
        params: "text | seconds",
        arity: 1..=1,
        doc: "The time that a text in RFC 3339, or a number of seconds since 1970, means.",
        example: "time('2026-11-24T10:00:00+01:00') == time('2026-11-24T09:00:00Z') && time(0) == time('1970-01-01T00:00:00Z')",
        missing: Missing::First,
        literal: Some((0, Literal::Time)),
        run: Run::Gives(|_, args| time(&args[0])),
    },
    Function {
        name: "duration",
        params: "text",
        arity: 1..=1,
        doc: "A stretch of time: `250ms`, `5s`, `1h30m`. Times and durations add, subtract and compare.",
        example: "time('2026-11-24T10:00:00Z') - time('2026-11-24T09:59:00Z') == duration('1m')",
        missing: Missing::First,
        literal: Some((0, Literal::Duration)),
        run: Run::Gives(|_, args| duration(&args[0])),
    },
    Function {
        name: "format",
        params: "time, pattern = RFC 3339",
        arity: 1..=2,
        doc: "A time as text, in UTC, by a pattern of `strftime`.",
        example: "time('2026-11-24T10:00:00Z').format('%d.%m.%Y') == '24.11.2026'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(format_time),
    },
];

pub(super) fn time(value: &Dynamic) -> Result<Dynamic, Fault> {
    if let Some(time) = ops::as_time(value) {
        return Ok(Dynamic::from(time));
    }
    let wrong = || {
        Fault::new(format!("{} is no time", shown(value)))
            .hint("write it as `2026-11-24T10:00:00Z`, or give seconds since 1970")
    };
    if let Ok(seconds) = value.as_int() {
        return Timestamp::from_second(seconds)
            .map(Dynamic::from)
            .map_err(|_| wrong());
    }
    if let Ok(seconds) = value.as_float() {
        let duration = SignedDuration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
        return Timestamp::from_duration(duration)
            .map(Dynamic::from)
            .map_err(|_| wrong());
    }
    Err(wrong())
}

pub(super) fn duration(value: &Dynamic) -> Result<Dynamic, Fault> {
    if value.is::<SignedDuration>() {
        return Ok(value.clone());
    }
    let Some(text) = ops::as_text(value) else {
        return Err(Fault::new(format!("{} is no duration", shown(value)))
            .hint("write `250ms`, `5s`, `2m` or `1h30m`"));
    };
    parse_signed_duration(&text)
        .map(Dynamic::from)
        .map_err(Fault::new)
}

fn format_time(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let time = ops::as_time(&args[0]).ok_or_else(|| {
        Fault::new(format!(
            "`format` needs a time, this is {}",
            shown(&args[0])
        ))
    })?;
    if args.len() == 1 {
        return Ok(time.to_string().into());
    }
    let pattern = text_arg(args, 1, "format")?;
    jiff::fmt::strtime::format(pattern.as_bytes(), &time.to_zoned_datetime(TimeZone::UTC))
        .map(Dynamic::from)
        .map_err(|error| Fault::new(format!("`{pattern}` is no pattern of a time: {error}")))
}
