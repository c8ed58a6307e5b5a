# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts joined by one wire, for one peer of the bench at a time.

  client                       server
  eth0 10.99.0.1/24 --------- eth0 10.99.0.2/24
"""

import contextlib
import os
import pathlib
import select
import socket
import struct
import time

from host import alive, make_hosts, wait_until

CLIENT, SERVER = "10.99.0.1", "10.99.0.2"
OFFLOADS = ("tso", "gso", "gro", "tx-udp-segmentation", "rx-gro-list",
            "rx-udp-gro-forwarding", "tx-gso-list", "tx-gso-partial")


class Link:
    def __init__(self, directory, wire):
        self.client, self.server = make_hosts(directory, "client", "server")
        self.server.batch(
            f"link add eth0 type veth peer name eth0 netns {self.client.pid}\n"
            f"address add {SERVER}/24 dev eth0\nlink set eth0 up")
        self.client.batch(f"address add {CLIENT}/24 dev eth0\n"
                          "link set eth0 up")
        for host in (self.client, self.server):
            # Some peers have fixed names there.
            host.run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
            if wire:
                self._turn_off(host)
        wait_until(lambda: "LOWER_UP" in
                   self.client.ip("link show dev eth0").stdout, 10, "the link")

    @staticmethod
    def _turn_off(host):
        """Every packet of 1500 bytes crosses alone."""
        for feature in OFFLOADS:
            host.run(["ethtool", "-K", "eth0", feature, "off"], check=False)
        left = [line for line in
                host.run(["ethtool", "-k", "eth0"]).stdout.splitlines()
                if line.startswith(("tcp-segmentation-offload: on",
                                    "generic-segmentation-offload: on",
                                    "generic-receive-offload: on"))]
        if left:
            raise RuntimeError(f"ethtool could not switch off: {left}")

    def processes(self, host, program):
        """Those of a program on a host: pids, by the name of its file."""
        own = os.readlink(f"/proc/{host.pid}/ns/net")
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                name = os.path.basename(os.readlink(entry / "exe"))
                if (name.startswith(program) and
                        os.readlink(entry / "ns/net") == own):
                    found.append(int(entry.name))
        return sorted(pid for pid in found if alive(pid))

    def kill(self, program):
        for host in (self.client, self.server):
            for pid in self.processes(host, program):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            wait_until(lambda h=host: not self.processes(h, program), 10,
                       f"the end of {program}")

    def ping_until_answer(self, argv, target, patience):
        """Starts argv on the client; seconds until target's first answer.

        The command waits for a line before it becomes argv, so that entering
        the namespaces is not counted. An echo request leaves every half
        millisecond, from before there is a way for it.
        """
        process = self.client.spawn(
            ["sh", "-c", 'echo ready; read -r line; exec "$@" </dev/null',
             "sh", *argv], stdin=-1)
        process.wait_for("ready", 10)
        with self.client.socket(kind=socket.SOCK_RAW,
                                protocol=socket.IPPROTO_ICMP) as icmp:
            icmp.setblocking(False)
            start = time.monotonic()
            process.popen.stdin.write(b"\n")
            process.popen.stdin.flush()
            while not self._answered(icmp, target):
                if time.monotonic() > start + patience:
                    raise RuntimeError(f"no answer within {patience} s; "
                                       f"{argv[0]} says: {process.output()}")
            return time.monotonic() - start

    @staticmethod
    def _answered(icmp, target):
        body = struct.pack("!BBHHH", 8, 0, 0, 0xbe, 1)
        total = sum(struct.unpack("!4H", body[:2] + body[4:] + b"\0\0"))
        total = (total & 0xffff) + (total >> 16)
        packet = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
        # Before there is a route, or after an ICMP error.
        with contextlib.suppress(OSError):
            icmp.sendto(packet, (target, 0))
        if not select.select([icmp], [], [], 0.0005)[0]:
            return False
        with contextlib.suppress(OSError):
            answer, source = icmp.recvfrom(2048)
            return source[0] == target and answer[20] == 0
        return False

    def close(self):
        for host in (self.client, self.server):
            host.close()
            host.wait_end()
