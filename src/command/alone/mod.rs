//! What one server alone is asked for although it needs others: nodes of a cluster, replicas, modules.
//! The answers are those of a Redis that has none of them, because tools stop at an unknown command.

pub mod cluster;
pub mod module;
pub mod replica;
