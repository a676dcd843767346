use super::Graph;

impl Graph {
    /// For programs: `{name, start, states: [{id, kind, details, regions}], transitions: [{from, to, label, kind}]}`, with
    /// a line break at the end; `regions` is a list of the same. Empty details, regions and labels are left out; `to` is
    /// null where the task can only fail.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("texts and lists can be written as JSON");
        text.push('\n');
        text
    }
}
