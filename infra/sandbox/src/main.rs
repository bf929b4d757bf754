//! `sandbox`: plays the payment gateway, the SMS provider and the mail relay until it is told to stop.
//!
//! Standard output gets one line, once everything listens:
//! `{"ready":{"name":"sandbox","http":"127.0.0.1:…","smtp":"127.0.0.1:…"}}`. Logs go to standard error.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use topup_sandbox::reach::Reach;
use topup_sandbox::{Options, Sandbox};

/// Plays the outside world on loopback: payment gateway, SMS provider, mail relay.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address of the gateway, the SMS provider and /sandbox/…; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    http: SocketAddr,
    /// Address of the mail relay; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    smtp: SocketAddr,
    /// Serve a network of containers too, where the others call it by this name; without it, loopback alone
    #[arg(long, value_name = "NAME")]
    network_name: Option<String>,
    /// Where to write the certificate that mail clients have to trust, as PEM
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// The gateway's secret key; sk_live_… plays live mode
    #[arg(long, default_value = "sk_test_sandbox")]
    secret_key: String,
    /// The SMS provider's key; not looked at where it is not given
    #[arg(long)]
    sms_api_key: Option<String>,
    /// Where webhooks go (can be set later, at /sandbox/webhook-url)
    #[arg(long)]
    webhook_url: Option<String>,
    /// How long every gateway call takes at least
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// How long pending payments and refunds take
    #[arg(long, default_value = "1s", value_parser = duration)]
    pending: Duration,
    /// How long a challenged payment waits for its customer before it is abandoned
    #[arg(long, default_value = "10m", value_parser = duration)]
    abandoned: Duration,
    /// Decides what is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take mail without STARTTLS too
    #[arg(long)]
    smtp_plain: bool,
}

fn duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::SignedDuration>()?.try_into()
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut sandbox = Sandbox::start(options(arguments)).await?;
    let ready = serde_json::json!({
        "ready": {"name": "sandbox", "http": sandbox.http.to_string(), "smtp": sandbox.smtp.to_string()}
    });
    // Not println!, which panics where nobody reads.
    writeln!(std::io::stdout(), "{ready}").context("saying that everything listens")?;
    tracing::info!(http = %sandbox.http, smtp = %sandbox.smtp, "listening");
    tokio::select! {
        stopped = sandbox.stopped() => stopped,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn options(arguments: Arguments) -> Options {
    let Arguments {
        http,
        smtp,
        network_name,
        ca_file,
        secret_key,
        sms_api_key,
        webhook_url,
        latency,
        pending,
        abandoned,
        seed,
        smtp_plain,
    } = arguments;
    Options {
        http,
        smtp,
        reach: network_name.map_or(Reach::Loopback, Reach::Network),
        ca_file,
        secret_key,
        sms_api_key,
        webhook_url,
        latency,
        pending,
        abandoned,
        seed,
        smtp_plain,
    }
}
