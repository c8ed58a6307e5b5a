# SPDX-License-Identifier: GPL-2.0-or-later
"""Each call of `up` and of `down` that can fail is made to fail, in turn.

Then either it did not matter, or the command fails with one line that says
why; and the host is as before without a further command. Only where `down` can
not undo something it says so, and the next `down` does it.

MINIVPN_FAULTS=all tries every call, MINIVPN_FAULTS="file,answer lost" every one
of these kinds; else it is a few of each kind, from the first to the last.
"""

import collections
import errno
import os
import subprocess
import time

import pytest

from faults import (COMMAND, FAIL, FILES, HOST, LOSE, MEMORY, MESSAGE, NETLINK,
                    PROCESS, REFUSE, TUNNEL, Subject)
from host import wait_until
from lab import INNER

WANTED = os.environ.get("MINIVPN_FAULTS", "")
ALL = bool(WANTED)
FOREVER = 1 << 20
MOST = 8  # tries of one fault where not all are made; libseccomp allocates
          # thousands of times

Fault = collections.namedtuple("Fault", "who kind mode error step times start",
                               defaults=(1, 1))

# step: every how many-th call where not all are tried, from start on.
FAULTS = {
    "request not sent": Fault(HOST, NETLINK, FAIL, errno.ENOBUFS, 3),
    "request refused": Fault(HOST, NETLINK, REFUSE, errno.EINVAL, 3, start=2),
    "answer lost": Fault(HOST, NETLINK, LOSE, errno.ENOBUFS, 3, start=3),
    "file": Fault(HOST, FILES, FAIL, errno.ENOSPC, 1),
    "process": Fault(HOST, PROCESS, FAIL, errno.EMFILE, 4),
    "message": Fault(HOST, MESSAGE, FAIL, errno.ENOBUFS, 1),
    "memory": Fault(HOST, MEMORY, FAIL, errno.ENOMEM, 6),
    "command's file": Fault(COMMAND, FILES, FAIL, errno.EIO, 2),
    "command's process": Fault(COMMAND, PROCESS, FAIL, errno.EMFILE, 2),
    "command's memory": Fault(COMMAND, MEMORY, FAIL, errno.ENOMEM, 8),
    "tunnel's file": Fault(TUNNEL, FILES, FAIL, errno.ENOENT, 2),
    "tunnel's process": Fault(TUNNEL, PROCESS, FAIL, errno.EPERM, 80),
    "tunnel's message": Fault(TUNNEL, MESSAGE, FAIL, errno.ENOBUFS, 2),
    "tunnel's memory": Fault(TUNNEL, MEMORY, FAIL, errno.ENOMEM, 400),
    # From that call on all fail: a full disk, no memory.
    "all requests": Fault(HOST, NETLINK, FAIL, errno.ENOBUFS, 12, FOREVER),
    "all files": Fault(HOST, FILES, FAIL, errno.ENOSPC, 12, FOREVER),
    "all memory": Fault(HOST, MEMORY, FAIL, errno.ENOMEM, 12, FOREVER),
}


class Sweep(Subject):
    """One command, again and again, each time with another call that fails."""

    faults_known = FAULTS

    def __init__(self, lab, role, **options):
        super().__init__(lab, role, **options)
        self.every = 1 if role == "client" and not options else 4
        self.kill_switch = "KillSwitch" in options
        self.tried = self.failed = 0
        self.slowest = 0.0
        self.problems = []

    def command(self, *words):
        """It ends in good time, and with a reason where it fails."""
        result = self.host.run(self.faults.argv(*words), check=False,
                               timeout=20)
        said = result.stderr.splitlines()
        if result.returncode < 0 and "gnutls" in self.faults.where():
            return result  # GnuTLS or GMP can't do without; nothing is done yet
        if result.returncode:
            assert result.returncode == 1, f"exit {result.returncode}: {said}"
            assert len(said) == 1 and said[0].startswith("minivpn: "), said
            assert len(said[0].split()) > 3, said
        return result

    def finish(self, fault):
        """No process, nothing changed; and no file, but where removing it has
        failed, or where libev has ended a process that was out of memory."""
        if fault.times == FOREVER and (self.left() or not self.is_clean()):
            # It could not be put back by anybody; that is written down.
            assert {f"{self.name}.journal", f"{self.name}.killswitch"} & set(
                self.left()) or self.is_clean()
            self.host.minivpn("down", self.name, check=False)
        if self.kill_switch:
            wait_until(lambda: self.is_clean() or
                       not self.host.minivpn_processes(), 4, "its end")
            if not self.is_clean():
                # It had come so far: nothing leaves until `down`.
                assert f"{self.name}.killswitch" in self.left()
                self.host.minivpn("down", self.name)
        wait_until(self.is_clean, 4, "the host is as before")
        if fault.kind in (FILES, MEMORY) and self.left():
            self.host.minivpn("down", self.name, check=False)
        assert not self.left(), self.left()

    def has_ended(self):
        return "host" not in self.host.minivpn_processes()

    def armed(self, fault, number):
        return self.faults.armed(fault.who, fault.kind, number, fault.mode,
                                 fault.error, fault.times)

    def up(self, fault, number):
        """`up` with that fault; how many such calls there were."""
        with self.armed(fault, number):
            result = self.command("up", self.path)
            count = self.faults.count
        if result.returncode == 0 or "standard output" in result.stderr:
            # The tunnel process may have died of it just after that.
            # And libev ends host where there is no memory at all.
            ended = self.has_ended if fault.times == FOREVER else bool
            wait_until(lambda: ended() or self.host.status()["state"] == "up",
                       5)
            assert ended() or self.carries()
            self.host.minivpn("down", self.name, check=not ended())
        self.failed += result.returncode != 0
        self.finish(fault)
        return count

    def down(self, fault, number):
        self.host.run(self.faults.argv("up", self.path))
        with self.armed(fault, number):
            result = self.command("down", self.name)
            count = self.faults.count
        if result.returncode:
            # What is left is written down, and what is not is gone already.
            again = self.host.minivpn("down", self.name, check=False)
            assert again.returncode == 0 or "not up" in again.stderr, again
        self.failed += result.returncode != 0
        self.finish(fault)
        return count

    def attempt(self, moment, what, number):
        start = time.monotonic()
        try:
            count = getattr(self, moment)(self.faults_known[what], number)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            calls = self.faults.calls()
            call = calls[number - 1] if 0 < number <= len(calls) else ""
            self.problems.append(f"{what}, {number} {call}: {error}\n  "
                                 f"{self.faults.where()}")
            self.recover()
            return 0
        self.slowest = max(self.slowest, time.monotonic() - start)
        return count

    def run(self, moment, what):
        """The first round has no fault, and counts."""
        self.tried = self.failed = 0
        total = self.attempt(moment, what, 0)
        assert not self.failed, "it fails without a fault"
        fault = self.faults_known[what]
        step = 1 if ALL else max(fault.step * self.every,
                                 total // (MOST // min(self.every, 2)))
        start = 1 if ALL else fault.start
        for number in range(start, total + 1, step):
            self.tried += 1
            self.attempt(moment, what, number)
        print(f"{self.name} {moment}: {what}: {total} calls, {self.tried} made "
              f"to fail, {self.failed} commands failed for it")


def sweep_all(sweep, moment):
    kinds = FAULTS if WANTED in ("", "all") else WANTED.split(",")
    for what in kinds:
        sweep.run(moment, what)
    print(f"{sweep.name} {moment}: the slowest took {sweep.slowest:.1f} s")
    assert not sweep.problems, "\n".join(sweep.problems)


@pytest.mark.parametrize("moment", ["up", "down"])
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.timeout(7200 if ALL else 1200)
def test_call_fails(lab, role, moment):
    sweep_all(Sweep(lab, role), moment)


@pytest.mark.parametrize("moment", ["up", "down"])
@pytest.mark.timeout(7200 if ALL else 1200)
def test_call_fails_behind_kill_switch(lab, moment):
    sweep_all(Sweep(lab, "client", KillSwitch="yes"), moment)


def test_a_refused_question_is_no_move(lab):
    """What the kernel did not say of the way to the server is no other way:
    the session stays."""
    sweep = Sweep(lab, "client")
    host = sweep.host
    host.run(sweep.faults.argv("up", sweep.path))

    def look(what, number):
        """At what has changed, to its end; from the number-th question on all
        are refused."""
        refused = FAULTS["request refused"]._replace(times=FOREVER)
        with sweep.armed(refused, number) as faults:
            before = -1
            host.ip(f"address {what} 192.0.2.77/32 dev lo")
            while not faults.count or faults.count != before:
                before = faults.count
                host.run(["sleep", "0.3"])
            assert faults.hit or not number
    for number in range(1, 4):
        look("add", number)
        look("del", 0)
    assert host.ping(INNER)
    host.minivpn("down", "client")
    said = host.log("client")
    assert "the way to the server can't be found out" in said
    assert "the way to the server is now" not in said
