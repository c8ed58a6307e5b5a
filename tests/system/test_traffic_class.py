# SPDX-License-Identifier: GPL-2.0-or-later
"""ECN through the tunnel (RFC 6040), and DSCP by choice, both families in and
out; the witness is what crosses the router's link to the server."""

import re
import socket
import subprocess

import pytest

from host import wait_until
from lab import INNER, INNER6, SERVER, SERVER6
from packets import TCP, UDP, Capture
from test_datapath import Exchange, exchange
from test_unauthenticated import BESIDE, OPENSSL, known

ECT1, ECT0, CE = 1, 2, 3
PORT = 7001
EF = 0xb8  # RFC 3246
SIZE = 500  # bytes of payload
MTU = 1400
HEADERS = 52  # of IPv4 and TCP, with timestamps
WAYS = [(f"{SERVER}:4433", INNER), (f"{SERVER}:4433", INNER6),
        (f"[{SERVER6}]:4433", INNER), (f"[{SERVER6}]:4433", INNER6)]
IPV6_TCLASS = 67


def traffic_class(packet):
    if packet.version == 4:
        return packet.data[1]
    return int.from_bytes(packet.data[:2], "big") >> 4 & 0xff


def start(lab, client=None, server=None):
    """Without the large datagrams by which the path's MTU is found, and with
    sinks, so that no packet gets an answer."""
    lab.start(client={"MTU": MTU, **(client or {})},
              server={"MTU": MTU, **(server or {})})
    for host in (lab.client, lab.server):
        for family, any_address in ((socket.AF_INET, "0.0.0.0"),
                                    (socket.AF_INET6, "::")):
            sink = host.socket(family)
            lab.closers.append(sink.close)
            if family == socket.AF_INET6:
                sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sink.bind((any_address, PORT))


def large(capture):
    """UDP that carries more than a keepalive or a bare TCP ACK."""
    return [packet for packet in capture.seen()
            if packet.protocol == UDP and len(packet.data) > SIZE]


def wait_for(capture, count):
    return wait_until(lambda: len(large(capture)) >= count and large(capture))


def speak_ecn(*hosts):
    for host in hosts:
        host.shell("echo 1 >/proc/sys/net/ipv4/tcp_ecn")
        host.baseline()


def counter(host, name):
    """Of netstat's two lines for each group."""
    text = host.run(["cat", "/proc/net/netstat"]).stdout.splitlines()
    for names, values in zip(text[::2], text[1::2]):
        found = dict(zip(names.split(), values.split()))
        if name in found:
            return int(found[name])
    raise KeyError(name)


def mark(lab, statement):
    """The router does this to all that is on its way to or from the server."""
    lab.router.run(["nft", "-f", "-"], input=f"""
        table inet congestion {{ chain forward {{
            type filter hook forward priority 0;
            udp dport 4433 {statement}
            udp sport 4433 {statement}
        }}
        }}""")


def send(host, to, tos, count=1):
    """UDP packets with this traffic class."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    level, name = ((socket.IPPROTO_IPV6, IPV6_TCLASS)
                   if family == socket.AF_INET6 else
                   (socket.IPPROTO_IP, socket.IP_TOS))
    with host.socket(family) as own:
        own.setsockopt(level, name, tos)
        for _ in range(count):
            own.sendto(bytes(SIZE), (to, PORT))


@pytest.mark.parametrize("server,inner", WAYS)
def test_congestion_is_carried_in(lab, server, inner):
    """What says ECT goes out as ECT; marked on the way, it makes the receiver
    say so, and the sender slow down."""
    speak_ecn(lab.client, lab.server)
    start(lab, client={"Server": server})
    with Capture(lab.router, "wan") as wire:
        exchange(lab.client, lab.server, inner, 1 << 20)
        seen = {traffic_class(packet) for packet in large(wire)}
    # Bare ACKs, and what is sent again, are not ECT (RFC 3168, section 6.1).
    assert ECT0 in seen and seen <= {0, ECT0}
    mark(lab, "numgen random mod 8 0 ip ecn ect0 ip ecn set ce"
         if "[" not in server else
         "numgen random mod 8 0 ip6 ecn ect0 ip6 ecn set ce")
    assert counter(lab.client, "TCPDeliveredCE") == 0
    with Exchange(lab.client, lab.server, inner) as made:
        made.run(2 << 20)
    for host in (lab.client, lab.server):
        assert counter(host, "TCPDeliveredCE") > 0
        drops = host.status()["drops"]
        assert drops["ecn"] == drops["malformed"] == 0


def test_each_mark_counts(lab):
    """As many come out as were made: datagrams that cross alone are joined
    before they are read, but none with others that are marked differently."""
    speak_ecn(lab.client, lab.server)
    for host, features in ((lab.client, ["tx-udp-segmentation", "off", "gso",
                                         "off"]), (lab.server, ["gro", "on"])):
        host.run(["ethtool", "-K", "eth0", *features])
    start(lab)
    mark(lab, "numgen random mod 8 0 ip ecn ect0 counter ip ecn set ce")
    with Capture(lab.server, "tun0") as inside:
        with Exchange(lab.client, lab.server, INNER) as made:
            made.run(1 << 20)
        segments = [-(-(len(packet.data) - HEADERS) // (MTU - HEADERS))
                    for packet in inside.seen() if packet.protocol == TCP and
                    not packet.outgoing and traffic_class(packet) == CE]
    rules = lab.router.run(["nft", "list", "ruleset"]).stdout
    marked = int(re.search(r"dport 4433 .*packets (\d+) ", rules)[1])
    assert marked == sum(segments) > 0
    assert counter(lab.client, "TCPDeliveredCE") > 0


@pytest.mark.parametrize("server,inner", [WAYS[0], WAYS[3]])
def test_who_does_not_know_ecn_loses_the_packet(lab, server, inner):
    """Its sender would never hear of the congestion: counted, and no more."""
    start(lab, client={"Server": server})
    mark(lab, f"ip{'6' if '[' in server else ''} ecn set ce")
    send(lab.client, inner, 0, count=3)
    wait_until(lambda: lab.server.status()["drops"]["ecn"] >= 3)
    assert lab.server.status()["clients"][0]["drops"]["ecn"] >= 3
    # Of one that does, nothing is lost; the tunnel itself goes on.
    with Capture(lab.server, "tun0") as inside:
        send(lab.client, inner, ECT0)
        packet = inside.wait_for(lambda packet: packet.protocol == UDP)
    assert traffic_class(packet) == CE
    assert lab.client.status()["state"] == "up"


def test_second_sign(lab):
    """ECT(1) on ECT(0) goes in (RFC 6040, figure 4); the rest stays as it is,
    and no other bit of the outer class gets in."""
    start(lab)
    mark(lab, "ip dscp set ef ip ecn set ect1")
    with Capture(lab.server, "tun0") as inside:
        for inner in (INNER, INNER6):
            for tos in (0, ECT0, ECT1, CE):
                send(lab.client, inner, tos)
        found = wait_for(inside, 8)
    assert list(map(traffic_class, found)) == 2 * [0, ECT1, ECT1, CE]


def test_older_peers_are_not_relied_on(lab):
    """Who has not said that it reads the outer header gets none that says ECT:
    congestion is then a loss, as everywhere else (RFC 6040, section 4.3)."""
    key, certificate = known(lab)
    start(lab, client=BESIDE)
    stranger = lab.client.spawn(
        [*OPENSSL, "-key", key, "-cert", certificate], stdin=subprocess.PIPE)
    lab.server.wait_log("server", "stranger: connected")
    clients = {client["name"]: client
               for client in lab.server.status()["clients"]}
    with Capture(lab.router, "wan") as wire:
        for name in ("stranger", "alice"):
            address = clients[name]["addresses"][0].partition("/")[0]
            send(lab.server, address, EF | ECT0)
        found = wait_for(wire, 2)
    assert list(map(traffic_class, found)) == [0, ECT0]
    stranger.stop()


@pytest.mark.parametrize("choice", ["no", "yes"])
@pytest.mark.parametrize("server", [WAYS[0][0], WAYS[2][0]])
def test_dscp(lab, server, choice):
    """Outwards where the file says so, and never inwards."""
    start(lab, client={"Server": server, "CopyDSCP": choice},
          server={"CopyDSCP": choice})
    shown = EF if choice == "yes" else 0
    client = lab.server.status()["clients"][0]["addresses"]
    with Capture(lab.router, "wan") as wire:
        for inner in (INNER, INNER6):
            send(lab.client, inner, EF)
        for inner in client:
            send(lab.server, inner.partition("/")[0], EF)
        found = wait_for(wire, 4)
    assert {traffic_class(packet) for packet in found} == {shown}
    mark(lab, f"ip{'6' if '[' in server else ''} dscp set af11")
    with Capture(lab.server, "tun0") as inside:
        send(lab.client, INNER, EF)
        send(lab.client, INNER, 0)
        found = wait_for(inside, 2)
    assert list(map(traffic_class, found)) == [EF, 0]


def test_what_the_tunnel_says_itself(lab):
    """Handshake, keepalives, probes of the path: like anybody's."""
    with Capture(lab.router, "wan") as wire:
        lab.start(client={"CopyDSCP": "yes"}, server={"CopyDSCP": "yes"})
        wait_until(lambda: any(len(packet.data) > 1400
                               for packet in wire.seen()))
        seen = wire.seen()
    assert {traffic_class(packet) for packet in seen} == {0}


def test_dscp_is_reloaded(lab):
    start(lab)
    lab.client_conf(MTU=MTU, CopyDSCP="yes")
    lab.client.minivpn("reload")
    with Capture(lab.router, "wan") as wire:
        send(lab.client, INNER, EF)
        found = wait_for(wire, 1)
    assert traffic_class(found[0]) == EF
