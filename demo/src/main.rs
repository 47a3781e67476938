//! The demo of abiding: an application to click through, on sessions that stay.
//!
//! `cargo run --release` at the root starts it. Everything it keeps lies in one directory, which the
//! banner names. Settings come from the environment: see `settings`.

mod accounts;
mod app;
mod calendar;
mod clock;
mod code;
mod database;
mod errors;
mod forms;
mod home;
mod inspector;
mod lab;
mod layout;
mod mail;
mod membership;
mod operator;
mod organizer;
mod places;
mod platforms;
mod requests;
mod settings;
mod startup;

#[cfg(test)]
mod tests;

use std::{
    io::{IsTerminal as _, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use abiding::Ledger;
use tokio::{net::TcpListener, select, signal, sync::Notify, task::JoinHandle, time::sleep};

use crate::{places::Place, settings::Settings, startup::StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "abiding-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), StartError> {
    let settings = Settings::of_environment()?;
    tracing_subscriber::fmt()
        .with_env_filter(&settings.log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let listener = startup::listen(&settings).await?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let app = startup::prepare(&settings, address).await?;
    let keeper = app.places.look_after();
    let follower = operator::follow(&settings.keys, &app.places.enter().manager);
    let tidier = tokio::spawn(tidy(app.ledger.clone()));
    let primary = app.places.primary();
    let router = app::router(app);
    banner(&settings, &primary, address).map_err(StartError::Serve)?;
    let outcome = serve(listener, router).await.map_err(StartError::Serve);
    keeper.abort();
    follower.inspect(JoinHandle::abort);
    tidier.abort();
    tracing::info!("stopped; everything is kept for the next start");
    outcome
}

/// Removes what was counted long ago, now and then.
async fn tidy(ledger: Ledger) {
    loop {
        sleep(SWEEP_PERIOD).await;
        if let Err(error) = ledger.sweep(SWEEP_BATCH).await {
            tracing::warn!(%error, "the ledger could not be swept; the next time may do");
        }
    }
}

/// Serves until the process is told to stop, then lets requests under way finish, for a while.
async fn serve(listener: TcpListener, router: axum::Router) -> std::io::Result<()> {
    let stopping = Arc::new(Notify::new());
    let told = Arc::clone(&stopping);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop_signal().await;
        tracing::info!("stopping: requests under way may finish");
        told.notify_one();
    });
    let out_of_patience = async {
        stopping.notified().await;
        sleep(PATIENCE).await;
    };
    select! {
        outcome = server => outcome,
        () = out_of_patience => Ok(()),
    }
}

/// Ctrl-C, or what `kill` and container runtimes send.
async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        select! {
            _ = terminate.recv() => {}
            _ = signal::ctrl_c() => {}
        }
        return;
    }
    let _ = signal::ctrl_c().await;
}

fn banner(settings: &Settings, primary: &Place, address: SocketAddr) -> std::io::Result<()> {
    let data = std::path::absolute(&settings.data)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "abiding demo: sessions that stay")?;
    writeln!(out, "  listening on http://{address}")?;
    writeln!(
        out,
        "  sessions in  {primary}, profile {}",
        settings.profile
    )?;
    writeln!(out, "  keeping      everything in {}", data.display())?;
    writeln!(
        out,
        "  stop with    Ctrl-C; what was typed is there at the next start"
    )?;
    out.flush()
}

/// How long requests under way may take once the process was told to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most counts that are removed at once.
const SWEEP_BATCH: usize = 1000;
/// How often counts are removed that are over.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);
