"""The moto server, which stands for SQS and SNS. Its queue is replaced by a new one whenever a message is deleted, and no lock
is held meanwhile: what another sends at that moment is confirmed and lost. So it is given a lock."""

import linecache
import sys
import threading

from lib import topics

LOCKED = """
import sys
from moto.sqs import models
plain = models.Queue.delete_message
def delete_message(self, receipt_handle):
    with self._messages_lock:
        return plain(self, receipt_handle)
models.Queue.delete_message = delete_message
from moto.server import main
main(sys.argv[1:])
"""


def start(folder):
    port = topics.free_port()
    return topics.Process([sys.executable, "-c", LOCKED, "-H", "127.0.0.1", "-p", str(port)], port, folder)


def loses():
    """Whether it does so, without a server and without us: another thread sends just before the line that replaces the queue."""
    from moto.sqs import models

    account = models.sqs_backends["123456789012"]["eu-west-1"]
    account.create_queue("lossy", {})
    account.send_message("lossy", "first")
    first = account.receive_message("lossy", 1, 0, 3600)[0]

    def trace(frame, event, _):
        if frame.f_code is not models.Queue.delete_message.__code__:
            return trace if event == "call" else None
        if event == "line" and "self._messages = " in linecache.getline(frame.f_code.co_filename, frame.f_lineno):
            sender = threading.Thread(target=account.send_message, args=("lossy", "second"))
            sender.start()
            # Where there is a lock, it waits for it.
            sender.join(1)
        return trace

    sys.settrace(trace)
    account.delete_message("lossy", first.receipt_handle)
    sys.settrace(None)
    return [message.body for message in account.get_queue("lossy")._messages] == []
