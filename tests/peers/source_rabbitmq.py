"""A source that is read from a quorum queue of RabbitMQ: the same events twice, the broker and the server killed in the
middle, poison in between, queues that lose messages refused, a connection that falls silent. The ledger is that of the same
events by HTTP. Arguments as in sources.py."""

import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pika  # noqa: E402
from lib import inlets, topics  # noqa: E402
from lib.rabbitmq import SCRIPT, Broker, channel  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

COUNT = 10_000
EVENTS = list(range(COUNT))
QUORUM, DEAD = {"x-queue-type": "quorum"}, {"x-dead-letter-exchange": "dead"}


def patiently(work):
    """After a start the queues are there a little later."""
    def look():
        try:
            work()
            return True
        except pika.exceptions.AMQPError:
            return False
    return topics.wait_for("RabbitMQ does it", look, 120)


def publish(broker, numbers, extra=()):
    """In three forms; each is confirmed when this is done."""
    def work():
        connection, to = channel(broker.port)
        to.confirm_delivery()
        def one(body, **properties):
            to.basic_publish("", "orders", body, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True)
        for no in numbers:
            if no % 3 == 0:
                headers, body = inlets.binary(no, "cloudEvents:")
                one(body, headers=headers, content_type="application/json", message_id=f"m{no}")
            else:
                one(inlets.structured(no), content_type="application/cloudevents+json" if no % 3 == 1 else None)
        for body in extra:
            one(body, message_id="odd")
        connection.close()
    # What was confirmed before it failed is sent again.
    patiently(work)


def declare(broker):
    connection, admin = channel(broker.port)
    admin.exchange_declare("dead", "fanout", durable=True)
    admin.queue_declare("dead", durable=True, arguments=QUORUM)
    admin.queue_bind("dead", "dead")
    admin.queue_declare("orders", durable=True, arguments=QUORUM | DEAD | {"x-delivery-limit": 20})
    admin.queue_declare("silent", durable=True, arguments=QUORUM | DEAD)
    admin.queue_declare("bare", durable=True, arguments=QUORUM)
    admin.queue_declare("lost", durable=True, arguments=QUORUM | {"x-dead-letter-exchange": "nowhere"})
    admin.queue_declare("classic", durable=True, arguments=DEAD | {"x-max-length": 1000})
    connection.close()


def refused(broker):
    """Queues that would lose messages are refused, and it is said why."""
    settings, secrets = "", {"PEERS_GUEST": "guest"}
    for name, more in [("bare", ""), ("lost", ""), ("gone", ""), ("classic", ""), ("by_policy", 'dead_letter = "policy"\n')]:
        queue = "bare" if name == "by_policy" else name
        settings += f'[sources.{name}]\nfrom = "amqp://guest@127.0.0.1:{broker.port}/?queue={queue}"\npassword = "env:PEERS_GUEST"\n{more}'
    server = Server(settings=settings, secrets=secrets)
    try:
        for name, why in [("bare", "made without `x-dead-letter-exchange`"), ("lost", "exchange nowhere of the queue lost does not exist"), ("gone", "no queue gone")]:
            topics.wait_for(f"{name} is refused, and it is said why", lambda: why in (inlets.source(server, name)["said"] or ""))
        inlets.is_read(server, "by_policy")
        inlets.is_read(server, "classic")
        warning = inlets.source(server, "classic")["warning"]
        must(warning and "no quorum queue" in warning, "a classic queue is warned of", warning)
    finally:
        server.stop()


def main():
    if not pathlib.Path(SCRIPT).exists():
        topics.not_tested("RabbitMQ as a source: `apt-get install --no-install-recommends rabbitmq-server`")
    folder = tempfile.TemporaryDirectory(prefix="fealty-rabbitmq-")
    broker = Broker(folder.name)
    servers = []
    try:
        patiently(lambda: declare(broker))
        refused(broker)
        settings = '[sources.orders]\nfrom = "amqp://guest@127.0.0.1:%d/?queue=%s"\npassword = "env:PEERS_GUEST"\n'
        server = Server(settings=settings % (broker.port, "orders"), secrets={"PEERS_GUEST": "guest"})
        servers.append(server)
        inlets.is_read(server, "orders")
        half = COUNT // 2
        publish(broker, EVENTS[:half], inlets.POISON[:2])
        broker.kill()
        broker.start()
        publish(broker, EVENTS[: half // 2])
        server.kill()
        publish(broker, EVENTS[half:], inlets.POISON[2:])
        server.start()
        publish(broker, EVENTS[::3])
        inlets.has_all(server, EVENTS)
        def is_empty():
            connection, admin = channel(broker.port)
            left = admin.queue_declare("orders", passive=True).method.message_count
            connection.close()
            return left == 0
        topics.wait_for("the queue is empty", is_empty)
        inlets.set_aside("RabbitMQ", server, "orders", inlets.POISON, broker="rabbitmq", message="odd")
        topics.wait_for("nothing waits", lambda: inlets.metric(server, "source_lag", "orders") == 0)
        inlets.same("RabbitMQ", server, EVENTS)
        inlets.ends_soundly("RabbitMQ", server)
        connection, admin = channel(broker.port)
        must(admin.queue_declare("dead", passive=True).method.message_count == 0, "nothing was given up")
        must(admin.queue_declare("orders", passive=True).method.message_count == 0, "nothing is left")
        connection.close()

        # A connection that is open and brings nothing.
        hole = inlets.Hole(broker.port)
        server = Server(settings=settings % (hole.port, "silent"), secrets={"PEERS_GUEST": "guest"})
        servers.append(server)
        inlets.is_read(server, "orders")
        hole.swallow()
        connection, admin = channel(broker.port)
        for no in range(5):
            admin.basic_publish("", "silent", inlets.structured(no))
        connection.close()
        inlets.has_all(server, range(5), 30)
        must(inlets.source(server, "orders")["reconnects"] > 0, "it is connected anew")
        inlets.ends_soundly("RabbitMQ", server)
    finally:
        for server in servers:
            server.kill()
        broker.stop()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    main()
