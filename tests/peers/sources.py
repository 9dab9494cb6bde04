"""Webhooks signed by the vendors' own libraries against a running server: the good ones are taken, once; at least
sixty forgeries of each scheme are refused with 401, and none of them reaches a parser.

Without --url the server whose path stands in $FEALTY is started in a temporary folder.
--url http://127.0.0.1:PORT --key KEY takes a server that runs, without data yet, with SETTINGS and PROGRAM of lib/server.py.
The libraries are pinned in xtask/src/peers.rs. Exit code 1 if anything is not as it must be."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib import forge  # noqa: E402
from lib.schemes import Shopify, Square, Standard, Stripe, WooCommerce  # noqa: E402
from lib.server import SECRETS, SHOP, STANDARD, URL, arguments, finish, must  # noqa: E402
from square.utils.webhooks_helper import verify_signature  # noqa: E402

FIXTURES = HERE.parent.parent / "crates/wire/tests/fixtures"


def fixture(path):
    return (FIXTURES / path).read_bytes()


def changed(path, change):
    body = json.loads(fixture(path))
    change(body)
    return json.dumps(body).encode()


def schemes():
    key = {name: value.encode() for name, value in SECRETS.items()}
    return {
        "shopify": Shopify("shop", key["PEERS_SHOPIFY"], SHOP), "stripe": Stripe("payments", key["PEERS_STRIPE"]),
        "woocommerce": WooCommerce("wc", key["PEERS_WC"]), "square": Square("tills", key["PEERS_SQUARE"], URL),
        "standard": Standard("any", STANDARD),
    }


def taken(server, scheme, request, statuses, what, duplicate=False):
    status, answer = server.post(scheme.source, request)
    outcomes = answer.get("outcomes", []) if isinstance(answer, dict) else []
    seen = [outcome.get("status") for outcome in outcomes]
    repeated = all(outcome.get("duplicate", False) is True for outcome in outcomes)
    good = status == 200 and seen == statuses and (not duplicate or repeated)
    must(good, f"{scheme.name}: {what}", f"{status} {answer}")
    return 1


def shopify(server, scheme):
    paid, refund = fixture("shopify/order_paid.json"), fixture("shopify/refund.json")
    who = "shopify:customer:7007199254740993"
    count = taken(server, scheme, scheme.sign(refund, "refunds/create"), ["waiting", "waiting"], "a refund before its order waits")
    count += taken(server, scheme, scheme.sign(paid, "orders/paid"), ["applied"], "a paid order")
    # 48.73 -> 48; one of two bags (32.71) and 5.00 of the rest go back: 48 was the grant.
    points = server.points(who)
    must(0 < points < 48, "shopify: the waiting refund was applied", points)
    count += taken(server, scheme, scheme.sign(paid, "orders/paid"), ["applied"], "again under new delivery ids", duplicate=True)
    count += taken(server, scheme, scheme.sign(paid, "orders/create"), ["applied"], "again under another topic", duplicate=True)
    count += taken(server, scheme, scheme.sign(refund, "refunds/create"), ["applied"] * 2, "the refund again", duplicate=True)
    newer = scheme.sign(paid, "orders/paid")
    for name, value in [h for h in newer.headers if h[0].startswith("X-")]:
        newer = newer.without(name).plus(name.removeprefix("X-"), value)
    count += taken(server, scheme, newer, ["applied"], "under the newer header names", duplicate=True)
    later = changed("shopify/order_paid.json", lambda o: o.update(updated_at="2026-11-03T10:00:00+01:00", note="x"))
    status, answer = server.post("shop", scheme.sign(later, "orders/updated"))
    must(status == 200 and len(answer["outcomes"]) == 2, "shopify: an update that changes nothing", f"{status} {answer}")
    rotated = Shopify("shop", SECRETS["PEERS_SHOPIFY_NEW"].encode(), SHOP)
    count += taken(server, scheme, rotated.sign(paid, "orders/paid"), ["applied"], "signed with the newer secret", duplicate=True)
    must(server.points(who) == points, "shopify: nothing of that was counted twice", server.points(who))
    count += taken(server, scheme, scheme.sign(b'{"id":1}', "products/update"), ["ignored"], "an unknown topic is kept")
    return count + 2


def stripe(server, scheme):
    checkout, who = fixture("stripe/checkout.json"), "stripe:customer:cus_Ada"
    count = taken(server, scheme, scheme.sign(checkout), ["applied"], "a paid checkout")
    must(server.points(who) == 45, "stripe: 45.00 gives 45", server.points(who))
    count += taken(server, scheme, scheme.sign(checkout, at=time.time() - 280), ["applied"], "280 s old, again", duplicate=True)
    two = scheme.sign(checkout)
    value = two.value(scheme.header).decode()
    two = two.put(scheme.header, value.replace(",v1=", f",v1={'0' * 64},v0=x,v1="))
    count += taken(server, scheme, two, ["applied"], "two signatures while a secret is rolled", duplicate=True)
    refund = fixture("stripe/charge_refunded.json")
    count += taken(server, scheme, scheme.sign(refund), ["applied"], "15.00 of 53.19 refunded")
    left = server.points(who)
    must(left == 45 - int(45 * 15 / 53.19), "stripe: the refund took its share", left)
    again = changed("stripe/charge_refunded.json", lambda e: e.update(id="evt_again"))
    count += taken(server, scheme, scheme.sign(again), ["applied"], "the same step under another event", duplicate=True)
    unknown = changed("stripe/checkout.json", lambda e: e.update(id="evt_x", type="payment_intent.created"))
    count += taken(server, scheme, scheme.sign(unknown), ["ignored"], "an unknown type is kept")
    count += taken(server, scheme, scheme.sign(fixture("stripe/invoice.json")), ["applied"], "a paid invoice")
    must(server.points(who) == left + 3800, "stripe: yen have no minor unit", server.points(who))
    return count


def woocommerce(server, scheme):
    order, who = fixture("woocommerce/order.json"), "woocommerce:customer:wc-26"
    count = taken(server, scheme, scheme.sign(order, "order.created"), ["applied"], "an order in processing")
    must(server.points(who) == 37, "woocommerce: 37.50 gives 37", server.points(who))
    done = changed("woocommerce/order.json", lambda o: o.update(status="completed", date_completed_gmt="2026-11-04T00:00:00", date_modified_gmt="2026-11-04T00:00:00"))
    status, answer = server.post("wc", scheme.sign(done, "order.updated"))
    must(status == 200 and len(answer["outcomes"]) == 3, "woocommerce: completed", f"{status} {answer}")
    must(server.points(who) == 37, "woocommerce: completing pays nothing again", server.points(who))
    ping = scheme.sign(order).without(scheme.header).with_body(b"webhook_id=7")
    status, answer = server.post("wc", ping)
    must(status == 200, "woocommerce: the unsigned ping is answered 200", f"{status} {answer}")
    return count + 2


def square(server, scheme):
    payment, who = fixture("square/payment.json"), "square:customer:W92WH6P11H4Z77CTET0RNTGFW8"
    request = scheme.sign(payment)
    asked = verify_signature(request_body=payment.decode(), signature_header=request.value(scheme.header).decode(),
        signature_key=scheme.key.decode(), notification_url=URL)
    must(asked, "square: its own library accepts what we sign")
    count = taken(server, scheme, request, ["applied"], "a completed payment")
    must(server.points(who) == 12, "square: 12.50 without the tip gives 12", server.points(who))
    count += taken(server, scheme, scheme.sign(fixture("square/refund.json")), ["applied"], "a refund")
    must(server.points(who) < 12, "square: the refund took points", server.points(who))
    count += taken(server, scheme, scheme.sign(payment), ["applied"], "again", duplicate=True)
    return count


def standard(server, scheme):
    body = b'{"type": "review.posted", "timestamp": "2026-11-06T10:00:00Z", "subject": "email:grace@example.com", "data": {"stars": 5}}'
    count = taken(server, scheme, scheme.sign(body, "msg_1"), ["applied"], "signed by standardwebhooks")
    count += taken(server, scheme, scheme.sign_svix(body, "msg_2"), ["applied"], "signed by svix")
    count += taken(server, scheme, scheme.sign_svix(body, "msg_1"), ["applied"], "the same message by the other", duplicate=True)
    must(server.points("email:grace@example.com") == 10, "standard: two messages, ten points")
    status, _ = server.post("any", scheme.sign(b'{"type": "review.posted"}', "msg_3"))
    must(status == 422, "standard: a signed message that is no event is 422", status)
    return count + 1


GOOD = {"shopify": (shopify, "shopify/order_paid.json", "orders/paid"), "stripe": (stripe, "stripe/checkout.json", ""),
    "woocommerce": (woocommerce, "woocommerce/order.json", "order.created"), "square": (square, "square/payment.json", ""),
    "standard": (standard, "square/refund.json", "")}


def refused(server, scheme, file, topic):
    """Posts every forgery; the counters of what was taken must stand still. How many there were."""
    good = scheme.sign(fixture(file), topic)
    def reached():
        return {n: v for n, v in server.counts().items() if 'result="taken"' in n or 'result="quarantined"' in n}
    before, count = reached(), 0
    for what, request in forge.all_of(good, scheme, topic):
        status, answer = server.post(scheme.source, request)
        code = answer.get("code", "") if isinstance(answer, dict) else ""
        known = code.startswith("signature_") or code in ("content_encoding_refused", "shop_mismatch")
        must(status == 401 and known, f"{scheme.name}: forgery: {what}", f"{status} {str(answer)[:200]}")
        count += 1
    must(count >= 60, f"{scheme.name}: at least 60 forgeries", count)
    must(before and reached() == before, f"{scheme.name}: no forgery reached a parser", reached())
    return count


def shopify_agrees(scheme):
    """Shopify's own library accepts what we sign and refuses the forgeries of body and tag."""
    node = os.environ.get("FEALTY_PEERS_NODE")
    if not node:
        must(False, "FEALTY_PEERS_NODE says where @shopify/shopify-api lies")
        return
    good = scheme.sign(fixture("shopify/order_paid.json"), "orders/paid")
    some = [good] + [request for _, request in forge.tags(good, scheme, "orders/paid")]
    asked = [{"secret": scheme.key.decode(), "headers": {n: v.decode("latin-1") for n, v in r.headers}, "body": r.body.decode()} for r in some]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asked, file)
        file.flush()
        answer = subprocess.run(["node", str(HERE / "lib/shopify.mjs"), file.name], capture_output=True, text=True)
    try:
        valid = json.loads(answer.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return must(False, "shopify's library runs", answer.stderr)
    must(valid == [True] + [False] * (len(some) - 1), "shopify's library judges as we do", f"{valid} {answer.stderr}")


def main():
    server = arguments(__doc__)
    try:
        for name, scheme in schemes().items():
            work, file, topic = GOOD[name]
            good = work(server, scheme)
            bad = refused(server, scheme, file, topic)
            print(f"{name}: {good} good requests taken, {bad} forgeries refused")
        shopify_agrees(schemes()["shopify"])
    finally:
        server.stop()
    finish()


if __name__ == "__main__":
    main()
