"""Our webhooks as the public libraries of Standard Webhooks and Svix verify them, in Python and in JavaScript: with the
secret, with both during a rotation, not with another, not when a byte has changed. Arguments as in sources.py."""

import http.server
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import standardwebhooks  # noqa: E402
import svix.webhooks  # noqa: E402
from lib.server import STANDARD, arguments, finish, must  # noqa: E402

OTHER = STANDARD
LIBRARIES = {"standardwebhooks": standardwebhooks.webhooks.Webhook, "svix": svix.webhooks.Webhook}
# Reads [[secret, headers, body], ...] and writes one line for each: which libraries took it.
SCRIPT = """
const { Webhook: Standard } = require("standardwebhooks"), { Webhook: Svix } = require("svix");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const [secret, headers, body] of cases) {
  const taken = [];
  for (const [name, Library] of [["standardwebhooks", Standard], ["svix", Svix]]) {
    try { new Library(secret).verify(body, headers); taken.push(name); } catch {}
  }
  console.log(JSON.stringify(taken));
}
"""


class Hook(http.server.BaseHTTPRequestHandler):
    got = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        Hook.got.put(({name.lower(): value for name, value in self.headers.items()}, body))

    def log_message(self, *_):
        pass


def python(secret, headers, body):
    taken = []
    for name, library in LIBRARIES.items():
        try:
            library(secret).verify(body, headers)
            taken.append(name)
        except (standardwebhooks.webhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError):
            pass
    return taken


def javascript(cases):
    where = pathlib.Path(os.environ["FEALTY_PEERS_NODE"]) / "node_modules"
    cases = json.dumps([[secret, headers, body.decode()] for secret, headers, body in cases])
    ran = subprocess.run(["node", "-e", SCRIPT], input=cases.encode(), capture_output=True, env={**os.environ, "NODE_PATH": str(where)})
    must(ran.returncode == 0, "node runs", ran.stderr.decode())
    return [json.loads(line) for line in ran.stdout.splitlines()]


def main():
    server = arguments(__doc__)
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    try:
        code, made = server.api("/v1/endpoints", {"url": f"http://127.0.0.1:{hook.server_port}/", "types": ["points.*"]})
        must(code == 201, "an endpoint is made", made)
        first = made["secret"]
        event = {"specversion": "1.0", "id": "w1", "source": "peers", "type": "review.posted", "subject": "email:zoë@example.com", "data": {"stars": 4}}
        server.events({"Content-Type": "application/cloudevents+json"}, json.dumps(event).encode())
        headers, body = Hook.got.get(timeout=30)
        must(json.loads(body)["data"]["amount"] == 4, "the change", body)
        second = server.api(f"/v1/endpoints/{made['id']}/secret", {"overlap_hours": 1})[1]["secret"]
        server.api(f"/v1/endpoints/{made['id']}/test", {})
        both = Hook.got.get(timeout=30)
        cases = [(first, headers, body, True), (second, headers, body, False), (first, *both, True), (second, *both, True),
            (OTHER, *both, False), (first, headers, body.replace(b"4", b"5"), False),
            (first, {**headers, "webhook-id": "msg_other"}, body, False),
            (first, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}, body, False)]
        spoken = javascript([case[:3] for case in cases])
        must(len(spoken) == len(cases), "node speaks of all", spoken)
        for n, ((secret, headers, body, good), in_node) in enumerate(zip(cases, spoken)):
            wanted = list(LIBRARIES) if good else []
            must(python(secret, headers, body) == wanted, f"case {n} in Python", python(secret, headers, body))
            must(in_node == wanted, f"case {n} in JavaScript", in_node)
        print(f"webhooks: {len(cases)} messages by four libraries")
    finally:
        server.stop()
        hook.shutdown()
    finish()


if __name__ == "__main__":
    main()
