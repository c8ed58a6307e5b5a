# SPDX-License-Identifier: GPL-2.0-or-later
"""The path's MTU is found: no packet disappears on a narrow path.

The router's links get a smaller MTU than those of client and server, and it
tells nobody: what is larger is lost without a word.
"""

import contextlib
import re
import socket
import threading
import time

import pytest

from host import loaded, wait_until
from lab import (CLIENT, INNER, INTERNET, INTERNET6, ROUTER_LAN, SERVER,
                 SERVER6, SERVER_BEHIND)
from packets import ICMP, TCP, Capture, icmp_too_big, syn_packet

MEGABYTE = 1 << 20
PATIENCE = 20
FLOWING = 3  # seconds until a bulk transfer has to flow
PORT = 7100
BEHIND = "192.168.44.1"  # a network behind the client
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # linux/in.h
OVERHEAD = {4: 65, 6: 85}
OUTER = {4: {}, 6: {"Server": f"[{SERVER6}]:4433"}}

SILENCE = """
    table inet silence {
        chain output {
            type filter hook output priority 0;
            icmp type destination-unreachable drop
            icmpv6 type packet-too-big drop
        }
    }"""


def narrow(lab, mtu):
    lab.router.run(["nft", "-f", "-"], input="add table inet silence\n"
                   "delete table inet silence\n" + SILENCE)
    lab.router.batch(f"link set wan mtu {mtu}\nlink set lan mtu {mtu}")


def found(lab):
    return lab.client.status()["mtu"]


def inner(mtu, family):
    """What is found, with IPv6 inside."""
    return max(mtu - OVERHEAD[family], 1280)


class Bulk:
    """TCP connections that carry as much as they can, up, down, or both."""

    def __init__(self, near, far, address, ways=("up", "down"), port=PORT):
        self.received = dict.fromkeys(ways, 0)
        self.stop = threading.Event()
        self.sockets, self.threads = [], []
        for index, way in enumerate(ways):
            ends = self._connect(near, far, address, port + index)
            self.sockets += ends
            source, sink = ends if way == "up" else reversed(ends)
            self.threads += [
                threading.Thread(target=self._send, args=(source,)),
                threading.Thread(target=self._receive, args=(sink, way))]

    @staticmethod
    def _connect(near, far, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with far.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.settimeout(PATIENCE)
            listener.bind((address, port))
            listener.listen()
            caller = near.socket(family, socket.SOCK_STREAM)
            caller.settimeout(PATIENCE)
            caller.connect((address, port))
            answerer, _ = listener.accept()
        answerer.settimeout(PATIENCE)
        return caller, answerer

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        # What is still on its way to the first one resets the other.
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        for each in self.sockets:
            each.close()

    def _send(self, end):
        data = bytes(64 << 10)
        try:
            while not self.stop.is_set():
                end.send(data)
        except OSError:
            assert self.stop.is_set()

    def _receive(self, end, way):
        try:
            while data := end.recv(MEGABYTE):
                self.received[way] += len(data)
        except OSError:
            assert self.stop.is_set()

    def wait_for(self, size):
        """Until size more bytes have come each way; the seconds it took."""
        start = time.monotonic()
        target = {way: count + size for way, count in self.received.items()}
        wait_until(lambda: all(self.received[way] >= target[way]
                               for way in target), PATIENCE,
                   f"{size} bytes, {self.received} so far")
        return time.monotonic() - start


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("mtu", [1500, 1492, 1400, 1280])
def test_path(lab, mtu, family):
    """The handshake passes, and bulk TCP flows at once, both ways."""
    narrow(lab, mtu)
    start = time.monotonic()
    lab.start(client=OUTER[family])
    up = time.monotonic() - start
    address = INTERNET if family == 4 else INTERNET6
    with Bulk(lab.client, lab.internet, address) as bulk:
        took = bulk.wait_for(4 * MEGABYTE)
    print(f"outer {mtu}, IPv{family}: up in {up:.2f} s, "
          f"4 MB each way in {took:.2f} s")
    assert took < loaded(FLOWING)
    wait_until(lambda: found(lab) == inner(mtu, family), 5,
               f"MTU {inner(mtu, family)}, not {found(lab)}")
    # Smaller ones nobody can ask for (RFC 8200, section 5).
    assert lab.client.ping(INTERNET6, extra=["-M", "do", "-s", "1232"])
    # The tun device is the journal's: reverted, and told of, as it is now.
    journal = (lab.client.rundir / "client.journal").read_text()
    entries = [line.partition(" ")[2] for line in journal.splitlines()
               if "ip link set" in line]
    in_force = [line[2:] for line in entries if line[0] == "+" and
                entries.count("-" + line[1:]) < entries.count(line)]
    assert len(in_force) == 1 and f"mtu {found(lab)} " in in_force[0]


@pytest.mark.parametrize("largest", [700, 576])
def test_handshake_on_a_small_path(lab, largest):
    """Nobody is told that what is larger does not get through."""
    lab.router.run(["nft", "-f", "-"], input=f"""
        table inet silence {{
            chain forward {{
                type filter hook forward priority 0;
                meta length > {largest} drop
            }}
        }}""")
    lab.start(server={"Address": "10.8.0.1/24"})
    assert lab.client.ping(INNER)
    lab.router.run(["nft", "delete", "table", "inet", "silence"])


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("family", [4, 6])
def test_path_that_shrinks(lab, family, way):
    """While a transfer goes on, it goes on."""
    lab.start(client=OUTER[family])
    address = INTERNET6 if family == 4 else INTERNET
    took = {}
    with Bulk(lab.client, lab.internet, address, [way]) as bulk:
        for mtu in (1400, 1280):
            bulk.wait_for(4 * MEGABYTE)
            narrow(lab, mtu)
            # What is in buffers on the way does not count.
            took[mtu] = bulk.wait_for(16 * MEGABYTE)
    print(f"shrinks, IPv{family}, {way}: 16 MB in {took}")
    assert max(took.values()) < loaded(FLOWING)
    if way == "up":
        wait_until(lambda: found(lab) == inner(1280, family), 5)


def test_idle_tunnel_on_a_path_that_shrinks(lab):
    lab.start()
    wait_until(lambda: found(lab) == 1435)
    narrow(lab, 1280)
    with Bulk(lab.client, lab.internet, INTERNET) as bulk:
        took = bulk.wait_for(4 * MEGABYTE)
    print(f"shrank while idle: 4 MB each way in {took:.2f} s")
    assert took < loaded(FLOWING)


def test_senders_are_told(lab):
    """What is not TCP: fragmented without DF, else its sender is told."""
    lab.internet.ip(f"route add {BEHIND}/32 via {SERVER_BEHIND}")
    lab.internet.baseline()
    lab.client.ip(f"address add {BEHIND}/32 dev lo")
    lab.client.baseline()
    narrow(lab, 1280)
    lab.start(server={"NAT": "no", "Address": "10.8.0.1/24"},
              Subnets=f"{BEHIND}/32")
    wait_until(lambda: found(lab) == 1215)
    address = BEHIND
    assert lab.internet.ping(address, extra=["-M", "do", "-s", "1187"])
    # The server's search may take a moment longer than the client's.
    told = wait_until(lambda: _told(lab.internet, address), PATIENCE)
    assert "mtu = 1215" in told or "mtu=1215" in told, told
    assert lab.internet.ping(address, extra=["-M", "dont", "-s", "1300"])
    assert lab.internet.ping(address, extra=["-M", "dont", "-s", "4000"])
    lab.internet.ip("route flush cache")
    drops = lab.server.status()["drops"]
    assert drops["too_big"] > 0


def _told(host, address):
    """What a host gets for a packet with DF that is too large."""
    host.ip("route flush cache")
    result = host.run(["ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s",
                       "1395", address], check=False)
    text = result.stdout + result.stderr
    return text if "mtu" in text else None


def test_clients_of_different_paths(lab):
    """From one that has the wider path to one that has the narrower."""
    other = lab.add_client()
    other.ip("link set eth0 mtu 1400")
    other.baseline()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(ClientToClient="yes", Address="10.8.0.1/24")
    # What goes from one to the other does not come out of the tunnel.
    lab.server.run(["nft", "-f", "-"], input="""
        table inet silence { chain forward {
            type filter hook forward priority 0; policy drop;
        }
        }""")
    lab.connect()
    lab.connect(other)
    address = other.status()["addresses"][0].split("/")[0]
    told = wait_until(lambda: _told(lab.client, address), PATIENCE)
    # A veth device takes a few bytes more than its MTU says.
    assert re.search("mtu ?= ?133[5-9]", told), told
    lab.client.ip("route flush cache")
    with Bulk(lab.client, other, address) as bulk:
        assert bulk.wait_for(4 * MEGABYTE) < loaded(FLOWING)
    lab.server.run(["nft", "delete", "table", "inet", "silence"])


def mss_of(packet):
    """Of a SYN with this option alone; None: it is none."""
    if packet.protocol == TCP and packet.data[33] & 2:
        return int.from_bytes(packet.data[42:44], "big")
    return None


@pytest.mark.parametrize("options, mss", [({}, 1295), ({"MTU": "1350"}, 1310)])
def test_mss(lab, options, mss):
    """TCP of hosts behind either end, which know nothing of the tunnel, makes
    packets that fit: both say so, and ICMP is not needed for it."""
    lab.internet.ip(f"route add {BEHIND}/32 via {SERVER_BEHIND}")
    lab.internet.baseline()
    lab.client.ip(f"address add {BEHIND}/32 dev lo")
    lab.client.baseline()
    narrow(lab, 1400)
    lab.start(server={"NAT": "no", "Address": "10.8.0.1/24", **options},
              client=options, Subnets=f"{BEHIND}/32")
    address = BEHIND
    # Not behind the server, whose firewall does it as well.
    with Capture(lab.server, "tun0") as far, \
            Capture(lab.client, "tun0") as near:
        def said(wire, host, source, to):
            with host.socket(kind=socket.SOCK_RAW,
                             protocol=socket.IPPROTO_RAW) as raw:
                raw.sendto(syn_packet(source, to, 1460), (to, 0))
            return [mss_of(packet) for packet in wire.seen()
                    if packet.to == to and mss_of(packet)][-1:]
        # The searches of both ends are over then.
        wait_until(lambda: said(far, lab.client, address, INTERNET) == [mss])
        wait_until(lambda: said(near, lab.internet, INTERNET, address)
                   == [mss])


def test_who_is_told_is_not_up_to_others(lab):
    """Senders to one client get no more of the ICMP messages than a bound that
    is its own: those to another one are told as before."""
    narrow(lab, 1400)
    bob = lab.add_client()
    lab.enroll(bob, "bob")
    lab.start()
    lab.connect(bob)
    inner4 = [host.status()["addresses"][0].split("/")[0]
              for host in (lab.client, bob)]

    with Capture(lab.server, "tun0") as inside, lab.server.socket() as own:
        own.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)

        def refused():
            return lab.server.status()["drops"]["too_big"]

        def told(to, count=1):
            before, dropped = answers(inside, to), refused()
            for _ in range(count):
                own.sendto(bytes(1380), (to, PORT))
            # The device's queue may lose some of many.
            wait_until(lambda: refused() >= dropped + count // 2)
            return answers(inside, to) - before

        for to in inner4:
            wait_until(lambda: told(to), 10, "the path's MTU")
        start = time.monotonic()
        assert told(inner4[0], 1000) <= 20 + 10 * (time.monotonic() - start)
        wait_until(lambda: told(inner4[1]), what="word of the other")


def answers(capture, source):
    return sum(packet.protocol == ICMP and packet.source == source
               for packet in capture.seen())


def test_lying_icmp(lab):
    """Anybody can send it: a reason to ask, and nothing more."""
    lab.start()
    wait_until(lambda: found(lab) == 1435)
    with Capture(lab.router, "lan") as wire:
        assert lab.client.ping(INTERNET)
        sent = wire.wait_for(lambda packet: packet.to == SERVER).data
        lie = icmp_too_big(ROUTER_LAN, CLIENT, sent[:64], 600)
        with lab.router.socket(kind=socket.SOCK_RAW,
                               protocol=socket.IPPROTO_RAW) as raw:
            def asked():
                raw.sendto(lie, (CLIENT, 0))
                return any(packet.to == SERVER and len(packet.data) == 1500
                           for packet in wire.seen())
            wire.seen().clear()
            wait_until(asked)
    assert lab.client.ping(INTERNET, extra=["-M", "do", "-s", "1407"])
    assert found(lab) == 1435
    assert "carries" not in lab.client.log("client")


def test_fixed(lab):
    """MTU = number is used as it is, whatever the path carries."""
    narrow(lab, 1280)
    lab.start(server={"MTU": "1400"}, client={"MTU": "1300"})
    assert found(lab) == 1300
    assert lab.server.status()["mtu"] == 1400
    assert "carries" not in lab.client.log("client")


def test_small_uplink(lab):
    """The client's own link is the narrow one: known before the first probe."""
    lab.client.ip("link set eth0 mtu 1400")
    lab.client.baseline()
    lab.start()
    assert found(lab) == 1335
    with Bulk(lab.client, lab.internet, INTERNET) as bulk:
        assert bulk.wait_for(4 * MEGABYTE) < loaded(FLOWING)
    assert found(lab) == 1335


def test_what_was_found_is_put_back(lab):
    """Others change the device: it gets what was found, and all the rest."""
    narrow(lab, 1400)
    lab.start()
    wait_until(lambda: found(lab) == 1335)
    lab.client.ip("link set tun0 mtu 1300")
    lab.client.wait_log("client", r"mtu 1335.*put back")
    assert "mtu 1335 " in lab.client.ip("link show tun0").stdout
    lab.client.ip("link delete tun0")
    lab.client.wait_log("client", "ip tuntap add dev tun0.*put back")
    wait_until(lambda: lab.client.ping(INTERNET, wait=0.5, check=False), 10)
    assert "mtu 1335 " in lab.client.ip("link show tun0").stdout
    assert "can't be put back" not in lab.client.log("client")
