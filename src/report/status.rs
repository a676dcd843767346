//! The status of a task, a state or a run: glyph, word and colour, the same everywhere.

use crate::event::Outcome;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// Waits for something outside.
    Waiting,
    /// Ended.
    Ended(Outcome),
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Ended(Outcome::Passed),
        Self::Ended(Outcome::Failed),
        Self::Ended(Outcome::Error),
        Self::Ended(Outcome::TimedOut),
        Self::Ended(Outcome::Flaky),
        Self::Ended(Outcome::Skipped),
        Self::Ended(Outcome::Cancelled),
        Self::Ended(Outcome::Interrupted),
        Self::Ended(Outcome::Known),
    ];

    /// The sign: one column wide.
    #[must_use]
    pub fn glyph(self, unicode: bool) -> &'static str {
        let (sign, ascii) = match self {
            Self::Pending => ("·", "."),
            Self::Running => ("▶", ">"),
            Self::Waiting => ("◷", "~"),
            Self::Ended(Outcome::Passed) => ("✓", "+"),
            Self::Ended(Outcome::Failed) => ("✗", "x"),
            Self::Ended(Outcome::Error) => ("!", "!"),
            Self::Ended(Outcome::TimedOut) => ("⧖", "T"),
            Self::Ended(Outcome::Flaky) => ("≈", "="),
            Self::Ended(Outcome::Skipped) => ("○", "o"),
            Self::Ended(Outcome::Cancelled) => ("⊘", "/"),
            Self::Ended(Outcome::Interrupted) => ("↯", "%"),
            Self::Ended(Outcome::Known) => ("◇", "k"),
        };
        if unicode { sign } else { ascii }
    }

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended(outcome) => outcome.word(),
        }
    }

    /// The colour.
    #[must_use]
    pub fn hue(self) -> Hue {
        match self {
            Self::Running => Hue::Running,
            Self::Waiting | Self::Ended(Outcome::Flaky) => Hue::Waiting,
            Self::Ended(Outcome::Passed) => Hue::Passed,
            Self::Ended(Outcome::Failed | Outcome::TimedOut) => Hue::Failed,
            Self::Ended(Outcome::Error | Outcome::Interrupted) => Hue::Error,
            Self::Pending | Self::Ended(Outcome::Known | Outcome::Skipped | Outcome::Cancelled) => {
                Hue::Neutral
            }
        }
    }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(outcome)
    }
}

/// The background that colours are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// On `#ffffff`.
    Light,
    /// On `#101418`.
    Dark,
}

impl Theme {
    /// Its background: red, green, blue.
    #[must_use]
    pub fn background(self) -> [u8; 3] {
        match self {
            Self::Light => [0xff, 0xff, 0xff],
            Self::Dark => [0x10, 0x14, 0x18],
        }
    }
}

/// The colour of a status. Six are enough: glyph and word tell apart what shares one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hue {
    /// Passed.
    Passed,
    /// Failed, timed out.
    Failed,
    /// Running.
    Running,
    /// Waiting, flaky.
    Waiting,
    /// Error, interrupted.
    Error,
    /// Pending, known, skipped, cancelled.
    Neutral,
}

impl Hue {
    /// Every colour.
    pub const ALL: [Self; 6] = [
        Self::Passed,
        Self::Failed,
        Self::Running,
        Self::Waiting,
        Self::Error,
        Self::Neutral,
    ];

    /// Red, green, blue. A test holds these to a contrast of 4.5 and to a distance of 20 from each other,
    /// as seen by people of every kind of colour vision.
    #[must_use]
    pub fn rgb(self, theme: Theme) -> [u8; 3] {
        let (light, dark) = match self {
            Self::Passed => ([0x0b, 0x77, 0x43], [0xca, 0xfe, 0xfc]),
            Self::Failed => ([0x44, 0x06, 0x00], [0xf4, 0x5c, 0x45]),
            Self::Running => ([0x05, 0x21, 0x8e], [0x61, 0xb1, 0xe1]),
            Self::Waiting => ([0xa4, 0x69, 0x04], [0xfd, 0xa9, 0x04]),
            Self::Error => ([0x3a, 0x14, 0x51], [0xb7, 0x55, 0xf9]),
            Self::Neutral => ([0x68, 0x70, 0x7b], [0x7a, 0x81, 0x87]),
        };
        match theme {
            Theme::Light => light,
            Theme::Dark => dark,
        }
    }

    /// The nearest of a terminal's own colours, as an SGR code.
    #[must_use]
    pub fn ansi(self) -> u8 {
        match self {
            Self::Passed => 32,
            Self::Failed => 31,
            Self::Running => 34,
            Self::Waiting => 33,
            Self::Error => 35,
            Self::Neutral => 90,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    type Vector = [f64; 3];
    type Matrix = [Vector; 3];

    /// How people see: Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
    const VISIONS: [(&str, Matrix); 4] = [
        (
            "normal",
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        ),
        (
            "protan",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deutan",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "tritan",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];

    fn linear(rgb: [u8; 3]) -> Vector {
        rgb.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn times(matrix: &Matrix, vector: Vector) -> Vector {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb| {
            let [red, green, blue] = linear(rgb);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b): (f64, f64) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn lab(linear: Vector) -> Vector {
        let xyz = times(
            &[
                [0.412_456_4, 0.357_576_1, 0.180_437_5],
                [0.212_672_9, 0.715_152_2, 0.072_175_0],
                [0.019_333_9, 0.119_192_0, 0.950_304_1],
            ],
            linear.map(|part| part.clamp(0.0, 1.0)),
        );
        let white = [0.950_47, 1.0, 1.088_83];
        let [x, y, z] = std::array::from_fn(|at| {
            let ratio: f64 = xyz[at] / white[at];
            if ratio > 0.008_856 {
                ratio.cbrt()
            } else {
                7.787 * ratio + 16.0 / 116.0
            }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn distance(a: Vector, b: Vector) -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn every_colour_can_be_read() {
        for theme in [Theme::Light, Theme::Dark] {
            for hue in Hue::ALL {
                let found = contrast(hue.rgb(theme), theme.background());
                assert!(found >= 4.5, "{hue:?} on {theme:?}: {found:.2}");
            }
        }
    }

    #[test]
    fn every_colour_differs_for_every_kind_of_sight() {
        for theme in [Theme::Light, Theme::Dark] {
            for (vision, matrix) in &VISIONS {
                let seen = Hue::ALL.map(|hue| lab(times(matrix, linear(hue.rgb(theme)))));
                for (at, a) in seen.iter().enumerate() {
                    for (other, b) in seen.iter().enumerate().skip(at + 1) {
                        let found = distance(*a, *b);
                        assert!(
                            found >= 20.0,
                            "{:?} and {:?} on {theme:?}, {vision}: {found:.1}",
                            Hue::ALL[at],
                            Hue::ALL[other]
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_status_has_a_sign_and_a_word_of_its_own() {
        for unicode in [true, false] {
            let signs: HashSet<_> = Status::ALL.map(|status| status.glyph(unicode)).into();
            assert_eq!(signs.len(), Status::ALL.len());
            for sign in signs {
                assert_eq!(super::super::text::width(sign), 1, "{sign}");
                assert!(unicode || sign.is_ascii());
            }
        }
        let words: HashSet<_> = Status::ALL.map(Status::word).into();
        assert_eq!(words.len(), Status::ALL.len());
    }
}
