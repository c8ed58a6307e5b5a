# SPDX-License-Identifier: GPL-2.0-or-later
"""A new user's way: from `apt install ./minivpn.deb` on two fresh machines to
one that is joined to the other; then an upgrade, and the package's removal.

contrib/package --try makes what it takes: MINIVPN_PACKAGE is the package, and
MINIVPN_ROOT a fresh Debian's root with what the package depends on in apt's
cache, as the machines of the lab reach no mirror.
"""

import os
import pathlib
import re
import shlex
import time

import pytest

from host import wait_until
from lab import ROUTER_LAN
from machine import Machine, why_not

ROOT = os.environ.get("MINIVPN_ROOT")
PACKAGE = os.environ.get("MINIVPN_PACKAGE")
REASON = why_not() or (None if ROOT and PACKAGE else "contrib/package --try")
pytestmark = pytest.mark.skipif(bool(REASON), reason=str(REASON))

APT = "DEBIAN_FRONTEND=noninteractive apt-get -y"


def fresh(lab, directory, number):
    made = Machine(lab, directory, number, ROOT)
    made.write("root/minivpn.deb", pathlib.Path(PACKAGE).read_bytes())
    made.boot()
    assert made.booted() == "running"
    return made


def shell(machine, command, **options):
    """What an administrator types, in root's home."""
    return machine.run(["sh", "-ec", f"cd /root; {command}"], timeout=120,
                       **options)


def main_pid(machine, unit):
    return machine.show(unit, "MainPID")


def test_from_apt_to_joined(lab, tmp_path):
    server = fresh(lab, tmp_path / "server", 98)
    laptop = fresh(lab, tmp_path / "laptop", 99)
    before = {command: shell(laptop, command).stdout
              for command in ("ip -d rule", "ip route show table all",
                              "nft list ruleset", "ls /etc /var/lib /run")}

    # Eight commands at most, of which scp is one; here it is these two lines.
    shell(server, f"{APT} install ./minivpn.deb")
    shell(server, "minivpn init server --endpoint 192.168.1.98")
    shell(server, "umask 077; minivpn add server laptop >laptop.conf")
    shell(server, "systemctl enable --now minivpn@server")
    text = server.read("root/laptop.conf")
    shell(laptop, f"{APT} install ./minivpn.deb")
    laptop.write("root/laptop.conf", text, 0o600)
    shell(laptop, "install -m 600 laptop.conf /etc/minivpn/laptop.conf")
    shell(laptop, "systemctl enable --now minivpn@laptop")

    status = shell(laptop, "minivpn status").stdout
    inner = re.search(r"^Address *= *([0-9.]+)/", server.read(
        "etc/minivpn/server.conf"), re.MULTILINE).group(1)
    assert laptop.ping(inner), status
    # Nothing is left to the default: who owns what, and who runs as whom.
    assert shell(laptop, "stat -c '%a %U' /etc/minivpn").stdout == "700 root\n"
    uid = shell(laptop, "id -u minivpn").stdout.strip()
    owners = {pathlib.Path(f"/proc/{pid}/status").read_text().split(
        "Uid:")[1].split()[0] for pid in laptop.minivpn_pids()}
    assert uid in owners, (uid, owners)
    shell(laptop, "minivpn doctor laptop", check=False)

    # An upgrade: by the new program, with nothing in clear meanwhile.
    text = text.replace("[Client]", "[Client]\nKillSwitch = yes")
    laptop.write("etc/minivpn/laptop.conf", text, 0o600)
    shell(laptop, "systemctl restart minivpn@laptop")
    wait_until(lambda: laptop.ping(inner), 20, "the tunnel")
    since, old = time.time(), main_pid(laptop, "minivpn@laptop")
    shell(laptop, f"{APT} install --reinstall ./minivpn.deb")
    assert main_pid(laptop, "minivpn@laptop") not in ("0", old)
    wait_until(lambda: laptop.ping(inner), 20, "the tunnel")
    # The server is on the laptop's own link: its packets are the tunnel's.
    assert not [packet for packet in laptop.leaks(since)
                if packet.to != "192.168.1.98"]
    assert not laptop.ping(ROUTER_LAN)

    # By its unit and by hand: whoever takes the package away finds nothing.
    shell(laptop, "systemctl stop minivpn@laptop; minivpn up laptop")
    shell(laptop, f"{APT} purge minivpn; rm -r /etc/minivpn")
    assert not laptop.minivpn_pids()
    for command, said in before.items():
        assert shell(laptop, command).stdout == said, shlex.quote(command)
