# SPDX-License-Identifier: GPL-2.0-or-later
"""Deaths and failures at each step, with Namespace: what is made for a
namespace's name (directories, mounts, the namespace itself) is gone as well.

The machinery, and MINIVPN_FAULTS=all, are those of test_kill_steps.py and
test_faults.py.
"""

import errno

import pytest

from faults import COMMAND, FAIL, FILES, HOST, JANITOR, NETLINK
from lab import INNER
from namespaces import Namespace, names
from test_faults import ALL, FOREVER, Fault, Sweep
from test_kill_steps import WHOS, Deaths

FILE = {"Routes": "default", "Namespace": "work"}
FAULTS = {
    "request": Fault(HOST, NETLINK, FAIL, errno.ENOBUFS, 11),
    "file": Fault(HOST, FILES, FAIL, errno.EPERM, 13),
    "janitor's file": Fault(JANITOR, FILES, FAIL, errno.EIO, 9, start=3),
    "command's file": Fault(COMMAND, FILES, FAIL, errno.EIO, 4),
    "all files": Fault(HOST, FILES, FAIL, errno.ENOSPC, 40, FOREVER),
}


class Inside:
    """What differs from a tunnel that is not in another namespace."""

    def __init__(self, lab):
        lab.client.shell("rmdir /run/netns")
        super().__init__(lab, "client")
        lab.client_conf(**FILE)
        self.namespace = Namespace(self.host, "work")

    def carries(self):
        return self.namespace.ping(INNER, check=False)

    def is_clean(self):
        return not names(self.host) and super().is_clean()

    def leave(self):
        self.host.shell("mkdir /run/netns")


class InsideDeaths(Inside, Deaths):
    pass


class InsideSweep(Inside, Sweep):
    faults_known = FAULTS


@pytest.mark.timeout(7200 if ALL else 1200)
def test_death_at_step(lab):
    deaths = InsideDeaths(lab)
    deaths.run("up", WHOS, 431)
    deaths.run("down", WHOS, 283)
    deaths.run("the janitor's healing", ["held"], 71)
    deaths.run("healing by down", ["held"], 71)
    deaths.leave()
    assert not deaths.problems, "\n".join(deaths.problems)


@pytest.mark.parametrize("moment", ["up", "down"])
@pytest.mark.timeout(7200 if ALL else 1200)
def test_call_fails(lab, moment):
    sweep = InsideSweep(lab)
    for what in FAULTS:
        sweep.run(moment, what)
    sweep.leave()
    assert not sweep.problems, "\n".join(sweep.problems)
