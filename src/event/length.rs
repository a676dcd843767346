/// A length of time as people read it: `250ms`, `1.5s`, `2m 5s`, `1h 30m`.
#[must_use]
pub fn length_text(micros: u64) -> String {
    let millis = micros / 1_000;
    let seconds = micros / 1_000_000;
    match micros {
        0..1_000 => format!("{micros}µs"),
        1_000..1_000_000 => format!("{millis}ms"),
        1_000_000..60_000_000 => {
            let tenths = millis % 1_000 / 100;
            if tenths == 0 {
                format!("{seconds}s")
            } else {
                format!("{seconds}.{tenths}s")
            }
        }
        60_000_000..3_600_000_000 => two(seconds / 60, "m", seconds % 60, "s"),
        _ => two(seconds / 3_600, "h", seconds / 60 % 60, "m"),
    }
}

fn two(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{unit}")
    } else {
        format!("{large}{unit} {small}{small_unit}")
    }
}
