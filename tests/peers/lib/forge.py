"""Forgeries: from one good request of a scheme, what attackers and broken proxies make of it. As (what, request)."""

import base64
import hashlib
import time
from dataclasses import replace

from lib.schemes import b64, mac


def headers(good, scheme):
    name, value = scheme.header, good.value(scheme.header)
    bare = good.without(name)
    yield "no signature", bare
    yield "an empty one", good.put(name, b"")
    yield "twice", good.plus(name, value)
    yield "twice, in other case", good.plus(name.upper(), value)
    yield "twice, the second empty", good.plus(name, b"")
    yield "twice, the second wrong", good.plus(name, b"x")
    yield "under another name", bare.plus("X-Other-" + name, value)
    yield "with underscores", bare.plus(name.replace("-", "_"), value)
    yield "as authorization", bare.plus("Authorization", value)
    yield "quoted", good.put(name, b'"' + value + b'"')
    yield "a letter more", good.put(name, value + b"A")
    yield "a letter less", good.put(name, value[:-1])
    yield "half of it", good.put(name, value[: len(value) // 2])
    yield "twice in one", good.put(name, value + value)
    yield "not ASCII", good.put(name, value + "é".encode())
    yield "not UTF-8", good.put(name, value + b"\xff")
    yield "a tab within", good.put(name, value[:4] + b"\t" + value[4:])
    for word in (b"null", b"undefined", b"none", b"*", b"true", b"v1", b"="):
        yield f"the word {word.decode()}", good.put(name, word)
    yield "9,000 bytes", good.put(name, b"A" * 9000)
    for encoding in ("gzip", "br", "deflate", "gzip, identity"):
        yield f"content-encoding {encoding}", good.plus("Content-Encoding", encoding)
    yield "as a trailer", replace(bare, trailer=(name, value))
    yield "an empty one, and a good trailer", replace(good.put(name, b""), trailer=(name, value))


def bodies(good):
    body = good.body
    for at in (0, 1, len(body) // 2, len(body) - 1):
        for bit in (1, 32):
            yield f"byte {at} xor {bit}", good.with_body(body[:at] + bytes([body[at] ^ bit]) + body[at + 1 :])
    yield "no body", good.with_body(b"")
    yield "{}", good.with_body(b"{}")
    yield "the last byte missing", good.with_body(body[:-1])
    yield "the first byte missing", good.with_body(body[1:])
    yield "a newline behind", good.with_body(body + b"\n")
    yield "a space before", good.with_body(b" " + body)
    yield "a byte order mark", good.with_body(b"\xef\xbb\xbf" + body)
    yield "twice", good.with_body(body + body)
    yield "without its spaces", good.with_body(body.replace(b": ", b":").replace(b", ", b",") + b" ")
    yield "a member more", good.with_body(b'{"a":1,' + body[1:])
    yield "other digits", good.with_body(body.translate(bytes.maketrans(b"0123456789", b"1234567890")))
    yield "a form", good.with_body(b"payload=" + body)
    yield "broken JSON", good.with_body(b"{" + body)
    yield "1 MiB of brackets", good.with_body(b"[" * (1 << 20))


def tags(good, scheme, topic):
    at, key, body = int(time.time()), scheme.key, good.body
    signed = scheme.signed(body, at)
    right = mac(key, signed)
    e = scheme.encode
    out = {
        "zeroes": e(bytes(32)), "31 bytes": e(right[:31]), "16 bytes": e(right[:16]), "33 bytes": e(right + b"\0"),
        "reversed": e(right[::-1]), "one bit": e(bytes([right[0] ^ 1]) + right[1:]), "last bit": e(right[:-1] + bytes([right[-1] ^ 1])),
        "another secret": e(mac(b"another secret", signed)), "no secret": e(mac(b"", signed)),
        "the secret and a newline": e(mac(key + b"\n", signed)), "half of the secret": e(mac(key[: len(key) // 2], signed)),
        "the secret in base64": e(mac(b64(key).encode(), signed)), "the secret in hex": e(mac(key.hex().encode(), signed)),
        "a body of nothing": e(mac(key, scheme.signed(b"", at))), "another body": e(mac(key, scheme.signed(b"{}", at))),
        "SHA-1": e(mac(key, signed, algorithm="sha1")), "SHA-512": e(mac(key, signed, algorithm="sha512")),
        "SHA-512 cut": e(mac(key, signed, algorithm="sha512")[:32]), "MD5": e(mac(key, signed, algorithm="md5")),
        "a plain hash": e(hashlib.sha256(signed).digest()), "a hash with the secret before": e(hashlib.sha256(key + signed).digest()),
        "a hash with the secret behind": e(hashlib.sha256(signed + key).digest()), "key and text exchanged": e(mac(signed, key)),
        "the secret itself": key.decode("latin-1"), "in capitals": e(right).upper(), "with sha256= before": "sha256=" + e(right),
        "in the other encoding": b64(right) if scheme.hex else right.hex(), "base64 of hex": b64(right.hex().encode()),
        "HMAC of the HMAC": e(mac(key, right)),
    }
    if not scheme.hex:
        out["in small letters"] = e(right).lower()
        out["without padding"] = e(right).rstrip("=")
        out["in base64url"] = base64.urlsafe_b64encode(right + b"\xff\xfe").decode()
    for what, tag in out.items():
        yield what, scheme.carry(tag.encode("latin-1", "replace").decode("latin-1"), body, topic, at)


def times(scheme, body, topic):
    now = int(time.time())
    for off in (-330, -3600, -86400, 330, 3600, 86400):
        yield f"{off} s off", scheme.sign(body, topic, at=now + off)
    for text in ("0", "", "-1", f"+{now}", f"{now}.0", f"{now}000", hex(now), "now", f" {now} ", f"{now}\u0660", "9" * 20):
        tag = scheme.encode(mac(scheme.key, scheme.signed(body, text)))
        yield f"time {text!r}", scheme.carry(tag, body, topic, text)


def stripe_lists(good, scheme):
    value = good.value(scheme.header).decode()
    t, v1 = value.split(",")
    tag = v1.removeprefix("v1=")
    lists = [t, v1, f"{t},v0={tag}", f"{t},v2={tag}", f"{t},V1={tag}", f"{t};{v1}", f"{t}, {v1}", f"{t},{t},{v1}", f"{t},{v1},", f"{t},v1=",
        f"{t},v1", ",".join([t] + ["v1=" + "0" * 64] * 100) + "," + v1, f"{t},v1={tag[:-2]}", tag]
    for one in lists:
        yield f"list {one[:50]}", good.put(scheme.header, one)


def standard_lists(good, scheme):
    tag = good.value(scheme.header).decode().removeprefix("v1,")
    zero = "v1," + b64(bytes(32))
    lists = [tag, f"v0,{tag}", f"v2,{tag}", f"v1a,{tag}", f"V1,{tag}", f"v1={tag}", f"v1;{tag}", f"v1,,{tag}", f"{zero},{tag}",
        " ".join([zero] * 100) + f" v1,{tag}", f"{zero}  v1,{tag}"]
    for one in lists:
        yield f"list {one[:50]}", good.put(scheme.header, one)
    for name in ("webhook-id", "webhook-timestamp"):
        yield f"no {name}", good.without(name)
        yield f"{name} twice", good.plus(name, good.value(name))
        yield f"{name} of svix", good.without(name).plus(name.replace("webhook", "svix"), good.value(name))
    yield "another id", good.put("webhook-id", "msg_other")
    yield "an id with a dot", scheme.sign(good.body, "msg.1")


def square_urls(good, scheme):
    for url in ("", "http" + scheme.url[5:], scheme.url + "/", scheme.url + "?a=1", "https://evil.example.com/", scheme.url.upper()):
        yield f"signed for {url!r}", good.put(scheme.header, b64(mac(scheme.key, url.encode(), good.body)))
    old = good.without(scheme.header)
    yield "the older header", old.plus("x-square-signature", b64(mac(scheme.key, scheme.url.encode(), good.body, algorithm="sha1")))
    yield "url from Host", good.put(scheme.header, b64(mac(scheme.key, b"https://127.0.0.1/v1/sources/tills", good.body)))


def shopify_shops(good, scheme):
    name = "X-Shopify-Shop-Domain"
    yield "another shop", good.put(name, "other.myshopify.com")
    yield "no shop", good.without(name)
    yield "two shops", good.plus(name, good.value(name))
    yield "the newer name, wrong", good.plus("Shopify-Hmac-Sha256", b64(bytes(32)))
    yield "the newer name, empty", good.plus("Shopify-Hmac-Sha256", "")


def woocommerce_pings(good, scheme):
    bare = good.without(scheme.header)
    for body in (b"webhook_id=", b"webhook_id=1&a=2", b"webhook_id=x", b"webhook_id=-1", b" webhook_id=1", b"webhook_id=1\n"):
        yield f"no ping {body!r}", bare.with_body(body)
    yield "a ping with a wrong signature", good.with_body(b"webhook_id=1")


def all_of(good, scheme, topic):
    yield from headers(good, scheme)
    yield from bodies(good)
    yield from tags(good, scheme, topic)
    if scheme.timed:
        yield from times(scheme, good.body, topic)
    own = {"stripe": stripe_lists, "standard": standard_lists, "square": square_urls, "shopify": shopify_shops,
        "woocommerce": woocommerce_pings}
    yield from own[scheme.name](good, scheme)
