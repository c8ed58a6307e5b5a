# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests' side of fault.c: which call fails, and what came of it."""

import contextlib
import errno
import mmap
import os
import pathlib
import struct

import snapshot
from host import MINIVPN, wait_until
from lab import INNER

LIBRARY = pathlib.Path(os.environ.get(
    "MINIVPN_FAULT_LIBRARY", pathlib.Path(MINIVPN).parent / "tests/fault.so"))

COMMAND, HOST, TUNNEL, JANITOR = 1, 2, 4, 8
ANYBODY = 15
MEMORY, NETLINK, FILES, PROCESS, MESSAGE, JOINED = 1, 2, 4, 8, 16, 32
FAIL, REFUSE, LOSE, HOLD = range(4)

# struct control of fault.c: these words, then what was called, then from where.
FIELDS = ("armed", "roles", "kinds", "mode", "error", "first", "last", "count",
          "hit", "released", "slept")
CALLS, NAME, WHERE = 2048, 16, 1024
CALLS_AT = 4 * len(FIELDS)
WHERE_AT = CALLS_AT + CALLS * NAME


def text(data):
    return bytes(data).split(b"\0")[0].decode()


class Faults:
    """One shared page; argv() starts minivpn with the library in it."""

    def __init__(self, host):
        assert LIBRARY.is_file(), f"{LIBRARY} is missing: make check-system"
        self.path = host.directory / "faults"
        self.alarm = None
        self.path.write_bytes(bytes(WHERE_AT + WHERE))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def argv(self, *words):
        return ["env", f"LD_PRELOAD={LIBRARY}", f"FAULT_CONTROL={self.path}",
                *([f"FAULT_ALARM={self.alarm}"] if self.alarm else []),
                MINIVPN, *words]

    def with_alarm(self):
        """What is started from here on hears of it by sleep()."""
        self.alarm = self.path.with_name("alarm")
        os.mkfifo(self.alarm)
        return self

    def sleep(self, seconds):
        """The machine seems to have slept, and wakes up now."""
        self.set(slept=self.slept + seconds)
        if self.alarm:
            with open(self.alarm, "r+b", buffering=0) as alarm:
                alarm.write(bytes(8))

    def __getattr__(self, name):
        if name not in FIELDS:
            raise AttributeError(name)
        return struct.unpack_from("I", self.memory, 4 * FIELDS.index(name))[0]

    def set(self, **fields):
        for name, value in fields.items():
            struct.pack_into("I", self.memory, 4 * FIELDS.index(name), value)

    @contextlib.contextmanager
    def armed(self, roles, kinds, number=0, mode=FAIL, error=errno.ENOMEM,
              times=1):
        """Calls of these kinds in these processes count from here on; from the
        number-th on, `times` of them fail. 0: they are only counted."""
        self.memory[CALLS_AT:] = bytes(len(self.memory) - CALLS_AT)
        self.set(roles=roles, kinds=kinds, mode=mode, error=error, first=number,
                 last=number + times - 1 if number else 0, count=0, hit=0,
                 released=0)
        self.set(armed=1)
        try:
            yield self
        finally:
            self.set(armed=0, released=1)

    def calls(self):
        """What was called, as "H:sendto"; the first is number 1."""
        return [text(self.memory[at:at + NAME]) for at in
                range(CALLS_AT + NAME,
                      CALLS_AT + NAME * (1 + min(self.count, CALLS - 1)), NAME)]

    def where(self):
        """The way to the call that failed: for a person, and addr2line."""
        return text(self.memory[WHERE_AT:])

    def wait_hit(self, is_over, timeout=10):
        """True once a process is held; False where none has come to it."""
        wait_until(lambda: self.hit or is_over(), timeout, "the call")
        return bool(self.hit)


def bear_deaths(host):
    """No report of a sanitizer about a signal that was sent; and its check for
    leaks at the end is a process more, which is no victim of ours."""
    host.killed = True
    host.environment["ASAN_OPTIONS"] += (
        ":verify_asan_link_order=0:detect_leaks=0:handle_segv=0")


class Subject:
    """A client or a server that is brought up again and again, and to which
    something happens each time; the other end stays up, where it is one."""

    def __init__(self, lab, role, **options):
        lab.enroll(lab.client, "alice")
        lab.serve(DNS="10.8.0.1", Search="lab.example")
        lab.client_conf(Routes="default", **options)
        self.host = getattr(lab, role)
        self.name = role
        self.path = self.host.directory / f"{role}.conf"
        if role == "server":
            lab.server.minivpn("down")
        bear_deaths(self.host)
        self.faults = Faults(self.host)

    def carries(self):
        """The other end can be reached through it."""
        return self.name == "server" or self.host.ping(INNER, check=False)

    def is_clean(self):
        return not (self.host.minivpn_pids() or snapshot.difference(
            self.host.before, snapshot.take(self.host)))

    def left(self):
        """The files of a run that are not its log."""
        if not self.host.rundir.exists():
            return []
        return sorted(path.name for path in self.host.rundir.iterdir()
                      if not path.name.endswith((".log", ".log.old")))

    def recover(self):
        """So that one thing that is not got over does not hide the next."""
        if self.host.minivpn_pids():
            self.host.kill_minivpn()
        self.host.minivpn("down", self.name, check=False)
        wait_until(self.is_clean, 5, "the host is as before at last")
