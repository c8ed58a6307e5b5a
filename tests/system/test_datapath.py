# SPDX-License-Identifier: GPL-2.0-or-later
"""The data path: batches change the speed and nothing else.

Bytes are compared at both ends, as the checksums of joined packets are our
word to the kernel and nobody's on the way.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import threading

import pytest

from host import MINIVPN, wait_until
from lab import INNER, INNER6, INTERNET, INTERNET6, SERVER
from packets import Capture, send_raw, udp_packet
from relay import Relay

SANITIZED = b"__asan_" in pathlib.Path(MINIVPN).read_bytes()
MEGABYTE = 1 << 20
SOL_UDP, UDP_SEGMENT = 17, 103
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
PATIENCE = 20
PORT = 7000


def some_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


class Exchange:
    """One TCP connection that carries data both ways at once."""

    def __init__(self, near, far, address, port=PORT):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with far.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.settimeout(PATIENCE)
            listener.bind((address, port))
            listener.listen()
            self.near = near.socket(family, socket.SOCK_STREAM)
            self.near.settimeout(PATIENCE)
            self.near.connect((address, port))
            self.far, _ = listener.accept()
        self.far.settimeout(PATIENCE)
        self.got = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.near.close()
        self.far.close()

    def _send(self, end, data):
        end.sendall(data)
        end.shutdown(socket.SHUT_WR)

    def _receive(self, end, name):
        parts = []
        while data := end.recv(MEGABYTE):
            parts.append(data)
        self.got[name] = b"".join(parts)

    def run(self, size):
        there, back = some_bytes(size), some_bytes(size, 2)
        threads = [threading.Thread(target=target, args=arguments)
                   for target, arguments in (
                       (self._send, (self.near, there)),
                       (self._send, (self.far, back)),
                       (self._receive, (self.near, "near")),
                       (self._receive, (self.far, "far")))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        assert self.got.get("far") == there, "what the client sent"
        assert self.got.get("near") == back, "what the client received"


def exchange(near, far, address, size=8 * MEGABYTE):
    with Exchange(near, far, address) as made:
        made.run(size)


def widen(lab, mtu):
    """Every wire between client and server."""
    for host, devices in ((lab.client, ["eth0"]), (lab.server, ["eth0"]),
                          (lab.router, ["port2", "lan", "wan"])):
        for device in devices:
            host.ip(f"link set {device} mtu {mtu}")
    lab.client.baseline()
    lab.server.baseline()


def traffic(host):
    return host.status()["traffic"]


def assert_clean(host):
    """No packet that is not whole, nor a record that is not authentic."""
    drops = host.status()["drops"]
    for reason in ("malformed", "forged", "source", "control"):
        assert drops[reason] == 0, (host.name, drops)


@pytest.mark.parametrize("mtu", [1280, 1435, 9000])
def test_transfers_are_exact(lab, mtu):
    """Both families, both ways at once, as segments of any size."""
    if mtu > 1435:
        widen(lab, mtu + 100)
    lab.start(server={"MTU": mtu}, client={"MTU": mtu})
    before = traffic(lab.client)
    for address in (INNER, INNER6):
        exchange(lab.client, lab.server, address)
    after = traffic(lab.client)
    # What is counted is packets of the tunnel's MTU, not super-packets.
    for way in ("rx", "tx"):
        packets = after[f"{way}_packets"] - before[f"{way}_packets"]
        size = after[f"{way}_bytes"] - before[f"{way}_bytes"]
        assert size >= 16 * MEGABYTE and size / packets <= mtu
        assert packets >= 16 * MEGABYTE / mtu
    for host in (lab.client, lab.server):
        assert_clean(host)


def test_transfers_through_the_server(lab):
    """Forwarded, and behind the server's address: super-packets go on."""
    lab.start()
    for address in (INTERNET, INTERNET6):
        exchange(lab.client, lab.internet, address)


def test_transfer_between_clients(lab):
    """From one tunnel into the other, sealed anew, without the kernel."""
    bob = lab.add_client()
    lab.enroll(bob, "bob", Address="10.8.0.9, fd08::9")
    lab.start(server={"ClientToClient": "yes"})
    lab.connect(bob)
    for address in ("10.8.0.9", "fd08::9"):
        exchange(lab.client, bob, address)
    for host in (lab.client, bob, lab.server):
        assert_clean(host)


@pytest.mark.parametrize("server", ["yes", "no"])
@pytest.mark.parametrize("client", ["yes", "no"])
def test_every_pairing(lab, client, server):
    lab.start(server={"Offload": server}, client={"Offload": client})
    exchange(lab.client, lab.server, INNER, 4 * MEGABYTE)
    exchange(lab.client, lab.server, INNER6, 4 * MEGABYTE)
    assert lab.client.ping(INNER, extra=["-s", "6000"])


def test_wire_without_offloads(lab):
    """Devices that neither cut nor sum: every datagram crosses alone."""
    for host, devices in ((lab.client, ["eth0"]), (lab.server, ["eth0"]),
                          (lab.router, ["port2", "wan"])):
        for device in devices:
            host.run(["ethtool", "-K", device, "tx", "off", "rx", "off",
                      "sg", "off", "tso", "off", "gso", "off", "gro", "off"])
    lab.start()
    exchange(lab.client, lab.server, INNER)
    exchange(lab.client, lab.server, INNER6)
    assert_clean(lab.server)


def test_loss_and_reordering(lab):
    """TCP repairs what the path does; no segment is joined out of order."""
    relay = Relay(lab.router, (SERVER, 4433), loss=0.01, reorder=0.03,
                  repeat=0.02)
    lab.closers.append(relay.close)
    lab.start(client={"Server": "192.168.1.1:5000"})
    exchange(lab.client, lab.server, INNER, MEGABYTE)
    exchange(lab.client, lab.server, INNER6, MEGABYTE)
    assert relay.lost and relay.swapped and relay.repeated
    for host in (lab.client, lab.server):
        assert_clean(host)


def test_both_ways_at_once(lab):
    """Neither direction, nor a small packet, waits for the other's load."""
    lab.start()
    service = lab.server.spawn(["iperf3", "--server", "--forceflush"])
    service.wait_for("listening")
    load = lab.client.spawn(["iperf3", "--client", INNER, "--bidir",
                             "--parallel", "2", "--time", "2", "--json"])
    assert lab.client.ping(INNER, count=5)
    assert load.wait(30) == 0, load.output()
    end = json.loads(load.output())["end"]
    for way in ("sum_received", "sum_received_bidir_reverse"):
        assert end[way]["bytes"] > 8 * MEGABYTE, way


def receiver(host, address, port=PORT):
    made = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MEGABYTE)
    made.settimeout(PATIENCE)
    made.bind((address, port))
    return made


@pytest.mark.parametrize("offload", ["yes", "no"])
def test_datagrams_keep_their_borders(lab, offload):
    """UDP in super-packets, with short tails, and of every small size."""
    lab.start(server={"Offload": offload}, client={"Offload": offload})
    for address in (INNER, INNER6):
        with receiver(lab.server, address) as far, \
                lab.client.socket(far.family) as near:
            for segment, count in ((1000, 40), (1, 30), (300, 64), (1350, 2)):
                sent = [some_bytes(segment, i) for i in range(count)]
                sent[-1] = sent[-1][:segment // 2] or sent[-1]
                near.sendmsg([b"".join(sent)], [
                    (SOL_UDP, UDP_SEGMENT, struct.pack("=H", segment))],
                    0, (address, PORT))
                assert [far.recv(65536) for _ in sent] == sent
            sent = [some_bytes(size % 40, size) for size in range(200)]
            for data in sent:
                near.sendto(data, (address, PORT))
            assert [far.recv(65536) for _ in sent] == sent


def test_large_datagrams(lab):
    """In fragments, inside the tunnel, up to the largest there is."""
    lab.start()
    for address, most in ((INNER, 65507), (INNER6, 65487)):
        with receiver(lab.server, address) as far, \
                lab.client.socket(far.family) as near:
            for size in (1472, 1473, 3000, most):
                near.sendto(some_bytes(size, size), (address, PORT))
                assert far.recv(65536) == some_bytes(size, size)


def test_congestion_is_passed_on(lab):
    """The ECN bits of inner packets are theirs (RFC 3168), in any batch."""
    lab.start()
    with receiver(lab.server, INNER) as far, lab.client.socket() as near:
        far.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        for tos in (0, 1, 2, 3, 0xb9, 0xba):
            near.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
            for segment in (None, 100):
                control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", 100))]
                near.sendmsg([bytes(300)], control if segment else [], 0,
                             (INNER, PORT))
                for _ in range(3 if segment else 1):
                    _, ancillary, _, _ = far.recvmsg(400, 100)
                    assert [data[0] for _, _, data in ancillary] == [tos]


def with_options(packet):
    """The same IPv4 packet with a record route option (RFC 791)."""
    option = bytes([7, 7, 4, 0, 0, 0, 0, 0])
    head = bytearray(packet[:20] + option)
    head[0] = 0x47
    head[2:4] = struct.pack("!H", len(packet) + len(option))
    head[10:12] = bytes(2)
    total = sum(struct.unpack("!14H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head[10:12] = struct.pack("!H", ~total & 0xffff)
    return bytes(head) + packet[20:]


def with_destination_options(packet):
    """The same IPv6 packet with an extension header (RFC 8200, 4.6)."""
    length = struct.pack("!H", len(packet) - 40 + 8)
    option = bytes([packet[6], 0, 1, 4, 0, 0, 0, 0])
    return packet[:4] + length + bytes([60]) + packet[7:40] + option + \
        packet[40:]


def fragment(packet, offset, more, size):
    """A raw fragment of 16 bytes and more, which nobody can put together."""
    head = bytearray(packet[:20])
    head[2:4] = struct.pack("!H", 20 + size)
    head[6:8] = struct.pack("!H", offset // 8 | more << 13)
    head[10:12] = bytes(2)
    total = sum(struct.unpack("!10H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head[10:12] = struct.pack("!H", ~total & 0xffff)
    return bytes(head) + packet[28:28 + size]


def test_odd_packets_arrive_as_they_were(lab):
    """Byte for byte: options, fragments, extension headers, empty UDP, wrong
    checksums, protocols that nobody knows; alone and among others."""
    lab.start()
    addresses = [item.split("/")[0] for item in
                 lab.client.status()["addresses"]]
    own, own6 = addresses
    plain = udp_packet(own, INNER, some_bytes(600))
    plain6 = udp_packet(own6, INNER6, some_bytes(600))
    broken = bytearray(plain)
    broken[-1] ^= 1
    unknown = bytearray(plain6)
    unknown[6] = 253
    odd = [
        with_options(plain), with_destination_options(plain6),
        udp_packet(own, INNER, b""), udp_packet(own6, INNER6, b""),
        fragment(plain, 0, True, 560), fragment(plain, 560, False, 33),
        fragment(plain, 800, True, 16), bytes(broken), bytes(unknown),
        udp_packet(own, INNER, b"x"), plain, plain6,
    ]
    with Capture(lab.server, "tun0") as far:
        for packet in odd * 3:
            send_raw(lab.client, "tun0", packet)
        send_raw(lab.client, "tun0", udp_packet(own, INNER, b"the end"))
        far.wait_for(lambda packet: packet.data.endswith(b"the end"))
        seen = [packet.data for packet in far.seen()
                if packet.source in (own, own6)]
    for packet in odd:
        assert seen.count(packet) == 3, packet


def test_garbage_in_runs(lab):
    """A stranger's run of datagrams, an empty one too, disturbs nothing."""
    lab.start()
    with lab.router.socket() as stranger:
        stranger.sendto(b"", (SERVER, 4433))
        stranger.sendmsg([some_bytes(20000)], [
            (SOL_UDP, UDP_SEGMENT, struct.pack("=H", 1000))], 0,
            (SERVER, 4433))
        stranger.sendto(b"", (SERVER, 4433))
    exchange(lab.client, lab.server, INNER, MEGABYTE)
    assert lab.server.status()["drops"]["stranger"] == 22


@pytest.mark.skipif(SANITIZED, reason="the sanitizers' shadow counts too")
def test_memory_is_bounded(lab):
    """Below 8 MB idle and 16 MB under load, each process."""
    lab.start()
    pids = [host.status()["tunnel_pid"] for host in (lab.client, lab.server)]
    assert max(map(resident, pids)) < 8 << 10
    exchange(lab.client, lab.server, INNER, 16 * MEGABYTE)
    exchange(lab.client, lab.server, INNER6, 16 * MEGABYTE)
    assert max(map(resident, pids)) < 16 << 10


def resident(pid):
    """KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines
                    if line.startswith("VmRSS:"))


def arrivals(listener, count):
    """Seconds at which the kernel was handed each packet."""
    times = []
    while len(times) < count:
        _, control, _, _ = listener.recvmsg(64, 128)
        [data] = [data for _, kind, data in control
                  if kind == SO_TIMESTAMPNS]
        seconds, nanoseconds = struct.unpack("qq", data)
        times.append(seconds + nanoseconds / 1e9)
    return times


def test_what_has_piled_up_comes_in_portions(lab):
    """More small packets than a socket of default size holds, and all at once,
    would leave its reader with those that it has room for."""
    lab.start()
    count = 1200
    tunnel = lab.server.status()["tunnel_pid"]
    before = traffic(lab.client)["tx_packets"]
    with (lab.server.socket() as listener, lab.client.socket() as own):
        listener.settimeout(PATIENCE)
        # All of them are to be seen here, however slow the reader is.
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 * MEGABYTE)
        listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        listener.bind((INNER, PORT))
        os.kill(tunnel, signal.SIGSTOP)
        try:
            for number in range(count):
                own.sendto(bytes(64), (INNER, PORT))
                if number % 200 == 199:  # tun's queue holds no more than 1000
                    wait_until(lambda: traffic(lab.client)["tx_packets"] >
                               before + number)
        finally:
            os.kill(tunnel, signal.SIGCONT)
        times = arrivals(listener, count)
    # 160,000 a second, and the first 64, and a message's too many, at once.
    assert times[-1] - times[0] > 0.005
    crowd = max(sum(start <= time < start + 0.001 for time in times)
                for start in times[::10])
    assert crowd < 400


def turn(pid):
    """Nanoseconds that a process has of the processor at a time; None where
    the kernel gives everybody the same, or does not tell."""
    release = [int(part) for part in
               re.findall(r"\d+", os.uname().release)[:2]]
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/sched").read_text().split("\n"):
            if line.startswith("se.slice") and release >= [6, 12]:
                return int(line.split(":")[1])
    return None


def test_turns_of_the_tunnel_are_longer(lab):
    """Of its process, and of no other that could keep the processor."""
    usual = turn("self")
    if usual is None:
        pytest.skip("this kernel does not give a process turns of its own")
    lab.start()
    for host in (lab.client, lab.server):
        processes = host.minivpn_processes()
        assert turn(processes["tunnel"]) > usual
        assert turn(processes["host"]) == usual
        assert turn(processes["janitor"]) == usual
