//! The program. Everything is in the library, so that a program of your own can do the same.

use std::process::ExitCode;

/// Counts what scripts allocate, so that none can use up the machine's memory.
#[global_allocator]
static ALLOCATOR: funcy::alloc::Counting = funcy::alloc::Counting;

fn main() -> ExitCode {
    funcy::script::set_meter(funcy::alloc::held);
    funcy::os::open_files::raise_limit();
    funcy::os::process::adopt_families_only();
    funcy::cli::main()
}
