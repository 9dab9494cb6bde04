"""A topic of NATS as its own Python client reads it, on a real server that is killed and started again: nothing is
lost, nothing is told under two ids, each member's changes in order. Arguments as in sources.py."""

import asyncio
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import nats  # noqa: E402
from lib import topics  # noqa: E402
from lib.server import arguments, finish, must  # noqa: E402

CONFIG = """
listen: "127.0.0.1:%d"
authorization { users = [ { user: shop, password: "p@ss/1" } ] }
jetstream { store_dir: "%s", sync_interval: always }
"""
SUBJECT = "shop.loyalty"


async def jetstream(port, work):
    client = await nats.connect(f"nats://127.0.0.1:{port}", user="shop", password="p@ss/1")
    try:
        return await work(client.jetstream())
    finally:
        await client.close()


async def make(js):
    await js.add_stream(name="LOYALTY", subjects=[f"{SUBJECT}.>"])


async def read(js):
    """All messages of the stream."""
    info = await js.stream_info("LOYALTY")
    reader = await js.pull_subscribe("", stream="LOYALTY")
    got = []
    while len(got) < info.state.messages:
        for one in await reader.fetch(min(500, info.state.messages - len(got)), timeout=10):
            await one.ack()
            got.append(one)
    return got


def main():
    server = arguments(__doc__)
    folder = tempfile.TemporaryDirectory(prefix="fealty-nats-")
    port = topics.free_port()
    config = pathlib.Path(folder.name) / "nats.conf"
    config.write_text(CONFIG % (port, pathlib.Path(folder.name) / "store"))
    broker = topics.Process([str(pathlib.Path(sys.executable).with_name("nats-server")), "-c", str(config)], port, folder.name)
    try:
        url = f"nats://shop:p%40ss%2F1@127.0.0.1:{port}/{SUBJECT}.{{type}}"
        code, made = server.api("/v1/endpoints", {"url": url, "after": "start"})
        must(code == 201 and made["url"] == url.replace("p%40ss%2F1", "***"), "it is made, its password hidden", made)
        must(made["secrets"] == 0 and "secret" not in made, "nothing signs it", made)
        name = made["id"]
        topics.pay(server, 0, 40)
        topics.fails(server, name, "no stream listens to the subject shop.loyalty.")
        asyncio.run(jetstream(port, make))
        topics.wait_for("it is told again", lambda: not topics.endpoint(server, name)["failing_since"])
        code, tested = server.api(f"/v1/endpoints/{name}/test", {})
        must(tested == {"taken": True, "status": None, "said": "confirmed"}, "a test message", tested)
        for round in range(3):
            topics.pay(server, 1000 * round + 100, 300)
            broker.kill()
            topics.pay(server, 1000 * round + 500, 100)
            if round == 0:
                topics.fails(server, name, "refused", "broke")
            broker.start()
        # Changed, it goes on with the password that it had.
        topics.send_patch(server, name, {"url": made["url"], "description": "till"})
        end = topics.feed(server)[-1]["cursor"]
        def is_there():
            got = asyncio.run(jetstream(port, read))
            return got if any(one.headers["Nats-Msg-Id"] == end for one in got) else None
        got = topics.wait_for("the last change comes", is_there) or []
        topics.same("NATS", server, [(one.headers["Nats-Msg-Id"], one.data.decode()) for one in got])
        for one in got:
            heads = one.headers
            good = heads["ce-id"] == heads["Nats-Msg-Id"] and one.subject == f"{SUBJECT}.{heads['ce-type']}" and heads["ce-source"] == "fealty"
            must(good and heads["ce-specversion"] == "1.0" and heads["content-type"] == "application/json", "CloudEvents", heads)
        ids = [one.headers["Nats-Msg-Id"] for one in got]
        must(len(set(ids)) == len(ids), "the broker drops what it has", f"{len(ids)} {len(set(ids))}")
    finally:
        server.stop()
        broker.kill()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    main()
