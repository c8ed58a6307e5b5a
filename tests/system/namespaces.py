# SPDX-License-Identifier: GPL-2.0-or-later
"""Further network namespaces of a host, as Namespace in a file names them.

/run/netns and /etc/netns are the host's own: the one by the lab's /run and the
host's mount namespace, the other by its copy of /etc.
"""

import re
import socket

import snapshot

# All that could be left of a namespace's name, directories and mounts included.
NAMES = """
find /run/netns /etc/netns -printf '%p %y %m %U\\n' 2>/dev/null || true
sed 's/^[0-9]* [0-9]* [0-9:]* //' /proc/self/mountinfo | grep netns || true
"""


def names(host):
    """Groups of mounts are numbered on and on."""
    text = host.shell(NAMES).stdout
    return sorted(re.sub(r"shared:\d+", "shared", text).splitlines())


class Namespace:
    """A namespace of host by its name or path; as much of a Host as is needed
    to run things in it."""

    def __init__(self, host, name):
        self.host = host
        self.name = f"{host.name}'s {name}"
        self.path = name if name.startswith("/") else f"/run/netns/{name}"
        self.before = None

    def run(self, argv, **options):
        return self.host.run(["nsenter", f"--net={self.path}", *argv],
                             **options)

    def ip(self, words, **options):
        return self.run(["ip", *words.split()], **options)

    def ping(self, to, check=True):
        result = self.run(["ping", "-n", "-c", 1, "-W", 2, to], check=check)
        return result.returncode == 0

    def inside(self):
        return self.host.inside(self.host.path(self.path))

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        with self.inside():
            return socket.socket(family, kind, protocol)

    def etc(self):
        return self.host.etc()

    def baseline(self):
        self.before = snapshot.take(self)

    def difference(self):
        """Empty where it is as it was."""
        return snapshot.difference(self.before, snapshot.take(self))
