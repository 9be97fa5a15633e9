//! Emulators of the outside and load scenarios; depends on none of the other crates.
