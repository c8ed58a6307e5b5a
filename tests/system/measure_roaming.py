# SPDX-License-Identifier: GPL-2.0-or-later
"""How long an open TCP connection stands still, beside iperf3 at full speed.
No test: by hand,

    tests/system/run -s measure_roaming.py
"""

import statistics
import time

from host import wait_until
from lab import INNER, INTERNET
from roaming import Stream, Watch, add_cell, wifi_comes, wifi_goes

ROUNDS = 10


def tell(what, gaps):
    print(f"\n{what}: median {statistics.median(gaps) * 1000:.0f} ms of "
          f"{len(gaps)}: {', '.join(f'{gap * 1000:.0f}' for gap in gaps)}")


def start(lab, to=INTERNET):
    add_cell(lab)
    lab.start(client={"Routes": "default", "Keepalive": "5"})
    far = lab.internet if to == INTERNET else lab.server
    far.spawn(["iperf3", "-s", "--forceflush", "-B", to]).wait_for("listening")
    lab.client.spawn(["iperf3", "-c", to, "-t", "600"])
    wait_until(lambda: lab.client.status()["server"]["tx_bytes"] > 1 << 24, 20)
    return Stream(lab, to), Watch(lab, "lan", "cell")


def address(lab):
    clients = lab.server.status()["clients"]
    return clients[0]["endpoint"].partition(":")[0] if clients else ""


def test_switch_of_the_uplink(lab):
    stream, watch = start(lab)
    away, back = [], []
    for _ in range(ROUNDS):
        for move, gaps, where in ((wifi_goes, away, "192.168.2.2"),
                                  (wifi_comes, back, "192.168.1.2")):
            began = time.monotonic()
            move(lab)
            wait_until(lambda: address(lab) == where)
            stream.flows(time.monotonic())
            gaps.append(stream.gap(began))
    tell("Wi-Fi goes, LTE takes over", away)
    tell("Wi-Fi comes back and takes over", back)
    assert not watch.leaks()


def test_restart_of_the_server(lab):
    stream, watch = start(lab, INNER)
    gaps = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        lab.server.minivpn("down")
        lab.serve()
        wait_until(lambda: address(lab), 20)
        stream.flows(time.monotonic())
        gaps.append(stream.gap(began))
    tell("the server is restarted", gaps)
    assert not watch.leaks()
