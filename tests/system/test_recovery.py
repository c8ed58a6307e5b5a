# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes under a tunnel that is up, and is got over without a command."""

import pytest

from host import wait_until
from lab import INNER, INTERNET

QUICK = {"Keepalive": "2"}

# What an address manager does when the link is back: nothing of it is ours.
SETTLE = """
address replace 192.168.1.{number}/24 dev eth0
address replace 2001:db8:1::2/64 dev eth0
route replace default via 192.168.1.1
route replace default via 2001:db8:1::1
"""


def way_out(lab):
    return lab.client.ip(f"route get {INTERNET}").stdout


def comes_back(lab, timeout=20):
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), timeout,
               "the tunnel's coming back")
    assert lab.client.ping(INTERNET)
    assert "dev tun0" in way_out(lab)


def test_another_lease_leaks_nothing(lab):
    """The address changes: the kernel flushes routes with the old one."""
    lab.start(server=QUICK, client={"Routes": "default", **QUICK})
    lab.server.minivpn("down")
    lab.peers[0].options["Address"] = "10.8.0.77"
    lab.serve(**QUICK)
    wait_until(lambda: "10.8.0.77/24" in lab.client.status()["addresses"], 20,
               "the new address")
    comes_back(lab)
    routes = lab.client.own_routes()
    assert "0.0.0.0/1 dev tun0" in routes and "128.0.0.0/1 dev tun0" in routes


@pytest.mark.parametrize("number", [2, 77])
def test_uplink_goes_and_comes(lab, number):
    """Suspend, or the same Wi-Fi again: with the same address, or another."""
    lab.start(server=QUICK, client={"Routes": "default", **QUICK})
    lab.client.ip("link set eth0 down")
    if number != 2:
        lab.client.ip("address del 192.168.1.2/24 dev eth0")
    lab.client.ip("link set eth0 up")
    lab.client.batch(SETTLE.format(number=number))
    comes_back(lab, 40)
    lab.client.minivpn("down")
    if number != 2:
        lab.client.ip("address del 192.168.1.77/24 dev eth0")
        lab.client.batch(SETTLE.format(number=2))


def test_address_changes_under_a_live_link(lab):
    """A new lease of the uplink: the old source address is gone."""
    lab.start(server=QUICK, client={"Routes": "default", **QUICK})
    lab.client.batch("address add 192.168.1.77/24 dev eth0\n"
                     "address del 192.168.1.2/24 dev eth0\n"
                     + SETTLE.format(number=77))
    comes_back(lab)
    lab.client.minivpn("down")
    lab.client.ip("address del 192.168.1.77/24 dev eth0")
    lab.client.batch(SETTLE.format(number=2))


def test_fixed_addresses_change_hands(lab):
    """Two peers swap theirs in the file of a running server."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice", Address="10.8.0.20")
    lab.enroll(other, "bob", Address="10.8.0.30")
    lab.serve(**QUICK)
    lab.connect(**QUICK)
    lab.connect(other, **QUICK)
    path = lab.server.directory / "server.conf"
    swapped = path.read_text().replace("10.8.0.20", "10.8.0.x") \
        .replace("10.8.0.30", "10.8.0.20").replace("10.8.0.x", "10.8.0.30")
    path.write_text(swapped)
    lab.server.minivpn("reload")
    wait_until(lambda: "10.8.0.30/24" in lab.client.status()["addresses"] and
               "10.8.0.20/24" in other.status()["addresses"], 20, "the swap")
    assert lab.client.ping(INNER) and other.ping(INNER)


def test_resumed_by_ticket(lab):
    """A client that is sent away and comes again at once is still known; one
    that has been removed is not, whatever ticket it has."""
    lab.start(server=QUICK, client=QUICK)
    path = lab.server.directory / "server.conf"
    text = path.read_text()
    path.write_text(text.replace("[Peer alice]",
                                 "[Peer alice]\nAddress = 10.8.0.77"))
    lab.server.minivpn("reload")
    wait_until(lambda: "10.8.0.77/24" in lab.client.status()["addresses"], 20,
               "the new address")
    assert lab.client.ping(INNER)
    came = [line for line in lab.server.log("server").splitlines()
            if "alice: connected" in line]
    assert len(came) == 2
    assert "resumed" not in came[0] and came[1].endswith(", resumed")
    path.write_text(text[:text.index("[Peer alice]")])
    lab.server.minivpn("reload")
    lab.server.wait_log("server", "refused: key .* is not in the file", 20)
    assert not lab.server.status()["clients"]
    assert "alice: connected" not in \
        lab.server.log("server").partition("dismissed")[2] \
        .partition("dismissed")[2]
