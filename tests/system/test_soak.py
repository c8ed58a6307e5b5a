# SPDX-License-Identifier: GPL-2.0-or-later
"""Four clients for as long as MINIVPN_SOAK says (minutes; a few seconds without
it), while everything that happens to a tunnel happens to them:

  client ... client4 --- relay on the router (loss, reorder, repeats) --- server

Bytes go both ways over one TCP connection a client, which has to live through
all of it, and come back as they were. In turns a client's keys get old, its
link goes and comes, its file or the server's is read again, a peer is added and
removed. In the end memory and descriptors are what they were at the start, and
there is no line in a log that is not expected.

    MINIVPN_SOAK=60 tests/system/run test_soak.py
"""

import collections
import contextlib
import itertools
import os
import pathlib
import random
import re
import select
import socket
import threading
import time

import pytest

from crowd import resident
from faults import Faults
from host import MINIVPN, wait_until
from lab import INNER, ROUTER_LAN, SERVER
from relay import Relay

MINUTES = float(os.environ.get("MINIVPN_SOAK", "0.25"))
HOUR = 3601  # seconds after which keys are old
# Silence is no end before that, as the clients' clocks are set forward.
LONG = {"Keepalive": "3600"}
PORT, CHUNK, UNDER_WAY = 7777, 4096, 64 * 1024
LOSS, REORDER, REPEAT = 0.005, 0.01, 0.01
DOWN = 1.5           # seconds without a link
STEP = 2.0           # from one event to the next
STALLED = 30         # seconds in which some bytes have to come back
# Bytes that a process may have more in the end than in the middle. The heap of
# a server's host grows within its first twenty reloads or so, and then stays: a
# short run is over before that.
GROWTH = 2 ** 21 if MINUTES >= 5 else 2 ** 22
PLAIN = b"__asan_" not in pathlib.Path(MINIVPN).read_bytes()

EXPECTED = [re.compile(pattern) for pattern in (
    r": up on tun0, ",
    r": the file is read again$",
    r": connected from .* has 10\.8\.",
    r"warning: client: no way to the server any more .* waiting for a network$",
    r" client: the way to the server is now by eth0, from ",
    r"warning: .*no route to the server .*: Network is unreachable: is this host "
    r"connected to a network\?$",
    r"warning: client: server \S+ \(\S+\): no way leads there: is this host "
    r"connected to a network\?$",
)]


class Stream:
    """Pseudo-random bytes to the server and back, over one connection."""

    def __init__(self, lab, host, number):
        self.back, self.wrong = 0, None
        self.paused = self.over = False
        self.seed = number
        self.listener = lab.server.socket(kind=socket.SOCK_STREAM)
        self.listener.bind((INNER, PORT + number))
        self.listener.listen()
        self.near = host.socket(kind=socket.SOCK_STREAM)
        self.near.settimeout(60)
        self.near.connect((INNER, PORT + number))
        self.far = self.listener.accept()[0]
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._echo, self._run)]
        for thread in self.threads:
            thread.start()
        lab.closers.append(self.close)

    def _echo(self):
        with contextlib.suppress(OSError):
            while data := self.far.recv(65536):
                self.far.sendall(data)

    def _run(self):
        out, back = random.Random(self.seed), random.Random(self.seed)
        sent, waiting, expected = 0, b"", b""
        self.near.setblocking(False)
        try:
            while not (self.over and self.back == sent):
                # A slow one: what is soaked is not how fast it is.
                if not waiting and not self.over and \
                        sent - self.back < UNDER_WAY:
                    waiting = out.randbytes(CHUNK)
                readable, writable, _ = select.select(
                    [self.near], [self.near] if waiting else [], [], 0.1)
                if writable:
                    count = self.near.send(waiting)
                    waiting, sent = waiting[count:], sent + count
                if not readable:
                    continue
                data = self.near.recv(65536)
                if not data:
                    raise OSError("the connection has ended")
                while len(expected) < len(data):
                    expected += back.randbytes(CHUNK)
                if data != expected[:len(data)]:
                    raise OSError(f"another byte came back near {self.back}")
                expected = expected[len(data):]
                self.back += len(data)
        except OSError as why:
            self.wrong = f"client {self.seed}: {why}"

    def finish(self):
        self.over = True
        wait_until(lambda: not self.threads[1].is_alive(), 60,
                   f"the last bytes of client {self.seed}")
        return self.wrong

    def close(self):
        for end in self.near, self.far, self.listener:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Soak:
    def __init__(self, lab):
        self.lab = lab
        self.counts = collections.Counter()
        self.hosts = [lab.client, *lab.add_clients(3)]
        for number, host in enumerate(self.hosts):
            lab.enroll(host, f"peer{number}")
        lab.serve(**LONG, Endpoint=SERVER)
        self.faults = []
        for number, host in enumerate(self.hosts):
            relay = Relay(lab.router, (SERVER, 4433), port=5000 + number,
                          loss=LOSS, reorder=REORDER, repeat=REPEAT,
                          seed=number)
            lab.closers.append(relay.close)
            faults = Faults(host)
            host.run(faults.argv("up", lab.client_conf(
                host, Server=f"{ROUTER_LAN}:{5000 + number}", **LONG)))
            self.faults.append(faults)
        self.streams = [Stream(lab, host, number)
                        for number, host in enumerate(self.hosts)]

    def flows(self):
        """Bytes come back on each, and as they were."""
        before = [stream.back for stream in self.streams]
        for stream, least in zip(self.streams, before):
            wait_until(lambda s=stream, b=least: s.wrong or s.back > b,
                       STALLED, f"bytes of client {stream.seed}")
            assert not stream.wrong, stream.wrong

    # What befalls them.

    def rekey(self, number):
        self.faults[number].sleep(HOUR)

    def flap(self, number):
        host = self.hosts[number]
        host.ip("link set eth0 down")
        until(DOWN)
        # With the link IPv6 loses its addresses, and all lose their routes.
        host.batch(f"""
            link set eth0 up
            address replace 2001:db8:1::{number + 2:x}/64 dev eth0
            route replace default via {ROUTER_LAN}
            route replace default via 2001:db8:1::1""")

    def reload_client(self, number):
        self.hosts[number].minivpn("reload", "client")

    def reload_server(self, _number):
        self.lab.server.minivpn("reload", "server")

    def add_and_remove(self, number):
        path = self.lab.server.directory / "server.conf"
        self.lab.server.minivpn("add", path, f"guest{number}")
        self.lab.server.minivpn("remove", path, f"guest{number}")

    def status(self, _number):
        found = self.lab.server.status("server")["clients"]
        assert len(found) <= len(self.hosts), found

    def step(self, turn):
        events = [self.rekey, self.reload_server, self.flap, self.status,
                  self.reload_client, self.add_and_remove]
        event = events[turn % len(events)]
        event(turn // len(events) % len(self.hosts))
        self.counts[event.__name__] += 1

    # What is left of it.

    def sample(self):
        """Memory and descriptors of each process."""
        return {(host.name, name): (resident(pid), len(os.listdir(
            f"/proc/{pid}/fd")))
            for host in (self.lab.server, *self.hosts)
            for name, pid in host.minivpn_processes().items()}

    def unexpected(self):
        lines = []
        for host in self.lab.server, *self.hosts:
            for name in "server", "client":
                lines += [f"{host.name}: {line}"
                          for line in host.log(name).splitlines()
                          if not any(pattern.search(line)
                                     for pattern in EXPECTED)]
        return lines


def until(seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, 20 * seconds + 1)


@pytest.mark.timeout(int(60 * MINUTES * 3) + 300)
def test_soak(lab):
    soak = Soak(lab)
    soak.flows()
    end, samples = time.monotonic() + 60 * MINUTES, [soak.sample()]
    for turn in itertools.count():
        if time.monotonic() > end:
            break
        soak.step(turn)
        soak.flows()
        until(STEP)
        samples.append(soak.sample())
    wrong = [stream.finish() for stream in soak.streams]
    print(f"{dict(soak.counts)}, {[s.back for s in soak.streams]} bytes, "
          f"{samples[0]} to {samples[-1]}")
    assert wrong == [None] * len(wrong)
    # Half of it is to get warm.
    first, last = samples[len(samples) // 2], samples[-1]
    assert first.keys() == last.keys()
    for process, (size, descriptors) in last.items():
        assert descriptors == first[process][1], process
        if PLAIN:
            assert size < first[process][0] + GROWTH, process
    assert not soak.unexpected(), "\n".join(soak.unexpected())
