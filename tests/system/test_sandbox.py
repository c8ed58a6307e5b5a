# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tunnel process has left of its privileges, as the kernel tells."""

import os
import pathlib

import pytest

from host import MINIVPN

# The sanitizers' runtime would not work in there: such a build does not confine.
CONFINED = b"__asan_" not in pathlib.Path(MINIVPN).read_bytes()


def fields(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


@pytest.mark.smoke
@pytest.mark.parametrize("role", ["client", "server"])
def test_tunnel_process_holds_nothing(lab, role):
    lab.start()
    pid = getattr(lab, role).status()["tunnel_pid"]
    status = fields(pid)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"
    assert status["Groups"].split() == []
    if CONFINED:
        assert status["Seccomp"] == "2"
        assert os.readlink(f"/proc/{pid}/root").endswith(" (deleted)")
        assert os.listdir(f"/proc/{pid}/root/") == []


def test_tunnel_process_is_nobody(lab):
    """Where other users are to be had, which a test's namespace may lack."""
    lab.start()
    if pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
        pytest.skip("no other user in this user namespace")
    status = fields(lab.client.status()["tunnel_pid"])
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["65534"] * 4


def test_tunnel_process_has_few_descriptors(lab):
    """Channel, tun, sockets, loop, lock; nothing of the host process."""
    lab.start()
    pid = lab.server.status()["tunnel_pid"]
    names = [os.readlink(f"/proc/{pid}/fd/{fd}")
             for fd in os.listdir(f"/proc/{pid}/fd")]
    files = [name for name in names if name.startswith("/")]
    assert all(name == "/dev/null" or name == "/dev/net/tun" or
               name.endswith("server.pid") for name in files), names
    assert len(names) < 12, names
