"""A topic of RabbitMQ as pika reads it, on a real server that is killed and started again: what no queue takes is an
error and not lost, each member's changes in order. Arguments as in sources.py."""

import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pika  # noqa: E402
from lib import topics  # noqa: E402
from lib.rabbitmq import SCRIPT, Broker, channel  # noqa: E402
from lib.server import arguments, finish, must  # noqa: E402

EXCHANGE, QUEUE = "loyalty", "mailer"


def read(port, into):
    """What is there, added to what was read before. After a start the queue is there a little later."""
    try:
        connection, queue = channel(port)
        while True:
            method, properties, body = queue.basic_get(QUEUE)
            if method is None:
                connection.close()
                return into
            into.append((properties, method.routing_key, body.decode()))
            queue.basic_ack(method.delivery_tag)
    except pika.exceptions.AMQPError:
        return into


def main():
    if not pathlib.Path(SCRIPT).exists():
        topics.not_tested("RabbitMQ: `apt-get install --no-install-recommends rabbitmq-server`")
    folder = tempfile.TemporaryDirectory(prefix="fealty-rabbitmq-")
    broker = Broker(folder.name)
    server = arguments(__doc__)
    try:
        connection, admin = channel(broker.port)
        admin.exchange_declare(EXCHANGE, "topic", durable=True)
        url = f"amqp://guest:guest@127.0.0.1:{broker.port}/?exchange={EXCHANGE}&routing_key=fealty.{{type}}"
        code, made = server.api("/v1/endpoints", {"url": url, "after": "start"})
        must(code == 201 and made["url"] == url.replace("guest:guest", "guest:***"), "it is made, its password hidden", made)
        name, got = made["id"], []
        topics.pay(server, 0, 40)
        topics.fails(server, name, "no queue of loyalty takes the routing key `fealty.")
        # Those before one that no queue takes are sent once, and it is the one that is named.
        told = topics.feed(server)
        culprit = next(no for no, change in enumerate(told) if change["type"] != told[0]["type"])
        admin.queue_declare(QUEUE, durable=True)
        admin.queue_bind(QUEUE, EXCHANGE, f"fealty.{told[0]['type']}")
        def named():
            page = json.loads(server.get(f"/v1/endpoints/{name}/attempts"))["attempts"]
            return sum(told[culprit]["cursor"] in one["change"] for one in page) >= 3
        topics.wait_for("what no queue takes is named, three times", named)
        once = [one.message_id for one, _, _ in read(broker.port, got)]
        must(once == [change["cursor"] for change in told[:culprit]], "those before it are sent once", once)
        admin.queue_bind(QUEUE, EXCHANGE, "fealty.#")
        connection.close()
        topics.wait_for("it is told again", lambda: not topics.endpoint(server, name)["failing_since"])
        code, tested = server.api(f"/v1/endpoints/{name}/test", {})
        must(tested == {"taken": True, "status": None, "said": "confirmed"}, "a test message", tested)
        topics.pay(server, 100, 300)
        broker.kill()
        topics.pay(server, 500, 100)
        topics.wait_for("the endpoint fails", lambda: topics.endpoint(server, name)["failing_since"])
        broker.start()
        end = topics.feed(server)[-1]["cursor"]
        topics.wait_for("the last change comes", lambda: any(one.message_id == end for one, _, _ in read(broker.port, got)), 120)
        topics.same("RabbitMQ", server, [(one.message_id, body) for one, _, body in got])
        for one, key, _ in got:
            heads = one.headers
            good = heads["cloudEvents:id"] == one.message_id and key == f"fealty.{one.type}" and heads["cloudEvents:type"] == one.type
            must(good and one.delivery_mode == 2 and one.content_type == "application/json", "CloudEvents", one)
    finally:
        server.stop()
        broker.stop()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    main()
