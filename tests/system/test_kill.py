# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL in all combinations, and nothing is left.

One process's death is healed at once by those that are left; what is left by
all of them, by the next `up` or `down`.
"""

import os
import re
import signal

import pytest

from files import journal_line
from host import wait_until
from lab import INNER, INTERNET


def victims(host, which):
    status = host.status()
    pid, tunnel = status["pid"], status["tunnel_pid"]
    assert pid != tunnel
    return {"tunnel": [tunnel], "host": [pid], "both": [pid, tunnel],
            "all": None}[which]


def killed(host, which):
    host.kill_minivpn(victims(host, which))


@pytest.mark.parametrize("which", ["tunnel", "host", "both", "all"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_then_down(lab, role, which):
    """`down` puts the host back, or finds it put back already."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = getattr(lab, role)
    killed(host, which)
    result = host.minivpn("down", role, check=False)
    assert result.returncode == 0 or "not up" in result.stderr, result.stderr


@pytest.mark.parametrize("which", ["tunnel", "host", "both", "all"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_then_up(lab, role, which):
    """`up` heals first, and then the tunnel carries packets again."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = getattr(lab, role)
    path = host.directory / f"{role}.conf"
    killed(host, which)
    if which == "tunnel":
        host.minivpn("down", role, check=False)
    host.up(path)
    if role == "server":
        lab.client.minivpn("down")
        lab.client.up(lab.client.directory / "client.conf")
    assert lab.client.ping(INNER) and lab.client.ping(INTERNET)


def test_journal_is_readable(lab):
    """What was done, in the words of ip; and a torn last line is no harm."""
    lab.start(client={"Routes": "default"})
    journal = lab.client.rundir / "client.journal"
    text = journal.read_text()
    assert "+ kind=tun device=tun0 # ip tuntap add dev tun0 mode tun\n" in text
    assert " # ip route add 0.0.0.0/1 dev tun0 " in text
    lab.client.kill_minivpn()
    journal.write_text(text + "+ ip rou")
    lab.client.minivpn("down", "client")


def as_before_records(journal):
    """The file as programs before 0.2 have left it: the text alone."""
    head, *lines = journal.read_text().splitlines()
    records = [re.fullmatch(r"[0-9a-f]{8} ([+-] )kind=.*? # (.*)", line)
               for line in lines]
    assert all(records) and len(records) >= 1
    journal.write_text(
        journal_line(head[9:].replace("minivpn-journal 3 ",
                                      "minivpn-journal 2 ")) +
        "".join(journal_line(record[1] + record[2]) for record in records))


@pytest.mark.parametrize("then", ["up", "down"])
@pytest.mark.parametrize("options", [
    {"Routes": "default", "KillSwitch": "yes"},
    {"Routes": "default", "Namespace": "work"}], ids=["all", "namespace"])
def test_journals_of_the_program_before(lab, options, then):
    """It was killed, all of it, and then exchanged for this one."""
    lab.start(server={"DNS": "10.8.0.1"}, client=options, Subnets="10.77.0.0/24")
    hosts = {"server": lab.server, "client": lab.client}
    for name, host in hosts.items():
        host.kill_minivpn()
        for path in host.rundir.glob(f"{name}.[jk]*"):
            as_before_records(path)
    for name, host in hosts.items():
        words = {"up": host.directory / f"{name}.conf", "down": name}
        said = host.minivpn(then, words[then], timeout=60)
        assert "not as it was written" not in said.stdout + said.stderr
        assert then == "up" or not list(host.rundir.glob(f"{name}.[jk]*"))


def test_journal_with_nonsense(lab):
    """Lines that can't be read are passed over; nothing else is harmed."""
    lab.client.batch("route add 198.18.0.0/24 via 192.168.1.1")
    lab.client.baseline()
    lab.start(client={"Routes": "default"})
    journal = lab.client.rundir / "client.journal"
    head, *lines = journal.read_text().splitlines(keepends=True)
    lab.client.kill_minivpn()
    wrong = lines[0].replace("+", "-")
    journal.write_text(
        head + "+ rm -rf /\n+\n\0\xff\n" + journal_line("+ rm -rf /") +
        journal_line("+ ip route add 198.18.0.0/24 via 192.168.1.9 dev eth0 "
                     "proto 77") + "".join(lines) + wrong)
    said = lab.client.minivpn("down", "client", check=False).stderr
    assert said.count("not as it was written") == 5
    assert wrong.strip() in said


def test_journal_of_another_boot(lab):
    """After a reboot there is nothing to undo but the resolver."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    journal = lab.client.rundir / "client.journal"
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    text = journal.read_text()
    assert boot in text
    lab.client.kill_minivpn()
    # As a boot leaves it: nothing but files.
    lab.client.forget_routing()
    head, _, rest = text.partition("\n")
    journal.write_text(
        journal_line(head[9:].replace(boot, boot[::-1])) + rest)
    said = lab.client.minivpn("down", "client", check=False).stderr
    assert "of another boot" in said
    assert "192.0.2.53" in lab.client.resolv_conf()


@pytest.mark.parametrize("role", ["client", "server"])
def test_host_killed_is_healed_at_once(lab, role):
    """Nobody runs `down`: the janitor puts the host back, within 2 seconds."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = getattr(lab, role)
    host.kill_minivpn([host.status()["pid"]])
    wait_until(lambda: not (host.rundir / f"{role}.journal").exists(), 2,
               "the janitor reverts the journal")
    wait_until(lambda: not host.minivpn_pids(), 2, "all processes end")


def janitor_of(host):
    """Its pid, or None while there is none."""
    return host.minivpn_processes().get("janitor")


def test_janitor_killed_is_replaced(lab):
    """Its successor does the same duty."""
    lab.start(client={"Routes": "default"})
    first = janitor_of(lab.client)
    lab.client.kill_minivpn([first])
    wait_until(lambda: janitor_of(lab.client) not in (first, None), 2,
               "a new janitor")
    assert lab.client.ping(INTERNET)
    lab.client.kill_minivpn([lab.client.status()["pid"]])
    wait_until(lambda: not lab.client.minivpn_pids(), 2, "all processes end")


def test_tunnel_killed_is_started_again(lab):
    """The tunnel comes back by itself; nothing leaves outside meanwhile."""
    lab.start(client={"Routes": "default"})
    before = lab.client.status()
    lab.client.kill_minivpn([before["tunnel_pid"]])
    wait_until(lambda: lab.client.status()["state"] == "up" and
               lab.client.status()["tunnel_pid"] != before["tunnel_pid"], 5,
               "a new tunnel process is up")
    assert lab.client.ping(INTERNET)
    assert lab.client.status()["changes"] == before["changes"]


@pytest.mark.parametrize("role", ["client", "server"])
def test_launcher_killed_gives_the_host_back(lab, role):
    """Nobody else can start a tunnel process: it is the end, a clean one."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = getattr(lab, role)
    host.kill_minivpn([host.minivpn_processes()["launcher"]])
    wait_until(lambda: not host.minivpn_pids(), 5, "all processes end")
    assert "the launcher process was killed" in host.log(role)
    assert "changes put back" not in host.log(role)


@pytest.mark.parametrize("role", ["client", "server"])
def test_launcher_hangs_while_host_is_killed(lab, role):
    """Whatever holds it up: it keeps the lock, and the tunnel process with it,
    until the janitor, which has to have that, ends it."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = getattr(lab, role)
    os.kill(host.minivpn_processes()["launcher"], signal.SIGSTOP)
    host.kill_minivpn([host.status()["pid"]])
    wait_until(lambda: not (host.rundir / f"{role}.journal").exists(), 2,
               "the janitor reverts the journal")
    wait_until(lambda: not host.minivpn_pids(), 2, "all processes end")
    assert "the host process was killed: put back" in host.log(role)


def test_launcher_hangs_at_the_end(lab):
    """`down` does not wait for it for ever, and leaves nothing."""
    lab.start(client={"Routes": "default"})
    os.kill(lab.client.minivpn_processes()["launcher"], signal.SIGSTOP)
    lab.client.minivpn("down", "client")
    wait_until(lambda: not lab.client.minivpn_pids(), 2, "all processes end")
