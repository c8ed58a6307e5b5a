# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine has lost its power: of a tunnel there is no process, no route and
no journal any more, but resolv.conf, which is on disk, names its servers."""

import os
import shutil

import pytest

from files import client_file
from host import MINIVPN
from lab import INNER, ROUTER_WAN, SERVER
from name_servers import UPLINK, NameServer, Resolved, lookup

THEIRS = "nameserver 192.0.2.99\n"


@pytest.fixture
def named(lab):
    """The server is known by its name, which resolv.conf has to lead to."""
    server = NameServer(lab.router, ROUTER_WAN, vpn_test=SERVER)
    lab.client.shell(f"echo nameserver {ROUTER_WAN} >/etc/resolv.conf")
    lab.client.baseline()
    return server


def lose_power(host):
    """What a boot leaves, as far as a namespace can have it."""
    host.kill_minivpn()
    host.forget_routing()
    shutil.rmtree(host.rundir)


def start_and_lose_power(lab, **client):
    lab.start(server={"DNS": INNER}, client=client)
    lose_power(lab.client)
    assert f"nameserver {INNER}\n" in lab.client.resolv_conf()


@pytest.mark.parametrize("words", [["down", "client"], ["down"]])
def test_down(lab, named, words):
    """Says what it has put right; once."""
    start_and_lose_power(lab)
    assert lookup(lab.client, "vpn.test", check=False) is None
    result = lab.client.minivpn(*words)
    assert "client: was not up" in result.stdout
    assert "/etc/resolv.conf" in result.stderr
    assert "the original is back" in result.stderr
    assert lookup(lab.client, "vpn.test") == SERVER
    lab.client.fails(*words)


def test_up(lab, named):
    """Finds its server's name, and knows the original."""
    start_and_lose_power(lab, Server="vpn.test")
    lab.client.up(lab.client.directory / "client.conf")
    assert f"nameserver {INNER}\n" in lab.client.resolv_conf()
    lab.client.wait_log("client", "the original is back")
    lab.client.minivpn("down")
    assert lookup(lab.client, "vpn.test") == SERVER


def test_up_of_another_tunnel(lab, named):
    start_and_lose_power(lab)
    path = lab.client.write("other.conf", client_file(
        lab.client.key, lab.server_key.public, Server="vpn.test"))
    lab.client.up(path)
    assert lab.client.resolv_conf().startswith("# minivpn other: ")
    lab.client.minivpn("down")
    assert lookup(lab.client, "vpn.test") == SERVER


def test_what_a_live_tunnel_has_set_stays(lab):
    """Neither is it left behind, nor is it another tunnel's to put back."""
    lab.start(server={"DNS": INNER})
    before = lab.client.resolv_conf()
    assert before.startswith("# minivpn client: ")
    other = lab.client.write("other.conf", client_file(
        lab.client.key, lab.server_key.public, Device="eth0", DNS="none"))
    lab.client.fails("up", other)
    lab.client.fails("down", "other")
    assert lab.client.resolv_conf() == before
    # Nor after a kill, while there is a journal to go by.
    lab.client.kill_minivpn()
    lab.client.fails("up", other)
    lab.client.fails("down", "other")
    assert lab.client.resolv_conf() == before
    lab.client.minivpn("down", "client")


@pytest.mark.parametrize("how", ["replaced", "edited", "added to"])
def test_what_somebody_has_written_since_stays(lab, how):
    start_and_lose_power(lab)
    expected = THEIRS
    if how == "replaced":
        lab.client.shell(f"printf '{THEIRS[:-1]}\n' >/etc/resolv.conf")
    elif how == "edited":
        lab.client.shell(f"sed -i 's/{INNER}/192.0.2.99/' /etc/resolv.conf")
    else:
        lab.client.shell(f"echo '{THEIRS[:-1]}' >>/etc/resolv.conf")
        expected = f"nameserver {INNER}\n{THEIRS}"
    result = lab.client.minivpn("down", "client")
    assert "changed by somebody else since" in result.stderr
    assert lab.client.resolv_conf() == expected
    assert not list(lab.client.path("/etc").glob("resolv.conf.*"))
    lab.client.fails("down", "client")
    # And is what the next one puts back.
    lab.client.up(lab.client.directory / "client.conf")
    lab.client.minivpn("down")
    assert lab.client.resolv_conf() == expected
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def test_original_is_lost(lab):
    """Said, and what to do."""
    start_and_lose_power(lab)
    lab.client.shell("rm /etc/resolv.conf.minivpn-client")
    result = lab.client.minivpn("down", "client", check=False)
    assert result.returncode == 1 and "write the file anew" in result.stderr
    lab.client.shell("echo 'nameserver 192.0.2.53' >/etc/resolv.conf")


def test_symbolic_link(lab):
    lab.client.shell("mkdir /etc/manager;"
                     "mv /etc/resolv.conf /etc/manager/resolv.conf;"
                     "ln -s manager/resolv.conf /etc/resolv.conf")
    lab.client.baseline()
    start_and_lose_power(lab)
    lab.client.minivpn("down", "client")
    assert os.readlink(lab.client.path("/etc/resolv.conf")) == \
        "manager/resolv.conf"


def test_list_of_resolved(lab):
    """Where ours is a link to its stub, there is no mark but what is kept."""
    Resolved(lab.client, ROUTER_WAN, UPLINK)
    lab.client.baseline()
    lab.start(server={"DNS": INNER})
    lose_power(lab.client)
    link = lab.client.path("/etc/resolv.conf")
    assert os.readlink(link).endswith("stub-resolv.conf")
    lab.client.minivpn("down", "client")
    assert os.readlink(link) == UPLINK


def test_namespace(lab):
    """Its file in /etc/netns is on disk as well."""
    lab.client.compared = False  # the namespace would be gone after a boot
    lab.start(server={"DNS": INNER}, client={"Namespace": "work"})
    path = lab.client.path("/etc/netns/work/resolv.conf")
    assert INNER in path.read_text()
    lose_power(lab.client)
    lab.client.up(lab.client.directory / "client.conf")
    assert INNER in path.read_text()
    lab.client.minivpn("down")
    assert not path.exists()
    lab.client.ip("netns del work", check=False)


def test_doctor(lab):
    start_and_lose_power(lab)
    said = lab.client.run([MINIVPN, "doctor", lab.client.directory /
                           "client.conf"], check=False).stdout
    assert "minivpn down client" in said
    lab.client.minivpn("down", "client")
