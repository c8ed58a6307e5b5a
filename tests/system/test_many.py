# SPDX-License-Identifier: GPL-2.0-or-later
"""What thousands of networks cost: in proportion to their number, in processor
time of the host process, as the clock on the wall is the whole machine's."""

import os
import pathlib
import resource
import time

import pytest

from faults import HOLD, HOST, NETLINK, Faults, bear_deaths
from files import server_file
from host import MINIVPN, wait_until
from lab import INNER

TICKS = os.sysconf("SC_CLK_TCK")
FEW, TIMES = 1000, 4
SQUARE = 2 * TIMES  # what TIMES as many may cost, where the square is 16
LEAST = 0.05  # seconds that are too few to be compared
FOREIGN = 100_000
PATIENCE = 11.5  # seconds, more than host and tunnel wait for a server

def networks(count, first=11):
    """As in a file: /24s, fifty a line."""
    every = [f"{first + i // 65536}.{i // 256 % 256}.{i % 256}.0/24"
             for i in range(count)]
    return [", ".join(every[i:i + 50]) for i in range(0, count, 50)]


def spent(pid):
    """Seconds of the processor."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / TICKS


def spent_by_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def life(host, path, expect):
    """What `up`, a reload without a change and the end have cost."""
    start = spent_by_children()
    process = host.spawn([MINIVPN, "up", "--foreground", path])
    process.wait_for("up on", 30)
    costs = {"up": spent(process.pid)}
    routes = host.own_routes().count(" dev tun0")
    assert expect <= routes < expect + 5, f"{routes} instead of {expect}"
    host.minivpn("reload", path.stem)
    costs["reload"] = spent(process.pid) - costs["up"]
    process.popen.terminate()
    assert process.wait(30) == 0, process.output()
    costs["all"] = spent_by_children() - start
    assert not host.own_routes()
    return costs


def assert_in_proportion(few, many):
    for what, cost in few.items():
        assert many[what] < SQUARE * max(cost, LEAST), \
            f"{what}: {few} for {FEW}, {many} for {TIMES} times as many"


def test_networks_of_a_client(lab):
    lab.enroll(lab.client, "alice")
    lab.serve()
    costs = [life(lab.client, lab.client_conf(Routes=networks(count)), count)
             for count in (FEW, TIMES * FEW)]
    assert_in_proportion(*costs)


def test_subnets_of_a_server(lab):
    costs = []
    for count in FEW, TIMES * FEW:
        lab.peers.clear()
        lab.enroll(lab.client, "alice", Subnets=networks(count))
        path = lab.server.write("server.conf", server_file(lab.server_key,
                                                           lab.peers))
        costs.append(life(lab.server, path, count))
    assert_in_proportion(*costs)
    assert costs[0]["up"] < 0.3 and costs[0]["reload"] < 0.1, costs


@pytest.mark.parametrize("role", ["client", "server"])
def test_routes_of_others_cost_nothing(lab, role):
    lab.enroll(lab.client, "alice", Subnets=networks(10))
    host, via = {"client": (lab.client, "192.168.1.1"),
                 "server": (lab.server, "203.0.113.1")}[role]
    if role == "client":
        lab.serve()
        path = lab.client_conf(Routes=networks(10))
    else:
        path = host.write("server.conf", server_file(lab.server_key,
                                                     lab.peers))
    alone = life(host, path, 10)
    lines = [f"route add {20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24 "
             f"via {via}" for i in range(FOREIGN)]
    host.batch("\n".join(lines))
    among = life(host, path, 10)
    host.batch("\n".join(lines).replace("add", "del"))
    for what, cost in alone.items():
        assert among[what] < max(2 * cost, LEAST), \
            f"{what}: {alone} without, {among} with {FOREIGN} of others"


def test_host_takes_its_time(lab):
    """Longer than anybody waits for a server, which is not to blame."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    path = lab.client_conf(Routes=networks(200))
    bear_deaths(lab.client)
    faults = Faults(lab.client)
    # In the midst of the routes.
    with faults.armed(HOST, NETLINK, 300, HOLD):
        process = lab.client.spawn(faults.argv("up", path))
        assert faults.wait_hit(lambda: process.popen.poll() is not None)
        end = time.monotonic() + PATIENCE
        wait_until(lambda: time.monotonic() > end, 2 * PATIENCE)
    assert process.wait(10) == 0, process.output()
    assert "up on" in process.output()
    for word in "nothing more", "no answer", "silent", "in time":
        assert word not in lab.client.log("client")


LEASES = 20000


@pytest.mark.timeout(120)
def test_leases_on_disk(lab):
    """More than any queue has room for: the server serves, and goes on to when
    its tunnel process was killed; the file stays as it was."""
    lab.enroll(lab.client, "alice")
    lab.server.statedir.mkdir(exist_ok=True)
    path = lab.server.statedir / "server.leases"
    path.write_text("".join(
        f"peer{i} 10.8.{128 + i // 256}.{i % 256} none {1700000000 + i}\n"
        for i in range(LEASES)))
    path.chmod(0o600)
    lab.serve(Address="10.8.0.1/16, fd08::1/64")
    lab.client.minivpn("up", lab.client_conf(lab.client))
    assert lab.client.ping(INNER)
    lab.server.kill_minivpn([lab.server.minivpn_processes()["tunnel"]])
    lab.server.wait_log("server", "restart|again")
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 30,
               "the tunnel's coming back")
    lab.server.minivpn("down")
    assert len(path.read_text().splitlines()) >= LEASES + 1
