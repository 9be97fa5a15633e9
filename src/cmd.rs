//! The subcommands: each wires a role or does one deed, and decides nothing.
pub(crate) mod api;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod scheduler;
pub(crate) mod tenant;
pub(crate) mod up;
pub(crate) mod worker;
