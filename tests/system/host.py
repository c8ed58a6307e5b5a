# SPDX-License-Identifier: GPL-2.0-or-later
"""One host of the lab: a network namespace and a mount namespace.

Both are held by a process (hold.c) that ends with its standard input. /etc is a
small private copy, so that resolv.conf is an ordinary file; minivpn's run and state
directories are the host's own.
"""

import contextlib
import ctypes
import fcntl
import functools
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time

import snapshot

MINIVPN = os.environ.get("MINIVPN", "minivpn")
SANITIZER_DIRECTORY = pathlib.Path(os.environ.get("MINIVPN_LAB", "/run/lab"),
                                   "sanitizer")
CLONE_FS, CLONE_NEWNS, CLONE_NEWNET = 0x200, 0x20000, 0x40000000
PATIENCE = 15  # seconds within which minivpn has to say why it can't

# Of this machine, for those that run on the host.
ETC = ("passwd", "group", "protocols", "services", "ld.so.cache",
       "ssl/openssl.cnf")
OWN_ETC = {
    "nsswitch.conf": "hosts: files dns\n",
    "host.conf": "multi on\n",
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "nameserver 192.0.2.53\n",
}
HOLD = os.environ.get("MINIVPN_HOLD", "hold")  # hold.c, as run has built it
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, if.h

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor, kind):
    if _libc.setns(descriptor, kind):
        raise OSError(ctypes.get_errno(), "setns")


def _idle():
    """Seconds that all processors together had nothing to do since the boot."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[4]) / os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """Counts the time in which what is waited for could have happened. While
    all processors are busy, with other tests or with what others do on this
    machine, it goes slower, down to a tenth."""

    def __init__(self):
        self.start, self.idle = time.monotonic(), _idle()

    def seconds(self):
        passed = time.monotonic() - self.start
        return max(min(passed, _idle() - self.idle), passed / 10)


def wait_until(condition, timeout=5, what="the condition"):
    """Returns condition()'s first true value. The only place that waits."""
    watch = Stopwatch()
    while True:
        value = condition()
        if value:
            return value
        assert watch.seconds() < timeout, f"{what}: not within {timeout} s"
        time.sleep(0.02)


def loaded(seconds):
    """As many seconds of a machine that has nothing else to do."""
    return seconds * max(1, os.getloadavg()[0] / os.cpu_count(), _pressure())


def _pressure():
    """How much longer everything takes for want of a processor, as the kernel
    has it of the last ten seconds."""
    try:
        text = pathlib.Path("/proc/pressure/cpu").read_text(encoding="ascii")
    except OSError:
        return 1
    share = float(re.search(r"some avg10=(\S+)", text)[1]) / 100
    return 1 / max(1 - share, 0.1)


def alive(pid):
    """A process that is not only waiting to be reaped."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class Process:
    """A command that goes on beside the test; its output is in a file."""

    def __init__(self, argv, path, **options):
        self.argv = argv
        self.path = path
        with open(path, "wb") as output:
            self.popen = subprocess.Popen(argv, stdout=output,
                                          stderr=subprocess.STDOUT, **options)

    @property
    def pid(self):
        return self.popen.pid

    def output(self):
        return self.path.read_text(errors="replace")

    def wait_for(self, text, timeout=5):
        wait_until(lambda: text in self.output() or self.popen.poll()
                   is not None, timeout, f"{text!r} from {self.argv}")
        assert text in self.output(), self.output()

    def wait(self, timeout=10):
        wait_until(lambda: self.popen.poll() is not None, timeout,
                   f"the end of {self.argv}: {self.output()}")
        return self.popen.returncode

    def stop(self):
        if self.popen.stdin:
            self.popen.stdin.close()
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def make_hosts(directory, *names):
    """Each with a directory of its own; nothing leads to them yet."""
    made = [Host(name, directory / name) for name in names]
    for host in made:
        host._begin()
    return made


@functools.lru_cache(maxsize=1)
def _files_of_etc():
    found = [(name, text.encode()) for name, text in OWN_ETC.items()]
    for name in ETC:
        with contextlib.suppress(FileNotFoundError):
            found.append((name, pathlib.Path("/etc", name).read_bytes()))
    return found


class Host:
    """Made by make_hosts()."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.rundir = directory / "run"
        self.statedir = directory / "state"
        self.processes = []
        self.compared = True
        self.program = MINIVPN  # a test may have one of its own
        self.killed = False  # by the test: else a death is a failure
        self.before = None
        self.statedir.mkdir(parents=True)
        self.environment = dict(
            os.environ, LC_ALL="C", TZ="UTC",
            MINIVPN_RUNDIR=str(self.rundir),
            MINIVPN_STATEDIR=str(self.statedir))
        for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            own = os.environ.get(variable, "")
            self.environment[variable] = ":".join(filter(None, (
                own, f"log_path={SANITIZER_DIRECTORY}/report",
                "print_stacktrace=1")))
        self.holder = subprocess.Popen([HOLD], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.pid = self.holder.pid

    def _begin(self):
        """Waits for the namespaces, which other hosts get meanwhile."""
        assert self.holder.stdout.readline() == "ready\n"
        etc = self.etc()
        for name, text in _files_of_etc():
            path = etc / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text)
        with self.inside():
            # Nothing here is about duplicate address detection.
            for which in "all", "default":
                self.sysctl(f"net/ipv6/conf/{which}/accept_dad", 0)
            with socket.socket() as own:
                fcntl.ioctl(own, SIOCSIFFLAGS,
                            struct.pack("16sH22x", b"lo", IFF_UP))

    @staticmethod
    def sysctl(name, value):
        """Of the network namespace in which this thread is."""
        pathlib.Path("/proc/sys", name).write_text(f"{value}\n")

    # Commands.

    def run(self, argv, check=True, timeout=120, input="", **options):
        """Runs to the end, with output captured; by default it must succeed."""
        with self._entered():
            result = subprocess.run(
                [*map(str, argv)], env=self.environment, text=True, input=input,
                capture_output=True, timeout=timeout, errors="replace",
                **options)
        assert not check or result.returncode == 0, (
            f"{self.name}: {' '.join(map(str, argv))}: exit "
            f"{result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def shell(self, script, **options):
        return self.run(["sh", "-ec", script], **options)

    def batch(self, lines):
        """Lines for ip."""
        return self.run(["ip", "-batch", "-"], input=lines)

    def ip(self, words, **options):
        return self.run(["ip", *words.split()], **options)

    def spawn(self, argv, **options):
        path = self.directory / f"output-{len(self.processes)}"
        with self._entered():
            process = Process([*map(str, argv)], path, env=self.environment,
                              **options)
        self.processes.append(process)
        return process

    @contextlib.contextmanager
    def _entered(self):
        """This thread is on the host: nsenter(1) would be a process more for
        each command. A thread that shares its directory with others can't."""
        if _libc.unshare(CLONE_FS):
            raise OSError(ctypes.get_errno(), "unshare")
        directory = os.open(".", os.O_PATH)
        own = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
        other = os.open(f"/proc/{self.pid}/ns/mnt", os.O_RDONLY)
        try:
            with self.inside():
                _enter(other, CLONE_NEWNS)
                try:
                    yield
                finally:
                    _enter(own, CLONE_NEWNS)
                    os.fchdir(directory)
        finally:
            for descriptor in directory, own, other:
                os.close(descriptor)

    def ping(self, to, count=1, wait=None, check=True, extra=()):
        wait = wait or (10 if check else 2)
        result = self.run(["ping", "-n", "-c", count, "-i", "0.2", "-W", wait,
                           *extra, to], check=check)
        return result.returncode == 0

    # minivpn.

    def minivpn(self, *argv, **options):
        return self.run([self.program, *argv], **options)

    def up(self, path, *options):
        """Brings a tunnel up; its one line."""
        result = self.minivpn("up", *options, path)
        assert result.stderr == "", result.stderr
        assert re.fullmatch(r"minivpn: \S+: up on [^\n]*\n", result.stdout), \
            f"not one line of success: {result.stdout!r}"
        return result.stdout

    def fails(self, *argv, code=1, prefix="minivpn: ", lines=1, run=None):
        """minivpn must fail in good time; what it says on stderr."""
        watch = Stopwatch()
        result = (run or self.run)([MINIVPN, *argv], check=False)
        took = watch.seconds()
        assert result.returncode == code, \
            f"exit {result.returncode}\n{result.stdout}{result.stderr}"
        assert took < PATIENCE, f"it took {took:.1f} s: {result.stderr}"
        assert result.stdout == ""
        said = result.stderr.splitlines()
        assert lines is None or len(said) == lines, result.stderr
        assert all(line.startswith(prefix) for line in said), result.stderr
        return result.stderr

    def status(self, name=None):
        words = ["status", *([name] if name else []), "--json"]
        return json.loads(self.minivpn(*words).stdout)

    def log(self, name):
        path = self.rundir / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, name, pattern, timeout=5):
        """Waits for a line in the log that matches, case-insensitively."""
        def found():
            return re.search(pattern, self.log(name), re.IGNORECASE)
        try:
            return wait_until(found, timeout)
        except AssertionError:
            raise AssertionError(f"{self.name}: nothing like {pattern!r} in "
                                 f"its log:\n{self.log(name)}") from None

    def minivpn_pids(self):
        """Every live process of the program in this network namespace."""
        own = os.readlink(f"/proc/{self.pid}/ns/net")
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (os.readlink(entry / "exe") == self.program and
                        os.readlink(entry / "ns/net") == own):
                    found.append(int(entry.name))
        return [pid for pid in found if alive(pid)]

    def minivpn_processes(self):
        """The same by name: host, tunnel, launcher, janitor; of one tunnel."""
        names = {os.path.basename(self.program)[:15]: "host",
                 "minivpn-launch": "launcher"}
        found = {}
        for pid in self.minivpn_pids():
            with contextlib.suppress(OSError):
                name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
                found[names.get(name, name.removeprefix("minivpn-"))] = pid
        return found

    def kill_minivpn(self, pids=None):
        """SIGKILL, and waits for the end. Stopped before, none of them sees
        another one's end, or gets to say goodbye to the server."""
        self.killed = True
        pids = self.minivpn_pids() if pids is None else pids
        assert pids, f"{self.name}: nothing to kill"
        for number in signal.SIGSTOP, signal.SIGKILL:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        wait_until(lambda: not any(map(alive, pids)), what="the end by SIGKILL")

    # Files.

    def etc(self):
        return self.path("/etc")

    def path(self, inside):
        """A path of the host's own mount namespace, as seen from here."""
        return pathlib.Path(f"/proc/{self.pid}/root", inside.lstrip("/"))

    def write(self, name, text, mode=0o600):
        """A file in the host's directory; its path."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def forget_routing(self):
        """As a boot leaves it: none of minivpn's routes and rules."""
        for version in ("-4", "-6"):
            self.ip(f"{version} route flush table all proto 77", check=False)
            self.ip(f"{version} rule flush protocol 77", check=False)

    def own_routes(self):
        """All that minivpn has made here, of both families."""
        return (self.ip("route show table all proto 77").stdout +
                self.ip("-6 route show table all proto 77").stdout)

    def route_of_tunnel(self, address):
        """How the kernel leads packets of the tunnel itself to an address."""
        return self.ip(f"route get {address} mark 0x4d0000ff").stdout

    def resolv_conf(self):
        return self.path("/etc/resolv.conf").read_text()

    # Sockets of this network namespace in the test's own process.

    @contextlib.contextmanager
    def inside(self, path=None):
        """In its own, or in another one that only the host can follow."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        other = os.open(path or f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            _enter(other, CLONE_NEWNET)
            yield
        finally:
            _enter(own, CLONE_NEWNET)
            os.close(own)
            os.close(other)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        with self.inside():
            return socket.socket(family, kind, protocol)

    # State.

    def baseline(self):
        """From now on this is what the host has to be like at the end."""
        self.before = snapshot.take(self)

    def stop_processes(self):
        for process in self.processes:
            process.stop()

    def close(self):
        """The namespaces end in their own time: see wait_end()."""
        self.stop_processes()
        self.holder.stdin.close()
        self.holder.stdout.close()

    def wait_end(self):
        self.holder.wait()
