use super::Name;
use serde::{Deserialize, Serialize};

/// What an execution cost, and where its time went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Microseconds from start to end, cleanup included.
    pub micros: u64,
    /// Transitions taken.
    pub transitions: u64,
    /// Instructions and polls sent, every attempt counted.
    pub attempts: u64,
    /// Messages that subscriptions received.
    pub messages_seen: u64,
    /// Messages that no condition took.
    pub messages_unmatched: u64,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Each state that was entered, in the order of the file.
    pub states: Vec<StateMetrics>,
}

/// The time spent in one state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateMetrics {
    /// The state.
    pub state: Name,
    /// How often it was entered.
    pub visits: u64,
    /// Microseconds spent in it, all visits together.
    pub micros: u64,
}
