# SPDX-License-Identifier: GPL-2.0-or-later
"""A key that both ends have besides: what is said where they do not, and that
it stays in force whatever becomes of a session."""

import re

import pytest

from faults import Faults, bear_deaths
from files import Key, client_file, server_file
from host import wait_until
from lab import INNER, INTERNET

HOUR = "3600"
ONE, OTHER = (Key.make().private for _ in range(2))
NONE_HERE = "it has a PresharedKey for this client, and this file has none"
NOT_THE_SAME = "it has another PresharedKey for this client, or none"


def comings(lab):
    return [line for line in lab.server.log("server").splitlines()
            if "alice: connected" in line]


def move(lab, was, becomes):
    lab.client.batch(f"address del {was}/24 dev eth0\n"
                     f"address add {becomes}/24 dev eth0\n"
                     "route add default via 192.168.1.1")


@pytest.mark.parametrize("client, server, said, logged", [
    (None, ONE, NONE_HERE, "it has no PresharedKey, and the file has one"),
    (ONE, None, NOT_THE_SAME, "it has a PresharedKey, and the file has none"),
    (ONE, OTHER, NOT_THE_SAME, "its PresharedKey is another one than the"),
])
def test_not_the_same(lab, client, server, said, logged):
    """One line at either end says what is wrong; no key is in it."""
    lab.enroll(lab.client, "alice", PresharedKey=server)
    lab.serve()
    line = lab.client.fails("up", lab.client_conf(PresharedKey=client))
    assert said in line
    lab.server.wait_log("server", re.escape(f"{lab.client.key.public}: {logged}"))
    assert not lab.server.status()["clients"]
    assert ONE not in lab.server.log("server") + line


def test_refused_one_does_not_disturb(lab):
    """Who has a client's private key alone does not take its place."""
    other = lab.add_client()
    lab.start(client={"PresharedKey": ONE}, PresharedKey=ONE)
    assert lab.client.ping(INNER)
    other.key = lab.client.key
    assert NONE_HERE in other.fails("up", lab.client_conf(other))
    assert lab.client.ping(INNER)
    assert len(comings(lab)) == 1


def test_rekeyed(lab):
    """A full handshake an hour later, at the same address."""
    bear_deaths(lab.client)
    lab.client.killed = False
    faults = Faults(lab.client)
    lab.enroll(lab.client, "alice", PresharedKey=ONE)
    lab.serve(Keepalive=HOUR)
    lab.client.run(faults.argv("up", lab.client_conf(
        PresharedKey=ONE, Keepalive=HOUR)))
    assert lab.client.ping(INNER)
    faults.sleep(int(HOUR) + 1)
    assert lab.client.ping(INNER, count=100, extra=["-i", "0.05"])
    wait_until(lambda: len(comings(lab)) == 2, 15)
    assert not comings(lab)[-1].endswith("resumed")
    assert lab.client.ping(INNER)


def test_moves_and_changes(lab):
    """It survives another address, and is exchanged for another one."""
    lab.start(client={"PresharedKey": ONE, "Routes": "default"},
              PresharedKey=ONE)
    assert lab.client.ping(INTERNET)
    move(lab, "192.168.1.2", "192.168.1.77")
    wait_until(lambda: len(comings(lab)) == 2 and "resumed" in comings(lab)[1],
               10)
    assert lab.client.ping(INTERNET)

    peer, = lab.peers
    peer.options["PresharedKey"] = OTHER
    lab.server.write("server.conf", server_file(lab.server_key, lab.peers))
    lab.client.write("client.conf", client_file(
        lab.client.key, lab.server_key.public, PresharedKey=OTHER,
        Routes="default"))
    lab.client.minivpn("reload", "client")
    lab.client.wait_log("client", NOT_THE_SAME)
    lab.server.minivpn("reload", "server")
    wait_until(lambda: lab.client.ping(INTERNET, check=False), 40)
    move(lab, "192.168.1.77", "192.168.1.2")
    wait_until(lambda: lab.client.ping(INTERNET, check=False), 10)
