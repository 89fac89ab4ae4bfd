"""redis-py as a subscriber, a listener to keyspace events, and a client that caches."""

import asyncio
import threading
import time

import pytest
import redis
import redis.asyncio
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection


@pytest.fixture(params=[2, 3])
def client(request, server):
    with redis.Redis(port=server.port, protocol=request.param) as connected:
        yield connected


def messages(pubsub, count):
    """The next messages; confirmations are passed over."""
    found, deadline = [], time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline, found
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
        if message:
            found.append((message["type"], message["channel"], message["data"]))
    return found


def confirmed(pubsub, count=1):
    """Waits until the server has confirmed subscriptions."""
    deadline = time.monotonic() + 10
    while count:
        assert time.monotonic() < deadline
        message = pubsub.get_message(timeout=1)
        count -= message is not None and message["type"].endswith("subscribe")


def test_channels_and_patterns(client):
    with client.pubsub() as pubsub:
        pubsub.subscribe("news", "other")
        pubsub.psubscribe("n*")
        confirmed(pubsub, 3)
        assert client.publish("news", "hello") == 2
        assert messages(pubsub, 2) == [
            ("message", b"news", b"hello"),
            ("pmessage", b"news", b"hello"),
        ]
        assert sorted(client.pubsub_channels()) == [b"news", b"other"]
        assert client.pubsub_numsub("news", "nobody") == [(b"news", 1), (b"nobody", 0)]
        assert client.pubsub_numpat() == 1
        pubsub.unsubscribe("news")
        pubsub.punsubscribe()
        confirmed(pubsub, 2)
        assert client.publish("news", "again") == 0


def test_shard_channels(client):
    with client.pubsub() as pubsub:
        pubsub.ssubscribe("shard")
        confirmed(pubsub)
        assert client.spublish("shard", "x") == 1 and client.publish("shard", "x") == 0
        deadline = time.monotonic() + 10
        while not (message := pubsub.get_sharded_message(timeout=1)):
            assert time.monotonic() < deadline
        assert (message["type"], message["data"]) == ("smessage", b"x")


def test_a_thread_handles_messages(client):
    got = threading.Event()
    with client.pubsub() as pubsub:
        pubsub.subscribe(**{"work": lambda message: got.set()})
        thread = pubsub.run_in_thread(sleep_time=0.01)
        while client.publish("work", "now") == 0:
            time.sleep(0.01)
        assert got.wait(10)
        thread.stop()
        thread.join()


def test_a_subscriber_checks_its_health(server):
    with redis.Redis(port=server.port, health_check_interval=0.01) as client:
        with client.pubsub() as pubsub:
            pubsub.subscribe("c")
            confirmed(pubsub)
            for number in range(5):
                time.sleep(0.02)
                pubsub.check_health()
                client.publish("c", number)
                assert messages(pubsub, 1) == [("message", b"c", str(number).encode())]


def test_keyspace_events(client):
    client.config_set("notify-keyspace-events", "KEA")
    try:
        with client.pubsub() as pubsub:
            pubsub.psubscribe("__keyevent@0__:*")
            confirmed(pubsub)
            client.set("k", 1, px=50)
            client.delete("nokey")
            assert [(channel, data) for _, channel, data in messages(pubsub, 3)] == [
                (b"__keyevent@0__:set", b"k"),
                (b"__keyevent@0__:expire", b"k"),
                (b"__keyevent@0__:expired", b"k"),
            ]
    finally:
        client.config_set("notify-keyspace-events", "")


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(server, protocol):
    async def session():
        async with redis.asyncio.Redis(port=server.port, protocol=protocol) as client:
            async with client.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.psubscribe("a*")
                while await client.publish("ab", "x") == 0:
                    await asyncio.sleep(0.01)
                async for message in pubsub.listen():
                    return message["data"]

    assert asyncio.run(asyncio.wait_for(session(), 10)) == b"x"


def test_a_client_that_caches(server, monkeypatch):
    # redis-py caches with 7.4 and later only, though nothing it needs is newer than 6.0.
    monkeypatch.setattr(CacheProxyConnection, "MIN_ALLOWED_VERSION", "7.2.0")
    with redis.Redis(port=server.port, protocol=3, cache_config=CacheConfig()) as client:
        with redis.Redis(port=server.port) as other:
            other.mset({"k": 1, "l": 1})
            assert client.get("k") == b"1" and client.get("k") == b"1"
            assert client.mget("k", "l") == [b"1", b"1"]
            assert client.get_cache().size == 2
            for change in (lambda: other.set("k", 2), lambda: other.delete("k")):
                change()
                assert client.get("k") == other.get("k")
            other.set("k", 3, px=100)
            assert client.get("k") == b"3"
            time.sleep(0.3)
            assert client.get("k") is None
            client.get("l")
            other.flushall()
            assert client.get("l") is None
