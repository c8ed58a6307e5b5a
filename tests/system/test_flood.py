# SPDX-License-Identifier: GPL-2.0-or-later
"""Strangers in masses, and a client gone wild: what the others notice of it,
and what it costs the server. `tests/system/run -rP -k flood` shows figures."""

import contextlib
import json
import os
import pathlib
import re
import struct
import subprocess

import pytest

from files import Key, client_file, server_file
from host import MINIVPN, wait_until
from lab import CLIENT, INNER, SERVER, Peer
from packets import UDP, Capture
from test_unauthenticated import OPENSSL

FLOOD = os.environ.get("MINIVPN_FLOOD") or str(
    pathlib.Path(MINIVPN).parent / "tests/system/flood")
SANITIZED = b"__asan_init" in pathlib.Path(MINIVPN).read_bytes()
RATE = 50  # Mbit/s, which an idle machine carries with ease
MASS = 100000 if SANITIZED else 1000000  # datagrams in all
DATA = 23  # the first byte of a record of data
BUFFERS = 4096  # KiB of what one call receives, used as they are needed

# What anybody can send, and what only those who know a client's address and
# port and may use it as their own.
ANYBODY = ["hello", "forged-cookie", "garbage", "truncated", "half-open"]
SPOOFERS = ["record", "replay", "unauthentic", "alert"]
# With Secret all but what was recorded is the same to the server.
HIDDEN = ["garbage", "truncated", "record", "replay"]

# Networks for benchmarks (RFC 2544), whose addresses the router may have.
ELSEWHERE = "198.18.0.0/15"

# Handshakes that are begun, at once and a second, of an address and a network.
ADDRESS, NETWORK = (100, 20), (200, 40)
PENDING = 128  # PENDING_NETWORK of handshake.c

pytestmark = pytest.mark.skipif(not os.path.exists(FLOOD), reason="not built: "
                                "make check builds tests/system/flood")


class Field:
    """A server with one client, and what was seen of their session."""

    def __init__(self, lab, certificates=None, secret=None):
        """By keys; else by a server's and a client's certificate."""
        self.lab = lab
        # What its own machine floods the server with goes past it.
        beside = self.beside = {"Exclude": "203.0.113.0/24"}
        if certificates:
            server, client = certificates
            lab.server.up(lab.server.write("server.conf", server_file(
                None, **server)))
            file = client_file(None, None, ServerName="vpn.example.org",
                               **client, **beside)
            file = lab.client.write("client.conf", file)
        else:
            beside["PresharedKey"] = Key.make().private
            lab.enroll(lab.client, "alice",
                       PresharedKey=beside["PresharedKey"])
            if secret:
                beside["Secret"] = secret
            lab.serve(**({"Secret": secret} if secret else {}))
            file = lab.client_conf(**beside)
        with Capture(lab.router, "wan") as wire:
            lab.client.up(file)
            assert lab.client.ping(INNER, count=3)
            seen = [packet.data[28:] for packet in wire.seen()
                    if packet.protocol == UDP and packet.to == SERVER]
        self.records = sum(data[0] == DATA for data in seen) / len(seen)
        self.file = lab.directory / "session"
        self.file.write_bytes(b"".join(
            struct.pack("!H", len(data)) + data for data in seen))
        lab.router.ip(f"route add blackhole {ELSEWHERE}")
        status = lab.server.status()
        self.tunnel = status["tunnel_pid"]
        self.endpoint = status["clients"][0]["endpoint"]
        self.sent = 0

    def _spawn(self, kind, count, port=4433):
        host, source = self.lab.router, self.endpoint
        if kind == "half-open":
            host, source = self.lab.client, f"{CLIENT}:0"
        return host.spawn([FLOOD, kind, f"{SERVER}:{port}", self.file, 50,
                           count, source])

    def _ended(self, process):
        assert process.wait(60) == 0, process.output()
        sent, seconds, *answered = process.output().split()
        self.sent += int(sent)
        return int(sent), float(seconds), *map(int, answered)

    def flood(self, kind, count):
        return self._ended(self._spawn(kind, count))[0]

    @contextlib.contextmanager
    def flooded(self, kind, port=4433):
        """A flood that goes on inside; a dict that has its figures after."""
        with self._going_on(self._spawn(kind, 0, port)) as figures:
            yield figures

    @contextlib.contextmanager
    def echoed(self, source, rate, addresses=1, sockets=1, host=None):
        """Hellos with true cookies. The figures have as well how many the
        server has "answered" with a signature."""
        host = host or self.lab.router
        with self._going_on(host.spawn(
                [FLOOD, "echo", f"{SERVER}:4433", self.file, 500, 0,
                 f"{source}:0", addresses, sockets, rate])) as figures:
            yield figures

    @contextlib.contextmanager
    def _going_on(self, process):
        figures = {"cpu": -self.cpu()}
        try:
            yield figures
        finally:
            process.popen.terminate()
            (figures["sent"], figures["seconds"],
             *figures["answered"]) = self._ended(process)
            figures["cpu"] += self.cpu()

    def cpu(self):
        """Seconds that the server's tunnel process has run for."""
        text = pathlib.Path(f"/proc/{self.tunnel}/schedstat").read_text()
        return int(text.split()[0]) / 1e9

    def settle(self):
        """Until all that has come to the server's sockets is handled."""
        def still():
            before = self.cpu()
            self.lab.server.run(["true"])
            return not self.waiting() and self.cpu() == before
        wait_until(still, 20, "the end of what a flood has left")

    def waiting(self):
        """Bytes that wait in sockets of UDP."""
        return sum(int(line[4].split(":")[1], 16) for line in self._sockets())

    def memory(self):
        """KiB that are resident."""
        text = pathlib.Path(f"/proc/{self.tunnel}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])

    def lost(self):
        """Datagrams lost by the server's sockets, in the order of their
        making: the first one is for records."""
        return [int(line[-1]) for line in
                sorted(self._sockets(), key=lambda line: int(line[9]))]

    def _sockets(self):
        return [line.split() for name in ("udp", "udp6") for line in
                self.lab.server.path(f"/proc/{self.lab.server.pid}/net/{name}")
                .read_text().splitlines()[1:] if f":{4433:04X} " in line]


@pytest.fixture
def field(lab):
    return Field(lab)


def measure(field):
    """Mbit/s that get through, and milliseconds of a ping: median, p99."""
    client = field.lab.client
    ping = client.spawn(["ping", "-n", "-i", "0.01", "-c", "80", "-W", "1",
                         INNER])
    result = client.run(["iperf3", "-c", INNER, "-b", f"{RATE}M", "-t", "1",
                         "-J"], check=False)
    ping.wait(20)
    times = sorted(map(float, re.findall(r"time=([\d.]+)", ping.output())))
    times += [1000.0] * (80 - len(times))
    try:
        received = json.loads(result.stdout)["end"]["sum_received"]
        rate = received["bits_per_second"] / 1e6
    except (KeyError, json.JSONDecodeError):
        rate = 0.0
    return rate, times[40], times[79]


def noticed(field, kind, idle):
    """Whether the client was disturbed by a flood, and a line of figures."""
    lost = field.lost()
    with field.flooded(kind) as flood:
        rate, median, worst = measure(field)
    lost = [now - then for now, then in zip(field.lost(), lost)]
    line = (f"{kind:13} {rate:5.1f} Mbit/s of {idle:.1f}, ping {median:.1f} ms,"
            f" p99 {worst:.1f}; {flood['sent']} sent, CPU at most "
            f"{flood['cpu'] / flood['sent'] * 1e6:.1f} us each; lost {lost}")
    print(line)
    bad = rate < idle / 2 or median > 50
    return bad or (kind in ANYBODY and lost[0] > 0), line


@pytest.mark.alone
def test_clients_go_on(field):
    """At least half of the throughput, on a machine that others use as well,
    in one of three tries; and a million datagrams take no memory."""
    check_clients_go_on(field, ANYBODY + SPOOFERS, MASS)


@pytest.mark.alone
def test_clients_go_on_with_a_secret(lab):
    """The same where nobody can tell what comes but by the secret."""
    check_clients_go_on(Field(lab, secret=Key.make().private), HIDDEN, 0)


def check_clients_go_on(field, kinds, mass):
    server = field.lab.server.spawn(["iperf3", "-s", "--forceflush"])
    server.wait_for("Server listening")
    start = field.memory()
    idle, median, worst = measure(field)
    print(f"idle: {idle:.1f} Mbit/s, ping {median:.1f} ms, p99 {worst:.1f}")
    for kind in kinds:  # so that the queues have been full
        field.flood(kind, 3000)
    before = field.memory()
    for kind in kinds:
        tries = [noticed(field, kind, idle)]
        while tries[-1][0] and len(tries) < 3:
            tries.append(noticed(field, kind, idle))
        assert not tries[-1][0], "\n".join(line for _, line in tries)
    if field.sent < mass:
        field.flood("hello", mass - field.sent)
    after = field.memory()
    print(f"memory: {start} KiB, {before} KiB with all queues full, after "
          f"{field.sent} datagrams {after} KiB")
    if not SANITIZED:  # which keeps what was freed
        assert before <= start + 6144
        assert after <= before + BUFFERS
    assert len(field.lab.server.log("server").splitlines()) < 100


@pytest.mark.alone
@pytest.mark.skipif(SANITIZED, reason="carries too little to be busy")
def test_busy_server_lets_strangers_wait(field):
    """Most first hellos are lost where the kernel has them, but not all."""
    lab = field.lab
    server = lab.server.spawn(["iperf3", "-s", "--forceflush", "-B", INNER])
    server.wait_for("Server listening")
    load = lab.client.spawn(["iperf3", "-c", INNER, "-t", "60"])

    def carried():
        return lab.client.status()["server"]["tx_bytes"]
    wait_until(lambda: carried() > 1 << 26, 20)
    lost = sum(field.lost())
    sent = field.flood("hello", 100000)
    lost = sum(field.lost()) - lost
    load.stop()
    print(f"{sent - lost} of {sent} were read")
    assert sent / 400 < sent - lost < sent / 4


@pytest.mark.parametrize("kind", ["record", "replay"])
def test_records_are_held_back(field, kind):
    """By the kernel, so that the server has nothing to do with most of them;
    who has a session, and who begins one, is let through."""
    lab = field.lab
    server = lab.server.spawn(["iperf3", "-s", "--forceflush", "-B", INNER])
    server.wait_for("Server listening")
    # More than the window holds, so that what was seen first is too old.
    lab.client.run(["iperf3", "-c", INNER, "-n", "16M"], timeout=60)
    lost = field.lost()[0]
    with field.flooded(kind) as flood:
        assert lab.client.ping(INNER, count=3)
        # Replays of its handshake would begin one, and may be followed by data.
        if kind == "record":
            lab.client.minivpn("down")
            lab.connect(**field.beside)
            assert lab.client.ping(INNER, count=3)
    field.settle()
    lost = field.lost()[0] - lost
    sent = flood["sent"] * (field.records if kind == "replay" else 1)
    print(f"{lost} of {sent:.0f} were held back")
    assert lost > sent / 2


def test_records_are_let_in_again(field):
    """A second after a flood, also of who was not connected meanwhile."""
    field.flood("record", 20000)
    field.settle()
    assert field.lost()[0] > 0

    def is_over():
        lost = field.lost()[0]
        field.flood("record", 1)  # some, which are no flood
        field.settle()
        return field.lost()[0] == lost
    wait_until(is_over, 20, "the end of the filter")
    field.lab.client.minivpn("down")
    field.lab.client.up(field.lab.client.directory / "client.conf")
    assert field.lab.client.ping(INNER)


def arrive(field):
    """The client comes anew: seconds from its first hello to its first data,
    and how many hellos that took, two of them where none is lost."""
    client = field.lab.client
    client.minivpn("down", check=False)  # it may have failed to come before
    with Capture(client, "eth0") as wire:
        client.up(client.directory / "client.conf")
        sent = [packet for packet in wire.seen() if packet.protocol == UDP and
                packet.to == SERVER]
    hellos = [packet.when for packet in sent if packet.data[28] == 22 and
              packet.data[31:33] == b"\0\0" and packet.data[41] == 1]
    data = [packet.when for packet in sent if packet.data[28] == DATA]
    return data[0] - hellos[0], len(hellos)


# Who floods: first address, hellos a second, addresses, sockets; and how many
# of the hellos may be answered, at once and a second.
CROWDS = {
    "one port": ("198.18.7.1", 2000, 1, 1, ADDRESS),
    "one address": ("198.18.7.1", 2000, 1, 500, ADDRESS),
    "a network": ("198.18.7.0", 4000, 256, 256, NETWORK),
    "many networks": ("198.18.0.0", 8000, 65536, 4096, None),
}


@pytest.mark.alone
@pytest.mark.parametrize("crowd", CROWDS)
def test_newcomers_get_in(field, crowd):
    """A client from elsewhere, in one of three tries on a machine that others
    use too, while others ask for handshakes that they do not go on with; which
    cost the server no more than their rate."""
    *flood, most = CROWDS[crowd]
    field.lab.router.ip(f"route add local {ELSEWHERE} dev lo")
    with field.echoed(*flood) as figures:
        field.lab.server.wait_log("server", r"198\.18\.\d+\.0/24: handshakes "
                                  "held back", 10)
        tries = [arrive(field)]
        while tries[-1][0] > 1 and len(tries) < 3:
            tries.append(arrive(field))
    print(f"{crowd}: {figures}, {tries}")
    assert tries[-1][0] < 1, tries
    if most:
        burst, rate = most
        # Of a network no more may be half open within a second.
        assert min(burst, PENDING) <= figures["answered"][0] <= (
            burst + rate * (figures["seconds"] + 1))
    lines = field.lab.server.log("server").count("held back")
    assert 1 <= lines <= 10 + figures["seconds"] / 10


def shake(lab, key, certificate, *options):
    """Whether openssl completes a handshake."""
    said = lab.client.run([*OPENSSL, "-key", key, "-cert", certificate,
                           *options], check=False).stdout
    return "Cipher is ECDHE" in said


def test_renewals_pass_neighbours(lab):
    """Who is connected gets its new session from the same address and port,
    while a neighbour uses up what their address has."""
    key = Key.make()
    lab.peers.append(Peer("stranger", key, {}))
    files = key.pem(lab.directory)
    field = Field(lab)
    there = ["-bind", f"{CLIENT}:5555"]
    # Killed, it does not say goodbye.
    held = lab.client.spawn([*OPENSSL, "-key", files[0], "-cert", files[1],
                             *there], stdin=subprocess.PIPE)
    held.wait_for("Cipher is ECDHE")
    held.popen.kill()
    held.popen.wait()
    with field.echoed(CLIENT, 2000, 1, 500, lab.client):
        lab.server.wait_log("server", "192.168.1.0/24: handshakes held back")
        before = lab.server.log("server").count("stranger: connected")
        assert shake(lab, *files, *there)
        assert lab.server.log("server").count("stranger: connected") > before


def test_a_peer_that_comes_again_and_again(lab):
    """It is held back, and told so, and the log says it; a peer whose name had
    the same place in a table by a hash is not."""
    lab.enroll(lab.client, "greedy1728")
    key = lab.client.key
    greedy = lab.client.write("greedy.conf", client_file(
        key, lab.server_key.public))
    lab.enroll(lab.client, "alice")
    lab.serve()
    files = key.pem(lab.directory)
    for _ in range(4):
        lab.client.spawn(
            ["sh", "-c", "trap 'kill $!; wait; exit' TERM; "
             'while :; do "$@" >/dev/null 2>&1 & wait $!; done',
             "sh", *OPENSSL, "-key", files[0], "-cert", files[1]])
    lab.server.wait_log("server", r"greedy1728 \(192.*refused.*too many", 60)

    def is_told():
        result = lab.client.minivpn("up", greedy, check=False)
        if result.returncode == 0:
            lab.client.minivpn("down")
        return "too many sessions begun with its key" in result.stderr
    wait_until(is_told, 30)
    lab.connect(Exclude="203.0.113.0/24")
    assert lab.client.ping(INNER)
    assert len(re.findall("too many", lab.server.log("server"))) <= 10
