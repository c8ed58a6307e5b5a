# SPDX-License-Identifier: GPL-2.0-or-later
"""Death at each step of up, of a reload, of down, and of healing.

A process is held at its Nth request, file operation or fork; then it or another
one is killed, and what is left goes on. Within two seconds the host carries
packets or is exactly as before; where all have died, after the next `up` or
`down`, whatever has happened to the host meanwhile.

MINIVPN_FAULTS=all: every step, every victim and every signal.
"""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

import snapshot
from faults import COMMAND, FILES, HOLD, HOST, JANITOR, NETLINK, PROCESS, Subject
from host import MINIVPN, alive, loaded, wait_until
from lab import ROUTER_LAN, SERVER

ALL = os.environ.get("MINIVPN_FAULTS") == "all"
STEPS = NETLINK | FILES | PROCESS
SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]
OTHER_GATEWAY = "192.168.1.254"

# What happens to a host between the death of all and the healing; how to make
# that, and how to undo it. The same is done to a host that never saw minivpn,
# which shows what has to be left.
CHANGES = {
    "client": {
        "nothing": ("", ""),
        "another gateway": (
            f"ip route replace default via {OTHER_GATEWAY}",
            f"ip route replace default via {ROUTER_LAN}"),
        "the link was away, and a route of ours is somebody else's now": (
            f"""ip link set eth0 down; ip link set eth0 up
            ip address replace 2001:db8:1::2/64 dev eth0
            ip route replace default via {ROUTER_LAN}
            ip route replace default via 2001:db8:1::1
            ip route add {SERVER} via {ROUTER_LAN} metric 50
            ip route add {SERVER} via {ROUTER_LAN} dev eth0""",
            f"ip route del {SERVER} metric 50; ip route del {SERVER}"),
        "the resolver is somebody else's now": (
            """echo 'nameserver 192.0.2.99' >/etc/resolv.conf.dhcp
            mv /etc/resolv.conf.dhcp /etc/resolv.conf""",
            "echo 'nameserver 192.0.2.53' >/etc/resolv.conf"),
    },
    "server": {
        "nothing": ("", ""),
        "a table of our name is somebody else's": (
            "nft add table ip minivpn-server; nft add chain ip minivpn-server x",
            "nft delete table ip minivpn-server"),
        "routes, rules and a table of others": (
            """ip address add 10.9.0.1/24 dev eth1
            ip route add 10.99.0.0/24 via 10.9.0.2 proto 76
            ip rule add pref 99 to 192.0.2.9 lookup main
            nft add table ip others""",
            """ip route del 10.99.0.0/24; ip address del 10.9.0.1/24 dev eth1
            ip rule del pref 99; nft delete table ip others"""),
    },
}


# Two files, to and fro between which a reload has a lot to do.
LIVE = {
    "client": ("Routes = default\n", """Routes = 198.51.100.0/24, fd77::/64
DNS = 10.8.0.9
MTU = 1300
"""),
    "server": ("[Server]\n", """[Server]
NAT = no
MTU = 1300
"""),
}

WHOS = ["held", "tunnel", "launcher", "janitor", "all"]


class Deaths(Subject):
    def __init__(self, lab, role):
        super().__init__(lab, role)
        lab.router.batch(f"address add {OTHER_GATEWAY}/24 dev lan")
        self.tried = 0
        self.slowest = 0.0
        self.problems = []
        self.expected = {}
        for name, (make, undo) in CHANGES[role].items():
            self.host.shell(make)
            self.settle()
            self.expected[name] = self.snapshot()
            self.host.shell(undo)
        wait_until(self.is_clean, 5, "the changes undo themselves")

    def snapshot(self):
        """Handles of tables are numbered on and on."""
        return [re.sub(r'"handle": \d+, ', "", line)
                for line in snapshot.take(self.host)]

    def settle(self):
        wait_until(lambda: "tentative" not in self.host.ip("address").stdout
                   and "state DOWN" not in self.host.ip("link").stdout, 5)

    def victims(self, who):
        """Of the processes there are at this moment."""
        pids = self.host.minivpn_pids()
        if who == "all":
            return pids
        held = self.faults.hit
        if who == "held":
            return [held]
        found = self.host.minivpn_processes().get(who)
        return [found] if found else []

    def kill(self, who, number):
        """False where there is no such process yet, or any more."""
        pids = self.victims(who)
        for pid in pids:
            # The launcher and the tunnel process end by themselves after host.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        wait_until(lambda: not any(map(alive, pids)), 5, f"the end of {who}")
        return bool(pids)

    def start(self):
        self.host.run(self.faults.argv("up", self.path))

    def rewrite(self):
        text = self.path.read_text()
        old, new = LIVE[self.name]
        self.path.write_text(text.replace(new, old) if new in text
                             else text.replace(old, new))

    def begin(self, moment):
        """The command, or the death, whose consequence is then held."""
        if moment == "up":
            return self.host.spawn(self.faults.argv("up", self.path))
        if moment == "a reload":
            self.rewrite()
            return self.host.spawn([MINIVPN, "reload", self.name])
        if moment == "down":
            return self.host.spawn([MINIVPN, "down", self.name])
        if moment == "the janitor's healing":
            self.host.kill_minivpn([self.host.status()["pid"]])
            return None
        return self.host.spawn(self.faults.argv("down", self.name))

    WHO = {"up": HOST, "a reload": HOST, "down": HOST,
           "the janitor's healing": JANITOR,
           "healing by down": COMMAND}

    def prepare(self, moment):
        if moment != "up":
            self.start()
        if moment == "healing by down":
            self.host.kill_minivpn()

    def count(self, moment):
        self.prepare(moment)
        with self.faults.armed(self.WHO[moment], STEPS):
            process = self.begin(moment)
            if process:
                process.wait(20)
            else:
                wait_until(lambda: not self.host.minivpn_pids(), 5)
            count = self.faults.count
        self.host.minivpn("down", self.name, check=False)
        return count

    def works(self):
        result = self.host.minivpn("status", self.name, "--json", check=False)
        return '"state": "up"' in result.stdout and self.carries()

    def is_settled(self):
        return self.works() if self.host.minivpn_pids() else self.is_clean()

    def attempt(self, moment, step, who, number):
        self.prepare(moment)
        with self.faults.armed(self.WHO[moment], STEPS, step, HOLD):
            process = self.begin(moment)
            # How often a lock is asked for, or how many events of the kernel
            # come one by one, is not always the same: it may have no such step.
            hit = self.faults.wait_hit(
                lambda: process.popen.poll() is not None if process
                else not self.host.minivpn_pids()) and self.kill(who, number)
            self.faults.set(released=1)
            start = time.monotonic()
            if process:
                process.wait(20)
        if (who == "all" and hit) or "healing" in moment:
            self.heal(step)
        else:
            wait_until(self.is_settled, 8,
                       "it works, or the host is as before")
            if hit:
                self.slowest = max(self.slowest, time.monotonic() - start)
        if self.host.minivpn_pids():
            self.host.minivpn("down", self.name)
        wait_until(self.is_clean, 5, "the host is as before")
        if self.left():
            self.host.minivpn("down", self.name, check=False)
        assert not self.left(), self.left()
        self.tried += hit

    def heal(self, step):
        """All are dead; something changes; and then `up` or `down` is run."""
        changes = list(CHANGES[self.name].items())
        name, (make, undo) = changes[step % len(changes)]
        wait_until(lambda: not self.host.minivpn_pids(), 5, "the end of all")
        self.host.shell(make)
        try:
            self.settle()
            self.heal_changed(name, step // len(changes) % 2)
        finally:
            self.host.shell(undo)

    def heal_changed(self, name, by_up):
        # Where our own table's name is taken `up` is refused, rightly.
        if by_up and "our name" not in name:
            self.host.minivpn("up", self.path)
            assert self.works(), "up heals, and then it works"
            self.host.minivpn("down", self.name)
        else:
            self.host.minivpn("down", self.name, check=False)
        after = snapshot.difference(self.expected[name], self.snapshot())
        assert not after, f"{name}:\n{after}"

    def run(self, moment, whos, stride):
        total = self.count(moment)
        before = self.tried
        for step in range(1, total + 1):
            for index, who in enumerate(whos):
                for turn, number in enumerate(SIGNALS):
                    at = (step * len(whos) + index) * len(SIGNALS) + turn
                    if not ALL and at % stride:
                        continue
                    try:
                        self.attempt(moment, step, who, number)
                    except (AssertionError, subprocess.TimeoutExpired) as error:
                        calls = self.faults.calls() + [""] * step
                        self.problems.append(f"{moment}, {step} of {total} "
                                        f"({calls[step - 1]}), {number.name} "
                                        f"of {who}: {error}")
                        self.recover()
        print(f"{self.name}: {moment}: {total} steps, {self.tried - before} "
              f"deaths; the slowest end so far {self.slowest:.2f} s after")


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.timeout(7200 if ALL else 1200)
def test_death_at_step(lab, role):
    deaths = Deaths(lab, role)
    deaths.run("up", WHOS, 83)
    deaths.run("a reload", WHOS, 83)
    deaths.run("down", WHOS, 83)
    deaths.run("the janitor's healing", ["held"], 29)
    deaths.run("healing by down", ["held"], 29)
    assert not deaths.problems, "\n".join(deaths.problems)
    assert deaths.slowest < loaded(2), f"{deaths.slowest:.1f} s"
