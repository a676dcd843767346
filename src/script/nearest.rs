//! "Did you mean …?"

/// The nearest of some names, if one is near enough to be what was meant.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = match name.chars().count() {
        0..=2 => 1,
        length => (length / 3).clamp(1, 3),
    };
    known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| {
            let distance =
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(
            nearest("statuss", ["state", "status", "total"]),
            Some("status")
        );
        assert_eq!(nearest("Status", ["status"]), Some("status"));
        assert_eq!(nearest("totla", ["total"]), Some("total"));
        assert_eq!(nearest("price", ["status", "id"]), None);
        assert_eq!(nearest("id", ["x"]), None);
    }
}
