# SPDX-License-Identifier: GPL-2.0-or-later
"""Every step of `up` fails in turn, and leaves no trace; a dry run leaves
none either and says what would be done."""

import contextlib
import re
import signal
import subprocess

import pytest

from files import client_file, server_file
from host import MINIVPN, wait_until
from lab import INTERNET, ROUTER_LAN, SERVER

# How each step is kept from succeeding, and a word of the reason.
READ_ONLY_SYS = ("mount --bind /proc/sys /proc/sys;"
                 "mount -o remount,bind,ro /proc/sys")

SERVER_OBSTACLES = {
    "device": ("ip tuntap add dev tun0 mode tun", "tun0"),
    "device of another kind": ("ip link add tun0 type bridge", "tun0"),
    "no tun": ("mount -t tmpfs tmpfs /dev/net", "tun"),
    "network is taken": ("ip route add 10.8.0.0/24 via 203.0.113.1",
                         r"10\.8\.0"),
    "network is on a device": ("ip address add 10.8.0.9/24 dev eth1",
                               r"10\.8\.0"),
    "forwarding": (READ_ONLY_SYS, "ip_forward|forwarding|read-only"),
    "IPv4 table": ("nft add table ip minivpn-server", "minivpn-server"),
    "IPv6 table": ("nft add table ip6 minivpn-server", "minivpn-server"),
    "route": ("ip route add 192.168.50.0/24 via 203.0.113.1",
              r"192\.168\.50"),
    "IPv6 route": ("ip route add fd50::/64 via 2001:db8:2::1", "fd50"),
}

CLIENT_OBSTACLES = {
    "device": ("ip tuntap add dev tun0 mode tun", "tun0"),
    "no tun": ("mount -t tmpfs tmpfs /dev/net", "tun"),
    "network": ("ip address add 10.8.0.9/24 dev eth0", r"10\.8\.0"),
    "tables": ("""for table in 77 78 79 80 81 82 83 84; do
                   ip route add 192.0.2.0/24 dev eth0 table $table
               done""", "tables 77 to 84"),
    "rules": ("""for table in 77 78 79 80 81 82 83 84; do
                   ip -6 rule add pref 1000 lookup $table
               done""", "tables 77 to 84"),
    "first rule": ("ip rule add pref 0 to 64.0.0.0/8 lookup main", "rule"),
    "resolver": ("mount -o remount,ro /etc", "resolv.conf"),
}


@pytest.mark.parametrize("step", SERVER_OBSTACLES)
def test_server_step_fails(lab, step):
    obstacle, word = SERVER_OBSTACLES[step]
    lab.enroll(lab.client, "alice", Subnets="192.168.50.0/24, fd50::/64")
    path = lab.server.write("server.conf",
                            server_file(lab.server_key, lab.peers))
    lab.server.shell(obstacle)
    lab.server.baseline()
    said = lab.server.fails("up", path)
    assert_mentions(word, said)
    assert not lab.server.minivpn_pids()
    lab.server.fails("status", "server", "--json")


@pytest.mark.parametrize("step", CLIENT_OBSTACLES)
def test_client_step_fails(lab, step):
    obstacle, word = CLIENT_OBSTACLES[step]
    lab.enroll(lab.client, "alice")
    lab.serve()
    lab.client.shell(obstacle)
    lab.client.baseline()
    said = lab.client.fails("up", lab.client_conf(Routes="default",
                                                  DNS="192.0.2.1"))
    assert_mentions(word, said)
    assert not lab.client.minivpn_pids()
    # The server is told, and does not wait for a client that never was.
    wait_until(lambda: not lab.server.status()["clients"], 5)


def assert_mentions(pattern, text):
    assert re.search(pattern, text), f"nothing of {pattern!r} in {text!r}"


@pytest.mark.parametrize("role", ["client", "server"])
def test_ipv6_is_switched_off(lab, role):
    """A host without IPv6: said, and IPv4 works."""
    host = getattr(lab, role)
    host.shell("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
    host.baseline()
    lab.start(client={"Routes": "default"})
    assert lab.client.ping(INTERNET)
    host.wait_log(role, "IPv6")


def test_network_with_a_route_of_another(lab):
    """What is to go through the tunnel does, whoever has a route for it."""
    lab.client.batch("route add 192.0.2.0/24 via 192.168.1.1")
    lab.client.baseline()
    lab.start(server={"Routes": "192.0.2.0/24, 198.51.100.0/24"})
    assert "dev tun0" in lab.client.ip("route get 192.0.2.1").stdout
    assert lab.client.ping(INTERNET)


def test_pushed_part_of_the_lan_is_left_out(lab):
    """A server does not get at the client's neighbours by a narrower route, in
    private networks: public ones are nobody's to claim (CVE-2023-36672)."""
    lab.client.ip("address add fd77::2/64 dev eth0 nodad")
    lab.client.baseline()
    inside = "192.168.1.0/28, 192.168.1.1, fd77::/112"
    lab.start(server={"Routes": f"{inside}, 192.168.0.0/16, 198.51.100.0/24"})
    for neighbour in ("192.168.1.1", "192.168.1.9", "192.168.1.200",
                      "fd77::1"):
        assert "dev eth0" in lab.client.ip(f"route get {neighbour}").stdout
    assert "dev tun0" in lab.client.ip("route get 192.168.2.1").stdout
    assert lab.client.ping(ROUTER_LAN) and lab.client.ping(INTERNET)
    for network in inside.split(", "):
        lab.client.wait_log("client", re.escape(network) + r"\S* left out")


def test_host_route_that_is_there_stays(lab):
    """Somebody else's route to the server is neither error nor ours."""
    lab.client.batch(f"route add {SERVER}/32 via 192.168.1.1")
    lab.client.baseline()
    lab.start(client={"Routes": "default"})
    assert lab.client.ping(INTERNET)
    assert not [line for line in lab.client.status()["changes"]
                if f"{SERVER} " in line or f"{SERVER}/32 " in line]


def test_read_only_sys_that_needs_no_change(lab):
    """A container that forwards already: nothing has to be written."""
    lab.server.shell("echo 1 >/proc/sys/net/ipv4/ip_forward;"
                     "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding;" +
                     READ_ONLY_SYS)
    lab.server.baseline()
    lab.start()
    assert lab.client.ping(INTERNET)


def test_sysctl_changed_by_another(lab):
    """Not what we left: it is not put back, and stays as it is."""
    lab.start(server={"Address": "10.8.0.1/24"})
    assert lab.server.run(["cat", "/proc/sys/net/ipv4/ip_forward"]) \
        .stdout == "1\n"
    lab.server.shell("echo 2 >/proc/sys/net/ipv4/ip_forward")
    lab.server.minivpn("down")
    assert lab.server.run(["cat", "/proc/sys/net/ipv4/ip_forward"]) \
        .stdout == "2\n"
    lab.server.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")


def test_work_of_others_survives(lab):
    """Routes, rules and tables that came while the tunnel was up."""
    lab.start(client={"Routes": "default"})
    for host, way in ((lab.client, "192.168.1.1"), (lab.server, "203.0.113.1")):
        host.batch(f"route add 192.0.2.0/24 via {way}\n"
                   "rule add pref 99 to 192.0.2.9 lookup main\n")
        host.run(["nft", "add table ip others"])
        host.minivpn("down")
        assert f"via {way}" in host.ip("route get 192.0.2.1").stdout
        assert "192.0.2.9" in host.ip("rule").stdout
        assert "others" in host.run(["nft", "list", "tables"]).stdout
        host.shell("nft delete table ip others; ip rule del pref 99;"
                   "ip route del 192.0.2.0/24")


def test_device_gone_before_down(lab):
    """Somebody else has removed the device: the rest still goes."""
    lab.start(client={"Routes": "default"})
    lab.client.ip("link del tun0")
    lab.client.minivpn("down", "client", check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", ["client", "server"])
def test_signals(lab, role, number):
    """--foreground ends by a signal, with the host as it was."""
    lab.enroll(lab.client, "alice")
    if role == "client":
        lab.serve()
        host, path = lab.client, lab.client_conf(Routes="default")
    else:
        host = lab.server
        path = host.write("server.conf", server_file(lab.server_key, lab.peers))
    process = host.spawn([MINIVPN, "up", "--foreground", path])
    wait_until(lambda: process.popen.poll() is not None or
               host.minivpn("status", role, check=False).returncode == 0 and
               host.status(role)["state"] == "up", 10)
    assert process.popen.poll() is None, process.output()
    process.popen.send_signal(number)
    assert process.wait(10) == 0, process.output()
    assert "tun0" not in host.ip("link").stdout


@pytest.mark.parametrize("after", [0.0, 0.01, 0.03, 0.1])
def test_signal_while_starting(lab, after):
    """At whatever moment: no half-made host."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    process = lab.client.spawn([MINIVPN, "up", "--foreground",
                                lab.client_conf(Routes="default")])
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.popen.wait(after)
    process.popen.terminate()
    process.wait(10)


@pytest.mark.smoke
def test_dry_run_is_what_is_done(lab):
    """Its lines are those of status afterwards; it changed nothing."""
    lab.enroll(lab.client, "alice", Subnets="192.168.50.0/24")
    path = lab.server.write("server.conf",
                            server_file(lab.server_key, lab.peers))
    said = without_capabilities(lab.server, "up", "--dry-run", path)
    assert not lab.server.rundir.exists() or not list(lab.server.rundir.iterdir())
    lab.server.up(path)
    assert said.splitlines() == lab.server.status()["changes"]


def without_capabilities(host, *argv):
    return host.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all",
                     "--no-new-privs", MINIVPN, *argv]).stdout


def test_dry_run_of_a_client(lab):
    """What the file alone says: before a word with the server."""
    lab.enroll(lab.client, "alice")
    path = lab.client_conf(Routes="default", DNS="192.0.2.1")
    lines = without_capabilities(lab.client, "up", "--dry-run",
                                 path).splitlines()
    lab.serve()
    lab.client.up(path)
    done = lab.client.status()["changes"]
    for wanted in ("ip tuntap add dev tun0 mode tun", "0.0.0.0/1", "128.0.0.0/1",
                   SERVER, "192.0.2.1"):
        for listed in (lines, done):
            assert [line for line in listed if wanted in line], (wanted, listed)


def accepted(host, lines):
    """Each line is a command that the real tools take."""
    host.compared = False  # nobody undoes it
    for line in lines:
        host.run(["sh", "-c", line])


@pytest.mark.parametrize("outside", ["203.0.113.5:4433",
                                     "[2001:db8:2::5]:4433"])
def test_clients_lines_are_commands(lab, outside):
    other = lab.add_client()
    lab.start(server={"DNS": "10.8.0.1", "Search": "lab.example"},
              client={"Routes": "default", "Server": outside})
    accepted(other, lab.client.status()["changes"])
    mine, its = lab.client.own_routes(), other.own_routes()
    assert mine.split() == [word for word in its.split() if word != "linkdown"]
    assert other.resolv_conf().split() == [
        word for line in lab.client.resolv_conf().splitlines()
        if not line.startswith("#") for word in line.split()]


@pytest.mark.parametrize("options", [{}, {"NAT": "no"}, {"NAT": "eth1"},
                                     {"Address": "10.8.0.1/24"},
                                     {"Address": "fd08::1/64"}])
def test_servers_lines_are_commands(lab, options):
    lab.enroll(lab.client, "alice")
    path = lab.internet.write("server.conf", server_file(
        lab.server_key, lab.peers, **options))
    lines = without_capabilities(lab.internet, "up", "--dry-run",
                                 path).splitlines()
    assert lines and not [line for line in lines
                          if line.split()[0] not in ("ip", "nft", "sysctl")]
    accepted(lab.internet, lines)


def test_dry_run_says_what_is_in_the_way(lab):
    lab.server.batch("route add 10.8.0.0/24 via 203.0.113.1")
    lab.server.baseline()
    path = lab.server.write("server.conf", server_file(lab.server_key))
    assert "10.8.0" in lab.server.fails("up", "--dry-run", path, lines=None)


def test_dry_run_of_a_bad_file(lab):
    path = lab.client.write("client.conf", client_file(None, None))
    lab.client.fails("up", "--dry-run", path, prefix="", lines=None)
