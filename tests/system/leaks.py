# SPDX-License-Identifier: GPL-2.0-or-later
"""What leaves the client's uplinks while programs on it, and one in a container
behind it, try all the time to get packets out, by every means that there is:

  plain      by whatever way the routes lead
  bound      a socket that is bound to the uplink (SO_BINDTODEVICE)
  marked     a mark for which a rule has a routing table of its own
  forwarded  from a network behind the client, with NAT
"""

from host import wait_until
from lab import INTERNET, INTERNET6, ROUTER_LAN, SERVER, SERVER6
from packets import ICMPV6, IGMP, UDP, Capture

# Ports of destination, by which they are told apart.
KINDS = {"plain": 9, "bound": 10, "marked": 11, "forwarded": 12}
UPLINKS = ("eth0", "eth1")
TARGETS = [INTERNET, INTERNET6, ROUTER_LAN, "2001:db8:1::1", SERVER, SERVER6,
           "255.255.255.255", "192.168.1.255", "224.0.0.251",
           "ff02::fb%eth0", "ff02::fb%eth1"]
MARK = 77

CHATTER = """
import select, signal, socket, sys
devices, targets = sys.argv[1].split(","), sys.argv[3:]
sent = 0
def stop(*_):
    print(sent, flush=True)
    sys.exit()
def make(to, option=None, value=None):
    made = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET,
                         socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if option:
        made.setsockopt(socket.SOL_SOCKET, option, value)
    return made
ways = []
for to in targets:
    for device in devices:
        if device:
            ways.append((make(to, socket.SO_BINDTODEVICE, device.encode()),
                         to, 10))
    if devices[0]:
        ways.append((make(to), to, 9))
        ways.append((make(to, socket.SO_MARK, int(sys.argv[2])), to, 11))
    else:
        ways.append((make(to), to, 12))
signal.signal(signal.SIGTERM, stop)
print("talking", flush=True)
while True:
    for way, to, port in ways:
        sent += 1
        try:
            way.sendto(b"a secret", (to, port))
        except OSError:
            pass
    select.select([], [], [], 0.002)
"""

# Of an address manager, and of whoever uses that mark.
MARKED = f"""
route replace default via {ROUTER_LAN} dev eth0 table {MARK}
route replace default via 2001:db8:1::1 dev eth0 table {MARK}
"""


def is_dtls(packet):
    return (packet.to == SERVER and packet.protocol == UDP and
            packet.to_port == 4433)


def icmpv6_type(packet):
    """None where it is none; MLD has a hop-by-hop header (RFC 3810, 5)."""
    protocol, start = packet.protocol, 40
    if packet.version == 6 and protocol == 0:
        protocol = packet.data[40]
        start += 8 * (1 + packet.data[41])
    return packet.data[start] if packet.version == 6 and \
        protocol == ICMPV6 else None


def is_about_groups(packet):
    """MLD and IGMP, which go no further than the link."""
    if packet.version == 4:
        return (packet.protocol == IGMP and packet.data[8] == 1 and
                224 <= packet.data[16] < 240)
    return (icmpv6_type(packet) in (130, 131, 132, 143) and
            packet.data[7] == 1 and packet.data[24] == 0xff)


def is_allowed(packet):
    """DTLS to the server, DHCP and DHCPv6 to a server, router and neighbour
    solicitations, neighbour advertisements, group membership; nothing else."""
    if icmpv6_type(packet) is not None or packet.protocol == IGMP:
        return (icmpv6_type(packet) in (133, 135, 136) or
                is_about_groups(packet))
    return is_dtls(packet) or (packet.protocol == UDP and packet.ports in
                               ((68, 67), (546, 547)))


class Watch:
    """Captures all uplinks while they talk. `forward`: there is a container."""

    def __init__(self, lab, uplinks=UPLINKS, forward=True):
        self.client = lab.client
        self.container = self._add_container(lab) if forward else None
        for family in ("", "-6 "):
            self.client.ip(f"{family}rule add fwmark {MARK} table {MARK} "
                           "priority 77")
        self.client.batch(MARKED)
        self.captures = [Capture(self.client, device, strict=True)
                         for device in uplinks]
        self.tried = 0
        self.talkers = [self._talk(self.client, ",".join(uplinks), TARGETS)]
        if forward:
            self.talkers.append(self._talk(
                self.container, "", [INTERNET, INTERNET6, ROUTER_LAN]))
        wanted = {(to, port) for to in (INTERNET, INTERNET6)
                  for kind, port in KINDS.items()
                  if forward or kind != "forwarded"}
        wait_until(lambda: wanted <= {
            (packet.to, packet.to_port) for packet in self.outgoing()
            if packet.protocol == UDP},
            what="the talk is seen while nothing is up")

    @staticmethod
    def _talk(host, devices, targets):
        made = host.spawn(["/usr/bin/python3", "-c", CHATTER, devices, MARK,
                           *targets])
        made.wait_for("talking")
        return made

    def _add_container(self, lab):
        container = lab.add_host("container")
        container.compared = False
        self.client.shell("""
            echo 1 >/proc/sys/net/ipv4/ip_forward
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding""")
        self.client.batch(f"""
            link add box type veth peer name eth0 netns {container.pid}
            address add 172.16.9.1/24 dev box
            address add fd09::1/64 dev box
            link set box up""")
        container.batch("""
            address add 172.16.9.2/24 dev eth0
            address add fd09::2/64 dev eth0
            link set eth0 up
            route add default via 172.16.9.1
            route add default via fd09::1""")
        self.masquerade()
        return container

    def masquerade(self):
        self.client.run(["nft", "-f", "-"], input="""
            table inet containers { chain postrouting {
                type nat hook postrouting priority srcnat
                iifname "box" masquerade
            }
            }""")

    def outgoing(self):
        return [packet for capture in self.captures
                for packet in capture.seen() if packet.outgoing]

    def leaked(self):
        """All that has left since the first hello and may not."""
        seen = self.outgoing()
        hellos = [packet.when for packet in seen if is_dtls(packet)]
        assert hellos, "no DTLS was seen"
        first = min(hellos)
        since = [packet for packet in seen if packet.when >= first]
        leaked = [packet for packet in since if not is_allowed(packet)]
        print(f"{len(leaked)} leaked of {len(since)} that left")
        for packet in leaked[:20]:
            print(packet, packet.protocol == UDP and packet.ports,
                  f"{packet.when - first:.4f} s after the first hello")
        return leaked

    def stop(self):
        for talker in self.talkers:
            talker.stop()
            self.tried += int(talker.output().split()[-1])
        print(f"{self.tried} packets were tried")
        for capture in self.captures:
            capture.socket.close()
        for family in ("", "-6 "):
            self.client.ip(f"{family}rule del fwmark {MARK} table {MARK} "
                           "priority 77")
            self.client.ip(f"{family}route flush table {MARK}")
        if self.container:
            self.client.run(["nft", "delete", "table", "inet", "containers"],
                            check=False)
            self.client.ip("link del box")
            self.client.shell("""
                echo 0 >/proc/sys/net/ipv4/ip_forward
                echo 0 >/proc/sys/net/ipv6/conf/all/forwarding""")
