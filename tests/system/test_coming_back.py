# SPDX-License-Identifier: GPL-2.0-or-later
"""Hundreds of clients of one server: they come at once, and come back, by few
attempts, and for no more of the processor than one after the other. With
MINIVPN_CROWD=10000 there are as many, and figures are printed (run -s)."""

import json
import os
import pathlib
import subprocess
import time

import pytest

from files import Key, call, server_file
from host import MINIVPN, wait_until
from lab import CLIENT, INNER, SERVER, Peer
from packets import udp_packet

MANY = int(os.environ.get("MINIVPN_CROWD", "0"))
COUNT = MANY or 300
AT_ONCE = MANY or 1000  # more than can wait: with fewer, losses are mended
EACH = 1000  # clients of one process
BENCH = pathlib.Path(MINIVPN).parent / "tests/bench"
PATIENCE = 60 + AT_ONCE / 20  # seconds, of a busy machine
KEEPALIVE = 20 if MANY else 2  # seconds: they are silent for three of them
TWICE = 1.1  # attempts of each, as machines do lose datagrams
RATIO = 1.3  # of what as many single handshakes cost

pytestmark = [
    pytest.mark.skipif(not os.path.exists(BENCH / "crowd"),
                       reason="not built: make tests/bench/crowd"),
    pytest.mark.timeout(120 + AT_ONCE / 5)]


class Crowd:
    """Clients of the lab's server, on the machine of its client."""

    def __init__(self, lab, count, at_once):
        self.lab = lab
        self.count = count
        self.processes = []
        for first in range(0, count, EACH):
            keys = call(BENCH / "load", "keys", min(EACH, count - first))
            lab.peers += [Peer(f"p{first + i}", Key(*line.split()), {})
                          for i, line in enumerate(keys.splitlines())]
            self.processes.append((keys, lab.client.spawn(
                [BENCH / "crowd", f"{SERVER}:4433", lab.server_key.public,
                 at_once, KEEPALIVE], stdin=subprocess.PIPE)))
        self.serve()
        for keys, process in self.processes:
            process.popen.stdin.write(keys.encode() + b"\n")
            process.popen.stdin.flush()
        self.answers = 0
        self.lab.closers.append(self.leave)

    def serve(self):
        self.lab.serve(Address="10.8.0.1/16", MaxClients=self.count, NAT="no",
                       Keepalive=KEEPALIVE)

    def ask(self, word="state"):
        """The sum of all, after a mark where that is the word."""
        self.answers += 1
        for _, process in self.processes:
            process.popen.stdin.write(f"{word}\n".encode())
            process.popen.stdin.flush()
        states = []
        for _, process in self.processes:
            wait_until(lambda: len(process.output().splitlines()) >=
                       self.answers, PATIENCE, "an answer")
            states.append(json.loads(process.output().splitlines()[-1]))
        return {key: (min if key == "first" else
                      max if key in ("last", "turn") else sum)(
                          state[key] for state in states)
                for key in states[0] if key != "reason"}

    def await_all(self, what):
        """Until all are up anew: what it took."""
        wait_until(lambda: self.ask()["back"] == self.count, PATIENCE, what)
        state = self.ask("mark")
        if MANY:
            print(f"{what}: {state}, server "
                  f"{1e3 * self.server_time() / self.count:.3f} ms each")
        return state

    def lose_uplink(self):
        """The server's, until none of them has a session."""
        self.lab.router.run(["nft", """add table ip gone
            add chain ip gone forward { type filter hook forward priority 0;
                policy drop; }"""])
        try:
            wait_until(lambda: not self.ask()["up"], 60 + 4 * KEEPALIVE,
                       "the end of the sessions")
            self.ask("mark")
        finally:
            self.lab.router.run(["nft", "delete table ip gone"])

    def server_time(self):
        """Seconds of the processor of the tunnel process."""
        pid = self.lab.server.minivpn_processes()["tunnel"]
        text = pathlib.Path(f"/proc/{pid}/schedstat").read_text()
        return int(text.split()[0]) / 1e9

    def leave(self):
        for _, process in self.processes:
            process.stop()


def kill_tunnel(lab):
    lab.server.kill_minivpn([lab.server.minivpn_processes()["tunnel"]])


def resumed(lab):
    return lab.server.log("server").count(", resumed")


def test_they_come_back(lab):
    """One after the other, then all at once, when the tunnel process was
    killed: by their tickets, and long before a keepalive tells them."""
    crowd = Crowd(lab, COUNT, 1)
    crowd.await_all("one by one")
    single = crowd.server_time()
    kill_tunnel(lab)
    state = crowd.await_all("the tunnel process was killed")
    assert state["attempts"] <= TWICE * COUNT, state
    assert state["last"] < (60 if MANY else 20), state
    assert crowd.server_time() < RATIO * single
    if not MANY:  # the log's length is bounded
        assert resumed(lab) >= COUNT / TWICE
    crowd.lose_uplink()
    state = crowd.await_all("the uplink was gone")
    assert state["attempts"] <= 2 * COUNT, state
    assert crowd.server_time() < RATIO * single
    lab.server.minivpn("down")
    assert crowd.ask()["up"] == 0
    crowd.ask("mark")
    crowd.serve()
    state = crowd.await_all("down and up")
    assert state["attempts"] <= 2 * COUNT, state
    assert crowd.server_time() < RATIO * single


def test_they_come_at_once(lab):
    """More than can wait for their turn: none gives up, or is logged as one
    that can't sign."""
    crowd = Crowd(lab, AT_ONCE, 0)
    state = crowd.await_all("all at once")
    assert state["attempts"] <= TWICE * AT_ONCE, state
    log = lab.server.log("server")
    assert "signature" not in log and "Decrypt" not in log, log


def notice(kind, wait=0, random=bytes(32)):
    body = bytes([kind, 0]) + wait.to_bytes(2, "big") + random
    return (b"\x3f\xfe\xfd" + bytes(8) + len(body).to_bytes(2, "big") + body)


def test_hints_that_somebody_makes_up(lab):
    """A server's address is easily forged: what it is said to say costs a
    client a handshake now and then, and its session goes on."""
    lab.start()
    client = lab.server.status()["clients"][0]
    port = int(client["endpoint"].split(":")[-1])
    with lab.router.socket(kind=3, protocol=255) as raw:
        for wait in range(200):
            for payload in notice(2), notice(1, 100 * wait):
                raw.sendto(udp_packet(SERVER, CLIENT, payload, 4433, port),
                           (CLIENT, 0))
            assert wait % 20 or lab.client.ping(INNER)
    lab.server.wait_log("server", "alice: connected.*resumed")
    end = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > end, 2)
    assert lab.client.ping(INNER)
    assert lab.server.log("server").count("alice: connected") <= 1 + 3
