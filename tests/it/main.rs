//! The one end-to-end test binary: every further binary would link the whole product again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "what clippy.toml allows in a test function is as good in what test functions share"
)]

mod api;
mod calls;
mod capacity;
mod catalogue;
mod faults;
mod figures;
mod fleet;
mod isolation;
mod jobs;
mod live;
mod load;
mod messages;
mod nginx;
mod proxy;
mod ruler;
mod stop;
mod tidy;
mod topology;
mod up;
#[cfg(feature = "whatsapp-web")]
mod whatsapp;
mod world;
