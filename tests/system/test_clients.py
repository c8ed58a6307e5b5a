# SPDX-License-Identifier: GPL-2.0-or-later
"""Many clients at one server: addresses, and who may reach whom."""

import ipaddress
import json
import re
import socket
import struct

import pytest

from files import Key
from host import MINIVPN, wait_until
from lab import INNER, INNER6, INTERNET, INTERNET6, SERVER_BEHIND, Peer
from packets import (Capture, router_advertisement, send_raw, send_udp,
                     udp_packet)

HOP_BY_HOP = 0
MARK = b"from somebody whose address this is not"


def addresses(host):
    """IPv4 and IPv6 inside, without their lengths."""
    return [text.split("/")[0] for text in host.status()["addresses"]]


def drops(host, name):
    [entry] = [each for each in host.status()["clients"]
               if each["name"] == name]
    return sum(entry["drops"].values())


def two(lab, server=None, first=None, second=None, client=None):
    """Alice and Bob, both up."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice", **(first or {}))
    lab.enroll(other, "bob", **(second or {}))
    lab.serve(**(server or {}))
    lab.connect(**(client or {}))
    lab.connect(other, **(client or {}))
    return other


@pytest.mark.smoke
def test_two(lab):
    other = two(lab)
    mine, its = addresses(lab.client), addresses(other)
    assert not set(mine) & set(its)
    for host in (lab.client, other):
        assert host.ping(INNER) and host.ping(INNER6)
        assert host.ping(INTERNET)
    listed = {each["name"]: each for each in lab.server.status()["clients"]}
    assert set(listed) == {"alice", "bob"}
    assert [text.split("/")[0] for text in listed["alice"]["addresses"]] == mine
    assert listed["bob"]["endpoint"].startswith("192.168.1.3:")


def test_fifty_at_once(lab):
    hosts = [lab.client, *lab.add_clients(49)]
    for number, host in enumerate(hosts):
        lab.enroll(host, f"client{number}")
    lab.serve()
    starts = [host.spawn([MINIVPN, "up", lab.client_conf(host)])
              for host in hosts]
    for start in starts:
        assert start.wait(60) == 0, start.output()
    given = [address for host in hosts for address in addresses(host)]
    assert len(set(given)) == 100
    pings = [host.spawn(["ping", "-c1", "-W5", "-n", INNER]) for host in hosts]
    assert [each.wait(10) for each in pings] == [0] * 50
    assert len(lab.server.status()["clients"]) == 50
    page = lab.server.minivpn("status").stdout
    assert "50 of 50 connected" in page
    assert "and 30 more: --all shows them" in page
    line = re.compile(r"^client\d+ +10\.8\.0\.\d+ +192\.168\.1\.\d+ +\d+ s ",
                      re.MULTILINE)
    assert len(line.findall(page)) == 20
    page = lab.server.minivpn("status", "--all").stdout
    assert len(line.findall(page)) == 50 and "more" not in page
    downs = [host.spawn([MINIVPN, "down"]) for host in hosts]
    assert [each.wait(30) for each in downs] == [0] * 50
    wait_until(lambda: not lab.server.status()["clients"],
               what="the server's forgetting")


def test_clients_are_kept_apart(lab):
    """ClientToClient = no, the default: dropped and counted."""
    other = two(lab)
    [to, _] = addresses(other)
    before = drops(lab.server, "alice")
    with Capture(other, "tun0") as seen:
        assert not lab.client.ping(to, wait=0.5, check=False)
        assert not seen.seen()
    assert drops(lab.server, "alice") > before


def test_clients_together(lab):
    other = two(lab, server={"ClientToClient": "yes"})
    for to in addresses(other):
        assert lab.client.ping(to)
    for to in addresses(lab.client):
        assert other.ping(to)


def test_fixed_addresses(lab):
    other = two(lab, first={"Address": "10.8.0.77, fd08::77"},
                second={"Address": "10.8.0.78"})
    assert addresses(lab.client) == ["10.8.0.77", "fd08::77"]
    assert addresses(other)[0] == "10.8.0.78"
    assert lab.client.ping(INNER) and lab.client.ping(INNER6)


def test_pool_is_exhausted(lab):
    """10.8.0.1/30 has room for one client beside the server."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(Address="10.8.0.1/30")
    lab.connect()
    said = other.fails("up", lab.client_conf(other))
    assert "address" in said
    lab.server.wait_log("server", r"192\.168\.1\.3.*(exhausted|no .*address)")
    assert lab.client.ping(INNER)
    lab.client.minivpn("down")
    wait_until(lambda: not lab.server.status()["clients"])
    # Nobody uses it now: the address goes to who needs it.
    lab.connect(other)
    assert other.ping(INNER)


def test_lease_is_kept(lab):
    """The same address after a restart of both, whoever comes first."""
    other = two(lab)
    given = addresses(lab.client), addresses(other)
    for host in (lab.client, other, lab.server):
        host.minivpn("down")
    lab.serve()
    lab.connect(other)
    lab.connect()
    assert (addresses(lab.client), addresses(other)) == given


@pytest.mark.parametrize("source, to", [("10.8.0.99", INTERNET),
                                        (SERVER_BEHIND, INTERNET),
                                        ("192.168.1.2", INTERNET),
                                        ("fd08::99", INTERNET6),
                                        ("2001:db8:1::2", INTERNET6)])
def test_spoofed_source(lab, source, to):
    lab.start()
    before = drops(lab.server, "alice")
    with Capture(lab.server, "tun0") as inside, \
            Capture(lab.internet, "eth0") as far:
        send_raw(lab.client, "tun0", udp_packet(source, to, MARK))
        wait_until(lambda: drops(lab.server, "alice") > before,
                   what="the drop being counted")
        # The own address on the same way: the packet as such is good.
        [own] = [each for each in addresses(lab.client)
                 if (":" in each) == (":" in to)]
        send_raw(lab.client, "tun0", udp_packet(own, to, b"my own"))
        far.wait_for(lambda packet: b"my own" in packet.data)
        assert not inside.holds(MARK) and not far.holds(MARK)


def members_of_a_group(host):
    """A socket for which the kernel reports to its neighbours."""
    group = socket.inet_pton(socket.AF_INET6, "ff15::77")
    [link] = json.loads(host.ip("-j link show tun0").stdout)
    member = host.socket(socket.AF_INET6)
    member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                      group + struct.pack("@I", link["ifindex"]))
    return member


def test_what_kernels_tell_their_neighbours(lab):
    """Reports of groups (RFC 3810) come from no address at all, as the device
    has none of its link: that is nobody's mistake."""
    lab.start()
    for host in (lab.client, lab.server):
        with Capture(host, "tun0", strict=True) as seen, \
                members_of_a_group(host):
            seen.wait_for(lambda packet: packet.source == "::" and
                          packet.protocol == HOP_BY_HOP)
    assert lab.client.ping(INNER)
    for host in (lab.client, lab.server):
        assert not any(host.status()["drops"].values()), host.status()["drops"]


@pytest.mark.parametrize("source", ["::", "fe80::1", "0.0.0.0", "169.254.1.1"])
def test_sources_of_one_link(lab, source):
    """Nothing of that kind comes out of the tunnel: counted under its own name."""
    lab.start()
    to = INNER if "." in source else INNER6
    with Capture(lab.server, "tun0", strict=True) as inside:
        send_raw(lab.client, "tun0", udp_packet(source, to, MARK))
        wait_until(lambda: lab.server.status()["drops"]["link_local"] == 1)
        assert lab.client.ping(INNER)
        assert not inside.holds(MARK)
    assert lab.server.status()["drops"]["source"] == 0


def test_server_is_no_router_of_the_clients_link(lab):
    """What it says of routers on the link stays outside of the client's kernel,
    which would believe it."""
    lab.start()
    lie = router_advertisement("fe80::1", addresses(lab.client)[1])
    send_raw(lab.server, "tun0", lie)
    wait_until(lambda: lab.client.status()["drops"]["link_local"] == 1)
    assert lab.client.ping(INNER6)
    assert "proto ra" not in lab.client.ip("-6 route").stdout


def test_spoofed_source_of_a_neighbour(lab):
    """Another client's address is as foreign as any."""
    other = two(lab, server={"ClientToClient": "yes"})
    [its, _] = addresses(other)
    before = drops(lab.server, "alice")
    with Capture(lab.server, "tun0") as inside:
        send_raw(lab.client, "tun0", udp_packet(its, INNER, MARK))
        wait_until(lambda: drops(lab.server, "alice") > before)
        assert not inside.holds(MARK)
    assert drops(lab.server, "bob") == 0


def test_no_ip_packets(lab):
    """What is no IP packet, or cut short, ends at one of both ends."""
    lab.start()
    good = udp_packet(addresses(lab.client)[0], INNER, MARK)
    with Capture(lab.server, "tun0") as inside:
        for bad in (good[:19], good[:1], b"\x45" + bytes(27), b"\x65" + good[1:],
                    b"\x60" + bytes(30), good[:2] + b"\xff\xff" + good[4:]):
            send_raw(lab.client, "tun0", bad)
        assert lab.client.ping(INNER)
        assert not inside.holds(MARK)


def test_site_to_site(lab):
    """Subnets: the network behind a peer, from the server and from others."""
    other = lab.add_client()
    other.batch("address add 192.168.50.1/24 dev lo")
    other.baseline()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob", Subnets="192.168.50.0/24, fd50::/64")
    lab.serve(ClientToClient="yes", Routes="192.168.50.0/24")
    lab.connect()
    lab.connect(other, Routes="none")
    assert "dev tun0" in lab.server.ip("route get 192.168.50.1").stdout
    assert "dev tun0" in lab.server.ip("route get fd50::1").stdout
    assert lab.server.ping("192.168.50.1")
    assert lab.client.ping("192.168.50.1")
    # And as a source: it is bob's own.
    with Capture(lab.server, "tun0") as inside:
        send_raw(other, "tun0", udp_packet("192.168.50.9", INNER, MARK))
        inside.wait_for(lambda packet: MARK in packet.data)
    assert drops(lab.server, "bob") == 0


def test_add_and_remove(lab):
    """Both take effect at once; the others do not notice."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.serve(Endpoint="203.0.113.5")
    lab.connect()
    path = lab.server.directory / "server.conf"
    added = lab.server.minivpn("add", path, "bob")
    other.up(other.write("client.conf", added.stdout))
    assert other.ping(INNER) and other.ping(INTERNET)
    pids = lab.server.status()["pid"], lab.server.status()["tunnel_pid"]
    lab.server.minivpn("remove", path, "bob")
    wait_until(lambda: [each["name"] for each in lab.server.status()["clients"]]
               == ["alice"], what="bob's end")
    other.wait_log("client", "removed|not allowed|refuse")
    assert not other.ping(INNER, wait=0.5, check=False)
    assert lab.client.ping(INNER)
    assert (lab.server.status()["pid"],
            lab.server.status()["tunnel_pid"]) == pids
    other.minivpn("down")
    other.fails("up", other.directory / "client.conf")


def test_reload(lab):
    """Peers come by an editor and `reload`, as by `add`."""
    other = lab.add_client()
    lab.start()
    lab.enroll(other, "bob")
    path = lab.server.directory / "server.conf"
    path.write_text(f"{path.read_text()}[Peer bob]\n"
                    f"PublicKey = {other.key.public}\n")
    lab.server.minivpn("reload", "server")
    lab.connect(other)
    assert other.ping(INNER) and lab.client.ping(INNER)


def test_reload_of_a_bad_file(lab):
    """Nothing changes, and the file's mistakes are said."""
    lab.start()
    path = lab.server.directory / "server.conf"
    path.write_text(f"{path.read_text()}Nonsense = 1\n")
    result = lab.server.minivpn("reload", "server", check=False)
    assert result.returncode == 1
    assert "Nonsense" in result.stderr + lab.server.log("server")
    assert lab.client.ping(INNER)
    assert lab.server.status()["state"] == "up"


def test_max_clients(lab):
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(MaxClients="1")
    lab.connect()
    other.fails("up", lab.client_conf(other))
    assert lab.client.ping(INNER)


def test_same_key_twice(lab):
    """One peer, two machines: the newer one has the address, both say so."""
    other = lab.add_client()
    lab.start()
    mine = addresses(lab.client)
    other.key = lab.client.key
    lab.connect(other)
    assert addresses(other) == mine
    assert len(lab.server.status()["clients"]) == 1
    lab.client.wait_log("client", "elsewhere|replaced|another|same key")


def test_unused_lease_is_no_way_in(lab):
    """The address of a peer that is away belongs to nobody else."""
    away = Key.make()
    lab.peers.append(Peer("away", away, {"Address": "10.8.0.50"}))
    lab.start()
    assert ipaddress.ip_address(addresses(lab.client)[0]) != \
        ipaddress.ip_address("10.8.0.50")
    before = drops(lab.server, "alice")
    send_raw(lab.client, "tun0", udp_packet("10.8.0.50", INTERNET, MARK))
    wait_until(lambda: drops(lab.server, "alice") > before)
    send_udp(lab.client, "10.8.0.50", MARK)  # to nobody: no harm
    assert lab.client.ping(INNER)
