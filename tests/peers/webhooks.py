"""The vendors' own libraries sign, the real server answers; and forgeries are refused without reaching a parser.

Stripe and Standard Webhooks are signed by their PyPI libraries. For Square and Shopify no library signs, so the
signature made here is first accepted by the vendor's own verifier (PyPI `squareup`, npm `@shopify/shopify-api`).
WooCommerce publishes none: HMAC as its source does it.

Needs FEALTY (the binary) and FEALTY_PEERS_NODE (where npm installed). Exits with 1 at the first thing that is wrong.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import square.utils.webhooks_helper
import stripe
from standardwebhooks.webhooks import Webhook

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "crates/wire/tests/fixtures"
KEY = "peers-owner-key-0123456789abcdef0123456789abcdef"
SECRETS = {
    "shop": "shpss_peer_secret", "woo": "woo&secret", "stripe": "whsec_peer_secret", "tills": "square-signature-key",
    "partner": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
OLD = {"stripe": "whsec_old_secret"}  # still valid while it is rotated out
SQUARE_URL = "https://loyalty.example.com/v1/sources/tills"
SETTINGS = f"""
[sources.shop]
kind = "shopify"
secrets = ["env:SECRET_shop"]
[sources.woo]
kind = "woocommerce"
secrets = ["env:SECRET_woo"]
[sources.stripe]
kind = "stripe"
secrets = ["env:SECRET_stripe", "env:OLD_stripe"]
[sources.tills]
kind = "square"
url = "{SQUARE_URL}"
secrets = ["env:SECRET_tills"]
[sources.partner]
kind = "standard"
secrets = ["env:SECRET_partner"]
"""


def mac(key, body, digest=hashlib.sha256):
    return hmac.new(key.encode(), body, digest)


def b64(digest):
    return base64.b64encode(digest).decode()


# The vendors' examples are paid in several currencies.
PROGRAM = """
program = { id = "peers", currency = "EUR", timezone = "Europe/Berlin" }
regions.uk = { currency = "GBP", timezone = "Europe/London" }
regions.us = { currency = "USD", timezone = "America/New_York" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"""


class Scheme:
    """One vendor: `sign(body, secret, now)` gives the headers; the signature is in the header `name`."""

    def __init__(self, source, name, body, sign, prefix=""):
        self.source, self.name, self.body, self.sign, self.prefix = source, name, body, sign, prefix

    def headers(self, body=None, secret=None, now=None):
        now = time.time() if now is None else now
        return self.sign(self.body if body is None else body, secret or SECRETS[self.source], now)


def shopify(body, secret, _now):
    return {"X-Shopify-Hmac-SHA256": b64(mac(secret, body).digest()), "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Shop-Domain": "bean-there.myshopify.com", "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", "Content-Type": "application/json"}


def woocommerce(body, secret, _now):
    return {"X-WC-Webhook-Signature": b64(mac(secret, body).digest()), "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Delivery-ID": "1", "Content-Type": "application/json"}


def stripe_headers(body, secret, now):
    signature = stripe.WebhookSignature._compute_signature(f"{int(now)}.{body.decode()}", secret)
    return {"Stripe-Signature": f"t={int(now)},v1={signature}", "Content-Type": "application/json"}


def square_headers(body, secret, _now):
    signature = b64(mac(secret, SQUARE_URL.encode() + body).digest())
    return {"x-square-hmacsha256-signature": signature, "Content-Type": "application/json"}


def standard(body, secret, now):
    at = datetime.fromtimestamp(int(now), timezone.utc)
    signature = Webhook(secret).sign("msg_peer_1", at, body.decode())
    return {"webhook-id": "msg_peer_1", "webhook-timestamp": str(int(now)), "webhook-signature": signature,
            "Content-Type": "application/json"}


PARTNER_ORDER = json.dumps({
    "type": "order.paid", "timestamp": "2026-11-02T10:00:00Z", "subject": "email:ada@example.com",
    "data": {"id": "partner-1", "currency": "EUR", "total": "19.99", "subtotal": "19.99"},
}).encode()

SCHEMES = [
    Scheme("shop", "X-Shopify-Hmac-SHA256", (FIXTURES / "shopify/order_paid.json").read_bytes(), shopify),
    Scheme("woo", "X-WC-Webhook-Signature", (FIXTURES / "woocommerce/order.json").read_bytes(), woocommerce),
    Scheme("stripe", "Stripe-Signature", (FIXTURES / "stripe/checkout.json").read_bytes(), stripe_headers),
    Scheme("tills", "x-square-hmacsha256-signature", (FIXTURES / "square/payment.json").read_bytes(), square_headers),
    Scheme("partner", "webhook-signature", PARTNER_ORDER, standard),
]


class Server:
    def __init__(self, folder):
        (folder / "settings.toml").write_text(SETTINGS)
        (folder / "program.toml").write_text(PROGRAM)
        environment = dict(os.environ, FEALTY_API_KEY=KEY, RUST_LOG="error")
        environment.update({f"SECRET_{name}": secret for name, secret in SECRETS.items()})
        environment.update({f"OLD_{name}": secret for name, secret in OLD.items()})
        command = [os.environ["FEALTY"], "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data"),
                   "--program", str(folder / "program.toml"), "--settings", str(folder / "settings.toml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        for line in self.process.stdout:
            if line.strip().startswith("http://"):
                self.host = line.strip().removeprefix("http://")
                return
        sys.exit("the server did not start")

    def post(self, source, body, headers):
        """`headers` may be a list, so that one can stand twice."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.putrequest("POST", f"/v1/sources/{source}")
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def get(self, path):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def kept(self):
        """Everything that a message could have left behind."""
        return [self.get("/v1/events"), self.get("/v1/quarantine"), self.get("/v1/members")]


def check(what, holds, seen=""):
    if not holds:
        sys.exit(f"{what}: {seen}")


def verified_by_vendor(scheme):
    headers, body, secret = scheme.headers(), scheme.body, SECRETS[scheme.source]
    signature = headers[scheme.name]
    if scheme.source == "stripe":
        stripe.Webhook.construct_event(body.decode(), signature, secret)
    elif scheme.source == "partner":
        Webhook(secret).verify(body.decode(), headers)
    elif scheme.source == "tills":
        accepted = square.utils.webhooks_helper.verify_signature(
            request_body=body.decode(), signature_header=signature, signature_key=secret, notification_url=SQUARE_URL)
        check("squareup refuses our signature", accepted)
    elif scheme.source == "shop":
        node = os.environ["FEALTY_PEERS_NODE"]
        script = Path(node) / "shopify.mjs"
        script.write_text((Path(__file__).parent / "shopify.mjs").read_text())
        asked = json.dumps({"secret": secret, "body": body.decode(), "headers": headers})
        answer = subprocess.run(["node", str(script)], input=asked, capture_output=True, text=True)
        check("@shopify/shopify-api refuses our signature", answer.stdout.strip() == "true", answer.stdout + answer.stderr)


def flipped(text, at):
    """The same with another character of the same kind at `at`."""
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


def forgeries(scheme):
    """(what, body, headers): each would be a hole."""
    good, body, secret = scheme.headers(), scheme.body, SECRETS[scheme.source]
    signature = good[scheme.name]
    start = max(signature.rfind("="), 0) if scheme.source == "stripe" else signature.find(",") + 1
    if scheme.source == "stripe":
        start += 1
    value = signature[start:]
    with_signature = lambda text: {**good, scheme.name: text}
    for at in range(0, len(body), max(1, len(body) // 24)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield f"body changed at {at}", changed, good
    for at in range(0, min(len(value) - 2, 40), 2):
        yield f"signature changed at {at}", body, with_signature(signature[: start + at] + flipped(value, at)[at:])
    yield "body longer", body + b" {}", good
    yield "body shorter", body[:-3], good
    yield "body empty", b"", good
    yield "signature of the empty body", body, {**good, scheme.name: scheme.headers(body=b"")[scheme.name]}
    others = ["", "secret", secret + "x", secret[:-1], secret.upper(), SECRETS["shop"] + SECRETS["woo"]]
    for other in others if scheme.source != "partner" else ["whsec_" + b64(bytes([n] * 32)) for n in range(6)]:
        yield f"another secret {other!r}", body, scheme.headers(secret=other or " ")
    yield "no signature", body, {name: text for name, text in good.items() if name != scheme.name}
    for text in ["", " ", "null", "0", "=", "AAAA", "v1", "v1,", "v1=", "t=1,v1=", value[:-4], value + value, value[::-1]]:
        yield f"signature {text!r}", body, with_signature(signature[:start] + text if start else text)
    yield "signature twice", body, [*good.items(), (scheme.name, signature)]
    for name, digest in [("md5", hashlib.md5), ("sha1", hashlib.sha1), ("sha512", hashlib.sha512)]:
        weak = hmac.new(secret.encode(), body, digest)
        yield f"hmac {name}", body, with_signature(signature[:start] + b64(weak.digest()))
        yield f"hmac {name} in hex", body, with_signature(signature[:start] + weak.hexdigest())
    plain = hashlib.sha256(body)
    yield "hash without key", body, with_signature(signature[:start] + b64(plain.digest()))
    yield "hash without key in hex", body, with_signature(signature[:start] + plain.hexdigest())
    yield "compressed", body, {**good, "Content-Encoding": "gzip"}
    if scheme.source in ("stripe", "partner"):
        now = time.time()
        for seconds in [-86_400, -3_600, -400, -310, 310, 400, 3_600, 86_400]:
            yield f"signed {seconds} s from now", body, scheme.headers(now=now + seconds)
    if scheme.source == "stripe":
        yield "v0 only", body, with_signature(signature.replace("v1=", "v0="))
        yield "time changed", body, with_signature(f"t={int(time.time()) - 1}," + signature.split(",")[1])
    if scheme.source == "partner":
        yield "another id", body, {**good, "webhook-id": "msg_other"}
        yield "another time", body, {**good, "webhook-timestamp": str(int(time.time()) - 2)}
    if scheme.source == "tills":
        yield "without the address", body, with_signature(b64(mac(secret, body).digest()))


def main():
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            for scheme in SCHEMES:
                verified_by_vendor(scheme)
                before, count = server.kept(), 0
                for what, body, headers in forgeries(scheme):
                    status, text = server.post(scheme.source, body, headers)
                    check(f"{scheme.source}: forgery `{what}` was answered {status}", status == 401, text)
                    count += 1
                check(f"{scheme.source}: only {count} forgeries", count >= 60)
                check(f"{scheme.source}: a forgery left something behind", server.kept() == before)
                status, text = server.post(scheme.source, scheme.body, scheme.headers())
                check(f"{scheme.source}: the real one was answered {status}", status == 200, text)
                outcomes = json.loads(text)["outcomes"]
                check(f"{scheme.source}: nothing was applied", outcomes[0]["status"] == "applied", text)
                status, text = server.post(scheme.source, scheme.body, scheme.headers())
                again = json.loads(text)["outcomes"]
                check(f"{scheme.source}: not known again", status == 200 and all(o["duplicate"] for o in again), text)
                if scheme.source in OLD:
                    status, text = server.post(scheme.source, scheme.body, scheme.headers(secret=OLD[scheme.source]))
                    check(f"{scheme.source}: the secret that is rotated out was answered {status}", status == 200, text)
                print(f"{scheme.source}: accepted, known again, {count} forgeries refused")
                passed += 1
            ping = {"Content-Type": "application/x-www-form-urlencoded"}
            status, text = server.post("woo", b"webhook_id=7", ping)
            check("WooCommerce's unsigned ping", status == 200, f"{status} {text}")
        finally:
            server.process.terminate()
            server.process.wait(30)
    print(f"{passed} schemes")


if __name__ == "__main__":
    main()
