//! The one end-to-end test binary: every further binary would link the whole product again.

mod api;
mod capacity;
mod catalogue;
mod faults;
mod fleet;
mod jobs;
mod live;
mod messages;
mod nginx;
mod tidy;
mod up;
mod world;
