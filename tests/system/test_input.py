# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be wrong with a file or a host: a reason within 15 seconds, and
nothing left behind (which is what every test ends with)."""

import os
import re
import socket

import pytest

from files import Key, client_file, server_file
from host import MINIVPN
from lab import INNER, SERVER, Peer

GOOD = "[Client]\nServer = 203.0.113.5\nServerKey = {0}\nPrivateKey = {1}\n"

# A mistake, its line, and a word of what is said about it.
MISTAKES = {
    "unknown key": (GOOD + "Sever = x\n", 5, "Sever"),
    "unknown section": (GOOD + "[Friend]\n", 5, "Friend"),
    "twice": (GOOD + "MTU = 1400\nMTU = 1400\n", 6, "MTU"),
    "range": (GOOD + "MTU = 90\n", 5, "90"),
    "no number": (GOOD + "Keepalive = often\n", 5, "often"),
    "no yes or no": (GOOD + "Offload = perhaps\n", 5, "perhaps"),
    "no network": (GOOD + "Routes = 10.0.0.0/33\n", 5, "10.0.0.0/33"),
    "no address": (GOOD + "DNS = dns.example\n", 5, "dns.example"),
    "no port": (GOOD.replace("113.5", "113.5:99999"), 2, "99999"),
    "no key": (GOOD.replace("{0}", "abcd"), 3, "ServerKey"),
    "no section": ("Server = 203.0.113.5\n" + GOOD, 1, "section"),
    "no value": (GOOD + "Device =\n", 5, "Device"),
    "no equals sign": (GOOD + "nonsense\n", 5, ""),
    "device's name": (GOOD + "Device = a/b\n", 5, "a/b"),
    "long device's name": (GOOD + f"Device = {'x' * 16}\n", 5, "Device"),
    "server's key at a client": (GOOD + "NAT = yes\n", 5, "NAT"),
    "kill switch": (GOOD + "KillSwitch = maybe\n", 5, "KillSwitch"),
    "namespace": (GOOD + "Namespace = ../other\n", 5, "Namespace"),
    "control characters": (GOOD + "Device = a\x1b[31mb\n", 5, "Device"),
    "long line": (GOOD + "DNS = " + "1.2.3.4, " * 5000 + "1.2.3.4\n", 5, ""),
}


@pytest.mark.parametrize("command", ["check", "up"])
def test_mistakes(lab, command):
    """One lab for all of them: each is quick, and none does anything."""
    key, public = Key.make(), Key.make().public
    missed = []
    for mistake, (text, line, word) in MISTAKES.items():
        path = lab.client.write("client.conf", text.format(public, key.private))
        said = lab.client.fails(command, path, prefix="", lines=None)
        place = re.escape(f"{path}:{line}: ")
        if not re.search(f"^{place}.*{re.escape(word)}", said, re.MULTILINE):
            missed.append(f"{mistake}: {said}")
        assert "\x1b" not in said and key.private not in said
    assert not missed, "\n".join(missed)


def test_all_mistakes_at_once(lab):
    path = lab.client.write("client.conf", "[Client]\nMTU = 1\nFoo = 1\n")
    said = lab.client.fails("check", path, prefix="", lines=None)
    for start in (f"{path}:2: ", f"{path}:3: "):
        assert start in said
    for missing in ("Server", "PrivateKey", "ServerKey"):
        assert missing in said


SERVER_MISTAKES = {
    "pool": ({"Address": "10.8.0.1/31"}, [], "10.8.0.1/31"),
    "two pools": ({"Address": "10.8.0.1/24, 10.9.0.1/24"}, [], "Address"),
    "peer outside": ({}, [("alice", {"Address": "10.9.0.2"})], "10.9.0.2"),
    "peer is the server": ({}, [("alice", {"Address": "10.8.0.1"})],
                           "10.8.0.1"),
    "same address": ({}, [("alice", {"Address": "10.8.0.2"}),
                          ("bob", {"Address": "10.8.0.2"})], "10.8.0.2"),
    "same name": ({}, [("alice", {}), ("alice", {})], "alice"),
    "subnet in the pool": ({}, [("alice", {"Subnets": "10.8.0.0/25"})],
                           "10.8.0.0/25"),
    "subnets overlap": ({}, [("alice", {"Subnets": "192.168.0.0/16"}),
                             ("bob", {"Subnets": "192.168.4.0/24"})],
                        "192.168"),
    "pushed": ({"Routes": "pushed"}, [], "pushed"),
    "client's key": ({"KillSwitch": "no"}, [], "KillSwitch"),
}


def test_servers_mistakes(lab):
    missed = []
    for mistake, (options, peers, word) in SERVER_MISTAKES.items():
        path = lab.server.write("server.conf", server_file(
            lab.server_key,
            [Peer(name, Key.make(), keys) for name, keys in peers], **options))
        said = lab.server.fails("up", path, prefix=f"{path}:", lines=None)
        if word not in said:
            missed.append(f"{mistake}: {said}")
    assert not missed, "\n".join(missed)


def test_no_file(lab):
    for command in ("up", "check"):
        said = lab.client.fails(command, lab.directory / "missing.conf")
        assert "missing.conf" in said
    assert "/etc/minivpn/missing.conf" in lab.client.fails("up", "missing")


def test_no_real_file(lab):
    for text in ("", "\n\n", "\0\0\0", "[", "\xff\xfe", "[Client]\n",
                 "[Server]\n", "[Client]\n[Server]\n", "x" * 100000):
        path = lab.client.write("client.conf", text)
        lab.client.fails("up", path, prefix="", lines=None)


def test_readable_private_key_is_a_warning(lab):
    path = lab.client.write("client.conf", client_file(
        Key.make(), lab.server_key.public), mode=0o644)
    result = lab.client.minivpn("check", path)
    assert "warning" in result.stderr and str(path) in result.stderr
    path.chmod(0o600)
    assert lab.client.minivpn("check", path).stderr == ""


# The host.


def unprivileged(host):
    def run(argv, **options):
        return host.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all",
                         *argv], **options)
    return run


def test_no_permission(lab):
    lab.enroll(lab.client, "alice")
    for host, path in ((lab.client, lab.client_conf()),
                       (lab.server, lab.server.write("server.conf",
                        server_file(lab.server_key)))):
        said = host.fails("up", path, run=unprivileged(host))
        assert re.search("root|permi|CAP_NET_ADMIN", said)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_port_is_taken(lab, family):
    path = lab.server.write("server.conf", server_file(lab.server_key))
    with lab.server.socket(family) as taken:
        taken.bind(("", 4433))
        assert "4433" in lab.server.fails("up", path)
    lab.server.up(path)


def test_listen_on_an_address_that_is_not_here(lab):
    path = lab.server.write("server.conf", server_file(
        lab.server_key, Listen="192.0.2.77:4433"))
    assert "192.0.2.77" in lab.server.fails("up", path)


def test_listen_on_one_address(lab):
    lab.start(server={"Listen": f"{SERVER}:4433"})
    assert lab.client.ping(INNER)
    assert lab.server.status()["listen"] == [f"{SERVER}:4433"]


def test_listen_on_two_ports(lab):
    lab.start(server={"Listen": ["4433", "203.0.113.5:53"]},
              client={"Server": f"{SERVER}:53"})
    assert lab.client.ping(INNER)


@pytest.mark.parametrize("name_server", ["192.168.1.1", "203.0.113.66"])
def test_name_is_not_resolvable(lab, name_server):
    """No name server there (refused), and one that never answers."""
    lab.client.shell(f"echo nameserver {name_server} >/etc/resolv.conf")
    lab.client.baseline()
    lab.enroll(lab.client, "alice")
    said = lab.client.fails("up", lab.client_conf(Server="vpn.example.org"))
    assert "vpn.example.org" in said


def test_server_is_silent(lab):
    """Something swallows the datagrams."""
    lab.swallow()
    lab.enroll(lab.client, "alice")
    lab.serve()
    said = lab.client.fails("up", lab.client_conf(Routes="default"))
    assert SERVER in said and re.search("answer|reach|silent|timed out", said)


def test_server_is_no_dtls(lab):
    """Another program answers on that port."""
    lab.enroll(lab.client, "alice")
    with lab.server.socket() as other:
        other.bind(("0.0.0.0", 4433))
        other.settimeout(30)
        process = lab.client.spawn([MINIVPN, "up", lab.client_conf()])
        _, address = other.recvfrom(65536)
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x16",
                       b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28",
                       bytes(1400)):
            other.sendto(answer, address)
        assert process.wait(15) == 1
    assert process.output().startswith("minivpn: ")


def test_no_way_to_the_server(lab):
    """No route at all."""
    lab.client.batch("route del default via 192.168.1.1")
    lab.client.baseline()
    lab.enroll(lab.client, "alice")
    said = lab.client.fails("up", lab.client_conf())
    assert SERVER in said


def test_server_is_ourselves(lab):
    """A client of the host that it runs on: refused or works, no loop."""
    lab.enroll(lab.server, "alice")
    lab.serve()
    path = lab.client_conf(lab.server, Device="tun1", Routes="none",
                           Server="127.0.0.1")
    lab.server.minivpn("up", path, check=False)


def test_check_does_not_wait_for_a_pipe(lab):
    path = lab.client.directory / "pipe.conf"
    os.mkfifo(path, 0o600)
    said = lab.client.fails("check", path)
    assert "neither [Server] nor [Client]" in said


def test_check_of_a_nat_device(lab):
    """It may come later, and is said meanwhile; eth1 is there."""
    for device, missing in (("eth7", True), ("eth1", False)):
        path = lab.server.write("server.conf", server_file(
            lab.server_key, [], NAT=device))
        said = lab.server.minivpn("check", path).stderr
        assert (f"NAT = {device}: there is no such device" in said) == missing


def test_output_is_closed(lab):
    """`up` with nobody to read what it says."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    lab.client.shell(f"{MINIVPN} up {lab.client_conf()} >&- 2>&- <&-")
    assert lab.client.ping(INNER)
