# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespace = ...: the tunnel in a network namespace of its own, and nothing of
it, but its datagrams, anywhere else."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import time

import pytest

import snapshot
from host import wait_until
from lab import (CLIENT, INNER, INTERNET, INTERNET6, ROUTER_LAN,
                 SERVER_BEHIND)
from name_servers import NameServer, lookup, queries
from namespaces import Namespace, names
from packets import Capture, send_udp
from roaming import Stream, add_cell, wifi_comes, wifi_goes
from test_sandbox import CONFINED

MARK = b"nobody on the way may read this"
FILE = {"Routes": "default", "Namespace": "work"}
INSIDE = "192.0.2.8"
NET_ADMIN, SYS_ADMIN = 12, 21  # capabilities(7)
BESIDE = "192.0.2.2"  # a neighbour in the namespace of others


@pytest.fixture
def bare(lab):
    """Neither directory is there; in the end they must be gone again."""
    lab.client.shell("rmdir /run/netns")
    yield names(lab.client)
    left = names(lab.client)
    lab.client.shell("mkdir -p /run/netns")
    assert left == []


@pytest.fixture
def work(lab):
    """One that is there already, with something in it."""
    lab.client.shell(f"""
        ip netns add work
        ip -n work link set lo up
        ip -n work link add eth7 type veth peer name other
        ip -n work address add 192.0.2.1/24 dev eth7
        ip -n work link set eth7 addrgenmode none up
        ip -n work link set other addrgenmode none up
        ip -n work neighbour add {BESIDE} lladdr 02:00:00:00:00:02 dev eth7
        ip -n work route add default via {BESIDE}
        ip netns exec work nft add table inet theirs
        mkdir -p /etc/netns/work
        echo 'nameserver 192.0.2.53' >/etc/netns/work/resolv.conf""")
    namespace = Namespace(lab.client, "work")
    wait_until(lambda: "state UP" in namespace.ip("link show eth7").stdout)
    lab.client.baseline()
    namespace.baseline()
    namespace.names = names(lab.client)
    yield namespace
    left = namespace.difference()
    here = names(lab.client)
    lab.client.shell("""
        ip netns del work
        umount /run/netns
        rm -r /etc/netns""")
    lab.client.baseline()
    assert not left
    assert here == namespace.names


@pytest.fixture
def container(lab):
    """A process with a network namespace that has no name."""
    process = lab.client.spawn(["unshare", "--net", "sh", "-c",
                                "ip link set lo up; echo ready; exec cat"],
                               stdin=-1)
    process.wait_for("ready")
    namespace = Namespace(lab.client, f"/proc/{process.pid}/ns/net")
    namespace.process = process
    namespace.baseline()
    return namespace


def network(host):
    return [line for line in snapshot.take(host)
            if not line.startswith(("etc:", "sysctl:"))]


def assert_by_tunnel(lab, namespace):
    """Traffic of namespace is the server's to those outside, and hidden."""
    with Capture(lab.router, "wan") as wire, \
            Capture(lab.internet, "eth0") as far:
        send_udp(namespace, INTERNET, MARK)
        asked = far.wait_for(lambda packet: MARK in packet.data)
        assert asked.source == SERVER_BEHIND
        assert namespace.ping(INTERNET) and namespace.ping(INTERNET6)
        assert wire.seen() and not wire.holds(MARK)


def assert_direct(lab):
    """Traffic of the host itself goes its usual way."""
    with Capture(lab.router, "lan") as wire:
        send_udp(lab.client, INTERNET, MARK)
        asked = wire.wait_for(lambda packet: MARK in packet.data)
        assert (asked.source, asked.to) == (CLIENT, INTERNET)


@pytest.mark.smoke
def test_made_and_removed(lab, bare):
    before = network(lab.client)
    line = lab.start(server={"DNS": INNER}, client=FILE)
    assert re.search(r"client: up on tun0 in work, 10\.8\.0\.2, fd08::2, via ",
                     line), line
    namespace = Namespace(lab.client, "work")
    assert_by_tunnel(lab, namespace)
    assert_direct(lab)
    assert network(lab.client) == before
    assert namespace.ping("127.0.0.1")
    assert lab.client.status()["namespace"] == "work"
    assert "namespace: work" in lab.client.minivpn("status").stdout
    assert "work" in lab.client.ip("netns list").stdout
    lab.client.minivpn("down")
    assert names(lab.client) == []


def test_names_in_it(lab):
    """Programs in it ask the tunnel's name server, those outside theirs."""
    lab.start(server={"DNS": INNER, "Search": "lab.test"}, client=FILE)
    NameServer(lab.server, INNER, www_lab_test=INSIDE)
    found = lab.client.run(["ip", "netns", "exec", "work", "getent",
                            "ahostsv4", "www"])
    assert found.stdout.split()[0] == INSIDE
    assert lab.client.resolv_conf() == "nameserver 192.0.2.53\n"
    with Capture(lab.client, "eth0") as wire:
        assert lookup(lab.client, "www.lab.test", check=False) is None
        assert {server for _, server in queries(
            packet for packet in wire.seen() if packet.to != CLIENT and
            b"lab" in packet.data)} == {"192.0.2.53"}
    lab.client.minivpn("down")
    assert not lab.client.path("/etc/netns").exists()


def bound_to(namespace, device):
    own = namespace.socket(socket.AF_INET)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return own


@pytest.mark.parametrize("switch", ["no", "yes"])
def test_what_is_there_stays(lab, work, switch):
    """A namespace of somebody else's, with another way out of it."""
    lab.start(server={"DNS": INNER},
              client={**FILE, "KillSwitch": switch, "Exclude": "lan"})
    assert_by_tunnel(lab, work)
    resolver = lab.client.path("/etc/netns/work/resolv.conf").read_text()
    assert f"nameserver {INNER}" in resolver
    with Capture(work, "eth7") as beside:
        send_udp(work, INTERNET, MARK)
        assert not beside.holds(MARK)
        # Its own network is its own, but for the kill switch.
        if switch == "yes":
            with pytest.raises(PermissionError):
                send_udp(work, BESIDE, MARK)
        else:
            send_udp(work, BESIDE, MARK)
        assert beside.holds(MARK) == (switch == "no")
    assert ("minivpn-client" in
            work.run(["nft", "list", "tables"]).stdout) == (switch == "yes")
    lab.client.minivpn("down")
    assert not work.difference()
    assert names(lab.client) == work.names


def test_lan_is_that_of_the_namespace(lab, work):
    """The kill switch lets out its private networks, and those that come."""
    lab.start(server={"DNS": INNER},
              client={**FILE, "KillSwitch": "yes, lan"})
    for to in BESIDE, ROUTER_LAN, "10.55.0.2":
        with pytest.raises(PermissionError):
            with bound_to(work, "eth7") as own:
                own.sendto(MARK, (to, 9))
    work.ip("address add 10.55.0.1/24 dev eth7")

    def lets_out():
        with bound_to(work, "eth7") as own:
            with contextlib.suppress(PermissionError):
                return own.sendto(MARK, ("10.55.0.2", 9))
    wait_until(lets_out, what="the network that has come")
    work.ip("address del 10.55.0.1/24 dev eth7")
    lab.client.minivpn("down")
    assert not work.difference()


def test_container(lab, container):
    """One whole container, by any of its processes; also where it ends first.
    """
    lab.start(server={"DNS": INNER},
              client={**FILE, "Namespace": container.path})
    assert_by_tunnel(lab, container)
    assert_direct(lab)
    lab.client.wait_log("client", "name servers are not set")
    lab.client.minivpn("down")
    assert not container.difference()
    lab.connect(**FILE | {"Namespace": container.path, "KillSwitch": "yes"})
    container.process.stop()
    assert lab.client.status()["state"] == "up"
    lab.client.minivpn("down")


def is_clean(lab):
    return not (lab.client.minivpn_pids() or names(lab.client))


def test_killed(lab, bare):
    """The janitor removes what was made; and where all have died, the next
    `up` or `down`. The kill switch goes with its namespace, at the latest."""
    lab.start(server={"DNS": INNER}, client={**FILE, "KillSwitch": "yes"})
    for heal_by_up in (True, False):
        lab.client.kill_minivpn([lab.client.status()["pid"]])
        wait_until(lambda: is_clean(lab), 10, "the janitor's work")
        lab.connect(**FILE, KillSwitch="yes")
        lab.client.kill_minivpn()
        assert names(lab.client)
        if heal_by_up:
            lab.connect(**FILE)
            assert_by_tunnel(lab, Namespace(lab.client, "work"))
    lab.client.minivpn("down")
    assert is_clean(lab)


def test_all_killed_in_a_namespace_of_others(lab, work):
    """What they had in it is found, though the name is all that leads there;
    IPv6 is unreachable there, as the tunnel does not carry it."""
    lab.start(server={"DNS": INNER, "Address": "10.8.0.1/24"},
              client={**FILE, "KillSwitch": "yes"})
    lab.client.kill_minivpn()
    assert "unreachable" in work.ip("-6 route show table 77").stdout
    lab.client.minivpn("down")
    assert not work.difference()


def test_the_name_is_of_another_one_now(lab):
    """All are killed, and somebody makes a namespace of the same name: it is
    theirs, whatever is in it."""
    lab.start(client={**FILE, "KillSwitch": "yes"})
    lab.client.kill_minivpn()
    lab.client.shell("""
        ip netns del work
        ip netns add work
        ip netns exec work nft add table inet minivpn-client
        ip -n work link set lo up
        ip -n work -6 route add unreachable ::/1 proto 77""")
    theirs = Namespace(lab.client, "work")
    theirs.baseline()
    lab.client.minivpn("down")
    assert not theirs.difference()
    lab.client.ip("netns del work")
    lab.client.shell("umount /run/netns")


def test_janitor_killed_first(lab, bare):
    """It alone may remove the namespace: then `down` does it by itself."""
    lab.start(client=FILE)
    os.kill(lab.client.minivpn_processes()["janitor"], signal.SIGKILL)
    lab.client.wait_log("client", "janitor process has died: started again")
    lab.client.killed = True
    lab.client.minivpn("down")
    lab.client.wait_log("client", "the janitor, which may, does not answer")
    assert is_clean(lab)


def test_what_is_removed_in_it_is_put_back(lab):
    lab.start(client=FILE)
    namespace = Namespace(lab.client, "work")
    for harm in ("route del 0.0.0.0/1 table 77", "rule flush protocol 77",
                 "link set tun0 down", "link del tun0"):
        namespace.ip(harm)
        wait_until(lambda: namespace.ping(INTERNET, check=False), 10, harm)
    lab.client.wait_log("client", r'undone "ip -n work tuntap add .*put back')


def test_uplink_moves_outside(lab):
    """A connection in the namespace lives on while the host roams."""
    add_cell(lab)
    lab.start(client={**FILE, "Keepalive": "1"})
    stream = Stream(lab, near=Namespace(lab.client, "work"))
    for move, address in ((wifi_goes, "192.168.2.2"),
                          (wifi_comes, "192.168.1.2")):
        move(lab)
        wait_until(lambda: lab.server.status()["clients"][0]["endpoint"]
                   .startswith(address), 10)
        stream.flows(time.monotonic())
    assert not stream.error
    stream.close()


def test_dry_run(lab, bare):
    """In the words that do it; nothing is done."""
    lab.enroll(lab.client, "alice")
    conf = lab.client_conf(**FILE, DNS=INNER, KillSwitch="yes")
    lines = lab.client.minivpn("up", "--dry-run", conf).stdout.splitlines()
    table = next(line for line in lines if "nft '" in line)
    assert table.startswith("ip netns exec work nft 'table inet minivpn-client")
    assert "203.0.113.5" not in "".join(lines)
    assert [line for line in lines if line != table] == [
        "# ip -n work address add ... dev tun0: the server says which",
        '# and nft tables minivpn.filter-client, in front of it: ip daddr ... '
        'iifname != "tun0" drop',
        "mkdir /run/netns",
        "mount --bind --make-shared /run/netns /run/netns",
        "ip netns add work",
        "ip -n work link set dev lo up",
        "ip -n work tuntap add dev tun0 mode tun",
        "ip -n work link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up",
        *(f"ip -n work route add {route} table 77 proto 77" for route in
          ("throw 224.0.0.0/4", "throw 255.255.255.255/32",
           "throw fe80::/10", "throw ff00::/8",
           "0.0.0.0/1 dev tun0 scope global",
           "128.0.0.0/1 dev tun0 scope global",
           "::/1 dev tun0", "8000::/1 dev tun0",
           "unreachable 0.0.0.0/0", "unreachable ::/0",
           "10.8.0.1/32 dev tun0 scope global")),
        *(f"ip -n work {family}rule add pref 77 not fwmark "
          "0x4d000001/0xff000001 lookup 77 protocol 77"
          for family in ("", "-6 ")),
        "mkdir /etc/netns",
        "mkdir /etc/netns/work",
        "printf 'nameserver 10.8.0.1\\n' >/etc/netns/work/resolv.conf "
        "# minivpn client"]
    assert names(lab.client) == []


PLACES = {"/proc/self/ns/net": "leave Namespace out",
          "/proc/1/comm": "that is no network namespace",
          "/run/netns/none": "there is no such network namespace"}


def test_no_place_for_it(lab):
    """Also without CAP_SYS_ADMIN, as in most containers."""
    lab.enroll(lab.client, "alice")
    start = [lab.client.program, "up"]
    without = ["setpriv", "--bounding-set=-sys_admin", *start]
    for name, reason in PLACES.items():
        result = lab.client.run([*start, lab.client_conf(Namespace=name)],
                                check=False)
        assert result.returncode == 1
        assert reason in result.stderr and result.stderr.count("\n") == 1
    result = lab.client.run([*without, lab.client_conf(**FILE)], check=False)
    assert result.returncode == 1
    assert "CAP_SYS_ADMIN is needed" in result.stderr
    assert result.stderr.count("\n") == 1


def test_privileges(lab):
    """The janitor's, and nobody else's; all that it needs is enough for it."""
    lab.start(client=FILE)
    held = {}
    for name, pid in lab.client.minivpn_processes().items():
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        held[name] = {field: int(value, 16) for field, value in
                      re.findall(r"(Cap(?:Prm|Eff|Bnd)):\t(\w+)", text)}
        assert CONFINED == ("Seccomp:\t2" in text)
    janitor = held.pop("janitor")
    assert set(janitor.values()) == {1 << NET_ADMIN | 1 << SYS_ADMIN}
    assert set(held.pop("host").values()) == {1 << NET_ADMIN}
    assert not any(bits >> SYS_ADMIN & 1 for each in held.values()
                   for bits in each.values())
