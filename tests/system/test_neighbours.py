# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs, and people, that change the network of the same host."""

import re

import pytest

from files import server_file
from host import wait_until
from lab import INNER, INTERNET, SERVER

DEFAULT = {"Routes": "default"}

# What Docker, ufw and firewalld leave on a host, as far as it drops packets.
DOCKER = """
table ip filter {
    chain DOCKER-USER { return; }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump DOCKER-USER
        oifname "docker0" ct state established,related accept
        iifname "docker0" oifname != "docker0" accept
    }
}
"""
UFW = """
table ip filter {
    chain ufw-user-forward { }
    chain ufw-before-forward {
        ct state established,related accept
        icmp type echo-request accept
        jump ufw-user-forward
    }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump ufw-before-forward
    }
}
"""
REJECTING = """
table inet house {
    chain sub { iifname "lan0" accept; }
    chain forward {
        type filter hook forward priority filter + 10; policy accept;
        ct state vmap { established : accept, related : accept, invalid : drop }
        iifname { "lo", "lan0" } tcp dport 22 drop
        jump sub
        reject with icmpx admin-prohibited
    }
}
"""


def nft(host, text):
    host.run(["nft", "-f", "-"], input=text)


def warnings(host):
    return host.status()["warnings"]


def serve(lab):
    """What `up` of the server warns of; it succeeds all the same."""
    lab.enroll(lab.client, "alice")
    path = lab.server.write("server.conf", server_file(lab.server_key,
                                                       lab.peers))
    result = lab.server.minivpn("up", path)
    assert result.stdout.startswith("minivpn: server: up on tun0")
    lab.connect(**DEFAULT)
    return result.stderr


def remedy(text):
    return re.search(r"nft '([^']*)'", text).group(1)


@pytest.mark.parametrize("foreign, words", [
    (DOCKER, ["the policy of the chain FORWARD (table ip filter)",
              'insert rule ip filter DOCKER-USER iifname "tun0" accept; '
              'insert rule ip filter DOCKER-USER oifname "tun0" ct state '
              'established,related accept']),
    (UFW, ["ufw route allow in on tun0"]),
    (REJECTING, ["a rule of the chain forward (table inet house)"])],
    ids=["docker", "ufw", "rejecting"])
def test_foreign_firewall_is_named_with_what_to_allow(lab, foreign, words):
    nft(lab.server, foreign)
    before = lab.server.run(["nft", "-j", "list", "ruleset"]).stdout
    said = serve(lab)
    [warning] = warnings(lab.server)
    assert warning in said and said.startswith("minivpn: warning: server: ")
    assert all(word in warning for word in words)
    assert f"warning: {warning}" in lab.server.minivpn("status").stdout
    assert not lab.client.ping(INTERNET, wait=0.5, check=False) or \
        foreign is UFW  # which lets pings pass, and nothing else
    if foreign is UFW:  # as that command does it
        lab.server.run(["nft", "insert rule ip filter ufw-user-forward "
                        "iifname tun0 accept"])
    else:
        lab.server.run(["nft", remedy(warning)])
    assert lab.client.ping(INTERNET)
    wait_until(lambda: not warnings(lab.server), what="the all-clear")
    lab.server.wait_log("server", "nothing on this host drops")
    lab.server.minivpn("down")
    lab.server.run(["nft", "flush", "ruleset"])
    nft(lab.server, foreign)
    assert re.sub(r'"handle": \d+', "", before) == re.sub(
        r'"handle": \d+', "",
        lab.server.run(["nft", "-j", "list", "ruleset"]).stdout)
    lab.server.run(["nft", "flush", "ruleset"])


@pytest.mark.parametrize("iptables", ["iptables-nft", "iptables-legacy"])
def test_iptables(lab, iptables):
    """By way of nf_tables it is as any table; the old kind is only guessed."""
    def command(*words):
        return lab.server.run([iptables, *words], check=False)

    if command("-P", "FORWARD", "DROP").returncode:
        pytest.skip(f"this kernel has nothing for {iptables}")
    command("-A", "FORWARD", "-m", "conntrack", "--ctstate",
            "RELATED,ESTABLISHED", "-m", "comment", "--comment", "replies",
            "-j", "ACCEPT")
    command("-A", "FORWARD", "-i", "eth7", "-j", "ACCEPT")
    serve(lab)
    [warning] = warnings(lab.server)
    assert not lab.client.ping(INTERNET, wait=0.5, check=False)
    if iptables == "iptables-legacy":
        assert "old iptables" in warning and "if clients do not" in warning
        lab.server.shell(warning.rpartition("allow it: ")[2])
    else:
        assert "oifname" not in warning
        lab.server.run(["nft", remedy(warning)])
        wait_until(lambda: not warnings(lab.server), what="the all-clear")
    assert lab.client.ping(INTERNET)
    command("-F", "FORWARD")
    command("-P", "FORWARD", "ACCEPT")
    lab.server.minivpn("down")
    lab.server.run(["nft", "flush", "ruleset"])


# What goes into a chain that drops the rest.
HARMLESS = [
    "iifname tun0 accept; oifname tun0 accept",
    'iifname "tun*" accept; ct state { established, related } accept',
    "ip saddr 10.8.0.0/24 accept; ip daddr 10.8.0.0/24 accept",
    "iif != lo accept",
    "ct state established accept; ct state new jump ours",
]


def test_what_lets_the_tunnel_pass_is_no_obstacle(lab):
    lab.serve()
    for number, rules in enumerate(HARMLESS):
        nft(lab.server, """table ip good%d {
            chain ours { meta iifname tun0 counter accept; }
            chain forward {
                type filter hook forward priority 0; policy drop; %s;
            }
        }""" % (number, rules))
    # A change that is seen for sure, after those that are not to be.
    nft(lab.server, """table ip bad { chain forward {
            type filter hook forward priority 0; policy drop;
        }
    }""")
    [warning] = wait_until(lambda: warnings(lab.server))
    assert "table ip bad" in warning
    lab.server.run(["nft", "flush", "ruleset"])


def test_flushed_ruleset(lab):
    """NAT goes on; a table that the kernel lets nobody else remove stays."""
    lab.start(client=DEFAULT)
    lab.server.run(["nft", "flush", "ruleset"])
    assert lab.client.ping(INTERNET)
    assert "minivpn-server" in lab.server.run(["nft", "list", "tables"]).stdout


def network(host):
    """What there is of ours on a client, as text."""
    return "\n".join(host.ip(words).stdout for words in (
        "-o link show tun0", "-br address show tun0",
        "route show table 77", "-6 route show table 77", "rule", "-6 rule"))


# No more at a time than would look like a quarrel.
@pytest.mark.parametrize("changes", [
    [("route del 0.0.0.0/1 table 77", "ip route add 0.0.0.0/1"),
     ("-6 route del ::/1 table 77", "ip route add ::/1"),
     ("address del 10.8.0.2/24 dev tun0", "ip address add 10.8.0.2"),
     ("address del fd08::2/64 dev tun0", "ip address add fd08::2")],
    [("link set tun0 down", "ip link set dev tun0"),
     ("link set tun0 mtu 1300", "ip link set dev tun0"),
     ("route flush table 77", "ip route add 0.0.0.0/1")],
    [("rule del pref 77", "ip rule add pref 77"),
     ("-6 rule flush protocol 77", "ip -6 rule add pref 77")]],
    ids=["routing", "link", "rules"])
def test_what_is_removed_is_put_back(lab, changes):
    lab.start(client=DEFAULT)
    before = network(lab.client)
    for command, said in changes:
        seen = len(lab.client.log("client"))
        lab.client.ip(command)
        wait_until(lambda: network(lab.client) == before, 1,
                   f"what was there before {command}")
        wait_until(lambda: re.search(re.escape(said) + ".*put back",
                                     lab.client.log("client")[seen:]), 1)
    assert lab.client.ping(INTERNET)


def test_what_is_removed_again_and_again_is_put_back(lab):
    lab.start(client=DEFAULT)

    def there():
        return "128.0.0.0/1" in lab.client.ip("route show table 77").stdout

    for _ in range(8):
        lab.client.ip("route del 128.0.0.0/1 table 77")
        wait_until(there, 4, "the route")
    assert lab.client.log("client").count("again and again") == 1
    assert warnings(lab.client)
    # The route to the server goes with the uplink, and is not counted.
    before = lab.client.ip(f"route show {SERVER} proto 77").stdout
    lab.client.ip(f"route del {SERVER}")
    wait_until(lambda: lab.client.ip(f"route show {SERVER} proto 77").stdout
               == before, 1, "the route to the server")
    undone = lab.client.log("client").count("has undone")
    lab.client.minivpn("down")
    assert lab.client.log("client").count("has undone") == undone


def test_down_and_reload_are_not_undone(lab):
    """What is removed by ourselves is not missed."""
    lab.start(client=DEFAULT, Subnets="192.168.77.0/24")
    path = lab.server.directory / "server.conf"
    path.write_text(path.read_text().replace("192.168.77.0/24",
                                             "192.168.78.0/24"))
    lab.server.minivpn("reload")
    assert "192.168.78.0" in lab.server.ip("route").stdout
    # The one whose Subnets have changed is sent away, and comes back.
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False))
    lab.client.minivpn("down")
    lab.server.minivpn("down")
    for host, name in ((lab.client, "client"), (lab.server, "server")):
        assert "put back" not in host.log(name)


def test_route_that_somebody_else_takes_is_left(lab):
    lab.start(client=DEFAULT)
    lab.client.ip("route replace 128.0.0.0/1 via 192.168.1.1 table 77")
    lab.client.wait_log("client", "128.0.0.0/1.*can't be put back")
    lab.client.wait_log("client", "leaves beside the tunnel.*eth0")
    assert lab.client.status()["state"] == "leaking"
    lab.client.minivpn("down")
    assert "128.0.0.0/1" in lab.client.ip("route show table 77").stdout
    lab.client.ip("route del 128.0.0.0/1 via 192.168.1.1 table 77")


def test_device_is_deleted(lab):
    """The tunnel process is given another one."""
    lab.start(client=DEFAULT)
    before = network(lab.client)
    lab.client.ip("link delete tun0")
    lab.client.wait_log("client", "ip tuntap add dev tun0.*put back")
    wait_until(lambda: lab.client.ping(INTERNET, wait=0.5, check=False), 5,
               "the tunnel's coming back")
    assert re.sub(r"^\d+", "", network(lab.client)) == \
        re.sub(r"^\d+", "", before)
