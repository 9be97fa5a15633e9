//! The one end-to-end test binary: every further binary would link the whole product again.

mod api;
mod capacity;
mod catalogue;
#[expect(
    dead_code,
    reason = "the tests that kill and restart roles come with the roles"
)]
mod fleet;
mod jobs;
mod live;
mod nginx;
mod tidy;
mod up;
mod world;
