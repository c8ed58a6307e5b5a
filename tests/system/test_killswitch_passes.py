# SPDX-License-Identifier: GPL-2.0-or-later
"""KillSwitch = yes: what passes all the same, seen on the wire: what a link
needs, guests of this machine, and what the file lets out."""

import socket
import struct

import pytest

from host import wait_until
from lab import (CLIENT, CLIENT6, INNER, INTERNET, INTERNET6, ROUTER_LAN,
                 SERVER, SERVER6)
from leaks import icmpv6_type, is_about_groups
from packets import IGMP, UDP, Capture

FILE = {"Routes": "default", "KillSwitch": "yes", "Keepalive": "2"}
GROUP, GROUP6 = "239.7.7.7", "ff05::7:7"
# A private network behind the router, and a public one on the link.
BEHIND, PUBLIC, PUBLIC_ROUTER = "10.66.0.1", "203.0.114.2", "203.0.114.1"

NAME_SERVER = """
import socket, sys, threading
listener = socket.create_server(("::", 53), family=socket.AF_INET6,
                                dualstack_ipv6=True)
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(41, 26, 0)
server.bind(("::", 53))
def tcp():
    while True:
        one, _ = listener.accept()
        one.sendall(b"an answer")
        one.close()
threading.Thread(target=tcp, daemon=True).start()
print("ready", flush=True)
while True:
    question, to = server.recvfrom(512)
    server.sendto(b"an answer", to)
"""


def start(lab, **options):
    lab.enroll(lab.client, "alice")
    lab.serve(Keepalive="2")
    path = lab.client_conf(**{**FILE, **options})
    lab.client.up(path)
    return path


@pytest.fixture
def wire(lab):
    with Capture(lab.client, "eth0", strict=True) as capture:
        yield capture


def bound(host, family, device="eth0", kind=socket.SOCK_DGRAM, protocol=0):
    """A socket whose packets leave by that device or not at all."""
    own = host.socket(family, kind, protocol)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return own


def sends(host, to, port=9, device="eth0", from_port=0):
    """A datagram; False where it was dropped at once."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with bound(host, family, device) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("", from_port))
        try:
            own.sendto(b"a secret", (to, port))
        except PermissionError:
            return False
    return True


def add_guest(lab, number=1, master=None):
    """A container of the client's, on a network of its own or bridged."""
    guest = lab.add_host(f"guest{number}")
    guest.compared = False
    client = lab.client
    client.shell("""
        echo 1 >/proc/sys/net/ipv4/ip_forward
        echo 1 >/proc/sys/net/ipv6/conf/all/forwarding""")
    client.batch(f"""
        link add box{number} type veth peer name eth0 netns {guest.pid}
        link set box{number} up""")
    guest.batch(f"""
        address add 172.16.9.{number + 1}/24 dev eth0
        address add fd09::{number + 1}/64 dev eth0
        link set eth0 up
        route add default via 172.16.9.1
        route add default via fd09::1""")
    if master:
        client.ip(f"link set box{number} master {master}")
    else:
        client.batch(f"""
            address add 172.16.9.1/24 dev box{number}
            address add fd09::1/64 dev box{number}""")
    wait_until(lambda: "state UP" in guest.ip("link show eth0").stdout and
               "fe80:" in guest.ip("-6 address show eth0").stdout,
               what="the guest's link")
    client.run(["nft", "-f", "-"], input="""
        table inet guests { chain postrouting {
            type nat hook postrouting priority srcnat
            iifname "box*" masquerade
        }
        }""")
    client.baseline()
    return guest


def asks(guest, to, kind):
    """The answer of a name server."""
    with guest.socket(socket.AF_INET6 if ":" in to else socket.AF_INET,
                      kind) as own:
        own.settimeout(30)
        own.connect((to, 53))
        if kind == socket.SOCK_DGRAM:
            own.send(b"a question")
        return own.recv(99)


def test_members_of_groups(lab, wire):
    """A switch that snoops goes on to lead neighbour discovery to it."""
    client, router = lab.client, lab.router
    router.ip("link set lan type bridge mcast_snooping 1 mcast_querier 1 "
              "mcast_query_response_interval 100 "
              "mcast_startup_query_interval 100 mcast_query_interval 300")
    start(lab)
    client.ip("address add 2001:db8:1::beef/64 dev eth0")
    wait_until(lambda: "ff02::1:ff00:beef" in
               router.run(["bridge", "mdb", "show"]).stdout,
               what="the router's bridge knows of it")
    # Once more when asked, and from no address (RFC 3590).
    since = len(wire.seen())
    wait_until(lambda: any(
        icmpv6_type(packet) == 143 and packet.outgoing
        for packet in wire.seen()[since:]), 10, "the answer to a query")
    with client.socket(socket.AF_INET) as four, \
            client.socket(socket.AF_INET6) as six:
        index = socket.if_nametoindex
        with client.inside():
            device = index("eth0")
        four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        struct.pack("@4s4si", socket.inet_aton(GROUP),
                                    bytes(4), device))
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                       struct.pack("@16sI", socket.inet_pton(
                           socket.AF_INET6, GROUP6), device))
        for group in (GROUP, GROUP6):
            wait_until(lambda: group in
                       router.run(["bridge", "mdb", "show"]).stdout,
                       what=f"the router's bridge knows of {group}")
    assert any(packet.protocol == IGMP and packet.outgoing
               for packet in wire.seen())
    client.ip("address del 2001:db8:1::beef/64 dev eth0")


def test_groups_are_no_way_out(lab, wire):
    """What looks like MLD or IGMP but may be routed does not pass."""
    start(lab)
    reports = ((socket.AF_INET6, socket.IPPROTO_ICMPV6, INTERNET6,
                bytes([131, 0]) + bytes(22)),
               (socket.AF_INET, IGMP, "224.0.0.22", bytes(16)))
    for family, protocol, to, report in reports:
        with bound(lab.client, family, kind=socket.SOCK_RAW,
                   protocol=protocol) as own:
            if family == socket.AF_INET6:
                own.setsockopt(socket.IPPROTO_IPV6,
                               socket.IPV6_UNICAST_HOPS, 64)
            else:
                own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 64)
            with pytest.raises(PermissionError):
                own.sendto(report, (to, 0))
    groups = [packet for packet in wire.seen() if packet.outgoing and
              (packet.protocol == IGMP or icmpv6_type(packet) == 131)]
    assert all(map(is_about_groups, groups)), groups


def test_guests(lab, wire):
    """They get addresses and answers, and no way out beside the tunnel."""
    client = lab.client
    guest = add_guest(lab)
    server = client.spawn(["/usr/bin/python3", "-c", NAME_SERVER])
    server.wait_for("ready")
    start(lab)
    for to in ("172.16.9.1", "fd09::1"):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            assert asks(guest, to, kind) == b"an answer"
    server.stop()
    words = guest.ip("-6 -br address show dev eth0 scope link").stdout.split()
    local = next(word for word in words if word.startswith("fe80"))
    with Capture(guest, "eth0", strict=True) as seen:
        for to, port, own in (("255.255.255.255", 68, 67),
                              ("172.16.9.2", 68, 67),
                              (local.split("/")[0], 546, 547)):
            assert sends(client, to, port, "box1", own)
            seen.wait_for(lambda packet: packet.protocol == UDP and
                          packet.ports == (own, port) and
                          packet.to == to)
        with bound(client, socket.AF_INET6, "box1", socket.SOCK_RAW,
                   socket.IPPROTO_ICMPV6) as own:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS,
                           255)
            own.sendto(bytes([134]) + bytes(15), ("ff02::1", 0))
        seen.wait_for(lambda packet: icmpv6_type(packet) == 134)
    # What does not fit into the tunnel is said to whom it comes from.
    said = guest.run(["ping", "-n", "-c", 1, "-W", 2, "-M", "do", "-s", 1472,
                      INTERNET], check=False).stdout
    assert "Frag needed" in said, said
    assert guest.ping(INTERNET) and guest.ping(INTERNET6)
    assert not guest.ping(ROUTER_LAN, wait=0.3, check=False)
    # An answer to nobody is none: neither to the LAN nor to the internet.
    for to in (ROUTER_LAN, INTERNET):
        assert not sends(client, to, 9, from_port=53)
    assert not sends(client, INTERNET, 68, from_port=67)
    assert not sends(client, INTERNET6, 546, from_port=547)
    assert not [packet for packet in wire.seen() if packet.outgoing and
                packet.protocol == UDP and packet.to != SERVER]


def test_lan(lab, wire):
    """In and out among our own private networks, which follow the links."""
    client, router = lab.client, lab.router
    neighbour = lab.add_client()
    guest = add_guest(lab)
    router.batch(f"""
        address add {BEHIND}/24 dev wan
        address add {PUBLIC_ROUTER}/24 dev lan
        address add 10.77.0.1/24 dev lan
        address add fd77::1/64 dev lan nodad""")
    client.batch(f"""
        address add {PUBLIC}/24 dev eth0
        address add fd77::2/64 dev eth0""")
    client.baseline()
    path = start(lab)
    for to in (ROUTER_LAN, "fd77::1"):
        assert not client.ping(to, wait=0.3, check=False)
    # Taken up by a reload.
    lab.client_conf(**{**FILE, "KillSwitch": "yes, lan"})
    client.minivpn("reload")
    assert client.ping(ROUTER_LAN) and client.ping("fd77::1")
    assert neighbour.ping(CLIENT) and guest.ping("192.168.1.3")
    assert client.ping(INNER) and client.ping(INTERNET)
    for group in ("224.0.0.251", "239.255.255.250", "192.168.1.255"):
        assert sends(client, group)
        wire.wait_for(lambda packet: packet.outgoing and packet.to == group)
    assert sends(client, "ff02::fb")
    # Neither what lies behind the link nor a public network on it: with IPv6
    # that is the LAN itself.
    for to in (BEHIND, PUBLIC_ROUTER, "2001:db8:1::1", INTERNET, INTERNET6,
               SERVER):
        assert not sends(client, to), to
    with bound(client, socket.AF_INET) as own:
        own.bind((PUBLIC, 0))
        for group in ("224.0.0.251", "255.255.255.255"):
            with pytest.raises(PermissionError):
                own.sendto(b"a secret", (group, 9))
    assert not neighbour.ping(CLIENT6, wait=0.3, check=False)
    # A network that comes, and one that goes.
    client.ip("address add 10.77.0.2/24 dev eth0")
    wait_until(lambda: sends(client, "10.77.0.1"), what="the new network")
    client.ip("address del 10.77.0.2/24 dev eth0")
    client.ip("route add 10.77.0.0/24 dev eth0")
    wait_until(lambda: not sends(client, "10.77.0.1"), what="the old network")
    client.ip("route del 10.77.0.0/24 dev eth0")
    tables = [change for change in client.status()["changes"]
              if "table inet minivpn-" in change]
    assert len(tables) == 1
    # It holds when nobody is there to follow the links, and is taken back.
    client.kill_minivpn()
    assert client.ping(ROUTER_LAN)
    assert not client.ping(INTERNET, wait=0.3, check=False)
    client.up(path)
    client.minivpn("down")
    assert client.ping("2001:db8:1::1")


def test_guests_on_one_bridge(lab):
    """The kernel shows the kill switch what it bridges, too."""
    lab.client.batch("""
        link add bridge type bridge
        link set bridge up
        address add 172.16.9.1/24 dev bridge
        address add fd09::1/64 dev bridge""")
    guests = [add_guest(lab, number, "bridge") for number in (1, 2)]
    start(lab, KillSwitch="yes, lan")
    for to in ("172.16.9.3", "fd09::3"):
        wait_until(lambda: guests[0].ping(to, wait=0.5, check=False),
                   what=f"the way to {to}")


def test_exclude(lab, wire):
    """What the file leaves outside leaves, for us and for guests."""
    client = lab.client
    guest = add_guest(lab)
    start(lab, KillSwitch="yes, exclude",
          Exclude=f"{INTERNET}/32, 2001:db8:3::/64")
    for to in (INTERNET, INTERNET6):
        assert sends(client, to)
        wire.wait_for(lambda packet: packet.outgoing and packet.to == to and
                      packet.protocol == UDP)
    for to in ("198.51.100.11", ROUTER_LAN, "2001:db8:1::1", SERVER, SERVER6):
        assert not sends(client, to)
    client.ip(f"route add {INTERNET}/32 via {ROUTER_LAN}")
    with guest.socket() as own:
        own.sendto(b"a guest's", (INTERNET, 9))
        wire.wait_for(lambda packet: packet.outgoing and
                      b"a guest's" in packet.data)
    client.ip(f"route del {INTERNET}/32")
    assert not guest.ping(ROUTER_LAN, wait=0.3, check=False)


def test_server_is_for_the_tunnel_alone(lab, wire):
    """Nobody else's packets pass to its address and port (TunnelCrack)."""
    start(lab)
    if not any("meta mark" in change
               for change in lab.client.status()["changes"]):
        pytest.skip("the tunnel's packets bear no mark")
    assert not sends(lab.client, SERVER, 4433)
    assert not wire.holds(b"a secret")


def test_an_ssh_session_is_warned(lab):
    """Though sudo has taken its variable away."""
    client = lab.client
    lab.enroll(client, "alice")
    lab.serve()
    before = client.environment
    for address, kill, says in (
            ("192.168.1.9", "yes", "KillSwitch = yes, lan would not"),
            ("192.168.1.9", "yes, lan", None),
            (INTERNET, "yes, lan", f"Exclude = {INTERNET} would not"),
            (INTERNET, "yes, exclude", None),
            ("fe80::9%eth0", "yes", "KillSwitch = yes, lan would not"),
            ("fe80::9%eth0", "yes, lan", None),
            ("127.0.0.1", "yes", None),
            (INTERNET, "no", None)):
        path = lab.client_conf(Routes="default", KillSwitch=kill,
                               Exclude="198.51.100.0/24")
        client.environment = dict(before, SSH_CONNECTION=f"{address} 50022 "
                                                         f"{CLIENT} 22")
        result = client.shell(f"env -u SSH_CONNECTION {client.program} up "
                              f"{path}; true")
        client.environment = before
        assert " up on tun0" in result.stdout, (address, kill)
        line = result.stderr.rstrip()
        assert bool(line) == bool(says), (address, kill, line)
        if says:
            assert line.startswith("minivpn: warning: KillSwitch cuts off "
                                   "your SSH session from "
                                   f"{address.split('%')[0]}: ")
            assert line.endswith(says)
        client.minivpn("down")
