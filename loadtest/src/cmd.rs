//! The subcommands: each reads its arguments, runs a part of the library and speaks to the terminal.
pub(crate) mod emulate;
pub(crate) mod floor;
pub(crate) mod plain;

/// One line for the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "a command line program speaks on its terminal"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// One line of JSON on stdout, for programs that started us on port 0.
#[expect(clippy::print_stdout, reason = "the addresses are the command's result")]
pub(crate) fn announce(line: &serde_json::Value) {
    println!("{line}");
}
