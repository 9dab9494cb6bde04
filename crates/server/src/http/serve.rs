//! The listener: bounded connections, header timeout, graceful end on SIGTERM or Ctrl-C.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;

use super::routes;
use crate::app::App;
use crate::cli::INTERRUPTED;

const HEADER_BYTES_MAX: usize = 16 * 1024;
/// What the system keeps of an answer for a peer who has not read it yet.
const UNREAD_BYTES_MAX: usize = 128 * 1024;
/// What is saved and let go of after the requests in flight.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// How soon a key that was made or revoked beside the server counts.
const KEYS_EVERY: Duration = Duration::from_secs(1);

/// Serves until it is told to stop; `listening` is called once, with the real address.
pub fn run(app: &Arc<App>, listen: SocketAddr, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let threads = crate::lane::servers();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        listening(listener.local_addr()?);
        let keys = tokio::spawn(keep_keys(app.clone()));
        let feed = tokio::spawn(app.feed.clone().follow());
        app.deliveries.start().await;
        let sources = crate::sources::start(app);
        let until = accept(app, listener).await;
        keys.abort();
        if tokio::time::timeout_at(until, sources.stop()).await.is_err() {
            tracing::warn!("some messages of brokers were not committed in time; they come again");
        }
        if tokio::time::timeout_at(until + SETTLE_MAX, app.deliveries.stop()).await.is_err() {
            tracing::warn!("some messages were on their way; they are sent again under the same ids");
        }
        feed.abort();
        Ok(())
    });
    // A look at the data that takes long is not waited for.
    runtime.shutdown_timeout(SETTLE_MAX);
    served
}

/// Takes requests until the server is to stop and those in flight are finished; answers until when they had time.
async fn accept(app: &Arc<App>, listener: TcpListener) -> Instant {
    let router = routes::router(app);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(app.bounds.connections_max));
    let mut stop = std::pin::pin!(stopping(app));
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            stream = next(&listener, &room) => stream,
        };
        let (stream, place) = stream;
        let builder = builder(app);
        let heard = Arc::new(AtomicBool::new(false));
        let service = Listening { inner: TowerToHyperService::new(router.clone()), heard: heard.clone() };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(Duration::from_secs(app.bounds.unread_seconds_max)));
        let io = TokioIo::new(Box::pin(stream));
        let connection = builder.serve_connection_with_upgrades(io, service).into_owned();
        let connection = graceful.watch(connection);
        let header_time = Duration::from_secs(app.bounds.header_seconds_max);
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // A peer that goes away mid-request is no error of ours. One that says nothing at all keeps no place.
            let first = tokio::time::timeout(header_time, connection.as_mut()).await;
            if first.is_err() && heard.load(Ordering::Relaxed) {
                let _ = connection.await;
            }
            drop(place);
        });
    }
    // Whoever comes now is refused at once, and goes to another.
    drop(listener);
    app.feed.close();
    tracing::info!("stopping: requests in flight are finished");
    let seconds = app.bounds.drain_seconds_max;
    let until = Instant::now() + Duration::from_secs(seconds);
    if tokio::time::timeout_at(until, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds, "some requests were not finished in time");
    }
    until
}

/// Notes that a first request has come: which version of HTTP is spoken is waited for without a bound otherwise.
struct Listening<S> {
    inner: S,
    heard: Arc<AtomicBool>,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Listening<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        self.heard.store(true, Ordering::Relaxed);
        self.inner.call(request)
    }
}

async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    let place = room.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers leave at once.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_send_buffer_size(UNREAD_BYTES_MAX);
                return (stream, place);
            }
            Err(error) => {
                // Out of file descriptors, say: give others time to close theirs.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn builder(app: &App) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_time = Duration::from_secs(app.bounds.header_seconds_max);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_time).max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

/// Until the server is to take no more: it was told to stop, and those who send it requests had time to notice.
async fn stopping(app: &App) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    stop_signal(&mut terminate).await;
    app.draining.store(true, Ordering::Relaxed);
    tokio::spawn(async move {
        stop_signal(&mut terminate).await;
        // What was answered is on disk; what was not is settled when the sender tries again.
        tracing::warn!("told twice: stopped at once");
        std::process::exit(i32::from(INTERRUPTED));
    });
    let seconds = app.bounds.drain_notice_seconds;
    if seconds > 0 {
        tracing::info!(seconds, "stopping: /readyz says no; requests are still taken");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn stop_signal(terminate: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Keys may be made and revoked beside the server (`fealty keys`); what is stored is the truth.
async fn keep_keys(app: Arc<App>) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        match app.read(crate::cli::serve::stored_keys).await {
            Ok(keys) => app.keys.replace(keys),
            Err(problem) => tracing::warn!(code = problem.code, "the keys could not be read again"),
        }
    }
}
