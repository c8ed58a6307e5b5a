# SPDX-License-Identifier: GPL-2.0-or-later
"""What a flood of one core's worth costs a client, and the server. No test: by
hand, on a machine that does nothing else,

    make tests/system/flood
    tests/system/run -s measure_flood.py

Who sends the flood, and the kernel that carries it, are on this machine too and
take from it what a client would have. So each flood first goes to a socket that
nobody reads, beside the server's: what minivpn has to do with it is the
difference, in turns, as the machine is not the same for long: "kept" is the
median of the one by the median of the other. A client that is steady wants
STEADY only. Microseconds and lost datagrams are of a flood while the client is
silent.

And what hellos with true cookies cost a client that comes anew, with a server's
key that signs fast, with one that does not (RSA), and with one that is busy.
"""

import contextlib
import json
import math
import re
import time
from statistics import median

import pytest

from files import Authority, server_file
from host import wait_until
from lab import INNER, SERVER
from test_flood import CROWDS, ELSEWHERE, SPOOFERS, STRANGERS, Field, arrive

SECONDS = 3
TURNS = 5
STEADY = 1000  # Mbit/s
PINGS = 300
ALONE = 200000
DEAF = 4434
ARRIVALS = 7


def throughput(client, *options):
    """Mbit/s of TCP, as fast as it goes unless the options say otherwise."""
    result = client.run(["iperf3", "-c", INNER, "-t", SECONDS, "-J", *options],
                        check=False, timeout=60)
    try:
        received = json.loads(result.stdout)["end"]["sum_received"]
        return received["bits_per_second"] / 1e6
    except (KeyError, json.JSONDecodeError):
        return 0.0


def latency(client):
    """Milliseconds of a ping, median and p99; what is lost took a second."""
    result = client.run(["ping", "-n", "-i", "0.01", "-c", PINGS, "-W", "1",
                         INNER], check=False, timeout=60)
    times = sorted(map(float, re.findall(r"time=([\d.]+)", result.stdout)))
    times += [1000.0] * (PINGS - len(times))
    return times[PINGS // 2], times[PINGS * 99 // 100]


def load(client):
    return throughput(client, "-b", f"{STEADY}M"), *latency(client)


def kept(field, kind):
    """Mbit/s beside a flood that nobody reads, and beside the server's."""
    client, unread, read = field.lab.client, [], []
    for _ in range(TURNS):
        if kind == "half-open":  # which needs one who answers
            unread.append(throughput(client))
        else:
            with field.flooded(kind, DEAF):
                unread.append(throughput(client))
        with field.flooded(kind):
            read.append(throughput(client))
    return median(unread), median(read)


def alone(field, kind):
    """CPU microseconds of the tunnel process for a datagram that it has read,
    and the part that its sockets have lost."""
    count = ALONE if kind != "half-open" else 2000
    cpu, lost = field.cpu(), sum(field.lost())
    sent = field.flood(kind, count)
    field.settle()
    cpu, lost = field.cpu() - cpu, sum(field.lost()) - lost
    return cpu / max(1, sent - lost) * 1e6, lost / sent


@pytest.mark.timeout(1200)
def test_floods(lab):
    field = Field(lab)
    client = lab.client
    deaf = lab.server.socket()
    deaf.bind((SERVER, DEAF))
    lab.closers.append(deaf.close)
    lab.server.spawn(["iperf3", "-s", "--forceflush"]).wait_for(
        "Server listening")
    load(client)
    print(f"\n{'flood':14} {'unread':>7} {'Mbit/s':>7} {'kept':>5} "
          f"{'steady':>7} {'ping ms':>8} {'p99':>8} {'per s':>8} "
          f"{'us each':>8} {'lost':>5} {'RSS KiB':>15}")
    for kind in STRANGERS + SPOOFERS:
        unread, read = kept(field, kind)
        before = field.memory()
        with field.flooded(kind) as flood:
            steady, usual, worst = load(client)
        cost, lost = alone(field, kind)
        print(f"{kind:14} {unread:7.0f} {read:7.0f} {read / unread:5.2f} "
              f"{steady:7.0f} {usual:8.2f} {worst:8.2f} "
              f"{flood['sent'] / flood['seconds']:8.0f} {cost:8.2f} "
              f"{lost:5.0%} {before:7} {field.memory():7}")


def by_keys(lab, _):
    return Field(lab)


def by_rsa(lab, directory):
    authority = Authority(directory / "ca")
    server = authority.issue("vpn.example.org", "DNS:vpn.example.org",
                             algorithm="rsa")
    return Field(lab, (server, authority.issue("alice")))


@contextlib.contextmanager
def busy(field):
    """Another client's TCP, as fast as it goes."""
    lab = field.lab
    bob, = lab.add_clients(1)
    lab.enroll(bob, "bob")
    lab.server.write("server.conf", server_file(lab.server_key, lab.peers))
    lab.server.minivpn("reload")
    lab.connect(bob)
    lab.server.spawn(["iperf3", "-s", "--forceflush", "-B", INNER]).wait_for(
        "Server listening")
    load = bob.spawn(["iperf3", "-c", INNER, "-t", "300"])
    wait_until(lambda: bob.status()["server"]["tx_bytes"] > 1 << 26, 20)
    try:
        yield
    finally:
        load.stop()


def arrivals(field):
    """Seconds of each, infinite where `up` has failed, and the part of a
    processor that the server's tunnel process took."""
    end = time.monotonic() + 2
    wait_until(lambda: time.monotonic() > end)  # the first burst is over
    cpu, start, times = field.cpu(), time.monotonic(), []
    for _ in range(ARRIVALS):
        try:
            times.append(arrive(field)[0])
        except AssertionError:
            times.append(math.inf)
    return sorted(times), (field.cpu() - cpu) / (time.monotonic() - start)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("made,around", [
    (by_keys, contextlib.nullcontext), (by_rsa, contextlib.nullcontext),
    (by_keys, busy)])
def test_newcomers(lab, tmp_path, made, around):
    field = made(lab, tmp_path)
    lab.router.ip(f"route add local {ELSEWHERE} dev lo")
    print(f"\n{made.__name__}, {around.__name__}\n{'hellos from':14} "
          f"{'median s':>8} {'worst':>6} {'CPU':>5} {'sent':>7} {'answered':>9}")
    with around(field):
        for crowd, (*flood, _) in {"nobody": (None, None), **CROWDS}.items():
            if crowd == "nobody":
                times, cpu = arrivals(field)
                figures = {"sent": 0, "answered": [0]}
            else:
                with field.echoed(*flood) as figures:
                    times, cpu = arrivals(field)
            print(f"{crowd:14} {median(times):8.2f} {times[-1]:6.2f} "
                  f"{cpu:5.0%} {figures['sent']:7} "
                  f"{figures['answered'][0]:9}", flush=True)
