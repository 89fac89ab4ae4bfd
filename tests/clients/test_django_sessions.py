"""Sessions and rate limits of a Django site, through its test client."""

import multiprocessing
from importlib import import_module

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client, override_settings

ENGINES = ["django.contrib.sessions.backends.cache", "django.contrib.sessions.backends.cached_db"]
PROCESSES = 8
REQUESTS = 25
LIMIT = 100


@pytest.fixture(params=ENGINES)
def engine(request):
    with override_settings(SESSION_ENGINE=request.param):
        # The middleware reads the setting when a client builds its handler.
        if request.param.endswith("cached_db"):
            call_command("migrate", verbosity=0)
        yield request.param


def test_a_session_counts_visits(engine):
    browser, other = Client(), Client()
    assert [browser.get("/visit").content for _ in range(3)] == [b"1", b"2", b"3"]
    assert other.get("/visit").content == b"1"


def test_leaving_ends_the_session(engine):
    browser = Client()
    browser.get("/visit")
    key = browser.session.session_key
    browser.get("/leave")
    assert not import_module(engine).SessionStore().exists(key)
    assert browser.get("/visit").content == b"1"


def test_clearing_the_cache(engine):
    browser = Client()
    browser.get("/visit")
    cache.clear()
    survives = engine.endswith("cached_db")
    assert browser.get("/visit").content == (b"2" if survives else b"1")


def test_sessions_expire_with_their_cookie(engine):
    browser = Client()
    browser.get("/visit")
    store = import_module(engine).SessionStore
    key = store.cache_key_prefix + browser.session.session_key
    client = cache._cache.get_client()
    assert 1_209_000 <= client.ttl(cache.make_key(key)) <= 1_209_600


def allowed_requests(_):
    browser = Client()
    return sum(browser.get("/limited").status_code == 200 for _ in range(REQUESTS))


def test_a_rate_limit_counts_exactly_under_eight_processes():
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        allowed = pool.map(allowed_requests, range(PROCESSES), chunksize=1)
    assert PROCESSES * REQUESTS > LIMIT
    assert sum(allowed) == LIMIT
