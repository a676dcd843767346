//! The program. Everything is in the library, so that a program of your own can do the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    funcy::cli::main()
}
