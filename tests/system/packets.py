# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets seen on a device, and packets made by hand."""

import errno
import ipaddress
import select
import socket
import struct

from host import Stopwatch

ETH_P_ALL = 3
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
ETH_P_ARP = 0x0806
ARP_REQUEST, ARP_REPLY = 1, 2
PACKET_OUTGOING = 4  # linux/if_packet.h
ICMP, IGMP, TCP, UDP, ICMPV6 = 1, 2, 6, 17, 58
SO_TIMESTAMPNS = 35  # asm-generic/socket.h


class Packet:
    """An IP packet: addresses, protocol, and all of its bytes."""

    def __init__(self, data, outgoing=False, when=0.0, device=""):
        self.data = data
        self.outgoing = outgoing
        self.device = device  # where it was seen
        self.when = when  # time.time()
        self.version = data[0] >> 4
        if self.version == 4:
            self.protocol = data[9]
            self.source, self.to = map(
                lambda raw: str(ipaddress.IPv4Address(raw)),
                (data[12:16], data[16:20]))
        else:
            self.protocol = data[6]
            self.source, self.to = map(
                lambda raw: str(ipaddress.IPv6Address(raw)),
                (data[8:24], data[24:40]))

    @property
    def to_port(self):
        """Of UDP and TCP without IP options."""
        start = 20 if self.version == 4 else 40
        return int.from_bytes(self.data[start + 2:start + 4], "big")

    @property
    def ports(self):
        """The same, from and to."""
        start = 20 if self.version == 4 else 40
        return struct.unpack_from("!HH", self.data, start)

    @property
    def addresses(self):
        return {self.source, self.to}

    @property
    def local(self):
        """Talk of neighbours (RFC 4861, RFC 3810), which goes nowhere else."""
        return self.version == 6 and (
            self.source.startswith("fe80:") or self.source == "::" or
            self.to.startswith(("fe80:", "ff02:")) or
            (self.protocol == ICMPV6 and 133 <= self.data[40] <= 137))

    def __repr__(self):
        return (f"<{self.source} > {self.to} protocol {self.protocol}, "
                f"{len(self.data)} bytes>")


class Capture:
    """All IP packets of a device, or of all ("") from now on, both ways;
    without strict, but those that are only for neighbours."""

    def __init__(self, host, device, strict=False):
        self.packets = []
        self.strict = strict
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                  socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if device:
            self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)
        # What came before the bind is of any device.
        self._drain()
        self.packets.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _drain(self):
        while True:
            try:
                data, extra, _, address = self.socket.recvmsg(65536, 64)
            except BlockingIOError:
                return
            except OSError as error:
                # Said once when the device goes down.
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            if address[1] in (ETH_P_IP, ETH_P_IPV6):
                seconds, rest = struct.unpack("@ll", extra[0][2])
                packet = Packet(data, address[2] == PACKET_OUTGOING,
                                seconds + rest / 1e9, address[0])
                if self.strict or not packet.local:
                    self.packets.append(packet)

    def seen(self):
        """All so far. A packet is there before its receiver can answer."""
        self._drain()
        return self.packets

    def wait_for(self, wanted, timeout=5):
        """The first packet for which wanted(packet) is true."""
        watch = Stopwatch()
        while True:
            for packet in self.seen():
                if wanted(packet):
                    return packet
            assert watch.seconds() < timeout, \
                f"not among {len(self.packets)} packets"
            select.select([self.socket], [], [], 0.05)

    def holds(self, payload):
        return any(payload in packet.data for packet in self.seen())


def _sum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff or 0xffff


def udp_packet(source, to, payload, port=9, to_port=9):
    """A whole UDP packet of either family."""
    source, to = ipaddress.ip_address(source), ipaddress.ip_address(to)
    length = 8 + len(payload)
    pseudo = source.packed + to.packed + struct.pack("!IBBH", length, 0, 0, UDP)
    check = _sum(pseudo + struct.pack("!HHHH", port, to_port, length, 0) +
                 payload)
    udp = struct.pack("!HHHH", port, to_port, length, check) + payload
    if source.version == 6:
        return (struct.pack("!IHBB", 6 << 28, length, UDP, 64) +
                source.packed + to.packed + udp)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, UDP, 0)
    addresses = source.packed + to.packed
    check = struct.pack("!H", _sum(head + addresses))
    return head[:10] + check + addresses + udp


def syn_packet(source, to, mss, port=9, to_port=9):
    """The first IPv4 packet of a TCP connection, which says its MSS."""
    addresses = (ipaddress.ip_address(source).packed +
                 ipaddress.ip_address(to).packed)
    tcp = struct.pack("!HHIIBBHHHBBH", port, to_port, 1, 0, 6 << 4, 2, 65535,
                      0, 0, 2, 4, mss)
    pseudo = addresses + struct.pack("!HH", TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", _sum(pseudo + tcp)) + tcp[18:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64,
                       TCP, 0)
    check = struct.pack("!H", _sum(head + addresses))
    return head[:10] + check + addresses + tcp


def icmp_too_big(source, to, quoted, mtu):
    """What a router says of an IPv4 packet that it can't pass on (RFC 1191)."""
    body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted
    body = body[:2] + struct.pack("!H", _sum(body)) + body[4:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0)
    addresses = (ipaddress.ip_address(source).packed +
                 ipaddress.ip_address(to).packed)
    check = struct.pack("!H", _sum(head + addresses))
    return head[:10] + check + addresses + body


def icmp_echo(version, payload):
    """What ping asks; of IPv6 the kernel adds the checksum (RFC 3542, 3.1)."""
    body = struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 1,
                       1) + payload
    if version == 4:
        body = body[:2] + struct.pack("!H", _sum(body)) + body[4:]
    return body


def router_advertisement(source, to):
    """Of a router for half an hour (RFC 4861, section 4.2)."""
    source, to = (ipaddress.ip_address(each).packed for each in (source, to))
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    pseudo = source + to + struct.pack("!II", len(body), ICMPV6)
    body = body[:2] + struct.pack("!H", _sum(pseudo + body)) + body[4:]
    return (struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, 255) + source +
            to + body)


def send_raw(host, device, packet):
    """Puts a whole IP packet on a device, whatever its addresses are."""
    kind = ETH_P_IP if packet[0] >> 4 == 4 else ETH_P_IPV6
    with host.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as raw:
        raw.sendto(packet, (device, kind))


def send_forged(host, packet):
    """A whole IP packet by the host's routes, whatever its source is."""
    packet_to = Packet(packet).to
    family = socket.AF_INET6 if ":" in packet_to else socket.AF_INET
    with host.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (packet_to, 0))


def arp_ask(host, device, addresses, last):
    """Asks who has each of them (RFC 826) until the last one is answered; what
    came for which."""
    found = {}
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW,
                     socket.htons(ETH_P_ARP)) as raw:
        raw.bind((device, ETH_P_ARP))
        raw.settimeout(30)
        own = raw.getsockname()[4]
        for address in addresses:
            raw.send(b"\xff" * 6 + own + struct.pack(
                "!HHHBBH", ETH_P_ARP, 1, ETH_P_IP, 6, 4, ARP_REQUEST) +
                own + bytes(4) + bytes(6) +
                ipaddress.ip_address(address).packed)
        while last not in found:
            packet = raw.recv(100)
            operation, = struct.unpack_from("!H", packet, 20)
            if operation == ARP_REPLY:
                found[str(ipaddress.IPv4Address(packet[28:32]))] = operation
    return found


def send_udp(host, to, payload, port=9):
    """One datagram by the host's own choice of way and source."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with host.socket(family) as own:
        own.sendto(payload, (to, port))
