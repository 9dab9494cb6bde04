"""How long a publisher waits for the broker's confirmation while Fealty, which reads from it, has nothing to do, is saturated,
and is stopped. NATS writes each message to the disk before it confirms it. Broker and publisher have one core, Fealty and who
saturates it the other: else they would share time, which says nothing of either. `FEALTY` is a release build with `nats`.

    python confirm.py [messages]
"""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "peers"))

import nats  # noqa: E402
from lib import inlets, topics  # noqa: E402
from lib.server import Server  # noqa: E402

CONFIG = 'listen: "127.0.0.1:%d"\njetstream { store_dir: "%s", sync_interval: always }\n'
CORES = sorted(os.sched_getaffinity(0))


async def publish(port, count, begin):
    """One by one, 2 ms apart: the seconds that each waited."""
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    js, waits = client.jetstream(), []
    for no in range(begin, begin + count):
        body = inlets.structured(no)
        started = time.perf_counter()
        await js.publish("orders.paid", body)
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.002)
    await client.close()
    return sorted(waits)


def saturate(server, until):
    """Batches by HTTP, from several at once, as fast as they are answered."""
    def flood(of):
        no = 10_000_000 * (of + 1)
        while not until.is_set():
            batch = json.dumps([inlets.event(no + n) for n in range(1000)]).encode()
            server.events({"Content-Type": "application/cloudevents-batch+json"}, batch)
            no += 1000
    threads = [threading.Thread(target=flood, args=(of,)) for of in range(4)]
    for thread in threads:
        thread.start()
    return threads


def row(name, waits):
    at = lambda share: 1000 * waits[min(len(waits) - 1, int(share * len(waits)))]  # noqa: E731
    print(f"{name:32} {at(0.5):8.2f} {at(0.95):8.2f} {at(0.99):8.2f} {1000 * waits[-1]:8.2f}")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    folder = tempfile.TemporaryDirectory(prefix="fealty-confirm-")
    port = topics.free_port()
    config = pathlib.Path(folder.name) / "nats.conf"
    config.write_text(CONFIG % (port, pathlib.Path(folder.name) / "store"))
    os.sched_setaffinity(0, {CORES[0]})
    broker = topics.Process([str(pathlib.Path(sys.executable).with_name("nats-server")), "-c", str(config)], port, folder.name)
    async def make():
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await client.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
        await client.close()
    asyncio.run(make())
    os.sched_setaffinity(0, {CORES[-1]})
    server = Server(settings=f'[sources.orders]\nfrom = "nats://127.0.0.1:{port}/ORDERS/fealty"\n')
    os.sched_setaffinity(0, {CORES[0]})
    try:
        inlets.is_read(server, "orders")
        print(f"{count} messages, one by one, milliseconds  p50      p95      p99      max")
        row("Fealty has nothing to do", asyncio.run(publish(port, count, 0)))
        # Who saturates it runs beside it.
        os.sched_setaffinity(0, {CORES[-1]})
        flood = subprocess.Popen([sys.executable, __file__, "--flood", server.address, server.key])
        os.sched_setaffinity(0, {CORES[0]})
        waiting = lambda: any(line.startswith("fealty_queue_depth") and float(line.split()[1]) > 1000 for line in server.get("/metrics").splitlines())  # noqa: E731
        topics.wait_for("it is saturated", waiting)
        row("Fealty is saturated", asyncio.run(publish(port, count, count)))
        flood.terminate()
        flood.wait()
        server.child.send_signal(signal.SIGSTOP)
        row("Fealty stands still", asyncio.run(publish(port, count, 2 * count)))
        server.child.send_signal(signal.SIGCONT)
        inlets.has_all(server, range(3 * count), 300)
    finally:
        server.kill()
        broker.kill()
        folder.cleanup()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        saturate(Server(f"http://{sys.argv[2]}", sys.argv[3]), threading.Event())
    else:
        main()
