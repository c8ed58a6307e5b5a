# SPDX-License-Identifier: GPL-2.0-or-later
"""How long it takes a client to find a server that answers, and to find it
again: dead addresses, slow ways, NATs that forget, networks without IPv4."""

import re
import time

import pytest

from files import Key, server_file
from host import loaded, wait_until
from lab import INNER, ROUTER_LAN, SERVER, SERVER6
from name_servers import NameServer
from relay import Relay
from roaming import Stream
from test_roaming import endpoint, forget_mappings

DEAD6 = [f"2001:db8:2::d{number}" for number in range(1, 7)]
DEAD = [f"203.0.113.{number}" for number in range(101, 107)]


def swallow(lab, *addresses):
    """The router loses what is for these, without a word."""
    rules = "\n".join(
        f"{'ip6' if ':' in address else 'ip'} daddr {address} drop"
        for address in addresses)
    lab.router.run(["nft", "-f", "-"], input=f"""
        table inet silent {{ chain forward {{
            type filter hook prerouting priority 0
            {rules}
        }}
        }}""")


def name_server(lab, *addresses):
    hosts = lab.client.path("/etc/hosts")
    hosts.write_text(hosts.read_text() + "".join(
        f"{address} vpn.test\n" for address in addresses))
    lab.client.baseline()


def timed(action, *arguments, **options):
    began = time.monotonic()
    result = action(*arguments, **options)
    took = time.monotonic() - began
    print(f"it took {took:.2f} s")
    return took, result


def peers(lab):
    """How often a client has connected."""
    return lab.server.log("server").count("alice: connected")


def test_dead_ipv6(lab):
    """Six dead IPv6 addresses of a name do not keep IPv4 from being tried."""
    swallow(lab, *DEAD6)
    name_server(lab, *DEAD6, SERVER)
    lab.enroll(lab.client, "alice")
    lab.serve()
    took, line = timed(lab.connect, Server="vpn.test", Routes="default")
    assert f"({SERVER}:4433)" in line
    assert took < loaded(2)
    assert lab.client.status()["server"]["endpoint"] == f"{SERVER}:4433"
    assert f"{SERVER} " in lab.client.ip("route show proto 77").stdout


def test_order_of_addresses(lab):
    """As libc has it (RFC 6724), whatever order they are found in: IPv6 first,
    but not where there is no way by it."""
    name_server(lab, SERVER, SERVER6)
    lab.enroll(lab.client, "alice")
    lab.serve()
    line = lab.connect(Server="vpn.test", Routes="none")
    assert f"([{SERVER6}]:4433)" in line
    lab.client.minivpn("down")
    lab.client.ip("-6 route del default")
    lab.client.baseline()
    line = lab.connect(Server="vpn.test", Routes="none")
    assert f"({SERVER}:4433)" in line


def test_dead_servers(lab):
    """Several Server lines: the next is tried beside the one before."""
    swallow(lab, *DEAD)
    lab.enroll(lab.client, "alice")
    lab.serve()
    took, line = timed(lab.connect, Server=[*DEAD, f"[{SERVER6}]"])
    assert f"([{SERVER6}]:4433)" in line
    assert took < loaded(3.5)


def test_refused_by_the_first_that_answers(lab):
    """It answers before the one that is ours, and is somebody else's."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    path = lab.server.write("other.conf", server_file(
        Key.make(), lab.peers, Listen="4434", Device="tun1",
        Address="10.9.0.1/24"))
    lab.server.up(path)
    took, line = timed(lab.connect,
                       Server=[f"{SERVER}:4434", f"{SERVER}:4433"])
    assert f"({SERVER}:4433)" in line
    assert took < loaded(2)


def test_all_dead(lab):
    """The reason says how many there were."""
    swallow(lab, *DEAD6, SERVER)
    name_server(lab, *DEAD6, SERVER)
    lab.enroll(lab.client, "alice")
    said = lab.client.fails("up", lab.client_conf(Server="vpn.test"))
    assert "vpn.test" in said and "6 more" in said and "no answer" in said


def masquerade(lab):
    lab.router.run(["nft", "-f", "-"], input="""
        table ip nat { chain postrouting {
            type nat hook postrouting priority srcnat
            oifname "wan" masquerade random
        }
        }""")


@pytest.mark.parametrize("routes,back", [
    ("default", "drop"), ("198.51.100.0/24", "drop"), ("default", "accept")])
def test_stuck_mapping(lab, routes, back):
    """What comes of the client's port gets nowhere any more; nor, perhaps,
    does anything that is for it. The server asks for the client meanwhile."""
    lab.start(client={"Routes": routes})
    stream = Stream(lab)
    port = endpoint(lab).rpartition(":")[2]
    began = time.monotonic()
    lab.router.run(["nft", "-f", "-"], input=f"""
        table ip stuck {{ chain forward {{
            type filter hook prerouting priority -300
            udp sport {port} drop
            udp dport {port} {back}
        }}
        }}""")
    stream.flows(time.monotonic())
    gap = stream.gap(began)
    print(f"nothing for {gap:.2f} s")
    assert gap < loaded(5)
    assert lab.client.status()["state"] == "up"
    assert peers(lab) == 2


def test_nat_moves_under_traffic(lab):
    """The NAT gives the client another port while both ends send."""
    masquerade(lab)
    lab.start(client={"Routes": "default"})
    stream = Stream(lab)
    before = endpoint(lab)
    began = time.monotonic()
    forget_mappings(lab.router)
    wait_until(lambda: endpoint(lab) != before, 15, "the new mapping")
    stream.flows(time.monotonic())
    gap = stream.gap(began)
    print(f"nothing for {gap:.2f} s")
    assert gap < loaded(3)
    assert not stream.error


@pytest.mark.parametrize("switch", ["no", "yes"])
def test_another_address_takes_over(lab, switch):
    """The one that was in use has 2.5 seconds to itself, then the other has
    its chance, whatever goes into the tunnel."""
    lab.start(client={"Server": [SERVER, f"[{SERVER6}]"], "Routes": "default",
                      "KillSwitch": switch})
    stream = Stream(lab)
    began = time.monotonic()
    swallow(lab, SERVER)
    wait_until(lambda: endpoint(lab).startswith("[2001:db8:1::2]"), 15)
    stream.flows(time.monotonic())
    assert stream.gap(began) < loaded(7)
    assert lab.client.status()["server"]["endpoint"] == f"[{SERVER6}]:4433"
    assert lab.client.status()["state"] == "up"


def test_loss_is_no_silence(lab):
    """A fifth lost each way, under traffic: no session is made anew."""
    lab.start(client={"Routes": "default"})
    stream = Stream(lab)
    lab.router.run(["nft", "-f", "-"], input="""
        table ip lossy { chain forward {
            type filter hook forward priority 0
            udp dport 4433 numgen random mod 5 0 drop
            udp sport 4433 numgen random mod 5 0 drop
        }
        }""")
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 20, 25)
    stream.flows(time.monotonic())
    assert peers(lab) == 1


@pytest.mark.parametrize("delay", [0.3, 1.25])
def test_slow_way(lab, delay):
    """A satellite behind a full buffer: there and back in 2.5 seconds."""
    way = Relay(lab.router, (SERVER, 4433), delay=delay)
    lab.closers.append(way.close)
    lab.enroll(lab.client, "alice")
    lab.serve()
    took, _ = timed(lab.connect, Server=f"{ROUTER_LAN}:5000")
    assert took < loaded(12 * delay)
    assert wait_until(lambda: lab.client.ping(INNER, wait=2 * delay + 2,
                                              check=False), 20)
    before = peers(lab)
    assert before == 1
    assert lab.client.ping(INNER, count=5, wait=2 * delay + 2)
    assert peers(lab) == 1


def test_silent_after_the_hello(lab):
    """A server that answers the first hello only does not hold `up` up."""
    seen = []

    def lose(datagram, from_client):
        if not from_client and datagram[13] != 3:  # HelloVerifyRequest
            seen.append(datagram)
            return True
        return False
    way = Relay(lab.router, (SERVER, 4433), lose=lose)
    lab.closers.append(way.close)
    lab.enroll(lab.client, "alice")
    lab.serve()
    lab.client.fails("up", lab.client_conf(Server=f"{ROUTER_LAN}:5000"))
    assert seen


# Networks without IPv4.

def without_ipv4(lab, *more):
    lab.client.ip("-4 address flush dev eth0")
    for words in more:
        lab.client.ip(words)
    lab.client.baseline()


def test_network_without_ipv4(lab):
    """The reason names what is missing."""
    without_ipv4(lab)
    lab.enroll(lab.client, "alice")
    lab.serve()
    said = lab.client.fails("up", lab.client_conf())
    assert re.search("has only an IPv4 address, and this network has "
                     "no IPv4", said)


@pytest.mark.parametrize("server", [SERVER, "vpn.test"])
def test_nat64(lab, server):
    """RFC 7050: the network's NAT64 leads to a server that has IPv4 only."""
    prefix, behind = "2001:db8:64::", "2001:db8:64::cb00:7105"
    lab.router.ip("address add 2001:db8:1::53/64 dev lan nodad")
    lab.router.ip(f"route add {prefix}/96 via {SERVER6}")
    lab.server.ip(f"address add {behind}/128 dev eth0")
    lab.server.baseline()
    lab.client.path("/etc/resolv.conf").write_text(
        "nameserver 2001:db8:1::53\n")
    without_ipv4(lab)
    NameServer(lab.router, "2001:db8:1::53", vpn_test=SERVER,
               ipv4only_arpa=f"192.0.0.170,{prefix}c000:aa")
    lab.enroll(lab.client, "alice")
    lab.serve()
    _, line = timed(lab.connect, Server=server, Routes="default")
    assert f"([{behind}]:4433)" in line
    assert lab.client.ping(INNER)


def test_clat(lab):
    """464XLAT (RFC 6877): IPv4 by a device of its own, and no gateway."""
    lab.router.batch(f"""
        link add clatfar type veth peer name clat4 netns {lab.client.pid}
        link set clatfar up""")
    lab.router.batch("route add 192.0.0.1/32 dev clatfar")
    lab.router.shell("echo 1 >/proc/sys/net/ipv4/conf/clatfar/proxy_arp")
    lab.client.ip("link set clat4 mtu 1260 up")
    lab.client.ip("address add 192.0.0.1/32 dev clat4")
    without_ipv4(lab, "route add default dev clat4 mtu 1260")
    lab.enroll(lab.client, "alice")
    lab.serve()
    _, line = timed(lab.connect, Routes="default")
    assert f"({SERVER}:4433)" in line
    assert lab.client.ping(INNER)
