# SPDX-License-Identifier: GPL-2.0-or-later
"""Two servers beside each other, by contrib/servers: one is killed, and what
its client has open lives on by the other. MINIVPN_SERVERS=all: every daemon,
ten times there and back; else the cheapest, once."""

import os
import time

import pytest

from host import wait_until
from servers_lab import BIRD, ServersLab, Ticker, median

ALL = os.environ.get("MINIVPN_SERVERS") == "all"
ROUNDS = 5 if ALL else 1  # there and back
MIN_LS_INTERVAL = 5
GAP = 10  # seconds at most, on a machine that does other things too


@pytest.fixture
def lab(tmp_path):
    made = ServersLab(tmp_path)
    try:
        made.build()
        yield made
        problems = made.finish()
        assert not problems, "\n".join(problems)
    finally:
        made.close()


def fail_over(lab, ticker, active):
    """The server is killed; how long nothing came back, in seconds."""
    dying, other = lab.servers[active], lab.servers[1 - active]
    begun = time.monotonic()
    dying.kill_minivpn()
    wait_until(lambda: [each["name"] for each in other.status()["clients"]]
               == ["alice"], 30, f"the client's coming to {other.name}")
    moved = time.monotonic()
    wait_until(lambda: ticker.answers(moved), 30,
               f"an answer: {lab.announced()} {lab.outputs()}")
    return ticker.gap(begun)


def there_and_back(lab, rounds):
    lab.enroll(lab.client, "alice", Address="10.8.0.9, fd08::9")
    for number in 0, 1:
        lab.serve_on(number)
    lab.connect()
    wait_until(lambda: lab.announced("10.8.0.9"), 20, "the client's route")
    before = lab.client.status()["addresses"]
    ticker = Ticker(lab.client, lab.internet)
    wait_until(lambda: ticker.answers(0), 10, "the first answer")
    gaps = []
    for number in range(2 * rounds):
        begun = time.monotonic()
        gaps.append(fail_over(lab, ticker, number % 2))
        lab.serve_on(number % 2)
        # OSPF tells no news of one address sooner (RFC 2328, MinLSInterval).
        wait_until(lambda: time.monotonic() > begun + MIN_LS_INTERVAL, 10)
    ticker.end()
    assert lab.client.status()["addresses"] == before
    # But where the key has changed meanwhile: once in hours.
    assert lab.second.log("server").count(", resumed") == \
        lab.second.log("server").count(": connected")
    print("gaps in ms, there and back:",
          *(round(1000 * gap) for gap in gaps),
          "median", round(1000 * median(gaps)))
    return gaps


@pytest.mark.skipif(not BIRD, reason="there is no bird")
def test_bird(lab):
    lab.run_bird()
    lab.wait_routing()
    assert max(there_and_back(lab, ROUNDS)) < GAP
