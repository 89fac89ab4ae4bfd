"""Django's own Redis cache backend, every method of it."""

import pytest
from django.core.cache import cache


def ttl(key, version=None):
    client = cache._cache.get_client()
    return client.ttl(cache.make_and_validate_key(key, version=version))


def test_get_and_set_any_value():
    values = [1, -5, 1.5, "text", "ünï", b"\x00\xff", None, [1, {"a": (2,)}], True, "x" * 1_000_000]
    for number, value in enumerate(values):
        cache.set(f"k{number}", value)
        assert cache.get(f"k{number}") == value
    assert cache.get("nokey") is None
    assert cache.get("nokey", "default") == "default"


def test_add_only_when_missing():
    assert cache.add("k", 1) is True
    assert cache.add("k", 2) is False
    assert cache.get("k") == 1
    assert cache.add("expired", 1, timeout=0) is True
    assert cache.get("expired") is None


def test_get_or_set():
    assert cache.get_or_set("k", lambda: 7, 100) == 7
    assert cache.get_or_set("k", lambda: 8) == 7


def test_timeouts():
    cache.set("default", 1)
    cache.set("none", 1, timeout=None)
    cache.set("hundred", 1, timeout=100)
    cache.set("zero", 1, timeout=0)
    assert 290 <= ttl("default") <= 300
    assert ttl("none") == -1
    assert 90 <= ttl("hundred") <= 100
    assert ttl("zero") == -2


def test_touch():
    cache.set("k", 1, timeout=10)
    assert cache.touch("k", 1000) is True
    assert ttl("k") > 900
    assert cache.touch("k", None) is True
    assert ttl("k") == -1
    assert cache.touch("k", 0) is True
    assert cache.touch("k") is False


def test_incr_and_decr():
    cache.set("k", 10, timeout=100)
    assert cache.incr("k") == 11
    assert cache.incr("k", 9) == 20
    assert cache.decr("k", 5) == 15
    assert ttl("k") > 0
    with pytest.raises(ValueError):
        cache.incr("nokey")


def test_many_with_timeout():
    assert cache.set_many({"a": 1, "b": "two", "c": [3]}, timeout=100) == []
    assert cache.get_many(["a", "b", "c", "nokey"]) == {"a": 1, "b": "two", "c": [3]}
    assert 90 <= ttl("b") <= 100
    assert cache.set_many({"a": 4}, timeout=None) == []
    assert ttl("a") == -1
    cache.delete_many(["a", "b", "nokey"])
    assert cache.get_many(["a", "b", "c"]) == {"c": [3]}


def test_delete_and_has_key():
    cache.set("k", 1)
    assert cache.has_key("k") and "k" in cache
    assert cache.delete("k") is True
    assert cache.delete("k") is False
    assert not cache.has_key("k")


def test_versions():
    cache.set("k", "one")
    cache.set("k", "two", version=2)
    assert (cache.get("k"), cache.get("k", version=2)) == ("one", "two")
    assert cache.incr_version("k", version=2) == 3
    assert (cache.get("k", version=2), cache.get("k", version=3)) == (None, "two")


def test_clear_empties_this_database_only():
    client = cache._cache.get_client()
    other = type(client)(port=client.connection_pool.connection_kwargs["port"], db=5)
    other.set("stays", 1)
    cache.set("k", 1)
    assert cache.clear() is True
    assert cache.get("k") is None
    assert other.get("stays") == b"1"
    other.close()
