# SPDX-License-Identifier: GPL-2.0-or-later
"""The network moves under a client, and open connections go on."""

import os
import signal
import socket
import struct
import time

import pytest

from host import loaded, wait_until
from lab import INNER, INTERNET, ROUTER_WAN, SERVER, SERVER6
from roaming import (MOVED_SERVER, Stream, Watch, add_cell, add_cell6,
                     wifi_comes, wifi_goes)

DEFAULT = {"Routes": "default"}
QUICK = {"Keepalive": "1"}


def start(lab, to=INTERNET, **client):
    add_cell(lab)
    lab.start(client={**DEFAULT, **client})
    return Stream(lab, to), Watch(lab, "lan", "cell")


def host_routes(lab):
    return lab.client.ip(f"route show {SERVER} proto 77").stdout.splitlines()


def endpoint(lab):
    [entry] = lab.server.status()["clients"]
    return entry["endpoint"]


@pytest.mark.parametrize("switch", ["no", "yes"])
def test_wifi_goes_and_comes(lab, switch):
    """To LTE and back, with an open connection: within a second each."""
    stream, watch = start(lab, KillSwitch=switch)
    for move, address, device in ((wifi_goes, "192.168.2.2", "eth1"),
                                  (wifi_comes, "192.168.1.2", "eth0")):
        began = time.monotonic()
        move(lab)
        wait_until(lambda: endpoint(lab).startswith(address))
        stream.flows(time.monotonic())
        assert stream.gap(began) < loaded(1)
        [route] = host_routes(lab)
        assert device in route
    assert lab.client.status()["state"] == "up"
    assert not stream.error
    assert not watch.leaks()
    lab.client.wait_log("client", r"by eth1 via 192.168.2.1, from 192.168.2.2")


def test_wifi_goes_and_comes_by_ipv6(lab):
    """The outer packets are IPv6; no address of the Wi-Fi outlives it. With
    the kill switch neighbours find each other all the same."""
    add_cell(lab)
    add_cell6(lab)
    lab.start(client={**DEFAULT, "Server": f"[{SERVER6}]:4433",
                      "KillSwitch": "yes"})
    stream, watch = Stream(lab), Watch(lab, "lan", "cell")
    for move, address in ((wifi_goes, "[2001:db8:4::2]"),
                          (wifi_comes, "[2001:db8:1::2]")):
        began = time.monotonic()
        move(lab)
        wait_until(lambda: endpoint(lab).startswith(address))
        stream.flows(time.monotonic())
        assert stream.gap(began) < loaded(1)
    assert not stream.error
    assert not watch.leaks()


def watch_routes(lab):
    """`ip monitor`, from a change on that it has seen."""
    process = lab.client.spawn(["ip", "monitor", "route"])

    def listens():
        lab.client.batch("route add 192.0.2.0/24 dev eth1\n"
                         "route del 192.0.2.0/24 dev eth1")
        return "192.0.2.0/24" in process.output()
    wait_until(listens, what="ip monitor")
    return process


def test_routes_change_while_links_stay(lab):
    """Another gateway; then none, as when a lease runs out, but LTE."""
    stream, watch = start(lab)
    lab.router.ip("address add 192.168.1.254/24 dev lan")
    seen = watch_routes(lab)
    began = time.monotonic()
    lab.client.ip("route replace default via 192.168.1.254")
    wait_until(lambda: "via 192.168.1.254" in "".join(host_routes(lab)), 1)
    stream.flows(time.monotonic())
    assert stream.gap(began) < loaded(1)
    assert len(host_routes(lab)) == 1
    # The last word: in between the tunnel's packets go as the kernel has it.
    wait_until(lambda: f"\n{SERVER} via 192.168.1.254" in seen.output(), 1)
    lab.client.ip("route replace default via 192.168.1.1")
    wait_until(lambda: "via 192.168.1.1 " in "".join(host_routes(lab)), 1)
    began = time.monotonic()
    lab.client.ip("route del default via 192.168.1.1")
    wait_until(lambda: endpoint(lab).startswith("192.168.2.2"))
    stream.flows(time.monotonic())
    assert stream.gap(began) < loaded(1)
    assert not watch.leaks()
    # The third move within a second or so.
    lab.client.ip("route add default via 192.168.1.1")
    wait_until(lambda: endpoint(lab).startswith("192.168.1.2"))


def test_datagrams_wait_while_it_moves(lab):
    """What the server has sent to the old address is no sign that it knows the
    new one: the tunnel process reads it after it has heard of the move."""
    start(lab)
    tunnel = lab.client.status()["tunnel_pid"]
    inner = lab.client.status()["addresses"][0].partition("/")[0]
    before = lab.server.status()["clients"][0]["tx_packets"]
    os.kill(tunnel, signal.SIGSTOP)
    lab.client.ip("route del default via 192.168.1.1")
    lab.client.wait_log("client", "by eth1 via 192.168.2.1")
    with lab.server.socket() as own:
        for number in range(400):  # no two are sent, or received, as one
            own.sendto(bytes(10 + number % 2), (inner, 9))
    wait_until(lambda: lab.server.status()["clients"][0]["tx_packets"] >=
               before + 400)
    os.kill(tunnel, signal.SIGCONT)
    wait_until(lambda: endpoint(lab).startswith("192.168.2.2"), 4,
               "its new address")
    lab.client.ip("route add default via 192.168.1.1")


def test_another_address_on_the_same_link(lab):
    stream, watch = start(lab)
    began = time.monotonic()
    lab.client.batch("address del 192.168.1.2/24 dev eth0\n"
                     "address add 192.168.1.77/24 dev eth0\n"
                     "route add default via 192.168.1.1")
    wait_until(lambda: endpoint(lab).startswith("192.168.1.77"))
    stream.flows(time.monotonic())
    assert stream.gap(began) < loaded(1)
    assert not watch.leaks()
    lab.client.minivpn("down")
    lab.client.ip("address del 192.168.1.77/24 dev eth0")
    wifi_comes(lab)


def test_no_network_for_a_while(lab):
    """All uplinks go, for longer than the keepalive bears, and one comes."""
    stream, watch = start(lab, **QUICK)
    lab.client.ip("link set eth1 down")
    wifi_goes(lab)
    lab.client.wait_log("client", "no way to the server")
    wait_until(lambda: lab.client.status()["state"] == "reconnecting", 15)
    came = time.monotonic()
    wifi_comes(lab)
    wait_until(lambda: lab.client.status()["state"] == "up", 2)
    assert lab.client.ping(INNER)
    assert time.monotonic() - came < 2
    # TCP itself has waited longer and longer (RFC 6298).
    stream.flows(time.monotonic())
    assert not stream.error
    assert not watch.leaks()
    lab.client.batch("link set eth1 up\n"
                     "route add default via 192.168.2.1 dev eth1 metric 200")


def test_network_comes_back_as_it_was(lab):
    """It was away, address and all, for so long that the client has tried to
    reach the server without one."""
    stream, watch = start(lab)
    lab.client.ip("link set eth1 down")
    wifi_goes(lab)
    lab.client.ip("address flush dev eth0")
    lab.client.wait_log("client", "warning: no route to the server", 15)
    wifi_comes(lab)
    wait_until(lambda: lab.client.ping(INNER, wait=0.2, check=False), 4)
    # Nor was its own DTLS sent through the tunnel again and again.
    assert "Message too long" not in lab.client.log("client")
    stream.flows(time.monotonic())
    assert not stream.error
    assert not watch.leaks()
    lab.client.batch("link set eth1 up\n"
                     "route add default via 192.168.2.1 dev eth1 metric 200")


def test_server_is_restarted_under_a_connection(lab):
    stream, watch = start(lab, INNER, **QUICK)
    before = lab.client.status()["addresses"]
    lab.server.minivpn("down")
    wait_until(lambda: lab.client.status()["state"] == "reconnecting")
    lab.serve()
    wait_until(lambda: lab.client.status()["state"] == "up", 10)
    assert lab.client.status()["addresses"] == before
    stream.flows(time.monotonic())
    assert not stream.error
    assert not watch.leaks()


def test_name_of_the_server_leads_elsewhere(lab):
    """It moves with all that it is; its old address answers no more."""
    hosts = lab.client.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}{SERVER} vpn.test\n")
    add_cell(lab)
    lab.start(client={**DEFAULT, **QUICK, "Server": "vpn.test"})
    watch = Watch(lab, "lan", "cell")
    hosts.write_text(f"{before}{MOVED_SERVER} vpn.test\n")
    lab.server.batch(f"""
        address del {SERVER}/24 dev eth0
        address add {MOVED_SERVER}/24 dev eth0
        route add default via {ROUTER_WAN}""")
    wait_until(lambda: lab.client.status()["server"].get("endpoint") ==
               f"{MOVED_SERVER}:4433" and
               lab.client.status()["state"] == "up", 20, "the new address")
    assert lab.client.ping(INNER)
    assert not watch.leaks()
    lab.server.minivpn("down")
    hosts.write_text(f"{before}{SERVER} vpn.test\n")
    lab.server.batch(f"""
        address del {MOVED_SERVER}/24 dev eth0
        address add {SERVER}/24 dev eth0
        route add default via {ROUTER_WAN}""")


# Deletes all that the kernel knows of connections: IPCTNL_MSG_CT_DELETE
# (linux/netfilter/nfnetlink_conntrack.h).
CT_DELETE = struct.pack("=IHHII", 20, 1 << 8 | 2, 5, 1, 0) + bytes(4)


def forget_mappings(router):
    with router.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.bind((0, 0))
        netlink.send(CT_DELETE)
        answer = netlink.recv(4096)
    assert struct.unpack_from("=i", answer, 16) == (0,), answer


def test_nat_forgets(lab):
    """The router gives the same flow another port from one moment on."""
    lab.router.run(["nft", "-f", "-"], input="""
        table ip nat { chain postrouting {
            type nat hook postrouting priority srcnat
            oifname "wan" masquerade random
        }
        }""")
    stream, watch = start(lab, **QUICK)
    before = endpoint(lab)
    forget_mappings(lab.router)
    wait_until(lambda: endpoint(lab) != before, 15, "the new mapping")
    stream.flows(time.monotonic())
    assert not stream.error
    assert not watch.leaks()


def test_killed_while_it_moves(lab):
    """Two host routes may be in the journal: none of them is left."""
    start(lab)
    wifi_goes(lab)
    wait_until(lambda: "eth1" in "".join(host_routes(lab)))
    lab.client.kill_minivpn()
    lab.client.minivpn("down", "client")
    assert not host_routes(lab)
    wifi_comes(lab)
