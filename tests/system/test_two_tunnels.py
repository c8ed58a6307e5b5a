# SPDX-License-Identifier: GPL-2.0-or-later
"""Two tunnels on one client machine: one that takes everything and one that
takes a list, or two that take everything, the second within the first. The
second server is the internet host."""

import pytest

from files import Key, client_file, server_file
from lab import INNER, INTERNET, SERVER, Peer
from packets import UDP, Capture
from routing_lab import (FULL, assert_by, carries, open_internet,
                         wait_carries)

INNER2 = "10.9.0.1"
DEVICES = {"client": "tun0", "second": "tun1"}
INSIDE = {"client": INNER, "second": INNER2}
OUTSIDE = {"client": SERVER, "second": INTERNET}
LIST = "10.77.0.0/16, fd77::/64"
ELSEWHERE = ["192.0.2.1", "2001:db8:9::1"]


@pytest.fixture
def two(lab):
    """Both servers are there; the client's file for the second one."""
    open_internet(lab)
    lab.enroll(lab.client, "alice")
    lab.serve()
    key = Key.make()
    lab.internet.up(lab.internet.write("other.conf", server_file(
        lab.server_key, [Peer("alice", key, {})],
        Address="10.9.0.1/24, fd09::1/64")))

    def write(routes):
        return lab.client.write("second.conf", client_file(
            key, lab.server_key.public, Server=f"{INTERNET}:4433",
            Routes=routes, Device="tun1", Keepalive="1"))
    return write


def up(lab, path, order):
    """Brings both up in that order; "client" is that to the lab's server."""
    for name in order:
        if name == "client":
            lab.connect(**FULL, Keepalive="1")
        else:
            lab.client.up(path)


def down(lab, name):
    lab.client.minivpn("down", name)


def is_up(lab, name):
    status = lab.client.status(name)
    return status["state"] == "up" and not status["warnings"]


ORDERS = [("client", "second"), ("second", "client")]


@pytest.mark.parametrize("going", ORDERS, ids="-".join)
@pytest.mark.parametrize("coming", ORDERS, ids="-".join)
def test_all_and_a_list(lab, two, coming, going):
    up(lab, two(LIST), coming)
    wait_carries(lab.client, INNER)
    wait_carries(lab.client, INNER2)
    assert_by("tun0", lab.client, *ELSEWHERE)
    assert_by("tun1", lab.client, "10.77.0.1", "fd77::1", INNER2)
    assert is_up(lab, "client") and is_up(lab, "second")
    down(lab, going[0])
    if going[0] == "client":
        wait_carries(lab.client, INNER2)
        assert_by("tun1", lab.client, "10.77.0.1", "fd77::1")
        assert_by("eth0", lab.client, *ELSEWHERE)
    else:
        assert carries(lab.client, INNER)
        assert_by("tun0", lab.client, *ELSEWHERE, "10.77.0.1")
    down(lab, going[1])
    assert_by("eth0", lab.client, *ELSEWHERE)


@pytest.mark.parametrize("going", ORDERS, ids="-".join)
@pytest.mark.parametrize("coming", ORDERS, ids="-".join)
def test_one_within_the_other(lab, two, coming, going):
    """Both take everything: programs go by the one that came last, which goes
    by the other; when one goes, the other has it all."""
    up(lab, two("default"), coming)
    first, last = coming
    wait_carries(lab.client, INSIDE[last])
    assert_by(DEVICES[last], lab.client, *ELSEWHERE, INTERNET, SERVER)
    with Capture(lab.client, "eth0") as uplink:
        assert lab.client.ping(INSIDE[last], count=5)
        wrong = [packet for packet in uplink.seen() if packet.outgoing and not
                 (packet.protocol == UDP and packet.to == OUTSIDE[first])]
    assert not wrong
    assert is_up(lab, "client") and is_up(lab, "second")
    down(lab, going[0])
    left = going[1]
    wait_carries(lab.client, INSIDE[left])
    assert_by(DEVICES[left], lab.client, *ELSEWHERE, INTERNET, SERVER)
    down(lab, left)
    assert_by("eth0", lab.client, *ELSEWHERE)


@pytest.mark.parametrize("name", ["client", "second"])
def test_one_is_killed(lab, two, name):
    """All of its processes; `down` removes what was its, and that alone."""
    up(lab, two(LIST), ORDERS[0])
    wait_carries(lab.client, INNER2)
    status = lab.client.status(name)
    own = {status["pid"], status["tunnel_pid"]}
    lab.client.kill_minivpn([*own])
    # What is left of it may have undone it all before.
    lab.client.minivpn("down", name, check=False)
    other, inner = (("client", INNER) if name == "second"
                    else ("second", INNER2))
    wait_carries(lab.client, inner)
    if name == "second":
        assert_by("tun0", lab.client, *ELSEWHERE, "10.77.0.1")
    else:
        assert_by("tun1", lab.client, "10.77.0.1", "fd77::1")
        assert_by("eth0", lab.client, *ELSEWHERE)
    assert lab.client.status(other)["state"] == "up"
