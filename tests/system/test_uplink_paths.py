# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever way a plain UDP socket has to the server, the tunnel has: with a
source address that the network wants, several next hops, a gateway that is not
a neighbour, routers that die; before and after `up`, with strict reverse path
filters too."""

import pytest

from host import wait_until
from lab import INTERNET, ROUTER_LAN, SERVER, SERVER6
from roaming import Stream, add_cell, wifi_comes, wifi_goes
from routing_lab import (BOTH, FULL, Outer, advertise, assert_by, endpoint,
                         get_carrier, is_held, lose_carrier, wait_carries)

QUICK = {"Keepalive": "1"}


def prepare(lab, **server):
    lab.enroll(lab.client, "alice")
    lab.serve(**server)


def connect(lab, **client):
    lab.connect(**{**FULL, **QUICK, **client})


def stream_through(lab):
    wait_carries(lab.client)
    return Stream(lab)


def only_source(lab, *refused):
    """The network lets nobody else out (cloud networks, port security)."""
    lab.router.run(["nft", "-f", "-"], input=f"""
        table inet only
        delete table inet only
        table inet only {{ chain forward {{
            type filter hook forward priority 0;
            ip saddr {refused[0]} drop
            ip6 saddr {refused[1]} drop
        }}
        }}""")


TWO_ADDRESSES = """
address add 192.168.1.77/24 dev eth0
address add 2001:db8:1::77/64 dev eth0 nodad
route replace default via 192.168.1.1 src 192.168.1.77
route replace default via 2001:db8:1::1 src 2001:db8:1::77
"""


@pytest.mark.parametrize("server, wanted", [
    (f"{SERVER}:4433", "192.168.1.77:"),
    (f"[{SERVER6}]:4433", "[2001:db8:1::77]:")], ids=["v4", "v6"])
def test_source_of_the_default_route(lab, server, wanted):
    prepare(lab)
    lab.client.batch(TWO_ADDRESSES)
    lab.client.baseline()
    only_source(lab, "192.168.1.2", "2001:db8:1::2")
    watch = Outer(lab)
    connect(lab, Server=server)
    assert lab.client.ping(INTERNET, count=5)
    assert endpoint(lab).startswith(wanted)
    assert {packet.source for packet in watch.packets()} == {
        wanted.strip("[]:").rstrip("]")}
    assert_by("tun0", lab.client, *BOTH)


def test_source_of_the_default_route_changes(lab):
    """The other address is the one that may leave from now on."""
    prepare(lab)
    lab.client.batch(TWO_ADDRESSES)
    lab.client.baseline()
    only_source(lab, "192.168.1.2", "2001:db8:1::2")
    connect(lab)
    stream = stream_through(lab)
    only_source(lab, "192.168.1.77", "2001:db8:1::77")
    lab.client.ip("route replace default via 192.168.1.1 src 192.168.1.2")
    lab.closers.append(lambda: lab.client.ip(
        "route replace default via 192.168.1.1 src 192.168.1.77"))
    wait_until(lambda: endpoint(lab).startswith("192.168.1.2:"), 8,
               "the other source")
    wait_carries(lab.client)
    assert is_held(lab.client)
    assert not stream.error


# Several next hops.

HOPS = ("route replace default nexthop via 192.168.1.1 dev eth0 "
        "nexthop via 192.168.2.1 dev eth1")


def two_hops(lab, linkdown=0):
    add_cell(lab)
    lab.client.shell(f"""
        for one in all eth0 eth1; do
            echo {linkdown} \
                >/proc/sys/net/ipv4/conf/$one/ignore_routes_with_linkdown
        done""")
    lab.client.ip("route del default via 192.168.2.1 dev eth1 metric 200")
    lab.client.ip("route del default via 192.168.1.1")
    lab.client.ip(HOPS)
    lab.client.baseline()


def hop_is_lost(lab, how, device="eth0"):
    port = {"eth0": "port2", "eth1": "cell"}[device]
    if how == "down":
        lab.client.ip(f"link set {device} down")
    else:
        lose_carrier(lab, lab.client, device, port)


def hop_comes_back(lab, how, device="eth0"):
    """After `down`, as it was."""
    port = {"eth0": "port2", "eth1": "cell"}[device]
    if how == "down":
        lab.client.ip(f"link set {device} up")
        if device == "eth0":
            wifi_comes(lab)
    else:
        get_carrier(lab, lab.client, device, port)
    lab.client.ip("route del default", check=False)
    lab.client.ip("route del default", check=False)
    lab.client.ip(HOPS)


@pytest.mark.parametrize("how", ["down", "carrier"])
@pytest.mark.parametrize("device, wanted", [("eth0", "192.168.2.2:"),
                                            ("eth1", "192.168.1.2:")])
def test_dead_next_hop_before_up(lab, device, wanted, how):
    """Whichever of both it is."""
    prepare(lab)
    two_hops(lab, linkdown=1)
    lab.closers.append(lambda: hop_comes_back(lab, how, device))
    hop_is_lost(lab, how, device)
    connect(lab)
    assert lab.client.ping(INTERNET, count=5)
    assert endpoint(lab).startswith(wanted)
    assert_by("tun0", lab.client, *BOTH)


@pytest.mark.parametrize("how", ["down", "carrier"])
def test_next_hop_dies_while_up(lab, how):
    """The one that the tunnel is on."""
    prepare(lab)
    two_hops(lab, linkdown=1)
    connect(lab)
    stream = stream_through(lab)
    device, other = (("eth0", "192.168.2.2:")
                     if endpoint(lab).startswith("192.168.1.2:")
                     else ("eth1", "192.168.1.2:"))
    lab.closers.append(lambda: hop_comes_back(lab, how, device))
    hop_is_lost(lab, how, device)
    wait_until(lambda: endpoint(lab).startswith(other), 8, "the other hop")
    wait_carries(lab.client)
    assert is_held(lab.client)
    assert not stream.error


@pytest.mark.parametrize("moment", ["before", "after"])
def test_link_without_a_carrier(lab, moment):
    """The better route's link is down, and the kernel was told to pass over
    such routes; the cable comes back."""
    prepare(lab)
    add_cell(lab)
    lab.client.shell("""
        for one in all eth0 eth1; do
            echo 1 >/proc/sys/net/ipv4/conf/$one/ignore_routes_with_linkdown
        done""")
    lab.client.baseline()
    if moment == "after":
        connect(lab)
    lose_carrier(lab, lab.client, "eth0", "port2")
    lab.closers.append(lambda: get_carrier(lab, lab.client, "eth0", "port2"))
    if moment == "before":
        connect(lab)
    wait_until(lambda: endpoint(lab).startswith("192.168.2.2:"), 8,
               "the other uplink")
    wait_carries(lab.client)
    assert is_held(lab.client)
    get_carrier(lab, lab.client, "eth0", "port2")
    wait_until(lambda: endpoint(lab).startswith("192.168.1.2:"), 8,
               "the better uplink")
    wait_carries(lab.client)
    assert is_held(lab.client)


# A gateway that is not in a network of the link's.

ONLINK = """
route del default
route add default via 10.66.0.1 dev eth0 onlink{}
"""


@pytest.mark.parametrize("table", ["main", "201"])
def test_gateway_that_is_no_neighbour(lab, table):
    """In table main, and in one to which a rule leads."""
    prepare(lab)
    lab.router.ip("address add 10.66.0.1/32 dev lan")
    lab.client.batch(ONLINK.format("" if table == "main" else " table 201"))
    if table != "main":
        lab.client.ip("rule add pref 100 lookup 201")
    lab.client.baseline()
    watch = Outer(lab)
    connect(lab)
    assert lab.client.ping(INTERNET, count=5)
    assert endpoint(lab).startswith("192.168.1.2:")
    assert watch.devices() == {"eth0"}
    assert is_held(lab.client)


def test_gateway_in_another_table_changes(lab):
    """That table is followed as main is."""
    prepare(lab)
    add_cell(lab)
    lab.client.batch("""
        route del default via 192.168.1.1
        route del default via 192.168.2.1 dev eth1 metric 200
        route add default via 192.168.1.1 table 201
        rule add pref 100 lookup 201""")
    lab.client.baseline()
    connect(lab)
    stream = stream_through(lab)
    lab.client.ip("route replace default via 192.168.2.1 table 201")
    lab.closers.append(lambda: lab.client.ip(
        "route replace default via 192.168.1.1 table 201"))
    wait_until(lambda: endpoint(lab).startswith("192.168.2.2:"), 8,
               "the other gateway")
    wait_carries(lab.client)
    assert is_held(lab.client)
    assert not stream.error


# IPv6 routers.

def second_router(lab):
    """On the same link: fe80::a (device lan) and fe80::b (lan2)."""
    lab.router.batch("""
        link add lan2 type veth peer name lan2port
        link set lan2 addrgenmode none
        link set lan2port addrgenmode none
        link set lan2port master lan up
        link set lan2 up
        address add fe80::b/64 dev lan2""")
    # What is bridged to one of them does not come in by the other.
    lab.router.shell("""
        for one in /proc/sys/net/bridge/bridge-nf-call-ip6tables; do
            [ ! -e $one ] || echo 0 >$one
        done
        ip -6 address flush dev lan scope link""")
    lab.router.ip("address add fe80::a/64 dev lan")
    # NUD (RFC 4861, 7.3) finds it out in a second or two.
    lab.client.shell("""
        cd /proc/sys/net/ipv6/neigh/eth0
        echo 100 >base_reachable_time_ms
        echo 100 >retrans_time_ms
        echo 1 >delay_first_probe_time
        echo 1 >ucast_solicit""")
    lab.client.ip("-6 route del default via 2001:db8:1::1")


def two_advertise(lab, preference=0):
    """The first one, maybe, as the better one (RFC 4191, 2.2)."""
    advertise(lab.router, "lan", preference)
    advertise(lab.router, "lan2")
    wait_until(lambda: lab.client.ip("-6 route").stdout.count("via fe80::")
               == 2, what="two routers")
    lab.client.baseline()


def router_dies(lab, device):
    """All but what lets the answers through: it knows who is where."""
    lab.router.run(["nft", "-f", "-"], input=f"""
        table ip6 dead {{ chain prerouting {{
            type filter hook prerouting priority -300;
            iifname "{device}" icmpv6 type nd-neighbor-advert accept
            iifname "{device}" drop
        }}
        }}""")


def router_in_use(lab):
    """The device of the router by which the tunnel's packets come in."""
    counted = {}
    for device in ("lan", "lan2"):
        text = lab.router.run(["nft", "list", "chain", "ip6", "seen",
                               "prerouting"]).stdout
        for line in text.splitlines():
            if f'iifname "{device}"' in line:
                counted[device] = int(line.split("packets ")[1].split()[0])
    return max(counted, key=counted.get)


def count_by_router(lab):
    lab.router.run(["nft", "-f", "-"], input=f"""
        table ip6 seen {{ chain prerouting {{
            type filter hook prerouting priority -301;
            iifname "lan" ip6 daddr {SERVER6} udp dport 4433 counter
            iifname "lan2" ip6 daddr {SERVER6} udp dport 4433 counter
        }}
        }}""")


@pytest.mark.parametrize("preference", [0, 8], ids=["equal", "preferred"])
def test_ipv6_router_dies(lab, preference):
    """The neighbour is found dead, and the kernel takes the other router for
    a plain socket: a matter of seconds, not of half an hour. (It does so for
    advertised routers alone.)"""
    prepare(lab)
    second_router(lab)
    two_advertise(lab, preference)
    count_by_router(lab)
    connect(lab, Server=f"[{SERVER6}]:4433")
    assert lab.client.ping(INTERNET, count=3)
    stream = stream_through(lab)
    router_dies(lab, router_in_use(lab))
    lab.client.ping(INTERNET, count=8, wait=0.3, check=False)
    wait_carries(lab.client)
    assert lab.client.ping(INTERNET, count=5)
    assert_by("tun0", lab.client, *BOTH)
    assert not stream.error


@pytest.mark.parametrize("preference", [0, 8], ids=["equal", "preferred"])
def test_ipv6_router_is_dead_before_up(lab, preference):
    prepare(lab)
    second_router(lab)
    two_advertise(lab, preference)
    router_dies(lab, "lan")
    wait_until(lambda: lab.client.ping(SERVER6, wait=0.3, check=False), 5,
               "the kernel's finding out")
    connect(lab, Server=f"[{SERVER6}]:4433")
    assert lab.client.ping(INTERNET, count=5)
    assert is_held(lab.client)


def test_ipv6_router_says_goodbye(lab):
    """By a lifetime of 0 (RFC 4861, 6.2.5)."""
    prepare(lab)
    second_router(lab)
    two_advertise(lab, 8)
    connect(lab, Server=f"[{SERVER6}]:4433")
    stream = stream_through(lab)
    advertise(lab.router, "lan", lifetime=0)
    router_dies(lab, "lan")
    lab.closers.append(lambda: (
        advertise(lab.router, "lan", 8),
        wait_until(lambda: "fe80::a" in lab.client.ip("-6 route").stdout)))
    wait_carries(lab.client)
    assert is_held(lab.client)
    assert not stream.error


# Reverse path filters.

OWN_NETWORK = "203.0.113.0/24, 198.51.100.0/24"  # of the server


def rp_filter(lab, of_all, of_eth0):
    lab.client.shell(f"""
        cd /proc/sys/net/ipv4/conf
        echo {of_all} >all/rp_filter
        echo {of_all} >default/rp_filter
        echo {of_eth0} >eth0/rp_filter""")
    lab.client.baseline()


@pytest.mark.parametrize("routes", ["default", OWN_NETWORK],
                         ids=["full", "list"])
@pytest.mark.parametrize("of_all, of_eth0", [(0, 0), (0, 1), (1, 0), (1, 1),
                                             (0, 2), (2, 2)])
def test_rp_filter(lab, of_all, of_eth0, routes):
    """What the server sends is taken, whatever the routes of the tunnel."""
    prepare(lab)
    rp_filter(lab, of_all, of_eth0)
    connect(lab, Routes=routes)
    assert lab.client.ping(INTERNET, count=6)
    assert lab.client.ping(SERVER)
    status = lab.client.status()
    assert status["state"] == "up" and not status["warnings"]
    assert_by("tun0", lab.client, INTERNET, SERVER)


def test_rp_filter_and_another_uplink(lab):
    """Strict filters, and the way to the server changes."""
    prepare(lab)
    add_cell(lab)
    rp_filter(lab, 1, 1)
    connect(lab)
    stream = stream_through(lab)
    wifi_goes(lab)
    wait_until(lambda: endpoint(lab).startswith("192.168.2.2:"), 8, "LTE")
    wait_carries(lab.client)
    wifi_comes(lab)
    wait_until(lambda: endpoint(lab).startswith("192.168.1.2:"), 8, "Wi-Fi")
    wait_carries(lab.client)
    assert not stream.error


def test_rp_filter_within_the_lan(lab):
    """A neighbour is still heard."""
    other = lab.add_client()
    prepare(lab)
    rp_filter(lab, 1, 1)
    connect(lab)
    assert other.ping("192.168.1.2") and lab.client.ping("192.168.1.3")
    assert lab.client.ping(ROUTER_LAN)
