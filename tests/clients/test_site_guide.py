"""What a site's guide to its Redis tells people to type, with the binary under Redis's names.

The steps are those of a Django site that runs redis:7 beside it: start, health, monitoring, backup,
restore, password, renamed commands, troubleshooting.
"""

import os
import pathlib
import subprocess
import tempfile

import pytest
import redis

from conftest import DEFAULT_BINARY, Server, free_port

SECONDS_MAX = 60
SETTINGS = ["--appendonly", "yes", "--maxmemory", "96mb", "--maxmemory-policy", "allkeys-lru",
            "--tcp-keepalive", "60", "--timeout", "0"]
HARDENING = ["--requirepass", "your_secure_password", "--rename-command", "FLUSHDB", "",
             "--rename-command", "FLUSHALL", "", "--rename-command", "CONFIG", ""]


@pytest.fixture(scope="module")
def names():
    """A directory for PATH in which the binary has Redis's names."""
    binary = pathlib.Path(os.environ.get("SIDERING_BIN", DEFAULT_BINARY)).resolve()
    with tempfile.TemporaryDirectory(prefix="sidering-names-") as directory:
        for name in ["redis-server", "redis-check-aof", "redis-check-rdb"]:
            (pathlib.Path(directory) / name).symlink_to(binary)
        yield directory


def started(request, *args):
    """A server with the guide's settings, to be left with `with`."""
    return Server(request.config.getoption("--backend"), *SETTINGS, *args)


@pytest.fixture
def site(request, sidering):
    """A server as the guide starts it; ended by its id."""
    with started(request) as server:
        with redis.Redis(port=server.port) as client:
            # Connections are accepted while the files are made.
            client.ping()
        yield server


def type_in(server, names, line):
    """What a shell prints for a line of the guide, in the server's directory."""
    script = f'redis-cli() {{ command redis-cli -p {server.port} "$@"; }}; {line}'
    environment = os.environ | {"PATH": f"{names}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=server.dir.name, env=environment,
                          capture_output=True, timeout=SECONDS_MAX, text=True)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout.replace("\r", "")


@pytest.mark.parametrize("line, printed", [
    ("redis-cli ping", "PONG\n"),
    ("redis-cli -h localhost ping", "PONG\n"),
    ("redis-cli info memory | grep used_memory_human", "used_memory_human:"),
    ("redis-cli info memory | grep maxmemory_policy", "maxmemory_policy:allkeys-lru\n"),
    ("redis-cli info clients | grep connected_clients", "connected_clients:1\n"),
    ("redis-cli info stats | grep instantaneous_ops_per_sec", "instantaneous_ops_per_sec:"),
    ("redis-cli info persistence | grep aof_enabled", "aof_enabled:1\n"),
    ("redis-cli config get appendfsync", "appendfsync\neverysec\n"),
    ("redis-cli config get auto-aof-rewrite*", "auto-aof-rewrite-percentage\n100\n"),
    ("redis-cli dbsize", "0\n"),
    ("redis-cli --scan --pattern '*'", ""),
    ("redis-cli slowlog get 10", "\n"),
    ("timeout 1 redis-cli -p $PORT monitor || test $? = 124", "OK\n"),
    ("redis-cli bgsave", "Background saving started\n"),
    ("ls -la appendonlydir", "appendonly.aof.1.incr.aof\n"),
    ("redis-check-aof appendonlydir/appendonly.aof.manifest", "All AOF files and manifest are valid\n"),
])
def test_every_step_prints_what_the_guide_says(site, names, line, printed):
    assert printed in type_in(site, names, line.replace("$PORT", str(site.port)))


def test_a_copied_log_is_a_backup(site, names, request):
    assert type_in(site, names, "redis-cli -n 1 set session:1 data") == "OK\n"
    with tempfile.TemporaryDirectory() as backup:
        type_in(site, names, f"cp -r appendonlydir {backup}/")
        with started(request, "--dir", backup) as restored:
            assert type_in(restored, names, "redis-cli -n 1 get session:1") == "data\n"


def test_a_single_log_of_an_older_server_is_taken_over(sidering, names, request):
    with tempfile.TemporaryDirectory() as data:
        log = pathlib.Path(data) / "appendonly.aof"
        log.write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")
        with started(request, "--dir", data) as server:
            assert type_in(server, names, "redis-cli -n 1 get k") == "v\n"


def test_a_password_and_commands_taken_away(sidering, names, request):
    with started(request, *HARDENING) as server:
        assert "NOAUTH" in type_in(server, names, "redis-cli get k")
        password = "redis-cli --no-auth-warning -a your_secure_password"
        for command in ["FLUSHDB", "FLUSHALL", "CONFIG GET dir"]:
            said = type_in(server, names, f"{password} {command}")
            assert "ERR unknown command" in said, said
        assert type_in(server, names, f"{password} ping") == "PONG\n"


def test_the_version_line_is_one_that_scripts_look_for(sidering, names):
    class Here:
        port, dir = free_port(), tempfile.TemporaryDirectory()

    assert type_in(Here, names, "redis-server --version").startswith("Redis server v=7.")
