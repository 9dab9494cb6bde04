"""A source that is read from a JetStream cluster of three nodes: the same events twice, a node and the server killed in the
middle, poison in between, a connection that falls silent. The ledger is that of the same events by HTTP. Arguments as in
sources.py."""

import asyncio
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import nats  # noqa: E402
from lib import inlets, topics  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

CONFIG = """
server_name: "n%d"
listen: "127.0.0.1:%d"
authorization { users = [ { user: shop, password: "p@ss/1" } ] }
jetstream { store_dir: "%s", sync_interval: always }
cluster { name: fealty, listen: "127.0.0.1:%d", routes: [%s] }
"""
COUNT = 10_000
EVENTS = list(range(COUNT))


class Cluster:
    """Three nodes on this machine."""

    def __init__(self, folder):
        clients, routes = [topics.free_port() for _ in range(3)], [topics.free_port() for _ in range(3)]
        peers = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.nodes = []
        for no, (client, route) in enumerate(zip(clients, routes)):
            home = pathlib.Path(folder) / f"n{no}"
            home.mkdir()
            (home / "nats.conf").write_text(CONFIG % (no, client, home / "store", route, peers))
            binary = str(pathlib.Path(sys.executable).with_name("nats-server"))
            self.nodes.append(topics.Process([binary, "-c", str(home / "nats.conf")], client, str(home)))

    def hosts(self):
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def work(self, work):
        """With a client of another make."""
        async def run():
            servers = [f"nats://127.0.0.1:{node.port}" for node in self.nodes]
            client = await nats.connect(servers, user="shop", password="p@ss/1", error_cb=quiet, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
            try:
                return await work(client.jetstream(timeout=10))
            finally:
                await client.close()
        return asyncio.run(run())


async def quiet(_):
    pass


async def make(js):
    """While the cluster elects, it is asked again."""
    for _ in range(100):
        try:
            return await js.add_stream(name="ORDERS", subjects=["orders.>"], num_replicas=3)
        except (nats.errors.Error, asyncio.TimeoutError):
            await asyncio.sleep(0.2)
    must(False, "the stream can be made")


def publish(numbers, extra=()):
    """In three forms; each is there when this is done."""
    async def work(js):
        async def one(subject, body, headers=None):
            for _ in range(200):
                try:
                    return await js.publish(subject, body, headers=headers)
                except (nats.errors.Error, asyncio.TimeoutError):
                    await asyncio.sleep(0.1)
            must(False, "it can be published")
        for begin in range(0, len(numbers), 100):
            tasks = []
            for no in numbers[begin : begin + 100]:
                if no % 3 == 0:
                    headers, body = inlets.binary(no, "ce-")
                    tasks.append(one("orders.binary", body, headers | {"content-type": "application/json"}))
                else:
                    tasks.append(one("orders.whole", inlets.structured(no), {"content-type": "application/cloudevents+json"} if no % 3 == 1 else None))
            await asyncio.gather(*tasks)
        for body in extra:
            await one("orders.odd", body)
    return work


async def leader(js):
    info = await js.stream_info("ORDERS")
    return int(info.cluster.leader[1:])


async def is_done(js):
    try:
        info = await js.consumer_info("ORDERS", "fealty")
    except (nats.errors.Error, asyncio.TimeoutError):
        return False
    return info.num_pending == 0 and info.num_ack_pending == 0


def refused(cluster):
    """Consumers by which messages could be lost are refused, and it is said why."""
    async def make_bad(js):
        for name, config in [("gives_up", {"ack_policy": "explicit", "max_deliver": 3}), ("all", {"ack_policy": "none"})]:
            await js.add_consumer("ORDERS", durable_name=name, **config)
    cluster.work(make_bad)
    settings = "".join(f'[sources.{name}]\nfrom = "env:PEERS_{name.upper()}"\n' for name in ["gives_up", "all", "none"])
    url = f"nats://shop:p%40ss%2F1@{cluster.hosts()}"
    server = Server(settings=settings, secrets={"PEERS_GIVES_UP": f"{url}/ORDERS/gives_up", "PEERS_ALL": f"{url}/ORDERS/all", "PEERS_NONE": f"{url}/NONE/fealty"})
    try:
        for name, why in [("gives_up", "max_deliver"), ("all", "ack policy"), ("none", "stream NONE")]:
            # A young cluster may first be slow to answer, which is said too.
            topics.wait_for(f"{name} is refused, and it is said why", lambda: why in (inlets.source(server, name)["said"] or ""))
        told = inlets.source(server, "all")["from"]
        must("shop:***@" in told and "p%40ss" not in told, "the password is hidden", told)
    finally:
        server.stop()


def main():
    folder = tempfile.TemporaryDirectory(prefix="fealty-nats-")
    cluster = Cluster(folder.name)
    servers = []
    try:
        cluster.work(make)
        refused(cluster)
        hole = inlets.Hole(cluster.nodes[0].port)
        settings = f'[sources.orders]\nfrom = "nats://shop@{cluster.hosts()}/ORDERS/fealty"\npassword = "env:PEERS_NATS"\n'
        server = Server(settings=settings, secrets={"PEERS_NATS": "p@ss/1"})
        servers.append(server)
        inlets.is_read(server, "orders")
        half = COUNT // 2
        cluster.work(publish(EVENTS[:half], inlets.POISON[:2]))
        # The leader dies while there is much to read, and the server after it; everything is sent again meanwhile.
        first = cluster.work(leader)
        cluster.nodes[first].kill()
        cluster.work(publish(EVENTS[: half // 2]))
        server.kill()
        cluster.work(publish(EVENTS[half:], inlets.POISON[2:]))
        server.start()
        cluster.nodes[first].start()
        cluster.work(publish(EVENTS[::3]))
        inlets.has_all(server, EVENTS)
        topics.wait_for("all is acknowledged", lambda: cluster.work(is_done))
        inlets.set_aside("NATS", server, "orders", inlets.POISON, broker="nats", **{"from": f"nats://***@{cluster.hosts()}/ORDERS/fealty"})
        told = inlets.source(server, "orders")
        must(told["messages"] > 0 and told["quarantined"] <= len(inlets.POISON), "it is counted", told)
        topics.wait_for("nothing waits", lambda: inlets.metric(server, "source_lag", "orders") == 0)
        must(inlets.metric(server, "source_connected", "orders") == 1, "it is read")
        inlets.same("NATS", server, EVENTS)
        inlets.ends_soundly("NATS", server)

        # A connection that is open and brings nothing.
        settings = f'[sources.orders]\nfrom = "nats://shop@127.0.0.1:{hole.port}/ORDERS/silent?subject=orders.silent"\npassword = "env:PEERS_NATS"\n'
        server = Server(settings=settings, secrets={"PEERS_NATS": "p@ss/1"})
        servers.append(server)
        inlets.is_read(server, "orders")
        hole.swallow()
        async def silent(js):
            for no in range(5):
                await js.publish("orders.silent", inlets.structured(no))
        cluster.work(silent)
        inlets.has_all(server, range(5), 45)
        must(inlets.source(server, "orders")["reconnects"] > 0, "it is connected anew")
        inlets.ends_soundly("NATS", server)
    finally:
        for server in servers:
            server.kill()
        for node in cluster.nodes:
            node.kill()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    main()
