//! `loadtest`: emulators and load scenarios on the command line.
fn main() {}
