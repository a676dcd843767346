use std::cmp::Reverse;

/// The known name that this one was probably meant to be: near enough in spelling that a person would
/// take it for a slip of the hand. Of equally near names the one with the longer common beginning counts, and
/// of those the first by the alphabet: never the one that came first, which may be chance.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    // No name that a person misspelt is that long; a bound keeps the comparison cheap.
    if length == 0 || length > 64 {
        return None;
    }
    let folded = name.to_lowercase();
    let mut best: Option<(usize, Reverse<usize>, &str)> = None;
    for candidate in known {
        let other = candidate.chars().count();
        let allowed = (length.max(other) / 3).max(1);
        if length.abs_diff(other) > allowed {
            continue;
        }
        let other_folded = candidate.to_lowercase();
        let distance = strsim::osa_distance(&folded, &other_folded);
        let common = folded
            .chars()
            .zip(other_folded.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let rank = (distance, Reverse(common), candidate);
        // A name of which nothing is left is no slip: `ab` is not `xy`.
        if distance <= allowed
            && distance < length.max(other)
            && best.is_none_or(|least| rank < least)
        {
            best = Some(rank);
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name() {
        let known = ["timeout", "transitions", "expect", "if"];
        let find = |name| nearest(name, known.into_iter());
        assert_eq!(find("tiemout"), Some("timeout"));
        assert_eq!(find("Expect"), Some("expect"));
        assert_eq!(find("transition"), Some("transitions"));
        assert_eq!(find("shop"), None);
        assert_eq!(find(""), None);
        assert_eq!(find(&"x".repeat(100_000)), None);
    }

    #[test]
    fn the_nearest_wins() {
        assert_eq!(
            nearest("states", ["status", "state"].into_iter()),
            Some("state")
        );
        for names in [["placed", "place"], ["place", "placed"]] {
            assert_eq!(nearest("placd", names.into_iter()), Some("place"));
        }
    }
}
