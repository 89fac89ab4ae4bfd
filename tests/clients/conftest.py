"""One server for the session, Django configured to use it, an empty data set for each test.

SIDERING_BIN names the binary, --backend its I/O driver; `--backend none` passes no driver, which
lets redis-server stand in to check the tests themselves.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import pytest
import redis

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
DEFAULT_BINARY = HERE.parents[1] / "target" / "release" / "sidering"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process, killed by its id at the end."""

    def __init__(self, backend, *args):
        binary = os.environ.get("SIDERING_BIN", str(DEFAULT_BINARY))
        self.stand_in = backend == "none"
        self.port = free_port()
        self.dir = tempfile.TemporaryDirectory(prefix="sidering-clients-")
        driver = [] if self.stand_in else ["--io-backend", backend]
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--dir", self.dir.name, "--enable-debug-command", "yes", *driver, *args]
        self.log = open(os.path.join(self.dir.name, "log"), "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.seek(0)
                    raise RuntimeError("the server does not start: " + self.log.read())
                time.sleep(0.01)

    def url(self, db=1):
        return f"redis://localhost:{self.port}/{db}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.dir.cleanup()


def pytest_addoption(parser):
    parser.addoption("--backend", default="uring", choices=["uring", "epoll", "none"])


def pytest_configure(config):
    config.server = Server(config.getoption("--backend"))
    import site_settings

    site_settings.configure(config.server.url())


def pytest_unconfigure(config):
    if hasattr(config, "server"):
        config.server.stop()


def pytest_report_header(config):
    return f"server on port {config.server.port}, redis-py {redis.__version__}"


@pytest.fixture(scope="session")
def server(pytestconfig):
    return pytestconfig.server


@pytest.fixture
def sidering(server):
    """For what only Sidering has: a stand-in is no failure of the test."""
    if server.stand_in:
        pytest.skip("redis-server stands in, which lacks this")
    return server


@pytest.fixture(autouse=True)
def empty(server):
    with redis.Redis(port=server.port) as client:
        client.flushall()
        client.slowlog_reset()
