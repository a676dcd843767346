use super::load::Broken;
use super::project::Loaded;
use crate::definition::Identity;
use crate::event::Name;
use std::str::FromStr;

/// Which of the loaded tasks are to run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only tasks that have one of these tags; empty: all.
    pub tags: Vec<String>,
    /// Only tasks whose name, with or without that of their case, or file matches one of these; empty: all.
    pub filters: Vec<Pattern>,
    /// Only tasks that show one of these to be fulfilled; empty: all.
    pub requirements: Vec<String>,
    /// Only this part of them.
    pub shard: Option<Shard>,
}

/// A name with `*` for any run of characters and `?` for one. Without either it matches names that
/// contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Part I of N: each task belongs to one part, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Selection {
    /// What is selected of these tasks, in their order: of one with cases, each case for itself.
    #[must_use]
    pub fn of(&self, tasks: Vec<Loaded>) -> Vec<Loaded> {
        let tasks: Vec<Loaded> = tasks.into_iter().flat_map(Loaded::units).collect();
        let filters: Vec<Filter<'_>> = (self.filters.iter())
            .map(|pattern| Filter::of(pattern, &tasks))
            .collect();
        let wants = |task: &Loaded| {
            let is_named = || filters.iter().any(|filter| filter.takes(task));
            self.wants_tags(&task.machine.tags)
                && has_any(&self.requirements, &task.machine.requirements)
                && (filters.is_empty() || is_named())
        };
        let wanted = tasks.iter().filter(|task| wants(task)).cloned();
        match self.shard {
            None => wanted.collect(),
            Some(Shard { index, of }) => wanted
                .enumerate()
                .filter(|(place, _)| place % of + 1 == index)
                .map(|(_, task)| task)
                .collect(),
        }
    }

    /// Whether a file with mistakes is surely not among them. One whose tags cannot be read may have any.
    #[must_use]
    pub fn leaves_out(&self, broken: &Broken) -> bool {
        let Identity { name, tags } = &broken.identity;
        let tagged = tags.as_ref().is_none_or(|tags| self.wants_tags(tags));
        // Which cases it has nobody knows.
        let is_named = |filter: &Pattern| {
            let of_task = filter.0.split('[').next().unwrap_or_default();
            filter.matches(name)
                || filter.matches(&broken.file)
                || Pattern(of_task.to_owned()).matches(name)
        };
        !tagged || !(self.filters.is_empty() || self.filters.iter().any(is_named))
    }

    fn wants_tags(&self, tags: &[Name]) -> bool {
        has_any(&self.tags, tags)
    }
}

/// Whether one of these is wanted; all are, where nothing is said.
fn has_any(wanted: &[String], names: &[Name]) -> bool {
    let is_wanted = |name: &Name| wanted.iter().any(|want| **want == **name);
    wanted.is_empty() || names.iter().any(is_wanted)
}

/// A filter among the tasks that there are.
enum Filter<'p> {
    /// It is the name of a case, whatever else it might match.
    Case(&'p str),
    Pattern(&'p Pattern),
}

impl<'p> Filter<'p> {
    fn of(pattern: &'p Pattern, tasks: &[Loaded]) -> Self {
        let is_case = |task: &Loaded| task.case.is_some() && *task.name() == *pattern.0;
        if pattern.0.ends_with(']') && tasks.iter().any(is_case) {
            Self::Case(&pattern.0)
        } else {
            Self::Pattern(pattern)
        }
    }

    fn takes(&self, task: &Loaded) -> bool {
        match self {
            Self::Case(name) => *task.name() == **name,
            Self::Pattern(pattern) => {
                let machine = &task.machine;
                pattern.matches(&machine.name)
                    || pattern.matches(&machine.file.name)
                    || (task.case.is_some() && pattern.matches(&task.name()))
            }
        }
    }
}

impl Pattern {
    /// Whether it matches this name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if !self.0.contains(['*', '?']) {
            return name.contains(&self.0);
        }
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        // The classic two-pointer match: on a mismatch, let the last `*` swallow one more character.
        let (mut at, mut in_name) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while in_name < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, in_name));
                    at += 1;
                }
                Some(one) if *one == '?' || *one == name[in_name] => {
                    at += 1;
                    in_name += 1;
                }
                _ => match star {
                    Some((star_at, swallowed)) => {
                        star = Some((star_at, swallowed + 1));
                        at = star_at + 1;
                        in_name = swallowed + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|one| *one == '*')
    }
}

impl FromStr for Pattern {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index >= 1 && index <= of => Ok(Self { index, of }),
            _ => Err("write I/N with I from 1 to N, for example 2/5".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_with_stars_and_parts_without() {
        let matches = |pattern: &str, name: &str| pattern.parse::<Pattern>().unwrap().matches(name);
        assert!(matches("order", "an-order-ships"));
        assert!(matches("order*", "order-ships"));
        assert!(!matches("order*", "an-order"));
        assert!(matches("*s?ips", "order-ships"));
        assert!(matches("a*b*c", "a1b2b3c"));
        assert!(!matches("a*b*c", "a1b2b3"));
        assert!(matches("*", ""));
    }

    #[test]
    fn a_shard_is_a_part_of_a_whole() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 2, of: 5 }));
        for wrong in ["0/5", "6/5", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
