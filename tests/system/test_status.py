# SPDX-License-Identifier: GPL-2.0-or-later
"""status as people see it, on a terminal (pty) and without one; list."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading

import pytest

from files import client_file
from host import MINIVPN, wait_until
from lab import INNER

ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[0m\x1b[?25h\x1b[?1049l"


class Terminal:
    """A program of a host's on a terminal of its own."""

    def __init__(self, host, *words, columns=80, rows=24, term="xterm",
                 program=(MINIVPN,), **more):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        environment = dict(host.environment, LC_ALL="C.UTF-8", TERM=term)
        environment.pop("NO_COLOR", None)
        with host._entered():
            self.process = subprocess.Popen(
                [*program, *words], stdin=slave, stdout=slave, stderr=slave,
                env={**environment, **more}, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.slave = slave
        self.output = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536):
                self.output += data

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def frames(self):
        return self.output.split(b"\x1b[H")[1:]

    def lines(self):
        """Of the newest picture that is there as a whole, without colours."""
        whole = [each for each in self.frames() if b"\x1b[J" in each]
        text = whole[-1].decode() if whole else ""
        text = re.sub(r"\x1b\[[0-9?;]*[a-zA-Z]", "", text)
        return [line.strip("\r") for line in text.split("\n")]

    def wait_for(self, pattern, timeout=10):
        return wait_until(lambda: re.search(pattern, "\n".join(self.lines())),
                          timeout, f"{pattern!r} in {self.lines()}")

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def wait(self, timeout=10):
        """Its exit status; the terminal is as it was."""
        wait_until(lambda: self.process.poll() is not None, timeout,
                   "the end")
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        self.reader.join(10)
        os.close(self.master)


@pytest.fixture
def terminal():
    with contextlib.ExitStack() as stack:
        def make(*words, **options):
            made = Terminal(*words, **options)
            stack.callback(made.close)
            return made
        yield make


def page(terminal, host, *words, **options):
    """What a command prints there, whole, as lines without their ends."""
    made = terminal(host, *words, **options)
    assert made.wait() == 0, made.output
    wait_until(lambda: made.output.endswith(b"\n"), what="its output")
    return made.output.decode().split("\r\n")[:-1]


def test_pages(lab, terminal):
    """Of a server: counts and a line a client, cut to the terminal; the whole
    of one client; what was changed on this machine only when asked for."""
    lab.enroll(lab.client, "absent", Address="10.8.0.77")
    lab.start()
    assert lab.client.ping(INNER, count=3)
    server = lab.server
    for columns in 80, 40:
        lines = page(terminal, server, "status", columns=columns)
        assert max(map(len, lines)) <= columns + len("\x1b[1;32m\x1b[0m")
        assert re.match(r"\x1b\[1;32mserver\x1b\[0m: up for \d+ s, 1 of 2 "
                        r"connected", lines[0])
        assert re.match(r"alice +10\.8\.0\.2 .* B +.* B$", lines[3]), lines
        assert len(lines) == 4 and "ip tuntap" not in "".join(lines)
    for options in {"term": "dumb"}, {"NO_COLOR": "1"}:
        lines = page(terminal, server, "status", **options)
        assert "\x1b" not in "".join(lines) and len(lines) == 4
    text = server.minivpn("status", "server", "alice").stdout
    for word in ("client: alice\n", f"public key: {lab.client.key.public}\n",
                 "endpoint: 192.168.1.2:", "leased addresses: 10.8.0.2, ",
                 "connected: ", "round trip: ", "cipher: "):
        assert word in text
    text = server.minivpn("status", "server", "absent").stdout
    assert "fixed addresses: 10.8.0.77\n" in text and "session: none" in text
    assert "last seen: not known" in text
    for host in server, lab.client:
        status = host.status()
        assert host.minivpn("status", "--changes").stdout.splitlines() == \
            status["changes"]
        assert status["changes"][0] not in host.minivpn("status").stdout
    one = json.loads(server.minivpn("status", "server", "alice",
                                    "--json").stdout)
    assert one["name"] == "alice" and one["rx_packets"] >= 3
    assert "nobody" in server.fails("status", "server", "nobody")
    assert "server" in lab.client.fails("status", "client", "alice")
    for words in (("--json", "--watch"), ("server", "alice", "--watch"),
                  ("server", "alice", "more")):
        server.fails("status", *words, code=2, prefix="usage: ")


def test_list(lab):
    """Whether it runs or not: who has which address, and came when."""
    lab.enroll(lab.client, "absent", Address="10.8.0.77")
    lab.start()
    path = lab.server.directory / "server.conf"

    def lines():
        text = lab.server.minivpn("list", path).stdout
        return [line.split() for line in text.splitlines()]

    head, titles, absent, alice = lines()
    assert head == "server: 2 clients, 1 connected".split()
    assert titles[:2] == ["NAME", "ADDRESS"]
    assert absent[:3] == ["absent", "10.8.0.77", "fixed"]
    assert absent[-1] == "-"
    assert alice[:2] == ["alice", "10.8.0.2"] and alice[-1] == "connected"
    assert "lease" in alice
    lab.client.minivpn("down")
    lab.server.minivpn("down")
    head, titles, absent, alice = lines()
    assert head == "server: 2 clients, not up".split()
    assert alice[:2] == ["alice", "10.8.0.2"] and alice[-1] == "ago"
    assert "client" in lab.server.fails("list", lab.client.write(
        "client.conf", client_file(lab.client.key, lab.server_key.public)))
    lab.server.fails("list", code=2, prefix="usage: ")


def watch(lab, terminal, host=None, **options):
    made = terminal(host or lab.server, "status", "--watch", **options)
    made.wait_for(r"q: quit")
    assert made.output.startswith(ENTER)
    assert not made.attributes()[3] & (termios.ICANON | termios.ECHO)
    return made


def check_put_back(made):
    wait_until(lambda: made.output.endswith(LEAVE), what="the end of it")
    assert made.output.count(ENTER) == made.output.count(LEAVE)
    assert made.attributes() == made.before


@pytest.mark.smoke
def test_watch(lab, terminal):
    """Redrawn each second, with rates; keys; other sizes; a server that comes
    again."""
    lab.start()
    made = watch(lab, terminal)
    lab.client.spawn(["ping", "-n", "-q", "-i", "0.05", "-s", "1000", INNER])
    made.wait_for(r"alice +10\.8\.0\.2 +\S+ ms +\d\S* KiB +\d\S* KiB +"
                  r"[▁▂▃▄]")
    for order in "transfer", "name", "round trip", "rate":
        made.type("s")
        made.wait_for(f"1 of 1, by {order} ")
    made.resize(40, 10)
    wait_until(lambda: max(map(len, made.lines())) < 40, what="its width")
    assert made.lines()[-1].startswith("1 of 1, by rate")
    lab.server.minivpn("down")
    made.wait_for("server: no answer")
    lab.server.up(lab.server.directory / "server.conf")
    made.wait_for("1 of 1 connected")
    made.type("q")
    assert made.wait() == 0
    check_put_back(made)


def test_watch_of_a_client(lab, terminal):
    lab.start()
    made = watch(lab, terminal, lab.client)
    made.wait_for(r"client: up .*\n.*\n203\.0\.113\.5:4433 +10\.8\.0\.1 ")
    made.type("q")
    assert made.wait() == 0
    check_put_back(made)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM,
                                    signal.SIGHUP, signal.SIGQUIT])
def test_watch_ends_by_a_signal(lab, terminal, number):
    """The terminal is as it was, and the shell sees what ended it."""
    lab.serve()
    made = watch(lab, terminal)
    if number == signal.SIGINT:
        made.type("\x03")
    else:
        made.process.send_signal(number)
    assert made.wait() == -number
    check_put_back(made)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_watch_is_stopped(lab, terminal):
    """By ^Z, as a job of a shell's, and goes on; by SIGSTOP too."""
    lab.serve()
    own = set(lab.server.minivpn_pids())
    made = watch(lab, terminal, program=(
        "sh", "-mc", '"$0" "$@"; read line; fg; read line; fg', MINIVPN))
    [pid] = set(lab.server.minivpn_pids()) - own
    made.type("\x1a")
    wait_until(lambda: state(pid) == "T", what="it stops")
    check_put_back(made)
    before = len(made.frames())
    made.type("\n")
    wait_until(lambda: len(made.frames()) > before, what="it goes on")
    assert not made.attributes()[3] & (termios.ICANON | termios.ECHO)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) == "T", what="it stops")
    before = len(made.frames())
    made.type("\n")
    wait_until(lambda: len(made.frames()) > before, what="it goes on")
    made.type("q")
    made.wait()
    assert LEAVE in made.output.rpartition(ENTER)[2]
    assert made.attributes() == made.before


def waits(pid):
    """How often it has waited for something."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^voluntary_ctxt\S*\s+(\d+)", file.read(),
                             re.M)[1])


def test_watch_that_nobody_reads(lab, terminal):
    """^S, or a way that has broken: a signal ends it all the same, also where
    it has more to write."""
    lab.serve()
    made = watch(lab, terminal)
    termios.tcflow(made.slave, termios.TCOOFF)
    try:
        before = waits(made.process.pid)
        wait_until(lambda: waits(made.process.pid) > before + 4, 20,
                   "it goes on")
        made.process.send_signal(signal.SIGTERM)
        assert made.wait() == -signal.SIGTERM
        assert made.attributes() == made.before
    finally:
        termios.tcflow(made.slave, termios.TCOON)


def test_rates_beside_status(lab):
    """What --watch asks for, and what status does, at the same time: each gets
    its own."""
    lab.start()
    with contextlib.ExitStack() as stack:
        asked = []
        for number in range(12):
            own = stack.enter_context(socket.socket(socket.AF_UNIX))
            own.settimeout(20)
            own.connect(str(lab.server.rundir / "server.sock"))
            what = "rates" if number % 3 else "status"
            own.sendall(b'{"request":"%s"}\n' % what.encode())
            asked.append((what, own))
        for what, own in asked:
            with own.makefile() as stream:
                status = json.load(stream)["status"]
            [client] = status["clients"]
            assert client["name"] == "alice" and "rx_bytes" in client
            assert ("cipher" in client) == (what == "status")
            assert bool(status["changes"]) == (what == "status")


def test_watch_needs_a_terminal(lab, terminal):
    lab.serve()
    assert "needs a terminal" in lab.server.fails("status", "--watch")
    made = terminal(lab.server, "status", "--watch", term="dumb")
    assert made.wait() == 1
    wait_until(lambda: b"needs a terminal" in made.output, what="why not")
    assert b"\x1b" not in made.output and made.attributes() == made.before
    lab.server.minivpn("down")
    made = terminal(lab.server, "status", "server", "--watch")
    assert made.wait() == 1
    wait_until(lambda: b"is not up" in made.output, what="why not")
