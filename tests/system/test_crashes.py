# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel process that crashes, and a machine that has run out of something.

MINIVPN_FAULTS=all: also the wait until it gives up, which takes a minute.
"""

import errno
import os
import re
import signal

import pytest

from faults import HOST, PROCESS, Faults, bear_deaths
from host import MINIVPN, alive, wait_until
from lab import INNER, INTERNET, INTERNET6, ROUTER_LAN, SERVER
from packets import Capture

ALL = os.environ.get("MINIVPN_FAULTS") == "all"
QUICK = {"Keepalive": "2"}


def crash(host, number):
    """A death of the present tunnel process, once there is one."""
    pid = wait_until(lambda: host.status()["tunnel_pid"], 60, "a new process")
    os.kill(pid, number)
    wait_until(lambda: not alive(pid), 5, "its end")
    return pid


def start(lab, **keys):
    """Client and server as Lab.start() has them, of which either may crash."""
    bear_deaths(lab.client)
    bear_deaths(lab.server)
    lab.start(**keys)


def pauses(host, name):
    return list(map(float, re.findall(r"starting it again in ([\d.]+) s",
                                      host.log(name))))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_crash_leaks_nothing(lab, number):
    """The client comes back by itself; what it wants to send meanwhile stays
    inside, in both families."""
    start(lab, server=QUICK, client={"Routes": "default", **QUICK})
    lab.server.compared = False  # neighbours
    with Capture(lab.client, "eth0") as capture:
        pings = [lab.client.spawn(["ping", "-n", "-q", "-i", "0.01", to])
                 for to in (INTERNET, INTERNET6)]
        for count in (1, 2):
            crash(lab.client, number)
            wait_until(lambda: len(pauses(lab.client, "client")) == count)
            wait_until(lambda: lab.client.status()["state"] == "up", 15)
        for to in (INTERNET, INTERNET6):
            assert lab.client.ping(to)
        for ping in pings:
            ping.stop()
        outside = [packet for packet in capture.seen()
                   if SERVER not in packet.addresses and
                   packet.source != ROUTER_LAN]
        seen = len(capture.seen())
    assert seen and not outside, outside[:5]
    assert [signal.strsignal(number)] * 2 == re.findall(
        r"ended by signal \d+ \(([^)]+)\)", lab.client.log("client"))


def test_pauses_grow(lab):
    start(lab, client={"Routes": "default"})
    for _ in range(4):
        crash(lab.client, signal.SIGKILL)
    wait_until(lambda: len(pauses(lab.client, "client")) == 4)
    assert pauses(lab.client, "client") == [0.2, 0.4, 0.8, 1.6]


@pytest.mark.skipif(not ALL, reason="MINIVPN_FAULTS=all: it takes a minute")
@pytest.mark.parametrize("role", ["client", "server"])
def test_gives_up(lab, role):
    """Again and again: an end with a reason, and a host as it was."""
    start(lab, client={"Routes": "default"})
    host = getattr(lab, role)
    for _ in range(9):
        crash(host, signal.SIGSEGV)
    wait_until(lambda: not host.minivpn_pids(), 5, "it gives up")
    assert pauses(host, role) == [0.2 * 2 ** turn for turn in range(8)]
    assert "has ended 9 times in a row" in host.log(role)


def test_no_process_can_be_made(lab):
    """fork() fails when the tunnel process is to be started again: later."""
    bear_deaths(lab.client)
    lab.enroll(lab.client, "alice")
    lab.serve()
    faults = Faults(lab.client)
    lab.client.run(faults.argv("up", lab.client_conf(Routes="default")))
    tunnel = lab.client.status()["tunnel_pid"]
    with faults.armed(HOST, PROCESS, 1, error=errno.EAGAIN, times=1000):
        lab.client.kill_minivpn([tunnel])
        wait_until(lambda: lab.client.log("client").count(
            "can't be started: Resource temporarily") == 2)
    wait_until(lambda: lab.client.status()["state"] == "up", 15)
    assert lab.client.ping(INTERNET)


def test_servers_tunnel_crashes(lab):
    """Its clients find out, and connect again by themselves."""
    start(lab, server=QUICK, client=QUICK)
    crash(lab.server, signal.SIGSEGV)
    wait_until(lambda: lab.server.status()["state"] == "up", 5)
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 30,
               "the client is back")


# Things that run out.


def fails_cleanly_or_works(lab, argv):
    """True where it works."""
    host = lab.client
    result = host.run(argv, check=False)
    said = result.stderr.splitlines()
    if result.returncode == 0:
        assert host.ping(INNER)
        host.minivpn("down")
        return True
    assert result.returncode == 1 and len(said) == 1, (result, said)
    assert said[0].startswith("minivpn: ") and len(said[0].split()) > 3, said
    wait_until(lambda: not host.minivpn_pids(), 5, "the end")
    return False


@pytest.mark.parametrize("pages", [1, 2, 3, 4, 8])
def test_rundir_is_full(lab, pages):
    """Page by page: for the lock, the log, and a journal that needs two."""
    lab.enroll(lab.client, "alice")
    lab.serve(DNS="10.8.0.1")
    path = lab.client_conf(Routes="default")
    run = lab.client.rundir
    lab.client.shell(f"""mkdir {run}
        mount -t tmpfs -o mode=755,size={4 * pages}k tmpfs {run}""")
    works = fails_cleanly_or_works(lab, [MINIVPN, "up", path])
    assert works == (pages > 2)
    left = lab.client.run(["ls", run]).stdout.split()
    assert not [name for name in left if not name.endswith(".log")], left
    # The last process has its log open until it is gone altogether.
    wait_until(lambda: lab.client.run(["umount", run],
                                      check=False).returncode == 0)
    run.rmdir()


@pytest.mark.parametrize("option", ["size=4k", "ro"])
def test_statedir_is_full(lab, option):
    """Leases can't be kept on disk: said, and served all the same."""
    lab.server.shell(f"""mount -t tmpfs -o mode=755 tmpfs {lab.server.statedir}
        cd {lab.server.statedir}; dd if=/dev/zero of=ballast bs=4k count=1
        mount -o remount,{option} {lab.server.statedir}""")
    lab.start()
    assert lab.client.ping(INNER)
    lab.server.wait_log("server", "the leases can't be kept on disk")
    lab.client.minivpn("down")
    lab.server.minivpn("down")
    lab.server.shell(f"umount {lab.server.statedir}")


def test_few_descriptors(lab):
    """One after the other is the one that can't be had."""
    lab.enroll(lab.client, "alice")
    lab.serve(DNS="10.8.0.1")
    path = lab.client_conf(Routes="default")
    worked = [fails_cleanly_or_works(lab, [
        "prlimit", f"--nofile={count}:{count}", MINIVPN, "up", path])
        for count in range(6, 25)]
    assert not worked[0] and worked[-1], worked
    assert worked == sorted(worked), worked


def test_etc_is_read_only(lab):
    """Said, with what to do; and what can't be put back is put back later."""
    lab.enroll(lab.client, "alice")
    lab.serve(DNS="10.8.0.1")
    path = lab.client_conf(Routes="default")
    lab.client.shell("mount -o remount,ro /etc")
    assert "DNS = none" in lab.client.fails("up", path)
    lab.client.up(lab.client_conf(Routes="default", DNS="none"))
    lab.client.minivpn("down")
    lab.client.shell("mount -o remount,rw /etc")
    lab.client.up(lab.client_conf(Routes="default"))
    lab.client.shell("mount -o remount,ro /etc")
    said = lab.client.fails("down", run=lab.client.run)
    assert "not everything could be put back" in said
    assert (lab.client.rundir / "client.journal").exists()
    lab.client.shell("mount -o remount,rw /etc")
    lab.client.minivpn("down", "client")


RESOLVER_OBSTACLES = {
    "immutable": ("chattr +i /etc/resolv.conf", "chattr -i /etc/resolv.conf"),
    "append-only": ("chattr +a /etc/resolv.conf", "chattr -a /etc/resolv.conf"),
    "mounted": ("cp /etc/resolv.conf /etc/other;"
                "mount --bind /etc/other /etc/resolv.conf;"
                "mount -o remount,bind,ro /etc/resolv.conf",
                "mounted read-only"),
}


@pytest.mark.parametrize("obstacle", RESOLVER_OBSTACLES)
def test_resolver_that_root_can_not_write(lab, obstacle):
    """Said, with what to do; and not that root should do it."""
    make, remedy = RESOLVER_OBSTACLES[obstacle]
    lab.enroll(lab.client, "alice")
    lab.serve(DNS="10.8.0.1")
    if lab.client.shell(make, check=False).returncode:
        pytest.skip("no chattr(1) here, or not on this file system")
    lab.client.baseline()
    said = lab.client.fails("up", lab.client_conf(Routes="default"))
    assert remedy in said and "DNS = none" in said and "root" not in said
    lab.client.up(lab.client_conf(Routes="default", DNS="none"))
    lab.client.minivpn("down")


def test_etc_is_immutable(lab):
    """Then the file can still be written in place."""
    if lab.client.shell("chattr +i /etc", check=False).returncode:
        pytest.skip("no chattr(1) here, or not on this file system")
    lab.client.baseline()
    lab.start(server={"DNS": "10.8.0.1"})
    assert "nameserver 10.8.0.1\n" in lab.client.resolv_conf()
    lab.client.minivpn("down")
    lab.client.shell("chattr -i /etc")


# What somebody else makes of the journal.

DAMAGE = {
    "empty": "truncate --size 0 {0}",
    "a directory": "mv {0} {0}.kept; mkdir {0}",
    "a symbolic link": "mv {0} {0}.kept; ln -s {0}.kept {0}",
    "writable by others": "cp -p {0} {0}.kept; chmod 666 {0}",
    "huge": "head -c 40000000 /dev/zero >>{0}",
    "half": "truncate --size 300 {0}",
}
MENDS = {"a directory": "rmdir {0}; mv {0}.kept {0}",
         "a symbolic link": "mv {0}.kept {0}",
         "writable by others": "mv {0}.kept {0}"}


@pytest.mark.parametrize("damage", DAMAGE)
def test_journal_damaged(lab, damage):
    """What can't be trusted is not carried out, which is said; the rest is."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    host = lab.client
    journal = host.rundir / "client.journal"
    host.kill_minivpn()
    text = journal.read_text()
    host.shell(DAMAGE[damage].format(journal))
    if damage in MENDS:
        for words in (["down", "client"], ["up", host.directory / "client.conf"]):
            assert "can't be put back" in host.fails(*words)
        assert SERVER in host.ip("route show proto 77").stdout
        host.shell(MENDS[damage].format(journal))
    host.minivpn("down", "client")
    assert not journal.exists()
    if damage in ("empty", "half"):
        # Nobody can know any more what was in it.
        journal.write_text(text)
        journal.chmod(0o600)
        host.minivpn("down", "client")
