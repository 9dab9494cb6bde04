"""A source that is read from a queue of SQS, and one behind a topic of SNS in its envelope, on the moto server: the same
events twice, the server killed in the middle, poison in between. The ledger is that of the same events by HTTP. Arguments as
in sources.py."""

import json
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import boto3  # noqa: E402
from lib import inlets, moto, topics  # noqa: E402
from lib.server import Server, finish, must  # noqa: E402

REGION = "eu-west-1"
# Moto needs a tenth of a second for each ten, and the longer the more there are.
COUNT = 1_200
PART = 300
EVENTS = list(range(COUNT))
# SQS takes no bytes that are no text.
POISON = inlets.POISON[:3]


def attributes(headers):
    return {name: {"DataType": "String", "StringValue": value} for name, value in headers.items()}


def publish(sqs, url, numbers, extra=()):
    """In three forms."""
    entries = []
    for no in numbers:
        if no % 3 == 0:
            headers, body = inlets.binary(no, "ce-")
            entries.append({"MessageBody": body.decode(), "MessageAttributes": attributes(headers)})
        else:
            kind = {"content-type": "application/cloudevents+json"} if no % 3 == 1 else {}
            entries.append({"MessageBody": inlets.structured(no).decode(), "MessageAttributes": attributes(kind)})
    entries += [{"MessageBody": body.decode()} for body in extra]
    for begin in range(0, len(entries), 10):
        ten = [entry | {"Id": str(no)} for no, entry in enumerate(entries[begin : begin + 10])]
        said = sqs.send_message_batch(QueueUrl=url, Entries=ten)
        must(not said.get("Failed"), "it is sent", said)


def left(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def main():
    must(moto.loses(), "moto loses messages; if it no longer does, its lock can go")
    folder = tempfile.TemporaryDirectory(prefix="fealty-moto-")
    aws = moto.start(folder.name)
    port = aws.port
    login = dict(region_name=REGION, aws_access_key_id="AKIDPEERS", aws_secret_access_key="se/cr+et", endpoint_url=f"http://127.0.0.1:{port}")
    sqs, sns = boto3.client("sqs", **login), boto3.client("sns", **login)
    servers = []
    try:
        dead = f"arn:aws:sqs:{REGION}:123456789012:dead"
        sqs.create_queue(QueueName="dead")
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "20"})}
        orders = sqs.create_queue(QueueName="orders", Attributes=redrive)["QueueUrl"]
        behind = sqs.create_queue(QueueName="behind")["QueueUrl"]
        arn = sns.create_topic(Name="shop")["TopicArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:behind")
        settings = "".join(
            f'[sources.{name}]\nfrom = "sqs+http://AKIDPEERS@127.0.0.1:{port}/123456789012/{name}?region={REGION}"\npassword = "env:PEERS_AWS"\n'
            for name in ["orders", "behind", "gone"])
        server = Server(settings=settings, secrets={"PEERS_AWS": "se/cr+et"})
        servers.append(server)
        inlets.is_read(server, "orders")
        def why():
            said = inlets.source(server, "gone")["said"] or ""
            return "NonExistentQueue" in said or "does not exist" in said
        topics.wait_for("of a queue that is not there it is said", why)
        must(inlets.source(server, "orders")["warning"] is None, "a redrive policy", inlets.source(server, "orders"))
        inlets.is_read(server, "behind")
        warning = inlets.source(server, "behind")["warning"]
        must(warning and "no redrive policy" in warning, "no redrive policy is warned of", warning)
        for begin in range(0, COUNT, PART):
            if begin == PART:
                server.kill()
            publish(sqs, orders, EVENTS[begin : begin + PART], POISON if begin == 0 else ())
            publish(sqs, orders, EVENTS[begin : begin + PART : 3])
            if begin == PART:
                server.start()
            topics.wait_for("they are taken", lambda: left(sqs, orders) == 0, 120)
        # Through SNS, in its envelope.
        for no in EVENTS[:50]:
            sns.publish(TopicArn=arn, Message=inlets.structured(no).decode())
        for no in range(COUNT, COUNT + 30):
            headers, body = inlets.binary(no, "ce-")
            sns.publish(TopicArn=arn, Message=body.decode(), MessageAttributes=attributes(headers))
        all = EVENTS + list(range(COUNT, COUNT + 30))
        inlets.has_all(server, all, 240)
        topics.wait_for("the queues are empty", lambda: left(sqs, orders) == 0 and left(sqs, behind) == 0, 120)
        inlets.set_aside("SQS", server, "orders", POISON, broker="sqs")
        inlets.same("SQS", server, all)
        inlets.ends_soundly("SQS", server)
        dead = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
        must(left(sqs, dead) == 0, "nothing was given up")
    finally:
        for server in servers:
            server.kill()
        aws.kill()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    main()
