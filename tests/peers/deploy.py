"""The files of deploy/: checked by the tools of those who read them, and every panel of the dashboard has data when a real
Prometheus scrapes a real server that has been through a little of everything."""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import nats  # noqa: E402
from lib import inlets, topics  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

DEPLOY = HERE.parent.parent / "deploy"
VENV = pathlib.Path(sys.executable).parent
KUBERNETES = ["1.30", "1.36"]
PROMETHEUS = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["%s/prometheus/alerts.yml"]
scrape_configs:
  - job_name: fealty
    static_configs: [{targets: ["%s"]}]
"""


def tool(what, *command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    must(done.returncode == 0, what, done.stdout + done.stderr)
    return done.stdout + done.stderr


def shapes():
    """Compose, Kubernetes, container, units, each by a tool that knows its form."""
    tool("compose.yaml is as its schema says", VENV / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    for version in KUBERNETES:
        tool(f"Kubernetes {version}", VENV / "kubernetes-validate", "--strict", "-k", version, *sorted((DEPLOY / "kubernetes").glob("*.yaml")))
    # Versions of Debian's packages are not pinned: an old one is taken off the mirrors.
    tool("Containerfile", VENV / "hadolint", "--no-color", "--ignore", "DL3008", DEPLOY / "Containerfile")
    if not shutil.which("systemd-analyze"):
        return print("systemd-analyze is not here: the units are not checked")
    with tempfile.TemporaryDirectory(prefix="fealty-units-") as folder:
        for unit in (DEPLOY / "systemd").iterdir():
            (pathlib.Path(folder) / unit.name).write_text(unit.read_text().replace("/usr/local/bin/fealty", os.environ["FEALTY"]))
        units = sorted(pathlib.Path(folder).iterdir())
        said = tool("units", "systemd-analyze", "verify", "--man=no", *units)
        must(not said, "systemd has nothing to say of the units", said)
        for unit in units:
            if unit.suffix == ".service":
                tool(f"{unit.name} has few rights", "systemd-analyze", "security", "--offline=yes", "--threshold=25", unit)


def prometheus():
    """Debian's, unpacked beside the other peers, or one that is installed."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        return pathlib.Path(shutil.which("prometheus")).parent
    folder = VENV.parent.parent / "prometheus"
    if not (folder / "usr/bin/prometheus").exists():
        if not shutil.which("apt-get"):
            topics.not_tested("alerts and dashboard: there is no prometheus, and no apt-get to get it")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
        got = subprocess.run(["apt-get", "download", "-qq", "prometheus"], cwd=folder, capture_output=True)
        packages = list(folder.glob("prometheus_*.deb"))
        if got.returncode != 0 or not packages:
            topics.not_tested("alerts and dashboard: Debian's prometheus cannot be had")
        subprocess.run(["dpkg", "-x", str(packages[0]), str(folder)], check=True)
    return folder / "usr/bin"


def rules(binaries):
    tool("prometheus.yml", binaries / "promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")
    tool("alerts fire when they should", binaries / "promtool", "test", "rules", DEPLOY / "prometheus/alerts.test.yml")


def ask(port, path, **query):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]


def panels():
    """(panel, query) as Grafana would ask."""
    dashboard = json.loads((DEPLOY / "grafana/dashboards/fealty.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")


def dashboard(binaries, folder, server, more):
    port = topics.free_port()
    config = folder / "prometheus.yml"
    config.write_text(PROMETHEUS % (DEPLOY, server.address))
    command = [str(binaries / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"]
    peer = topics.Process(command, port, str(folder))
    try:
        def empty():
            """A rate needs some scrapes with something between them."""
            more()
            return [one for one in panels() if not ask(port, "query", query=one[1])["result"]]
        topics.wait_for("every panel has data", lambda: not empty(), seconds=60)
        must(not empty(), "every panel has data", empty())
        for group in ask(port, "rules")["groups"]:
            for rule in group["rules"]:
                must(rule["health"] == "ok", f"{rule['name']} can be asked", rule)
    finally:
        peer.kill()


def main():
    shapes()
    binaries = prometheus()
    rules(binaries)
    with tempfile.TemporaryDirectory(prefix="fealty-deploy-") as folder:
        folder = pathlib.Path(folder)
        port = topics.free_port()
        broker = topics.Process([str(VENV / "nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "js")], port, str(folder))
        numbers = iter(range(1_000_000))

        async def publish():
            client = await nats.connect(f"nats://127.0.0.1:{port}")
            await client.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
            await client.jetstream().publish("orders.paid", inlets.structured(next(numbers)))
            await client.close()

        server = None
        try:
            asyncio.run(publish())
            server = Server(settings=f'[sources.orders]\nfrom = "nats://127.0.0.1:{port}/ORDERS/fealty"\n')

            def more():
                """Events by HTTP and from the broker, a webhook that nobody signed."""
                server.events({"Content-Type": "application/cloudevents+json"}, inlets.structured(next(numbers)))
                server.api("/v1/sources/payments", {})
                asyncio.run(publish())

            server.api("/v1/endpoints", {"url": f"http://127.0.0.1:{topics.free_port()}/nobody"})
            dashboard(binaries, folder, server, more)
        finally:
            broker.kill()
            if server:
                server.stop()
    finish()


main()
