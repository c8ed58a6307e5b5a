# SPDX-License-Identifier: GPL-2.0-or-later
"""Three tunnels on one client machine, each of which takes everything and goes
through the one that was brought up before it; the outermost may be another
VPN. The first server is the lab's; the others are on the internet host, one at
each of its addresses."""

from files import Key, client_file, server_file
from lab import INTERNET, SERVER, Peer
from packets import UDP, Capture
from routing_lab import (FULL, VPN_MARK, add_marked_vpn, assert_by, carries,
                         open_internet, wait_carries)

FAR = "198.51.101.10"
ELSEWHERE = ["192.0.2.1", "2001:db8:9::1"]


def add_server(lab, name, listen, number):
    """On the internet host; the client's file for it."""
    key = Key.make()
    lab.internet.up(lab.internet.write(f"{name}.conf", server_file(
        lab.server_key, [Peer("alice", key, {})], Listen=listen, NAT="no",
        Device=f"tun{number}",
        Address=f"10.{number}.0.1/24, fd0{number}::1/64")))
    return lab.client.write(f"{name}.conf", client_file(
        key, lab.server_key.public, Server=listen, Routes="default",
        Device=f"tun{number}", Keepalive="1"))


def own_packets(lab):
    """What leaves by the wire while all three carry, but for the tunnel that
    is outermost."""
    with Capture(lab.client, "eth0") as uplink:
        assert lab.client.ping("10.3.0.1", count=4)
        return [packet for packet in uplink.seen() if packet.outgoing and
                not (packet.protocol == UDP and packet.to == SERVER)]


def test_each_in_the_one_before(lab):
    open_internet(lab)
    lab.enroll(lab.client, "alice")
    lab.serve()
    second = add_server(lab, "second", f"{INTERNET}:4433", 2)
    third = add_server(lab, "third", f"{FAR}:4433", 3)
    lab.connect(**FULL, Keepalive="1")
    lab.client.up(second)
    lab.client.up(third)
    wait_carries(lab.client, "10.3.0.1")
    assert_by("tun3", lab.client, *ELSEWHERE, SERVER, INTERNET, FAR)
    assert not own_packets(lab)
    for name in "client", "second", "third":
        status = lab.client.status(name)
        assert status["state"] == "up" and not status["warnings"], status
    # The one in the middle goes, and comes again within the others.
    lab.client.minivpn("down", "second")
    wait_carries(lab.client, "10.3.0.1")
    assert_by("tun3", lab.client, *ELSEWHERE)
    assert not own_packets(lab)
    lab.client.up(second)
    wait_carries(lab.client, "10.2.0.1")
    assert carries(lab.client, "10.2.0.1")
    with Capture(lab.client, "eth0") as uplink:
        lab.client.ping("10.2.0.1", count=4)
        assert not [packet for packet in uplink.seen() if packet.outgoing and
                    not (packet.protocol == UDP and packet.to == SERVER)]
    for name in "second", "third", "client":
        lab.client.minivpn("down", name)
    assert_by("eth0", lab.client, *ELSEWHERE)


def test_two_in_another_vpn(lab):
    """Its own packets go to its server: into neither of the two."""
    client = lab.client
    client.compared = False
    add_marked_vpn(lab)
    open_internet(lab)
    client.ip(f"rule add not fwmark {VPN_MARK} table {VPN_MARK}")
    lab.enroll(client, "alice")
    lab.serve()
    lab.connect(**FULL, Keepalive="1")
    client.up(add_server(lab, "second", f"{INTERNET}:4433", 2))
    wait_carries(client, "10.2.0.1")
    assert_by("tun2", client, *ELSEWHERE, SERVER, INTERNET)
    with Capture(client, "eth0") as wire:
        assert client.ping("10.2.0.1", count=8)
        assert {packet.to_port for packet in wire.seen()
                if packet.outgoing} == {VPN_MARK}
    for name in "client", "second":
        status = client.status(name)
        assert status["state"] == "up" and not status["warnings"], status
