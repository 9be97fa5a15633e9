//! The one binary.
mod own_services;
mod progress;

fn main() {}
