//! `--var NAME=VALUE`: a variable as it is given on the command line.

use crate::event::{Json, Name, number};
use std::str::FromStr;

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: Name,
    pub(super) value: Json,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        let first = name
            .chars()
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_');
        if !first || !name.chars().all(|one| one.is_alphanumeric() || one == '_') {
            return Err(format!(
                "`{name}` is no name of a variable: letters, digits and _ only"
            ));
        }
        // As a cell of a csv file: typed only where it is exactly a JSON number or bool.
        Ok(Self {
            name: name.into(),
            value: number::typed(value),
        })
    }
}
