"""Ways in: brokers of this machine, and HTTP. Each brings lines of NDJSON to servers that know its `settings`. `most`: so many
lines it can carry; `keeps_order`: they come in the order in which they were told; `pause`: seconds between two kills, at most."""

import asyncio
import json
import pathlib
import random
import sys

from lib import moto, topics
from lib.server import must

class Http:
    """One after the other, each until somebody has taken it; so the order is that of the lines."""

    name, settings, secrets, most, keeps_order, pause = "HTTP", "", {}, None, True, 2

    def __init__(self, folder):
        pass

    def publish(self, lines, servers):
        for begin in range(0, len(lines), 50):
            body = f"[{','.join(lines[begin : begin + 50])}]".encode()
            def take():
                try:
                    code, answer = random.choice(servers).events({"Content-Type": "application/cloudevents-batch+json"}, body)
                except (OSError, IndexError):
                    return False
                must(code in (200, 503), "events are taken, or asked for again", answer)
                return code == 200
            topics.wait_for("somebody takes it", take)

    def is_empty(self):
        return True

    def stop(self):
        pass


class Nats:
    name, most, keeps_order, pause = "NATS JetStream", None, False, 2

    def __init__(self, folder):
        import nats

        self.nats, self.port = nats, topics.free_port()
        config = pathlib.Path(folder) / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/nats", sync_interval: always }}\n')
        self.process = topics.Process([str(pathlib.Path(sys.executable).with_name("nats-server")), "-c", str(config)], self.port, folder)
        self.work(lambda js: js.add_stream(name="ORDERS", subjects=["orders"]))
        self.settings = f'[sources.orders]\nfrom = "nats://127.0.0.1:{self.port}/ORDERS/fealty"\n'
        self.secrets = {}

    def work(self, work):
        async def run():
            client = await self.nats.connect(f"nats://127.0.0.1:{self.port}")
            try:
                return await work(client.jetstream(timeout=30))
            finally:
                await client.close()
        return asyncio.run(run())

    def publish(self, lines, _):
        async def all(js):
            for begin in range(0, len(lines), 200):
                await asyncio.gather(*[js.publish("orders", line.encode()) for line in lines[begin : begin + 200]])
        self.work(all)

    def is_empty(self):
        info = self.work(lambda js: js.consumer_info("ORDERS", "fealty"))
        return info.num_pending == 0 and info.num_ack_pending == 0

    def stop(self):
        self.process.kill()


class RabbitMq:
    name, most, keeps_order, pause = "RabbitMQ", None, False, 2

    def __init__(self, folder):
        from lib import rabbitmq

        self.rabbitmq, self.broker = rabbitmq, rabbitmq.Broker(folder)
        topics.wait_for("RabbitMQ does it", self.declare, 120)
        self.settings = f'[sources.orders]\nfrom = "amqp://guest@127.0.0.1:{self.broker.port}/?queue=orders"\npassword = "env:PEERS_GUEST"\n'
        self.secrets = {"PEERS_GUEST": "guest"}

    def declare(self):
        import pika

        try:
            connection, admin = self.rabbitmq.channel(self.broker.port)
        except pika.exceptions.AMQPError:
            return False
        quorum = {"x-queue-type": "quorum"}
        admin.exchange_declare("dead", "fanout", durable=True)
        admin.queue_declare("dead", durable=True, arguments=quorum)
        admin.queue_bind("dead", "dead")
        admin.queue_declare("orders", durable=True, arguments=quorum | {"x-dead-letter-exchange": "dead"})
        connection.close()
        return True

    def publish(self, lines, _):
        connection, to = self.rabbitmq.channel(self.broker.port)
        to.confirm_delivery()
        for line in lines:
            to.basic_publish("", "orders", line.encode(), mandatory=True)
        connection.close()

    def is_empty(self):
        connection, admin = self.rabbitmq.channel(self.broker.port)
        left = admin.queue_declare("orders", passive=True).method.message_count
        dead = admin.queue_declare("dead", passive=True).method.message_count
        connection.close()
        must(dead == 0, "nothing is given up", dead)
        return left == 0

    def stop(self):
        self.broker.stop()


class Sqs:
    # Moto is so slow that who is killed every other second brings nothing to an end.
    name, most, keeps_order, pause = "SQS", 2000, False, 15

    def __init__(self, folder):
        import boto3

        self.process = moto.start(folder)
        port = self.process.port
        login = dict(region_name="eu-west-1", aws_access_key_id="AKIDPEERS", aws_secret_access_key="secret", endpoint_url=f"http://127.0.0.1:{port}")
        self.sqs = boto3.client("sqs", **login)
        self.queue = self.sqs.create_queue(QueueName="orders")["QueueUrl"]
        self.settings = f'[sources.orders]\nfrom = "sqs+http://AKIDPEERS@127.0.0.1:{port}/123456789012/orders?region=eu-west-1"\npassword = "env:PEERS_AWS"\n'
        self.secrets = {"PEERS_AWS": "secret"}

    def publish(self, lines, _):
        for begin in range(0, len(lines), 10):
            ten = [{"Id": str(no), "MessageBody": line} for no, line in enumerate(lines[begin : begin + 10])]
            said = self.sqs.send_message_batch(QueueUrl=self.queue, Entries=ten)
            must(not said.get("Failed"), "it is sent", said)
            # Moto looks at every message whenever it does anything.
            topics.wait_for("some are taken", lambda: self.left("ApproximateNumberOfMessages") < 100, 240)

    def left(self, name):
        return int(self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])["Attributes"][name])

    def is_empty(self):
        return self.left("ApproximateNumberOfMessages") + self.left("ApproximateNumberOfMessagesNotVisible") == 0

    def stop(self):
        self.process.kill()


class Kafka:
    """Its brokers live in this process, and are open to others."""

    name, most, keeps_order, pause = "Kafka", None, False, 2

    def __init__(self, folder):
        import confluent_kafka

        self.cluster = confluent_kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": "3", "acks": "all", "linger.ms": 5})
        hosts = ",".join(f"{broker.host}:{broker.port}" for broker in self.cluster.list_topics(timeout=30).brokers.values())
        # So that the topic is there.
        self.cluster.produce("orders", b"[]")
        must(self.cluster.flush(60) == 0, "the topic is there")
        # It never joins the group, only asks how far that is.
        self.kafka, self.group = confluent_kafka, confluent_kafka.Consumer({"bootstrap.servers": hosts, "group.id": "shop"})
        self.settings = f'[sources.orders]\nfrom = "kafka://{hosts}/orders?group=shop"\n'
        self.secrets = {}

    def publish(self, lines, _):
        failed = []
        for line in lines:
            key = json.loads(line).get("subject", "")
            self.cluster.produce("orders", line.encode(), key=key, on_delivery=lambda error, _: failed.append(error) if error else None)
            self.cluster.poll(0)
        must(self.cluster.flush(60) == 0 and not failed, "it is confirmed", failed[:3])

    def is_empty(self):
        """Everything is acknowledged."""
        partitions = self.group.list_topics("orders", timeout=30).topics["orders"].partitions
        at = self.group.committed([self.kafka.TopicPartition("orders", number) for number in partitions], timeout=30)
        return all(max(one.offset, 0) >= self.group.get_watermark_offsets(one, timeout=30)[1] for one in at)

    def stop(self):
        self.group.close()


ALL = {"http": Http, "nats": Nats, "rabbitmq": RabbitMq, "sqs": Sqs, "kafka": Kafka}
