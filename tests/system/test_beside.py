# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes in beside the tunnel: from the LAN of a client (CVE-2019-14899),
from the networks of a server, and by its translation of ports
(CVE-2021-3773)."""

import socket

import pytest

from host import wait_until
from lab import (CLIENT, CLIENT6, INNER, INNER6, INTERNET, INTERNET6,
                 ROUTER_WAN, SERVER, SERVER6, SERVER_BEHIND, SERVER_BEHIND6)
from packets import ARP_REPLY, UDP, Capture, arp_ask, send_forged, udp_packet
from routing_lab import FULL, Service, add_box, ask, carries
from test_unauthenticated import client_hello

ALICE, ALICE6 = "10.8.0.2", "fd08::2"
PORT = 2222


def route_to(lab, host, network, gateway):
    """A neighbour sends to a network by whom it should not."""
    version = "-6" if ":" in network else "-4"
    host.ip(f"{version} route add {network} via {gateway}")
    lab.closers.append(lambda: host.ip(f"{version} route del {network}",
                                       check=False))


def set_rp_filter(host, value):
    host.shell(f"""
        cd /proc/sys/net/ipv4/conf
        for device in all eth0 default; do echo {value} >$device/rp_filter; done
        """)
    host.baseline()


def assert_silent(asking, to, witness):
    """Nobody answers there, or says that nobody listens, by any way."""
    with Capture(witness, "") as wires:
        for port in (PORT, 9):
            for kind in ("tcp", "udp"):
                assert ask(asking, to, kind, port=port, wait=0.3) is None
        asking.ping(to, wait=0.3, check=False)
        said = [packet for packet in wires.seen() if packet.outgoing and
                packet.source == to]
    assert not said, said


@pytest.mark.parametrize("value, options", [
    (0, {}), (1, {}), (2, {}), (0, {"KillSwitch": "yes"}),
    (2, {"KillSwitch": "yes"}), (1, {"KillSwitch": "yes, lan"}),
    (0, {"Routes": "198.51.100.0/24, 2001:db8:3::/64"})],
    ids=["0", "1", "2", "0-switch", "2-switch", "1-lan", "0-list"])
def test_neighbour_of_a_client(lab, value, options):
    """Whoever sends what is for the inner address to the outer one."""
    set_rp_filter(lab.client, value)
    neighbour = lab.add_client()
    neighbour.compared = False
    lab.start(client={**FULL, **options})
    for kind in ("tcp", "udp"):
        Service(lab, lab.client, "::", kind)
    for own, near in ((ALICE, CLIENT), (ALICE6, CLIENT6)):
        route_to(lab, neighbour, own, near)
        assert_silent(neighbour, own, lab.client)
        # By the tunnel it is answered.
        assert ask(lab.server, own)
    assert carries(lab.client)


@pytest.mark.parametrize("own, near", [(ALICE, CLIENT), (ALICE6, CLIENT6)],
                         ids=["v4", "v6"])
def test_forged_answer(lab, own, near):
    """From the address that a program of ours speaks with by the tunnel."""
    far = INTERNET6 if ":" in own else INTERNET
    family = socket.AF_INET6 if ":" in own else socket.AF_INET
    set_rp_filter(lab.client, 0)
    neighbour = lab.add_client()
    neighbour.compared = False
    lab.start(client=FULL)
    route_to(lab, neighbour, own, near)
    Service(lab, lab.internet, far, "udp", PORT)
    with lab.client.socket(family) as program:
        program.settimeout(30)
        program.connect((far, PORT))
        port = program.getsockname()[1]
        assert program.getsockname()[0] == own
        with Capture(lab.client, "eth0") as uplink:
            for source in (far, INNER6 if ":" in own else INNER):
                send_forged(neighbour, udp_packet(source, own, b"forged", PORT,
                                                  port))
            uplink.wait_for(lambda packet: b"forged" in packet.data)
        program.send(b"who?")
        assert b"forged" not in program.recv(100)
        program.setblocking(False)
        with pytest.raises(BlockingIOError):
            program.recv(100)


def test_another_address(lab):
    """The next one that the server gives is as closed as the first was."""
    neighbour = lab.add_client()
    neighbour.compared = False
    lab.start(client=FULL, Address="10.8.0.7")
    lab.peers[0].options["Address"] = "10.8.0.9"
    lab.server.minivpn("down", "server")
    lab.serve()
    wait_until(lambda: "10.8.0.9" in lab.client.ip("address show tun0").stdout,
               20, "the new address")
    Service(lab, lab.client, "0.0.0.0")
    for own in ("10.8.0.7", "10.8.0.9"):
        route_to(lab, neighbour, own, CLIENT)
        assert_silent(neighbour, own, lab.client)
    assert ask(lab.server, "10.8.0.9")


@pytest.mark.parametrize("who", ["client", "server"])
def test_arp(lab, who):
    """Nobody is told which host of a link has an inner address."""
    lab.start(client=FULL)
    host, asking, device, inner, outer = {
        "client": (lab.client, lab.add_client(), "eth0", ALICE, CLIENT),
        "server": (lab.server, lab.router, "wan", INNER, SERVER)}[who]
    asking.compared = False
    del host
    found = arp_ask(asking, device, [inner, outer], last=outer)
    assert found == {outer: ARP_REPLY}


# The server.

@pytest.mark.parametrize("between", ["no", "yes"])
@pytest.mark.parametrize("nat", ["yes", "no"])
def test_uplink_does_not_reach_clients(lab, nat, between):
    """Not by their inner addresses, and not as another client either."""
    lab.start(server={"NAT": nat, "ClientToClient": between}, client=FULL)
    route_to(lab, lab.router, "10.8.0.0/24", SERVER)
    route_to(lab, lab.router, "fd08::/64", SERVER6)
    for address in ("0.0.0.0", "::"):
        Service(lab, lab.client, address, "udp", 2000 + len(address))
    with Capture(lab.client, "tun0") as tunnel:
        for to, other in ((ALICE, "10.8.0.3"), (ALICE6, "fd08::3")):
            assert ask(lab.router, to, "udp", wait=0.3) is None
            assert not lab.router.ping(to, wait=0.3, check=False)
            send_forged(lab.router, udp_packet(other, to, b"forged"))
            send_forged(lab.router, udp_packet(
                INNER6 if ":" in to else INNER, to, b"forged"))
        assert lab.server.ping(ALICE) and lab.server.ping(ALICE6)
        assert not [packet for packet in tunnel.seen()
                    if packet.source not in (INNER, INNER6, ALICE, ALICE6)
                    or b"forged" in packet.data]


def test_subnets_are_reached(lab):
    """By whoever is beside the server: so the file says."""
    lab.start(Subnets="192.168.44.0/24", client={**FULL})
    lab.client.ip("address add 192.168.44.1/32 dev lo")
    lab.closers.append(lambda: lab.client.ip("address del 192.168.44.1/32 "
                                             "dev lo", check=False))
    route_to(lab, lab.internet, "192.168.44.0/24", SERVER_BEHIND)
    Service(lab, lab.client, "192.168.44.1")
    assert ask(lab.internet, "192.168.44.1") == INTERNET


@pytest.mark.parametrize("nat", ["yes", "eth1", "no"])
def test_subnets_are_translated(lab, nat):
    """NAT is for the networks behind clients too."""
    lab.start(server={"NAT": nat}, Subnets="192.168.44.0/24",
              client={**FULL})
    lab.client.ip("address add 192.168.44.1/32 dev lo")
    lab.closers.append(lambda: lab.client.ip("address del 192.168.44.1/32 "
                                             "dev lo", check=False))
    with Capture(lab.internet, "eth0") as wire, lab.client.socket() as own:
        own.bind(("192.168.44.1", 0))
        own.sendto(b"from behind", (INTERNET, 9))
        packet = wire.wait_for(lambda packet: b"from behind" in packet.data)
    assert packet.source == ("192.168.44.1" if nat == "no" else SERVER_BEHIND)


def test_services_of_the_servers_inner_address(lab):
    lab.start(client=FULL)
    for host, by in ((lab.router, (SERVER, SERVER6)),
                     (lab.internet, (SERVER_BEHIND, SERVER_BEHIND6))):
        route_to(lab, host, INNER, by[0])
        route_to(lab, host, INNER6, by[1])
    for inner in (INNER, INNER6):
        Service(lab, lab.server, inner)
        for host in (lab.router, lab.internet):
            assert_silent(host, inner, lab.server)
        assert ask(lab.client, inner)


def test_service_that_trusts_the_inner_network(lab):
    """Nobody else is from there."""
    lab.start(client=FULL)
    with Capture(lab.server, "eth0") as uplink, \
            lab.server.socket(socket.AF_INET6) as service:
        service.bind(("::", PORT))
        service.setblocking(False)
        for source, to in (("10.8.0.3", SERVER), ("fd08::3", SERVER6)):
            send_forged(lab.router, udp_packet(source, to, b"forged",
                                               to_port=PORT))
        uplink.wait_for(lambda packet: packet.source == "fd08::3")
        with lab.router.socket(socket.AF_INET6) as honest:
            honest.sendto(b"honest", (SERVER6, PORT))
            wait_until(lambda: uplink.holds(b"honest"))
        assert service.recv(100) == b"honest"


@pytest.mark.parametrize("before", [0, 1])
def test_links_of_the_server(lab, before):
    """It forwards for the tunnel now, and for others what it did before."""
    lab.server.shell(f"""
        echo {before} >/proc/sys/net/ipv4/ip_forward
        echo {before} >/proc/sys/net/ipv6/conf/all/forwarding""")
    lab.server.baseline()
    route_to(lab, lab.router, INTERNET, SERVER)
    route_to(lab, lab.router, INTERNET6, SERVER6)
    route_to(lab, lab.internet, ROUTER_WAN, SERVER_BEHIND)
    route_to(lab, lab.internet, "2001:db8:2::1", SERVER_BEHIND6)
    lab.start(client=FULL)

    def passing():
        return [host.ping(to, wait=0.4, check=False) for host, to in (
            (lab.router, INTERNET), (lab.router, INTERNET6),
            (lab.internet, ROUTER_WAN), (lab.internet, "2001:db8:2::1"))]

    assert passing() == [bool(before)] * 4
    assert carries(lab.client)
    # A file that is read again finds that it forwards.
    lab.enroll(lab.add_client(), "bob")
    path = lab.server.directory / "server.conf"
    path.write_text(path.read_text() + f"""
[Peer bob]
PublicKey = {lab.peers[1].key.public}
Subnets = 192.168.55.0/24
""")
    lab.server.minivpn("reload", "server")
    assert passing() == [bool(before)] * 4


def test_guests_that_come_later(lab):
    """Somebody makes a bridge for guests on a server: what he lets pass does."""
    lab.start(client=FULL)
    box = add_box(lab, lab.server)
    lab.closers.append(lambda: lab.server.ip("link del box"))
    route_to(lab, lab.internet, "172.16.9.0/24", SERVER_BEHIND)
    wait_until(lambda: carries(box), what="the guest's way out")


def test_uplink_that_comes_later(lab):
    """A bridge that a link goes into is kept apart from the others as that
    link was."""
    lab.start(client=FULL)
    route_to(lab, lab.router, INTERNET, SERVER)
    route_to(lab, lab.router, INTERNET6, SERVER6)
    route_to(lab, lab.internet, ROUTER_WAN, SERVER_BEHIND)
    route_to(lab, lab.internet, "2001:db8:2::1", SERVER_BEHIND6)
    lab.server.batch(f"""
        link add br7 type bridge
        link set br7 up
        link set eth1 master br7
        address del {SERVER_BEHIND}/24 dev eth1
        address del {SERVER_BEHIND6}/64 dev eth1
        address add {SERVER_BEHIND}/24 dev br7
        address add {SERVER_BEHIND6}/64 dev br7 nodad""")
    lab.closers.append(lambda: lab.server.batch(f"""
        link del br7
        address add {SERVER_BEHIND}/24 dev eth1
        address add {SERVER_BEHIND6}/64 dev eth1"""))
    wait_until(lambda: carries(lab.client), what="the new way out")
    assert lab.internet.ping(SERVER_BEHIND)
    assert not [to for host, to in (
        (lab.router, INTERNET), (lab.router, INTERNET6),
        (lab.internet, ROUTER_WAN), (lab.internet, "2001:db8:2::1"))
        if host.ping(to, wait=0.4, check=False)]


CLOUD = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")


@pytest.mark.parametrize("said", [False, True])
def test_cloud(lab, said):
    """What a cloud tells its machine is not for the machine's clients."""
    for address in CLOUD:
        lab.internet.ip(f"address add {address} dev eth0")
        version, by = (("-6", INTERNET6) if ":" in address else
                       ("-4", INTERNET))
        lab.server.ip(f"{version} route add {address} via {by}")
    lab.internet.baseline()
    lab.server.baseline()
    routes = ", ".join(CLOUD) if said else "10.77.0.0/16"
    lab.start(server={"Routes": routes},
              client={"Routes": f"{INTERNET}, {', '.join(CLOUD)}"})
    assert carries(lab.client)
    for address in CLOUD:
        assert lab.server.ping(address)
        assert lab.client.ping(address, wait=0.4, check=False) == said


# Ports (CVE-2021-3773).

def shadow(lab, port=4433, victim=5555):
    """A client sends from the port that the server listens on to where the
    victim is, until it can't be seen on the way out any more."""
    with Capture(lab.server, "eth1") as out, lab.client.socket() as own:
        own.bind((ALICE, port))
        for _ in range(3):
            own.sendto(b"shadow", (INTERNET, victim))
        assert carries(lab.client)
        return {packet.ports[0] for packet in out.seen()
                if packet.protocol == UDP and b"shadow" in packet.data}


@pytest.mark.parametrize("nat, port", [
    ("yes", 4433), ("yes", 40000), ("eth1", 65535), ("no", 4433)])
def test_port_shadow(lab, nat, port):
    """Somebody else's hello to the server is not an answer to a client; with
    NAT = no it is somebody else's rule that translates."""
    lab.enroll(lab.client, "alice")
    hello = client_hello(lab)
    lab.server.run(["nft", "-f", "-"], input="""
        table ip theirs { chain postrouting {
            type nat hook postrouting priority srcnat
            ip saddr 10.8.0.0/24 oifname "eth1" masquerade
        }; }""" if nat == "no" else "")
    lab.server.baseline()
    lab.serve(NAT=nat, Listen=port)
    lab.connect(Server=f"{SERVER}:{port}", **FULL)
    taken = shadow(lab, port)
    assert port not in taken
    assert taken or nat == "no"
    with lab.internet.socket() as victim:
        victim.settimeout(30)
        victim.bind((INTERNET, 5555))
        victim.sendto(hello, (SERVER_BEHIND, port))
        # HelloVerifyRequest (RFC 6347, section 4.2.1).
        assert victim.recv(2000)[13] == 3
    assert carries(lab.client)


def test_ports_of_other_services(lab):
    """Nor is what comes to services that listen below the upper half."""
    lab.start(client=FULL)
    for port in (53, 500, 1194, 4433):
        assert shadow(lab, port) and min(shadow(lab, port)) >= 32768
    assert shadow(lab, 51234) == {51234}
