//! The bare HTTP client: the one with which Fealty delivers, posting equal bodies with as many on their way, and nothing
//! else. What Fealty does beside (read the feed, sign, keep count) is what it adds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// `bench post URL COUNT AT_ONCE BYTES`: prints how many a second.
pub fn post(args: &[String]) {
    let number = |at: usize| args.get(at).and_then(|n| n.parse().ok()).expect("URL COUNT AT_ONCE BYTES");
    let (url, count, at_once, bytes) = (args[0].clone(), number(1), number(2), number(3));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(at_once)
        .build::<_, Full<Bytes>>(connector);
    let body = Bytes::from(vec![b'x'; bytes]);
    let left = Arc::new(AtomicU64::new(count as u64));
    let began = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let (client, body, url, left) = (client.clone(), body.clone(), url.clone(), left.clone());
            tasks.spawn(async move {
                let more = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                while more().is_ok() {
                    let request = Request::post(&url).body(Full::new(body.clone())).expect("a request");
                    let answer = client.request(request).await.expect("an answer");
                    answer.into_body().collect().await.expect("its end");
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    });
    println!("{:.0}", count as f64 / began.elapsed().as_secs_f64());
}
