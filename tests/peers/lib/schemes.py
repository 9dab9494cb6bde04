"""The five schemes, signed by the vendors' own libraries where they sign, else by HMAC as documented.

Each scheme makes `Request`s: headers as (name, bytes) pairs and a body."""

import base64
import datetime
import hashlib
import hmac
import time
from dataclasses import dataclass, replace

from standardwebhooks.webhooks import Webhook as StandardWebhook
from stripe import WebhookSignature
from svix.webhooks import Webhook as SvixWebhook


@dataclass(frozen=True)
class Request:
    headers: tuple
    body: bytes
    trailer: tuple = None

    def value(self, name):
        return next(v for n, v in self.headers if n.lower() == name.lower())

    def without(self, name):
        return replace(self, headers=tuple((n, v) for n, v in self.headers if n.lower() != name.lower()))

    def plus(self, name, value):
        value = value if isinstance(value, bytes) else str(value).encode()
        return replace(self, headers=self.headers + ((name, value),))

    def put(self, name, value):
        return self.without(name).plus(name, value)

    def with_body(self, body):
        return replace(self, body=body)


def mac(key, *parts, algorithm="sha256"):
    return hmac.new(key, b"".join(parts), algorithm).digest()


def b64(raw):
    return base64.b64encode(raw).decode()


class Scheme:
    """`signed(body, at)` is what is signed, `carry(tag)` the request with a signature in its place."""

    hex = False
    timed = False

    def __init__(self, source, key):
        self.source, self.key = source, key

    def encode(self, raw):
        return raw.hex() if self.hex else b64(raw)

    def signed(self, body, at):
        return body

    def sign(self, body, topic="", at=None):
        at = int(at or time.time())
        return self.carry(self.encode(mac(self.key, self.signed(body, at))), body, topic, at)


class Shopify(Scheme):
    name, header = "shopify", "X-Shopify-Hmac-SHA256"

    def __init__(self, source, key, shop):
        super().__init__(source, key)
        self.shop = shop

    def carry(self, tag, body, topic, at):
        headers = {
            self.header: tag, "X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": self.shop, "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": f"w-{time.time_ns()}", "X-Shopify-Event-Id": f"e-{time.time_ns()}",
            "X-Shopify-Triggered-At": "2026-11-02T17:20:12.000Z", "Content-Type": "application/json",
        }
        return Request(tuple((n, v.encode()) for n, v in headers.items()), body)


class WooCommerce(Scheme):
    name, header = "woocommerce", "X-WC-Webhook-Signature"

    def carry(self, tag, body, topic, at):
        headers = {
            "Content-Type": "application/json", "X-WC-Webhook-Source": "https://shop.example.com/", "X-WC-Webhook-Topic": topic,
            "X-WC-Webhook-Resource": topic.split(".")[0], self.header: tag, "X-WC-Webhook-ID": "3",
            "X-WC-Webhook-Delivery-ID": hashlib.md5(str(at).encode()).hexdigest(),
        }
        return Request(tuple((n, v.encode()) for n, v in headers.items() if v), body)


class Square(Scheme):
    name, header = "square", "x-square-hmacsha256-signature"

    def __init__(self, source, key, url):
        super().__init__(source, key)
        self.url = url

    def signed(self, body, at):
        return self.url.encode() + body

    def carry(self, tag, body, topic, at):
        headers = {self.header: tag, "square-environment": "Sandbox", "Content-Type": "application/json"}
        return Request(tuple((n, v.encode()) for n, v in headers.items()), body)


class Stripe(Scheme):
    name, header, hex, timed = "stripe", "Stripe-Signature", True, True

    def signed(self, body, at):
        return f"{at}.".encode() + body

    def carry(self, tag, body, topic, at):
        headers = ((self.header, f"t={at},v1={tag}".encode()), ("Content-Type", b"application/json; charset=utf-8"))
        return Request(headers, body)

    def sign(self, body, topic="", at=None):
        value = WebhookSignature.generate_signature_header(body.decode(), self.key.decode(), int(at or time.time()))
        return Request(((self.header, value.encode()), ("Content-Type", b"application/json; charset=utf-8")), body)


class Standard(Scheme):
    """`sign` uses standardwebhooks, `sign_svix` its older sister with headers of its own."""

    name, header, timed = "standard", "webhook-signature", True
    id = "msg_peers"

    def __init__(self, source, secret):
        super().__init__(source, base64.b64decode(secret.removeprefix("whsec_")))
        self.secret = secret

    def signed(self, body, at):
        return f"{self.id}.{at}.".encode() + body

    def carry(self, tag, body, topic, at):
        headers = {"webhook-id": self.id, "webhook-timestamp": str(at), self.header: f"v1,{tag}", "Content-Type": "application/json"}
        return Request(tuple((n, v.encode()) for n, v in headers.items()), body)

    def sign(self, body, topic="", at=None, library=StandardWebhook, prefix="webhook"):
        at, self_id = int(at or time.time()), topic or self.id
        when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
        signature = library(self.secret).sign(self_id, when, body.decode())
        headers = {f"{prefix}-id": self_id, f"{prefix}-timestamp": str(at), f"{prefix}-signature": signature, "Content-Type": "application/json"}
        return Request(tuple((n, v.encode()) for n, v in headers.items()), body)

    def sign_svix(self, body, topic):
        return self.sign(body, topic, library=SvixWebhook, prefix="svix")
