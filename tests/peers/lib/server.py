"""A running server for the peers: ours, started in a temporary folder, or another's. And what must hold of it."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from lib.wire import send

URL = "https://loyalty.example.com/v1/sources/tills"
SHOP = "bean-there.myshopify.com"
STANDARD = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SETTINGS = f"""
[sources.shop]
kind = "shopify"
secrets = ["env:PEERS_SHOPIFY_NEW", "env:PEERS_SHOPIFY"]
shop = "{SHOP}"
[sources.payments]
kind = "stripe"
secrets = ["env:PEERS_STRIPE"]
[sources.wc]
kind = "woocommerce"
secrets = ["env:PEERS_WC"]
order_prefix = "wc-"
[sources.tills]
kind = "square"
secrets = ["env:PEERS_SQUARE"]
url = "{URL}"
[sources.any]
kind = "standard"
secrets = ["env:PEERS_STANDARD"]
[delivery]
allow_networks = ["127.0.0.0/8"]
"""
SECRETS = {"PEERS_SHOPIFY": "shpss_peers_0123456789", "PEERS_SHOPIFY_NEW": "shpss_peers_newer", "PEERS_STRIPE": "whsec_peers_0123456789",
    "PEERS_WC": "wc_peers_secret", "PEERS_SQUARE": "square-peers-key", "PEERS_STANDARD": STANDARD}
PROGRAM = """
program = { id = "peers", currency = "EUR", timezone = "Europe/Berlin" }
regions.euro = { currency = "EUR" }
regions.dollar = { currency = "USD" }
regions.pound = { currency = "GBP" }
regions.yen = { currency = "JPY" }
wallets.points = { }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
events."review.posted" = { stars = "number" }
rules.review = { on = "review.posted", earn.points = 'review.stars' }
"""

failures = []


def arguments(about):
    """The server that the command line names."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a server that runs with SETTINGS and PROGRAM of lib/server.py")
    parser.add_argument("--key", help="an API key of it")
    given = parser.parse_args()
    return Server(given.url, given.key)


def finish():
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


def must(good, what, seen=""):
    if not good:
        failures.append(what)
        print(f"FAIL {what} {seen}")


class Server:
    """A running server, ours or another's."""

    def __init__(self, url=None, key=None, settings="", secrets=None, program=PROGRAM, database=None):
        self.child = None
        self.key = key
        if url:
            self.address = urllib.parse.urlsplit(url).netloc
            return
        self.folder = tempfile.TemporaryDirectory(prefix="fealty-peers-")
        folder = pathlib.Path(self.folder.name)
        (folder / "program.toml").write_text(program)
        (folder / "settings.toml").write_text(SETTINGS + settings)
        # Where the data are: in a folder, unless it is said.
        self.place = ["--database", database] if database else ["--data", "data"]
        self.key = "fk_peers_owner_key_000000000000000000000000"
        self.environment = {**os.environ, **SECRETS, **(secrets or {}), "FEALTY_API_KEY": self.key}
        self.start()

    def start(self):
        """On the same data, if it was there before."""
        folder = pathlib.Path(self.folder.name)
        arguments = [os.environ["FEALTY"], "serve", "--program", "program.toml", "--settings", "settings.toml", *self.place,
            "--listen", "127.0.0.1:0"]
        self.child = subprocess.Popen(arguments, cwd=folder, env=self.environment, stdout=subprocess.PIPE, stderr=open(folder / "log", "a"))
        for line in self.child.stdout:
            if b"http://127.0.0.1:" in line:
                self.address = line.split(b"http://")[1].split()[0].split(b"/")[0].decode().rstrip(".,")
                break
        else:
            sys.exit("the server did not start: " + (folder / "log").read_text())

    def kill(self):
        """As a power cut would."""
        self.child.kill()
        self.child.wait(30)

    def run(self, *arguments):
        """Another command on the same data: its exit code and what it said."""
        done = subprocess.run([os.environ["FEALTY"], *arguments, *self.place], cwd=self.folder.name, capture_output=True)
        return done.returncode, (done.stdout + done.stderr).decode()

    def get(self, path):
        request = urllib.request.Request(f"http://{self.address}{path}", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def events(self, headers, body):
        """Posts to /v1/events with the key."""
        headers = [(name, value.encode()) for name, value in headers.items()]
        return send(self.address, "/v1/events", [("Authorization", f"Bearer {self.key}".encode()), *headers], body)

    def post(self, source, request):
        return send(self.address, f"/v1/sources/{source}", request.headers, request.body, request.trailer)

    def api(self, path, body):
        """Posts JSON to our own API."""
        headers = [("Authorization", f"Bearer {self.key}".encode()), ("Content-Type", b"application/json")]
        return send(self.address, path, headers, json.dumps(body).encode())

    def counts(self):
        """Webhooks by source and result, from the metrics."""
        lines = [line for line in self.get("/metrics").splitlines() if "webhooks_total{" in line]
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    def points(self, identity):
        member = json.loads(self.get("/v1/members/" + urllib.parse.quote(identity, safe="")))
        return member["wallets"]["points"]["available"]

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(30)
            self.folder.cleanup()
