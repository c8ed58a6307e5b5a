# SPDX-License-Identifier: GPL-2.0-or-later
"""Name servers (dnsmasq) and systemd-resolved on hosts of the lab."""

import glob
import os
import pathlib
import shutil
import struct

import pytest

from host import wait_until
from packets import TCP, UDP

# Where the Debian package systemd-resolved is unpacked, if not installed.
UNPACKED = os.environ.get("MINIVPN_RESOLVED", "/")
DAEMON = pathlib.Path(UNPACKED, "lib/systemd/systemd-resolved")
STUB = "../run/systemd/resolve/stub-resolv.conf"
UPLINK = "../run/systemd/resolve/resolv.conf"

BUS = """<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow send_type="signal"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""

# /run of the lab is shared: what is per host is mounted over it. The daemon's
# user is root here, so that a namespace with one user only does as well.
SETUP = """
mkdir -p /run/dbus /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/dbus
mount -t tmpfs -o mode=755 tmpfs /run/systemd
mkdir /run/systemd/resolve /etc/systemd
cat >/etc/systemd/resolved.conf <<END
[Resolve]
FallbackDNS=
LLMNR=no
MulticastDNS=no
DNSStubListener={stub}
END
sed -i '/^systemd-resolve:/d' /etc/passwd /etc/group
echo 'systemd-resolve:x:0:0::/:/bin/false' >>/etc/passwd
echo 'systemd-resolve:x:0:' >>/etc/group
"""


class NameServer:
    """dnsmasq: knows the names that it is given, and says what it was asked."""

    def __init__(self, host, address, **names):
        if not shutil.which("dnsmasq"):
            pytest.skip("no dnsmasq (Debian: apt-get install dnsmasq-base)")
        self.host = host
        self.address = address
        self.process = None
        self.start(**names)

    def start(self, **names):
        """Anew, with these names: a_b is a.b."""
        if self.process:
            self.process.stop()
        self.process = self.host.spawn([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
            "--no-resolv", "--no-hosts", "--bind-dynamic", "--user=root",
            "--pid-file=", "--log-queries", "--log-facility=-",
            f"--listen-address={self.address}", "--except-interface=lo",
            "--local=/test/",
            *(f"--host-record={name.replace('_', '.')},{address}"
              for name, address in names.items())])
        self.process.wait_for("started, version")

    def was_asked(self, name):
        return f"] {name} from " in self.process.output()


class Resolved:
    """A system bus and systemd-resolved, with a name server for eth0."""

    def __init__(self, host, dns, link=STUB, stub=True):
        if not DAEMON.exists() or not shutil.which("dbus-daemon"):
            pytest.skip("no systemd-resolved or dbus-daemon: contrib/check "
                        "gets both; else MINIVPN_RESOLVED=DIR says where "
                        "the package is unpacked (dpkg -x)")
        self.host = host
        host.shell(SETUP.format(stub="yes" if stub else "no") +
                   f"ln -sf {link} /etc/resolv.conf")
        path = host.write("bus.conf", BUS, 0o644)
        self.bus = host.spawn(["dbus-daemon", "--nofork", "--nopidfile",
                               f"--config-file={path}"])
        wait_until(host.path("/run/dbus/system_bus_socket").exists)
        self.daemon = None
        self.restart()
        self.ctl("dns", "eth0", dns)
        self.ctl("default-route", "eth0", "yes")

    def restart(self, forget=False):
        """forget: it has lost what it was told before."""
        if self.daemon:
            self.daemon.stop()
        if forget:
            self.host.shell("rm -rf /run/systemd/resolve/netif")
        libraries = ":".join(glob.glob(f"{UNPACKED}/usr/lib/*/systemd"))
        self.daemon = self.host.spawn([
            "env", f"LD_LIBRARY_PATH={libraries}", "SYSTEMD_LOG_TARGET=console",
            DAEMON])
        wait_until(lambda: self.call("Peer", "Ping") is not None,
                   what="systemd-resolved: " + self.daemon.output())

    def call(self, interface, method):
        """By dbus-send; None where it fails."""
        result = self.host.run([
            "dbus-send", "--system", "--print-reply",
            "--dest=org.freedesktop.resolve1", "/org/freedesktop/resolve1",
            f"org.freedesktop.DBus.{interface}.{method}"], check=False)
        return None if result.returncode else result.stdout

    def ctl(self, *words):
        """resolvectl of the same package."""
        return self.host.run([pathlib.Path(UNPACKED, "usr/bin/resolvectl"),
                              *words]).stdout.strip()

    def query(self, name):
        """As programs do that ask it and not resolv.conf; an address."""
        return self.ctl("query", "-4", "--legend=no", name).split()[1]

    def link(self, device):
        """Servers, domains and default-route of a device, as words."""
        return tuple(self.ctl(what, device).partition(": ")[2].split() for what
                     in ("dns", "domain", "default-route"))


def lookup(host, name, check=True):
    """As any program does: by libc and resolv.conf; an address or None."""
    result = host.run(["getent", "ahostsv4", name], check=False)
    assert not check or result.returncode == 0, f"{name} is not found"
    return result.stdout.split()[0] if result.returncode == 0 else None


def queries(packets):
    """What was asked by DNS in what was captured: names, and of whom."""
    found = []
    for packet in packets:
        if packet.protocol not in (UDP, TCP) or packet.version != 4:
            assert packet.protocol != UDP or port_of(packet) != 53, packet
            continue
        if port_of(packet) != 53:
            continue
        assert packet.protocol == UDP, f"DNS over TCP: {packet}"
        found.append((question(packet.data[(packet.data[0] & 15) * 4 + 8:]),
                      packet.to))
    return found


def port_of(packet):
    start = (packet.data[0] & 15) * 4 if packet.version == 4 else 40
    return struct.unpack_from("!H", packet.data, start + 2)[0]


def question(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels)
