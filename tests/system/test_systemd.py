# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped units under a booted systemd, and who may lift a kill switch.

A witness on the router's side sees all that leaves, while a program on the
machine talks without a pause.
"""

import json
import re
import time

import pytest

from files import client_file
from host import wait_until
from lab import INNER, INTERNET, ROUTER_LAN, SERVER
from machine import Machine, why_not

NO_MACHINE = why_not()
pytestmark = pytest.mark.skipif(bool(NO_MACHINE), reason=str(NO_MACHINE))

UNIT = "minivpn@client"
SWITCH = "minivpn-killswitch@client"
QUICK = {"Keepalive": "2"}


@pytest.fixture
def machine(lab, tmp_path):
    lab.enroll(lab.client, "alice")
    made = Machine(lab, tmp_path / "machine")
    configure(made)
    return made


def configure(machine, **options):
    keys = {"Routes": "default", "KillSwitch": "yes", **QUICK, **options}
    machine.write("etc/minivpn/client.conf", client_file(
        machine.lab.client.key, machine.lab.server_key.public, **keys), 0o600)


def running(machine):
    machine.boot()
    assert machine.booted() == "running"
    machine.in_clear()


def is_up(machine):
    wait_until(lambda: machine.ping(INTERNET), 20, "the tunnel")


def closed(machine, since):
    """Not one packet has left, though they are tried all the time."""
    assert not machine.ping(ROUTER_LAN)
    leaks = machine.leaks(since)
    assert not leaks, f"{len(leaks)} packets: {leaks[:5]}\n{machine.journal()}"


def start(machine, **options):
    """The time since which nothing may leave."""
    machine.systemctl("start", UNIT, **options)
    return time.time()


def stop(machine):
    machine.systemctl("stop", UNIT)
    machine.in_clear()
    assert "minivpn-client" not in machine.tables()
    assert not machine.minivpn_pids()


def test_crash_restart_and_stop(lab, machine):
    """Nothing leaves until `stop`, whoever dies or is started again."""
    lab.serve(**QUICK)
    running(machine)
    since = start(machine)
    is_up(machine)
    assert re.match(r"client: up on tun0, ", machine.show(UNIT, "StatusText"))
    machine.kill_minivpn()
    wait_until(lambda: machine.show(UNIT, "NRestarts") == "1" and
               machine.show(UNIT, "ActiveState") == "active", 15)
    is_up(machine)
    machine.systemctl("restart", UNIT)
    is_up(machine)
    machine.systemctl("reload", UNIT)
    # Nobody lifts it by its own unit, which would then not know of it.
    assert machine.systemctl("stop", SWITCH, check=False).returncode
    assert machine.systemctl("start", SWITCH, check=False).returncode
    closed(machine, since)
    stop(machine)


def test_server_that_is_silent(lab, machine):
    """It is started all the same, tries for ever, and says why once."""
    running(machine)
    since = start(machine)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert SERVER in machine.show(UNIT, "StatusText")
    status = json.loads(machine.run(["minivpn", "status", "--json"]).stdout)
    assert status["state"] == "connecting"
    # It does not know this client, which is refused at once, again and again.
    peers, lab.peers = lab.peers, []
    lab.serve(**QUICK)
    wait_until(lambda: lab.server.log("server").count("refused") > 3, 20,
               "attempts")
    said = machine.journal(UNIT).splitlines()
    assert sum("refuses our key" in line for line in said) == 1, said
    assert len(said) <= 2, said
    closed(machine, since)
    lab.peers = peers
    lab.server.minivpn("down")
    lab.serve(**QUICK)
    is_up(machine)
    wait_until(lambda: "up on tun0" in machine.show(UNIT, "StatusText"))
    lab.server.minivpn("down")
    wait_until(lambda: SERVER in machine.show(UNIT, "StatusText") and
               "up on" not in machine.show(UNIT, "StatusText"))
    closed(machine, since)
    stop(machine)


def test_start_that_fails(lab, machine):
    """Again and again, for a reason of this machine: closed until `stop`."""
    running(machine)
    machine.run(["ip", "link", "add", "tun0", "type", "bridge"])
    start(machine, check=False)
    since = time.time()
    wait_until(lambda: machine.show(UNIT, "NRestarts") == "1", 10)
    closed(machine, since)
    # Between two attempts too.
    wait_until(lambda: machine.show(UNIT, "SubState") == "auto-restart")
    stop(machine)
    assert machine.show(UNIT, "ActiveState") in ("inactive", "failed")


def test_reboot(lab, machine):
    """Closed from the last packet of one boot to the first of the next."""
    lab.serve(**QUICK)
    running(machine)
    machine.systemctl("enable", UNIT)
    since = start(machine)
    is_up(machine)
    machine.reboot()
    machine.booted()
    is_up(machine)
    # The server is away meanwhile: the boot does not wait for it for long.
    lab.server.minivpn("down")
    machine.reboot()
    assert machine.booted() == "running"
    closed(machine, since)
    # A file that was broken meanwhile, and whose kill switch was in force.
    path = "etc/minivpn/client.conf"
    machine.write(path, machine.read(path) + "Nonsense = 1\n", 0o600)
    machine.reboot()
    assert machine.booted() == "degraded"
    closed(machine, since)
    stop(machine)


def test_name_at_boot(lab, machine):
    """Without a network no name is known but from the last time; nothing
    leaves until it is."""
    hosts = "127.0.0.1 localhost\n"
    configure(machine, Server="vpn.example.org")
    machine.write("etc/hosts", f"{hosts}{SERVER} vpn.example.org\n")
    lab.serve(**QUICK)
    running(machine)
    machine.systemctl("enable", UNIT)
    since = start(machine)
    is_up(machine)
    machine.write("etc/hosts", hosts)
    machine.reboot()
    machine.booted()
    is_up(machine)
    closed(machine, since)
    stop(machine)
    # It is asked for anew, and has none now: not for ever, and behind it.
    since = start(machine)
    assert "vpn.example.org" in machine.show(UNIT, "StatusText")
    closed(machine, since)
    machine.write("etc/hosts", f"{hosts}{SERVER} vpn.example.org\n")
    is_up(machine)
    machine.run(["minivpn", "down"])
    machine.in_clear()
    wait_until(lambda: machine.show(UNIT, "ActiveState") == "inactive",
               what="the unit's end")


def test_up_by_hand(lab, machine):
    """A start that fails for that leaves it alone, and so does its stop."""
    lab.serve(**QUICK)
    running(machine)
    machine.run(["minivpn", "up", "client"])
    since = time.time()
    pids = sorted(machine.minivpn_pids())
    assert machine.systemctl("start", UNIT, check=False).returncode
    assert machine.show(UNIT, "ExecMainStatus") == "78"
    assert machine.show(UNIT, "SubState") == "failed"
    machine.systemctl("stop", UNIT)
    assert sorted(machine.minivpn_pids()) == pids
    assert machine.ping(INNER)
    closed(machine, since)
    machine.run(["minivpn", "down"])
    machine.in_clear()


def test_broken_file(machine):
    """Status 78, one attempt, and nothing raised that never was."""
    configure(machine, Nonsense="1")
    running(machine)
    assert machine.systemctl("start", UNIT, check=False).returncode
    assert machine.show(UNIT, "ExecMainStatus") == "78"
    assert machine.show(UNIT, "SubState") == "failed"
    assert len(machine.journal().split("Nonsense")) == 2
    assert "minivpn-client" not in machine.tables()
    # With one in force it stays.
    configure(machine)
    since = start(machine)
    configure(machine, Nonsense="1")
    machine.systemctl("restart", UNIT, check=False)
    assert machine.show(UNIT, "ExecMainStatus") == "78"
    closed(machine, since)
    stop(machine)


def test_without_a_kill_switch(lab, machine):
    """The unit of the kill switch then does nothing."""
    configure(machine, KillSwitch="no", Routes="pushed")
    lab.serve(**QUICK)
    running(machine)
    start(machine)
    assert machine.ping(INNER)
    assert "minivpn-client" not in machine.tables()
    # A file that says so now, and a killed run that had one.
    configure(machine)
    machine.systemctl("restart", UNIT)
    assert "minivpn-client" in machine.tables()
    configure(machine, KillSwitch="no")
    machine.systemctl("restart", UNIT)
    assert "minivpn-client" not in machine.tables()
    stop(machine)


def test_metrics_for_node_exporter(lab, machine):
    """The timer's service has the control socket and the directory, and little
    else; the file says also that the tunnel is down."""
    lab.serve(**QUICK)
    configure(machine, KillSwitch="no")
    service = "minivpn-metrics@client"
    path = "var/lib/prometheus/node-exporter/minivpn-client.prom"
    running(machine)
    machine.systemctl("start", service)
    assert machine.show(service, "ConditionResult") == "no"
    machine.run(["mkdir", "-p", "/var/lib/prometheus/node-exporter"])
    machine.run(["chown", "nobody", "/var/lib/prometheus/node-exporter"])
    start(machine)
    is_up(machine)
    machine.systemctl("start", f"{service}.timer")
    wait_until(lambda: machine.show(service, "ExecMainStatus") == "0" and
               machine.run(["test", "-e", f"/{path}"],
                           check=False).returncode == 0, 15, "the metrics")
    assert 'minivpn_up{tunnel="client"} 1\n' in machine.read(path)
    machine.systemctl("stop", UNIT)
    machine.systemctl("start", service)
    assert 'minivpn_up{tunnel="client"} 0\n' in machine.read(path)
    assert machine.run(["ls", "/var/lib/prometheus/node-exporter"]) \
        .stdout.split() == ["minivpn-client.prom"]
