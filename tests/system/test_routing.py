# SPDX-License-Identifier: GPL-2.0-or-later
"""What is to go by the tunnel does so, against the routes and rules of others,
of the network and of other programs; or it is said that it does not."""

import ipaddress
import json

import pytest

import snapshot
from host import wait_until
from lab import (INTERNET, INTERNET6, ROUTER_LAN, ROUTER_WAN, SERVER,
                 SERVER6)
from name_servers import NameServer
from packets import UDP, Capture
from roaming import Stream
from routing_lab import (BOTH, FULL, KINDS, NOWHERE, Outer, add_attacker,
                         add_marked_vpn, add_vpn, assert_by, carries, change,
                         endpoint, is_held, is_said, leaves, start_vpn,
                         stop_vpn, undo, up_held_or_said, wait_by, wait_carries,
                         wait_held_or_said, ways)

ATTACKER, ATTACKER6 = "192.168.1.3", "2001:db8:1::3"

# As multi-homed routers, mwan3 and Tailscale's exit nodes have it: the way out
# is not in table main, and what main knows of near networks comes first.
OWN_TABLE = f"""
route add default via {ROUTER_LAN} dev eth0 table 201
route add default via 2001:db8:1::1 dev eth0 table 201
"""
RULES = ["rule {} pref 90 lookup main suppress_prefixlength 1",
         "-6 rule {} pref 90 lookup main suppress_prefixlength 1",
         "rule {} pref 100 lookup 201", "-6 rule {} pref 100 lookup 201"]
FIRST_RULES = ["rule {} pref 0 lookup 201", "-6 rule {} pref 0 lookup 201"]


def rules(lab, word, which=None):
    for rule in which or RULES:
        lab.client.ip(rule.format(word))


def passing_rules(lab, which=None):
    """They are gone at the end, whatever happens."""
    change(lab, "\n".join(which or RULES))


def add_routes(lab, routes, passing):
    change(lab, "\n".join(f"route {{}} {route}" for route in routes), passing)


def prepare(lab, **server):
    lab.enroll(lab.client, "alice")
    lab.serve(**server)


# Rules of others.

def test_foreign_rule_before_up(lab):
    prepare(lab)
    lab.client.batch(OWN_TABLE)
    rules(lab, "add")
    lab.client.baseline()
    if up_held_or_said(lab, r"\b201\b") == "held":
        assert_by("tun0", lab.client, *BOTH, kinds=KINDS)
        assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)


def test_foreign_rule_while_up(lab):
    """Comes, stays for a while, and goes."""
    prepare(lab)
    lab.client.batch(OWN_TABLE)
    lab.client.baseline()
    lab.connect(**FULL)
    passing_rules(lab)
    wait_held_or_said(lab.client, r"\b201\b")
    assert lab.client.ping(INTERNET, count=5)  # a second later
    wait_held_or_said(lab.client, r"\b201\b")
    rules(lab, "del")
    assert wait_held_or_said(lab.client, "no reason") == "held"
    assert_by("tun0", lab.client, *BOTH, kinds=KINDS)


def test_foreign_rule_outlives_the_tunnel(lab):
    """What others add and remove while it is up is theirs at the end too."""
    prepare(lab)
    lab.client.batch(OWN_TABLE)
    rules(lab, "add", RULES[:2])
    lab.client.baseline()
    lab.connect(**FULL)
    rules(lab, "del", RULES[:2])
    lab.closers.append(lambda: rules(lab, "add", RULES[:2]))
    passing_rules(lab, RULES[2:])
    wait_held_or_said(lab.client, r"\b201\b")
    lab.client.minivpn("down")
    assert_by("eth0", lab.client, *BOTH)
    for family in ("", "-6 "):
        text = lab.client.ip(f"{family}rule").stdout
        assert "lookup 201" in text and "suppress" not in text
        assert len(text.splitlines()) == (4 if family == "" else 3)


@pytest.mark.parametrize("rule", [
    "rule {} pref 100 fwmark 0x99 lookup 201",
    "rule {} pref 100 from 192.168.1.2 lookup 201",
    f"rule {{}} pref 100 to {INTERNET} lookup 201",
    "rule {} pref 100 ipproto udp lookup 201"],
    ids=["mark", "source", "destination", "protocol"])
def test_foreign_rule_for_some(lab, rule):
    """Only for some packets: nothing may leave beside a full tunnel all the
    same. What has the uplink's address is of no use in the tunnel."""
    prepare(lab)
    lab.client.batch(OWN_TABLE)
    rules(lab, "add", [rule])
    lab.client.baseline()
    some = {"mark": 0x99 if "fwmark" in rule else 0}
    assert_by("eth0", lab.client, INTERNET, **some)
    if up_held_or_said(lab, r"\b201\b") == "held":
        assert_by("tun0", lab.client, INTERNET, **some)
        assert leaves(lab.client, INTERNET, source="192.168.1.2", wait=0.3,
                      **some) in ("tun0", NOWHERE)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_rule_that_can_not_be_beaten(lab, moment):
    """At priority 0 nothing of ours comes before it. It is said everywhere
    where somebody may look."""
    prepare(lab)
    client = lab.client
    client.batch(OWN_TABLE)
    if moment == "before":
        rules(lab, "add", FIRST_RULES)
        client.baseline()
        happened = up_held_or_said(lab, r"\b201\b")
        assert happened != "held" or is_held(client)
        if happened != "said":
            return
    else:
        client.baseline()
        lab.connect(**FULL)
        passing_rules(lab, FIRST_RULES)
        if wait_held_or_said(client, r"\b201\b") == "held":
            return
    assert not is_held(client)
    client.wait_log("client", r"\b201\b")
    assert "leaking" in client.minivpn("status").stdout
    assert "201" in client.minivpn("doctor", "client", check=False).stdout
    rules(lab, "del", FIRST_RULES)
    assert wait_held_or_said(client, "no reason") == "held"
    assert not client.status()["warnings"]
    if moment == "before":
        rules(lab, "add", FIRST_RULES)
        assert wait_held_or_said(client, r"\b201\b") == "said"


def test_route_in_table_local(lab):
    """Which is asked before all rules that can be made: said, with the route
    at fault; and over when it goes."""
    prepare(lab)
    lab.connect(**FULL)
    halves = [f"{half} via {ROUTER_LAN} dev eth0 table local"
              for half in ("0.0.0.0/1", "128.0.0.0/1")]
    add_routes(lab, halves, True)
    wait_until(lambda: is_said(lab.client, r"(0\.0\.0\.0|128\.0\.0\.0)/1"), 3,
               "the state leaking")
    for route in halves:
        lab.client.ip(f"route del {route}")
    wait_until(lambda: lab.client.status()["state"] == "up", 3)
    assert is_held(lab.client)


def test_table_77_of_somebody_else(lab):
    """It is neither changed nor removed, nor does it take anything."""
    prepare(lab)
    lab.client.batch(f"""
        route add default via {ROUTER_LAN} dev eth0 table 77
        route add 192.0.2.0/24 via {ROUTER_LAN} dev eth0 table 77
        route add default via 2001:db8:1::1 dev eth0 table 77
        rule add pref 5000 fwmark 7 lookup 77""")
    lab.client.baseline()
    before = lab.client.ip("route show table 77").stdout
    lab.connect(**FULL)
    assert_by("tun0", lab.client, *BOTH, "192.0.2.1", kinds=KINDS)
    assert lab.client.ip("route show table 77").stdout == before


def test_forwarded_traffic_as_well(lab):
    """Of a network behind the client: a hotspot, containers."""
    prepare(lab)
    behind = lab.add_host("behind")
    behind.compared = False
    lab.client.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    lab.client.batch(f"""
        link add box type veth peer name eth0 netns {behind.pid}
        address add 172.16.9.1/24 dev box
        link set box up
        route add 198.0.0.0/8 via {ROUTER_LAN}
        rule add pref 100 lookup 201""" + OWN_TABLE)
    behind.batch("""
        address add 172.16.9.2/24 dev eth0
        link set eth0 up
        route add default via 172.16.9.1""")
    wait_until(lambda: "tentative" not in lab.client.ip("address").stdout and
               lab.client.ip("address show box").stdout.count("inet6") == 1)
    lab.client.baseline()
    with Capture(lab.client, "") as wires:
        behind.ping(INTERNET, wait=0.2, check=False)
        wires.wait_for(lambda packet: packet.outgoing and
                       packet.to == INTERNET and packet.device == "eth0")
    assert up_held_or_said(lab, r"\b201\b", [INTERNET]) == "held"
    with Capture(lab.client, "") as wires:
        behind.ping(INTERNET, wait=0.2, check=False)
        found = wires.wait_for(lambda packet: packet.outgoing and
                               packet.to == INTERNET)
    assert found.device == "tun0"


# Within another VPN.

def settles_in(lab, watch, device, address):
    """The tunnel's own packets leave by that device alone, for more than a
    second of traffic, and while something else changes."""
    lab.client.ping(INTERNET, count=6)
    lab.client.batch("""
        address add 192.0.2.7/32 dev lo
        route add 192.0.2.0/25 via 192.168.1.1""")
    lab.client.ping(INTERNET, count=8)
    lab.client.batch("""
        address del 192.0.2.7/32 dev lo
        route del 192.0.2.0/25 via 192.168.1.1""")
    lab.client.ping(INTERNET, count=2)
    assert watch.devices() == {device}, watch.packets()[-3:]
    assert endpoint(lab).startswith(address)


@pytest.mark.parametrize("server, inside", [(SERVER, "10.99.0.2:"),
                                            (SERVER6, "[fd99::2]:")])
def test_started_inside_another_vpn(lab, server, inside):
    """By policy routing, as wg-quick does it: not one packet leaves it."""
    add_vpn(lab)
    prepare(lab)
    start_vpn(lab)
    lab.client.baseline()
    port = 4433
    watch = Outer(lab)
    name = server if ":" not in server else f"[{server}]"
    happened = up_held_or_said(lab, r"\b51820\b", Server=f"{name}:{port}")
    assert happened == "held"
    settles_in(lab, watch, "vpn0", inside)
    assert_by("tun0", lab.client, *BOTH, kinds=KINDS)


def test_reconnects_inside_another_vpn(lab):
    """The server is away for a while."""
    quick = {"Keepalive": "1"}
    add_vpn(lab)
    prepare(lab, **quick)
    start_vpn(lab)
    lab.client.baseline()
    watch = Outer(lab)
    lab.connect(**FULL, **quick)
    lab.server.minivpn("down")
    wait_until(lambda: lab.client.status()["state"] == "reconnecting", 8)
    lab.serve(**quick)
    wait_carries(lab.client)
    assert watch.devices() == {"vpn0"}
    assert is_held(lab.client)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_another_vpns_own_packets(lab, moment):
    """They go to its server as ever: not into this tunnel, which is in it."""
    client = lab.client
    add_marked_vpn(lab)
    prepare(lab)
    client.ip("rule add not fwmark 51820 table 51820")
    if moment == "after":
        client.ip("rule del not fwmark 51820 table 51820")
    client.baseline()
    with Capture(client, "eth0") as wire:
        lab.connect(**FULL)
        if moment == "after":
            client.ip("rule add not fwmark 51820 table 51820")
            wait_until(lambda: endpoint(lab).startswith("10.99.0.2"), 8,
                       "its being in the other VPN")
        wait_carries(client)
        wire.seen().clear()
        assert client.ping(INTERNET, count=5) and is_held(client)
        ports = {packet.to_port for packet in wire.seen()
                 if packet.outgoing and packet.protocol == UDP}
        assert ports == {51820}, ports
        assert_by("tun0", client, *BOTH, mark=1)
    if moment == "after":
        client.ip("rule del not fwmark 51820 table 51820")
        wait_until(lambda: "0xca6c" not in client.ip("rule").stdout, 5,
                   "the end of the rule for its packets")
        wait_carries(client)
    client.minivpn("down")
    assert not snapshot.difference(client.before, snapshot.take(client))
    client.compared = False


def test_another_vpn_comes_and_goes(lab):
    """Its rules are put before ours, as before everybody's; then the
    tunnel's own packets go where those of any program would go."""
    add_vpn(lab)
    prepare(lab)
    lab.connect(**FULL)
    stream = Stream(lab)
    start_vpn(lab)
    lab.closers.append(lambda: stop_vpn(lab))
    if wait_held_or_said(lab.client, r"\b51820\b") == "held":
        wait_until(lambda: endpoint(lab).startswith("10.99.0.2"), 8,
                   "its being in the other VPN")
        wait_carries(lab.client)
    stop_vpn(lab)
    assert wait_held_or_said(lab.client, "no reason") == "held"
    wait_until(lambda: endpoint(lab).startswith("192.168.1.2"), 8,
               "its being out of the other VPN")
    wait_carries(lab.client)
    assert not stream.error


# What the network says (CVE-2024-3661, "TunnelVision").

PUSHED = {"v4": (INTERNET, [f"1.0.0.0/8 via {ATTACKER}",
                            f"198.0.0.0/8 via {ATTACKER}",
                            f"{INTERNET}/32 via {ATTACKER}"],
                 [f"0.0.0.0/1 via {ATTACKER} metric 50",
                  f"128.0.0.0/1 via {ATTACKER} metric 50"]),
          "v6": (INTERNET6, [f"2000::/3 via {ATTACKER6} proto ra",
                             f"2001:db8:3::/64 via {ATTACKER6} proto ra",
                             f"{INTERNET6}/128 via {ATTACKER6} proto ra"],
                 [f"::/1 via {ATTACKER6} metric 50",
                  f"8000::/1 via {ATTACKER6} metric 50"])}


@pytest.mark.parametrize("family", PUSHED)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_more_specific_routes(lab, moment, family):
    """Of DHCP (option 121) or router advertisements, 2000::/3 as default."""
    to, routes, halves = PUSHED[family]
    add_attacker(lab)
    prepare(lab)
    if moment == "after":
        lab.connect(**FULL)
    add_routes(lab, routes + halves, moment == "after")
    if moment == "before":
        lab.connect(**FULL)
    targets = [to, "1.1.1.1"] if family == "v4" else [to, "2600::1"]
    assert_by("tun0", lab.client, *targets, kinds=KINDS)
    lab.client.ping(INTERNET, count=4)
    assert_by("tun0", lab.client, *targets)
    assert lab.client.status()["state"] == "up"
    assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)


@pytest.mark.parametrize("network", ["10.20.0.0/16", "172.16.0.0/12",
                                     "fd44::/16"])
def test_private_network_behind_a_gateway(lab, network):
    """Not one that a link of ours is in: an attacker could ask for all that
    is behind the tunnel."""
    add_attacker(lab)
    prepare(lab)
    via = ATTACKER6 if ":" in network else ATTACKER
    lab.client.ip(f"route add {network} via {via}")
    lab.client.baseline()
    lab.connect(**FULL)
    address = ipaddress.ip_network(network)[1234]
    assert_by("tun0", lab.client, str(address))


def test_way_to_a_service_in_the_tunnel(lab):
    """Nor the server's address inside, nor its network."""
    add_attacker(lab)
    prepare(lab)
    lab.client.batch(f"""
        route add 10.8.0.0/25 via {ATTACKER}
        route add 10.8.0.1/32 via {ATTACKER}
        route add fd08::/96 via {ATTACKER6}""")
    lab.client.baseline()
    result = lab.client.minivpn("up", lab.client_conf(**FULL), check=False)
    if result.returncode:
        assert "10.8.0" in result.stderr
        return
    assert_by("tun0", lab.client, "10.8.0.1", "10.8.0.77", "fd08::77")


# A public network as the machine's own (CVE-2023-36672, "LocalNet").

@pytest.mark.parametrize("moment", ["before", "after"])
def test_public_network_as_lan(lab, moment):
    prepare(lab)
    if moment == "after":
        lab.connect(**FULL)
    change(lab, """
        address {} 198.51.100.77/24 dev eth0
        address {} 2001:db8:3::77/64 dev eth0 nodad""", moment == "after")
    if moment == "before":
        lab.connect(**FULL)
    assert_by("tun0", lab.client, *BOTH, kinds=KINDS)
    lab.client.ping(INTERNET, count=4)
    assert_by("tun0", lab.client, *BOTH)
    assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)


@pytest.mark.parametrize("network", ["198.51.0.0/16", "198.51.100.0/24"])
@pytest.mark.parametrize("dns", ["pushed", INTERNET])
def test_public_network_as_lan_of_what_is_pushed(lab, network, dns):
    """What the server pushes, and a name server, is not the LAN's to claim."""
    lab.client.batch(f"""
        address add 198.51.100.77/{network.split("/")[1]} dev eth0
        neighbour add {INTERNET} lladdr 02:00:00:00:00:01 dev eth0""")
    lab.client.baseline()
    assert_by("eth0", lab.client, INTERNET)
    lab.enroll(lab.client, "alice")
    lab.serve(Routes="198.51.100.0/24", DNS=INTERNET)
    lab.connect(Routes="pushed", DNS=dns)
    assert_by("tun0", lab.client, INTERNET)
    lab.client.minivpn("down")
    lab.connect(Routes="none", DNS=dns)
    assert leaves(lab.client, INTERNET, port=53) == "tun0"


def test_marks_of_connections(lab):
    """Whoever gives each packet the mark of its connection, as howtos for two
    uplinks have it, takes none from the tunnel's own."""
    lab.client.run(["nft", "-f", "-"], input="""
        table inet uplinks { chain output {
            type route hook output priority mangle
            meta mark set ct mark
        }; }""")
    lab.client.baseline()
    prepare(lab)
    lab.connect(**FULL)
    assert is_held(lab.client)
    assert all(carries(lab.client, to) for to in BOTH)


@pytest.mark.parametrize("gateway", [None, "203.0.113.254"],
                         ids=["server", "gateway"])
@pytest.mark.parametrize("rp_filter", [0, 1])
def test_public_network_with_the_server_in_it(lab, gateway, rp_filter):
    """The server, or the gateway, is a neighbour there: neighbours find each
    other, and nothing else leaves."""
    prepare(lab)
    lab.router.shell("""
        echo 1 >/proc/sys/net/ipv4/conf/lan/proxy_arp
        echo 1 >/proc/sys/net/ipv4/conf/wan/proxy_arp""")
    lab.router.batch("""
        address add 203.0.113.254/32 dev lan
        route add 203.0.113.77/32 dev lan""")
    size = 24 if gateway is None else 25  # else the server is not in it
    address = "203.0.113.77" if gateway is None else "203.0.113.177"
    lab.router.ip(f"route replace {address}/32 dev lan")
    lab.client.shell(f"""
        echo {rp_filter} >/proc/sys/net/ipv4/conf/all/rp_filter
        echo {rp_filter} >/proc/sys/net/ipv4/conf/eth0/rp_filter""")
    lab.client.batch(f"""
        address del 192.168.1.2/24 dev eth0
        address add {address}/{size} dev eth0
        route add default via {gateway or '203.0.113.254'}""")
    lab.client.baseline()
    watch = Outer(lab)
    lab.connect(**FULL)
    assert watch.devices() == {"eth0"}
    assert endpoint(lab).startswith(address)
    assert_by("tun0", lab.client, *BOTH, "203.0.113.200", SERVER)
    lab.router.ip("neigh flush dev lan")
    lab.client.ip("neigh flush dev eth0")
    assert lab.client.ping(INTERNET, count=4)


# The server's address as an exception ("TunnelCrack", CVE-2023-36673).

OWN_NETWORK = "203.0.113.0/24, 2001:db8:2::/64"  # of the server


@pytest.mark.parametrize("routes", ["default", OWN_NETWORK],
                         ids=["full", "list"])
@pytest.mark.parametrize("server", [SERVER, SERVER6], ids=["v4", "v6"])
def test_to_the_servers_own_address(lab, server, routes):
    """Only the tunnel's own packets pass beside it."""
    prepare(lab)
    name = server if ":" not in server else f"[{server}]"
    lab.connect(Server=f"{name}:4433", Routes=routes)
    assert_by("tun0", lab.client, server, kinds=KINDS)
    assert_by("tun0", lab.client, server, kinds=("udp", "tcp"), port=4433)
    assert lab.client.ping(server)
    assert lab.client.ping(server, count=4)
    assert lab.client.status()["state"] == "up"


def test_false_address_of_the_server(lab):
    """The network loses what is for the server, and answers its name with an
    address of its choice. The tunnel may try it; nobody else gets there."""
    false = "198.51.100.66"
    names = NameServer(lab.router, ROUTER_WAN, vpn_test=SERVER)
    lab.client.shell(f"echo nameserver {ROUTER_WAN} >/etc/resolv.conf")
    lab.client.baseline()
    prepare(lab, Keepalive="1")
    lab.connect(**FULL, Server="vpn.test", Keepalive="1")
    with Capture(lab.client, "eth0") as uplink:
        names.start(vpn_test=false)
        lab.swallow()
        uplink.wait_for(lambda packet: packet.to == false and
                        packet.protocol == UDP, 20)
    for _ in range(3):
        found = ways(lab.client, [false], KINDS, wait=0.3)
        assert set(found.values()) <= {"tun0", NOWHERE}, found
        assert leaves(lab.client, false, "udp", 4433, wait=0.3) in (
            "tun0", NOWHERE)
        found = ways(lab.client, [INTERNET, INTERNET6, SERVER], wait=0.3)
        assert set(found.values()) <= {"tun0", NOWHERE}, found


# A list.

LISTED = {"Routes": "198.51.100.0/24, 2001:db8:3::/64, 192.0.2.0/24"}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("there", [
    ["198.51.100.0/24 via 192.168.1.1", "2001:db8:3::/64 via 2001:db8:1::1"],
    [f"{INTERNET} via 192.168.1.1", f"{INTERNET6} via 2001:db8:1::1"],
    ["198.51.100.0/25 via 192.168.1.1 metric 5",
     "2001:db8:3::/65 via 2001:db8:1::1 metric 5"]],
    ids=["same", "address", "half"])
def test_list_that_main_has_too(lab, moment, there):
    """What is listed goes by the tunnel; what is not does not."""
    prepare(lab)
    if moment == "after":
        lab.connect(**LISTED)
    add_routes(lab, there, moment == "after")
    if moment == "before":
        lab.connect(**LISTED)
    assert_by("tun0", lab.client, *BOTH, "192.0.2.1", kinds=KINDS)
    assert_by("eth0", lab.client, "198.51.101.1", "2001:db8:9::1", SERVER)
    assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)


def test_list_behind_a_foreign_rule(lab):
    prepare(lab)
    lab.client.batch(OWN_TABLE)
    rules(lab, "add")
    lab.client.baseline()
    if up_held_or_said(lab, r"\b201\b", **LISTED) == "held":
        assert_by("tun0", lab.client, *BOTH, kinds=KINDS)
        assert_by("eth0", lab.client, "198.51.101.1")


def test_list_that_is_the_lan(lab):
    """The office has the same network as the home: who lists it wants it by
    the tunnel. The gateway is a neighbour all the same."""
    lab.add_client()
    prepare(lab)
    path = lab.client_conf(Routes="192.168.1.0/24, 198.51.100.0/24")
    result = lab.client.minivpn("up", path, check=False)
    if result.returncode:
        assert "192.168.1.0/24" in result.stderr
        return
    wait_by("tun0", lab.client, "192.168.1.3", INTERNET)
    assert lab.client.ping(INTERNET, count=4)
    assert lab.client.status()["state"] == "up"


def test_list_removed_from_under_it(lab):
    """Whatever of it is removed leaves by the tunnel again within seconds,
    and never in silence."""
    prepare(lab)
    lab.connect(**LISTED)
    for table in ("main", "77"):
        for family in ("", "-6 "):
            lab.client.ip(f"{family}route flush proto 77 table {table}",
                          check=False)
    wait_held_or_said(lab.client, r"198\.51\.100\.0/24")
    assert wait_held_or_said(lab.client, "no reason", timeout=8) == "held"


# Neighbours on the machine.

POOLS = ([ipaddress.ip_network(f"172.{i}.0.0/16") for i in range(17, 32)] +
         [ipaddress.ip_network(f"192.168.{i}.0/20")
          for i in range(0, 256, 16)])


def free_pools(host, on_link):
    """That Docker would find: on_link, as since 23.0, against routes without
    a gateway; before that against all but the default route."""
    routes = json.loads(host.ip("-j -4 route show table main").stdout)
    taken = [ipaddress.ip_network(route["dst"]) for route in routes
             if route["dst"] != "default" and
             (not on_link or route.get("scope") == "link")]
    return [pool for pool in POOLS
            if not any(pool.overlaps(other) for other in taken)]


@pytest.mark.parametrize("on_link", [True, False], ids=["new", "old"])
def test_networks_that_docker_finds_free(lab, on_link):
    prepare(lab)
    before = free_pools(lab.client, on_link)
    assert len(before) == 30
    lab.connect(**FULL)
    assert free_pools(lab.client, on_link) == before


def test_addresses_of_the_docker_host(lab):
    """A network that comes while it is up is a private one of ours too."""
    prepare(lab)
    lab.connect(**FULL)
    lab.client.batch("""
        link add docker0 type bridge
        address add 172.17.0.1/16 dev docker0
        link set docker0 addrgenmode none
        link add box type veth peer name box1
        link set box addrgenmode none
        link set box1 addrgenmode none
        link set box master docker0 up
        link set box1 up
        link set docker0 up""")
    lab.closers.append(lambda: undo(lab, ["link {} docker0", "link {} box"]))
    lab.client.ip("neigh add 172.17.0.2 lladdr 02:00:00:00:00:02 dev docker0")
    wait_by("docker0", lab.client, "172.17.0.2")
    assert carries(lab.client)
    assert_by("tun0", lab.client, *BOTH)
