# SPDX-License-Identifier: GPL-2.0-or-later
"""What stays outside a tunnel that takes everything: private networks that
the machine is in, what Exclude says, and what never leaves a link."""

import pytest

from host import wait_until
from lab import (CLIENT, INNER, INTERNET, INTERNET6, ROUTER_LAN, SERVER,
                 SERVER6)
from packets import Capture
from roaming import add_cell, wifi_comes, wifi_goes
from routing_lab import (FULL, KINDS, NOWHERE, Service, add_attacker, ask,
                         assert_by, carries, change, is_held, leaves,
                         open_internet, wait_by, wait_carries)


def start(lab, **client):
    """With name servers that nothing is excluded of."""
    lab.client.shell("echo nameserver 198.18.0.53 >/etc/resolv.conf")
    lab.client.baseline()
    lab.start(client={**FULL, **client})


# Exclude.

@pytest.mark.parametrize("exclude, outside, inside", [
    (INTERNET, [INTERNET], ["198.51.100.11", INTERNET6]),
    (f"{INTERNET}/32", [INTERNET], ["198.51.100.9"]),
    ("198.51.100.0/25", [INTERNET, "198.51.100.127"], ["198.51.100.128"]),
    ("2001:db8:3::/64", [INTERNET6], [INTERNET, "2001:db8:4::1"]),
    (INTERNET6, [INTERNET6], ["2001:db8:3::11", INTERNET]),
    (f"{INTERNET}, 192.0.2.0/24, 2001:db8:3::/48",
     [INTERNET, "192.0.2.1", INTERNET6], ["1.1.1.1", "2600::1"]),
    ("10.0.0.0/8", ["10.77.0.1"], [INTERNET, INNER])],
    ids=["address", "host", "network", "v6", "address6", "several", "around"])
def test_what_is_excluded(lab, exclude, outside, inside):
    start(lab, Exclude=exclude)
    assert_by("eth0", lab.client, *outside, kinds=KINDS)
    assert_by("tun0", lab.client, *inside, kinds=KINDS)
    assert lab.client.status()["state"] == "up"
    assert not lab.client.status()["warnings"]
    assert lab.client.ping(INNER)


def test_excluded_host_sees_our_own_address(lab):
    open_internet(lab)
    for address in (INTERNET, INTERNET6):
        Service(lab, lab.internet, address)
    start(lab, Exclude="198.51.100.10")
    assert ask(lab.client, INTERNET) == CLIENT
    assert ask(lab.client, INTERNET6) == "2001:db8:3::5"


def test_excluded_with_the_server_among_it(lab):
    start(lab, Exclude="203.0.113.0/24, 2001:db8:2::/64")
    assert_by("eth0", lab.client, SERVER, SERVER6, kinds=KINDS)
    assert is_held(lab.client)
    assert carries(lab.client)


def test_excluded_goes_where_the_uplink_goes(lab):
    """To LTE and back; not one packet of it by the tunnel for long."""
    add_cell(lab)
    start(lab, Exclude=f"{INTERNET}, 192.0.2.0/24")
    assert_by("eth0", lab.client, INTERNET, "192.0.2.1")
    wifi_goes(lab)
    wait_by("eth1", lab.client, INTERNET, "192.0.2.1")
    wait_carries(lab.client, INNER)
    assert_by("tun0", lab.client, "198.51.100.11", "1.1.1.1")
    wifi_comes(lab)
    wait_by("eth0", lab.client, INTERNET, "192.0.2.1")
    wait_carries(lab.client, INNER)


def test_excluded_where_the_tunnel_lacks_the_family(lab):
    """All of IPv6 is unreachable but that."""
    lab.start(server={"Address": "10.8.0.1/24"},
              client={**FULL, "Exclude": "2001:db8:3::10"})
    assert_by("eth0", lab.client, INTERNET6)
    assert leaves(lab.client, "2001:db8:3::11") == NOWHERE
    assert leaves(lab.client, "2600::1") == NOWHERE
    assert_by("tun0", lab.client, INTERNET)


def test_excluded_and_the_kill_switch(lab):
    """It holds what Exclude lets out, unless it is told otherwise."""
    start(lab, Exclude=INTERNET, KillSwitch="yes")
    assert leaves(lab.client, INTERNET, wait=0.3) == NOWHERE
    assert_by("tun0", lab.client, "198.51.100.11", INTERNET6)


def test_more_specific_routes_do_not_widen_it(lab):
    """What main has for a network that is excluded only in part."""
    add_attacker(lab)
    start(lab, Exclude="198.51.100.0/28")
    change(lab, """
        route {} 198.51.100.0/24 via 192.168.1.3
        route {} 0.0.0.0/1 via 192.168.1.3 metric 50
        route {} 198.51.100.77 via 192.168.1.3""")
    assert_by("tun0", lab.client, "198.51.100.77", "198.51.100.16", "1.1.1.1")
    assert_by("eth0", lab.client, INTERNET)


# Private networks that the machine is in.

def test_private_lan(lab):
    """Printers and the like are reached as ever, and reach us."""
    other = lab.add_client()
    for number, host in ((2, lab.client), (3, other)):
        host.ip(f"address add fd01::{number}/64 dev eth0 nodad")
        host.baseline()
    start(lab)
    assert_by("eth0", lab.client, "192.168.1.3", ROUTER_LAN, "192.168.1.255",
              "fd01::3", kinds=("udp",))
    assert_by("eth0", lab.client, "192.168.1.3", "fd01::3",
              kinds=("tcp", "icmp"))
    assert lab.client.ping("192.168.1.3") and lab.client.ping("fd01::3")
    assert other.ping(CLIENT) and other.ping("fd01::2")
    local = [word for word in other.ip("-6 -o address show scope link").stdout
             .split() if word.startswith("fe80")][0].split("/")[0]
    assert lab.client.ping(f"{local}%eth0")
    assert is_held(lab.client)


@pytest.mark.parametrize("network, neighbour", [
    ("10.20.1.2/16", "10.20.9.9"), ("172.20.0.2/30", "172.20.0.1"),
    ("169.254.7.2/16", "169.254.8.8")], ids=["10", "172", "link-local"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_other_private_networks(lab, moment, network, neighbour):
    """Whether it was there before or comes while the tunnel is up; and when
    it goes there is nothing private to it any more."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    if moment == "after":
        lab.connect(**FULL)
    change(lab, f"""
        address {{}} {network} dev eth0
        neigh {{}} {neighbour} lladdr 02:00:00:00:00:09 dev eth0""",
           moment == "after")
    if moment == "before":
        lab.connect(**FULL)
    wait_by("eth0", lab.client, neighbour)
    assert is_held(lab.client) and carries(lab.client)
    if moment == "after":
        lab.client.ip(f"address del {network} dev eth0")
        if not neighbour.startswith("169.254."):
            wait_by("tun0", lab.client, neighbour)


def test_private_lan_of_another_uplink(lab):
    """Both of them; and one that is gone is no neighbour."""
    add_cell(lab)
    start(lab)
    assert_by("eth0", lab.client, ROUTER_LAN)
    assert_by("eth1", lab.client, "192.168.2.1")
    wifi_goes(lab)
    wait_by("eth1", lab.client, "192.168.2.1")
    wait_carries(lab.client)
    assert leaves(lab.client, "192.168.1.3", wait=0.3) in ("tun0", NOWHERE)
    wifi_comes(lab)
    wait_by("eth0", lab.client, ROUTER_LAN)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_lan(lab, moment):
    """Exclude = lan: whatever networks the machine's links are in."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    if moment == "after":
        lab.connect(**FULL, Exclude="lan")
    change(lab, f"""
        address {{}} 198.51.100.77/24 dev eth0
        address {{}} 2001:db8:3::77/64 dev eth0 nodad
        neigh {{}} {INTERNET} lladdr 02:00:00:00:00:09 dev eth0
        neigh {{}} {INTERNET6} lladdr 02:00:00:00:00:09 dev eth0""",
           moment == "after")
    if moment == "before":
        lab.connect(**FULL, Exclude="lan")
    wait_by("eth0", lab.client, INTERNET, INTERNET6, "192.168.1.1",
            "2001:db8:1::1")
    assert_by("tun0", lab.client, "198.51.101.1", "2001:db8:4::1", "1.1.1.1")
    assert carries(lab.client, INNER)


# What never leaves a link.

@pytest.mark.parametrize("routes", ["default", "none", "192.0.2.0/24"])
@pytest.mark.parametrize("to", ["224.0.0.251", "239.255.255.250", "ff02::fb",
                                "ff05::c", "255.255.255.255"])
def test_multicast_and_broadcast(lab, to, routes):
    """From a socket that names no device, as printers are looked for."""
    before = leaves(lab.client, to)
    assert before == "eth0"
    lab.start(client={"Routes": routes})
    assert leaves(lab.client, to) == "eth0"


def test_somebody_else_is_found_by_multicast(lab):
    """And answers, to the uplink's address."""
    other = lab.add_client()
    start(lab)
    with other.socket() as own, lab.client.socket() as asker, \
            Capture(other, "eth0") as seen:
        own.settimeout(30)
        asker.settimeout(30)
        own.bind(("", 5353))
        group = bytes([224, 0, 0, 251, 192, 168, 1, 3])
        own.setsockopt(0, 35, group)  # IP_ADD_MEMBERSHIP
        asker.sendto(b"who prints?", ("224.0.0.251", 5353))
        question, address = own.recvfrom(100)
        assert question == b"who prints?" and address[0] == CLIENT
        own.sendto(b"I do", address)
        assert asker.recv(100) == b"I do"
        assert all(packet.source != "10.8.0.2" for packet in seen.seen())


def test_dhcp_renewal_reaches_its_server(lab):
    """By unicast from the lease's address (RFC 2131, 4.4.5), and broadcast."""
    start(lab)
    with lab.router.socket() as server, lab.client.socket() as own:
        server.settimeout(30)
        server.bind(("", 67))
        own.setsockopt(1, 6, 1)  # SO_BROADCAST
        own.bind(("", 68))
        for to in (ROUTER_LAN, "255.255.255.255"):
            own.sendto(b"renew " + to.encode(), (to, 67))
            request, address = server.recvfrom(100)
            assert request.decode() == f"renew {to}"
            assert address == (CLIENT, 68)
    wait_until(lambda: is_held(lab.client), 1)
