"""Compares what the server's database says with what was expected, through the views that people read.

usage: compare.py DATABASE EXPECTED.csv RULES.csv
Exits with 1 if one household or one rule differs.
"""
import csv
import json
import sqlite3
import sys


def main():
    database, expected, rules = sys.argv[1:4]
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    names = {}
    for member, identities in db.execute("SELECT member, identities FROM members"):
        for identity in json.loads(identities or "[]"):
            if identity.startswith("household:"):
                names[member] = identity
    seen = {name: {"points": 0, "fuel": 0} for name in names.values()}
    for member, wallet, available, pending, debt in db.execute("SELECT member, wallet, available, pending, debt FROM balances"):
        seen[names[member]][wallet] = available - debt
        assert pending == 0, f"{names[member]} has pending points"
    with open(expected, encoding="utf-8") as file:
        wanted = {name: {"points": int(points), "fuel": int(fuel)} for name, points, fuel in csv.reader(file)}
    differ = [name for name in sorted(wanted.keys() | seen.keys()) if wanted.get(name) != seen.get(name)]
    for name in differ[:20]:
        print(f"  {name}: expected {wanted.get(name)}, seen {seen.get(name)}")
    with open(rules, encoding="utf-8") as file:
        wanted_rules = {rule: int(amount) for rule, amount in csv.reader(file)}
    seen_rules = {}
    query = "SELECT rule, kind, sum(amount) FROM transfers WHERE kind IN ('earn', 'reverse') GROUP BY rule, kind"
    for rule, kind, amount in db.execute(query):
        seen_rules[rule + (" back" if kind == "reverse" else "")] = amount
    differ_rules = [rule for rule in sorted(wanted_rules.keys() | seen_rules.keys())
                    if wanted_rules.get(rule, 0) != seen_rules.get(rule, 0)]
    for rule in differ_rules:
        print(f"  rule {rule}: expected {wanted_rules.get(rule, 0)}, seen {seen_rules.get(rule, 0)}")
    events, tip = db.execute("SELECT count(*), max(pos) FROM journal").fetchone()
    points = sum(one["points"] for one in seen.values())
    print(f"{len(seen)} members, {events} rows in the journal (last {tip}), {points} points, "
          f"{len(differ)} differences, {len(differ_rules)} rules that differ")
    sys.exit(1 if differ or differ_rules else 0)


if __name__ == "__main__":
    main()
