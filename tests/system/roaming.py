# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests of a client that moves: a second uplink, and a TCP connection
through the tunnel that shows for how long nothing came.

  client                    router
  eth0 192.168.1.2 -------- lan  192.168.1.1   the lab's own: Wi-Fi
  eth1 192.168.2.2 -------- cell 192.168.2.1   metric 200: LTE
"""

import contextlib
import socket
import threading
import time

from host import wait_until
from lab import INTERNET, SERVER, SERVER6
from packets import ICMPV6, UDP, Capture

MOVED_SERVER = "203.0.113.6"
BEAT = 0.01  # seconds between two messages of a stream

# What an address manager does when a link is back.
SETTLE = """
link set eth0 up
address replace 192.168.1.2/24 dev eth0
address replace 2001:db8:1::2/64 dev eth0
route replace default via 192.168.1.1
route replace default via 2001:db8:1::1
"""


def add_cell(lab):
    """The second uplink; from now on the client is to be like this."""
    lab.router.batch(f"""
        link add cell type veth peer name eth1 netns {lab.client.pid}
        address add 192.168.2.1/24 dev cell
        link set cell up""")
    lab.client.batch("""
        link set eth1 addrgenmode none
        link set eth1 up
        address add 192.168.2.2/24 dev eth1
        route add default via 192.168.2.1 dev eth1 metric 200""")
    wait_until(
        lambda: "state UP" in lab.client.ip("link show eth1").stdout,
        what="the second uplink")
    lab.client.baseline()


def add_cell6(lab):
    """The same for IPv6, after add_cell()."""
    lab.router.ip("address add 2001:db8:4::1/64 dev cell")
    lab.client.batch("""
        address add fe80::4:2/64 dev eth1
        address add 2001:db8:4::2/64 dev eth1
        route add default via 2001:db8:4::1 dev eth1 metric 2000""")
    lab.client.baseline()


def wifi_goes(lab):
    lab.client.ip("link set eth0 down")


def wifi_comes(lab):
    lab.client.batch(SETTLE)
    wait_until(lambda: "state UP" in lab.client.ip("link show eth0").stdout
               and "tentative" not in lab.client.ip("address").stdout and
               lab.client.ip("address show eth0").stdout.count("inet6") == 2,
               10, "the Wi-Fi")


class Stream:
    """A TCP connection from the client through the tunnel, to the internet
    host or to the server itself, by which a message goes there and back each
    BEAT. Only the latter outlives the server's NAT. near: who connects."""

    def __init__(self, lab, to=INTERNET, near=None):
        host = lab.internet if to == INTERNET else lab.server
        listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind((to, 0))
        listener.listen(1)
        self.near = (near or lab.client).socket(socket.AF_INET,
                                                socket.SOCK_STREAM)
        self.near.connect(listener.getsockname())
        self.far, _ = listener.accept()
        listener.close()
        for end in (self.near, self.far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrivals = [time.monotonic()]
        self.over = threading.Event()
        self.error = None
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._echo, self._send, self._receive)]
        for thread in self.threads:
            thread.start()
        lab.closers.append(self.close)

    def _echo(self):
        with contextlib.suppress(OSError):
            while data := self.far.recv(4096):
                self.far.sendall(data)

    def _send(self):
        with contextlib.suppress(OSError):
            while not self.over.wait(BEAT):
                self.near.sendall(b"beat" * 16)

    def _receive(self):
        try:
            while self.near.recv(4096):
                self.arrivals.append(time.monotonic())
        except OSError as error:
            self.error = error

    def flows(self, since):
        """Waits until messages come again, of those sent after since."""
        wait_until(lambda: sum(when > since for when in
                               self.arrivals[-10:]) == 10, 15,
                   "messages on the connection")

    def gap(self, since):
        """The longest time without a message from since on, in seconds."""
        now = time.monotonic()
        times = [when for when in list(self.arrivals) if when >= since]
        return max(b - a for a, b in zip([since, *times], [*times, now]))

    def close(self):
        self.over.set()
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.near.close()
        self.far.close()


class Watch:
    """Nothing but DTLS between client and server (at either address) passes
    on these devices of the router; what its own ICMP says of that is as
    harmless."""

    def __init__(self, lab, *devices):
        self.captures = [Capture(lab.router, device) for device in devices]
        lab.closers.append(self.close)

    @staticmethod
    def _is_tunnel(packet):
        port = (4433).to_bytes(2, "big")
        ports = 20 if packet.version == 4 else 40
        return (packet.protocol == UDP and
                bool({SERVER, SERVER6, MOVED_SERVER} & packet.addresses) and
                port in (packet.data[ports:ports + 2],
                         packet.data[ports + 2:ports + 4]))

    @staticmethod
    def _is_icmp_of_tunnel(packet):
        if packet.version == 4:
            return (packet.protocol == 1 and packet.data[20] in (3, 11) and
                    packet.data[28 + 9] == UDP)
        return (packet.protocol == ICMPV6 and packet.data[40] in (1, 3) and
                packet.data[48 + 6] == UDP)

    @staticmethod
    def _is_local(packet):
        """IGMP (RFC 3376), and what else goes no further than the link."""
        return packet.to.startswith("224.0.0.")

    def leaks(self):
        return [packet for capture in self.captures
                for packet in capture.seen()
                if not self._is_tunnel(packet) and
                not self._is_icmp_of_tunnel(packet) and
                not self._is_local(packet)]

    def close(self):
        for capture in self.captures:
            capture.socket.close()
