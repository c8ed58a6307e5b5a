# SPDX-License-Identifier: GPL-2.0-or-later
"""One session takes the place of another: fresh keys after an hour, another
gateway. Not a packet is lost, whatever load there is."""

import contextlib
import socket
import struct
import threading
import time

import pytest

from faults import Faults, bear_deaths
from host import wait_until
from lab import INNER, ROUTER_LAN, SERVER
from relay import Relay

HOUR = 3601  # seconds after which keys are old
# Silence is no end before that; and each end looks at its keys all the same.
LONG = {"Keepalive": "3600"}
# Not "replayed": a HELLO that waited for its turn may come after its repetition.
LOST = ("forged", "stranger", "not_connected", "malformed")
HANDSHAKE, EPOCH = 22, struct.pack("!H", 1)


class Beats:
    """Numbered datagrams through the tunnel, one each millisecond, and back."""

    def __init__(self, lab):
        self.far = lab.server.socket()
        self.far.bind((INNER, 0))
        self.near = lab.client.socket()
        self.near.connect(self.far.getsockname())
        self.sent = 0
        self.back = set()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._echo, self._send, self._receive)]
        for thread in self.threads:
            thread.start()
        lab.closers.append(self.close)

    def _echo(self):
        with contextlib.suppress(OSError):
            while True:
                data, sender = self.far.recvfrom(2048)
                if not data:
                    return
                self.far.sendto(data, sender)

    def _send(self):
        while not self.over.wait(0.001):
            self.near.send(struct.pack("!I", self.sent) + bytes(self.sent % 99))
            self.sent += 1

    def _receive(self):
        with contextlib.suppress(OSError):
            while data := self.near.recv(2048):
                self.back.add(struct.unpack_from("!I", data)[0])

    def missing(self):
        """Sends no more; those that have not come back in good time."""
        self.over.set()
        self.threads[1].join()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(self.back) == self.sent, 3)
        return sorted(set(range(self.sent)) - self.back)

    def close(self):
        self.over.set()
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.near.close()
        self.far.close()


def start(lab, **client):
    """The client's clock can be set forward."""
    bear_deaths(lab.client)
    lab.client.killed = False
    faults = Faults(lab.client)
    lab.enroll(lab.client, "alice")
    lab.serve(**LONG)
    lab.client.run(faults.argv("up", lab.client_conf(**{**LONG, **client})))
    return faults


def comings(lab):
    return [line for line in lab.server.log("server").splitlines()
            if "alice: connected" in line]


def rekey(lab, faults):
    """Waits until there is another session, by a whole handshake."""
    before = len(comings(lab))
    faults.sleep(HOUR)
    wait_until(lambda: len(comings(lab)) > before, 15, "another session")
    assert not comings(lab)[-1].endswith("resumed")


def hand_over(lab, faults, way, both_know=lambda: True):
    """Under beats; those that did not come back."""
    beats = Beats(lab)
    wait_until(lambda: len(beats.back) > 100, 10)
    rekey(lab, faults)
    wait_until(both_know, 10, "the new keys at both ends")
    # Each end knows of it, and goes on by the new keys.
    count = len(beats.back)
    wait_until(lambda: len(beats.back) > count + 1000, 10)
    missing = beats.missing()
    print(f"{len(missing)} of {beats.sent} lost, and {way.lost} by the way")
    return missing


def delayed(lab, **options):
    """Datagrams are 10 ms under way: some are on theirs in any case."""
    way = Relay(lab.router, (SERVER, 4433), delay=0.01, **options)
    lab.closers.append(way.close)
    return way, start(lab, Server=f"{ROUTER_LAN}:5000")


def is_finished(data):
    """Is it in a flight, which may be one datagram of several records?"""
    while data:
        if data[0] == HANDSHAKE and data[3:5] == EPOCH:
            return True
        data = data[13 + int.from_bytes(data[11:13], "big"):]
    return False


def test_last_flight_is_lost(lab):
    """The server has the new keys for 400 ms before the client gets them; or for
    1.2 s, where the client asks again a little sooner than GnuTLS answers."""
    finished = []

    def lose(data, from_client):
        """The first of the second handshake."""
        if from_client or not is_finished(data):
            return False
        finished.append(data)
        return len(finished) == 2
    way, faults = delayed(lab, lose=lose)
    missing = hand_over(lab, faults, way, lambda: len(finished) > 2)
    assert way.lost == 1
    assert not missing


def drops(host):
    """Of its one peer and of strangers."""
    return [host.status()["drops"][reason] for reason in LOST]


def received(lab):
    return lab.client.status()["server"]["rx_bytes"]


@pytest.mark.alone
def test_under_full_load(lab):
    """Neither end drops a packet for a want of keys; TCP both ways."""
    faults = start(lab)
    lab.router.ip("address add 192.168.1.254/24 dev lan")
    server = lab.server.spawn(["iperf3", "-s", "-1", "--forceflush", "-B",
                               INNER])
    server.wait_for("listening")
    load = lab.client.spawn(["iperf3", "-c", INNER, "-t", "60", "--bidir"])
    wait_until(lambda: lab.client.status()["server"]["rx_bytes"] > 1 << 24, 20)
    before = [drops(host) for host in (lab.client, lab.server)]
    rekey(lab, faults)
    for gateway in (254, 1) * 12:
        count = len(comings(lab))
        lab.client.ip(f"route replace default via 192.168.1.{gateway}")
        wait_until(lambda: len(comings(lab)) > count, 10, "another session")
        assert comings(lab)[-1].endswith("resumed")
        # Each end has used the new keys: more than there was on its way.
        more = received(lab) + (1 << 23)
        wait_until(lambda: received(lab) > more, 10)
    load.stop()
    assert [drops(host) for host in (lab.client, lab.server)] == before
