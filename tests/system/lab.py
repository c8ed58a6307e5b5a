# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: four hosts in a row, and further clients beside the first one.

  client           router                      server             internet
  eth0             lan      wan                eth0     eth1      eth0
  192.168.1.2 -- 192.168.1.1 | 203.0.113.1 -- 203.0.113.5 |       198.51.100.10
      |                                          198.51.100.5 --
  2001:db8:1::2  2001:db8:1::1 | 2001:db8:2::1 -- 2001:db8:2::5 | 2001:db8:3::10
      |                                          2001:db8:3::5 --
  more clients: 192.168.1.3 ..., 2001:db8:1::3 ..., on the same bridge (lan)

The router forwards and does no NAT. The internet host knows its own network
only: no way leads from it to a client or to the tunnel's addresses, so an
answer shows that the server has put its own address on the question. The
server does not forward until minivpn makes it.
"""

import collections
import os
import pathlib
import re

import snapshot
from files import Key, client_file, server_file
from host import SANITIZER_DIRECTORY, Host, alive, make_hosts, wait_until
from wire import wire

SERVER, SERVER6 = "203.0.113.5", "2001:db8:2::5"
SERVER_BEHIND, SERVER_BEHIND6 = "198.51.100.5", "2001:db8:3::5"
INTERNET, INTERNET6 = "198.51.100.10", "2001:db8:3::10"
ROUTER_LAN, ROUTER_WAN = "192.168.1.1", "203.0.113.1"
CLIENT, CLIENT6 = "192.168.1.2", "2001:db8:1::2"
INNER, INNER6 = "10.8.0.1", "fd08::1"

DEATH = re.compile(r"earlier run was killed|tunnel process (died|ended|was )")

# LeakSanitizer of a process that SIGKILL has met in its very last moment.
KILLED = re.compile(r"^==\d+==Unable to get registers from thread \d+\.\n",
                    re.MULTILINE)

Peer = collections.namedtuple("Peer", "name key options")


class Lab:
    def __init__(self, directory):
        self.directory = directory
        self.hosts = []
        self.clients = []
        self.peers = []
        self.closers = []
        self.may_leave_processes = False
        self._server_key = None
        self.router, self.server, self.internet, self.client = self.add_hosts(
            "router", "server", "internet", "client")
        self.router.compared = False  # nothing that is tested runs there

    def add_host(self, name):
        return self.add_hosts(name)[0]

    def add_hosts(self, *names):
        """More, which nothing leads to yet."""
        made = make_hosts(self.directory, *names)
        self.hosts += made
        return made

    def build(self):
        self._wire()
        self._plug_in([self.client])
        self._settle(self.server, self.internet, self.client)

    def _wire(self):
        with self.router.inside():
            Host.sysctl("net/ipv4/ip_forward", 1)
            Host.sysctl("net/ipv6/conf/all/forwarding", 1)
        wire(self.router, f"""
            link add lan type bridge
            link add wan type veth peer name eth0 netns {self.server.pid}
            address add {ROUTER_LAN}/24 dev lan
            address add 2001:db8:1::1/64 dev lan
            address add {ROUTER_WAN}/24 dev wan
            address add 2001:db8:2::1/64 dev wan
            link set lan up
            link set wan up""")
        wire(self.server, f"""
            link add eth1 type veth peer name eth0 netns {self.internet.pid}
            address add {SERVER}/24 dev eth0
            address add {SERVER6}/64 dev eth0
            address add {SERVER_BEHIND}/24 dev eth1
            address add {SERVER_BEHIND6}/64 dev eth1
            link set eth0 up
            link set eth1 up
            route add default via {ROUTER_WAN}
            route add default via 2001:db8:2::1""")
        wire(self.internet, f"""
            address add {INTERNET}/24 dev eth0
            address add {INTERNET6}/64 dev eth0
            link set eth0 up""")

    def add_client(self):
        return self.add_clients(1)[0]

    def add_clients(self, count):
        """More machines on the router's LAN."""
        first = len(self.clients) + 1
        made = self.add_hosts(*(f"client{number}" for number
                                in range(first, first + count)))
        self._plug_in(made)
        self._settle(*made)
        return made

    def _plug_in(self, hosts):
        first = len(self.clients) + 2
        wire(self.router, "\n".join(f"""
            link add port{number} type veth peer name eth0 netns {host.pid}
            link set port{number} master lan up"""
            for number, host in enumerate(hosts, first)))
        for number, host in enumerate(hosts, first):
            wire(host, f"""
                address add 192.168.1.{number}/24 dev eth0
                address add 2001:db8:1::{number:x}/64 dev eth0
                link set eth0 up
                route add default via {ROUTER_LAN}
                route add default via 2001:db8:1::1""")
        self.clients += hosts

    @staticmethod
    def _settle(*hosts):
        for host in hosts:
            wait_until(lambda: snapshot.is_settled(host), 10,
                       f"{host.name}'s links")
            host.baseline()

    # The tunnel's people.

    @property
    def server_key(self):
        self._server_key = self._server_key or Key.make()
        return self._server_key

    def enroll(self, host, name, **options):
        """Makes host's key; the server will know it by name."""
        host.key = Key.make()
        self.peers.append(Peer(name, host.key, options))
        return host.key

    def serve(self, **options):
        """Brings the server up; its line. Options are keys of the file."""
        path = self.server.write("server.conf", server_file(
            self.server_key, self.peers, **options))
        return self.server.up(path)

    def client_conf(self, host=None, **options):
        host = host or self.client
        return host.write("client.conf", client_file(
            host.key, self.server_key.public, **options))

    def connect(self, host=None, **options):
        """Brings a client up; its line."""
        host = host or self.client
        return host.up(self.client_conf(host, **options))

    def start(self, server=None, client=None, **peer):
        """Server and client, as most tests need them."""
        self.enroll(self.client, "alice", **peer)
        self.serve(**(server or {}))
        return self.connect(**(client or {}))

    def swallow(self):
        """From now on the router loses all of IPv4 that is for the server."""
        self.router.run(["nft", "-f", "-"], input="""
            table ip broken { chain forward {
                type filter hook forward priority 0;
                udp dport 4433 drop
            }
            }""")

    # The end.

    def _take_down(self):
        problems = []
        servers = [host for host in self.hosts if host not in self.clients]
        for host in [*self.clients, *servers]:
            if not host.rundir.is_dir():
                continue
            names = {path.stem for path in host.rundir.iterdir()
                     if path.suffix in (".sock", ".journal", ".killswitch")}
            if names and not host.killed and not host.minivpn_pids():
                problems.append(f"{host.name}: {names} died by itself")
            for name in sorted(names):
                result = host.minivpn("down", name, check=False)
                if result.returncode:
                    problems.append(f"{host.name}: down {name}: exit "
                                    f"{result.returncode}: {result.stderr}")
        return problems

    def _foreign(self):
        """Live processes in this PID namespace that are not the lab's own."""
        known = {1, os.getpid(), *(host.pid for host in self.hosts),
                 *(process.pid for host in self.hosts
                   for process in host.processes)}
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if pid not in known and alive(pid)]

    def _leftovers(self):
        try:
            wait_until(lambda: not self._foreign(), 3)
            return []
        except AssertionError:
            left = [(pid, pathlib.Path(f"/proc/{pid}/cmdline").read_text())
                    for pid in self._foreign()]
        for pid, _ in left:
            os.kill(pid, 9)
        wait_until(lambda: not self._foreign())
        if self.may_leave_processes:
            return []
        return [f"process {pid} is left: {text.replace(chr(0), ' ')}"
                for pid, text in left]

    def _compare(self):
        problems = []
        for host in self.hosts:
            if host.compared:
                diff = snapshot.difference(host.before, snapshot.take(host))
                if diff:
                    problems.append(f"{host.name} is not as it was:\n{diff}")
            if host.rundir.is_dir():
                files = sorted(path.name for path in host.rundir.iterdir()
                               if ".log" not in path.suffixes)
                if files:
                    problems.append(f"{host.name}: left in RUNDIR: {files}")
        return problems

    def _deaths(self):
        """What the logs say of processes that died and were replaced."""
        return [f"{host.name}: {path.name}: {line}" for host in self.hosts
                if not host.killed for path, text in host_outputs(host)
                for line in text.splitlines() if DEATH.search(line)]

    @staticmethod
    def _sanitizer_reports():
        if not SANITIZER_DIRECTORY.is_dir():
            return []
        reports = sorted(SANITIZER_DIRECTORY.iterdir())
        texts = [KILLED.sub("", path.read_text(errors="replace"))
                 for path in reports]
        for path in reports:
            path.unlink()
        return [text for text in texts if text]

    def finish(self):
        """Ends what runs, and returns what is not as it should be."""
        for host in self.hosts:
            host.stop_processes()
        problems = self._take_down()
        for close in reversed(self.closers):
            close()
        problems += self._leftovers()
        problems += self._compare()
        problems += self._deaths()
        problems += self._sanitizer_reports()
        problems += [f"{host.name}: {path.name}: {text}" for host in self.hosts
                     for path, text in host_outputs(host)
                     if "Sanitizer" in text or "runtime error:" in text]
        return problems

    def logs(self):
        """For a person who looks at a failure."""
        return [(f"{host.name}: {path.name}", text) for host in self.hosts
                for path, text in host_outputs(host) if text]

    def close(self):
        for host in self.hosts:
            host.close()
        for host in self.hosts:
            host.wait_end()


def host_outputs(host):
    paths = [*host.rundir.glob("*.log"), *host.directory.glob("output-*")]
    return [(path, path.read_text(errors="replace")) for path in paths]
