"""What every household must have: programs/grocery worked out by hand, in Python, from what the program file says
and from the written rules of returns. It shares nothing with the engine but the events.

Money is whole cents, everything else whole numbers or fractions; there is no float.

usage: expect.py EVENTS.ndjson OUT.csv [EFFECTS.csv]
"""
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
# What items add is counted in 84ths of a cent's worth: 84 is a multiple of every rate's denominator.
PART = 84
RATE = {
    "produce": 2 * PART, "seafood": 2 * PART, "seafood_pckgd": 2 * PART, "meat": PART * 3 // 2,
    "deli": PART * 5 // 4, "fuel": 0, "coupon": 0, "spirits": 0, "charitable_cont": 0,
}
POINT = 100 * PART
SUMMER_BUDGET, HOLIDAY_BUDGET = 20_000, 60_000


def cents(value):
    """A decimal text or number (read as text) with at most two places."""
    whole, _, part = str(value).partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def split(granted, weights):
    """Shares of `granted` in proportion to `weights`, whole, by largest remainder; the earlier of equals first."""
    total = sum(weights)
    if total == 0:
        return []
    shares = [granted * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(granted * weights[i] % total), i))
    for i in order[: granted - sum(shares)]:
        shares[i] += 1
    return shares


def week_before(at):
    """Seven days before, at the same local time."""
    return at - timedelta(days=7)


class Order:
    def __init__(self, member, at, data):
        self.member, self.at = member, at
        self.total = cents(data["total"])
        self.items = {item["id"]: i for i, item in enumerate(data["items"])}
        self.quantities = [int(item["quantity"]) for item in data["items"]]
        self.totals = [cents(item["total"]) for item in data["items"]]
        self.back = [Fraction(0)] * len(self.totals)  # share of each item that came back
        self.amount_back = Fraction(0)  # cents, beside the items
        self.grants = []
        self.counts = []  # [counter, window, parts by item, taken back]


class Grant:
    def __init__(self, rule, wallet, amount, shares, limits):
        self.rule, self.wallet, self.amount, self.shares, self.limits = rule, wallet, amount, shares, limits
        self.reversed = 0


class Member:
    def __init__(self):
        self.wallets = defaultdict(int)
        self.used = defaultdict(int)  # (limit, window) -> used
        self.rolling = []  # [instant, points] of stock_up
        self.counters = defaultdict(Fraction)  # (counter, window) -> value
        self.stores = set()


class Program:
    def __init__(self):
        self.members = defaultdict(Member)
        self.orders, self.waiting, self.seen = {}, defaultdict(list), set()
        self.budgets = {"summer": 0, "holidays": 0}
        self.repeats = self.again = self.early = 0
        self.by_rule = defaultdict(int)

    def event(self, event):
        if event["id"] in self.seen:
            self.repeats += 1
            return
        self.seen.add(event["id"])
        data = event["data"]
        if event["type"] == "order.paid":
            if data["id"] in self.orders:
                self.again += 1
                return
            self.paid(event["subject"], datetime.fromisoformat(event["time"]).astimezone(ZONE), data)
            for kind, waited in self.waiting.pop(data["id"], []):
                self.returned(kind, waited)
        elif data["order"] in self.orders:
            self.returned(event["type"], data)
        else:
            self.early += 1
            self.waiting[data["order"]].append((event["type"], data))

    def paid(self, subject, at, data):
        member = self.members[subject]
        order = self.orders[data["id"]] = Order(subject, at, data)
        items = [(item.get("category", ""), item.get("brand", ""), cents(item["total"])) for item in data["items"]]
        subtotal = Fraction(cents(data["subtotal"]), 100)
        day = at.date()
        month, quarter = ("month", day.year, day.month), ("quarter", day.year, (day.month - 1) // 3)
        week = ("week", day - timedelta(days=day.weekday()))
        visits, spend = member.counters["visits", month], member.counters["spend", quarter]
        fresh = member.counters["fresh", month]
        grants = {}

        def by_item(rate):
            """What each item adds, in parts of a point."""
            return [rate(category, brand) * total for category, brand, total in items]

        def grant(rule, wallet, amount, weights, limits=()):
            if amount > 0:
                grants[rule] = Grant(rule, wallet, amount, split(amount, weights), list(limits))
                for limit in limits:
                    self.use(member, limit, amount)

        def left(limit, most):
            return max(0, most - self.used(member, limit))

        whole = order.totals  # weights of a rule that looks at the whole basket

        adds = by_item(lambda category, brand: RATE.get(category, PART))
        grant("base", "points", sum(adds) // POINT, adds)

        adds = by_item(lambda category, brand: 100 * PART // 7 if category == "fuel" else 0)
        grant("fuel", "fuel", (sum(adds) + POINT // 2) // POINT, adds)
        if spend >= 100 and "fuel" in grants:
            grant("fuel_club", "fuel", grants["fuel"].amount, grants["fuel"].shares)

        adds = by_item(lambda category, brand: PART // 3 if brand == "Private" else 0)
        limit = ("own_brand", week)
        grant("own_brand", "points", min(sum(adds) // POINT, left(limit, 25)), adds, [limit])

        adds = by_item(lambda category, brand: 3 * PART if category == "pastry" else 0)
        limit, wanted = ("bakery", week), sum(adds) // POINT
        grant("bakery", "points", wanted if wanted <= left(limit, 40) else 0, adds, [limit])

        if day.weekday() == 6 and 7 <= at.hour < 12 and "base" in grants:
            limit = ("sunday", ("day", day))
            grant("sunday", "points", min(grants["base"].amount, left(limit, 80)), grants["base"].shares, [limit])

        extra = Fraction(1, 10) if spend >= 600 else Fraction(1, 20) if spend >= 250 else Fraction(0)
        grant("volume", "points", floor(subtotal * extra), whole)

        if fresh >= 20:
            adds = by_item(lambda category, brand: 5 * PART if category == "produce" else 0)
            weekly, monthly = ("greens#0", week), ("greens#1", month)
            amount = min(sum(adds) // POINT, left(weekly, 60), left(monthly, 150))
            grant("greens", "points", amount, adds, [weekly, monthly])

        if subtotal > 0 and visits >= 5:
            limit = ("sixth_visit", month)
            if member.used[limit] < 1:
                grant("sixth_visit", "points", 50, whole, [limit])

        if subtotal >= 20 and data["store"] not in member.stores:
            member.stores.add(data["store"])
            grant("new_store", "points", 10, whole)

        if subtotal >= 50:
            limit = ("stock_up", at)
            grant("stock_up", "points", min(subtotal // 50 * 20, left(limit, 100)), whole, [limit])

        if (2017, 6, 1) <= (day.year, day.month, day.day) <= (2017, 8, 31) and visits >= 3:
            self.summer(grant, left, by_item, subtotal, whole)
        if (2017, 11, 20) <= (day.year, day.month, day.day) <= (2017, 12, 31):
            self.holidays(grant, left, by_item, subtotal, whole)

        for one in grants.values():
            member.wallets[one.wallet] += one.amount
            self.by_rule[one.rule] += one.amount
            order.grants.append(one)
        if subtotal > 0:
            self.count(member, order, "visits", month, Fraction(1), None)
        self.count(member, order, "spend", quarter, subtotal, None)
        produce = [total if category == "produce" else 0 for category, _, total in items]
        self.count(member, order, "fresh", month, Fraction(sum(produce), 100), produce)

    def summer(self, grant, left, by_item, subtotal, whole):
        budget = ("summer", "all")
        adds = by_item(lambda category, brand: 2 * PART if category in ("meat", "meat_pckgd") else 0)
        grill = min(sum(adds) // POINT, left(budget, SUMMER_BUDGET))
        basket = min(30 if subtotal >= 40 else 0, left(budget, SUMMER_BUDGET))
        if grill > basket:  # equal ones are settled by id, and summer_basket comes first
            grant("summer_grill", "points", grill, adds, [budget])
        else:
            grant("summer_basket", "points", basket, whole, [budget])

    def holidays(self, grant, left, by_item, subtotal, whole):
        own, budget = ("holidays#0", "life"), ("holidays", "all")
        room = lambda: min(left(own, 200), left(budget, HOLIDAY_BUDGET))
        if subtotal > 0:
            grant("holiday_basket", "points", min(floor(subtotal / 4), room()), whole, [own, budget])
        adds = by_item(lambda category, brand: 4 * PART if category in ("seafood", "seafood_pckgd") else 0)
        grant("holiday_fish", "points", min(sum(adds) // POINT, room()), adds, [own, budget])

    def used(self, member, limit):
        name, window = limit
        if window == "all":
            return self.budgets[name]
        if name == "stock_up":
            # What was used after a late event counts too where one window holds both.
            later = [instant for instant, _ in member.rolling if instant > window and week_before(instant) < window]
            return max(
                sum(points for instant, points in member.rolling if week_before(end) < instant <= end)
                for end in [window, *later]
            )
        return member.used[limit]

    def use(self, member, limit, amount):
        """Negative: a refund frees it."""
        name, window = limit
        if window == "all":
            self.budgets[name] += amount
        elif name == "stock_up":
            member.rolling.append([window, amount])
        elif name == "sixth_visit":
            member.used[limit] += 1 if amount > 0 else 0
        else:
            member.used[limit] += amount

    def count(self, member, order, counter, window, value, parts):
        member.counters[counter, window] += value
        order.counts.append([counter, window, value, parts, Fraction(0)])

    def returned(self, kind, data):
        order = self.orders[data["order"]]
        member = self.members[order.member]
        value = Fraction(0)  # of the items that come back now
        items, amount = data.get("items", []), data.get("amount")
        if kind == "order.cancelled" or (not items and amount is None):
            order.back = [Fraction(1)] * len(order.back)
            order.amount_back = Fraction(0)
        for item in items:
            i = order.items[item["id"]]
            if "quantity" in item and order.quantities[i] > 0:
                share = Fraction(int(item["quantity"]), order.quantities[i])
            elif "amount" in item and order.totals[i] > 0:
                share = Fraction(cents(item["amount"]), order.totals[i])
            else:
                share = Fraction(1)
            share = min(share, 1 - order.back[i])
            order.back[i] += share
            value += share * order.totals[i]
        if amount is not None:
            order.amount_back += max(Fraction(0), cents(amount) - value)
        base = order.total - sum(share * total for share, total in zip(order.back, order.totals))
        rest = Fraction(1) if base <= 0 else max(Fraction(0), 1 - order.amount_back / base)
        for grant in order.grants:
            self.reverse(member, order, grant, rest)
        for one in order.counts:
            counter, window, counted, parts, taken = one
            weights = parts if parts is not None else order.totals
            target = counted * self.share_back(order, weights, rest)
            member.counters[counter, window] -= target - taken
            one[4] = target

    def reverse(self, member, order, grant, rest):
        if grant.shares:
            target = floor(sum(s * (1 - (1 - b) * rest) for s, b in zip(grant.shares, order.back)))
        else:
            target = floor(grant.amount * (1 - rest))
        taken = max(0, min(target, grant.amount) - grant.reversed)
        if taken == 0:
            return
        grant.reversed += taken
        member.wallets[grant.wallet] -= taken
        self.by_rule[grant.rule + " back"] += taken
        for limit in grant.limits:
            if limit[0] == "sixth_visit":
                member.used[limit] -= 1 if grant.reversed == grant.amount else 0
            else:
                self.use(member, limit, -taken)

    def share_back(self, order, weights, rest):
        total = sum(weights)
        if total == 0:
            return Fraction(0)
        return Fraction(sum(w * (1 - (1 - b) * rest) for w, b in zip(weights, order.back)), total)


def main():
    program = Program()
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            program.event(json.loads(line, parse_float=str))
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        for subject in sorted(program.members):
            wallets = program.members[subject].wallets
            out.write(f'{subject},{wallets["points"]},{wallets["fuel"]}\n')
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w", encoding="utf-8") as out:
            for rule, amount in sorted(program.by_rule.items()):
                out.write(f"{rule},{amount}\n")
    points = sum(m.wallets["points"] for m in program.members.values())
    waiting = sum(len(rows) for rows in program.waiting.values())
    print(
        f"{len(program.members)} households, {points} points expected; {program.repeats} repeats, "
        f"{program.again} orders paid twice, {program.early} returns before their order, {waiting} still waiting"
    )


if __name__ == "__main__":
    main()
