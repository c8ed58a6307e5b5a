# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL in all combinations: the next `up` or `down` makes it whole.

That one process's death is healed at once by those that are left (the host
process starts the tunnel process anew, the janitor reverts) comes with the
hardening; here it is enough that nothing is lost for good.
"""

import pytest

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
    assert "+ ip tuntap add dev tun0 mode tun" in text
    assert "+ ip route add 0.0.0.0/1 dev tun0" in text
    lab.client.kill_minivpn()
    journal.write_text(text + "+ ip rou")
    lab.client.minivpn("down", "client")


def test_journal_with_nonsense(lab):
    """Lines that can't be read are passed over; nothing else is harmed."""
    lab.client.batch("route add 192.0.2.0/24 via 192.168.1.1")
    lab.client.baseline()
    lab.start(client={"Routes": "default"})
    journal = lab.client.rundir / "client.journal"
    head, *lines = journal.read_text().splitlines(keepends=True)
    lab.client.kill_minivpn()
    journal.write_text(head + "+ rm -rf /\n+\n\0\xff\n"
                       "+ ip route add 192.0.2.0/24 via 192.168.1.9 dev eth0 "
                       "proto 77\n" + "".join(lines))
    lab.client.minivpn("down", "client", check=False)


def test_journal_of_another_boot(lab):
    """After a reboot there is nothing to undo but the resolver."""
    lab.start(server={"DNS": "10.8.0.1"}, client={"Routes": "default"})
    journal = lab.client.rundir / "client.journal"
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    text = journal.read_text()
    assert boot in text
    lab.client.kill_minivpn()
    # As a boot leaves it: nothing but files.
    for version in ("-4", "-6"):
        lab.client.ip(f"{version} route flush proto 77")
    journal.write_text(text.replace(boot, boot[::-1]))
    lab.client.minivpn("down", "client", check=False)
    assert "192.0.2.53" in lab.client.resolv_conf()
