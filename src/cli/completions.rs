use super::exit::Exit;
use super::output;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::grammar(), "funcy", &mut script);
    output::data(&String::from_utf8_lossy(&script));
    Exit::Passed
}
