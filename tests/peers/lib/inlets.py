"""What every source that is read from a broker must do, whatever the broker: what is sent, and how the ledger that it makes
is held against that of the same events by HTTP."""

import json
import pathlib
import socket
import sqlite3
import threading

from lib import topics
from lib.server import Server, must

MEMBERS = 97
POISON = [b"no json", b'{"specversion": "1.0", "id": "p1", "source": "fealty:api", "type": "fealty.adjusted"}', b'{"specversion": "1.0", "id": "p2"}', b"\xff\xfe"]


def event(no):
    """An order; now and then something else, or what the rules refuse."""
    total = f"{no % 9 + 1}.00"
    data = {"id": f"o{no}", "currency": "CHF" if no % 50 == 7 else "EUR", "total": total, "subtotal": total, "items": []}
    made = {"specversion": "1.0", "id": f"e{no}", "source": "shop", "type": "order.paid", "subject": f"pos:c{no % MEMBERS}",
        "time": "2026-11-20T10:00:00Z", "data": data}
    return made | {"type": "review.posted", "data": {"stars": no % 5}} if no % 10 == 3 else made


def structured(no):
    return json.dumps(event(no)).encode()


def binary(no, prefix):
    """Attributes as headers, and the body."""
    made = event(no)
    headers = {f"{prefix}{name}": value for name, value in made.items() if name != "data"}
    return headers, json.dumps(made["data"]).encode()


def ledger(server):
    """What the events did, member by member and event by event; not in which order."""
    return ledger_in(pathlib.Path(server.folder.name) / "data" / "fealty.db")


def ledger_in(path):
    """The same, of a file."""
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    every = base.execute("SELECT source, id, type, status, reason FROM events WHERE source NOT LIKE 'fealty:%'").fetchall()
    moved = base.execute("SELECT e.source, e.id, t.kind, t.wallet, t.amount, t.rule FROM transfers t JOIN events e ON e.pos = t.pos").fetchall()
    held = base.execute("SELECT m.identities, b.wallet, b.available FROM members m JOIN balances b ON b.member = m.member").fetchall()
    base.close()
    return sorted(map(str, every)), sorted(map(str, moved)), sorted(map(str, held))


def by_http(numbers):
    """The same events by POST /v1/events: their ledger."""
    server = Server()
    try:
        for begin in range(0, len(numbers), 2000):
            batch = [event(no) for no in numbers[begin : begin + 2000]]
            code, answer = server.events({"Content-Type": "application/cloudevents-batch+json"}, json.dumps(batch).encode())
            must(code == 200, "events are taken", answer)
        return ledger(server)
    finally:
        server.stop()


def source(server, name):
    """How a source is."""
    return next(one for one in json.loads(server.get("/v1/sources"))["sources"] if one["name"] == name)


def metric(server, name, of):
    """A figure of a source."""
    lines = [line for line in server.get("/metrics").splitlines() if line.startswith(f'fealty_{name}{{source="{of}"}}')]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else None


def is_read(server, name):
    """Once it is so."""
    return topics.wait_for(f"{name} is read", lambda: source(server, name)["connected_since"])


def has_all(server, numbers, seconds=120):
    """Once every event is in the journal."""
    path = pathlib.Path(server.folder.name) / "data" / "fealty.db"
    def look():
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        found = base.execute("SELECT count(DISTINCT id) FROM events WHERE source = 'shop'").fetchone()[0]
        base.close()
        return found >= len(numbers)
    return topics.wait_for(f"{len(numbers)} events are there", look, seconds)


def same(name, server, numbers):
    """The ledger is that of the same events by HTTP, and lies there soundly."""
    ours, theirs = ledger(server), by_http(numbers)
    for what, one, other in zip(["events", "transfers", "balances"], ours, theirs):
        must(one == other, f"{name}: the same {what} as by HTTP", f"{len(one)} {len(other)} {sorted(set(one) ^ set(other))[:5]}")
    print(f"{name}: {len(ours[0])} events, {len(ours[1])} transfers, {len(ours[2])} balances, as by HTTP")


def set_aside(name, server, of, poison, **place):
    """What cannot be read lies in quarantine once, with where it came from."""
    page = json.loads(server.get("/v1/quarantine?limit=100"))["quarantine"]
    bodies = sorted(one["body"] for one in page)
    must(bodies == sorted(body.decode("utf-8", "replace") for body in poison), f"{name}: quarantine", bodies)
    for one in page:
        heads = dict(one["headers"])
        must(one["source"] == of and one["reason"] and heads["fealty-message"], f"{name}: where it came from", one)
        for key, value in place.items():
            must(heads[f"fealty-{key}"] == value, f"{name}: {key}", heads)


def ends_soundly(name, server):
    """It stops when it is asked to, soon; and what lies there adds up."""
    server.child.terminate()
    must(server.child.wait(30) == 0, f"{name}: it stops when it is asked to")
    code, said = server.run("verify", "--replay")
    must(code == 0, f"{name}: verify --replay", said)


class Hole:
    """Between the server and a broker: lets all through, until what is open is swallowed, and stays open."""

    def __init__(self, to):
        self.to, self.listener = to, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open, self.swallowed = set(), set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.to))
            self.open.add(near)
            for one, other in [(near, far), (far, near)]:
                threading.Thread(target=self.pump, args=(one, other, near), daemon=True).start()

    def pump(self, one, other, name):
        try:
            while part := one.recv(65536):
                if name not in self.swallowed:
                    other.sendall(part)
            if name not in self.swallowed:
                other.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def swallow(self):
        self.swallowed |= self.open
