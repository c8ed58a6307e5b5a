# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests of what the client's routing lets out, and by which device.

What is said here of a packet is what was seen on the devices of the client,
not what its routing tables say.

  client                      router                  internet
  eth0 192.168.1.2 ---------- lan 192.168.1.1         the lab's own
  eth1 192.168.2.2 ---------- cell 192.168.2.1        roaming.add_cell()
  vpn0 10.99.0.2 ------------ outer 10.99.0.1         add_vpn()
                              inet 198.51.101.1 ----- eth1 198.51.101.10
                                                      open_internet()
"""

import contextlib
import os
import re
import socket
import struct
import threading

from host import wait_until
from lab import INTERNET, INTERNET6, ROUTER_WAN, SERVER, SERVER6
from packets import ICMP, ICMPV6, TCP, UDP, Capture, icmp_echo

FULL = {"Routes": "default"}
KINDS = ("udp", "tcp", "icmp")
NOWHERE = "nowhere"
VPN_MARK = 51820


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# Which way packets take.

def _send_udp(own, to, port):
    token = os.urandom(16)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    own.sendto(token, (to, port))
    return lambda packet: packet.protocol == UDP and token in packet.data


def _send_tcp(own, to, port):
    own.setblocking(False)
    own.connect_ex((to, port))
    from_port = own.getsockname()[1]
    return lambda packet: (packet.protocol == TCP and packet.to == to and
                           packet.ports == (from_port, port))


def _send_icmp(own, to, _port):
    token = os.urandom(16)
    version = 6 if own.family == socket.AF_INET6 else 4
    own.sendto(icmp_echo(version, token), (to, 0))
    return lambda packet: token in packet.data


SENDERS = {"udp": (_send_udp, socket.SOCK_DGRAM),
           "tcp": (_send_tcp, socket.SOCK_STREAM),
           "icmp": (_send_icmp, socket.SOCK_RAW)}


def leaves(host, to, kind="udp", port=9, source=None, mark=0, wait=1):
    """The device by which a packet of an ordinary program leaves; NOWHERE
    where the kernel refuses it, or none has left within wait seconds. source:
    the socket is bound to that address."""
    send, sort = SENDERS[kind]
    protocol = 0
    if kind == "icmp":
        protocol = ICMPV6 if ":" in to else ICMP
    with Capture(host, "", strict=True) as wires, \
            host.socket(family_of(to), sort, protocol) as own:
        if mark:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        if source or kind == "tcp":
            own.bind((source or "", 0))
        try:
            wanted = send(own, to, port)
        except OSError:
            return NOWHERE
        with contextlib.suppress(AssertionError):
            return wires.wait_for(lambda packet: packet.outgoing and
                                  wanted(packet), wait).device
        return NOWHERE


def ways(host, targets, kinds=("udp",), **options):
    """Of each kind to each of them: the device."""
    return {(to, kind): leaves(host, to, kind, **options)
            for to in targets for kind in kinds}


def assert_by(device, host, *targets, kinds=("udp",), **options):
    found = ways(host, targets, kinds, **options)
    assert set(found.values()) == {device}, found


def wait_by(device, host, *targets, timeout=3):
    """What has changed a moment ago needs its time."""
    wait_until(lambda: set(ways(host, targets, wait=0.3).values()) == {device},
               timeout, f"{targets} by {device}")


BOTH = (INTERNET, INTERNET6)


def is_held(host, targets=BOTH):
    return set(ways(host, targets, wait=0.3).values()) == {"tun0"}


def is_said(host, pattern, name=None):
    """Traffic may leave beside the tunnel, and status says why."""
    status = host.status(name)
    return status["state"] == "leaking" and any(
        re.search(pattern, warning) for warning in status["warnings"])


def wait_held_or_said(host, pattern, targets=BOTH, timeout=3):
    """All goes by the tunnel, and status says up; or else status says that
    it does not, and why, by pattern. Which of both."""
    def known():
        if is_held(host, targets):
            return host.status()["state"] == "up" and "held"
        return is_said(host, pattern) and "said"
    return wait_until(known, timeout,
                      "all by the tunnel, or the state leaking")


def up_held_or_said(lab, pattern, targets=BOTH, **client):
    """The same, of `up`, which may also fail and say why. Which of the
    three: held, said, refused."""
    path = lab.client_conf(**{**FULL, **client})
    result = lab.client.minivpn("up", path, check=False)
    if result.returncode:
        assert re.search(pattern, result.stderr), result.stderr
        return "refused"
    return wait_held_or_said(lab.client, pattern, targets)


# The tunnel's own packets.

class Outer:
    """The tunnel's own packets of the client from now on."""

    def __init__(self, lab, port=4433):
        self.port = port
        self.capture = Capture(lab.client, "")
        lab.closers.append(self.capture.socket.close)

    def _is_own(self, packet):
        return (packet.outgoing and packet.protocol == UDP and
                packet.to in (SERVER, SERVER6) and packet.to_port == self.port
                and packet.device != "tun0")

    def packets(self):
        return [packet for packet in self.capture.seen()
                if self._is_own(packet)]

    def devices(self):
        """By which they have left."""
        return {packet.device for packet in self.packets()}

    def forget(self):
        """From now on, anew."""
        self.capture.seen()
        self.capture.packets.clear()


def endpoint(lab):
    """Where the server sees its client; "": nowhere."""
    entries = lab.server.status()["clients"]
    return entries[0]["endpoint"] if entries else ""


def carries(host, to=INTERNET):
    return host.ping(to, wait=0.3, check=False)


def wait_carries(host, to=INTERNET, timeout=8):
    wait_until(lambda: carries(host, to), timeout,
               f"the tunnel's carrying to {to}")


# Further parts of the network.

def change(lab, lines, passing=True):
    """Lines for ip on the client, with {} for add; passing: after `down` the
    same with del, the last first; else they are part of what was before."""
    lines = [line.strip() for line in lines.strip().splitlines()]
    for line in lines:
        lab.client.ip(line.format("add"))
    if passing:
        lab.closers.append(lambda: undo(lab, lines))
    else:
        lab.client.baseline()


def undo(lab, lines):
    for line in reversed(lines):
        lab.client.ip(line.format("del"), check=False)


def add_attacker(lab):
    """A neighbour that passes on, and sees, what it is sent."""
    made = lab.add_client()
    made.compared = False
    made.shell("""
        echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects
        echo 0 >/proc/sys/net/ipv4/conf/eth0/send_redirects
        echo 1 >/proc/sys/net/ipv4/ip_forward
        echo 1 >/proc/sys/net/ipv6/conf/all/forwarding""")
    return made


def open_internet(lab):
    """The internet host and the client's LAN reach each other without the
    server: what leaves in clear is answered."""
    lab.router.batch(f"""
        link add inet type veth peer name eth1 netns {lab.internet.pid}
        address add 198.51.101.1/24 dev inet
        address add 2001:db8:5::1/64 dev inet
        link set inet up""")
    lab.internet.batch("""
        address add 198.51.101.10/24 dev eth1
        address add 2001:db8:5::10/64 dev eth1
        link set eth1 up
        route add 192.168.0.0/16 via 198.51.101.1
        route add 203.0.113.0/24 via 198.51.101.1
        route add 2001:db8:1::/64 via 2001:db8:5::1""")
    lab.router.batch(f"""
        route add {INTERNET} via 198.51.101.10
        route add {INTERNET6} via 2001:db8:5::10""")
    settle(lab.internet, "eth1")
    lab.internet.baseline()


def settle(host, device):
    """Waits until the link is up and has all its addresses."""
    def settled():
        text = host.ip(f"address show {device}").stdout
        return ("state UP" in text and "tentative" not in text and
                text.count("inet6 fe80") == 1)
    wait_until(settled, 10, f"{host.name}'s {device}")


def add_vpn(lab):
    """The client's other VPN; nothing goes there yet."""
    lab.router.batch(f"""
        link add outer type veth peer name vpn0 netns {lab.client.pid}
        address add 10.99.0.1/24 dev outer
        address add fd99::1/64 dev outer
        link set outer up""")
    lab.client.batch("""
        address add 10.99.0.2/24 dev vpn0
        address add fd99::2/64 dev vpn0
        link set vpn0 up
        route add default via 10.99.0.1 dev vpn0 table 51820
        route add default via fd99::1 dev vpn0 table 51820""")
    settle(lab.client, "vpn0")
    lab.client.baseline()


def _vpn_rules(lab, word):
    for family in ("", "-6 "):
        lab.client.ip(f"{family}rule {word} not fwmark {VPN_MARK} "
                      f"table {VPN_MARK}", check=word == "add")
        lab.client.ip(f"{family}rule {word} table main "
                      "suppress_prefixlength 0", check=word == "add")


def start_vpn(lab):
    """All goes by it now, as wg-quick(8) does it."""
    _vpn_rules(lab, "add")


def stop_vpn(lab):
    _vpn_rules(lab, "del")


# One end of a VPN like WireGuard, but in clear: a device, and a UDP socket with
# a mark, by which its own packets pass its rule by. argv: the device, the
# address and mark of the socket, and where it sends to: the other end, or "".
PLAIN_VPN = """
import fcntl, os, select, socket, struct, sys
device, own, mark, other = sys.argv[1:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", device.encode(), 0x1001))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(mark))
udp.bind((own, 51820))
print("ready", flush=True)
while True:
    for ready in select.select([tun, udp], [], [])[0]:
        try:
            if ready is udp:
                packet, (other, _) = udp.recvfrom(2048)
                os.write(tun, packet)
            elif other:
                udp.sendto(os.read(tun, 2048), (other, 51820))
            else:
                os.read(tun, 2048)
        except OSError:
            pass
"""


def add_marked_vpn(lab):
    """The same with packets of its own, which a witness on eth0 sees."""
    for host, argv in ((lab.router, ["outer", ROUTER_WAN, 0, ""]),
                       (lab.client, ["vpn0", "0.0.0.0", VPN_MARK,
                                     ROUTER_WAN])):
        process = host.spawn(["/usr/bin/python3", "-c", PLAIN_VPN, *argv])
        process.wait_for("ready")
    lab.router.batch("""
        address add 10.99.0.1/24 dev outer
        link set outer up""")
    lab.client.batch(f"""
        address add 10.99.0.2/24 dev vpn0
        link set vpn0 mtu 1400 up
        route add default dev vpn0 table {VPN_MARK}""")


def lose_carrier(lab, host, device, port):
    """The link of one of the router's ports goes; the device stays up."""
    lab.router.ip(f"link set {port} down")
    wait_until(lambda: "NO-CARRIER" in host.ip(f"link show {device}").stdout,
               what=f"the loss of {device}")


def get_carrier(lab, host, device, port):
    lab.router.ip(f"link set {port} up")
    wait_until(lambda: "state UP" in host.ip(f"link show {device}").stdout,
               what=f"the link of {device}")


# Services that say where they are asked from.

def advertise(router, device, flags=0, lifetime=1800):
    """The router says on a link that it is one (RFC 4861, 4.2)."""
    with router.socket(socket.AF_INET6, socket.SOCK_RAW, ICMPV6) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                       device.encode())
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        own.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 0, flags, lifetime, 0,
                               0), ("ff02::1", 0))


class Service:
    """A TCP or UDP service in host at an address; answers with the address
    of the client. Where answers leave is seen by the test."""

    def __init__(self, lab, host, address, kind="tcp", port=2222):
        self.kind = kind
        sort = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        self.socket = host.socket(family_of(address), sort)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        if kind == "tcp":
            self.socket.listen(8)
        run = self._tcp if kind == "tcp" else self._udp
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        lab.closers.append(self.close)

    def _tcp(self):
        with contextlib.suppress(OSError):
            while True:
                connection, address = self.socket.accept()
                with connection:
                    connection.sendall(address[0].encode())

    def _udp(self):
        with contextlib.suppress(OSError):
            while True:
                _, address = self.socket.recvfrom(2048)
                if not address:
                    return  # by close()
                with contextlib.suppress(OSError):
                    self.socket.sendto(address[0].encode(), address)

    def close(self):
        # It says that it is not connected, and wakes the thread all the same.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()


def add_box(lab, host):
    """A container behind host, by a link of that name."""
    box = lab.add_host("box")
    box.compared = False
    host.batch(f"""
        link add box type veth peer name eth0 netns {box.pid}
        link set box addrgenmode none
        address add 172.16.9.1/24 dev box
        link set box up""")
    box.batch("""
        address add 172.16.9.2/24 dev eth0
        link set eth0 up
        route add default via 172.16.9.1""")
    return box


def ask(host, to, kind="tcp", port=2222, wait=5):
    """What the service answers; None where nothing came."""
    sort = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    with host.socket(family_of(to), sort) as own:
        own.settimeout(wait)
        try:
            own.connect((to, port))
            own.send(b"who?")
            return own.recv(100).decode()
        except OSError:
            return None
