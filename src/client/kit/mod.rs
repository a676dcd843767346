//! What clients share beside the contract: each file is about one matter of protocols, and knows no protocol.

#[cfg(any(feature = "nats", feature = "sql"))]
pub(super) mod connect_error;
pub(super) mod json_bigint;
pub(super) mod json_tree;
pub(super) mod offload;
pub(super) mod reclaim;
pub(super) mod tls;
pub(super) mod tls_error;
