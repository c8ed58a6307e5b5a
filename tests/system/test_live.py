# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that change under running tunnels: what happens, and to whom."""

import os
import re
import signal
import socket
import threading
import time

import pytest

from files import Authority, Key, client_file, server_file
from host import MINIVPN, loaded
from host import wait_until as wait_for
from lab import INNER, INNER6, INTERNET, INTERNET6
from leaks import CHATTER
from packets import Capture
from test_killswitch import SETTLE

CHANGES = 100
STALL = 0.5  # seconds, beyond what the machine itself makes everything wait


def wait_until(condition, timeout=10, what="the condition"):
    return wait_for(condition, timeout, what)


class Heartbeat(threading.Thread):
    """The longest time for which this machine let nothing happen at all."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.worst = 0.0

    def run(self):
        last = time.monotonic()
        while not self.over.wait(0.01):
            now = time.monotonic()
            self.worst = max(self.worst, now - last)
            last = now


class Conversation(threading.Thread):
    """An open TCP connection through the tunnel: something is sent, and comes
    back, all the time."""

    def __init__(self, server, client, address=INNER):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.broken = None
        self.worst = 0.0
        self.rounds = 0
        self.listener = server.socket(kind=socket.SOCK_STREAM)
        self.listener.bind((address, 0))
        self.listener.listen()
        self.here = client.socket(kind=socket.SOCK_STREAM)
        self.here.settimeout(60)
        self.here.connect(self.listener.getsockname())
        self.there, _ = self.listener.accept()
        self.echo = threading.Thread(target=self._echo, daemon=True)
        self.echo.start()

    def _echo(self):
        try:
            while data := self.there.recv(65536):
                self.there.sendall(data)
        except OSError:
            pass  # the other side says what is wrong

    def run(self):
        block = bytes(20000)
        try:
            while not self.over.is_set():
                start = time.monotonic()
                self.here.sendall(block)
                left = len(block)
                while left:
                    got = len(self.here.recv(left))
                    if not got:
                        raise ConnectionError("closed")
                    left -= got
                self.worst = max(self.worst, time.monotonic() - start)
                self.rounds += 1
        except OSError as error:
            self.broken = error

    def end(self):
        self.over.set()
        self.join(70)
        for each in (self.here, self.there, self.listener):
            each.close()
        self.echo.join(5)


def names(host):
    return {each["name"] for each in host.status()["clients"]}


def edit(host, name, old, new):
    path = host.directory / f"{name}.conf"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reload(host, name):
    return host.minivpn("reload", name).stdout


def routes(host):
    return host.own_routes()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


def serve_x509(lab, authority, **options):
    credentials = authority.issue("vpn.example.org", "DNS:vpn.example.org")
    lab.server.up(lab.server.write("server.conf", server_file(
        None, lab.peers, **credentials, **options)))


def connect_x509(lab, authority, host, name, **options):
    host.up(host.write("client.conf", client_file(
        None, None, **authority.issue(name), ServerName="vpn.example.org",
        **options)))


def change(lab, path, number):
    """The number-th of the live changes."""
    if number % 4 == 0:
        lab.server.minivpn("add", path, f"guest{number}")
    elif number % 4 == 1:
        lab.server.minivpn("remove", path, f"guest{number - 1}")
    else:
        text = re.sub(r"(?m)^(Routes|DNS) = .*\n", "", path.read_text())
        path.write_text(text.replace(
            "[Server]\n", f"[Server]\nRoutes = 198.51.100.0/24, "
            f"10.{number}.0.0/16\nDNS = 10.8.0.{number + 2}\n", 1))
        lab.server.minivpn("reload", "server")


def test_a_hundred_changes(lab):
    """Two clients hold open connections; nobody of them notices."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(Endpoint="203.0.113.5", Routes="198.51.100.0/24")
    lab.connect()
    lab.connect(other)
    path = lab.server.directory / "server.conf"
    heartbeat = Heartbeat()
    talks = [Conversation(lab.server, host) for host in (lab.client, other)]
    for each in (heartbeat, *talks):
        each.start()
    for number in range(CHANGES):
        change(lab, path, number)
    for host in (lab.client, other):
        wait_until(lambda h=host: f"10.{CHANGES - 1}.0.0/16" in routes(h),
                   what="the last routes")
        assert f"10.{CHANGES - 2}.0.0/16" not in routes(host)
        assert f"nameserver 10.8.0.{CHANGES + 1}\n" in host.resolv_conf()
    for each in (heartbeat, *talks):
        each.over.set()
    for each in talks:
        each.end()
    broken = [each.broken for each in talks if each.broken]
    worst = max(each.worst for each in talks)
    print(f"{CHANGES} live changes: {len(broken)} connections broken, longest "
          f"wait {worst * 1000:.0f} ms, of the machine "
          f"{heartbeat.worst * 1000:.0f} ms, "
          f"{sum(each.rounds for each in talks)} rounds")
    assert not broken
    assert all(each.rounds > CHANGES for each in talks)
    assert worst < loaded(STALL) + heartbeat.worst
    assert "dismissed" not in lab.server.log("server")
    assert not any("refused" in host.log("client")
                   for host in (lab.client, other))
    assert lab.server.log("server").count(": connected") == 2


def test_added_and_removed_at_once(lab):
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.serve(Endpoint="203.0.113.5")
    lab.connect()
    path = lab.server.directory / "server.conf"
    added = lab.server.minivpn("add", path, "bob")
    other.up(other.write("client.conf", added.stdout))
    assert names(lab.server) == {"alice", "bob"}
    lab.server.minivpn("remove", path, "bob")
    wait_until(lambda: names(lab.server) == {"alice"}, 1, "bob's end")


def test_included_peers(lab):
    """A file that appears, one that is taken from by remove, and a broken one
    in a directory that the server's file includes."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    peers = lab.server.directory / "peers.d"
    peers.mkdir(mode=0o700)
    text = server_file(lab.server_key, lab.peers)
    head = text.index("[Peer alice]")
    (peers / "alice.conf").write_text(text[head:])
    path = lab.server.write("server.conf",
                            "include = peers.d/*.conf\n" + text[:head])
    lab.server.up(path)
    lab.connect()
    talk = Conversation(lab.server, lab.client)
    talk.start()
    key = lab.enroll(other, "bob")
    (peers / "bob.conf").write_text(f"[Peer bob]\nPublicKey = {key.public}\n")
    reload(lab.server, "server")
    lab.connect(other)
    assert names(lab.server) == {"alice", "bob"}
    lab.server.minivpn("remove", path, "bob")
    wait_until(lambda: names(lab.server) == {"alice"}, 1, "bob's end")
    assert (peers / "bob.conf").read_text() == ""
    (peers / "carol.conf").write_text("\n[Peer carol]\n")
    said = lab.server.fails("reload", "server")
    assert "peers.d/carol.conf:2: [Peer carol]: PublicKey is missing" in said
    talk.end()
    assert not talk.broken


def test_broken_file(lab):
    """Nothing changes, not even what is right in it; and it says where."""
    lab.start(server={"Routes": "198.51.100.0/24"})
    before = routes(lab.client), lab.server.status()["changes"]
    edit(lab.server, "server", "Routes = 198.51.100.0/24",
         "Routes = 10.77.0.0/16\nNAT = perhaps not")
    said = lab.server.fails("reload", "server")
    assert re.search(r"server\.conf:\d+: .*NAT", said), said
    assert "nothing was changed" in said
    edit(lab.server, "server", "NAT = perhaps not", "NAT = no")
    reload(lab.server, "server")
    wait_until(lambda: "10.77.0.0/16" in routes(lab.client))
    assert "198.51.100.0/24" in before[0]
    assert any("masquerade" in text for text in before[1])
    assert not any("masquerade" in text
                   for text in lab.server.status()["changes"])


def test_wider_pool(lab):
    """The server's own network grows: everybody keeps an address and the
    connection."""
    lab.start()
    talk = Conversation(lab.server, lab.client)
    talk.start()
    edit(lab.server, "server", "10.8.0.1/24", "10.8.0.1/16")
    reload(lab.server, "server")
    wait_until(lambda: "10.8.0.2/16" in lab.client.status()["addresses"])
    assert "10.8.0.1/16" in lab.server.status()["addresses"]
    rounds = talk.rounds
    wait_until(lambda: talk.rounds > rounds + 3 or talk.broken)
    talk.end()
    assert not talk.broken
    assert lab.client.ping(INNER6)


def test_another_pool(lab):
    """What does not fit any more: the client comes again by itself."""
    lab.start()
    edit(lab.server, "server", "10.8.0.1/24", "10.9.0.1/24")
    reload(lab.server, "server")
    wait_until(lambda: "10.9.0.2/24" in lab.client.status()["addresses"])
    wait_until(lambda: lab.client.status()["state"] == "up")
    assert lab.client.ping("10.9.0.1")


def test_subnets_come(lab):
    lab.start()
    edit(lab.server, "server", "[Peer alice]\n",
         "[Peer alice]\nSubnets = 192.168.50.0/24\n")
    reload(lab.server, "server")
    assert "192.168.50.0/24 dev tun0" in routes(lab.server)
    edit(lab.server, "server", "Subnets = 192.168.50.0/24\n", "")
    reload(lab.server, "server")
    assert "192.168.50.0/24" not in routes(lab.server)


def test_revoked_while_connected(lab, authority):
    """The new CRL counts for who is connected already, and only for them."""
    other = lab.add_client()
    serve_x509(lab, authority, CRL=authority.crl)
    connect_x509(lab, authority, lab.client, "alice")
    connect_x509(lab, authority, other, "bob")
    talk = Conversation(lab.server, lab.client)
    talk.start()
    authority.revoke("bob")
    reload(lab.server, "server")
    wait_until(lambda: names(lab.server) == {"alice"}, 1, "bob's end")
    lab.server.wait_log("server", "bob.*dismissed after .*: .*its certificate is "
                        "revoked", 20)
    assert not other.ping(INNER, wait=0.5, check=False)
    assert names(lab.server) == {"alice"}
    talk.end()
    assert not talk.broken
    assert len(re.findall("alice: connected", lab.server.log("server"))) == 1


def test_broken_crl(lab, authority):
    serve_x509(lab, authority, CRL=authority.crl)
    connect_x509(lab, authority, lab.client, "alice")
    authority.crl.write_text("nothing\n")
    edit(lab.server, "server", "[Server]\n",
         "[Server]\nRoutes = 10.77.0.0/16\n")
    said = lab.server.fails("reload", "server")
    assert "crl.pem" in said and "nothing was changed" in said
    assert lab.client.ping(INNER)
    assert "10.77.0.0/16" not in routes(lab.client)


def test_renewed_certificate(lab, authority):
    """New sessions get it; the old ones go on."""
    other = lab.add_client()
    serve_x509(lab, authority)
    connect_x509(lab, authority, lab.client, "alice")
    old = lab.server.status()["certificate_expires"]
    authority.issue("vpn.example.org", "DNS:vpn.example.org", days=60)
    reload(lab.server, "server")
    assert lab.server.status()["certificate_expires"] > old + 86400
    connect_x509(lab, authority, other, "bob")
    assert other.status()["server"]["certificate_expires"] > old + 86400
    assert lab.client.ping(INNER) and other.ping(INNER)


def test_new_key_of_the_server(lab):
    other = lab.add_client()
    lab.enroll(other, "bob")
    lab.start()
    new = Key.make()
    edit(lab.server, "server", lab.server_key.private, new.private)
    reload(lab.server, "server")
    other.up(lab.client_conf(other, ServerKey=new.public))
    assert other.ping(INNER) and lab.client.ping(INNER)


def test_what_waits(lab):
    lab.start()
    edit(lab.server, "server", "Listen = 4433", "Listen = 4434")
    assert "needs down and up: Listen" in reload(lab.server, "server")
    assert lab.client.ping(INNER)


def test_certificates_that_expire(lab, authority):
    """Said in good time, of one's own and of the other end's."""
    soon = authority.issue("alice", days=10)
    serve_x509(lab, authority)
    lab.client.up(lab.client.write("client.conf", client_file(
        None, None, **soon, ServerName="vpn.example.org")))
    lab.server.wait_log("server", "alice: its certificate expires on .* in "
                        "(9|10) days", 20)
    lab.client.wait_log("client", r"alice\.pem: expires on .* in (9|10) days",
                        20)
    assert "vpn.example.org.pem: expires" not in lab.server.log("server")
    assert "its certificate expires" not in lab.client.log("client")
    for host, more in (lab.server, ("server", "alice")), (lab.client, ()):
        page = host.minivpn("status").stdout
        assert len(re.findall("expires in (9|10) days", page)) == 1, page
        page = host.minivpn("status", *more).stdout
        assert re.search("certificate: until .*, expires in (9|10) days", page)
    authority.issue("alice", days=90)
    reload(lab.client, "client")
    assert "expires in" not in lab.client.minivpn("status").stdout
    wait_until(lambda: "expires in" not in
               lab.server.minivpn("status").stdout, what="the new session")
    assert lab.client.ping(INNER)


def test_client_reload(lab):
    """Routes, DNS, Search, MTU, Keepalive: at once, the connection stays."""
    lab.start(client={"Routes": "198.51.100.0/24", "DNS": "10.8.0.1"})
    talk = Conversation(lab.server, lab.client)
    talk.start()
    edit(lab.client, "client", "Routes = 198.51.100.0/24",
         "Routes = 10.77.0.0/16, fd77::/64\nMTU = 1300\nKeepalive = 5")
    edit(lab.client, "client", "DNS = 10.8.0.1",
         "DNS = 10.8.0.9\nSearch = live.example.org")
    assert reload(lab.client, "client") == "minivpn: client: reloaded\n"
    assert "10.77.0.0/16" in routes(lab.client)
    assert "198.51.100.0/24" not in routes(lab.client)
    assert "10.8.0.9" in lab.client.resolv_conf()
    assert "live.example.org" in lab.client.resolv_conf()
    assert lab.client.status()["mtu"] == 1300
    edit(lab.client, "client", "Routes = 10.77.0.0/16, fd77::/64",
         "Routes = default")
    reload(lab.client, "client")
    assert "128.0.0.0/1 dev tun0" in routes(lab.client)
    rounds = talk.rounds
    wait_until(lambda: talk.rounds > rounds + 3 or talk.broken)
    talk.end()
    assert not talk.broken
    assert lab.server.log("server").count("alice: connected") == 1


def test_client_broken_file(lab):
    lab.start(client={"Routes": "198.51.100.0/24"})
    before = lab.client.status()["changes"]
    edit(lab.client, "client", "Routes = 198.51.100.0/24",
         "Routes = 10.77.0.0/16\nMTU = many")
    said = lab.client.fails("reload", "client")
    assert re.search(r"client\.conf:\d+: .*MTU", said), said
    assert lab.client.status()["changes"] == before
    edit(lab.client, "client", "MTU = many", "Device = tun7")
    assert "needs down and up: Device" in reload(lab.client, "client")
    assert "10.77.0.0/16" in routes(lab.client)
    assert lab.client.ping(INNER)


def test_client_that_can_not_be_carried_out(lab):
    """What this host can't do is refused as a whole."""
    lab.start(client={"Routes": "198.51.100.0/24"})
    before = sorted(lab.client.status()["changes"])
    edit(lab.client, "client", "Routes = 198.51.100.0/24",
         "Routes = 10.78.0.0/16, 10.77.0.0/16\nDNS = 10.8.0.9")
    lab.client.shell("mount -o remount,ro /etc")
    said = lab.client.fails("reload", "client")
    lab.client.shell("mount -o remount,rw /etc")
    assert "resolv.conf" in said and "nothing was changed" in said
    assert sorted(lab.client.status()["changes"]) == before


def test_kill_switch_comes_and_goes(lab):
    lab.start(client={"Routes": "default"})
    talk = Conversation(lab.server, lab.client)
    talk.start()
    for _ in range(2):
        edit(lab.client, "client", "[Client]\n", "[Client]\nKillSwitch = yes\n")
        reload(lab.client, "client")
        assert "minivpn-client" in lab.client.run(["nft", "list",
                                                   "tables"]).stdout
        assert not lab.client.ping("192.168.1.1", wait=0.3, check=False)
        edit(lab.client, "client", "KillSwitch = yes\n", "")
        reload(lab.client, "client")
        assert "minivpn-client" not in lab.client.run(["nft", "list",
                                                       "tables"]).stdout
        assert lab.client.ping("192.168.1.1")
    talk.end()
    assert not talk.broken


def test_client_with_a_new_key(lab):
    """By a new session beside the old one."""
    other = lab.add_client()
    lab.enroll(other, "bob")
    lab.start()
    edit(lab.client, "client", lab.client.key.private, other.key.private)
    reload(lab.client, "client")
    wait_until(lambda: "bob" in names(lab.server), what="the new name")
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False))


def test_several_at_once(lab):
    """Each is answered, and the last file is what counts."""
    lab.start()
    pid = lab.server.status()["pid"]
    for number in range(3):
        edit(lab.server, "server", "[Server]\n",
             f"[Server]\nRoutes = 10.{number}.0.0/16\n")
        asking = [lab.server.spawn([MINIVPN, "reload", "server"])
                  for _ in range(4)]
        while any(each.popen.poll() is None for each in asking):
            os.kill(pid, signal.SIGHUP)
        assert [each.wait() for each in asking] == [0] * 4, [
            each.output() for each in asking]
        assert "10.8.0.1/24" in lab.server.status()["addresses"]
        edit(lab.server, "server", f"Routes = 10.{number}.0.0/16\n", "")
    edit(lab.server, "server", "[Server]\n",
         "[Server]\nRoutes = 10.77.0.0/16\n")
    os.kill(lab.server.status()["pid"], signal.SIGHUP)
    wait_until(lambda: "10.77.0.0/16" in routes(lab.client))
    assert "10.2.0.0/16" not in routes(lab.client)
    os.kill(lab.client.status()["pid"], signal.SIGHUP)
    lab.client.wait_log("client", "the file is read again", 20)
    assert lab.client.ping(INNER)


def test_while_the_tunnel_process_is_started_again(lab):
    """It waits for that."""
    other = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(Keepalive=1)
    lab.connect(Keepalive=1)
    lab.connect(other, Keepalive=1)
    path = lab.server.directory / "server.conf"
    lab.server.kill_minivpn([lab.server.status()["tunnel_pid"]])
    lab.server.minivpn("remove", path, "bob")
    wait_until(lambda: names(lab.server) == {"alice"}, 20, "alice alone")
    assert lab.client.ping(INNER)


def test_while_reconnecting(lab):
    """What there is of the tunnel follows the file, and the rest when it is
    back."""
    lab.start(client={"Routes": "198.51.100.0/24", "Keepalive": "1"},
              server={"Keepalive": "1"})
    lab.server.minivpn("down")
    wait_until(lambda: lab.client.status()["state"] == "reconnecting")
    edit(lab.client, "client", "Routes = 198.51.100.0/24",
         "Routes = 10.77.0.0/16\nMTU = 1300")
    reload(lab.client, "client")
    assert "10.77.0.0/16" in routes(lab.client)
    assert "198.51.100.0/24" not in routes(lab.client)
    lab.serve()
    wait_until(lambda: lab.client.status()["state"] == "up", 20)
    assert lab.client.ping(INNER)
    assert "10.77.0.0/16" in routes(lab.client)


def test_without_a_network(lab):
    """What can be had of a new file is, and the way to the server with the
    next network."""
    lab.start(client={"Routes": "default", "Keepalive": "1"},
              server={"Keepalive": "1"})
    client = lab.client
    client.ip("link set eth0 down")
    client.wait_log("client", "no way to the server", 20)
    edit(client, "client", "[Client]\n", "[Client]\nKillSwitch = yes\n")
    edit(client, "client", "Routes = default",
         "Routes = 203.0.113.0/24, 198.51.100.0/24")
    reload(client, "client")
    assert "minivpn-client" in client.run(["nft", "list", "tables"]).stdout
    assert "203.0.113.0/24 dev tun0" in routes(client)
    client.ip("link set eth0 up")
    client.batch(SETTLE)
    wait_until(lambda: client.ping(INTERNET, wait=0.5, check=False), 20)
    assert "203.0.113.5 via 192.168.1.1" in routes(client)
    edit(client, "client", "KillSwitch = yes\n", "")
    reload(client, "client")
    assert "203.0.113.5 via 192.168.1.1" in routes(client)


def test_files_that_can_not_be_read(lab, authority):
    """A PEM file is named; and what was good before is what counts, also for a
    tunnel process that is started later."""
    serve_x509(lab, authority, CRL=authority.crl, Keepalive=1)
    connect_x509(lab, authority, lab.client, "alice", Keepalive=1)
    edit(lab.server, "server", "[Server]\n",
         "[Server]\nRoutes = 10.77.0.0/16\n")
    reload(lab.server, "server")
    good = authority.crl.read_text()
    authority.crl.unlink()
    edit(lab.server, "server", "10.77.0.0/16", "10.78.0.0/16")
    said = lab.server.fails("reload", "server")
    assert "crl.pem: can't be read: No such file" in said
    os.mkfifo(authority.crl)
    said = lab.server.fails("reload", "server")
    assert "crl.pem: can't be read: it is not a regular file" in said
    lab.server.kill_minivpn([lab.server.status()["tunnel_pid"]])
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 20)
    wait_until(lambda: lab.client.status()["state"] == "up")
    assert "10.77.0.0/16" in routes(lab.client)
    authority.crl.unlink()
    authority.crl.write_text(good)
    reload(lab.server, "server")
    wait_until(lambda: "10.78.0.0/16" in routes(lab.client))
    assert lab.client.ping(INNER)


def test_kill_switch_leaves_no_window(lab):
    """Between a file that lets nothing out and one that leads all through the
    tunnel, to and fro, nothing gets out beside it."""
    shut, tunneled = ("Routes = none\nKillSwitch = yes",
                      "Routes = default\nKillSwitch = no")
    lab.start(client={"Routes": "default", "KillSwitch": "no"})
    talk = Conversation(lab.server, lab.client)
    chatter = lab.client.spawn(["/usr/bin/python3", "-c", CHATTER, "", "0",
                                INTERNET, INTERNET6])
    chatter.wait_for("talking")
    capture = Capture(lab.client, "eth0")
    talk.start()
    for number in range(10):
        there, then = (shut, tunneled) if number % 2 else (tunneled, shut)
        edit(lab.client, "client", there, then)
        reload(lab.client, "client")
    seen = capture.seen()
    chatter.stop()
    capture.socket.close()
    talk.end()
    assert not talk.broken
    assert any(packet.outgoing for packet in seen)
    assert not [packet for packet in seen if packet.outgoing and
                packet.to in (INTERNET, INTERNET6)]


def test_killed_with_a_new_kill_switch(lab):
    """It stays, as one of the start does, until `down`."""
    lab.start(client={"Routes": "default"})
    edit(lab.client, "client", "[Client]\n", "[Client]\nKillSwitch = yes\n")
    reload(lab.client, "client")
    lab.client.kill_minivpn()
    assert not lab.client.ping("192.168.1.1", wait=0.3, check=False)
    lab.client.minivpn("down", "client")
    assert lab.client.ping("192.168.1.1")
