# SPDX-License-Identifier: GPL-2.0-or-later
"""Either end goes and comes back, and ways that lose datagrams."""

import re

import pytest

from host import MINIVPN, wait_until
from lab import INNER, INTERNET, ROUTER_LAN, SERVER, SERVER6
from packets import Capture
from relay import Relay

QUICK = {"Keepalive": "1"}


def relay(lab, **options):
    made = Relay(lab.router, (SERVER, 4433), **options)
    lab.closers.append(made.close)
    return made


def pings(lab):
    return wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False),
                      15, "the tunnel's coming back")


def outage(lab):
    """While there is no server nothing of the client leaves in clear."""
    with Capture(lab.router, "wan") as wire:
        assert not lab.client.ping(INTERNET, wait=0.3, check=False)
        assert not [packet for packet in wire.seen()
                    if INTERNET in packet.addresses]


def test_server_is_restarted(lab):
    """`down` and `up` of the server: the client is back by itself."""
    lab.start(server=QUICK, client={"Routes": "default", **QUICK})
    before = lab.client.status()
    lab.server.minivpn("down")
    wait_until(lambda: lab.client.status()["state"] == "reconnecting")
    outage(lab)
    lab.serve(**QUICK)
    pings(lab)
    after = lab.client.status()
    assert after["state"] == "up"
    assert after["addresses"] == before["addresses"]
    assert after["pid"] == before["pid"]
    assert lab.client.ping(INTERNET)


def test_server_is_killed(lab):
    """No goodbye: the client notices the silence."""
    lab.start(server=QUICK, client={"Routes": "default", **QUICK})
    before = lab.client.status()["addresses"]
    lab.server.kill_minivpn()
    wait_until(lambda: lab.client.status()["state"] == "reconnecting", 10)
    outage(lab)
    lab.serve(**QUICK)
    pings(lab)
    assert lab.client.status()["addresses"] == before


def test_server_is_replaced_unnoticed(lab):
    """Killed and back at once, before anybody has missed it."""
    lab.start(server=QUICK, client=QUICK)
    before = lab.client.status()["addresses"]
    lab.server.kill_minivpn()
    lab.serve(**QUICK)
    pings(lab)
    assert lab.client.status()["addresses"] == before


def test_down_says_goodbye(lab):
    """The server forgets a client that leaves, without waiting."""
    lab.start()
    lab.client.minivpn("down")
    wait_until(lambda: not lab.server.status()["clients"], 2)
    lab.server.wait_log("server", "alice")


def test_client_is_killed(lab):
    """All of its processes, and up again at once."""
    lab.start(client={"Routes": "default"})
    before = lab.client.status()["addresses"]
    lab.client.kill_minivpn()
    lab.connect(Routes="default")
    assert lab.client.status()["addresses"] == before
    assert lab.client.ping(INTERNET)
    assert len(lab.server.status()["clients"]) == 1


def test_client_is_killed_and_has_its_port_again(lab):
    """The server sees another ClientHello from the live session's port."""
    relay(lab, one_port=5555)
    way = {"Server": f"{ROUTER_LAN}:5000", "Routes": "198.51.100.0/24"}
    lab.start(client=way)
    for _ in range(2):
        lab.client.kill_minivpn()
        lab.connect(**way)
        assert lab.client.ping(INTERNET)
        [entry] = lab.server.status()["clients"]
        assert entry["endpoint"] == "203.0.113.1:5555"


def test_silent_client_is_forgotten(lab):
    lab.start(server=QUICK, client=QUICK)
    lab.client.kill_minivpn()
    wait_until(lambda: not lab.server.status()["clients"], 10)
    lab.server.wait_log("server", r"alice.*(silent|heard|timeout|answer)")


def test_idle_tunnel_stays(lab):
    """Keepalives alone keep it: longer than the patience of both ends."""
    lab.start(server=QUICK, client=QUICK)
    connected = lab.server.status()["clients"][0]["connected"]
    wait_until(lambda: lab.server.status()["clients"][0]["connected"] >
               connected + 5, 10)
    assert lab.client.status()["state"] == "up"
    assert lab.client.status()["server"]["last_heard"] < 3
    assert lab.client.ping(INNER)


@pytest.mark.parametrize("seed", range(3))
def test_handshake_with_loss(lab, seed):
    """A fifth lost, some swapped, some twice; both directions."""
    way = relay(lab, loss=0.2, reorder=0.2, repeat=0.1, seed=seed)
    lab.start(client={"Server": f"{ROUTER_LAN}:5000"})
    assert wait_until(lambda: lab.client.ping(INNER, wait=1, check=False), 10)
    assert way.lost + way.swapped + way.repeated > 0


def test_handshake_with_nothing_in_order(lab):
    way = relay(lab, reorder=0.9)
    lab.start(client={"Server": f"{ROUTER_LAN}:5000"})
    assert lab.client.ping(INNER)
    assert way.swapped > 2


def test_loss_by_the_router(lab):
    """The same by nftables, for the real way."""
    lab.router.run(["nft", "-f", "-"], input="""
        table ip lossy { chain forward {
            type filter hook forward priority 0
            udp dport 4433 numgen random mod 5 0 drop
            udp sport 4433 numgen random mod 5 0 drop
        }
        }""")
    lab.start()
    assert wait_until(lambda: lab.client.ping(INNER, wait=1, check=False), 10)


def test_the_other_server_takes_over(lab):
    """Of two ways the one that was in use dies."""
    lab.start(server=QUICK, client={
        "Server": [f"{SERVER}:4433", f"[{SERVER6}]:4433"], **QUICK})
    assert lab.client.status()["server"]["endpoint"] == f"{SERVER}:4433"
    lab.swallow()
    wait_until(lambda: lab.client.status()["server"]["endpoint"] ==
               f"[{SERVER6}]:4433" and
               lab.client.status()["state"] == "up", 30)
    pings(lab)


def test_up_does_not_wait_for_ever(lab):
    """A server that is not there yet: a reason, and nothing is left."""
    lab.enroll(lab.client, "alice")
    said = lab.client.fails("up", lab.client_conf())
    assert re.search(r"203\.0\.113\.5", said)


def test_client_that_waits_in_the_foreground(lab):
    """As a service: SIGTERM while it is connecting ends it at once."""
    lab.enroll(lab.client, "alice")
    lab.swallow()
    process = lab.client.spawn([MINIVPN, "up", "--foreground",
                                lab.client_conf()])
    wait_until(lambda: "tun0" in lab.client.ip("link").stdout or
               process.popen.poll() is not None)
    process.popen.terminate()
    process.wait(5)
