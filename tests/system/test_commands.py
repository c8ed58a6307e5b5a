# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, as a person or a script meets it."""

import json
import os
import re
import stat

import pytest

from files import Key, call, client_file, server_file
from host import MINIVPN, wait_until
from lab import INNER, INTERNET, Peer
from test_sandbox import has_users


def test_wrong_usage(lab):
    for line in ("", "nonsense", "up", "up a b", "up --nonsense a", "down a b",
                 "status --nonsense", "check", "init", "init file", "add",
                 "add file", "remove file", "disable file", "enable file",
                 "disconnect", "disconnect a b c", "add a b c", "genkey more",
                 "pubkey more"):
        result = lab.client.minivpn(*line.split(), check=False)
        assert result.returncode == 2, (line, result.stdout + result.stderr)
        assert result.stderr and result.stdout == "", line


def test_help(lab):
    for line in ("help", "--help", "up --help", "help add", "--version"):
        result = lab.client.minivpn(*line.split())
        assert result.stdout and result.stderr == "", line


def test_down_of_nothing(lab):
    assert "up" in lab.client.fails("down")
    assert "client" in lab.client.fails("down", "client")
    assert "client" in lab.client.fails("status", "client")
    assert "client" in lab.client.fails("reload", "client")


@pytest.mark.parametrize("which", ["rundir", "statedir"])
def test_directory_of_others(lab, which):
    """What they could put there, a journal too, is not believed nor undone."""
    lab.enroll(lab.client, "alice")
    path, host = lab.client_conf(), lab.client
    directory = getattr(host, which)
    directory.mkdir(exist_ok=True)
    directory.chmod(0o777)
    journal = host.rundir / "client.journal"
    host.rundir.mkdir(exist_ok=True)
    journal.write_text("whatever\n")
    for words in (("up", path), ("down",), ("down", "client"), ("status",),
                  ("status", "client"), ("reload", "client")):
        text = host.fails(*words)
        assert f"{directory} can be written to by other users" in text, words
        assert "chmod go-w" in text
    assert journal.read_text() == "whatever\n"
    directory.chmod(0o700)
    if has_users():
        os.chown(directory, 1234, 1234)
        assert "another user (1234)" in host.fails("up", path)
        assert "chown it to root" in host.fails("down", "client")
        os.chown(directory, 0, 0)
    journal.unlink()
    lab.serve()
    host.up(path)


def test_same_network_twice(lab):
    """A second tunnel into the first one's network is refused; it stays."""
    key = Key.make()
    lab.peers.append(Peer("second", key, {}))
    lab.start(client={"Routes": "none"})
    second = lab.client.write("second.conf", client_file(
        key, lab.server_key.public, Device="tun1", Routes="none"))
    assert re.search(r"10\.8\.0", lab.client.fails("up", second))
    assert lab.client.ping(INNER)


def test_down_lists_servers(lab):
    """Without a name: an error that lists them. With one: that one."""
    lab.serve()
    lab.server.up(lab.server.write("office.conf", server_file(
        Key.make(), Listen="4434", Device="tun1",
        Address="10.9.0.1/24, fd09::1/64")))
    text = lab.server.fails("down")
    assert "server" in text and "office" in text
    assert "office" in lab.server.fails("status", "--json")
    lab.server.minivpn("down", "office")
    assert lab.server.status()["name"] == "server"
    lab.server.minivpn("down")
    lab.server.fails("down")


def test_up_twice(lab):
    """The second one says so, and the first goes on."""
    lab.start()
    assert "client" in lab.client.fails("up", lab.client.directory /
                                        "client.conf")
    assert lab.client.ping(INNER)
    assert "server" in lab.server.fails("up", lab.server.directory /
                                        "server.conf")
    assert lab.client.ping(INNER)


def test_up_and_down_many_times(lab):
    lab.start(client={"Routes": "default"})
    for _ in range(3):
        lab.client.minivpn("down")
        lab.client.up(lab.client.directory / "client.conf")
        assert lab.client.ping(INNER)


def test_relative_path_and_name(lab):
    """FILE from where one stands, NAME from /etc/minivpn."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    text = lab.client_conf().read_text()
    lab.client.shell(f"cd {lab.client.directory}; {MINIVPN} up client.conf")
    lab.client.minivpn("down")
    lab.client.shell("mkdir -m 700 /etc/minivpn; touch /etc/minivpn/home.conf;"
                     "chmod 600 /etc/minivpn/home.conf")
    lab.client.path("/etc/minivpn/home.conf").write_text(text)
    lab.client.baseline()
    assert lab.client.up("home").startswith("minivpn: home: up on tun0")
    lab.client.minivpn("down", "home")


@pytest.mark.smoke
def test_init_add_up(lab):
    """From nothing to a tunnel, in the words of the manual."""
    path = lab.server.directory / "server.conf"
    lab.server.minivpn("init", path, "--endpoint", "203.0.113.5")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    said = lab.server.fails("init", path, "--endpoint", "203.0.113.5")
    assert str(path) in said and path.read_text() == text
    added = lab.server.minivpn("add", path, "alice")
    assert added.stdout.lstrip("# \n").find("[Client]") >= 0
    assert path.read_text().startswith(text.rstrip("\n"))
    lab.server.up(path)
    lab.client.up(lab.client.write("client.conf", added.stdout))
    assert lab.client.ping(INTERNET)
    assert lab.server.status()["clients"][0]["name"] == "alice"
    # Names go through the tunnel too.
    assert "\nnameserver 9.9.9.9\n" in lab.client.resolv_conf()
    assert "dev tun0" in lab.client.ip("route get 9.9.9.9").stdout


def test_add_is_careful(lab):
    path = lab.server.directory / "server.conf"
    lab.server.minivpn("init", path, "--endpoint", "vpn.example.org:5000")
    empty = path.read_text()
    added = lab.server.minivpn("add", path, "alice").stdout
    assert re.search(r"^Server\s*=\s*vpn\.example\.org:5000$", added, re.M)
    private = re.search(r"^PrivateKey\s*=\s*(\S+)$", added, re.M).group(1)
    public = call(MINIVPN, "pubkey", input=private).strip()
    assert public in path.read_text() and private not in path.read_text()
    text = path.read_text()
    for name in ("alice", "", "../x", "a b", "x" * 64, "-x", "a\nb"):
        result = lab.server.minivpn("add", path, name, check=False)
        assert result.returncode in (1, 2) and not result.stdout
        assert path.read_text() == text
    assert "bob" in lab.server.fails("remove", path, "bob")
    lab.server.minivpn("check", path)
    lab.server.minivpn("remove", path, "alice")
    assert path.read_text().rstrip() == empty.rstrip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys(lab):
    keys = {call(MINIVPN, "genkey") for _ in range(5)}
    assert len(keys) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{43}=\n", key) for key in keys)
    for bad in ("", "abcd\n", keys.pop()[:-2] + "\n", "x" * 44, "\0" * 44):
        result = lab.client.minivpn("pubkey", input=bad, check=False)
        assert result.returncode == 1
        assert result.stderr.startswith("minivpn: ") and not result.stdout


def test_check(lab):
    lab.enroll(lab.client, "alice")
    result = lab.client.minivpn("check", lab.client_conf())
    assert result.stderr == ""


# Status.


def test_status_of_a_client(lab):
    lab.start(client={"Routes": "default"})
    assert lab.client.ping(INNER, count=3)
    status = lab.client.status()
    assert status["name"] == "client" and status["role"] == "client"
    assert status["state"] == "up" and status["device"] == "tun0"
    assert status["addresses"][0].startswith("10.8.0.2")
    assert 0 <= status["uptime"] < 60
    assert status["pid"] in lab.client.minivpn_pids()
    assert status["tunnel_pid"] in lab.client.minivpn_pids()
    server = status["server"]
    assert server["host"].startswith("203.0.113.5")
    assert server["endpoint"] == "203.0.113.5:4433"
    assert server["key"] == lab.server_key.public
    assert 0 <= server["last_heard"] < 60 and 0 <= server["connected"] < 60
    assert 0 < server["rtt_ms"] < 10000
    assert "GCM" in server["cipher"] or "CHACHA" in server["cipher"].upper()
    assert server["tx_packets"] >= 3 and server["tx_bytes"] >= 3 * 84
    assert server["rx_packets"] >= 3 and server["rx_bytes"] >= 3 * 84
    assert status["traffic"]["rx_packets"] >= 3
    assert isinstance(status["drops"], dict)
    assert "ip tuntap add dev tun0 mode tun" in status["changes"]


def test_status_of_a_server(lab):
    lab.start()
    assert lab.client.ping(INNER, count=3)
    status = lab.server.status()
    assert status["role"] == "server" and status["state"] == "up"
    assert status["addresses"] == ["10.8.0.1/24", "fd08::1/64"]
    assert any("4433" in text for text in status["listen"])
    [entry] = status["clients"]
    assert entry["name"] == "alice" and entry["key"] == lab.client.key.public
    assert re.fullmatch(r"192\.168\.1\.2:\d+", entry["endpoint"])
    assert entry["addresses"][0].split("/")[0] == "10.8.0.2"
    assert entry["rx_packets"] >= 3 and entry["tx_packets"] >= 3
    assert entry["rx_bytes"] >= 3 * 84 and entry["tx_bytes"] >= 3 * 84


def test_status_for_people(lab):
    lab.start(client={"Routes": "default"})
    page = lab.client.minivpn("status").stdout
    for word in ("client", "tun0", "10.8.0.2", "203.0.113.5:4433"):
        assert word in page
    page = lab.server.minivpn("status").stdout
    for word in ("server", "alice", "10.8.0.2", "192.168.1.2"):
        assert word in page
    assert "\x1b" not in page, "colour, and nobody's terminal"
    assert lab.client.key.private not in page


def test_status_is_one_object(lab):
    lab.start()
    text = lab.client.minivpn("status", "client", "--json").stdout
    assert isinstance(json.loads(text), dict)
    assert lab.client.key.private not in text


def test_the_socket_is_roots(lab):
    lab.start()
    for path in lab.client.rundir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(lab.client.rundir.stat().st_mode) & 0o022 == 0


def test_log(lab):
    """Who came from where, what it got, why it left; and no secrets."""
    lab.start()
    lab.client.minivpn("down")
    text = lab.server.wait_log("server", r"alice") and lab.server.log("server")
    for pattern in (r"alice.*192\.168\.1\.2|192\.168\.1\.2.*alice",
                    r"alice.*10\.8\.0\.2|10\.8\.0\.2.*alice"):
        assert re.search(pattern, text), text
    assert len(re.findall("alice", text)) >= 2
    for host, name in ((lab.client, "client"), (lab.server, "server")):
        assert lab.client.key.private not in host.log(name)
        assert lab.server_key.private not in host.log(name)


def test_foreground_logs_to_stderr(lab):
    lab.enroll(lab.client, "alice")
    lab.serve()
    process = lab.client.spawn([MINIVPN, "up", "--foreground",
                                lab.client_conf()])
    process.wait_for("10.8.0.2")
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False))


def test_down_ends_a_foreground(lab):
    lab.enroll(lab.client, "alice")
    lab.serve()
    process = lab.client.spawn([MINIVPN, "up", "--foreground",
                                lab.client_conf()])
    process.wait_for("10.8.0.2")
    wait_until(lambda: lab.client.status()["state"] == "up")
    lab.client.minivpn("down")
    assert process.wait(5) == 0
