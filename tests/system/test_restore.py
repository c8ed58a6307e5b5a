# SPDX-License-Identifier: GPL-2.0-or-later
"""What is undone again and again: put back for ever, and nothing leaves beside
the tunnel meanwhile. A witness on the uplink counts what does."""

import re
import subprocess

import pytest

from files import server_file
from host import wait_until
from lab import CLIENT6, INTERNET, INTERNET6, ROUTER_LAN, ROUTER_WAN
from packets import Capture

DEFAULT = {"Routes": "default"}
BLOCK = "minivpn.block-client"
PORT = 9  # of the stream

# A datagram each millisecond to all targets; prints how many, in the end.
STREAM = """
import select, signal, socket, sys
sent = 0
def stop(*_):
    print(sent, flush=True)
    sys.exit()
ways = [(socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET,
                       socket.SOCK_DGRAM), to) for to in sys.argv[2:]]
signal.signal(signal.SIGTERM, stop)
print("talking", flush=True)
while True:
    for way, to in ways:
        try:
            way.sendto(b"a secret", (to, int(sys.argv[1])))
            sent += 1
        except OSError:
            pass
    select.select([], [], [], 0.001)
"""

# What other programs do, every 50 ms.
REMOVALS = {
    "route": ["ip route del 128.0.0.0/1 table 77",
              "ip -6 route del ::/1 table 77"],
    "flush": ["ip route flush table 77", "ip -6 route flush table 77"],
    "rules": ["ip rule flush protocol 77", "ip -6 rule flush protocol 77"],
    "address": ["ip address flush dev tun0"],
    "down": ["ip link set tun0 down"],
    "device": ["ip link delete tun0"],
}


class Witness:
    """All of the stream that leaves by the uplink."""

    def __init__(self, lab, *targets):
        self.capture = Capture(lab.client, "eth0")
        self.stream = lab.client.spawn(["/usr/bin/python3", "-c", STREAM, PORT,
                                        *targets])
        self.stream.wait_for("talking")

    def leaked(self):
        return len([packet for packet in self.capture.seen()
                    if packet.outgoing and packet.protocol == 17 and
                    packet.to_port == PORT])

    def sent(self):
        self.stream.stop()
        return int(self.stream.output().split()[-1])


def blocked(host):
    return BLOCK in host.run(["nft", "list", "tables"]).stdout


def warned(host, words):
    return [text for text in host.status()["warnings"] if words in text]


def works(lab):
    return all(lab.client.ping(to, wait=0.5, check=False)
               for to in (INTERNET, INTERNET6))


def remove(host, commands, rounds, pause=0.05):
    """By another program, to its end."""
    script = f"""for round in $(seq {rounds}); do
        {"; ".join(command + " || true" for command in commands)}
        sleep {pause}
    done 2>/dev/null; echo finished"""
    process = host.spawn(["sh", "-c", script])
    process.wait_for("finished", 20)


@pytest.mark.parametrize("what", REMOVALS)
def test_nothing_leaves_while_it_is_undone(lab, what):
    """Not one packet, from the first time on."""
    lab.start(client=DEFAULT)
    witness = Witness(lab, INTERNET, INTERNET6)
    for rounds in (1, 2, 20):
        remove(lab.client, REMOVALS[what], rounds)
        wait_until(lambda: works(lab), 15, "the tunnel's coming back")
    leaked, sent = witness.leaked(), witness.sent()
    print(f"{leaked} leaked of {sent} sent")
    assert leaked == 0
    assert sent > 500
    assert lab.client.ping(ROUTER_LAN)


def test_nothing_leaves_of_a_long_list(lab):
    """More networks than there is room for as rules, one of which has a part
    that is excluded, and that has a part again that is not."""
    many = [f"11.{i // 256}.{i % 256}.0/24" for i in range(2000)]
    lines = [", ".join(many[i:i + 50]) for i in range(0, len(many), 50)]
    lab.start(client={"Routes": [*lines, f"{INTERNET}/24, 11.0.7.32/28"],
                      "Exclude": "11.0.7.0/26"})
    assert blocked(lab.client)
    witness = Witness(lab, INTERNET, "11.7.200.9", "11.0.7.33")
    for rounds in (1, 2, 20):
        remove(lab.client, ["ip route flush table 77"], rounds)
        wait_until(lambda: lab.client.ping(INTERNET, wait=0.5, check=False), 15,
                   "the tunnel's coming back")
    leaked, sent = witness.leaked(), witness.sent()
    print(f"{leaked} leaked of {sent} sent")
    assert leaked == 0
    assert sent > 500
    with Capture(lab.client, "eth0") as uplink:
        lab.client.ping("11.0.7.33", wait=0.2, check=False)
        lab.client.ping("11.0.7.9", wait=0.2, check=False)
        uplink.wait_for(lambda packet: packet.to == "11.0.7.9")
        assert not [packet for packet in uplink.seen()
                    if packet.to == "11.0.7.33"]


def test_said_while_it_is_undone_and_over_afterwards(lab):
    """In status and doctor, with one of the changes; the log does not
    overflow."""
    lab.start(client=DEFAULT)
    remove(lab.client, REMOVALS["route"], 60, 0.02)
    text = warned(lab.client, "again and again")[0]
    assert re.search(r'"ip route add (128\.0\.0\.0|::)/1 dev tun0', text)
    assert BLOCK in text
    assert "again and again" in lab.client.minivpn(
        "doctor", "client", check=False).stdout
    assert len(lab.client.log("client").splitlines()) < 40
    wait_until(lambda: works(lab), 5, "the tunnel's coming back")


def test_what_is_undone_slowly_is_put_back_at_once(lab):
    lab.start(client=DEFAULT)
    witness = Witness(lab, INTERNET)
    remove(lab.client, ["ip route flush table 77"], 5, 0.7)
    assert not warned(lab.client, "again and again")
    assert witness.leaked() == 0
    assert works(lab)


def test_block_is_there_from_up_to_down(lab):
    """Nobody else removes it; a kill switch, which lets less out, is instead of
    it."""
    lab.start(client=DEFAULT)
    assert blocked(lab.client)
    lab.client.run(["nft", "flush", "ruleset"])
    assert blocked(lab.client)
    lab.client_conf(KillSwitch="yes", **DEFAULT)
    lab.client.minivpn("reload")
    wait_until(lambda: not blocked(lab.client))
    lab.client_conf(**DEFAULT)
    lab.client.minivpn("reload")
    assert blocked(lab.client)
    lab.client.minivpn("down")
    assert not blocked(lab.client)


def test_block_goes_when_all_are_killed(lab):
    lab.start(client=DEFAULT)
    assert blocked(lab.client)
    lab.client.kill_minivpn()
    assert not blocked(lab.client)
    lab.client.minivpn("down", "client")


def test_a_list_of_networks_is_blocked_alone(lab):
    """What is not in Routes goes on as before."""
    lab.start(client={"Routes": f"{INTERNET}/32"})
    witness = Witness(lab, INTERNET)
    remove(lab.client, [f"ip route del {INTERNET} table 77"], 20)
    assert lab.client.ping(ROUTER_WAN) and lab.client.ping("2001:db8:2::1")
    assert witness.leaked() == 0


def disable_ipv6(host, value):
    host.shell(f"echo {value} >/proc/sys/net/ipv6/conf/all/disable_ipv6")


# As a network manager does, once it may.
IPV6 = f"""
address add {CLIENT6}/64 dev eth0
route add default via 2001:db8:1::1
"""


def test_ipv6_is_switched_off_and_on(lab):
    """Said while it is off, and none of it leaves when it is on again."""
    lab.start(client=DEFAULT)
    witness = Witness(lab, INTERNET6)
    for _ in range(3):
        disable_ipv6(lab.client, 1)
        wait_until(lambda: warned(lab.client, "IPv6 is switched off"))
        assert lab.client.ping(INTERNET)
        disable_ipv6(lab.client, 0)
        lab.client.batch(IPV6)
        wait_until(lambda: lab.client.ping(INTERNET6, wait=0.5, check=False))
        wait_until(lambda: not warned(lab.client, "IPv6 is switched off"))
    for _ in range(5):
        disable_ipv6(lab.client, 1)
        disable_ipv6(lab.client, 0)
        lab.client.batch(IPV6)
    wait_until(lambda: lab.client.ping(INTERNET6, wait=0.5, check=False))
    assert witness.leaked() == 0
    assert witness.sent() > 100


FORWARDING = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]


def setting(host, key):
    return host.run(["sysctl", "-n", key]).stdout.strip()


def test_forwarding_that_is_switched_off_is_put_back(lab):
    lab.start(client=DEFAULT)
    for key in FORWARDING * 2:
        lab.server.run(["sysctl", "-qw", f"{key}=0"])
        wait_until(lambda: setting(lab.server, key) == "1", 2, key)
        lab.server.wait_log("server", f"{key}=1.*put back")
    assert works(lab)


def test_forwarding_that_can_not_be_put_back_is_said(lab):
    """As in a container, whose settings only the machine outside can set."""
    lab.start(client=DEFAULT)
    lab.server.shell("mount --bind /proc/sys /proc/sys;"
                     "mount -o remount,bind,ro /proc/sys")
    outside = ["nsenter", "--target", str(lab.server.pid), "--net", "sysctl",
               "-qw", f"{FORWARDING[0]}=0"]
    subprocess.run(outside, check=True)
    [text] = wait_until(lambda: warned(lab.server, "mounted read-only"))
    assert f'"sysctl -w {FORWARDING[0]}=1' in text
    assert setting(lab.server, FORWARDING[0]) == "0"
    lab.server.shell("umount /proc/sys")
    wait_until(lambda: setting(lab.server, FORWARDING[0]) == "1")
    wait_until(lambda: not lab.server.status()["warnings"])


def test_forwarding_that_was_on_before_is_said(lab):
    """It is not ours to put back."""
    lab.server.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    lab.server.baseline()
    lab.enroll(lab.client, "alice")
    lab.server.up(lab.server.write("server.conf", server_file(
        lab.server_key, lab.peers)))
    lab.server.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")
    [text] = wait_until(lambda: warned(lab.server, "net.ipv4.ip_forward off"))
    assert setting(lab.server, FORWARDING[0]) == "0"
    lab.server.shell(text.rpartition(": ")[2])
    wait_until(lambda: not lab.server.status()["warnings"])
