//! The subcommands: each reads its arguments, runs a part of the library and speaks to the terminal.
pub(crate) mod crowd;
pub(crate) mod serve;

/// One line for the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "a command line program speaks on its terminal"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// One line of JSON on stdout, for programs that started us.
#[expect(clippy::print_stdout, reason = "the lines are the command's result")]
pub(crate) fn announce(line: &serde_json::Value) {
    println!("{line}");
}
