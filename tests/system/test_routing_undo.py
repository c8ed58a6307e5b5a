# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules and tables: nothing of them is left, whatever dies and whoever changes
them meanwhile; and what `up` says that it does is what is done."""

import contextlib
import json
import re

import pytest

import snapshot
from host import wait_until
from lab import INTERNET, SERVER6
from packets import Capture, send_udp
from routing_lab import (BOTH, FULL, add_vpn, assert_by, change, is_held,
                         start_vpn, wait_held_or_said)

FOREIGN = """
rule {} pref 32000 fwmark 9 lookup 202
rule {} pref 100 to 192.0.2.0/24 lookup 202
route {} default via 192.168.1.1 table 202
route {} 192.0.2.0/24 via 192.168.1.1 dev eth0
-6 rule {} pref 100 to 2001:db8:9::/64 lookup 202
-6 route {} default via 2001:db8:1::1 table 202
"""
OPTIONS = {"full": FULL, "list": {"Routes": "198.51.100.0/24, fd77::/64"},
           "exclude": {**FULL, "Exclude": f"{INTERNET}, lan"},
           "inbound": {**FULL, "Inbound": "no"},
           "switch": {**FULL, "KillSwitch": "yes"}}


def rules(host):
    return [json.loads(host.ip(f"-j -d {family} rule").stdout)
            for family in ("-4", "-6")]


def texts(host):
    return host.ip("rule").stdout + host.ip("-6 rule").stdout


@pytest.mark.parametrize("kind", OPTIONS)
def test_rules_of_others_stay_as_they_are(lab, kind):
    """Their order and numbers too; ours say that they are ours."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    change(lab, FOREIGN, passing=False)
    before, lines = rules(lab.client), texts(lab.client)
    lab.connect(**OPTIONS[kind])
    for was, now in zip(before, rules(lab.client)):
        assert [rule for rule in now if rule in was] == was
        ours = [rule for rule in now if rule not in was]
        assert {str(rule.get("protocol")) for rule in ours} <= {"77"}
    lab.client.minivpn("down")
    assert texts(lab.client) == lines
    assert not snapshot.difference(lab.client.before, snapshot.take(lab.client))


@pytest.mark.parametrize("kind", ["full", "list", "exclude", "switch"])
@pytest.mark.parametrize("then", ["down", "up"])
def test_all_are_killed(lab, kind, then):
    lab.enroll(lab.client, "alice")
    lab.serve()
    change(lab, FOREIGN, passing=False)
    lines = texts(lab.client)
    lab.connect(**OPTIONS[kind])
    lab.client.kill_minivpn()
    if then == "up":
        lab.client.up(lab.client.directory / "client.conf")
        if kind == "full":
            assert is_held(lab.client)
            assert lab.client.status()["state"] == "up"
    lab.client.minivpn("down", "client")
    assert texts(lab.client) == lines
    assert not snapshot.difference(lab.client.before, snapshot.take(lab.client))


@pytest.mark.parametrize("which", ["pid", "tunnel_pid"])
def test_one_is_killed(lab, which):
    """Host: what is left cleans up; tunnel process: nothing leaves in clear
    meanwhile."""
    lab.start(client=FULL)
    lab.client.kill_minivpn([lab.client.status()[which]])
    if which == "pid":
        wait_until(lambda: not lab.client.minivpn_pids(), 5, "the end")
        lab.client.minivpn("down", "client", check=False)
        assert not snapshot.difference(lab.client.before,
                                    snapshot.take(lab.client))
        return
    for _ in range(10):
        found = {packet.device for packet in sent(lab)}
        assert found <= {"tun0"}, found
    wait_until(lambda: lab.client.ping(INTERNET, wait=0.3, check=False), 8)


def sent(lab):
    """Packets to the internet host that leave while one is sent."""
    with Capture(lab.client, "") as wires:
        with contextlib.suppress(OSError):
            send_udp(lab.client, INTERNET, b"a secret")
        return [packet for packet in wires.seen()
                if packet.outgoing and packet.to == INTERNET]


@pytest.mark.parametrize("what", ["rules", "routes"])
def test_somebody_removes_ours(lab, what):
    """It is put back within seconds, or said what is missing."""
    lab.start(client=FULL)
    before = rules(lab.client)
    routes = lab.client.own_routes()
    for _ in range(2):
        if what == "rules":
            for family, found in zip(("-4", "-6"), before):
                for rule in found:
                    if str(rule.get("protocol")) == "77":
                        lab.client.ip(f"{family} rule del pref "
                                      f"{rule['priority']}")
        else:
            for family in ("-4", "-6"):
                lab.client.ip(f"{family} route flush table all proto 77",
                              check=False)
        wait_held_or_said(lab.client, r"rule|route|/1")
        wait_until(lambda: is_held(lab.client), 5, "all by the tunnel")
    wait_until(lambda: rules(lab.client) == before and
               sorted(lab.client.own_routes().splitlines()) ==
               sorted(routes.splitlines()), 5, "all as it was")


@pytest.mark.parametrize("moment", ["up", "killed"])
def test_ours_are_gone_at_down(lab, moment):
    """Whoever has removed them, `down` does not mind; what it finds of
    somebody else under the same number it leaves."""
    lab.start(client=FULL)
    if moment == "killed":
        lab.client.kill_minivpn()
    for family, found in zip(("-4", "-6"), rules(lab.client)):
        for rule in found:
            if str(rule.get("protocol")) == "77":
                lab.client.ip(f"{family} rule del pref {rule['priority']}",
                              check=False)
        lab.client.ip(f"{family} route flush table all proto 77",
                      check=False)
    lab.client.minivpn("down", "client")
    assert not snapshot.difference(lab.client.before, snapshot.take(lab.client))
    assert_by("eth0", lab.client, *BOTH)


# What `up` says that it does.

def done(host):
    """All that the lines of `up` make of routing: as lines."""
    found = []
    for words in ("-4 rule", "-6 rule", "-4 route show table all",
                  "-6 route show table all"):
        for entry in json.loads(host.ip(f"-j -d {words}").stdout):
            if str(entry.get("protocol")) == "77":
                entry.pop("flags", None)
                found.append(json.dumps(entry, sort_keys=True))
    ruleset = host.run(["nft", "list", "ruleset"]).stdout
    # Whichever table was made first.
    ruleset = "".join(sorted(re.findall(r"^table .*?^}\n", ruleset,
                                        re.MULTILINE | re.DOTALL)))
    # Who owns a table, and what was counted, is not of the lines.
    return sorted(found), re.sub(r"\n\s*flags [^\n]*|packets \d+ bytes \d+|"
                                 r" # \w+ \w+|\n(?=\n)", "", ruleset)


@pytest.mark.parametrize("kind", [*OPTIONS, "ipv6", "inside"])
def test_lines_are_commands(lab, kind):
    """Each line of the changes in force is one that ip and nft take; in the
    end all is as `up` has made it."""
    if kind == "inside":
        add_vpn(lab)
        start_vpn(lab)
        lab.client.baseline()
    options = OPTIONS.get(kind, FULL)
    if kind == "ipv6":
        options = {**FULL, "Server": f"[{SERVER6}]:4433"}
    lab.start(client=options)
    lines = lab.client.status()["changes"]
    wanted = done(lab.client)
    lab.client.minivpn("down")
    assert not snapshot.difference(lab.client.before, snapshot.take(lab.client))
    lab.client.compared = False  # nobody undoes it
    for line in lines:
        assert line.split()[0] in ("ip", "nft", "sysctl", "printf", "echo",
                                   "resolvectl"), line
        lab.client.shell(line)
    found = done(lab.client)
    assert found[0] == wanted[0]
    # What belongs to a process has gone with the one who made it.
    assert found[1] in wanted[1]
    assert (kind == "switch") == bool(found[1])


@pytest.mark.parametrize("kind", OPTIONS)
def test_dry_run_is_accepted(lab, kind):
    """Before a word with the server: each line but the comments."""
    lab.enroll(lab.client, "alice")
    path = lab.client_conf(**OPTIONS[kind])
    lines = lab.client.minivpn("up", "--dry-run", path).stdout.splitlines()
    assert not snapshot.difference(lab.client.before, snapshot.take(lab.client))
    lab.client.compared = False
    for line in lines:
        lab.client.shell(line)
    lab.serve()
    other = lab.add_client()
    other.key = lab.client.key
    other.up(lab.client_conf(other, **OPTIONS[kind]))
    made = other.status()["changes"]
    # What does not need a word with the server is what is done.
    for line in lines:
        if line.startswith("ip rule") or line.startswith("ip -6 rule"):
            assert line in made, (line, made)
