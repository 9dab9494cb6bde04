"""What every broker's topic must do, whatever the broker: the steps, and how what came is held against the feed."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from lib.server import must


# As automake has it: left out.
NOT_TESTED = 77


def not_tested(what):
    """One line, and no more of this script, which is counted neither as passed nor as failed."""
    line = f"not tested: {what}\n"
    print(line, end="")
    if "FEALTY_NOT_TESTED" in os.environ:
        with open(os.environ["FEALTY_NOT_TESTED"], "a") as file:
            file.write(line)
    sys.exit(NOT_TESTED)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server of others: started, killed and started again on the same data."""

    def __init__(self, command, port, folder, environment=None, own_group=False):
        self.command, self.port, self.folder, self.environment = command, port, folder, environment
        self.own_group = own_group
        self.start()

    def start(self):
        log = open(pathlib.Path(self.folder) / "log", "a")
        self.child = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.environment, cwd=self.folder, start_new_session=self.own_group)
        until = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > until or self.child.poll() is not None:
                    sys.exit(f"{self.command[0]} did not start: " + (pathlib.Path(self.folder) / "log").read_text())
                time.sleep(0.05)

    def kill(self):
        self.child.kill()
        self.child.wait(30)


def pay(server, begin, count, members=7):
    """Orders of a few members."""
    events = []
    for no in range(begin, begin + count):
        total = f"{no % 9 + 1}.00"
        data = {"id": f"o{no}", "currency": "EUR", "total": total, "subtotal": total, "items": []}
        events.append({"specversion": "1.0", "id": f"o{no}", "source": "peers", "type": "order.paid", "subject": f"pos:c{no % members}", "data": data})
    code, answer = server.events({"Content-Type": "application/cloudevents-batch+json"}, json.dumps(events).encode())
    must(code == 200, "orders are taken", answer)


def feed(server):
    """Every change, as the feed tells it."""
    changes, after = [], "start"
    while True:
        page = json.loads(server.get(f"/v1/feed?limit=1000&after={after}"))
        if not page["changes"]:
            return changes
        changes.extend(page["changes"])
        after = page["next"]


def endpoint(server, name):
    return json.loads(server.get(f"/v1/endpoints/{name}"))


def wait_for(what, look, seconds=60):
    """Asks until there is an answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    must(False, f"in {seconds} s: {what}")
    return None


def fails(server, name, *whys):
    """Once it is seen, and the newest attempt says one of `whys`."""
    said = []
    def look():
        if not endpoint(server, name)["failing_since"]:
            return False
        said.append(json.loads(server.get(f"/v1/endpoints/{name}/attempts"))["attempts"][0]["said"])
        return any(why in said[-1] for why in whys)
    must(wait_for("the endpoint fails, and it is said why", look), "what fails is said", said[-1:])


def same(name, server, got, in_order=True):
    """`got`: [(id, body)], as they came. The same changes as in the feed, of each member in its order, if there is one."""
    first, told = {}, feed(server)
    for no, (id, body) in enumerate(got):
        must(first.setdefault(id, (no, body))[1] == body, f"{name}: a second {id} is the same", body)
    first = {id: body for id, (_, body) in first.items() if json.loads(body)["type"] != "endpoint.tested"}
    must(set(first) == {change["cursor"] for change in told}, f"{name}: the same changes as in the feed", f"{len(first)} {len(told)}")
    by_id = {change["cursor"]: change for change in told}
    for id, body in first.items():
        must(json.loads(body) == by_id.get(id), f"{name}: word for word", body)
    for member in {change["member"] for change in told}:
        ours = [change["cursor"] for change in told if change["member"] == member]
        theirs = [id for id in first if id in by_id and by_id[id]["member"] == member]
        must(ours == theirs or not in_order, f"{name}: the order of {member}")
    print(f"{name}: {len(told)} changes in the feed, {len(got)} messages, {len(first)} of them different")


def send_patch(server, name, change):
    """Changes an endpoint."""
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{server.address}/v1/endpoints/{name}", json.dumps(change).encode(), headers, method="PATCH")
    with urllib.request.urlopen(request, timeout=30) as answer:
        must(answer.status == 200, "it is changed", answer.status)
