# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to a client with a full tunnel that come in by its uplink: their
answers go back by it, and nothing else does (Inbound)."""

import contextlib
import socket

import pytest

from files import client_file, server_file
from host import wait_until
from lab import CLIENT, CLIENT6, INNER, INTERNET, INTERNET6
from packets import ICMP, TCP, UDP, Capture
from roaming import add_cell, wifi_comes, wifi_goes
from routing_lab import (BOTH, FULL, KINDS, NOWHERE, Service,
                         add_box, ask, assert_by, carries, family_of, is_held,
                         leaves, open_internet, wait_carries)

FAR, FAR6 = "198.51.101.10", "2001:db8:5::10"  # whence the internet asks
PORT = 2222


def start(lab, **client):
    open_internet(lab)
    lab.start(client={**FULL, **client})


def answers(capture, kind="tcp", port=PORT):
    """By which devices they have left."""
    protocol = TCP if kind == "tcp" else UDP
    return {packet.device for packet in capture.seen() if packet.outgoing and
            packet.protocol == protocol and packet.ports[0] == port}


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("address, far", [(CLIENT, FAR), (CLIENT6, FAR6)],
                         ids=["v4", "v6"])
def test_answers_go_back_by_the_uplink(lab, address, far, kind):
    start(lab)
    Service(lab, lab.client, address, kind)
    with Capture(lab.client, "") as wires:
        assert ask(lab.internet, address, kind) == far
        assert answers(wires, kind) == {"eth0"}
    # What we ask that host goes by the tunnel as ever.
    assert_by("tun0", lab.client, far, *BOTH, kinds=KINDS)
    assert ask(lab.internet, address, kind) == far


OTHER_FAMILY = [("10.8.0.1/24", CLIENT6, FAR6), ("fd08::1/64", CLIENT, FAR)]


def start_one_family(lab, inner, **client):
    open_internet(lab)
    lab.start(server={"Address": inner}, client={**FULL, **client})


def clear(capture, version):
    """What of that family has left for the internet, but for neighbours."""
    return [packet for packet in capture.seen() if packet.outgoing and
            packet.version == version and packet.to in (FAR, FAR6)]


@pytest.mark.parametrize("inner, address, far", OTHER_FAMILY,
                         ids=["v6", "v4"])
def test_family_that_is_not_carried(lab, inner, address, far):
    """TCP and ping are answered, and nothing else leaves: all of it is
    unreachable."""
    start_one_family(lab, inner)
    Service(lab, lab.client, address)
    version = 6 if ":" in address else 4
    with Capture(lab.client, "eth0") as uplink:
        assert ask(lab.internet, address) == far
        assert lab.internet.ping(address)
        assert answers(uplink) == {"eth0"}
        assert refused(lab.internet, address)
        assert clear(uplink, version)
        # The same host gets nothing else, whatever the source is.
        uplink.packets.clear()
        for source in (None, address):
            assert_by(NOWHERE, lab.client, far, kinds=KINDS, source=source,
                      wait=0.2)
        assert not clear(uplink, version)
    assert ask(lab.internet, address) == far


def refused(host, to):
    """A port that is closed says so."""
    with host.socket(family_of(to), socket.SOCK_STREAM) as own:
        own.settimeout(5)
        try:
            own.connect((to, 9))
        except ConnectionRefusedError:
            return True
        return False


@pytest.mark.parametrize("client", [{"Inbound": "no"}, {"KillSwitch": "yes"}],
                         ids=["not-wanted", "kill-switch"])
@pytest.mark.parametrize("inner, address, far", OTHER_FAMILY,
                         ids=["v6", "v4"])
def test_family_that_is_not_carried_nor_answered(lab, inner, address, far,
                                                 client):
    start_one_family(lab, inner, **client)
    Service(lab, lab.client, address)
    with Capture(lab.client, "eth0") as uplink:
        assert ask(lab.internet, address, wait=0.5) is None
        assert not lab.internet.ping(address, wait=0.3, check=False)
        assert not clear(uplink, 6 if ":" in address else 4)


def test_killed_with_a_family_that_is_not_carried(lab):
    """The kernel's settings are put back; lab.finish() compares them all."""
    start_one_family(lab, "10.8.0.1/24")
    key = "/proc/sys/net/ipv4/tcp_fwmark_accept"
    assert lab.client.shell(f"cat {key}").stdout == "1\n"
    lab.client.kill_minivpn()
    lab.client.minivpn("down", "client")
    assert lab.client.shell(f"cat {key}").stdout == "0\n"


def test_settings_that_can_not_be_written(lab):
    """As in a container: then the family is not answered, and that is said."""
    open_internet(lab)
    lab.enroll(lab.client, "alice")
    lab.serve(Address="10.8.0.1/24")
    path = lab.client_conf(**FULL)
    lab.client.shell(f"""unshare --mount sh -c '
        mount --bind /proc/sys /proc/sys
        mount -o remount,ro,bind /proc/sys
        exec {lab.client.program} up {path}'""")
    assert carries(lab.client)
    assert "tcp_fwmark_accept=1" in lab.client.log("client")
    Service(lab, lab.client, CLIENT6)
    assert ask(lab.internet, CLIENT6, wait=0.5) is None


def test_service_on_all_addresses(lab):
    """As most have it; and a ping is answered too."""
    start(lab)
    Service(lab, lab.client, "::")
    assert ask(lab.internet, CLIENT) == f"::ffff:{FAR}"
    assert ask(lab.internet, CLIENT6) == FAR6
    assert lab.internet.ping(CLIENT) and lab.internet.ping(CLIENT6)


@pytest.mark.parametrize("value", [0, 1, 2])
def test_with_rp_filter(lab, value):
    open_internet(lab)
    lab.client.shell(f"""
        cd /proc/sys/net/ipv4/conf
        echo {value} >all/rp_filter
        echo {value} >eth0/rp_filter""")
    lab.client.baseline()
    lab.start(client=FULL)
    Service(lab, lab.client, CLIENT)
    assert ask(lab.internet, CLIENT) == FAR
    assert carries(lab.client)


@pytest.mark.parametrize("address", [CLIENT, CLIENT6], ids=["v4", "v6"])
def test_not_wanted(lab, address):
    """Inbound = no: answers go where everything goes."""
    start(lab, Inbound="no")
    Service(lab, lab.client, address)
    with Capture(lab.client, "") as wires:
        assert ask(lab.internet, address, wait=0.5) is None
        assert answers(wires) == {"tun0"}
    assert_by("tun0", lab.client, FAR, FAR6, kinds=KINDS)


@pytest.mark.parametrize("inbound", ["yes", "no"])
def test_kill_switch_cuts_it(lab, inbound):
    start(lab, Inbound=inbound, KillSwitch="yes")
    Service(lab, lab.client, CLIENT)
    with Capture(lab.client, "eth0") as uplink:
        assert ask(lab.internet, CLIENT, wait=0.5) is None
        assert not answers(uplink)
    assert carries(lab.client)


@pytest.mark.parametrize("first", ["far", "near"])
def test_connection_from_before(lab, first):
    """The session by which the tunnel is brought up goes on once something
    comes in, and what was said here before arrives."""
    open_internet(lab)
    listener = lab.client.socket(kind=socket.SOCK_STREAM)
    listener.bind((CLIENT, PORT))
    listener.listen(1)
    far = lab.internet.socket(kind=socket.SOCK_STREAM)
    with listener, far:
        far.connect((CLIENT, PORT))
        near, _ = listener.accept()
        with near:
            for end in (far, near):
                end.settimeout(30)
            far.sendall(b"hello")
            assert near.recv(9) == b"hello"
            lab.start(client=FULL)
            if first == "near":
                near.sendall(b"up")
            far.sendall(b"typed")
            assert near.recv(9) == b"typed"
            if first == "near":
                assert far.recv(2) == b"up"
            for _ in range(3):
                near.sendall(b"shown")
                assert far.recv(9) == b"shown"
                far.sendall(b"typed")
                assert near.recv(9) == b"typed"


def test_to_the_inner_address_by_the_tunnel(lab):
    """Answers to what came in by the tunnel go back by the tunnel."""
    lab.start(client=FULL)
    Service(lab, lab.client, "10.8.0.2")
    with Capture(lab.client, "") as wires:
        assert ask(lab.server, "10.8.0.2") == INNER
        assert answers(wires) == {"tun0"}


def test_inner_address_is_not_answered_outside(lab):
    """Somebody beyond the router sends to an address that only the tunnel has,
    to learn which one it is (CVE-2019-14899)."""
    open_internet(lab)
    lab.internet.ip("route add 10.8.0.2 via 198.51.101.1")
    lab.router.ip(f"route add 10.8.0.2 via {CLIENT}")
    lab.internet.baseline()
    lab.start(client=FULL)
    Service(lab, lab.client, "0.0.0.0")
    with Capture(lab.client, "eth0") as uplink:
        for port in (PORT, 9):
            ask(lab.internet, "10.8.0.2", port=port, wait=0.4)
        lab.internet.ping("10.8.0.2", wait=0.4, check=False)
        assert lab.client.ping(INTERNET)
        told = [packet for packet in uplink.seen() if packet.outgoing and
                (packet.source == "10.8.0.2" or packet.protocol in
                 (TCP, ICMP))]
    assert not told


def test_published_port_of_a_container(lab):
    """It comes in by the uplink, and the answer is forwarded there; what the
    container asks itself goes by the tunnel."""
    open_internet(lab)
    lab.client.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    box = add_box(lab, lab.client)
    lab.client.run(["nft", "-f", "-"], input=f"""
        table ip docker {{
            chain prerouting {{
                type nat hook prerouting priority dstnat
                fib daddr type local tcp dport 8080 dnat to 172.16.9.2:{PORT}
            }}
            chain postrouting {{
                type nat hook postrouting priority srcnat
                ip saddr 172.16.9.0/24 oifname != "box" masquerade
            }}
        }}""")
    wait_until(lambda: "state UP" in lab.client.ip("link show box").stdout)
    lab.client.baseline()
    Service(lab, box, "172.16.9.2")
    Service(lab, lab.internet, FAR)
    assert ask(lab.internet, CLIENT, port=8080) == FAR
    lab.start(client=FULL)
    assert ask(lab.internet, CLIENT, port=8080) == FAR
    with Capture(lab.client, "") as wires:
        ask(box, FAR, wait=0.4)
        assert {packet.device for packet in wires.seen() if packet.outgoing
                and packet.to == FAR and packet.to_port == PORT} == {"tun0"}


def test_what_it_asks_back_goes_by_the_tunnel(lab):
    """A program of ours that was asked from there, and asks back by itself
    (FTP, SIP), does so by the tunnel."""
    start(lab)
    Service(lab, lab.client, CLIENT)
    assert ask(lab.internet, CLIENT) == FAR
    assert_by("tun0", lab.client, FAR, kinds=KINDS)
    assert leaves(lab.client, FAR, port=PORT, source=CLIENT, wait=0.3) in (
        "tun0", NOWHERE)


def test_another_uplink(lab):
    """The same after the uplink has changed, and changed again."""
    add_cell(lab)
    start(lab)
    Service(lab, lab.client, "0.0.0.0")
    assert ask(lab.internet, CLIENT) == FAR
    wifi_goes(lab)
    wait_carries(lab.client)
    assert ask(lab.internet, "192.168.2.2") == FAR
    wifi_comes(lab)
    wait_carries(lab.client)
    assert ask(lab.internet, CLIENT) == FAR
    assert is_held(lab.client)


# A server on the same machine.

@pytest.mark.parametrize("first", ["server", "client"])
@pytest.mark.parametrize("outside", [f"{CLIENT}:4500", f"[{CLIENT6}]:4500"],
                         ids=["v4", "v6"])
def test_server_beside_the_client(lab, outside, first):
    """It goes on serving those on the internet."""
    open_internet(lab)
    lab.enroll(lab.client, "alice")
    lab.serve()
    lab.enroll(lab.internet, "far")
    path = lab.client.write("beside.conf", server_file(
        lab.server_key, lab.peers[-1:], Listen="4500", Device="tun1",
        Address="10.9.0.1/24, fd09::1/64"))
    far = lab.internet.write("far.conf", client_file(
        lab.internet.key, lab.server_key.public, Server=outside,
        Routes="none", Keepalive="1"))
    if first == "client":
        lab.connect(**FULL)
    lab.client.up(path)
    if first == "server":
        lab.internet.up(far)
        lab.connect(**FULL)
    else:
        lab.internet.up(far)
    assert lab.internet.ping("10.9.0.1", count=8)
    assert lab.internet.status()["state"] == "up"
    assert carries(lab.client, INNER) and is_held_named(lab)
    lab.client.minivpn("down", "client")
    assert lab.internet.ping("10.9.0.1", count=2)
    with contextlib.suppress(AssertionError):
        lab.internet.minivpn("down")


def is_held_named(lab):
    """is_held(); there is more than one tunnel."""
    assert_by("tun0", lab.client, INTERNET, INTERNET6)
    return lab.client.status("client")["state"] == "up"
