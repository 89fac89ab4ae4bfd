"""What django-redis makes of scripts: counting, and locks."""

import threading
import time

import pytest
from django.core.cache import CacheHandler


@pytest.fixture
def cache(server):
    backend = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url()}
    return CacheHandler({"default": backend})["default"]


def test_counting_is_exact_under_contention(cache):
    cache.set("n", 0, timeout=100)
    threads = [threading.Thread(target=lambda: [cache.incr("n") for _ in range(50)])
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("n") == 200
    assert cache.decr("n", 5) == 195
    assert 90 <= cache.ttl("n") <= 100


def test_counting_needs_a_key(cache):
    with pytest.raises(ValueError):
        cache.incr("none")
    assert cache.get("none") is None


def test_a_lock_is_held_by_one(cache):
    with cache.lock("lock", timeout=10):
        assert not cache.lock("lock", blocking=False).acquire()
    other = cache.lock("lock", timeout=0.1)
    assert other.acquire(blocking=False)
    time.sleep(0.15)
    with pytest.raises(Exception, match="no longer owned"):
        other.release()
