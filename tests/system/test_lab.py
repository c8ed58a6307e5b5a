# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: a test that can't fail is worth nothing."""

import socket

import snapshot
from lab import CLIENT, INTERNET, ROUTER_LAN, SERVER, SERVER6, SERVER_BEHIND
from packets import Capture, send_udp, udp_packet
from relay import Relay


def test_ways(lab):
    assert lab.client.ping(SERVER)
    assert lab.client.ping(SERVER6)
    assert lab.server.ping(INTERNET)
    assert lab.server.ping(CLIENT)
    assert not lab.client.ping(INTERNET, wait=0.2, check=False)


def test_state_sees_changes(lab):
    """Each kind of change is found, and found gone."""
    host = lab.client
    host.shell("ip link add gone type veth; ip link del gone")
    assert snapshot.difference(host.before, snapshot.take(host)) == ""
    changes = [
        ("route", "ip route add 192.0.2.0/24 via 192.168.1.1",
         "ip route del 192.0.2.0/24"),
        ("rule6", "ip -6 rule add pref 9 lookup main", "ip -6 rule del pref 9"),
        ("nft", "nft add table ip6 left", "nft delete table ip6 left"),
        ("sysctl", "echo 1 >/proc/sys/net/ipv4/ip_forward",
         "echo 0 >/proc/sys/net/ipv4/ip_forward"),
        ("resolver", "cp /etc/resolv.conf /etc/kept; echo >/etc/resolv.conf",
         "mv /etc/kept /etc/resolv.conf"),
        ("etc", "touch /etc/left", "rm /etc/left"),
        ("address", "ip address add 192.0.2.1/32 dev lo",
         "ip address del 192.0.2.1/32 dev lo"),
        ("link", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500"),
    ]
    for kind, do, undo in changes:
        host.shell(do)
        diff = snapshot.difference(host.before, snapshot.take(host))
        assert f"{kind}: " in diff, (kind, diff)
        host.shell(undo)
        assert snapshot.difference(host.before, snapshot.take(host)) == "", kind


def test_finish_sees_leftovers(lab):
    """A process and a file that stay are problems, then they are gone."""
    lab.client.rundir.mkdir()
    left = lab.client.rundir / "client.left"
    left.touch()
    lab.client.shell("setsid sleep 60 >/dev/null 2>&1 </dev/null &")
    problems = "\n".join(lab.finish())
    assert "sleep 60" in problems and "client.left" in problems
    left.unlink()


def test_capture_sees(lab):
    with Capture(lab.internet, "eth0") as far:
        send_udp(lab.server, INTERNET, b"a mark")
        seen = far.wait_for(lambda packet: b"a mark" in packet.data)
        assert (seen.source, seen.to) == (SERVER_BEHIND, INTERNET)
        assert far.holds(b"a mark") and not far.holds(b"another")


def test_made_packets_are_valid(lab):
    """The kernel's own checks let them through."""
    raw = lab.router.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_RAW)
    with raw, lab.server.socket() as receiver:
        receiver.settimeout(30)
        receiver.bind(("", 9))
        raw.sendto(udp_packet(CLIENT, SERVER, b"odd", 77), (SERVER, 0))
        assert receiver.recvfrom(100) == (b"odd", (CLIENT, 77))


def test_relay_gives_one_port(lab):
    relay = Relay(lab.router, (SERVER, 4433), one_port=5555)
    lab.closers.append(relay.close)
    with lab.server.socket() as receiver:
        receiver.settimeout(30)
        receiver.bind(("", 4433))
        for _ in range(3):
            with lab.client.socket() as sender:
                sender.settimeout(30)
                sender.sendto(b"question", (ROUTER_LAN, 5000))
                _, address = receiver.recvfrom(100)
                assert address == ("203.0.113.1", 5555)
                receiver.sendto(b"answer", address)
                assert sender.recv(100) == b"answer"


def test_relay_loses_and_swaps(lab):
    relay = Relay(lab.router, (SERVER, 4433), loss=0.2, reorder=0.2, repeat=0.1)
    lab.closers.append(relay.close)
    with lab.server.socket() as receiver, lab.client.socket() as sender:
        receiver.settimeout(0.5)
        receiver.bind(("", 4433))
        for number in range(100):
            sender.sendto(bytes([number]), (ROUTER_LAN, 5000))
        got = []
        try:
            while True:
                got += receiver.recv(100)
        except TimeoutError:
            pass
    assert relay.lost == 100 - len(set(got)) and 5 < relay.lost < 40
    assert got != sorted(got) and len(got) > len(set(got))
