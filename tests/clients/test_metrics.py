"""/metrics as Prometheus' own parser reads it, and the page in a headless Chromium.

PAGE_PNG names a file that gets a picture of the page, for the README.
"""

import os
import re
import subprocess
import urllib.request

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from conftest import Server, free_port

SECONDS_MAX = 60


@pytest.fixture
def observed(request, sidering):
    """A server with the port and some history of its own."""
    port = free_port()
    args = ["--metrics-port", str(port), "--slowlog-log-slower-than", "0", "--maxmemory", "64mb"]
    with Server(request.config.getoption("--backend"), *args) as server:
        server.url_of_page = f"http://127.0.0.1:{port}/"
        with redis.Redis(port=server.port) as client:
            for number in range(1000):
                client.set(f"very-secret:{number}", "x" * 100, ex=1000)
                client.get(f"very-secret:{number * 2}")
            with pytest.raises(redis.ResponseError):
                client.lpush("very-secret:1", "x")
        yield server


def families(server):
    with urllib.request.urlopen(server.url_of_page + "metrics", timeout=SECONDS_MAX) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    found = list(text_string_to_metric_families(text))
    assert len(found) == len({family.name for family in found}), "each family stands once"
    return {family.name: family for family in found}


def test_prometheus_reads_every_family(observed):
    found = families(observed)
    assert found["redis_commands_processed"].type == "counter"
    sample = {sample.labels["cmd"]: sample.value for sample in found["redis_commands"].samples}
    assert sample["set"] == sample["get"] == 1000
    databases = {sample.labels["db"]: sample.value for sample in found["redis_db_keys"].samples}
    assert databases["db0"] == 1000 and databases["db1"] == 0
    summary = found["redis_latency_percentiles_usec"]
    quantiles = {sample.labels.get("quantile") for sample in summary.samples}
    assert summary.type == "summary" and {"50", "99", "99.9"} <= quantiles
    histogram = found["redis_commands_latencies_usec"]
    of_set = [sample for sample in histogram.samples if sample.labels["cmd"] == "set"]
    buckets = [sample.value for sample in of_set if sample.name.endswith("_bucket")]
    assert histogram.type == "histogram" and buckets == sorted(buckets) and buckets[-1] == 1000


def chromium(*args):
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--window-size=1280,1300", "--virtual-time-budget=9000", *args]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_shows_what_there_is_and_no_keys(observed, tmp_path):
    page = chromium("--dump-dom", observed.url_of_page)
    text = re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)
    assert '<span id="state" class="state">ready</span>' in text
    for shown in [f"port {observed.port}", "Memory limit", "64 MiB", "p99.9", "set", "Expiry lag"]:
        assert shown in text, shown
    assert text.count("<svg") == 9 and "very-secret" not in text
    picture = os.environ.get("PAGE_PNG", str(tmp_path / "page.png"))
    chromium(f"--screenshot={picture}", observed.url_of_page)
    with open(picture, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
