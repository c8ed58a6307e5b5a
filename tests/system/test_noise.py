# SPDX-License-Identifier: GPL-2.0-or-later
"""With Secret: what goes over the network is noise to whoever looks at it, and
strangers get no answer."""

import os
import pathlib
import random
import re
import shutil
import socket

import pytest

from files import Key
from host import wait_until
from lab import CLIENT, INNER, INNER6, SERVER, SERVER6
from packets import UDP, Capture

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
    stranger = Stranger(lab)
    assert bool(stranger.say(recorded)) == (not secret)
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
    for wrong in OTHER, None:
        line = lab.client.fails("up", lab.client_conf(Secret=wrong))
        assert "no answer" in line
        assert ("Is Secret the server's" in line) == bool(wrong)
    assert "refused" not in lab.server.log("server")
    lab.connect(Secret=f"{ONE}")
    assert lab.client.ping(INNER)
