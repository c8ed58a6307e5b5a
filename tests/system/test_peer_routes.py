# SPDX-License-Identifier: GPL-2.0-or-later
"""PeerRoutes: who is connected can be read from the server's routes."""

import json
import os
import signal

import pytest

from host import wait_until
from lab import INNER
from test_live import reload

BOTH = ["10.8.0.2", "fd08::2"]
QUICK = {"Keepalive": "1"}


def peer_routes(host):
    return sorted(route["dst"] for family in "46"
                  for route in json.loads(host.ip(
                      f"-j -{family} route show proto 77").stdout)
                  if route.get("metric", 0) >= 0x10000)


def metric_of(host, address):
    return json.loads(host.ip(f"-j route show {address}").stdout)[0]["metric"]


def has(host, expected):
    wait_until(lambda: peer_routes(host) == expected, 10,
               f"{expected}, not {peer_routes(host)}")


@pytest.mark.smoke
def test_they_follow_the_clients(lab):
    other = lab.add_client()
    lab.enroll(other, "bob", Address="10.8.0.77")
    lab.start(server={"PeerRoutes": "yes"})
    has(lab.server, BOTH)
    metric = metric_of(lab.server, "10.8.0.2")
    assert 0x10000 <= metric <= 0xffffff
    lab.connect(other)
    has(lab.server, ["10.8.0.2", "10.8.0.77", "fd08::2", "fd08::4d"])
    assert other.ping(INNER)
    lab.client.minivpn("down")
    has(lab.server, ["10.8.0.77", "fd08::4d"])
    path = lab.server.directory / "server.conf"
    path.write_text(path.read_text().replace("PeerRoutes = yes\n", ""))
    assert "PeerRoutes" in reload(lab.server, "server")
    has(lab.server, ["10.8.0.77", "fd08::4d"])
    lab.server.minivpn("down")
    assert peer_routes(lab.server) == []


def test_they_go_with_the_tunnel_process(lab):
    lab.start(server={"PeerRoutes": "yes", **QUICK}, client=QUICK)
    has(lab.server, BOTH)
    first = metric_of(lab.server, "10.8.0.2")
    os.kill(lab.server.minivpn_processes()["tunnel"], signal.SIGKILL)
    lab.server.killed = True
    has(lab.server, [])
    has(lab.server, BOTH)
    assert metric_of(lab.server, "10.8.0.2") <= first


def test_they_go_when_all_are_killed(lab):
    """No journal has them: they are the tun device's."""
    lab.start(server={"PeerRoutes": "yes"})
    has(lab.server, BOTH)
    lab.server.kill_minivpn()
    has(lab.server, [])


def test_dry_run_tells_of_them(lab):
    lab.enroll(lab.client, "alice")
    path = lab.server.directory / "server.conf"
    lab.serve(PeerRoutes="yes")
    said = lab.server.minivpn("up", "--dry-run", path).stdout
    assert "ip route add ADDRESS dev tun0 proto 77 metric" in said
