# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's machine is suspended, and wakes up: at once in another network,
with a server that has forgotten it, or only with clocks that have gone on."""

import contextlib
import os
import signal
import time

import pytest

from faults import Faults, bear_deaths
from host import loaded, wait_until
from lab import INNER
from roaming import Stream, Watch, add_cell, wifi_comes, wifi_goes

QUICK = {"Keepalive": "1"}


@contextlib.contextmanager
def asleep(lab):
    """Nothing of minivpn runs, nor does its network card."""
    pids = lab.client.minivpn_pids()
    lab.router.run(["nft", "-f", "-"], input="""
        table ip asleep { chain forward {
            type filter hook forward priority 0
            udp sport 4433 drop
        }
        }""")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        lab.router.run(["nft", "delete", "table", "ip", "asleep"])
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def connect(lab, argv, server=None, **client):
    add_cell(lab)
    lab.enroll(lab.client, "alice")
    lab.serve(**(server or {}))
    lab.client.run([*argv, "up", lab.client_conf(Routes="default", **client)])
    # To the server itself, whose NAT may forget.
    return Stream(lab, INNER), Watch(lab, "lan", "cell")


def comes_back(lab, stream, woken):
    """Within a few seconds; the connection is still the same."""
    wait_until(lambda: lab.server.status()["clients"], 20, "its return")
    print(f"back after {(time.monotonic() - woken) * 1000:.0f} ms")
    # Without a sign of the sleep the keepalive has its first doubt then.
    assert time.monotonic() - woken < loaded(3)
    assert lab.client.ping(INNER)
    stream.flows(time.monotonic())
    assert not stream.error


@pytest.fixture
def faults(lab):
    bear_deaths(lab.client)
    lab.client.killed = False
    return Faults(lab.client).with_alarm()


@pytest.mark.parametrize("seconds", [30, 9000])
def test_wakes_up(lab, faults, seconds):
    """The jump of the clock is found at once: after half a minute, when all is
    well yet by the keepalive; after hours, when no ticket serves any more. And
    after as long again, in another network."""
    stream, watch = connect(lab, faults.argv())
    for move in (lambda _: None, wifi_goes):
        with asleep(lab):
            lab.server.minivpn("down")
            lab.serve()
            move(lab)
        faults.sleep(seconds)
        comes_back(lab, stream, time.monotonic())
    assert not watch.leaks()
    wifi_comes(lab)


def test_stopped_and_continued(lab):
    """As by a debugger, or in a container that is frozen: no clock jumps."""
    stream, watch = connect(lab, [lab.client.program], server=QUICK, **QUICK)
    with asleep(lab):
        wait_until(lambda: not lab.server.status()["clients"], 15)
    comes_back(lab, stream, time.monotonic())
    assert not watch.leaks()
