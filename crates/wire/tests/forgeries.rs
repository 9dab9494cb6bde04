//! At least sixty forgeries of each scheme: each is refused, and a counter in the only place that reads a verified
//! body shows that none got there. The good request goes through the same door and is counted.

mod forge;

use forge::{BODY, Cases, NOW, Request, base64, mac};
use wire::headers::Headers;
use wire::signature::{Refused, Scheme, Secrets, Verified, verify};

struct Door {
    scheme: Scheme,
    secrets: Secrets,
    decoded: usize,
}

impl Door {
    fn new(scheme: Scheme, secrets: &[&str]) -> Door {
        let secrets = Secrets::new(&scheme, secrets).expect("good secrets");
        Door { scheme, secrets, decoded: 0 }
    }
    fn knock(&mut self, request: &Request) -> Result<(), Refused> {
        let headers = Headers::new(request.headers.iter().map(|(n, v)| (n, v)));
        let now = jiff::Timestamp::from_second(NOW + request.later).expect("in range");
        let verified = verify(&self.scheme, &headers, request.body.clone().into(), &self.secrets, now)?;
        self.decode(&verified);
        Ok(())
    }
    /// Stands for a decoder: it can be called with a `Verified` only.
    fn decode(&mut self, verified: &Verified) {
        assert!(!verified.body().is_empty());
        self.decoded += 1;
    }
    fn all_refused(&mut self, good: &Request, cases: &Cases) {
        self.knock(good).expect("the good request");
        assert_eq!(self.decoded, 1);
        assert!(cases.len() >= 60, "only {} forgeries", cases.len());
        for (what, request) in cases {
            let refused = self.knock(request).expect_err(what);
            assert_eq!(refused.status(), 401, "{what}");
            assert_eq!(self.decoded, 1, "{what} reached a decoder");
        }
        println!("{:?}: {} forgeries refused", self.scheme, cases.len());
    }
}

#[test]
fn shopify() {
    let key = "shpss_0123456789abcdef";
    let name = "X-Shopify-Hmac-SHA256";
    let sign = |text: &str| {
        Request::new(
            &[(name, text), ("X-Shopify-Topic", "orders/paid"), ("X-Shopify-Shop-Domain", "a.myshopify.com")],
            BODY,
        )
    };
    let good = sign(&base64(&mac(key.as_bytes(), &[BODY])));
    let value = good.text(name);
    let mut cases = Cases::new();
    forge::headers(&good, name, &mut cases);
    forge::bodies(&good, &mut cases);
    forge::tags(key.as_bytes(), BODY, false, &sign, &mut cases);
    let mut add = |what: &str, request: Request| cases.push((what.to_owned(), request));
    add("the newer name is preferred, and wrong", good.and("Shopify-Hmac-Sha256", base64(&[0; 32])));
    add("the newer name is preferred, and empty", good.and("Shopify-Hmac-Sha256", ""));
    add("another shop", good.with("X-Shopify-Shop-Domain", "b.myshopify.com"));
    add("no shop", good.without("X-Shopify-Shop-Domain"));
    add("two shops", good.and("X-Shopify-Shop-Domain", "a.myshopify.com"));
    add(
        "the shop under the newer name only",
        good.without("X-Shopify-Shop-Domain").and("Shopify-Shop-Domain", "a.myshopify.com"),
    );
    add("as Stripe's", good.without(name).and("Stripe-Signature", format!("t={NOW},v1={value}")));
    add("a list", good.with(name, format!("{value},{value}")));
    let scheme = Scheme::Shopify { shop: Some("a.myshopify.com".into()) };
    Door::new(scheme.clone(), &[key, "shpss_older"]).all_refused(&good, &cases);
    let newer = good
        .without(name)
        .and("Shopify-Hmac-Sha256", &value)
        .without("X-Shopify-Shop-Domain")
        .and("Shopify-Shop-Domain", "A.myshopify.com");
    assert_eq!(
        Door::new(scheme, &["shpss_new", key]).knock(&newer),
        Ok(()),
        "the newer names, the older secret"
    );
}

#[test]
fn woocommerce() {
    let key = "wc secret".replace(' ', "_");
    let name = "X-WC-Webhook-Signature";
    let sign = |text: &str| Request::new(&[(name, text), ("X-WC-Webhook-Topic", "order.updated")], BODY);
    let good = sign(&base64(&mac(key.as_bytes(), &[BODY])));
    let mut cases = Cases::new();
    forge::headers(&good, name, &mut cases);
    forge::bodies(&good, &mut cases);
    forge::tags(key.as_bytes(), BODY, false, &sign, &mut cases);
    let unsigned = good.without(name);
    let pings = [
        "webhook_id=",
        "webhook_id=1&x=2",
        "webhook_id=-1",
        "webhook_id=1 ",
        "WEBHOOK_ID=1",
        "webhook_id=1\n{}",
    ];
    for body in pings {
        cases.push((format!("no ping: {body:?}"), unsigned.body(body.as_bytes())));
    }
    cases.push(("a ping with a wrong signature".into(), good.body(b"webhook_id=1")));
    let mut door = Door::new(Scheme::WooCommerce, &[&key]);
    door.all_refused(&good, &cases);
    assert_eq!(door.knock(&unsigned.body(b"webhook_id=15")), Err(Refused::Ping));
    assert_eq!(Refused::Ping.status(), 200);
    assert_eq!(door.decoded, 1, "a ping is never read");
    // WordPress stores `a&b"` escaped and signs with it unescaped.
    let mut escaped = Door::new(Scheme::WooCommerce, &["a&amp;b&quot;&amp;lt;"]);
    assert_eq!(escaped.knock(&sign(&base64(&mac(b"a&b\"&lt;", &[BODY])))), Ok(()));
}

#[test]
fn square() {
    let key = "sq-signature-key";
    let url = "https://loyalty.example.com/v1/sources/square";
    let name = "x-square-hmacsha256-signature";
    let sign = |text: &str| Request::new(&[(name, text)], BODY);
    let signed = [url.as_bytes(), BODY].concat();
    let good = sign(&base64(&mac(key.as_bytes(), &[&signed])));
    let mut cases = Cases::new();
    forge::headers(&good, name, &mut cases);
    forge::bodies(&good, &mut cases);
    forge::tags(key.as_bytes(), &signed, false, &sign, &mut cases);
    let others = [
        "",
        "/",
        "http://loyalty.example.com/v1/sources/square",
        "https://loyalty.example.com/v1/sources/square/",
        "https://loyalty.example.com:443/v1/sources/square",
        "https://evil.example.com/v1/sources/square",
    ];
    for other in others {
        cases.push((
            format!("signed for {other:?}"),
            sign(&base64(&mac(key.as_bytes(), &[other.as_bytes(), BODY]))),
        ));
    }
    cases.push(("the other way round".into(), sign(&base64(&mac(key.as_bytes(), &[BODY, url.as_bytes()])))));
    let old = good.without(name).and("x-square-signature", base64(&mac(key.as_bytes(), &[&signed])[..20]));
    cases.push(("the older header".into(), old.and("host", "loyalty.example.com")));
    Door::new(Scheme::Square { notification_url: url.into() }, &[key]).all_refused(&good, &cases);
}

#[test]
fn stripe() {
    let key = "whsec_test_0123456789";
    let name = "Stripe-Signature";
    let tag = |time: &str| hex::encode(mac(key.as_bytes(), &[time.as_bytes(), b".", BODY]));
    let raw = |value: String| Request::new(&[(name, &value)], BODY);
    let now = NOW.to_string();
    let v1 = tag(&now);
    let good = raw(format!("t={now},v1={v1}"));
    let mut cases = Cases::new();
    forge::headers(&good, name, &mut cases);
    forge::bodies(&good, &mut cases);
    let signed = [now.as_bytes(), b".", BODY].concat();
    forge::tags(key.as_bytes(), &signed, true, &|text| raw(format!("t={now},v1={text}")), &mut cases);
    forge::times(
        &good,
        &|time| Request::new(&[(name, "")], BODY).with(name, format!("t={time},v1={}", tag(time))),
        &mut cases,
    );
    let plain = hex::encode(mac(key.as_bytes(), &[BODY]));
    let many = vec![format!("v1={}", "0".repeat(64)); 1_000].join(",");
    let forms = [
        format!("v1={v1}"),
        format!("t={now}"),
        format!("t={now},v0={v1}"),
        format!("t={now},v2={v1}"),
        format!("t={now},V1={v1}"),
        format!("t={now},v1:{v1}"),
        format!("t={now};v1={v1}"),
        format!("t={now}, v1={v1}"),
        format!("t={now},t={now},v1={v1}"),
        format!("t=1,v1={v1},t={now}"),
        format!("T={now},v1={v1}"),
        format!("t={now},v1="),
        format!("t={now},v1"),
        format!("t={now},v1={v1},"),
        format!(",t={now},v1={v1}"),
        format!("t={now},v1={plain}"),
        format!("t={now},{v1}"),
        v1.clone(),
        format!("t={now},{many},v1={v1}"),
        format!("t={},v1={v1}", NOW + 1),
        format!("t={},v1={v1}", NOW - 1),
        format!("t=0{now},v1={v1}"),
    ];
    for form in forms {
        let what: String = form.chars().take(60).collect();
        cases.push((format!("form: {what}"), raw(form)));
    }
    let mut door = Door::new(Scheme::Stripe, &[key]);
    door.all_refused(&good, &cases);
    for later in [300, -300] {
        assert_eq!(door.knock(&good.later(later)), Ok(()), "{later} s off is near enough");
    }
    let other = "0".repeat(64);
    let rolled = raw(format!("t={now},v0={other},v1={other},v1={v1},v0=x"));
    assert_eq!(
        Door::new(Scheme::Stripe, &["whsec_new", key]).knock(&rolled),
        Ok(()),
        "several v1, several secrets"
    );
}

#[test]
fn standard_webhooks() {
    let bytes = b"0123456789abcdef0123456789abcdef";
    let secret = format!("whsec_{}", base64(bytes));
    let name = "webhook-signature";
    let (id, now) = ("msg_1", NOW.to_string());
    let tag = |id: &str, time: &str| base64(&mac(bytes, &[id.as_bytes(), b".", time.as_bytes(), b".", BODY]));
    let v1 = tag(id, &now);
    let raw =
        |value: &str| Request::new(&[("webhook-id", id), ("webhook-timestamp", &now), (name, value)], BODY);
    let good = raw(&format!("v1,{v1}"));
    let mut cases = Cases::new();
    forge::headers(&good, name, &mut cases);
    forge::bodies(&good, &mut cases);
    let signed = [id.as_bytes(), b".", now.as_bytes(), b".", BODY].concat();
    forge::tags(bytes, &signed, false, &|text| raw(&format!("v1,{text}")), &mut cases);
    let timed = |time: &str| good.with("webhook-timestamp", time).with(name, format!("v1,{}", tag(id, time)));
    forge::times(&good, &timed, &mut cases);
    let mut add = |what: String, request: Request| cases.push((what, request));
    for wrong in ["", "msg.1", "a b", "msg_2", "MSG_1"] {
        let signed = if matches!(wrong, "msg_2" | "MSG_1") { v1.clone() } else { tag(wrong, &now) };
        add(format!("id {wrong:?}"), good.with("webhook-id", wrong).with(name, format!("v1,{signed}")));
    }
    let long = "i".repeat(300);
    add(
        "an id of 300 bytes".into(),
        good.with("webhook-id", &long).with(name, format!("v1,{}", tag(&long, &now))),
    );
    for needed in ["webhook-id", "webhook-timestamp"] {
        add(format!("no {needed}"), good.without(needed));
        add(format!("{needed} twice"), good.and(needed, good.value(needed)));
        let svix = needed.replace("webhook", "svix");
        add(format!("{needed} under svix's name"), good.without(needed).and(&svix, good.value(needed)));
    }
    add(
        "svix's signature is not read beside the standard one".into(),
        raw("v1,").and("svix-signature", format!("v1,{v1}")),
    );
    let many = vec![format!("v1,{}", base64(&[0; 32])); 1_000].join(" ");
    for form in [
        v1.clone(),
        format!("v0,{v1}"),
        format!("v2,{v1}"),
        format!("v1a,{v1}"),
        format!("V1,{v1}"),
        format!("v1={v1}"),
        format!("v1 {v1}"),
        format!("v1,,{v1}"),
        format!("v1,{v1},"),
        format!("v1,x v1;{v1}"),
        format!("v1,x  v1,{v1}"),
        many + " v1," + &v1,
    ] {
        let what: String = form.chars().take(40).collect();
        add(format!("list {what}"), raw(&form));
    }
    let mut door = Door::new(Scheme::StandardWebhooks, &[&secret]);
    door.all_refused(&good, &cases);
    for later in [300, -300] {
        assert_eq!(door.knock(&good.later(later)), Ok(()), "{later} s off is near enough");
    }
    let list = raw(&format!("v9,x v1a,AAAA v1,{} v1,{v1}", base64(&[1; 32])));
    assert_eq!(door.knock(&list), Ok(()), "one good entry of a list is enough");
}
