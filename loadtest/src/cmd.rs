//! The subcommands: each reads its arguments, runs a part of the library and speaks to the terminal.
pub(crate) mod emulate;
pub(crate) mod plain;

/// One line for the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "a command line program speaks on its terminal"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
