# SPDX-License-Identifier: GPL-2.0-or-later
"""Name servers of the tunnel: set, looked after, taken back; and no name asked
for outside it. The client's own name server is the router's far side, which a
default tunnel's routes cover; the tunnel's is the server's inner address."""

import os
import re
import signal

import pytest

from host import wait_until
from lab import INNER, ROUTER_LAN, ROUTER_WAN, SERVER
from name_servers import UPLINK, NameServer, Resolved, lookup, queries
from packets import Capture

OUTSIDE, INSIDE = "192.0.2.7", "192.0.2.8"
MOVED = "203.0.113.6"  # the server's second address


@pytest.fixture
def outside(lab):
    """Of the client's own network; www.test is another there than inside."""
    return NameServer(lab.router, ROUTER_WAN, vpn_test=SERVER,
                      www_test=OUTSIDE, only_outside_test=OUTSIDE)


@pytest.fixture
def inside(lab):
    return NameServer(lab.server, INNER, www_test=INSIDE, a_corp_test=INSIDE)


@pytest.fixture
def plain(lab, outside):
    """The client has an ordinary resolv.conf."""
    lab.client.shell(f"echo nameserver {ROUTER_WAN} >/etc/resolv.conf")
    lab.client.baseline()
    return outside


@pytest.fixture
def resolved(lab, outside):
    made = Resolved(lab.client, ROUTER_WAN)
    lab.client.baseline()
    return made


def assert_by_tunnel(client):
    """Names are asked for inside, and not one outside."""
    with Capture(client, "eth0") as wire:
        assert lookup(client, "www.test") == INSIDE
        assert lookup(client, "only.outside.test", check=False) is None
        assert queries(wire.seen()) == []


def assert_as_before(client):
    assert lookup(client, "www.test") == OUTSIDE


DEFAULT = {"server": {"DNS": INNER}, "client": {"Server": "vpn.test",
                                                "Routes": "default"}}


def test_plain_file(lab, plain, inside):
    assert_as_before(lab.client)
    assert "via vpn.test" in lab.start(**DEFAULT)
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")
    assert_as_before(lab.client)


def test_resolved(lab, resolved, inside):
    """Per link, for all names, and nothing of it is left."""
    assert_as_before(lab.client)
    before = lab.client.resolv_conf()
    lab.start(**DEFAULT)
    said = lab.client.minivpn("up", "--dry-run", lab.client_conf(
        Routes="default", DNS=INNER, Search="a.test")).stdout
    assert (f"resolvectl dns tun0 {INNER} && "
            "resolvectl domain tun0 a.test '~.' && "
            "resolvectl default-route tun0 yes\n") in said
    assert lab.client.resolv_conf() == before
    assert resolved.link("tun0") == ([INNER], ["~."], ["yes"])
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")
    assert_as_before(lab.client)


@pytest.mark.parametrize("backend", ["plain", "resolved"])
def test_name_server_on_the_link(lab, inside, backend):
    """The usual one, of the home's router: no route of the tunnel covers it,
    so that all that it is asked is seen, also while there is no server."""
    outside = NameServer(lab.router, ROUTER_LAN, vpn_test=SERVER,
                         www_test=OUTSIDE, only_outside_test=OUTSIDE)
    if backend == "resolved":
        Resolved(lab.client, ROUTER_LAN)
    else:
        lab.client.shell(f"echo nameserver {ROUTER_LAN} >/etc/resolv.conf")
    lab.client.baseline()
    assert_as_before(lab.client)
    lab.start(server={"DNS": INNER}, client={
        "Server": "vpn.test", "Routes": "default", "Keepalive": "1"})
    with Capture(lab.client, "eth0") as wire:
        assert lookup(lab.client, "www.test") == INSIDE
        assert lookup(lab.client, "only.outside.test", check=False) is None
        assert queries(wire.seen()) == []
        lab.server.minivpn("down")
        wait_until(lambda: lab.client.status()["state"] == "reconnecting")
        asking = lab.client.spawn(["timeout", "1", "getent", "ahostsv4",
                                   "only.outside.test"])
        asking.wait()
        lab.serve(DNS=INNER)
        wait_until(lambda: lab.client.status()["state"] == "up", 20)
        assert_by_tunnel(lab.client)
        assert set(queries(wire.seen())) <= {("vpn.test", ROUTER_LAN)}
    assert asking.output() == ""
    assert not outside.was_asked("only.outside.test")
    lab.client.minivpn("down")
    assert_as_before(lab.client)


def test_symbolic_link(lab, plain, inside):
    """Of another manager's: what it leads to is left alone."""
    lab.client.shell("""
        mkdir /etc/manager
        mv /etc/resolv.conf /etc/manager/resolv.conf
        ln -s manager/resolv.conf /etc/resolv.conf""")
    lab.client.baseline()
    path = lab.client.path("/etc/resolv.conf")
    lab.start(**DEFAULT)
    assert has_ours(lab.client) and not path.is_symlink()
    assert INNER not in lab.client.path("/etc/manager/resolv.conf").read_text()
    assert_by_tunnel(lab.client)
    lab.client.kill_minivpn([lab.client.status()["pid"]])
    wait_until(lambda: not lab.client.minivpn_pids(), 5)
    assert os.readlink(path) == "manager/resolv.conf"
    assert_as_before(lab.client)


def test_resolved_for_its_domains_only(lab, outside, resolved, inside):
    """A tunnel for one network is asked for its own domains, no more."""
    lab.start(server={"DNS": INNER, "Search": "corp.test",
                      "Routes": "198.51.100.0/24"})
    assert resolved.link("tun0") == ([INNER], ["corp.test"], ["no"])
    assert lookup(lab.client, "a.corp.test") == INSIDE
    assert lookup(lab.client, "a") == INSIDE
    assert lookup(lab.client, "www.test") == OUTSIDE
    lab.client.minivpn("down")
    assert not inside.was_asked("www.test")
    assert not outside.was_asked("a.corp.test")


def test_resolved_without_domains_is_for_all(lab, resolved, inside):
    """As resolv.conf would be: DNS is what is asked while the tunnel is up."""
    lab.start(client={"Routes": "198.51.100.0/24", "DNS": INNER})
    assert resolved.link("tun0") == ([INNER], ["~."], ["yes"])
    assert lookup(lab.client, "www.test") == INSIDE


def test_list_of_resolved(lab, outside, inside):
    """Programs that read its list of all servers do not ask the old ones."""
    resolved = Resolved(lab.client, ROUTER_WAN, UPLINK)
    lab.client.baseline()
    lab.start(**DEFAULT)
    assert resolved.link("tun0") == ([INNER], ["~."], ["yes"])
    assert os.readlink(lab.client.path("/etc/resolv.conf")).endswith(
        "/run/systemd/resolve/stub-resolv.conf")
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")
    assert_as_before(lab.client)


def test_list_of_resolved_without_stub(lab, outside, inside):
    """They read the tunnel's servers only, those who ask it as well."""
    resolved = Resolved(lab.client, ROUTER_WAN, UPLINK, stub=False)
    lab.client.baseline()
    lab.start(**DEFAULT)
    assert has_ours(lab.client)
    assert ROUTER_WAN not in lab.client.resolv_conf()
    assert_by_tunnel(lab.client)
    with Capture(lab.client, "eth0") as wire:
        assert resolved.query("www.test") == INSIDE
        assert queries(wire.seen()) == []
    lab.client.minivpn("down")
    # It has read our file, and forgets that no sooner.
    resolved.restart()
    assert_as_before(lab.client)


def test_resolved_is_restarted(lab, resolved, inside):
    """Told again, be it that it remembers or not."""
    lab.start(**DEFAULT)
    for forget in (False, True):
        resolved.restart(forget)
        wait_until(lambda: resolved.link("tun0") == ([INNER], ["~."], ["yes"]))
    lab.client.wait_log("client", "systemd-resolved was restarted")
    resolved.ctl("dns", "eth0", ROUTER_WAN)
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")


def test_resolved_is_set_by_another(lab, resolved, inside):
    """Set again each time; where it never ends, that is said and goes on."""
    lab.start(**DEFAULT)
    for count in range(20):
        resolved.ctl("dns", "tun0", f"192.0.2.{count + 1}")
        if names_warnings(lab.client):
            break
        wait_until(lambda: resolved.link("tun0")[0] == [INNER])
    assert "name servers of tun0" in names_warnings(lab.client)[0]
    wait_until(lambda: resolved.link("tun0")[0] == [INNER], 10)
    wait_until(lambda: not names_warnings(lab.client), 20)
    resolved.ctl("dns", "tun0", "192.0.2.99")
    wait_until(lambda: resolved.link("tun0")[0] == [INNER])
    assert_by_tunnel(lab.client)
    lab.client.minivpn("down")


def test_resolved_hangs(lab, resolved):
    """A reason within seconds, and nothing is left."""
    lab.enroll(lab.client, "alice")
    lab.serve(DNS=INNER)
    resolved.daemon.popen.send_signal(signal.SIGSTOP)
    try:
        text = lab.client.minivpn("up", lab.client_conf(), check=False)
        assert text.returncode == 0, text.stderr
        # Nobody answers there, so the file is what is left.
        assert INNER in lab.client.resolv_conf()
        lab.client.minivpn("down")
    finally:
        resolved.daemon.popen.send_signal(signal.SIGCONT)


def test_resolved_is_not_there(lab, outside, inside):
    """A resolv.conf that leads to it alone does not make it be asked."""
    resolved = Resolved(lab.client, ROUTER_WAN)
    resolved.daemon.popen.kill()
    wait_until(lambda: resolved.call("Peer", "Ping") is None)
    lab.client.baseline()
    lab.start(**{**DEFAULT, "client": {"Routes": "default"}})
    assert_by_tunnel(lab.client)


@pytest.mark.parametrize("backend", ["plain", "resolved"])
def test_killed(lab, request, inside, backend):
    """By the janitor where host is killed; by the next `down` after all."""
    request.getfixturevalue(backend)
    lab.start(**DEFAULT)
    lab.client.kill_minivpn([lab.client.status()["pid"]])
    wait_until(lambda: not lab.client.minivpn_pids(), 5)
    assert_as_before(lab.client)
    lab.client.up(lab.client.directory / "client.conf")
    lab.client.kill_minivpn()
    lab.client.minivpn("down", "client")
    assert_as_before(lab.client)


# resolv.conf is written by somebody else meanwhile.

NEW = "nameserver 192.0.2.99\n"


def rewrite(client, how):
    client.shell({"replaced": f"echo '{NEW.strip()}' >/etc/new;"
                              "mv /etc/new /etc/resolv.conf",
                  "written": f"echo '{NEW.strip()}' >/etc/resolv.conf"}[how])


def has_ours(client):
    return f"nameserver {INNER}\n" in client.resolv_conf()


@pytest.mark.parametrize("how, mounted", [
    ("replaced", False), ("written", False), ("written", True)])
def test_rewritten(lab, how, mounted):
    """Ours comes back; theirs is the original then."""
    if mounted:
        lab.client.shell("cp /etc/resolv.conf /etc/other;"
                         "mount --bind /etc/other /etc/resolv.conf")
        lab.client.baseline()
    lab.start(server={"DNS": INNER})
    assert has_ours(lab.client)
    rewrite(lab.client, how)
    lab.client.wait_log("client", "somebody else has changed")
    wait_until(lambda: has_ours(lab.client))
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == NEW
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def names_warnings(client):
    return [text for text in client.status()["warnings"]
            if re.search(r"\bnames?\b", text)]


def network_changes(client, address):
    """As dhclient or NetworkManager do it on a new network."""
    client.shell(f"echo nameserver {address} >/etc/new;"
                 "mv /etc/new /etc/resolv.conf")


def test_rewritten_with_each_network(lab):
    """However often in a minute: ours is back at once, and the newest network's
    is the one that comes back."""
    lab.start(server={"DNS": INNER})
    lab.client.shell("rm /etc/resolv.conf")
    wait_until(lambda: lab.client.path("/etc/resolv.conf").exists() and
               has_ours(lab.client))
    for last in range(1, 5):
        network_changes(lab.client, f"192.0.2.{last}")
        wait_until(lambda: has_ours(lab.client), 0.8)
    assert names_warnings(lab.client) == []
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == "nameserver 192.0.2.4\n"
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


FIGHT = """
while :; do
    if ! grep -q 192.0.2.99 /etc/resolv.conf; then
        echo x >>/etc/fight
        echo nameserver 192.0.2.99 >/etc/resolv.conf
    fi
    sleep 0.02
done"""


def test_fight_over_the_file(lab):
    """With pauses, and said; but it is never left to who rewrites it."""
    lab.start(server={"DNS": INNER})
    fight = lab.client.spawn(["sh", "-c", FIGHT])
    [said] = wait_until(lambda: names_warnings(lab.client), 10)
    assert "rewrites /etc/resolv.conf again and again" in said
    # Not with each breath.
    log = lab.client.log("client")
    assert log.count("has changed") <= 6
    fight.stop()
    rounds = len(lab.client.path("/etc/fight").read_text().split())
    assert rounds < 12
    network_changes(lab.client, "192.0.2.98")
    wait_until(lambda: has_ours(lab.client), 20)
    wait_until(lambda: not names_warnings(lab.client), 20)
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == "nameserver 192.0.2.98\n"
    lab.client.shell("rm /etc/fight;"
                     "echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def test_written_without_a_pause(lab):
    """A writer that gives no moment's peace does not keep ours away."""
    lab.start(server={"DNS": INNER})
    writer = lab.client.spawn([
        "sh", "-c", "while :; do echo nameserver 192.0.2.99 "
        ">/etc/resolv.conf; sleep 0.03; done"])
    wait_until(lambda: names_warnings(lab.client), 20)
    writer.stop()
    wait_until(lambda: has_ours(lab.client), 20)
    lab.client.minivpn("down")
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def test_edited_below_our_mark(lab):
    """A server that somebody adds to ours would be asked as well."""
    lab.start(server={"DNS": INNER})
    lab.client.shell("echo nameserver 192.0.2.99 >>/etc/resolv.conf")
    wait_until(lambda: "192.0.2.99" not in lab.client.resolv_conf())
    assert has_ours(lab.client)


def test_can_not_be_written_any_more(lab):
    """Said for as long as it is so, and mended once it can be."""
    if lab.client.shell("touch /etc/x; chattr +i /etc/x; chattr -i /etc/x;"
                        "rm /etc/x", check=False).returncode:
        pytest.skip("no chattr(1) here, or not on this file system")
    lab.start(server={"DNS": INNER})
    lab.client.shell("rm /etc/resolv.conf; echo nameserver 192.0.2.99 "
                     ">/etc/resolv.conf; chattr +i /etc/resolv.conf")
    [said] = wait_until(lambda: names_warnings(lab.client))
    assert "chattr -i /etc/resolv.conf" in said
    lab.client.shell("chattr -i /etc/resolv.conf")
    wait_until(lambda: has_ours(lab.client), 10)
    wait_until(lambda: not names_warnings(lab.client), 20)
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == NEW
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


# Nobody says which name servers to ask.


def test_name_server_outside_is_said(lab, outside):
    """Everything goes through the tunnel, but names do not."""
    other = NameServer(lab.router, ROUTER_LAN, www_test=OUTSIDE)
    lab.client.shell(f"echo nameserver {ROUTER_LAN} >/etc/resolv.conf")
    lab.client.baseline()
    lab.enroll(lab.client, "alice")
    lab.serve()
    result = lab.client.minivpn("up", lab.client_conf(Routes="default"))
    assert f"names are asked of {ROUTER_LAN}, by eth0" in result.stderr
    assert "DNS = " in result.stderr and len(result.stderr.splitlines()) == 1
    [said] = names_warnings(lab.client)
    assert said in result.stderr
    assert said in lab.client.minivpn("doctor", "client", check=False).stdout
    assert lookup(lab.client, "www.test") == OUTSIDE
    assert other.was_asked("www.test")
    # Another network, whose name server is reached through the tunnel.
    lab.client.shell(f"echo nameserver {ROUTER_WAN} >/etc/resolv.conf")
    wait_until(lambda: not names_warnings(lab.client))
    lab.client.shell("echo nameserver fe80::1%eth0 >/etc/resolv.conf")
    wait_until(lambda: "fe80::1%eth0" in "".join(names_warnings(lab.client)))
    lab.client.minivpn("down")
    lab.client.shell(f"echo nameserver {ROUTER_LAN} >/etc/resolv.conf")
    # Where names are asked for is not the tunnel's business then.
    lab.connect(Routes="198.51.100.0/24")
    assert names_warnings(lab.client) == []


def test_name_server_of_resolved_outside_is_said(lab, outside):
    """The stub is no answer: what it asks is."""
    Resolved(lab.client, ROUTER_LAN)
    lab.client.baseline()
    lab.enroll(lab.client, "alice")
    lab.serve()
    result = lab.client.minivpn("up", lab.client_conf(Routes="default"))
    assert f"names are asked of {ROUTER_LAN}, by eth0" in result.stderr
    lab.client.minivpn("down")
    lab.connect(Routes="default", DNS="10.8.0.1")
    assert names_warnings(lab.client) == []


# The tunnel is dead, and with it the way to its name servers.

def swallow_old_address(lab):
    lab.router.run(["nft", "-f", "-"], input=f"""
        table ip moved {{ chain forward {{
            type filter hook forward priority 0;
            ip daddr {SERVER} udp dport 4433 drop
        }}
        }}""")


def is_at(client, state, endpoint):
    status = client.status()
    return (status["state"] == state and
            status["server"]["endpoint"] == f"{endpoint}:4433")


def test_server_moves(lab, plain, inside):
    """Its new address is found outside; no other name is asked there. Two
    clients, of which one has systemd-resolved."""
    other = lab.add_client()
    Resolved(other, ROUTER_WAN)
    other.baseline()
    lab.server.batch(f"address add {MOVED}/24 dev eth0")
    lab.server.baseline()
    lab.enroll(lab.client, "alice")
    lab.enroll(other, "bob")
    lab.serve(DNS=INNER)
    both = (lab.client, other)
    for client in both:
        lab.connect(client, Server="vpn.test", Routes="default", Keepalive=1)
        assert_by_tunnel(client)
    wires = [Capture(client, "eth0") for client in both]
    swallow_old_address(lab)
    plain.start(vpn_test=MOVED, www_test=OUTSIDE)
    for client in both:
        client.wait_log("client", "the server is silent")
    # Programs go on to ask meanwhile, and are not heard outside.
    lookups = [client.spawn(["timeout", "0.5", "getent", "ahostsv4",
                             "secret.test"]) for client in both]
    for client, wire in zip(both, wires):
        wait_until(lambda: is_at(client, "up", MOVED), 30)
        assert set(queries(wire.seen())) == {("vpn.test", ROUTER_WAN)}
        wire.socket.close()
        assert_by_tunnel(client)
    assert [process.output() for process in lookups] == ["", ""]
    assert not plain.was_asked("secret.test")
