"""Queues of SQS and topics of SNS as boto3 reads them from the moto server, in order and not; the signature as botocore
computes it. Arguments as in sources.py."""

import hashlib
import http.server
import json
import os
import pathlib
import queue
import re
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import boto3  # noqa: E402
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.credentials  # noqa: E402
from lib import topics  # noqa: E402
from lib.server import arguments, finish, must  # noqa: E402

REGION, KEY, SECRET = "eu-west-1", "AKIDPEERS", "se/cr+et"
LOGIN = "AKIDPEERS:se%2Fcr%2Bet"


class Listener(http.server.BaseHTTPRequestHandler):
    """Takes one request, to look at its signature."""

    got = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Listener.got.put((self.path, dict(self.headers), body))
        answer = b'{"Successful": [{"Id": "0"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def signature(path, headers, body):
    """Whether botocore signs the same request with the same."""
    heads = {name.lower(): value for name, value in headers.items()}
    signed = re.search("SignedHeaders=([^,]*)", heads["authorization"]).group(1).split(";")
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "sqs", REGION)
    request = botocore.awsrequest.AWSRequest("POST", f"http://{heads['host']}{path}", data=body, headers={name: heads[name] for name in signed})
    request.context["timestamp"] = heads["x-amz-date"]
    canonical = "\n".join(["POST", "/", "", *[f"{name}:{heads[name]}" for name in signed], "", ";".join(signed), hashlib.sha256(body).hexdigest()])
    theirs = auth.signature(auth.string_to_sign(request, canonical), request)
    return theirs == re.search("Signature=([0-9a-f]*)", heads["authorization"]).group(1)


def drain(sqs, url, into):
    """What is there, added to what was read before."""
    while True:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]).get("Messages", [])
        if not found:
            return into
        for one in found:
            into.append(one)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])


def main():
    server = arguments(__doc__)
    hook = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    folder, port = tempfile.TemporaryDirectory(prefix="fealty-moto-"), topics.free_port()
    moto = topics.Process([str(pathlib.Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port, folder.name)
    try:
        code, made = server.api("/v1/endpoints", {"url": f"sqs+http://{LOGIN}@127.0.0.1:{hook.server_port}/1/q?region={REGION}"})
        must(code == 201 and "***" in made["url"] and "se%2F" not in made["url"], "the secret is hidden", made)
        code, tested = server.api(f"/v1/endpoints/{made['id']}/test", {})
        must(tested["taken"], "it is taken", tested)
        must(signature(*Listener.got.get(timeout=30)), "botocore signs it the same")
        topics.send_patch(server, made["id"], {"off": True})

        login = dict(region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET, endpoint_url=f"http://127.0.0.1:{port}")
        sqs, sns = boto3.client("sqs", **login), boto3.client("sns", **login)
        place = f"{LOGIN}@127.0.0.1:{port}"
        code, early = server.api("/v1/endpoints", {"url": f"sqs+http://{place}/123456789012/early.fifo?region={REGION}", "after": "start"})
        topics.pay(server, 0, 40)
        topics.fails(server, early["id"], "NonExistentQueue", "does not exist")

        fifo = {"FifoQueue": "true"}
        queues = {"SQS, FIFO": sqs.create_queue(QueueName="early.fifo", Attributes=fifo)["QueueUrl"],
            "SQS": sqs.create_queue(QueueName="plain")["QueueUrl"],
            "SNS, FIFO": sqs.create_queue(QueueName="behind.fifo", Attributes=fifo)["QueueUrl"],
            "SNS": sqs.create_queue(QueueName="behind")["QueueUrl"]}
        server.api("/v1/endpoints", {"url": f"sqs+http://{place}/123456789012/plain?region={REGION}", "after": "start"})
        for name, attributes, to in [("shop.fifo", fifo | {"ContentBasedDeduplication": "false"}, "behind.fifo"), ("shop", {}, "behind")]:
            arn = sns.create_topic(Name=name, Attributes={key.replace("Queue", "Topic"): value for key, value in attributes.items()})["TopicArn"]
            sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{to}", Attributes={"RawMessageDelivery": "true"})
            code, made = server.api("/v1/endpoints", {"url": f"sns+http://{place}/{arn}?region={REGION}", "after": "start"})
            must(code == 201, "a topic of SNS", made)
        topics.pay(server, 100, 200)
        total, got = len(topics.feed(server)), {name: [] for name in queues}
        for name, url in queues.items():
            topics.wait_for(f"{name}: all come", lambda: len({json.loads(one["Body"])["cursor"] for one in drain(sqs, url, got[name])}) >= total, 90)
            bodies = [(json.loads(one["Body"])["cursor"], one["Body"]) for one in got[name]]
            topics.same(name, server, bodies, in_order="FIFO" in name)
            for one in got[name]:
                change, heads = json.loads(one["Body"]), {key: value["StringValue"] for key, value in one.get("MessageAttributes", {}).items()}
                must(heads.get("id") == change["cursor"] and heads.get("type") == change["type"], f"{name}: attributes", heads)
                if name == "SQS, FIFO":
                    attributes = one["Attributes"]
                    good = attributes["MessageGroupId"] == change["member"] and attributes["MessageDeduplicationId"] == change["cursor"]
                    must(good, "group and deduplication", attributes)
    finally:
        server.stop()
        moto.kill()
        hook.shutdown()
        folder.cleanup()
    finish()


if __name__ == "__main__":
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    main()
