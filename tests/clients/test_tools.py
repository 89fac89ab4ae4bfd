"""redis-cli and redis-benchmark as subprocesses."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest
import redis

SECONDS_MAX = 60


def run(server, tool, *args, stdin=None):
    """The tool's standard output; it must succeed."""
    command = [tool, "-p", str(server.port), *args]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode()


def cli(server, *args, stdin=None):
    return run(server, "redis-cli", *args, stdin=stdin)


@contextlib.contextmanager
def terminal(server, *args):
    """redis-cli on a terminal of its own, ended by its id; yields the terminal's descriptor."""
    master, slave = pty.openpty()
    # Without a width redis-cli asks the terminal, and this one does not answer.
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    command = ["redis-cli", "-p", str(server.port), *args]
    environment = os.environ | {"TERM": "xterm", "REDISCLI_HISTFILE": "/dev/null"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    try:
        yield master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(fd, pattern):
    output, deadline = b"", time.monotonic() + SECONDS_MAX
    while not re.search(pattern, output):
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        assert ready, output
        output += os.read(fd, 65536)
    return output


@pytest.fixture
def filled(server):
    with redis.Redis(port=server.port) as client:
        client.mset({f"key:{number}": "v" * number for number in range(1, 501)})
    return server


def test_single_commands(server):
    assert cli(server, "PING") == "PONG\n"
    assert cli(server, "SET", "k", "v") == "OK\n"
    assert cli(server, "-3", "GET", "nokey") == "\n"
    assert cli(server, "-n", "3", "DBSIZE") == "0\n"
    assert cli(server, "--json", "GET", "k") == '"v"\n'
    assert "ERR" in cli(server, "NOSUCH")
    assert cli(server, "-x", "SET", "k", stdin=b"from stdin") == "OK\n"
    assert cli(server, "GET", "k") == "from stdin\n"


def test_commands_from_stdin(server):
    assert cli(server, stdin=b"SET k 1\nINCR k\nGET k\n") == "OK\n2\n2\n"


def test_scan_with_pattern(filled):
    names = cli(filled, "--scan", "--pattern", "key:1?").split()
    assert sorted(names) == sorted(f"key:{number}" for number in range(10, 20))


def test_bigkeys(filled):
    report = cli(filled, "--bigkeys")
    assert "Sampled 500 keys in the keyspace!" in report
    assert re.search(r'Biggest string found .*key:500.* has 500 bytes', report)


def test_memkeys(filled):
    report = cli(filled, "--memkeys")
    assert "Sampled 500 keys in the keyspace!" in report
    assert re.search(r'Biggest string found .*"key:\d+".* has \d+ bytes', report)


def test_stat(filled):
    with terminal(filled, "--stat", "-i", "0.05") as screen:
        read_until(screen, rb"500 [^\n]*\n500 ")


def test_latency(server):
    output = cli(server, "--latency", "-i", "0.2", "--raw")
    assert re.match(r"\d+ \d+ \d+\.\d+ [1-9]\d*", output)


def test_monitor(server):
    with terminal(server, "monitor") as screen:
        read_until(screen, rb"OK")
        cli(server, "SET", "watched", "a b")
        read_until(screen, rb'\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "watched" "a b"')


def test_info_and_slowlog(server):
    info = cli(server, "info")
    for section in ["Server", "Clients", "Memory", "Stats", "CPU", "Keyspace"]:
        assert f"# {section}" in info
    assert cli(server, "slowlog", "get") == "\n"


def test_mass_insertion(server):
    requests = b"".join(b"SET pipe:%d %d\r\n" % (n, n) for n in range(20_000))
    assert "errors: 0, replies: 20000" in cli(server, "--pipe", stdin=requests)
    assert cli(server, "DBSIZE") == "20000\n"


def test_interactive_hints(server):
    with terminal(server) as screen:
        read_until(screen, rb"> ")
        os.write(screen, b"getrange ")
        read_until(screen, rb"key start end")
        os.write(screen, b"k 0 -1\r")
        read_until(screen, rb'""')


@pytest.mark.parametrize("options", [[], ["-P", "16"], ["-3"], ["-c", "500"]])
def test_benchmark(server, options):
    report = run(server, "redis-benchmark", "-q", "-n", "10000",
                 "-t", "ping,set,get,incr,mset", *options)
    lines = [line for line in re.split(r"[\r\n]+", report) if "requests per second" in line]
    assert len(lines) == 6, report
    assert "rror" not in report
