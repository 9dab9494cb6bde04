"""A source that is read from a topic of Kafka, on the cluster that librdkafka has for tests: the same events twice, the server
killed in the middle, poison in between. The ledger is that of the same events by HTTP. Arguments as in sources.py."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib import inlets, topics  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

COUNT = 10_000
EVENTS = list(range(COUNT))


def main():
    try:
        import confluent_kafka
    except ImportError:
        topics.not_tested("Kafka as a source: PyPI's confluent-kafka")
    # Its brokers live in this process, and are open to others.
    cluster = confluent_kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": "3", "acks": "all", "linger.ms": 5})
    hosts = ",".join(f"{broker.host}:{broker.port}" for broker in cluster.list_topics(timeout=30).brokers.values())

    def publish(numbers, extra=()):
        failed = []
        def said(error, _):
            if error:
                failed.append(error)
        for no in numbers:
            if no % 3 == 0:
                headers, body = inlets.binary(no, "ce_")
                headers["content-type"] = "application/json"
            else:
                headers, body = {"content-type": "application/cloudevents+json"} if no % 3 == 1 else {}, inlets.structured(no)
            cluster.produce("orders", body, key=str(no % inlets.MEMBERS), headers=list(headers.items()), on_delivery=said)
            cluster.poll(0)
        for body in extra:
            cluster.produce("orders", body, on_delivery=said)
        must(cluster.flush(60) == 0 and not failed, "it is confirmed", failed[:3])

    publish(EVENTS[:10])
    settings = f'[sources.orders]\nfrom = "kafka://{hosts}/orders?group=shop"\n'
    try:
        server = Server(settings=settings)
    except SystemExit as ended:
        if "--features kafka" in str(ended):
            topics.not_tested("Kafka as a source: the server was built without `kafka`")
        raise
    try:
        half = COUNT // 2
        publish(EVENTS[:half], inlets.POISON[:2])
        inlets.has_all(server, EVENTS[: half // 10], 120)
        server.kill()
        publish(EVENTS[half:], inlets.POISON[2:])
        server.start()
        publish(EVENTS[::3])
        inlets.has_all(server, EVENTS, 240)
        topics.wait_for("all is stored as read", lambda: inlets.metric(server, "source_lag", "orders") == 0, 60)
        inlets.set_aside("Kafka", server, "orders", inlets.POISON, broker="kafka")
        inlets.same("Kafka", server, EVENTS)
        inlets.ends_soundly("Kafka", server)
    finally:
        server.kill()
    finish()


if __name__ == "__main__":
    main()
