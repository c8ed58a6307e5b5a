# SPDX-License-Identifier: GPL-2.0-or-later
"""KillSwitch = yes: nothing but DTLS leaves, whatever dies or changes."""

import os
import signal
import socket

import pytest

import snapshot
from host import MINIVPN, wait_until
from lab import (CLIENT6, INNER, INTERNET, INTERNET6, ROUTER_LAN, SERVER,
                 SERVER6)
from leaks import MARKED, Watch
from name_servers import NameServer
from packets import ICMPV6, UDP, Capture
from roaming import add_cell
from routing_lab import NOWHERE, leaves

QUICK = {"Keepalive": "2"}
FILE = {"Routes": "default", "KillSwitch": "yes", **QUICK}

# What an address manager does when the link is back.
SETTLE = """
address replace 192.168.1.2/24 dev eth0
address replace 2001:db8:1::2/64 dev eth0
route replace default via 192.168.1.1
route replace default via 2001:db8:1::1
"""


@pytest.fixture
def watch(lab):
    made = []

    def start(**options):
        made.append(Watch(lab, **options))
        return made[0]
    yield start
    for one in made:
        one.stop()


def prepare(lab, **options):
    lab.enroll(lab.client, "alice")
    lab.serve(**QUICK)
    return lab.client_conf(**{**FILE, **options})


def comes_back(lab, timeout=20):
    wait_until(lambda: lab.client.ping(INTERNET, wait=0.5, check=False),
               timeout, "the tunnel's coming back")


@pytest.mark.smoke
def test_up_and_down(lab, watch):
    """From before the first handshake on; `down` lifts it."""
    path = prepare(lab)
    seen = watch(uplinks=["eth0"], forward=False)
    lab.client.up(path)
    assert lab.client.ping(INTERNET) and lab.client.ping(INNER)
    assert not lab.client.ping(ROUTER_LAN, wait=0.3, check=False)
    assert any("policy drop" in change
               for change in lab.client.status()["changes"])
    assert not seen.leaked()
    lab.client.minivpn("down")
    assert lab.client.ping(ROUTER_LAN)


def test_nothing_leaks(lab, watch):
    """Through everything that happens to a tunnel, until `down`."""
    add_cell(lab)
    path = prepare(lab)
    seen = watch()
    client = lab.client
    client.up(path)
    # The server goes, and comes again.
    lab.server.minivpn("down")
    client.wait_log("client", r"server .*: ")
    lab.serve(**QUICK)
    comes_back(lab)
    # The tunnel process dies.
    client.kill_minivpn([client.status()["tunnel_pid"]])
    comes_back(lab)
    # Another uplink takes over, and the first comes again.
    client.ip("link set eth0 down")
    client.wait_log("client", "by eth1 via")
    comes_back(lab)
    client.ip("link set eth0 up")
    client.batch(SETTLE + MARKED)
    client.wait_log("client", "by eth0 via")
    comes_back(lab)
    # A DHCP server pushes a more specific route (CVE-2024-3661).
    for way in (f"{INTERNET}/32 via {ROUTER_LAN}",
                f"{INTERNET6}/128 via 2001:db8:1::1"):
        client.ip(f"route add {way} dev eth0")
    for to in (INTERNET, INTERNET6):
        assert client.ping(to)
    client.batch(f"route del {INTERNET}/32\nroute del {INTERNET6}/128")
    # An administrator tidies up.
    client.run(["nft", "flush", "ruleset"])
    seen.masquerade()
    assert client.ping(INTERNET)
    # Host dies: the janitor undoes the rest, and that alone.
    client.kill_minivpn([client.status()["pid"]])
    wait_until(lambda: not client.minivpn_pids(), 5, "all processes end")
    assert not client.ping(ROUTER_LAN, count=3, wait=0.3, check=False)
    assert "minivpn down client" in client.log("client")
    # The next run takes it over.
    client.up(path)
    comes_back(lab)
    # All die.
    client.kill_minivpn()
    assert not client.ping(ROUTER_LAN, count=3, wait=0.3, check=False)
    leaked = seen.leaked()
    assert not leaked, f"{len(leaked)} packets: {leaked[:5]}"
    result = client.minivpn("down")
    assert "put back" in result.stdout
    assert client.ping(ROUTER_LAN)


# Chains of others, who send what is about to go by the tunnel another way; the
# rule is one that ours can't be in front of.
REROUTED = {
    "mark": ("type route hook output priority mangle",
             "udp dport 9 meta mark set 77"),
    "mark after the filters": ("type route hook output priority 200",
                               "udp dport 9 meta mark set 77"),
    "our own mark": ("type route hook output priority mangle",
                     "udp dport 9 meta mark set 0x4d0000ff"),
    "another address": ("type nat hook output priority -100",
                        "udp dport 9 meta nfproto ipv4 dnat ip to "
                        f"{ROUTER_LAN}"),
    "another address after the filters": (
        "type nat hook output priority 50",
        "udp dport 9 meta nfproto ipv6 dnat ip6 to 2001:db8:1::1"),
}


@pytest.mark.parametrize("what", REROUTED)
def test_sent_another_way_by_others(lab, what):
    """The device is that by which a packet leaves, not the first choice."""
    hook, rule = REROUTED[what]
    client = lab.client
    path = prepare(lab, Exclude="2001:db8:1::1/128")
    client.batch(MARKED)
    for family in ("", "-6 "):
        client.ip(f"{family}rule del pref 0")
        client.ip(f"{family}rule add fwmark 77 table 77 pref 0")
        client.ip(f"{family}rule add table local pref 0")
    client.run(["nft", "-f", "-"], input=f"""
        table inet other {{ chain output {{ {hook}; {rule}; }}; }}""")
    client.baseline()

    def leak():
        with Capture(client, "eth0", strict=True) as wire:
            for to in (INTERNET, INTERNET6):
                sends_to(client, to)
            return wire.holds(b"a secret")
    assert leak()
    client.up(path)
    assert not leak()
    assert client.ping(INTERNET)


def sends_to(client, to):
    with client.socket(socket.AF_INET6 if ":" in to
                       else socket.AF_INET) as own:
        try:
            own.sendto(b"a secret", (to, 9))
        except OSError:
            pass


def test_queues_of_others(lab):
    """Whoever marks what leaves for a queue of his own link."""
    lab.client.run(["nft", "-f", "-"], input="""
        table inet other { chain postrouting {
            type filter hook postrouting priority mangle
            meta mark set 10
        }; }""")
    lab.client.baseline()
    lab.client.up(prepare(lab))
    assert lab.client.ping(INTERNET) and lab.client.ping(INTERNET6)


def test_handed_to_a_program_of_this_host(lab):
    """What was to leave does not: a name server of one's own, say."""
    client = lab.client
    client.run(["nft", "-f", "-"], input="""
        table inet other { chain output {
            type nat hook output priority -100
            udp dport 9 redirect
        }; }""")
    client.baseline()
    client.up(prepare(lab))
    for family, to in ((socket.AF_INET, ROUTER_LAN),
                       (socket.AF_INET6, "2001:db8:1::1")):
        with client.socket(family) as own:
            own.bind(("", 9))
            own.settimeout(30)
            sends_to(client, to)
            assert own.recv(99) == b"a secret"


def test_what_a_link_needs(lab):
    """DHCP, and neighbours that look for each other; no more of either."""
    client = lab.client
    client.up(prepare(lab))
    client.ip("-6 neigh flush dev eth0")
    lab.router.ip("-6 neigh flush dev lan")
    with Capture(client, "eth0", strict=True) as wire:
        for port, to in ((68, ("255.255.255.255", 67)),
                         (546, ("ff02::1:2", 547))):
            with client.socket(socket.AF_INET6 if ":" in to[0]
                               else socket.AF_INET) as own:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                own.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                               b"eth0")
                own.bind(("", port))
                own.sendto(b"a request", to)
                wire.wait_for(lambda packet: packet.protocol == UDP and
                              packet.ports == (port, to[1]))
        # It is asked, and asks; but there is no more to it.
        assert not lab.router.ping(CLIENT6, wait=0.3, check=False)
        assert not client.ping("2001:db8:1::1", wait=0.3, check=False,
                               extra=["-I", "eth0"])
        types = {packet.data[40] for packet in wire.seen()
                 if packet.outgoing and packet.protocol == ICMPV6}
    assert 136 in types and types <= {133, 135, 136}


def test_up_that_fails_keeps_it(lab):
    """A server that does not know the key: nothing leaves until `down`."""
    lab.serve()
    lab.enroll(lab.client, "alice")
    lab.client.killed = True
    said = lab.client.fails("up", lab.client_conf(**FILE))
    assert "nothing leaves until minivpn down client" in said
    assert not lab.client.ping(ROUTER_LAN, wait=0.3, check=False)
    said = lab.client.fails("status", "client")
    assert "nothing leaves until minivpn down client" in said
    lab.client.minivpn("down", "client")
    assert lab.client.ping(ROUTER_LAN)


def test_up_that_is_interrupted_lifts_it(lab):
    """Whoever wanted it does not any more."""
    lab.enroll(lab.client, "alice")
    lab.swallow()
    process = lab.client.spawn([MINIVPN, "up", lab.client_conf(**FILE)])
    wait_until(lambda: "minivpn-client" in
               lab.client.run(["nft", "list", "tables"]).stdout)
    process.popen.terminate()
    process.wait()
    wait_until(lambda: not lab.client.minivpn_pids())
    assert lab.client.ping(ROUTER_LAN)


def test_names_after_a_kill(lab):
    """Where no name server answers, what the name was last is known."""
    hosts = lab.client.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(before + f"{SERVER} vpn.example.org\n")
    path = prepare(lab, Server="vpn.example.org")
    lab.client.up(path)
    lab.client.kill_minivpn()
    hosts.write_text(before)
    assert "vpn.example.org" in lab.client.up(path)
    # Another name is not known.
    lab.client.kill_minivpn()
    said = lab.client.fails("up", lab.client_conf(
        **{**FILE, "Server": "other.example.org"}))
    assert "kill switch is in force until minivpn down client" in said
    lab.client.minivpn("down")


def test_names_are_asked_for_behind_it(lab):
    """Before the first answer nothing else leaves, and the answer comes."""
    path = prepare(lab, Server="vpn.test")
    names = NameServer(lab.router, ROUTER_LAN, vpn_test=SERVER)
    lab.client.path("/etc/resolv.conf").write_text(
        f"nameserver {ROUTER_LAN}\n")
    lab.client.baseline()
    os.kill(names.process.pid, signal.SIGSTOP)
    with Capture(lab.client, "eth0") as wire:
        process = lab.client.spawn([MINIVPN, "up", path])
        wire.wait_for(lambda packet: packet.outgoing and packet.to_port == 53)
        assert not lab.client.ping(ROUTER_LAN, wait=0.3, check=False)
        assert leaves(lab.client, ROUTER_LAN, port=53, wait=0.3) == NOWHERE
        assert leaves(lab.client, SERVER, port=4433, wait=0.3) == NOWHERE
        os.kill(names.process.pid, signal.SIGCONT)
        assert process.wait(15) == 0, process.output()
        assert {packet.to_port for packet in wire.seen() if packet.outgoing
                and packet.protocol == UDP} == {53, 4433}
    assert names.was_asked("vpn.test")
    assert lab.client.ping(INTERNET)


def test_name_that_has_moved(lab):
    """While it is in force: what was known is tried, then the name asked."""
    path = prepare(lab, Server="vpn.test", DNS=INTERNET)
    names = NameServer(lab.router, ROUTER_LAN, vpn_test=SERVER)
    lab.client.path("/etc/resolv.conf").write_text(
        f"nameserver {ROUTER_LAN}\n")
    lab.client.baseline()
    lab.client.up(path)
    lab.client.kill_minivpn()
    names.start(vpn_test=SERVER6)
    lab.swallow()
    assert f"[{SERVER6}]:4433" in lab.client.up(path)
    assert lab.client.ping(INTERNET)


def test_not_wanted_any_more(lab):
    """`up` with a file that says no lifts what a killed run has left."""
    lab.client.up(prepare(lab))
    lab.client.kill_minivpn()
    assert not lab.client.ping(ROUTER_LAN, wait=0.3, check=False)
    lab.client.up(lab.client_conf(Routes="none"))
    assert lab.client.ping(ROUTER_LAN)


def test_stays_when_host_gives_up(lab):
    """It ends by an error, not by the user: nothing may leave all the same."""
    lab.client.batch("address add 10.99.0.2/24 dev eth0")
    lab.client.baseline()
    lab.client.up(prepare(lab))
    lab.server.minivpn("down")
    # A network that the client is in already.
    lab.serve(Address="10.99.0.1/24")
    wait_until(lambda: not lab.client.minivpn_pids(), 20, "host gives up")
    lab.client.killed = True
    assert "the kill switch stays" in lab.client.log("client")
    assert not lab.client.ping(ROUTER_LAN, wait=0.3, check=False)
    result = lab.client.minivpn("down")
    assert "lifted the kill switch" in result.stdout
    assert lab.client.ping(ROUTER_LAN)


def test_a_foreign_table(lab):
    """A table of that name that is not ours: said, and left alone."""
    lab.client.run(["nft", "add", "table", "inet", "minivpn-client"])
    lab.client.baseline()
    said = lab.client.fails("up", prepare(lab))
    assert "minivpn-client" in said and "already" in said


def test_dry_run_in_words_of_nft(lab):
    """What it prints is what nft takes."""
    path = prepare(lab, Server=["203.0.113.5", "[2001:db8:2::5]:443"],
                   KillSwitch="yes, exclude, lan",
                   Exclude="198.51.100.0/24, 198.51.100.1, 2001:db8:9::1")
    lines = lab.client.minivpn("up", "--dry-run", path).stdout.splitlines()
    table = next(line for line in lines if "table inet minivpn-" in line)
    assert ("ip daddr 203.0.113.5 udp dport 4433 meta mark & "
            "0xff0000ff == 0x4d0000ff accept") in table
    assert ("ip6 daddr 2001:db8:2::5 udp dport 443 meta mark & "
            "0xff0000ff == 0x4d0000ff accept") in table
    assert "set lan4 { type ipv4_addr; flags interval; elements = { " \
        "192.168.1.0/24 }; }" in table
    assert "set exclude4 { type ipv4_addr; flags interval; elements = { " \
        "198.51.100.0/24 }; }" in table
    lab.client.shell(table.replace("nft ", "nft -c ", 1))


@pytest.mark.parametrize("moment", ["up", "down"])
def test_any_death_then_down(lab, moment):
    """Killed at any moment, one or all: `down` lifts it, whatever is left."""
    path = prepare(lab)
    client = lab.client
    client.killed = True
    for milliseconds in range(0, 40, 4):
        if moment == "down":
            client.up(path)
        process = client.spawn([MINIVPN, moment,
                                path if moment == "up" else "client"])
        client.run(["sleep", str(milliseconds / 1000)])
        pids = client.minivpn_pids()
        if pids:
            client.kill_minivpn(pids[:1 + milliseconds % 8])
        process.wait(20)
        client.minivpn("down", check=False)
        wait_until(lambda: not client.minivpn_pids(), 5, "the end")
        assert not snapshot.difference(client.before, snapshot.take(client))
