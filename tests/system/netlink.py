# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel has of links, addresses, routes, rules and nft's tables, and
requests to change that, without a process for each: in every test hosts are
made, and their state is compared."""

import contextlib
import os
import socket
import struct

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
# linux/rtnetlink.h, linux/nfnetlink.h
GETLINK, GETADDR, GETROUTE, GETRULE = 18, 22, 26, 34
NEWLINK, NEWADDR, NEWROUTE = 16, 20, 24
GETTABLE = 10 << 8 | 1
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 1, 0x300, 0x10
NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL = 4, 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NESTED = 0x3fff  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER


class Interrupted(Exception):
    """Something changed while it was listed."""


class Netlink:
    """Sockets in the network namespace in which it is made."""

    def __init__(self):
        self.sockets = {
            kind: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, kind)
            for kind in (NETLINK_ROUTE, NETLINK_NETFILTER)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets.values():
            one.close()

    def change(self, kind, message, flags=0):
        """Asks rtnetlink, and has its answer before it returns."""
        own = self.sockets[NETLINK_ROUTE]
        own.send(struct.pack("=IHHII", 16 + len(message), kind,
                             NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0) + message)
        (what, _, answer), = _messages(own.recv(1 << 16))
        error = -struct.unpack_from("=i", answer)[0]
        assert what == NLMSG_ERROR
        if error:
            raise OSError(error, os.strerror(error))

    def create(self, kind, message):
        """The same for what there must not be yet."""
        self.change(kind, message, NLM_F_CREATE | NLM_F_EXCL)

    def dump(self, kind, size):
        """All of one kind, of all families, as the bytes behind each message's
        header; size: of the header of that kind, which follows it."""
        while True:
            with contextlib.suppress(Interrupted):
                return list(self._dump(kind, size))

    def _dump(self, kind, size):
        own = self.sockets[NETLINK_NETFILTER if kind == GETTABLE
                           else NETLINK_ROUTE]
        own.send(struct.pack("=IHHII", 16 + size, kind,
                             NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + bytes(size))
        interrupted = over = False
        while not over:
            data = own.recv(1 << 18)
            for what, flags, message in _messages(data):
                interrupted |= bool(flags & NLM_F_DUMP_INTR)
                if what == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", message)[0],
                                  "netlink dump")
                over = what == NLMSG_DONE
                if not over:
                    yield message
        if interrupted:
            raise Interrupted


def _messages(data):
    at = 0
    while at < len(data):
        length, what, flags = struct.unpack_from("=IHH", data, at)
        yield what, flags, data[at + 16:at + length]
        at += (length + 3) & ~3


def attribute(what, value):
    """One, padded for the next."""
    return struct.pack("=HH", 4 + len(value), what) + value + \
        bytes(-len(value) % 4)


def attributes(data):
    """Type and value of each, in the kernel's order."""
    at = 0
    while at + 4 <= len(data):
        length, what = struct.unpack_from("=HH", data, at)
        yield what & NESTED, data[at + 4:at + length]
        at += (length + 3) & ~3
