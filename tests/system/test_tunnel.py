# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: packets of a client go through the server, encrypted."""

import json
import re
import socket
import struct

import pytest

from lab import (CLIENT, CLIENT6, INNER, INNER6, INTERNET, INTERNET6,
                 ROUTER_WAN, SERVER, SERVER6, SERVER_BEHIND, SERVER_BEHIND6)
from packets import TCP, UDP, Capture, send_udp

MARK = b"nobody on the way may read this"


def outside(packet):
    """A DTLS 1.2 record between the client and the server, by its head."""
    return (packet.protocol == UDP and
            packet.addresses == {CLIENT, SERVER} and
            packet.data[29:31] in (b"\xfe\xfd", b"\xfe\xff"))


@pytest.mark.smoke
def test_full_tunnel(lab):
    """All traffic by the server: seen as the server's, and never in clear."""
    line = lab.start(client={"Routes": "default"})
    assert re.fullmatch(
        r"minivpn: client: up on tun0, 10\.8\.0\.2\b.* via 203\.0\.113\.5 "
        r"\(203\.0\.113\.5:4433\), \d+(\.\d+)? ms\n", line), line
    with Capture(lab.router, "wan") as wire, \
            Capture(lab.internet, "eth0") as far:
        assert lab.client.ping(INTERNET, count=3,
                               extra=["-p", MARK[:16].hex()])
        send_udp(lab.client, INTERNET, MARK)
        asked = far.wait_for(lambda packet: MARK in packet.data)
        assert asked.source == SERVER_BEHIND
        assert {packet.source for packet in far.seen()
                if packet.to == INTERNET} == {SERVER_BEHIND}
        assert wire.seen() and all(map(outside, wire.seen())), wire.seen()
        assert not wire.holds(MARK) and not wire.holds(MARK[:16])


def test_server_in_a_large_network(lab):
    """The network is too large to be let in, but the server itself is."""
    lab.start(server={"Address": "10.8.0.1/16"}, client={"Routes": "none"})
    assert lab.client.ping(INNER)


def test_full_tunnel_ipv6(lab):
    lab.start(client={"Routes": "default"})
    with Capture(lab.router, "wan") as wire, \
            Capture(lab.internet, "eth0") as far:
        assert lab.client.ping(INTERNET6)
        send_udp(lab.client, INTERNET6, MARK)
        asked = far.wait_for(lambda packet: MARK in packet.data)
        assert asked.source == SERVER_BEHIND6
        assert all(map(outside, wire.seen())) and not wire.holds(MARK)


def test_iperf(lab):
    """A real load both ways, and packets of every size."""
    lab.start()
    service = lab.internet.spawn(["iperf3", "--server", "--forceflush"])
    service.wait_for("listening")
    for extra in ([], ["--reverse"]):
        result = lab.client.run(["iperf3", "--client", INTERNET, "--time", "1",
                                 "--json", *extra])
        received = json.loads(result.stdout)["end"]["sum_received"]
        assert received["bytes"] > 1 << 20
    mtu = lab.client.status()["mtu"]
    for size in (0, 1, mtu - 29, mtu - 28):
        assert lab.client.ping(INTERNET, extra=["-M", "do", "-s", str(size)])
    assert lab.client.ping(INTERNET, extra=["-s", "4000"])
    counted = lab.client.status()["traffic"]
    assert counted["rx_bytes"] > 1 << 20 and counted["tx_bytes"] > 1 << 20


def test_no_fragments(lab):
    """The tunnel's own packets fit the way: MTU 1500 outside."""
    lab.start()
    mtu = lab.client.status()["mtu"]
    assert 1280 <= mtu <= 1435
    with Capture(lab.router, "wan") as wire:
        assert lab.client.ping(INTERNET, extra=["-M", "do", "-s",
                                                str(mtu - 28)])
        assert max(len(packet.data) for packet in wire.seen()) <= 1500
        assert all(map(outside, wire.seen()))


def test_mss_is_clamped(lab):
    """Both ends of a TCP connection learn by the SYN what fits inside."""
    lab.internet.ip(f"route add 192.168.44.0/24 via {SERVER_BEHIND}")
    lab.internet.baseline()
    lab.start(server={"NAT": "no"}, client={"MTU": "1300"},
              Subnets="192.168.44.0/24")
    address = "192.168.44.1"
    with Capture(lab.client, "tun0") as near, \
            lab.internet.socket(kind=socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        caller.connect_ex((address, 9))
        syn = near.wait_for(lambda packet: packet.protocol == TCP)
        kind, _, size = struct.unpack("!BBH", syn.data[40:44])
        assert kind == 2 and size < 1460
        assert size <= lab.server.status()["mtu"] - 40


@pytest.mark.smoke
def test_split_tunnel(lab):
    """Only the networks of the list go inside; the rest as always."""
    lab.start(client={"Routes": "198.51.100.0/24, 2001:db8:3::/64"})
    with Capture(lab.router, "wan") as wire:
        assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)
        assert all(map(outside, wire.seen()))
        send_udp(lab.client, ROUTER_WAN, MARK)
        send_udp(lab.client, SERVER, MARK)
        wire.wait_for(lambda packet: MARK in packet.data and
                      packet.addresses == {CLIENT, SERVER})
    way = lab.client.ip("route get 192.0.2.1").stdout
    assert "via 192.168.1.1 dev eth0" in way


def test_no_routes(lab):
    """Routes = none: the tunnel's own network and nothing else."""
    lab.start(client={"Routes": "none"})
    assert lab.client.ping(INNER) and lab.client.ping(INNER6)
    assert "dev eth0" in lab.client.ip(f"route get {INTERNET}").stdout
    assert "dev eth0" in lab.client.ip(f"route get {INTERNET6}").stdout


def test_pushed_default(lab):
    lab.start(server={"Routes": "default"}, client={"Routes": "pushed"})
    assert "dev tun0" in lab.client.ip("route get 192.0.2.1").stdout
    assert "dev tun0" in lab.client.ip("route get 2001:db8:9::1").stdout
    assert "dev eth0" in lab.client.route_of_tunnel(SERVER)
    assert "dev tun0" in lab.client.ip(f"route get {SERVER}").stdout
    assert lab.client.ping(INTERNET)


def test_pushed_list(lab):
    lab.start(server={"Routes": "198.51.100.0/24, 192.0.2.0/25"})
    assert "dev tun0" in lab.client.ip("route get 192.0.2.1").stdout
    assert "dev eth0" in lab.client.ip("route get 192.0.2.200").stdout
    assert lab.client.ping(INTERNET)


def test_pushed_is_bounded(lab):
    """A client that wants its own list takes nothing else."""
    lab.start(server={"Routes": "default"}, client={"Routes": "192.0.2.0/24"})
    assert "dev tun0" in lab.client.ip("route get 192.0.2.1").stdout
    assert "dev eth0" in lab.client.ip(f"route get {INTERNET}").stdout


@pytest.mark.parametrize("routes", ["none", "192.0.2.0/24"])
def test_network_of_the_server_is_bounded(lab, routes):
    """Nor by a tunnel network of its own that is somebody else's."""
    lab.start(server={"Address": "8.8.0.1/16"}, client={"Routes": routes})
    assert "dev eth0" in lab.client.ip("route get 8.8.4.4").stdout
    assert "dev eth0" in lab.client.ip("route get 8.8.0.1").stdout
    lab.client.wait_log("client", r"8\.8\.0\.0/16 only our address")


@pytest.mark.parametrize("routes", ["default", "pushed"])
def test_no_leak_of_the_other_family(lab, routes):
    """A default tunnel of IPv4 alone: IPv6 leaves by no way at all."""
    lab.start(server={"Address": "10.8.0.1/24"}, client={"Routes": routes})
    with Capture(lab.router, "wan") as wire:
        assert not lab.client.ping(INTERNET6, wait=0.3, check=False)
        result = lab.client.ip(f"-6 route get {INTERNET6}", check=False)
        assert result.returncode or "unreachable" in result.stdout
        assert lab.client.ping(INTERNET)
        assert not [packet for packet in wire.seen() if packet.version == 6]


def test_no_leak_of_ipv4(lab):
    lab.start(server={"Address": "fd08::1/64"}, client={"Routes": "default"})
    result = lab.client.ip(f"route get {INTERNET}", check=False)
    assert result.returncode or "unreachable" in result.stdout
    assert lab.client.ping(INTERNET6)
    # The server itself is still reached outside: the tunnel needs it.
    assert "dev eth0" in lab.client.route_of_tunnel(SERVER)


def test_ipv6_outside(lab):
    line = lab.start(client={"Server": f"[{SERVER6}]:4433",
                             "Routes": "default"})
    assert f"([{SERVER6}]:4433)" in line
    with Capture(lab.router, "wan") as wire:
        assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)
        assert wire.seen()
        assert all(packet.protocol == UDP and
                   packet.addresses == {CLIENT6, SERVER6}
                   for packet in wire.seen()), wire.seen()
    assert lab.client.status()["server"]["endpoint"] == f"[{SERVER6}]:4433"


def test_names_are_resolved(lab):
    """Server as a name: each of its addresses is tried, the dead one first."""
    hosts = lab.client.path("/etc/hosts")
    hosts.write_text(f"{hosts.read_text()}2001:db8:2::dead vpn.example.org\n"
                     f"{SERVER} vpn.example.org\n")
    lab.client.baseline()
    line = lab.start(client={"Server": "vpn.example.org"})
    assert f"via vpn.example.org ({SERVER}:4433)" in line
    assert lab.client.ping(INNER)


def test_second_server_is_tried(lab):
    """Where the first is silent; the next start prefers the first again."""
    both = {"Server": ["203.0.113.5:4434", "203.0.113.5:4433"]}
    assert f"({SERVER}:4433)" in lab.start(client=both)
    lab.client.minivpn("down")
    lab.server.minivpn("down")
    lab.serve(Listen=["4433", "4434"])
    assert f"({SERVER}:4434)" in lab.connect(**both)


def test_answers_come_from_the_address_that_was_asked(lab):
    """A server of many addresses: a client sees one of them only."""
    lab.router.ip(f"route add {SERVER_BEHIND} via {SERVER}")
    lab.start(client={"Server": f"{SERVER_BEHIND}:4433"})
    with Capture(lab.router, "wan") as wire:
        assert lab.client.ping(INNER)
        assert {packet.source for packet in wire.seen()
                if packet.to == CLIENT} == {SERVER_BEHIND}


@pytest.mark.smoke
def test_resolver(lab):
    """Pushed name servers take the place of the host's own."""
    before = lab.client.resolv_conf()
    lab.start(server={"DNS": "10.8.0.1, fd08::1", "Search": "lab.example"})
    text = lab.client.resolv_conf()
    assert re.findall(r"^nameserver (\S+)", text, re.M) == [INNER, INNER6]
    assert re.search(r"^search lab\.example$", text, re.M)
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == before


def test_resolver_as_a_link(lab):
    """A symbolic link, as systemd-resolved has it, comes back as a link."""
    lab.client.shell("mkdir /etc/stub; mv /etc/resolv.conf /etc/stub/resolv;"
                     "ln -s stub/resolv /etc/resolv.conf")
    lab.client.baseline()
    lab.start(client={"DNS": "192.0.2.1"})
    assert "nameserver 192.0.2.1" in lab.client.resolv_conf()
    assert "192.0.2.53" in lab.client.path("/etc/stub/resolv").read_text()


def test_resolver_changed_by_another(lab):
    """What somebody else wrote meanwhile is not overwritten."""
    lab.start(client={"DNS": "192.0.2.1"})
    lab.client.shell("echo 'nameserver 192.0.2.99' >/etc/new;"
                     "mv /etc/new /etc/resolv.conf")
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == "nameserver 192.0.2.99\n"
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def test_resolver_refused(lab):
    before = lab.client.resolv_conf()
    lab.start(server={"DNS": "10.8.0.1"}, client={"DNS": "none"})
    assert lab.client.resolv_conf() == before


def test_nat_off(lab):
    """NAT = no: the inner address is what the far side sees."""
    lab.start(server={"NAT": "no"})
    with Capture(lab.internet, "eth0") as far:
        send_udp(lab.client, INTERNET, MARK)
        asked = far.wait_for(lambda packet: MARK in packet.data)
        assert asked.source == lab.client.status()["addresses"][0].split("/")[0]


def test_nat_on_one_device(lab):
    lab.start(server={"NAT": "eth1"})
    with Capture(lab.internet, "eth0") as far:
        send_udp(lab.client, INTERNET, MARK)
        asked = far.wait_for(lambda packet: MARK in packet.data)
        assert asked.source == SERVER_BEHIND


@pytest.mark.parametrize("cipher", ["AES-GCM", "ChaCha20-Poly1305"])
def test_ciphers(lab, cipher):
    lab.start(client={"Cipher": cipher})
    assert lab.client.ping(INTERNET, count=3)
    used = lab.client.status()["server"]["cipher"].upper()
    assert cipher.split("-")[0].upper() in used


def test_mtu_of_the_file(lab):
    lab.start(client={"MTU": "1300"})
    assert lab.client.status()["mtu"] == 1300
    assert "mtu 1300" in lab.client.ip("link show tun0").stdout
    assert lab.client.ping(INTERNET, extra=["-M", "do", "-s", "1272"])


def test_device_of_the_file(lab):
    lab.start(server={"Device": "vpn-in"}, client={"Device": "vpn.0"})
    assert lab.client.ping(INNER)
    assert lab.client.status()["device"] == "vpn.0"
    assert lab.server.status()["device"] == "vpn-in"
