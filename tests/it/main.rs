//! The one end-to-end test binary: every further binary would link the whole product again.

mod world;
