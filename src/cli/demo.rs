use super::exit::Exit;
use super::output;
use super::signals;
use crate::demo::{self, Settings};
use std::net::{IpAddr, SocketAddr};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7801")]
    listen: SocketAddr,
    /// The seed of prices, carriers and outcomes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: &Args) -> Exit {
    let served = crate::engine::block_on(async {
        let listener = tokio::net::TcpListener::bind(args.listen).await?;
        let listen = listener.local_addr()?;
        output::text(&format!("the shop is open: http://{listen}\n"));
        if !matches!(listen.ip(), IpAddr::V4(ip) if ip.is_loopback()) && !listen.ip().is_loopback()
        {
            output::note("warning: everybody in the network can reach it");
        }
        let settings = Settings {
            listen,
            seed: args.seed,
            ..Settings::default()
        };
        demo::serve(listener, settings, signals::first()).await
    });
    match served.and_then(|served| served) {
        Ok(()) => Exit::Passed,
        Err(error) => {
            let hint = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    Some("another program listens there; `--listen 127.0.0.1:0` takes a free port")
                }
                _ => None,
            };
            output::error(
                &format!("the shop cannot open at {}: {error}", args.listen),
                hint,
            );
            Exit::Error
        }
    }
}
