# SPDX-License-Identifier: GPL-2.0-or-later
"""A server with many ports, and clients that choose one, or one after another.
"""

import json
import re

import pytest

from host import wait_until
from lab import INNER, INTERNET, SERVER, SERVER6

PORTS = range(20000, 30000)
ENDPOINT = "vpn.example.org:20000-29999"
MANY = {"Listen": "4433, 20000-29999", "Endpoint": ENDPOINT}
AT = {4: f"{SERVER}:20000-29999", 6: f"[{SERVER6}]:20000-29999"}
TABLE = "minivpn.ports-server"


def port_of(host):
    return int(host.status()["server"]["endpoint"].rpartition(":")[2])


def tables(host):
    listed = json.loads(host.run(["nft", "-j", "list", "tables"]).stdout)
    return sorted((entry["table"]["family"], entry["table"]["name"])
                  for entry in listed["nftables"] if "table" in entry)


def has_table(host):
    return [family for family, name in tables(host) if name == TABLE]


@pytest.mark.parametrize("family", [4, 6])
def test_a_port_of_many(lab, family):
    """The client is at one of them, and the server's own port serves on."""
    lab.start(MANY, {"Server": AT[family], "Routes": "default"})
    assert port_of(lab.client) in PORTS
    assert lab.client.ping(INNER)
    # What goes through the tunnel to such a port elsewhere goes on.
    far = lab.internet.socket()
    far.bind(("", 25000))
    far.settimeout(5)
    asks = lab.client.socket()
    asks.sendto(b"question", (INTERNET, 25000))
    assert far.recv(100) == b"question"
    assert has_table(lab.server) == ["ip", "ip6"]
    assert "*:20000-29999 to 4433" in lab.server.status()["listen"]
    changes = "\n".join(lab.server.status()["changes"])
    assert changes.count("udp dport 20000-29999 fib daddr type local "
                         "dnat to :4433") == 2
    path = lab.server.directory / "server.conf"
    plan = lab.server.minivpn("up", "--dry-run", path).stdout
    assert f"table ip6 {TABLE} " in plan
    # Who is added is told of them.
    made = lab.server.minivpn("add", path, "bob").stdout
    assert f"Server     = {ENDPOINT}\n" in made


def test_hops_under_traffic(lab):
    """Every second or so another port, behind the kill switch: of what passes
    meanwhile next to nothing is lost, and no flow stays."""
    lab.start(MANY, {"Server": AT[4], "Hop": "1", "KillSwitch": "yes"})
    ping = lab.client.spawn(["ping", "-q", "-i", "0.02", INNER])
    seen = {port_of(lab.client)}

    def hopped():
        seen.add(port_of(lab.client))
        return len(seen) > 4
    wait_until(hopped, 20, "four hops")
    ping.popen.send_signal(2)
    ping.popen.wait()
    sent, received = map(int, re.search(
        r"(\d+) packets transmitted, (\d+) received", ping.output()).groups())
    assert sent - received <= 5, ping.output()
    assert seen <= set(PORTS)
    # A session that goes on is no news.
    assert lab.client.log("client").count("up on tun0") <= 1
    # The kill switch lets out the range, and the tunnel's packets alone.
    changes = "\n".join(lab.client.status()["changes"])
    assert (f"ip daddr {SERVER} udp dport 20000-29999 meta mark & "
            in changes)


def test_port_of_another_program(lab):
    """It stays that program's, and who brings the server up is told."""
    own = lab.server.socket()
    own.bind(("", 25000))
    own.settimeout(5)
    lab.start(MANY, {"Server": AT[4]})
    words = "UDP port 25000 of 20000-29999 is another program's"
    assert words in lab.server.log("server")
    assert words in lab.server.minivpn(
        "check", lab.server.directory / "server.conf").stderr
    asks = lab.client.socket()
    asks.sendto(b"question", (SERVER, 25000))
    assert own.recv(100) == b"question"
    own.close()


def test_killed_server_leaves_no_table(lab):
    lab.enroll(lab.client, "alice")
    lab.serve(**MANY)
    assert has_table(lab.server)
    lab.server.kill_minivpn()
    wait_until(lambda: not has_table(lab.server), what="the table's end")
