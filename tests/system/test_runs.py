# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of datagrams (UDP_SEGMENT) that are lost on the way without an error at
the sender, as Linux 7.0.0 to 7.1.4, some virtual network cards and some routers
do it. Both ends find out by themselves, and go on without.

The router stands for all of them: it drops what is longer than any datagram
before it is cut.
"""

import errno
import os
import re
import signal

import pytest

from faults import JOINED, TUNNEL, Faults, bear_deaths
from host import wait_until
from lab import INTERNET

RULES = """
table inet runs {
    counter lost { }
    chain forward {
        type filter hook forward priority 0;
        meta l4proto udp meta length > 1600 counter name lost %s
    }
}
"""


def rule(lab, verdict):
    """What the router does to runs: it counts them in any case."""
    lab.router.run(["nft", "-f", "-"], input="table inet runs\ndelete table "
                   "inet runs\n" + RULES % verdict)


def runs(lab):
    return int(lab.router.run(["nft", "list", "counter", "inet", "runs",
                               "lost"]).stdout.split("packets ")[1].split()[0])


def lost(host):
    """What status says: are runs lost, on the way to the one peer?"""
    status = host.status()
    [peer] = status.get("clients") or [status["server"]]
    return peer["runs_lost"]


@pytest.fixture
def up(lab):
    def bring():
        lab.enroll(lab.client, "alice")
        lab.serve()
        lab.client.up(lab.client_conf())
        lab.internet.spawn(["iperf3", "-s", "--forceflush"]).wait_for(
            "listening")
    return bring


def transfer(lab, *options, size="24M"):
    """Its time is bounded, with all that is found out meanwhile."""
    lab.client.run(["iperf3", "-c", INTERNET, "-n", size, *options],
                   timeout=20)


def test_lost_from_the_start(lab, up):
    """Both directions are of use within seconds; said in all places; and what
    is lost no more is found out too."""
    rule(lab, "drop")
    up()
    transfer(lab)
    transfer(lab, "--reverse")
    for host, whom in ((lab.client, "the server"), (lab.server, "alice")):
        wait_until(lambda h=host: lost(h), 10, f"{whom}'s runs are lost")
        name = host.status()["name"]
        host.wait_log(name, f"{whom}: datagrams that .*UDP_SEGMENT.* are lost")
        assert "UDP segmentation is off" in host.minivpn("status").stdout
        assert "note   offload: " in host.minivpn("doctor").stdout
    before = runs(lab)
    transfer(lab)
    assert runs(lab) - before < 50, "they are sent on"


def test_lost_in_mid_transfer(lab, up):
    """And found again, while the same connection goes on."""
    rule(lab, "accept")
    up()
    # BBR goes on at the pace that it has seen on a broken path, for long.
    lab.client.spawn(["iperf3", "-C", "cubic", "-c", INTERNET, "-t", "120"])
    wait_until(lambda: runs(lab) > 100, 10, "runs")
    assert not lost(lab.client)
    for verdict in ("drop", "accept"):
        rule(lab, verdict)
        wait_until(lambda: lost(lab.client) == (verdict == "drop"), 30,
                   f"what a rule with {verdict} makes")
    lab.client.wait_log("client", "cut arrive again")
    sent = lab.client.status()["traffic"]["tx_packets"]
    wait_until(lambda: lab.client.status()["traffic"]["tx_packets"] >
               sent + 10000, 10, "the transfer that goes on")


def test_single_packets_are_lost(lab, up):
    """One in twenty, of whatever length: that is no reason."""
    up()
    rule(lab, "accept; meta l4proto udp numgen random mod 20 0 drop")
    lab.client.run(["iperf3", "-u", "-b", "60M", "-l", "1200", "-c", INTERNET,
                    "-t", "6"], timeout=30)
    assert not lost(lab.client) and not lost(lab.server)
    assert runs(lab) > 200


def test_tun_refuses_joined_packets(lab):
    """As a device that has said that it takes them, and does not: what was
    joined is written one by one, and it is said in all places."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    bear_deaths(lab.client)
    faults = Faults(lab.client)
    lab.client.run(faults.argv("up", lab.client_conf()))
    lab.internet.spawn(["iperf3", "-s", "--forceflush"]).wait_for("listening")
    assert "joined" not in lab.client.minivpn("status").stdout
    with faults.armed(TUNNEL, JOINED, 1, error=errno.EINVAL, times=1 << 30):
        transfer(lab, "--reverse")
        assert faults.count == 1, "it is tried again"
    said = r"the tun device refuses joined packets.* \(Invalid argument\)"
    lab.client.wait_log("client", said)
    assert re.search(said, lab.client.minivpn("status").stdout)
    assert re.search("note +warning: " + said,
                     lab.client.minivpn("doctor", check=False).stdout)
    [warning] = lab.client.status()["warnings"]
    assert re.match(said, warning)
    with lab.client.inside():
        os.kill(lab.client.status()["tunnel_pid"], signal.SIGKILL)
    wait_until(lambda: not lab.client.status()["warnings"], 10,
               "another process, which finds out for itself")
