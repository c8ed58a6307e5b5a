# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a client as its server's file has it: disabled, expired, let in
again; what both ends say, and how often it tries."""

import re
import time

from faults import Faults, bear_deaths
from files import Authority, Key, client_file, server_file
from host import wait_until
from lab import INNER
from packets import Capture
from test_live import connect_x509, edit, reload, serve_x509

DISABLED = "this client is disabled on the server"
EXPIRED = "this client has expired on the server: Expires = "
MINUTE = 60


def change(lab, old, new):
    edit(lab.server, "server", old, new)
    reload(lab.server, "server")


def enable(lab):
    change(lab, "Disabled = yes\n", "")


def disable(lab):
    change(lab, "[Peer alice]\n", "[Peer alice]\nDisabled = yes\n")


def lines(host, name, pattern):
    return [line for line in host.log(name).splitlines()
            if re.search(pattern, line)]


def attempts(seen):
    """When each began: a ClientHello with a random that is new."""
    begun = {}
    for packet in seen.seen():
        payload = packet.data[packet.data[0] % 16 * 4 + 8:]
        if (packet.outgoing and payload[:1] == b"\x16" and
                payload[13:14] == b"\x01" and payload[3:5] == b"\0\0"):
            begun.setdefault(payload[27:59], packet.when)
    return sorted(begun.values())


def test_disabled(lab):
    """It is off at once, is told why, and comes back by itself."""
    lab.start()
    disable(lab)
    wait_until(lambda: not lab.server.status()["clients"], 1, "its end")
    lab.client.wait_log("client", f"the server says: {DISABLED}")
    lab.server.wait_log("server", f"alice .*refused: {DISABLED}\n", 10)
    assert len(lines(lab.server, "server", f"dismissed: {DISABLED}$")) == 1
    assert len(lines(lab.client, "client", DISABLED)) == 1
    assert not lab.client.ping(INNER, wait=0.5, check=False)
    enable(lab)
    wait_until(lambda: lab.client.status()["state"] == "up", 60, "its return")
    assert lab.client.ping(INNER)


def test_commands(lab):
    """disable, enable and disconnect at a running server."""
    lab.start()
    path = lab.server.directory / "server.conf"
    said = lab.server.minivpn("disconnect", "alice").stdout
    assert said == ("minivpn: server: alice is disconnected; it may come "
                    "back\n")
    lab.client.wait_log("client", "the server says: this client was "
                        "disconnected on the server")
    wait_until(lambda: len(lines(lab.server, "server", "alice: connected")) == 2
               and lab.client.status()["state"] == "up", 10, "its return")
    lab.server.minivpn("disable", path, "alice")
    wait_until(lambda: not lab.server.status()["clients"], 1, "its end")
    assert lab.server.fails("disconnect", "server", "alice") == (
        "minivpn: server: alice is not connected\n")
    assert "is a client" in lab.client.fails("disconnect", "alice")
    lab.server.minivpn("enable", path, "alice")
    wait_until(lambda: lab.client.status()["state"] == "up", 60, "its return")
    assert lab.client.ping(INNER)


def restart_tunnel(lab):
    """The server's tunnel process dies; the next has what the launcher has."""
    pid = lab.server.minivpn_processes()["tunnel"]
    lab.server.kill_minivpn([pid])
    wait_until(lambda: lab.server.minivpn_processes().get("tunnel", pid) != pid,
               10, "another one")


def test_key_files(lab):
    """A credential of the server's, a path of the client's; through reload and
    the death of a process."""
    given = lab.server.directory / "given"
    given.mkdir()
    lab.server.write("given/vpn.key", lab.server_key.private + "\n")
    lab.server.environment["CREDENTIALS_DIRECTORY"] = str(given)
    key = lab.enroll(lab.client, "alice")
    lab.server.up(lab.server.write("server.conf", server_file(
        None, lab.peers, PrivateKeyFile="vpn.key")))
    lab.client.write("own.key", key.private)
    lab.client.up(lab.client.write("client.conf", client_file(
        None, lab.server_key.public, PrivateKeyFile="own.key")))
    reload(lab.server, "server")
    restart_tunnel(lab)
    reload(lab.client, "client")
    wait_until(lambda: lab.client.ping(INNER, check=False), 20)
    lab.server.minivpn("disconnect", "alice")
    wait_until(lambda: len(lines(lab.server, "server", "alice: connected")) > 2,
               20, "its return")
    (given / "vpn.key").unlink()
    assert re.search(r"server\.conf:\d+: PrivateKeyFile = vpn\.key: No such "
                     r"file.*nothing was changed",
                     lab.server.fails("reload", "server"))
    assert lab.client.ping(INNER)


def test_another_server_key(lab):
    """The three steps of minivpn.conf(5); who has missed one says why."""
    old, new = lab.server_key, Key.make()
    late = lab.add_client()
    lab.enroll(lab.client, "alice")
    lab.enroll(late, "bob")
    lab.serve()
    lab.connect(late)
    lab.client.up(lab.client.write("client.conf", client_file(
        lab.client.key, f"{old.public}, {new.public}")))
    change(lab, old.private, new.private)
    for name in "alice", "bob":
        lab.server.minivpn("disconnect", name)
    wait_until(lambda: len(lines(lab.server, "server", "alice: connected")) > 1
               and lab.client.status()["state"] == "up", 20, "its return")
    lab.client.wait_log("client", "up on")
    lab.client.write("client.conf", client_file(lab.client.key, new.public))
    reload(lab.client, "client")
    wait_until(lambda: lab.client.status()["state"] == "up" and
               lab.client.status()["server"]["key"] == new.public, 20,
               "the new key")
    assert lab.client.ping(INNER)
    late.minivpn("down")
    assert (f"the server's key is {new.public}, not the file's ServerKey"
            in late.fails("up", late.directory / "client.conf"))
    late.up(late.write("client.conf", client_file(
        late.key, f"{old.public}, {new.public}")))
    assert late.status()["server"]["key"] == new.public


def test_disabled_from_the_beginning(lab):
    """up says why; attempts become rare."""
    lab.enroll(lab.client, "alice", Disabled="yes")
    lab.serve()
    assert DISABLED in lab.client.fails("up", lab.client_conf())
    enable(lab)
    lab.connect()
    with Capture(lab.client, "eth0") as seen:
        disable(lab)
        wait_until(lambda: len(attempts(seen)) >= 4, 30, "four attempts")
        times = attempts(seen)
    pauses = [b - a for a, b in zip(times, times[1:])]
    assert pauses[1] > 0.75 * 0.25 and pauses[2] > 0.75 * 0.5


def test_disabled_with_certificates(lab, tmp_path):
    """A section that only says this much; others are let in without one."""
    authority = Authority(tmp_path / "ca")
    other = lab.add_client()
    serve_x509(lab, authority)
    connect_x509(lab, authority, lab.client, "alice")
    connect_x509(lab, authority, other, "bob")
    path = lab.server.directory / "server.conf"
    path.write_text(path.read_text() + "[Peer alice]\nDisabled = yes\n")
    reload(lab.server, "server")
    lab.client.wait_log("client", f"the server says: {DISABLED}")
    lab.server.wait_log("server", f"alice .*refused: {DISABLED}\n", 10)
    assert other.ping(INNER)
    assert [each["name"] for each in lab.server.status()["clients"]] == ["bob"]


def test_expires(lab):
    """When its time comes where the server is, without a reload; more time lets
    it in again."""
    bear_deaths(lab.server)
    lab.server.killed = False
    lab.server.environment["TZ"] = "KIRI-14"
    clock = Faults(lab.server)
    end = time.gmtime(time.time() + 14 * 3600 + 20 * MINUTE)
    text = time.strftime("%Y-%m-%d %H:%M", end)
    lab.enroll(lab.client, "alice", Expires=text)
    lab.server.run(clock.argv("up", lab.server.write(
        "server.conf", server_file(lab.server_key, lab.peers,
                                   Keepalive="3600"))))
    lab.connect()
    clock.sleep(18 * MINUTE)
    reload(lab.server, "server")
    assert lab.client.ping(INNER)
    clock.sleep(2 * MINUTE)
    lab.server.wait_log("server", f"dismissed: {EXPIRED}{text}\n", 12)
    lab.client.wait_log("client", f"the server says: {EXPIRED}{text}")
    lab.server.wait_log("server", f"alice .*refused: {EXPIRED}{text}\n", 10)
    assert not lab.server.status()["clients"]
    later = "2099-12-31"
    change(lab, f"Expires = {text}", f"Expires = {later}")
    wait_until(lambda: lab.client.status()["state"] == "up", 60, "its return")
    change(lab, f"Expires = {later}", "Expires = 2020-01-01")
    wait_until(lambda: not lab.server.status()["clients"], 1, "its end")
