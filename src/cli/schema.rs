use super::exit::Exit;
use super::output;
use crate::client::Registry;
use crate::definition;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The schema of the suite file, `funcy.yaml`
    #[arg(long)]
    suite: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    let catalog = Registry::builtin().catalog();
    let schema = if args.suite {
        definition::suite_schema(&catalog)
    } else {
        definition::json_schema(&catalog)
    };
    output::data(&format!("{schema:#}\n"));
    Exit::Passed
}
