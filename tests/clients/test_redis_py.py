"""redis-py, blocking and asyncio, in both protocols."""

import asyncio
import threading

import pytest
import redis
import redis.asyncio


@pytest.fixture(params=[2, 3])
def client(request, server):
    with redis.Redis(port=server.port, protocol=request.param) as connected:
        yield connected


def test_strings(client):
    assert client.set("k", "v") is True
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", get=True) == b"v"
    assert client.getex("k", ex=100) == b"w"
    assert client.append("k", "xyz") == 4
    assert client.getrange("k", 1, 2) == b"xy"
    assert client.setrange("k", 2, "--") == 4
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "b", "nokey") == [b"1", b"2", None]
    assert client.getdel("a") == b"1"
    assert client.incrbyfloat("f", 0.1) == 0.1
    assert client.incr("n", 5) == 5 and client.decr("n") == 4


def test_expiry(client):
    client.set("k", "v", px=100_000)
    assert 90 <= client.ttl("k") <= 100
    assert client.expire("k", 50, gt=True) is False
    assert client.expire("k", 500, gt=True) is True
    assert client.persist("k") is True
    assert client.ttl("k") == -1
    assert client.pexpireat("k", 1) is True
    assert client.exists("k") == 0


def test_bitmaps(client):
    assert client.setbit("bits", 7, 1) == 0
    assert client.getbit("bits", 7) == 1
    assert client.bitcount("bits") == 1
    assert client.bitpos("bits", 1) == 7
    client.set("other", "\x0f")
    assert client.bitop("OR", "both", "bits", "other") == 1
    assert client.bitfield("n").set("u8", 0, 255).incrby("u8", 0, 1).execute() == [0, 0]


def test_pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for number in range(5_000):
            pipe.set(f"k{number}", number)
        assert all(pipe.execute())
    assert client.dbsize() == 5_000


def test_an_error_in_a_transaction(client):
    with client.pipeline() as pipe:
        pipe.set("k", "text").incr("k").get("k")
        ok, error, value = pipe.execute(raise_on_error=False)
    assert (ok, value) == (True, b"text")
    assert isinstance(error, redis.ResponseError)


def test_watch_sees_another_writer(client, server):
    with redis.Redis(port=server.port) as other, client.pipeline() as pipe:
        pipe.watch("k")
        other.set("k", "theirs")
        pipe.multi()
        pipe.set("k", "ours")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("k") == b"theirs"


def test_watched_counters_lose_nothing(client):
    def count():
        for _ in range(50):
            client.transaction(add_one, "n")

    def add_one(pipe):
        value = int(pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", value + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == b"200"


def test_scan_iter_finds_every_key_once(client):
    names = {b"key:%d" % number for number in range(3_000)}
    client.mset(dict.fromkeys(names, 1))
    client.set("other", 1)
    found = list(client.scan_iter("key:*", count=100))
    assert set(found) == names
    assert sorted(client.keys("key:*")) == sorted(names)


def test_keyspace(client):
    client.set("a", 1)
    assert client.rename("a", "b") is True
    assert client.copy("b", "c") is True
    assert client.move("c", 3) is True
    assert client.type("b") == b"string"
    assert client.object("encoding", "b") == b"int"
    assert client.randomkey() == b"b"
    assert client.unlink("b", "nokey") == 1


def test_the_connection_itself(client):
    assert client.ping() is True
    assert client.echo("hello") == b"hello"
    assert client.client_setname("worker") is True
    assert client.client_getname() in ("worker", b"worker")
    assert client.client_info()["name"] == "worker"
    mine = client.client_id()
    assert mine in [int(entry["id"]) for entry in client.client_list()]
    assert client.info("server")["redis_version"].startswith("7.")
    assert client.config_get("maxmemory")["maxmemory"] == "0"
    assert client.time()[0] > 1_500_000_000
    assert "set" in client.command()


def test_a_killed_connection_is_replaced(client, server):
    client.client_setname("victim")
    with redis.Redis(port=server.port) as other:
        victim = next(e for e in other.client_list() if e["name"] == "victim")
        assert other.client_kill_filter(_id=victim["id"]) == 1
    assert client.ping() is True


def test_monitor_shows_commands(client, server):
    with redis.Redis(port=server.port) as other, client.monitor() as monitor:
        other.set("seen", "yes")
        commands = (monitor.next_command()["command"] for _ in range(10))
        assert any(command == "SET seen yes" for command in commands)


def test_slowlog_records_and_resets(client):
    old = client.config_get("slowlog-log-slower-than")["slowlog-log-slower-than"]
    client.config_set("slowlog-log-slower-than", 0)
    client.set("slow", "v")
    client.config_set("slowlog-log-slower-than", old)
    assert any(entry["command"] == b"SET slow v" for entry in client.slowlog_get(10))
    assert client.slowlog_reset() is True


def test_replies_follow_the_protocol_asked_for(client, server):
    protocol = int(client.connection_pool.connection_kwargs["protocol"])
    hello = client.execute_command("HELLO")
    fields = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2]))
    assert fields[b"proto"] == protocol


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(server, protocol):
    async def session():
        async with redis.asyncio.Redis(
            port=server.port, protocol=protocol, max_connections=200
        ) as client:
            await client.set("n", 0)
            await asyncio.gather(*(client.incr("n") for _ in range(200)))
            async with client.pipeline(transaction=True) as pipe:
                results = await pipe.incr("n").expire("n", 100).ttl("n").execute()
            keys = [key async for key in client.scan_iter("n*")]
            return results, keys

    (count, expiring, ttl), keys = asyncio.run(session())
    assert (count, expiring, keys) == (201, True, [b"n"])
    assert 90 <= ttl <= 100


def test_set_when_equal(sidering):
    with redis.Redis(port=sidering.port) as client:
        client.set("k", "old")
        assert client.execute_command("SET", "k", "new", "IFEQ", "other") is None
        assert client.execute_command("SET", "k", "new", "IFEQ", "old") in (True, b"OK", "OK")
        assert client.execute_command("DELIFEQ", "k", "old") == 0
        assert client.execute_command("DELIFEQ", "k", "new") == 1
