# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crowd of clients costs the server: memory, processor time, and nobody
else's packets. By key, in one process (tests/bench/load.c). MINIVPN_CROWD=10000
in the environment takes so many instead of hundreds."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import time

import pytest

import crowd
from files import server_file
from host import MINIVPN, loaded, wait_until
from lab import SERVER, Peer

LOAD = pathlib.Path(MINIVPN).parent / "tests/bench/load"
COUNT = int(os.environ.get("MINIVPN_CROWD", "600"))
LARGE = "MINIVPN_CROWD" in os.environ

# A sanitizer's shadow memory and checks are not what is measured.
PLAIN = b"__asan_" not in pathlib.Path(MINIVPN).read_bytes()
SLOWER = 1 if PLAIN else 10

KIB = 1024
MEMORY = 18 * KIB          # bytes a client, of all processes together
HANDSHAKE = 0.0015         # seconds
# Seconds for one: 3 % of a core by 10,000, of which many go out together.
KEEPALIVES = 0.03 / 400 if LARGE else 150e-6
RELOAD = 0.06 if LARGE else 0.04   # of any process
LATE = 0.02                # seconds that it may delay a packet
GOODBYE = 3                # seconds until all have it
# What a packet costs where all send in turn, by what it does for one alone.
TURN = 1.15 if LARGE else 1.5
READERS = 8                # of a status, who do not read
LINES = 1000000 if LARGE else 100000
SECTIONS = 65000 if LARGE else 10000


@contextlib.contextmanager
def gathered(lab, count, **options):
    """A server and as many clients, who have not come yet."""
    keys = crowd.make_keys(lab.client, LOAD, count)
    lab.peers = [Peer(f"p{number}", key, {}) for number, key in enumerate(keys)]
    lab.serve(Address="10.8.0.1/16", NAT="no", Endpoint=SERVER,
              MaxClients=count + 10, **options)
    clients = crowd.Crowd(lab.client, LOAD, f"{SERVER}:4433",
                          lab.server_key.public, keys)
    yield clients
    clients.leave()


def edit(lab, what):
    """A command about a peer of the file, which the server takes up at once."""
    lab.server.minivpn(what, lab.server.directory / "server.conf", "newcomer")


def changes(lab):
    return {
        "reload": lambda: lab.server.minivpn("reload", "server"),
        "add": lambda: edit(lab, "add"),
        "remove": lambda: edit(lab, "remove"),
    }


def each_change(lab, clients):
    """Processor time of the server's processes for each, and how late a packet
    of a client was meanwhile, in seconds; and without any, on this machine."""
    processes = lab.server.minivpn_processes()
    costs, late = {}, {}
    for what, change in changes(lab).items():
        cost = crowd.Cost(processes)
        change()
        costs[what] = max(cost.each().values())
    for what, change in changes(lab).items():
        begun = time.monotonic()
        with clients.watching() as seen:
            change()
        took = time.monotonic() - begun
        with clients.watching() as usual:
            end = time.monotonic() + took
            wait_until(lambda: time.monotonic() > end, 10 * took + 1)
        late[what] = seen["slowest"], usual["slowest"]
    return costs, late


def status_seconds(lab, count):
    """Of processor time, of all that take part, for people and for programs."""
    processes = lab.server.minivpn_processes()
    result = []
    for words in (), ("--json",):
        cost, begun = crowd.Cost(processes), time.monotonic()
        output = lab.server.minivpn("status", "server", *words).stdout
        result.append((cost.all(), time.monotonic() - begun))
        assert f"and {count - 20} more" in output if not words else \
            output.count('"endpoint"') == count
    return result


def idle(lab, keepalive, count):
    """Processor seconds a keepalive."""
    watched = 2 * keepalive
    part = crowd.idle_cost(lab.server.minivpn_processes(), watched)
    return part * keepalive / count


@pytest.mark.alone
@pytest.mark.timeout(1200)
def test_what_a_crowd_costs(lab):
    keepalive = 25 if LARGE else 2
    with gathered(lab, COUNT, Keepalive=keepalive) as clients:
        processes = lab.server.minivpn_processes()
        before = sum(map(crowd.resident, processes.values()))
        cost = crowd.Cost(processes)
        clients.come()
        handshake = cost.all() / COUNT
        grown = sum(map(crowd.resident, processes.values())) - before
        each = idle(lab, keepalive, COUNT)
        costs, late = each_change(lab, clients)
        status = status_seconds(lab, COUNT)
        alone, in_turn = crowd.packet_cost(clients, processes["tunnel"])
        print(f"{COUNT} clients: {grown / COUNT / KIB:.1f} KiB each, "
              f"{handshake * 1e3:.2f} ms a handshake, {each * 1e6:.0f} us a "
              f"keepalive, {costs}, late {late}, status {status}, a packet "
              f"{alone * 1e6:.1f} us, in turn {in_turn * 1e6:.1f}")
        if PLAIN:
            assert grown < MEMORY * COUNT
        assert handshake < HANDSHAKE * SLOWER
        assert each < KEEPALIVES * SLOWER
        assert max(costs.values()) < RELOAD * SLOWER, costs
        for what, (slowest, usual) in late.items():
            assert slowest < loaded(LATE) + usual, (what, late)
        for spent, _ in status:
            assert spent < (0.05 + 1e-4 * COUNT) * SLOWER, status
        assert in_turn < TURN * alone, (alone, in_turn)
        begun = time.monotonic()
        lab.server.minivpn("down", "server")
        assert time.monotonic() - begun < loaded(GOODBYE)


def test_nothing_is_lost_while_host_sleeps(lab):
    """All of them connect while nobody reads what the tunnel process says of
    it: each lease is on disk in the end, and each line in the log, but for
    those of which the log says that they are left out."""
    with gathered(lab, COUNT) as clients:
        host = lab.server.minivpn_processes()["host"]
        os.kill(host, signal.SIGSTOP)
        try:
            clients.come()
        finally:
            os.kill(host, signal.SIGCONT)

        def told():
            log = lab.server.log("server")
            return (log.count(": connected from ") + sum(
                map(int, re.findall(r"(\d+) lines of the log are left out",
                                    log))))
        wait_until(lambda: told() >= COUNT, 30, "all lines")
        assert told() == COUNT
        lab.server.minivpn("down", "server")
        leases = (lab.server.statedir / "server.leases").read_text()
        names = {line.split()[0] for line in leases.splitlines()}
        assert names >= {f"p{number}" for number in range(COUNT)}


def test_status_that_nobody_reads(lab):
    """It holds what it was to get, for a while, and nobody else up."""
    with gathered(lab, COUNT) as clients:
        clients.come()
        processes = lab.server.minivpn_processes()
        answer = len(lab.server.minivpn("status", "server", "--json").stdout)
        before = {name: crowd.resident(pid) for name, pid in processes.items()}
        with contextlib.ExitStack() as stack:
            for _ in range(READERS):
                stranger = stack.enter_context(socket.socket(socket.AF_UNIX))
                stranger.connect(str(lab.server.rundir / "server.sock"))
                stranger.sendall(b'{"request":"status"}\n')
            assert len(lab.server.minivpn("status", "server",
                                          "--json").stdout) > answer / 2
            clients.turn(COUNT, COUNT)
            for name, pid in processes.items():
                most = (READERS + 6) * answer if name == "host" else 0
                if PLAIN:
                    assert crowd.resident(pid) - before[name] < most + 2 ** 21
        assert lab.server.minivpn("status", "server").returncode == 0


def write_leases(lab, lines):
    """Of each four lines one is new, two are old ones again, one is nonsense."""
    lab.server.statedir.mkdir(exist_ok=True)
    path = lab.server.statedir / "server.leases"
    with path.open("w") as file:
        for number in range(lines // 4):
            new, old = number + 2, number // 2 + 2
            for each in new, old, old:
                file.write(f"peer{each} 10.{each >> 16}.{each >> 8 & 255}."
                           f"{each & 255} none {1700000000 + number}\n")
            file.write(f"\x01peer{number} nonsense \xff\n")
    path.chmod(0o600)
    return path


@pytest.mark.timeout(300)
def test_leases_by_the_million(lab):
    """As a file may have become that nobody has written so: what is in it is
    taken, bounded, and said in two lines; then there is a short one."""
    lab.enroll(lab.client, "alice")
    path = write_leases(lab, LINES)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lab.serve(Address="10.0.0.1/8")
    processes = lab.server.minivpn_processes()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime + crowd.spent(processes["host"]) +
             crowd.spent(processes["tunnel"]))
    print(f"{LINES} lines: {spent:.2f} s of processor time, host "
          f"{crowd.resident(processes['host']) >> 20} MiB, tunnel "
          f"{crowd.resident(processes['tunnel']) >> 20} MiB")
    assert spent < (0.3 + 10e-6 * LINES) * SLOWER
    if PLAIN:
        for name in "host", "tunnel":
            assert crowd.resident(processes[name]) < 64 << 20
    assert lab.server.log("server").count("not a lease") + \
        lab.server.log("server").count("not leases") == 2
    lab.client.minivpn("up", lab.client_conf())
    lab.server.minivpn("down", "server")
    assert len(path.read_text().splitlines()) < 70000
    assert "alice 10." in path.read_text()


def test_as_many_sections_as_there_may_be(lab):
    """`check`, and `up` with all of its processes: 2 seconds for 65,000."""
    lab.peers = [Peer(f"p{number}", key, {
        "Address": f"10.{1 + number // 65536}.{number // 256 % 256}."
                   f"{number % 256}"})
        for number, key in enumerate(crowd.make_keys(lab.client, LOAD,
                                                     SECTIONS))]
    path = lab.server.write("server.conf", server_file(
        lab.server_key, lab.peers, Address="10.0.0.1/8", NAT="no",
        MaxClients=SECTIONS))
    most = (0.3 + 2 * SECTIONS / 65000) * SLOWER

    def spent_by_commands():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent_by_commands()
    lab.server.minivpn("check", path)
    checked = spent_by_commands() - before
    lab.server.up(path)
    up = spent_by_commands() - before - checked + sum(map(
        crowd.spent, lab.server.minivpn_processes().values()))
    print(f"{SECTIONS} sections: check {checked:.2f} s, up {up:.2f} s")
    assert checked < most and up < most, (checked, up)
