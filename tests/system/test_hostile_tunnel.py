# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel process that was taken over: what it can do to the host is nothing.

The program is tests/hostile_tunnel/minivpn-hostile: minivpn, but its tunnel process does
what the environment says once somebody asks for the status.
"""

import json
import os
import pathlib
import re

import pytest

from host import MINIVPN, wait_until
from lab import INNER, SERVER
from test_sandbox import CONFINED

HOSTILE = str(pathlib.Path(MINIVPN).parent / "tests/hostile_tunnel/minivpn-hostile")
pytestmark = pytest.mark.skipif(not os.access(HOSTILE, os.X_OK),
                                reason="not a build directory's minivpn")
confined = pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")

QUICK = {"Keepalive": "1"}
DEADLY = """socket netlink bind accept4 execve execveat clone clone3 ptrace
process_vm_readv process_vm_writev kill ioctl unshare setns mount bpf listen
finit_module""".split()


def start(lab, role, what, **options):
    """Both ends are up, one of them the hostile one."""
    host = getattr(lab, role)
    host.program = HOSTILE
    host.environment["MINIVPN_HOSTILE"] = what
    lab.start(**options)
    return host


def take_over(host):
    """The tunnel process does it; what has become of the host process."""
    before = host.minivpn_processes()
    host.minivpn("status", check=False)
    return before


def comes_back(lab, host, before):
    """The crash is survived: another tunnel process, the same host process."""
    wait_until(lambda: host.minivpn_processes().get("tunnel") not in
               (None, before["tunnel"]), 10, "a new tunnel process")
    after = host.minivpn_processes()
    assert {**after, "tunnel": 0} == {**before, "tunnel": 0}
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 15,
               "the tunnel's coming back")
    host.killed = True  # what it did to itself was expected


@confined
@pytest.mark.parametrize("role", ["client", "server"])
def test_calls_fail(lab, role):
    host = start(lab, role, "calls")
    before = take_over(host)
    host.wait_log(role, r"hostile: landlock_create_ruleset")
    results = dict(re.findall(r"hostile: ([\w-]+): (\S+)", host.log(role)))
    assert results.pop("sched_yield") == "done"
    assert len(results) > 75
    assert {name: result for name, result in results.items()
            if result != "EPERM"} == {}
    assert lab.client.ping(INNER)
    assert host.minivpn_processes() == before


@confined
@pytest.mark.parametrize("part", range(3))
def test_calls_that_end_it(lab, part):
    """The first of each part is survived to the end; the others go down."""
    names = DEADLY[part::3]
    host = start(lab, "client", names[0])
    for name in names:
        if name != names[0]:
            host.environment["MINIVPN_HOSTILE"] = name
            (host.rundir / "client.log").unlink()
            host.up(host.directory / "client.conf")
        before = take_over(host)
        host.wait_log("client", r"ended by signal 31")
        assert "survived" not in host.log("client"), name
        assert not host.ip("link show hostile0", check=False).stdout
        if name == names[0]:
            comes_back(lab, host, before)
        host.minivpn("down")


@confined
def test_lock_is_not_its_to_write(lab):
    """By that file `up` and `down` know whether there is a tunnel, and whose;
    the tunnel process holds it open to keep it locked."""
    host = start(lab, "client", "lock")
    path = host.rundir / "client.pid"
    text = path.read_text()
    before = take_over(host)
    host.wait_log("client", r"ended by signal 25")
    assert path.read_text() == text == f"{before['host']}\n"
    comes_back(lab, host, before)


@confined
def test_memory_is_bounded(lab):
    host = start(lab, "client", "memory")
    take_over(host)
    found = host.wait_log("client", r"hostile: memory: (\d+) MiB")
    assert int(found[1]) < 1024


@pytest.mark.parametrize("routes", ["none", "192.0.2.0/24"])
def test_more_than_the_file_allows(lab, routes):
    """A lease as wide as /8, all routes, a name server: each refused alone."""
    host = start(lab, "client", "wide", client={"Routes": routes,
                                                "DNS": "none"})
    take_over(host)
    host.wait_log("client", r"0\.0\.0\.0/0 is not taken")
    host.wait_log("client", r"203\.0\.113\.0/24 is not taken")
    host.wait_log("client", r"10\.0\.0\.0/8 only our address")
    wait_until(lambda: "10.8.0.2/32" in host.ip("addr show tun0").stdout)
    inside = host.ip("-4 route show table 77").stdout.split("\n")
    wanted = {"10.8.0.1"} | ({routes} - {"none"})
    assert {line.split()[0] for line in inside if line} == wanted
    assert "192.0.2.66" not in host.resolv_conf()


def test_mtu_is_bounded(lab):
    """Not more than its own link's, nor less than the tunnel's IPv6 needs."""
    host = start(lab, "client", "mtu")
    before = take_over(host)
    host.wait_log("client", r"packets of 1280 bytes")
    host.wait_log("client", r"malformed message: refused")
    assert "mtu 1280 " in host.ip("link show tun0").stdout
    assert host.log("client").count("that is the MTU") == 1
    assert host.minivpn_processes() == before
    assert lab.client.ping(INNER)


@pytest.mark.parametrize("what", [
    "flip", "lost-and-up", "malformed", "ready-flood", "endpoint-flood",
    "status-flood", "end-flood", "loaded-flood", "mtu-flood"])
def test_floods_end_it(lab, what):
    """It counts as crashed; neither log nor journal have grown by it."""
    host = start(lab, "client", what)
    journal = host.rundir / "client.journal"
    live = journal.stat().st_size
    before = take_over(host)
    host.wait_log("client", r"misbehaves .* ended", 20)
    comes_back(lab, host, before)
    log = host.log("client")
    assert "ended by signal 9" in log
    assert len(log.splitlines()) < 200
    # As journal.c bounds it, whatever is written.
    assert journal.stat().st_size < 2 * live + (64 << 10)


def test_answers_of_servers_that_nobody_has(lab):
    """No route is made, and nothing else, for what it says has answered."""
    host = start(lab, "client", "false-answers",
                 client={"Routes": "default"})
    before = take_over(host)
    host.wait_log("client", r"an answer of a server that it was not given")
    assert not host.ip("route show 203.0.0.0").stdout
    assert host.status()["server"]["endpoint"] == f"{SERVER}:4433"
    assert host.minivpn_processes() == before
    assert lab.client.ping(INNER)


def test_giving_up_is_not_its_to_decide(lab):
    """A tunnel with its routes taken down would let everything out."""
    host = start(lab, "client", "failed", client={"Routes": "default"})
    before = take_over(host)
    routes = host.own_routes()
    host.wait_log("client", r"misbehaves .*gave up")
    comes_back(lab, host, before)
    assert host.own_routes() == routes


@pytest.mark.parametrize("role", ["client", "server"])
def test_messages_of_others_are_refused(lab, role):
    host = start(lab, role, "foreign-types")
    before = take_over(host)
    host.wait_log(role, "not its to send: refused")
    assert host.minivpn_processes() == before
    assert lab.client.ping(INNER)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_descriptors_are_closed(lab):
    host = start(lab, "client", "descriptors")
    pid = host.minivpn_processes()["host"]
    count = descriptors(pid)
    before = take_over(host)
    wait_until(lambda: descriptors(pid) <= count, what="what came is closed")
    assert host.minivpn_processes() == before


def test_log_flood_is_cut(lab):
    host = start(lab, "client", "log-flood")
    before = take_over(host)
    host.wait_log("client", r"lines of the tunnel process were left out", 20)
    assert len(host.log("client").splitlines()) < 3000
    assert host.minivpn_processes() == before
    assert lab.client.ping(INNER)


def test_status_that_does_not_end(lab):
    """A peer now and then, and no end: answered with what there is, and what
    is still to come of it is not of the next answer."""
    host = start(lab, "server", "status-trickle")
    clients = host.status()["clients"]
    assert {each["name"] for each in clients} == {"alice"}
    assert len(clients) < 10
    assert len(host.status()["clients"]) == 1


def leases(host):
    return (host.statedir / "server.leases").read_text()


def test_leases_of_nobody(lab):
    """Names that are no peer's, and an address that is not of the pool."""
    host = start(lab, "server", "foreign-leases")
    before = take_over(host)
    host.wait_log("server", "a lease for one who is no peer: refused")
    host.wait_log("server", "not in the pool: refused")
    assert host.minivpn_processes() == before
    host.minivpn("down")
    assert re.findall(r"^([^# ]\S*) (\S+)", leases(host), re.MULTILINE) == [
        ("alice", "10.8.0.2")]


def test_leases_are_not_written_for_ever(lab):
    host = start(lab, "server", "lease-flood", server=QUICK, client=QUICK)
    path = host.statedir / "server.leases"
    wait_until(path.exists, 5, "the first lease on disk")
    seen = {path.stat().st_ino}
    before = take_over(host)
    def written():
        seen.add(path.stat().st_mtime_ns)
        return "misbehaves" in host.log("server")
    wait_until(written, 20, "the end of it")
    assert len(seen) < 15
    comes_back(lab, host, before)


def test_usage_of_nobody(lab):
    """Names without number, and counters that would go round: the file has the
    one peer there is, and is not written for each message."""
    host = start(lab, "server", "usage-flood", server=QUICK, client=QUICK)
    path = host.statedir / "server.usage"
    before = take_over(host)
    written = set()
    def ended():
        if path.exists():
            written.add(path.stat().st_ino)
        return "misbehaves" in host.log("server")
    wait_until(ended, 20, "the end of it")
    assert len(written) < 3
    comes_back(lab, host, before)
    host.minivpn("down")
    lines = [line.split() for line in path.read_text().splitlines()]
    assert [line[0] for line in lines] == ["#", "alice"]
    assert lines[1][2] == str(2**63 - 1)


def peer_routes(host):
    routes = json.loads(host.ip("-j -4 route show proto 77").stdout)
    return [route["dst"] for route in routes
            if route.get("metric", 0) >= 0x10000]


def test_routes_of_nobody(lab):
    """Clients that the file does not have, more than it allows, and the
    server's own address as a lease."""
    host = start(lab, "server", "foreign-peers",
                 server={"PeerRoutes": "yes", "MaxClients": "10"})
    wait_until(lambda: peer_routes(host) == ["10.8.0.2"], 5, "alice's route")
    before = take_over(host)
    host.wait_log("server", "more clients than MaxClients: refused")
    wait_until(lambda: peer_routes(host) == [], 5, "no route but alice's")
    assert host.minivpn_processes() == before


def test_routes_do_not_come_and_go_for_ever(lab):
    host = start(lab, "server", "peer-flood", client=QUICK,
                 server={"PeerRoutes": "yes", "MaxClients": "10", **QUICK})
    before = take_over(host)
    host.wait_log("server", "misbehaves", 20)
    comes_back(lab, host, before)
    wait_until(lambda: peer_routes(host) == ["10.8.0.2"], 5, "alice's route")


def without_nat(lab):
    path = lab.server.directory / "server.conf"
    path.write_text(path.read_text().replace("[Server]\n",
                                             "[Server]\nNAT = no\n"))


def test_reload_is_not_answered(lab):
    """It is not waited for, and nothing was changed: here, that is."""
    host = start(lab, "server", "reload-silence")
    changes = host.status()["changes"]
    without_nat(lab)
    said = host.fails("reload", "server")
    assert "does not answer (nothing was changed)" in said
    assert host.status()["changes"] == changes
    host.minivpn("down")


def test_reload_is_lied_about(lab):
    """What makes no sense is refused, what was not asked for as well."""
    host = start(lab, "server", "reload-lies")
    before = host.minivpn_processes()
    without_nat(lab)
    host.minivpn("reload", "server")
    host.wait_log("server", "a malformed message: refused")
    host.wait_log("server", "an answer to no reload: refused")
    assert not any("masquerade" in text for text in host.status()["changes"])
    assert "certificate" not in host.minivpn("status", "server").stdout
    assert host.minivpn_processes() == before
    assert lab.client.ping(INNER)
