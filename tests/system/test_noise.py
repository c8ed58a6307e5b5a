# SPDX-License-Identifier: GPL-2.0-or-later
"""With Secret: what goes over the network is noise to whoever looks at it, and
strangers get no answer."""

import os
import random
import threading
import time

import pytest

from files import Key, client_file, server_file
from host import loaded, wait_until
from lab import INNER, INNER6, INTERNET, ROUTER_LAN, ROUTER_WAN, SERVER
from packets import UDP, Capture
from relay import Relay
from roaming import Stream, add_cell, wifi_comes, wifi_goes

ONE, OTHER = (Key.make().private for _ in range(2))
NOISE = {"Secret": ONE}
# Datagrams of each length; 70 of them are a hundred thousand.
RANDOM = 70 if os.environ.get("MINIVPN_NOISE") == "all" else 2
OVERHEAD = 20 + 8 + 28  # of IPv4


def payloads(capture, to=None):
    """Of datagrams between client and server, as they were on the wire."""
    return [packet.data[28:] for packet in capture.seen()
            if packet.protocol == UDP and packet.version == 4 and
            (to is None or packet.to == to)]


def is_dtls(data):
    """A record's type and version (RFC 6347, section 4.1)."""
    return len(data) > 12 and 20 <= data[0] <= 63 and data[1] == 0xfe and \
        data[2] in (0xfd, 0xff)


@pytest.mark.smoke
@pytest.mark.parametrize("secret", [None, ONE], ids=["plain", "noise"])
def test_tunnel(lab, secret):
    """Packets of all sizes pass, to the byte that is promised; the wire shows
    DTLS without a Secret, and nothing of it with one."""
    with Capture(lab.router, "wan") as wire:
        lab.start(server={"Secret": secret}, client={"Secret": secret})
        assert lab.client.ping(INNER, count=3) and lab.client.ping(INNER6)
        assert lab.client.ping(INNER, extra=["-s", "8000"])
        seen = payloads(wire)
    mtu = 1500 - OVERHEAD if secret else 1435
    assert f"mtu {mtu} " in lab.client.ip("link show tun0").stdout
    assert lab.client.ping(INNER, extra=["-M", "do", "-s", str(mtu - 28)])
    recognised = sum(map(is_dtls, seen))
    assert len(seen) > 10
    assert recognised == (0 if secret else len(seen))


class Stranger:
    """A socket of the router's that talks to the server."""

    def __init__(self, lab):
        self.socket = lab.router.socket()
        self.socket.connect((SERVER, 4433))
        self.socket.setblocking(False)
        self.lab = lab

    def say(self, datagrams):
        """Sends all; the bytes that have come back once all were handled."""
        answered = 0
        for number, datagram in enumerate(datagrams):
            self.socket.send(datagram)
            if number % 256 == 255:  # no more than its buffer holds
                assert self.lab.client.ping(INNER)
                answered += self.heard()
        assert self.lab.client.ping(INNER)
        return answered + self.heard()

    def heard(self):
        total = 0
        while True:
            try:
                total += len(self.socket.recv(65536))
            except BlockingIOError:
                return total


@pytest.mark.parametrize("secret", [None, ONE], ids=["plain", "noise"])
def test_strangers(lab, secret):
    """A recorded session, sent again from elsewhere, and random bytes of all
    lengths: not one byte comes back with a Secret, and nothing is kept."""
    with Capture(lab.router, "wan") as wire:
        lab.start(server={"Secret": secret}, client={"Secret": secret})
        assert lab.client.ping(INNER, count=3)
        recorded = payloads(wire, SERVER)
    stranger, before = Stranger(lab), endpoint(lab)
    assert bool(stranger.say(recorded)) == (not secret)
    assert endpoint(lab) == before
    if not secret:
        return
    dice = random.Random(1)
    before = lab.server.status()["drops"]["stranger"]
    sizes = [size for size in range(1, 1473) for _ in range(RANDOM)]
    assert not stranger.say(map(dice.randbytes, sizes))
    after = lab.server.status()["drops"]["stranger"]
    assert after - before == len(sizes)


def test_other_secret(lab):
    """It is a question of the client's one line; the server says nothing."""
    lab.enroll(lab.client, "alice")
    lab.serve(**NOISE)
    line = lab.client.fails("up", lab.client_conf(Secret=OTHER))
    assert "no answer" in line and "Is Secret the server's" in line
    assert "refused" not in lab.server.log("server")
    lab.connect(**NOISE)
    assert lab.client.ping(INNER)


def handshakes(lab):
    """How often the server has had one with alice to its end."""
    return lab.server.log("server").count("alice: connected")


def endpoint(lab):
    [entry] = lab.server.status()["clients"]
    return entry["endpoint"]


def test_moves_without_a_handshake(lab):
    """To LTE and back under an open connection: it goes on within the second,
    and the server has had no other handshake."""
    add_cell(lab)
    lab.start(server=NOISE, client={"Routes": "default", **NOISE})
    stream = Stream(lab, INTERNET)
    for move, address in ((wifi_goes, "192.168.2.2"),
                          (wifi_comes, "192.168.1.2")) * 2:
        began = time.monotonic()
        move(lab)
        wait_until(lambda: endpoint(lab).startswith(address))
        stream.flows(time.monotonic())
        assert stream.gap(began) < loaded(1)
    assert not stream.error
    assert handshakes(lab) == 1
    lab.server.wait_log("server", "alice: has moved to 192.168.2.2:")


def through_relay(lab, **options):
    """A client behind a router that gives it a port of its own."""
    relay = Relay(lab.router, (SERVER, 4433), **options)
    lab.closers.append(relay.close)
    lab.start(server=NOISE,
              client={"Server": f"{ROUTER_LAN}:5000", **NOISE})
    assert lab.client.ping(INNER)
    return relay


def test_another_port_of_a_router(lab):
    """A router has forgotten a client that was quiet: the first packet that it
    sends gets through, and its answer as well."""
    relay = through_relay(lab)
    before = endpoint(lab)
    for _ in range(3):
        relay.back = {}
        assert lab.client.ping(INNER)
        assert endpoint(lab) != before
        before = endpoint(lab)
    assert handshakes(lab) == 1


def test_copied_datagram(lab):
    """Who stops a client's newest datagram and sends it from elsewhere is sent
    no more than three times its size, and the client's next one ends it."""
    stopped, stopping = [], threading.Event()

    def stop(datagram, from_client):
        if from_client and stopping.is_set():
            stopped.append(datagram)
        return from_client and stopping.is_set()
    through_relay(lab, lose=stop)
    before = endpoint(lab)
    inner = lab.client.status()["addresses"][0].partition("/")[0]
    stranger = Stranger(lab)
    stopping.set()
    assert not lab.client.ping(INNER, wait=1, check=False)
    stranger.socket.send(stopped[-1])
    lab.server.wait_log("server", f"alice: has moved to {ROUTER_WAN}:"
                        f"{stranger.socket.getsockname()[1]}")
    assert not lab.server.ping(inner, count=20, wait=1, check=False,
                               extra=["-i", "0.02", "-s", "300"])
    assert 0 < stranger.heard() <= 3 * len(stopped[-1])
    assert lab.server.status()["clients"][0]["drops"]["not_connected"] >= 18
    stopping.clear()
    wait_until(lambda: lab.client.ping(INNER, check=False), 20)
    assert lab.server.ping(inner, extra=["-s", "8000"])
    assert endpoint(lab) == before
    assert handshakes(lab) == 1


def test_secret_changes(lab):
    """The server takes both for a while; the client's session goes on by the
    new one, and the old one is nobody's in the end."""
    lab.start(server=NOISE, client=NOISE)

    def serve(secrets):
        lab.server.write("server.conf", server_file(
            lab.server_key, lab.peers, Secret=secrets))
        lab.server.minivpn("reload", "server")
        assert lab.client.ping(INNER)
    serve(f"{ONE}, {OTHER}")
    lab.client.write("client.conf", client_file(
        lab.client.key, lab.server_key.public, Secret=OTHER))
    lab.client.minivpn("reload", "client")
    assert lab.client.ping(INNER)
    serve([OTHER, ONE])
    serve(OTHER)
    assert handshakes(lab) == 1
    lab.client.minivpn("down")
    lab.connect(Secret=OTHER)
    assert lab.client.ping(INNER)
