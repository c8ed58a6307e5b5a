# SPDX-License-Identifier: GPL-2.0-or-later
"""Name servers of the tunnel: set, looked after, taken back; and no name asked
for outside it. The client's own name server is the router's far side, which a
default tunnel's routes cover; the tunnel's is the server's inner address."""

import re

import pytest

from host import wait_until
from lab import INNER, ROUTER_WAN, SERVER
from names import UPLINK, NameServer, Resolved, lookup, queries
from packets import Capture

OUTSIDE, INSIDE = "192.0.2.7", "192.0.2.8"
MOVED = "203.0.113.6"  # the server's second address


@pytest.fixture
def outside(lab):
    """Of the client's own network; www.test is another there than inside."""
    return NameServer(lab.router, ROUTER_WAN, vpn_test=SERVER,
                      www_test=OUTSIDE, only_outside_test=OUTSIDE)


@pytest.fixture
def inside(lab):
    return NameServer(lab.server, INNER, www_test=INSIDE, a_corp_test=INSIDE)


@pytest.fixture
def plain(lab, outside):
    """The client has an ordinary resolv.conf."""
    lab.client.shell(f"echo nameserver {ROUTER_WAN} >/etc/resolv.conf")
    lab.client.baseline()
    return outside


@pytest.fixture
def resolved(lab, outside):
    made = Resolved(lab.client, ROUTER_WAN)
    lab.client.baseline()
    return made


def assert_by_tunnel(client):
    """Names are asked for inside, and not one outside."""
    with Capture(client, "eth0") as wire:
        assert lookup(client, "www.test") == INSIDE
        assert lookup(client, "only.outside.test", check=False) is None
        assert queries(wire.seen()) == []


def assert_as_before(client):
    assert lookup(client, "www.test") == OUTSIDE


DEFAULT = {"server": {"DNS": INNER}, "client": {"Server": "vpn.test",
                                                "Routes": "default"}}


def test_plain_file(lab, plain, inside):
    assert_as_before(lab.client)
    assert "via vpn.test" in lab.start(**DEFAULT)
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")
    assert_as_before(lab.client)


def test_resolved(lab, resolved, inside):
    """Per link, for all names, and nothing of it is left."""
    assert_as_before(lab.client)
    before = lab.client.resolv_conf()
    lab.start(**DEFAULT)
    assert lab.client.resolv_conf() == before
    assert resolved.link("tun0") == ([INNER], ["~."], ["yes"])
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")
    assert_as_before(lab.client)
