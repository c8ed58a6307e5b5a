# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of the lab that boots: systemd as process 1 of a container.

Its root is an overlay of this machine's own, or of another system's, so it has
systemd's units and every program; of all units that are enabled here only those stay that a boot
can't do without. /etc and /var outlive a reboot, the network does not. eth0 is
on the router's LAN; it is configured by network.service, behind
network-pre.target, as any address manager does it. From early on talk.service
sends to the internet, to the router and to everybody on the link.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from host import MINIVPN, alive, wait_until
from lab import INTERNET, INTERNET6, ROUTER_LAN
from leaks import CHATTER, is_allowed
from packets import Capture
from wire import wire

SYSTEMD = "/lib/systemd/systemd"
UNITS = pathlib.Path(__file__).parents[2] / "contrib"
MLD = 0  # hop-by-hop options, in which MLD comes (RFC 3810)

# $1 is a directory for the overlay of $2. A line on standard input starts it.
BOOT = r"""
set -e
root=$1/root
mkdir -p "$1/upper" "$1/work" "$root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay \
    "$root"
if [ ! -e "$root/etc/booted" ]; then
    touch "$root/etc/booted"
    rm -rf "$root"/usr/lib/systemd/system/*.wants \
        "$root"/usr/lib/systemd/system-generators \
        "$root"/etc/systemd "$root/etc/fstab" "$root/etc/resolv.conf" \
        "$root"/var/lib/minivpn "$root"/var/log/journal
    # Nobody answers there, which is known at once.
    echo 'nameserver 127.0.0.1' >"$root/etc/resolv.conf"
    cd "$root/usr/lib/systemd/system"
    mkdir sysinit.target.wants sockets.target.wants multi-user.target.wants
    ln -s ../systemd-journald.service sysinit.target.wants
    ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket \
        sockets.target.wants
    mkdir -p "$root/etc/systemd/system"
    ln -s /usr/lib/systemd/system/multi-user.target \
        "$root/etc/systemd/system/default.target"
fi
cp -r "$1/files/." "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount --bind /proc/sys/net "$root/proc/sys/net"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for directory in run tmp dev; do
    mount -t tmpfs -o mode=755 tmpfs "$root/$directory"
done
mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
for node in null zero full random urandom tty net/tun; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
echo ready
read -r go
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-level=info </dev/null >/dev/null 2>&1
"""

NETWORK = """[Unit]
DefaultDependencies=no
Wants=network-pre.target network.target
After=network-pre.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'ip -batch /etc/network.batch'
[Install]
WantedBy=sysinit.target
"""

BATCH = """
link set lo up
link set eth0 up
address add 192.168.1.{number}/24 dev eth0
address add 2001:db8:1::{number}/64 dev eth0 nodad
route add default via {router}
route add default via 2001:db8:1::1
"""

TALK = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 /usr/lib/talk.py eth0 77 {}
Restart=always
RestartSec=0
[Install]
WantedBy=sysinit.target
""".format(" ".join([INTERNET, INTERNET6, ROUTER_LAN, "192.168.1.255",
                     "ff02::fb%%eth0"]))


def why_not():
    """Why there can't be one here; None."""
    if not os.access(SYSTEMD, os.X_OK):
        return "systemd is not installed"
    if "4294967295" not in pathlib.Path("/proc/self/uid_map").read_text():
        return "it takes root of this machine, not of a user namespace"
    if b"__asan_init" in pathlib.Path(MINIVPN).read_bytes():
        return "the unit's sandbox is not for a build with sanitizers"
    probe = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", """
            mount -t tmpfs tmpfs /mnt
            mkdir /mnt/upper /mnt/work /mnt/root /mnt/cgroup
            mount -t cgroup2 cgroup2 /mnt/cgroup
            rmdir "$(mktemp -d /mnt/cgroup/minivpn-XXXXXX)"
            mount -t overlay overlay /mnt/root \
                -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work"""],
        capture_output=True, text=True)
    return probe.stderr.strip() or None if probe.returncode else None


class Machine:
    """Begins without having been booted."""

    def __init__(self, lab, directory, number=99, root=None):
        """number: of its port and addresses. root: of a system that stays as it
        is, in which minivpn is not installed."""
        self.lab = lab
        self.directory = directory
        self.number = number
        self.port = f"port{number}"
        self.root = root or "/"
        self.files = directory / "files"
        self.captures = []
        self.boots = 0
        self.pid = None
        self.cgroup = self._make_cgroup()
        lab.closers.append(self.close)
        self._prepare()
        if not root:
            self._install()

    def _make_cgroup(self):
        tree = self.directory / "cgroup"
        tree.mkdir(parents=True)
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", tree], check=True)
        # Others who test have process numbers of their own.
        return pathlib.Path(tempfile.mkdtemp(prefix="minivpn-", dir=tree))

    def _install(self):
        """What `make install` does."""
        self.write("usr/sbin/minivpn", pathlib.Path(MINIVPN).read_bytes(),
                   0o755)
        for source in UNITS.glob("*.service.in"):
            self.write(f"etc/systemd/system/{source.stem}",
                       source.read_text().replace("@sbindir@", "/usr/sbin"))
        for source in UNITS.glob("*.timer"):
            self.write(f"etc/systemd/system/{source.name}", source.read_text())

    def _prepare(self):
        for name, text in (("network", NETWORK), ("talk", TALK)):
            self.write(f"etc/systemd/system/{name}.service", text)
            wants = self.files / "etc/systemd/system/sysinit.target.wants"
            wants.mkdir(exist_ok=True)
            (wants / f"{name}.service").symlink_to(f"../{name}.service")
        self.write("etc/network.batch", BATCH.format(
            number=self.number, router=ROUTER_LAN))
        self.write("usr/lib/talk.py", CHATTER.replace("0.002", "0.005"))
        # Each attempt of a service is to be seen, and all of its lines.
        self.write("etc/systemd/journald.conf",
                   "[Journal]\nStorage=volatile\nRateLimitBurst=0\n")

    def write(self, path, content, mode=0o644):
        """A file of the machine, whether it runs or not."""
        places = [self.files]
        if self.pid:
            places.append(pathlib.Path(f"/proc/{self.pid}/root"))
        for place in places:
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                content = content.encode()
            target.write_bytes(content)
            target.chmod(mode)

    def read(self, path):
        return pathlib.Path(f"/proc/{self.pid}/root", path).read_text()

    # Life.

    def boot(self):
        """Returns once process 1 runs, with all that leaves seen from here."""
        self.boots += 1
        script = ('echo $$ >"$1/cgroup.procs"; shift; exec unshare --net '
                  '--mount --pid --fork --kill-child --uts --ipc --cgroup '
                  '--propagation private sh -c "$@"')
        with open(self.directory / f"console-{self.boots}", "wb") as errors:
            self.holder = subprocess.Popen(
                ["sh", "-c", script, "sh", self.cgroup, BOOT, "sh",
                 self.directory, self.root], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.holder.stdout.readline() == "ready\n", \
            (self.directory / f"console-{self.boots}").read_text()
        children = f"/proc/{self.holder.pid}/task/{self.holder.pid}/children"
        self.pid = int(pathlib.Path(children).read_text().split()[0])
        self.enter = ["nsenter", "--target", str(self.pid), "--net", "--mount",
                      "--pid", "--uts", "--ipc", "--root", "--wd", "--"]
        wire(self.lab.router, f"""
            link add {self.port} type veth peer name eth0 netns {self.pid}
            link set {self.port} master lan up""")
        self.captures.append(Capture(self.lab.router, self.port, strict=True))
        self.holder.stdin.write("go\n")
        self.holder.stdin.close()

    def booted(self):
        """Waits for the boot's end: "running" or "degraded"."""
        def state():
            said = self.run(["systemctl", "is-system-running"],
                            check=False).stdout.strip()
            return said if said in ("running", "degraded") else None
        return wait_until(state, 20, "the boot")

    def wait_end(self):
        self.holder.wait(20)
        self.pid = None
        wait_until(lambda: self.port not in self.lab.router.ip("link").stdout)

    def reboot(self):
        self.run(["systemctl", "reboot"], check=False)
        self.wait_end()
        self.boot()

    def close(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait_end()
        for capture in self.captures:
            capture.socket.close()
        wait_until(lambda: not self._processes())
        for path, _, _ in os.walk(self.cgroup, topdown=False):
            os.rmdir(path)
        subprocess.run(["umount", self.cgroup.parent], check=True)
        shutil.rmtree(self.directory / "files")

    def _processes(self):
        return [line for path in self.cgroup.rglob("cgroup.procs")
                for line in path.read_text().split()]

    # Commands.

    def run(self, argv, check=True, timeout=30):
        result = subprocess.run(
            [*self.enter, *map(str, argv)], text=True, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=timeout, env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                "SYSTEMD_PAGER": ""})
        assert not check or result.returncode == 0, (
            f"{argv}: exit {result.returncode}\n{result.stdout}"
            f"{result.stderr}\n{self.journal()}")
        return result

    def systemctl(self, *words, **options):
        return self.run(["systemctl", *words], **options)

    def show(self, unit, key):
        return self.systemctl("show", "--value", "-p", key,
                              unit).stdout.strip()

    def journal(self, unit=None):
        """What was written, by minivpn alone where unit is given."""
        words = ["journalctl", "--no-pager", "-o", "cat"]
        if unit:
            words += ["-u", unit, "-t", "minivpn"]
        return subprocess.run([*self.enter, *words], text=True,
                              capture_output=True).stdout

    def minivpn_pids(self):
        found = []
        for pid in self._processes():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").endswith("/minivpn"):
                    found.append(int(pid))
        return [pid for pid in found if alive(pid)]

    def kill_minivpn(self):
        """All of them, in one instant."""
        pids = self.minivpn_pids()
        assert pids
        for number in signal.SIGSTOP, signal.SIGKILL:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def ping(self, to, wait=1):
        return self.run(["ping", "-n", "-c", 1, "-W", wait, to],
                        check=False).returncode == 0

    def tables(self):
        return self.run(["nft", "list", "tables"]).stdout

    # What has left.

    def leaks(self, since=0.0):
        """All that came from it, and is not of the tunnel or the link."""
        return [packet for capture in self.captures
                for packet in capture.seen()
                if not packet.outgoing and packet.when >= since and
                not is_allowed(packet) and
                not (packet.version == 6 and packet.protocol == MLD)]

    def in_clear(self):
        """Waits for talk that leaves in clear."""
        seen = len(self.captures[-1].seen())
        wait_until(lambda: any(packet.to == INTERNET and not packet.outgoing
                               for packet in self.captures[-1].seen()[seen:]),
                   what="talk in clear")
