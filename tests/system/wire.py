# SPDX-License-Identifier: GPL-2.0-or-later
"""The few commands of ip(8) that each test's hosts are wired with, asked of the
kernel without a process: those would take longer than most tests."""

import ipaddress
import re
import socket
import struct

from netlink import NEWADDR, NEWLINK, NEWROUTE, Netlink, attribute

# linux/if_link.h, veth.h, if_addr.h, rtnetlink.h, if.h
IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO, IFLA_NET_NS_PID = 3, 10, 18, 19
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, RTA_GATEWAY = 1, 2, 5
IFF_UP = 1
MAIN, BOOT, UNICAST = 254, 3, 1  # its table, who has made it, its type


def _link(index=0, flags=0):
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _name(text):
    return attribute(IFLA_IFNAME, text.encode() + b"\0")


def _index(name):
    return socket.if_nametoindex(name)


def _address(text):
    address = ipaddress.ip_address(text)
    return address.packed, {4: socket.AF_INET, 6: socket.AF_INET6}[
        address.version]


def _add(netlink, name, kind, data=b""):
    info = attribute(IFLA_INFO_KIND, kind.encode()) + \
        attribute(IFLA_INFO_DATA, data)
    netlink.create(NEWLINK, _link() + _name(name) +
                   attribute(IFLA_LINKINFO, info))


def _add_veth(netlink, name, peer, pid):
    other = _link() + _name(peer) + attribute(
        IFLA_NET_NS_PID, struct.pack("=I", int(pid)))
    _add(netlink, name, "veth", attribute(VETH_INFO_PEER, other))


def _add_bridge(netlink, name):
    _add(netlink, name, "bridge")


def _set_up(netlink, name, master=None):
    own = attribute(IFLA_MASTER, struct.pack("=I", _index(master))) \
        if master else b""
    netlink.change(NEWLINK, _link(_index(name), IFF_UP) + own)


def _add_address(netlink, text, length, device):
    address, family = _address(text)
    netlink.create(NEWADDR, struct.pack(
        "=BBBBI", family, int(length), 0, 0, _index(device)) +
        attribute(IFA_LOCAL, address) + attribute(IFA_ADDRESS, address))


def _add_default_route(netlink, gateway):
    address, family = _address(gateway)
    netlink.create(NEWROUTE, struct.pack(
        "=BBBBBBBBI", family, 0, 0, 0, MAIN, BOOT, 0, UNICAST, 0) +
        attribute(RTA_GATEWAY, address))


FORMS = [(re.compile(form), do) for form, do in (
    (r"link add (\S+) type bridge", _add_bridge),
    (r"link add (\S+) type veth peer name (\S+) netns (\d+)", _add_veth),
    (r"link set (\S+) up", _set_up),
    (r"link set (\S+) master (\S+) up",
     lambda netlink, name, master: _set_up(netlink, name, master)),
    (r"address add (\S+)/(\d+) dev (\S+)", _add_address),
    (r"route add default via (\S+)", _add_default_route))]


def wire(host, lines):
    """Lines of `ip -batch`, of the forms above."""
    with host.inside(), Netlink() as netlink:
        for line in filter(None, map(str.strip, lines.splitlines())):
            found = [(form.fullmatch(line), do) for form, do in FORMS]
            (match, do), = [each for each in found if each[0]]
            try:
                do(netlink, *match.groups())
            except OSError as error:
                raise AssertionError(f"{host.name}: {line}: {error}") from None
