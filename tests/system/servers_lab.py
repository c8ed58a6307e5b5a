# SPDX-License-Identifier: GPL-2.0-or-later
"""Two servers, as contrib/servers/README draws them.

  client          router                        server, second     core        inside
  192.168.1.2 --- lan | wan 198.51.100.1 --- eth0 .5, .6 | eth1
                      (a bridge)             10.99.0.5, .6 --- inside 10.99.0.1
                                              (a bridge on core) behind 10.99.3.1 --- .10
"""

import json
import os
import pathlib
import shutil
import socket
import statistics
import threading
import time

from files import Key, section
from host import Host, wait_until
from lab import ROUTER_LAN, Lab

EXAMPLES = pathlib.Path(__file__).parents[2] / "contrib/servers"
BIRD = os.environ.get("MINIVPN_BIRD") or shutil.which("bird")
WAN = "198.51.100.1"
SERVERS = ("198.51.100.5", "198.51.100.6")
CORE, CORE6 = "10.99.0.1", "fd99::1"
HOST, HOST6 = "10.99.3.10", "fd99:3::10"


class ServersLab(Lab):
    def build(self):
        self.second, self.core = self.add_hosts("second", "core")
        self.core.compared = False
        self.servers = [self.server, self.second]
        self.ticket_key = Key.make()
        super().build()
        self._settle(self.second)

    def _wire(self):
        for router in self.router, self.core:
            with router.inside():
                Host.sysctl("net/ipv4/ip_forward", 1)
                Host.sysctl("net/ipv6/conf/all/forwarding", 1)
        self.router.batch(f"""
            link add lan type bridge
            link add wan type bridge
            address add {ROUTER_LAN}/24 dev lan
            address add 2001:db8:1::1/64 dev lan
            address add {WAN}/24 dev wan
            link set lan up
            link set wan up""")
        self.core.batch(f"""
            link add inside type bridge
            link add behind type veth peer name eth0 netns {self.internet.pid}
            address add {CORE}/24 dev inside
            address add {CORE6}/64 dev inside
            address add 10.99.3.1/24 dev behind
            address add fd99:3::1/64 dev behind
            link set inside up
            link set behind up""")
        self.internet.batch(f"""
            address add {HOST}/24 dev eth0
            address add {HOST6}/64 dev eth0
            link set eth0 up
            route add default via 10.99.3.1
            route add default via fd99:3::1""")
        for number, server in enumerate(self.servers, 5):
            self.router.batch(f"""
                link add wan{number} type veth peer name eth0 netns {server.pid}
                link set wan{number} master wan up""")
            self.core.batch(f"""
                link add in{number} type veth peer name eth1 netns {server.pid}
                link set in{number} master inside up""")
            server.batch(f"""
                address add 198.51.100.{number}/24 dev eth0
                address add 10.99.0.{number}/24 dev eth1
                address add fd99::{number}/64 dev eth1
                link set eth0 up
                link set eth1 up
                route add default via {WAN}""")

    # Whatever announces routes.

    def run_bird(self):
        for host in [*self.servers, self.core]:
            which = "bird-core.conf" if host is self.core else "bird.conf"
            host.spawn([BIRD, "-f", "-c", EXAMPLES / which,
                        "-s", host.directory / "bird.ctl",
                        "-P", host.directory / "bird.pid"])

    def wait_routing(self):
        """Each server knows the way to the host behind the router."""
        for host in self.servers:
            wait_until(lambda: "10.99.3.0/24" in host.ip("route").stdout, 20,
                       f"{host.name}'s route: {self.outputs()}")

    def outputs(self):
        return "".join(process.output() for host in [*self.servers, self.core]
                       for process in host.processes)

    # The tunnel.

    def serve_on(self, number):
        """Brings up a server by its example."""
        host = self.servers[number]
        text = (EXAMPLES / f"minivpn-{'ab'[number]}.conf").read_text()
        text = text.replace("PRIVATE-KEY", self.server_key.private)
        text = text.replace("TICKET-KEY", self.ticket_key.private)
        for peer in self.peers:
            text += section(f"Peer {peer.name}",
                            {"PublicKey": peer.key.public, **peer.options})
        return host.up(host.write("server.conf", text))

    def connect(self, host=None, **options):
        servers = [f"{address}:4433" for address in SERVERS]
        return super().connect(host, Server=servers, **options)

    def announced(self, address="10.8.0.2"):
        """By which server the router reaches an address; None: by none."""
        routes = json.loads(self.core.ip(f"-j route show {address}").stdout)
        hops = [hop for route in routes
                for hop in route.get("nexthops", [route])]
        return [hop["gateway"] for hop in hops if "gateway" in hop]


class Ticker(threading.Thread):
    """An open TCP connection from a client to the host behind the router: a
    byte is sent every few milliseconds, and comes back."""

    PAUSE = 0.005

    def __init__(self, client, host, address=HOST):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.times = []
        self.broken = None
        self.listener = host.socket(kind=socket.SOCK_STREAM)
        self.listener.bind((address, 0))
        self.listener.listen()
        self.here = client.socket(kind=socket.SOCK_STREAM)
        self.here.settimeout(60)
        self.here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.here.connect(self.listener.getsockname())
        self.there, _ = self.listener.accept()
        self.there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.echo = threading.Thread(target=self._echo, daemon=True)
        self.listening = threading.Thread(target=self._listen, daemon=True)
        for thread in self, self.echo, self.listening:
            thread.start()

    def _echo(self):
        try:
            while data := self.there.recv(65536):
                self.there.sendall(data)
        except OSError:
            pass

    def _listen(self):
        try:
            while self.here.recv(65536):
                self.times.append(time.monotonic())
        except OSError as error:
            self.broken = self.broken or error

    def run(self):
        try:
            while not self.over.wait(self.PAUSE):
                self.here.send(b".")
        except OSError as error:
            self.broken = error

    def gap(self, since):
        """The longest time without an answer since then, in seconds."""
        times = [since, *(each for each in self.times if each > since)]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def answers(self, since):
        """Something has come since then."""
        return self.times and self.times[-1] > since

    def end(self):
        self.over.set()
        self.join(70)
        for each in self.here, self.there, self.listener:
            each.close()
        assert not self.broken, self.broken


def median(values):
    return statistics.median(values)
