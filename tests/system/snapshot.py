# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole state of a host as lines that can be compared.

It is taken twice for every host and test, so no process is started for it, but
nft where there are tables.
"""

import contextlib
import difflib
import ipaddress
import json
import os
import socket
import struct

from netlink import (GETADDR, GETLINK, GETROUTE, GETRULE, GETTABLE, Netlink,
                     attributes)

SYSCTLS = ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6")
# What changes by itself.
VOLATILE_SYSCTLS = ("tcp_fastopen_key", "stable_secret")
LARGEST = 4096  # bytes of a sysctl that can be read at once (proc_dostring())
# linux/rtnetlink.h, if.h, if_addr.h; a cloned route is one of the cache.
RTM_F_CLONED, RT_SCOPE_LINK = 0x200, 253
IF_OPER_UP, IFA_F_TENTATIVE = "6", 0x40
ETHERNET = "1500"
NFGENMSG = 4  # bytes of its header
NOT_COMPARED = (None, None)


def _text(value):
    return value.rstrip(b"\0").decode(errors="replace")


def _number(value):
    return str(int.from_bytes(value, "little"))


def _address(value):
    return str(ipaddress.ip_address(value)) if len(value) in (4, 16) \
        else value.hex()


def _kind(value):
    """Of a device; the rest of its IFLA_LINKINFO has a bridge's timers."""
    return " ".join(_text(own) for number, own in attributes(value)
                    if number == 1)


# Of each kind: its request, its header and the names of the fields, and its
# attributes (linux/if_link.h, if_addr.h, rtnetlink.h, fib_rules.h). One that is
# not named is there by its number. Statistics and times are not compared.
KINDS = {
    "link": (GETLINK, "=BxHiIxxxx", "family type index flags", {
        3: ("name", _text), 4: ("mtu", _number), 6: ("qdisc", _text),
        13: ("txqlen", _number), 16: ("operstate", _number),
        18: ("kind", _kind),
        **dict.fromkeys((7, 23, 26, 35, 47, 48), NOT_COMPARED)}),
    "address": (GETADDR, "=BBBBI", "family length flags scope index", {
        1: ("address", _address), 2: ("local", _address), 3: ("label", _text),
        4: ("broadcast", _address), 6: NOT_COMPARED}),
    "route": (GETROUTE, "=BBBBBBBBI",
              "family to-length from-length tos table protocol scope type flags",
              {1: ("to", _address), 2: ("from", _address), 4: ("oif", _number),
               5: ("via", _address), 6: ("metric", _number),
               7: ("source", _address), 15: ("table", _number),
               12: NOT_COMPARED, 23: NOT_COMPARED}),
    "rule": (GETRULE, "=BBBBBxxBI",
             "family to-length from-length tos table action flags",
             {1: ("to", _address), 2: ("from", _address), 3: ("iif", _text),
              6: ("priority", _number), 10: ("mark", _number),
              15: ("table", _number), 17: ("oif", _text)}),
}


def _fields(kind, message):
    _, form, names, known = KINDS[kind]
    fields = dict(zip(names.split(), struct.unpack_from(form, message)))
    for number, value in attributes(message[struct.calcsize(form):]):
        name, convert = known.get(number, (f"#{number}", bytes.hex))
        if name:
            fields[name] = convert(value)
    return fields


def _ask(netlink, kind):
    request, form, _, _ = KINDS[kind]
    return [_fields(kind, message)
            for message in netlink.dump(request, struct.calcsize(form))]


def _kernel(netlink):
    lines = []
    for kind in KINDS:
        for fields in _ask(netlink, kind):
            if kind == "route" and fields["flags"] & RTM_F_CLONED:
                continue
            six = kind in ("route", "rule") and \
                fields["family"] == socket.AF_INET6
            lines.append(f"{kind}{'6' * six}: " + ", ".join(
                f"{name} {value}" for name, value in fields.items()))
    return sorted(lines)


def _read(path):
    """Of a sysctl, of which there are hundreds in every host: a file of Python's
    would take twice as long."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, LARGEST)
    finally:
        os.close(descriptor)


def _sysctls():
    lines = []
    for top in SYSCTLS:
        for directory, _, files in os.walk(top):
            for name in files:
                path = f"{directory}/{name}"
                if name in VOLATILE_SYSCTLS:
                    continue
                with contextlib.suppress(OSError):
                    text = _read(path).decode(errors="replace")
                    lines.append(f"sysctl: {path}: {text.rstrip()}")
    return sorted(lines)


def _nft(host):
    value = json.loads(host.run(["nft", "-j", "list", "ruleset"]).stdout)
    return ["nft: " + json.dumps(item, sort_keys=True)
            for item in value["nftables"] if "metainfo" not in item]


def _files(etc):
    lines = []
    for directory, directories, files in os.walk(etc):
        for name in files + directories:
            path = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):
                stat = os.lstat(path)
                link = os.readlink(path) if os.path.islink(path) else ""
                if link or name in files:
                    lines.append(f"etc: {path.removeprefix(str(etc))} "
                                 f"{stat.st_mode:o} {stat.st_uid} "
                                 f"{stat.st_size} {link}")
    return sorted(lines)


def take(host):
    """All that minivpn could have changed, one line an item."""
    with host.inside():
        netlink = Netlink()
        sysctls = _sysctls()
    with netlink:
        lines = _kernel(netlink)
        tables = netlink.dump(GETTABLE, NFGENMSG)
    if tables:
        lines += _nft(host)
    lines += sysctls + _files(host.etc())
    with contextlib.suppress(FileNotFoundError):
        lines += ["resolver: " + line for line in
                  (host.etc() / "resolv.conf").read_text().splitlines()]
    return lines


def is_settled(host):
    """Links come up, and get their addresses, in their own time."""
    with host.inside():
        netlink = Netlink()
    with netlink:
        links = {link["index"]: link for link in _ask(netlink, "link")
                 if link["mtu"] == ETHERNET}
        addresses = _ask(netlink, "address")
    local = {address["index"] for address in addresses
             if address["scope"] == RT_SCOPE_LINK}
    return (all(link["operstate"] == IF_OPER_UP for link in links.values()) and
            set(links) <= local and
            not any(address["flags"] & IFA_F_TENTATIVE
                    for address in addresses))


def difference(before, after):
    """Empty where both are the same, else a diff for people."""
    if before == after:
        return ""
    return "\n".join(difflib.unified_diff(before, after, "before", "after",
                                          lineterm="", n=0))
