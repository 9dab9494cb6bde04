//! The authorisation matrix, made from the table of routes: every route times every kind of caller. A route cannot be
//! left out, because the router is made from the same table.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use tower::ServiceExt;

use super::access::Access;
use super::routes::{Route, router, routes};
use crate::app::{App, StoredKey};
use crate::cli::open;
use crate::keys::{Key, Scope};
use crate::outbound::{Guard, Outbound};
use crate::settings::Limits;

struct Cast {
    /// One key for each scope, in the order of `Scope::ALL`, and one with all but admin and that scope.
    with: Vec<(Scope, Key)>,
    without: Vec<(Scope, Key)>,
    none: Key,
    expired: Key,
    revoked: Key,
}

fn key() -> Key {
    Key::random().unwrap_or_else(|e| panic!("{e}"))
}

fn cast() -> (Cast, Vec<StoredKey>) {
    let cast = Cast {
        with: Scope::ALL.map(|scope| (scope, key())).into(),
        without: Scope::ALL.map(|scope| (scope, key())).into(),
        none: key(),
        expired: key(),
        revoked: key(),
    };
    let mut stored = Vec::new();
    let mut put = |key: &Key, scopes: Vec<Scope>, expires_at| {
        stored.push(StoredKey { no: stored.len() as u64 + 1, hash: key.hash(), scopes, expires_at });
    };
    for (scope, key) in &cast.with {
        put(key, vec![*scope], None);
    }
    for (scope, key) in &cast.without {
        put(key, Scope::ALL.into_iter().filter(|s| s != scope && *s != Scope::Admin).collect(), None);
    }
    put(&cast.none, Vec::new(), None);
    put(&cast.expired, vec![Scope::Admin], Some(jiff::Timestamp::UNIX_EPOCH));
    // A revoked key is one that is not handed to the ring.
    (cast, stored)
}

fn request(route: &Route, token: Option<&str>) -> Request<Body> {
    let path = route
        .path
        .replace("{event_id}", "e")
        .replace("{ref}", "email:nobody@example.com")
        .replace("{segment}", "vip")
        .replace("{reward}", "mug")
        .replace("{redemption}", "red_0000000000000")
        .replace("{name}", "shop");
    let mut request = Request::builder().method(route.method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap_or_else(|e| panic!("{e}"))
}

async fn status(app: &Arc<App>, route: &Route, token: Option<&str>) -> u16 {
    let response = router(app).oneshot(request(route, token)).await;
    let response = response.unwrap_or_else(|e| match e {});
    let status = response.status().as_u16();
    if status >= 400 {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{} {}", route.method, route.path);
    }
    status
}

#[test]
fn every_route_asks_every_caller_for_its_scope() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let opened = open::open(&dir.path().into(), None, None).unwrap_or_else(|e| panic!("{e}"));
    let (cast, keys) = cast();
    let bounds = Limits::default().over(&Limits::default());
    let fatal = Arc::new(|why: &str| panic!("{why}"));
    let started =
        App::start(opened, keys, Default::default(), None, bounds, Outbound::new(Guard::default()), fatal);
    let (app, engine) = started.unwrap_or_else(|e| panic!("{e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|e| panic!("{e}")).block_on(async {
        for route in routes() {
            let name = format!("{} {}", route.method, route.path);
            let Access::Scope(scope) = route.access else {
                let open = status(&app, &route, None).await;
                assert!(open != 401 && open != 403, "{name} is {open} for everybody");
                continue;
            };
            let mut mangled = cast.none.text().to_owned();
            mangled.pop();
            for (who, token) in [
                ("no key", None),
                ("garbage", Some("garbage")),
                ("a mangled key", Some(mangled.as_str())),
                ("an expired key", Some(cast.expired.text())),
                ("a revoked key", Some(cast.revoked.text())),
            ] {
                assert_eq!(status(&app, &route, token).await, 401, "{name} for {who}");
            }
            assert_eq!(status(&app, &route, Some(cast.none.text())).await, 403, "{name} without any scope");
            for (other, key) in &cast.without {
                let got = status(&app, &route, Some(key.text())).await;
                assert_eq!(got == 403, *other == scope, "{name} with all but {other} is {got}");
            }
            for (own, key) in &cast.with {
                let got = status(&app, &route, Some(key.text())).await;
                assert_eq!(got != 403, *own == scope || *own == Scope::Admin, "{name} with {own} is {got}");
                assert_ne!(got, 401, "{name} with {own}");
            }
        }
    });
    engine.stop();
}
