"""RabbitMQ of this machine, for tests."""

import os
import signal
import subprocess

import pika

from lib import topics

SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class Broker(topics.Process):
    """RabbitMQ of this machine, as a node of its own: own ports, own folder."""

    def __init__(self, folder):
        port, self.epmd = topics.free_port(), topics.free_port()
        self.mine = {**os.environ, "HOME": folder, "RABBITMQ_NODENAME": f"fealty{port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(topics.free_port()), "ERL_EPMD_PORT": str(self.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_MNESIA_BASE": folder, "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins", "RABBITMQ_PID_FILE": f"{folder}/pid", "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_START_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        super().__init__([SCRIPT], port, folder, self.mine, own_group=True)

    def kill(self):
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(30)

    def stop(self):
        self.kill()
        # Erlang's name server goes when it has seen that the node is gone.
        gone = lambda: b"Killed" in subprocess.run(["epmd", "-kill"], env=self.mine, capture_output=True).stdout  # noqa: E731
        topics.wait_for("epmd ends", gone)


def channel(port):
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, heartbeat=0))
    return connection, connection.channel()
