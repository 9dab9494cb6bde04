"""CloudEvents written by the CloudEvents project's own library against a running server: every mode, and one event
is one event whichever way it comes. Arguments as in sources.py. Exit code 1 if anything is not as it must be."""

import datetime
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cloudevents.core.bindings.http import to_binary_event, to_structured_event  # noqa: E402
from cloudevents.core.formats.json import JSONFormat  # noqa: E402
from cloudevents.core.v1.event import CloudEvent  # noqa: E402
from lib.server import arguments, finish, must  # noqa: E402


def review(id, stars, **more):
    time = datetime.datetime(2026, 11, 1, 10, 0, 0, 250000, datetime.timezone.utc)
    attributes = {"id": id, "source": "urn:peers:Grüße 100%" .replace(" ", "-"), "type": "review.posted", "time": time,
        "subject": "email:zoë@example.com", "datacontenttype": "application/json", **more}
    return CloudEvent(attributes, {"stars": stars, "text": "naïve \"quoted\" \\ / ☕"})


def sent(server, message, what, status="applied", duplicate=False):
    code, answer = server.events(message.headers, message.body)
    answer = answer if isinstance(answer, dict) else {}
    good = code == 200 and answer.get("status") == status and answer.get("duplicate") is duplicate
    must(good, what, f"{code} {answer} {message}")


def main():
    server = arguments(__doc__)
    try:
        for n, (first, second) in enumerate([(to_structured_event, to_binary_event), (to_binary_event, to_structured_event)]):
            event = review(f"é {n}", 5, comexampleextension="a b", sampledrate="7")
            sent(server, first(event), f"{first.__name__}")
            sent(server, first(event), f"{first.__name__} again", duplicate=True)
            sent(server, second(event), f"the same by {second.__name__}", duplicate=True)
        events = [review(f"batch-{n}", 1) for n in range(20)]
        body = b"[" + b",".join(JSONFormat().write(event) for event in events) + b"]"
        code, answer = server.events({"Content-Type": "application/cloudevents-batch+json"}, body)
        must(code == 200 and [a["status"] for a in answer] == ["applied"] * 20, "a batch", f"{code} {answer}")
        lines = b"\n".join(JSONFormat().write(event) for event in events)
        code, answer = server.events({"Content-Type": "application/x-ndjson"}, lines)
        must(code == 200 and all(a["duplicate"] for a in answer), "the same as lines", f"{code} {answer}")
        must(server.points("email:zoë@example.com") == 2 * 5 + 20, "each was counted once", server.points("email:zoë@example.com"))
        old = json.loads(JSONFormat().write(review("old", 1))) | {"specversion": "0.3"}
        code, _ = server.events({"Content-Type": "application/cloudevents+json"}, json.dumps(old).encode())
        must(400 <= code < 500, "an unknown version is refused", code)
        print("events: 26 good requests by the CloudEvents library")
    finally:
        server.stop()
    finish()


if __name__ == "__main__":
    main()
