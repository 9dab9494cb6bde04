"""PostgreSQL of this machine, for tests: a port and a folder of its own."""

import os
import pathlib
import shutil
import signal
import subprocess

from lib import topics


def programs():
    """The folder of its programs: the one that is named, else the newest that is installed; None if there is none."""
    if named := os.environ.get("FEALTY_POSTGRES_BIN"):
        return pathlib.Path(named)
    found = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    return max(found, key=lambda path: int(path.parent.name), default=None)


class Postgres(topics.Process):
    """It does not run as root."""

    def __init__(self, folder):
        self.bin, port = programs(), topics.free_port()
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        home = pathlib.Path(folder) / "postgres"
        home.mkdir()
        if user:
            os.chmod(folder, 0o755)
            shutil.chown(home, "postgres")
        made = [*user, self.bin / "initdb", "-D", home / "data", "-U", "fealty", "-A", "trust", "--locale=C", "-E", "UTF8"]
        subprocess.run(made, check=True, cwd="/", stdout=subprocess.DEVNULL)
        settings = [f"-c{name}" for name in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"]]
        super().__init__([*user, self.bin / "postgres", "-D", home / "data", "-p", str(port), *settings], port, folder, own_group=True)
        topics.wait_for("PostgreSQL is ready", lambda: self.sql("postgres", "SELECT 1", check=False) == "1")
        self.count = 0

    def database(self):
        """A new one, by its url."""
        self.count += 1
        self.sql("postgres", f"CREATE DATABASE fealty_{self.count}")
        return self.url(f"fealty_{self.count}")

    def url(self, name):
        return f"postgres://fealty@127.0.0.1:{self.port}/{name}"

    def sql(self, name, sql, check=True):
        """The rows, a line each."""
        done = subprocess.run([self.bin / "psql", "-XAtq", "-d", self.url(name), "-c", sql], capture_output=True, text=True, check=check)
        return done.stdout.strip()

    def kill(self):
        """It hears of it by SIGINT, and takes its children with it."""
        os.killpg(self.child.pid, signal.SIGINT)
        self.child.wait(30)
