# SPDX-License-Identifier: GPL-2.0-or-later
"""What `doctor` finds out: each case is something that people run into."""

import json
import os
import shutil

import pytest

from files import Authority, Key, client_file, server_file
from host import wait_until
from lab import CLIENT, INNER, ROUTER_WAN, SERVER, SERVER6
from test_crashes import RESOLVER_OBSTACLES
from test_neighbours import DOCKER, nft, remedy


def findings(host, *argv, code=0):
    """What it says, by what it has looked at: lists of (word, text)."""
    result = host.minivpn("doctor", *argv, check=False)
    print(result.stdout)
    assert result.returncode == code, result.stdout + result.stderr
    found = {}
    for line in result.stdout.splitlines():
        word, colon, rest = line.partition("  ")
        if colon:
            what, _, text = rest.strip().partition(": ")
            found.setdefault(what, []).append((word.strip(), text))
    wrong = sum(word == "WRONG" for texts in found.values()
                for word, _ in texts)
    assert (wrong > 0) == (code == 1) == bool(result.stderr)
    return found


def wrong(host, *argv):
    """The one thing that is: what, and the text."""
    found = findings(host, *argv, code=1)
    [pair] = [(what, text) for what, texts in found.items()
              for word, text in texts if word == "WRONG"]
    return pair


@pytest.fixture
def conf(lab):
    """A client's file, whose server knows it."""
    lab.enroll(lab.client, "alice")
    return lab.client_conf()


@pytest.mark.smoke
def test_all_is_well(lab, conf):
    """Before up, and while it is up; and nothing stays at the server."""
    lab.serve()
    found = findings(lab.client, conf)
    [(word, text)] = found["server"]
    assert word == "ok" and text.startswith(f"{SERVER}:4433 answers")
    assert found["path"] == [("ok", f"{SERVER}:4433: it carries packets of "
                              "1500 bytes")]
    assert found["networks"][0][0] == "ok"
    assert found["handshake"][0][0] == "ok"
    wait_until(lambda: lab.server.status()["clients"] == [],
               what="the end of its session")
    lab.client.up(conf)
    for argv in ((), ("client",), (conf,)):
        found = findings(lab.client, *argv)
        assert found["session"][0][0] == "ok" and "handshake" not in found
        assert found["server"][0][0] == found["path"][0][0] == "ok"
    assert lab.client.ping(INNER)
    assert findings(lab.server)["clients"] == [("ok", "1 connected")]


def test_no_file(lab):
    """Only the machine; wrong usage; a file with a mistake."""
    assert findings(lab.client)["tun"][0][0] == "ok"
    assert "such option" in lab.client.fails("doctor", "--all", code=2,
                                             prefix="", lines=None)
    lab.client.fails("doctor", "a", "b", code=2, prefix="usage: ")
    assert "nobody" in lab.client.fails("doctor", "nobody")
    path = lab.client.write("client.conf", "[Client]\nNonsense = 1\n")
    assert f"{path}:2:" in lab.client.fails("doctor", path, prefix=str(path),
                                            lines=None)


def test_kill_switch_is_up(lab, conf):
    """The path is examined all the same, past it."""
    lab.serve()
    lab.client.up(lab.client_conf(Routes="default", KillSwitch="yes"))
    assert findings(lab.client)["path"] == [
        ("ok", f"{SERVER}:4433: it carries packets of 1500 bytes")]


def test_key_is_unknown(lab, conf):
    """What it says is to be written into the server's file lets it in."""
    name, key, options = lab.peers.pop()
    lab.serve()
    what, text = wrong(lab.client, conf)
    assert what == "handshake" and "not in its file" in text
    assert text.endswith(f"PublicKey = {key.public}")
    with (lab.server.directory / "server.conf").open("a") as file:
        file.write(f"[Peer {name}]\n{text[text.index('PublicKey'):]}\n")
    lab.server.minivpn("reload")
    assert findings(lab.client, conf)["handshake"][0][0] == "ok"


def test_server_has_another_key(lab, conf):
    lab.serve()
    path = lab.client.write("client.conf", client_file(
        lab.client.key, Key.make().public))
    what, text = wrong(lab.client, path)
    assert what == "handshake" and "not the file's ServerKey" in text
    assert lab.server_key.public in text
    findings(lab.client, lab.client_conf())


def test_another_preshared_key(lab, conf):
    lab.serve()
    path = lab.client_conf(PresharedKey=Key.make().public)
    what, text = wrong(lab.client, path)
    assert what == "handshake" and "PresharedKey" in text


def test_server_has_another_name(lab, tmp_path):
    authority = Authority(tmp_path / "ca")
    lab.server.up(lab.server.write("server.conf", server_file(
        None, **authority.issue("vpn", alternative="DNS:vpn.example.org"))))
    path = lab.client.write("client.conf", client_file(
        None, None, **authority.issue("alice"), ServerName="other.example"))
    what, text = wrong(lab.client, path)
    assert what == "handshake" and "other.example" in text


def test_network_that_the_server_gives_is_here_too(lab, conf):
    """And with a network of the LAN's own among the routes that it pushes."""
    lab.client.ip("address add 10.8.0.77/24 dev eth0")
    lab.serve(Routes="192.168.0.0/16, 192.168.1.0/25")
    what, text = wrong(lab.client, conf)
    assert what == "settings" and "10.8.0" in text
    lab.client.ip("address del 10.8.0.77/24 dev eth0")
    found = findings(lab.client, conf)
    assert "192.168.1.0/25" in found["settings"][0][1]


def test_names_of_what_was_not_examined(lab, conf):
    """Files that there are; of several tunnels that are up, these."""
    directory = lab.client.path("/etc/minivpn")
    directory.mkdir(exist_ok=True)
    for name in ("office.conf", "home.conf", "notes.txt"):
        (directory / name).write_text("")
    [(word, text)] = findings(lab.client)["tunnels"]
    assert word == "note" and text.endswith("one of: home, office")
    shutil.rmtree(directory)
    lab.serve()
    lab.client.up(conf)
    other = lab.client.write("other.conf", server_file(
        Key.make(), Listen="4500", Device="tun1", Address="10.9.0.1/24"))
    lab.client.up(other)
    assert findings(lab.client)["tunnels"][0][1].endswith("client, other")


def test_json(lab, server_conf):
    """The same, with commands that can be run as they are."""
    nft(lab.server, INPUT.format("", ""))
    result = lab.server.minivpn("doctor", server_conf, "--json", check=False)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert {tuple(entry) for entry in found} == {
        ("level", "what", "text", "remedy")}
    assert {entry["level"] for entry in found} <= {"ok", "note", "wrong"}
    [wrong_one] = [entry for entry in found if entry["level"] == "wrong"]
    assert wrong_one["what"] == "firewall"
    assert wrong_one["text"].endswith(wrong_one["remedy"])
    lab.server.shell(wrong_one["remedy"])
    found = json.loads(lab.server.minivpn("doctor", "--json",
                                          server_conf).stdout)
    assert {entry["level"] for entry in found} <= {"ok", "note"}
    lab.server.run(["nft", "flush ruleset"])


def test_no_server_there(lab, conf):
    what, text = wrong(lab.client, conf)
    assert what == "server" and "no server listens" in text


def test_silence(lab, conf):
    lab.serve()
    lab.swallow()
    what, text = wrong(lab.client, conf)
    assert what == "server" and "firewall on the way" in text


def test_own_firewall(lab, conf):
    lab.serve()
    nft(lab.client, "table ip own { chain output { type filter hook output "
        "priority 0; udp dport 4433 drop; }\n}")
    what, text = wrong(lab.client, conf)
    assert what == "server" and "firewall of this host" in text
    lab.client.run(["nft", "delete table ip own"])


def test_another_vpn_is_in_the_way(lab, conf):
    """It takes what is for the server, and drops it."""
    lab.serve()
    lab.client.batch("""
        tuntap add dev vpn0 mode tun
        link set vpn0 up
        route add 203.0.113.0/25 dev vpn0""")
    what, text = wrong(lab.client, conf)
    assert what == "server" and "vpn0, which is another VPN's" in text
    lab.client.shell(text.rpartition(": ")[2])
    findings(lab.client, conf)
    lab.client.ip("tuntap del dev vpn0 mode tun")


@pytest.mark.parametrize("obstacle", ["immutable", "mounted"])
def test_names_can_not_be_written(lab, obstacle):
    make, remedy_text = RESOLVER_OBSTACLES[obstacle]
    lab.enroll(lab.client, "alice")
    lab.serve(DNS="10.8.0.1")
    if lab.client.shell(make, check=False).returncode:
        pytest.skip("no chattr(1) here, or not on this file system")
    lab.client.baseline()
    what, text = wrong(lab.client, lab.client_conf())
    assert what == "names" and remedy_text in text
    # The other way out, which it also says.
    assert "DNS = none" in text
    findings(lab.client, lab.client_conf(DNS="none"))


def test_leaks(lab):
    lab.start(client={"Routes": "default"})
    lab.client.ip("route replace 128.0.0.0/1 via 192.168.1.1 table 77")
    lab.client.wait_log("client", "leaves beside the tunnel.*eth0")
    found = findings(lab.client, code=1)
    assert found["tunnel"][0][0] == "WRONG"
    assert any("128.0.0.0/1" in text for _, text in found["warning"])
    lab.client.minivpn("down")
    lab.client.ip("route del 128.0.0.0/1 via 192.168.1.1 table 77")


def test_no_way(lab, conf):
    lab.client.ip("route delete default")
    what, text = wrong(lab.client, conf)
    assert what == "route" and "is it connected" in text
    lab.client.ip("route add default via 192.168.1.1")


def test_unknown_name(lab, conf):
    path = lab.client_conf(Server=["nowhere.invalid", SERVER])
    lab.serve()
    found = findings(lab.client, path, code=1)
    assert "nowhere.invalid" in found["name"][0][1]
    assert found["server"][0][0] == "ok"


@pytest.mark.parametrize("server, size", [(SERVER, 1400), (SERVER6, 1320)])
def test_small_path(lab, conf, server, size):
    """What the path carries, with no word from the router."""
    address = f"[{server}]" if ":" in server else server
    path = lab.client_conf(Server=f"{address}:4433")
    lab.serve()
    nft(lab.router, "table inet mute { chain output { type filter hook output "
        "priority 0; meta l4proto icmp drop; icmpv6 type packet-too-big drop; "
        "}\n}")
    lab.router.ip(f"link set wan mtu {size}")
    found = findings(lab.client, path)
    assert found["path"] == [("ok", f"{address}:4433: it carries packets of "
                              f"{size} bytes")]
    path = lab.client_conf(Server=f"{address}:4433", MTU="1420")
    what, text = wrong(lab.client, path)
    assert what == "path" and "MTU = 1420" in text


def test_device_is_taken(lab, conf):
    lab.serve()
    lab.client.ip("tuntap add dev tun0 mode tun")
    what, text = wrong(lab.client, conf)
    assert what == "device" and "tun0" in text
    findings(lab.client, lab.client_conf(Namespace="work"))
    lab.client.ip("tuntap del dev tun0 mode tun")


def test_network_is_here_too(lab, conf):
    lab.serve()
    path = lab.client_conf(Routes="192.168.0.0/16, 10.8.0.0/24")
    what, text = wrong(lab.client, path)
    assert what == "networks"
    assert "192.168.0.0/16" in text and "192.168.1.0/24" in text


def test_server_of_a_network_that_is_here(lab):
    path = lab.server.write("server.conf", server_file(
        Key.make(), Address="198.51.100.1/24"))
    what, text = wrong(lab.server, path)
    assert what == "networks" and "eth1" in text


def test_port_is_taken(lab):
    with lab.server.socket() as other:
        other.bind((SERVER, 4433))
        path = lab.server.write("server.conf", server_file(
            Key.make(), Listen=f"{SERVER}:4433"))
        what, text = wrong(lab.server, path)
        assert what == "port" and "another program" in text
    path = lab.server.write("server.conf", server_file(
        Key.make(), Listen=f"{CLIENT}:4433"))
    what, text = wrong(lab.server, path)
    assert what == "port" and "no address of this host" in text


def test_server_without_clients_and_uplink(lab):
    path = lab.server.write("server.conf", server_file(Key.make()))
    lab.server.ip("route delete default")
    lab.server.ip("-6 route delete default")
    found = findings(lab.server, path)
    assert "add" in found["clients"][0][1]
    assert "no default route" in found["uplink"][0][1]
    assert "up switches it on" in found["forwarding"][0][1]
    lab.server.ip(f"route add default via {ROUTER_WAN}")
    lab.server.ip("route add default via 2001:db8:2::1")


def test_firewall_that_drops(lab):
    """Before up as well; and what it says to do about it helps."""
    path = lab.server.write("server.conf", server_file(Key.make()))
    nft(lab.server, DOCKER)
    what, text = wrong(lab.server, path)
    assert what == "firewall" and "DOCKER-USER" in text
    lab.server.run(["nft", remedy(text)])
    findings(lab.server, path)
    lab.server.run(["nft", "flush ruleset"])


# Chains of others on the way to a server's port, as {} there may be more.
INPUT = """
table inet filter {{
    chain allowed {{
        {}
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state vmap {{ established : accept, related : accept,
                         invalid : drop }}
        ct status dnat accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        tcp dport {{ 22, 443 }} accept
        udp dport 53 accept
        jump allowed
        {}
    }}
}}"""
ALLOWING = ["udp dport 4433 accept", "udp dport 4000-5000 accept",
            "udp dport { 53, 4433 } accept", "ip saddr 192.168.1.0/24 accept",
            "meta l4proto { tcp, udp } th dport 4433 accept",
            "udp dport != 53 accept", 'iifname "eth0" accept',
            'iifname != "lo" udp dport 4433 accept']
NOT_ALLOWING = ["udp dport 4434 accept", "tcp dport 4433 accept",
                'iifname "lo" accept', 'iifname "tun0" accept',
                "udp dport 4434-5000 accept", "meta l4proto icmp accept",
                "ct state established udp dport 4433 accept",
                "udp dport 4433 counter"]


@pytest.fixture
def server_conf(lab):
    lab.enroll(lab.client, "alice")
    return lab.server.write("server.conf", server_file(lab.server_key,
                                                       lab.peers))


@pytest.mark.parametrize("rest", ["", "reject"])
def test_port_is_closed(lab, server_conf, rest):
    """It is so, is said while up too, and what is said opens it."""
    lab.server.up(server_conf)
    nft(lab.server, INPUT.format("", rest))
    assert "no answer" in wrong(lab.client, lab.client_conf())[1] or rest
    what, text = wrong(lab.server)
    assert what == "firewall" and "UDP port 4433" in text
    assert (" policy " in text) != bool(rest)
    lab.server.run(["nft", remedy(text)])
    findings(lab.server)
    assert findings(lab.client, lab.client_conf())["handshake"][0][0] == "ok"
    lab.server.minivpn("down")
    lab.server.run(["nft", "flush ruleset"])


def test_what_opens_a_port(lab, server_conf):
    """A packet is asked, for each rule, whether that is so."""
    def is_open():
        """By a packet that a program waits for."""
        with lab.server.socket() as own, lab.client.socket() as far:
            own.bind((SERVER, 4433))
            own.settimeout(0.3)
            far.sendto(b"hello", (SERVER, 4433))
            try:
                return own.recv(10) == b"hello"
            except TimeoutError:
                return False
    for rule in ALLOWING + NOT_ALLOWING:
        lab.server.run(["nft", "flush ruleset"])
        nft(lab.server, INPUT.format(rule, ""))
        assert is_open() == (rule in ALLOWING), rule
        code = int(rule in NOT_ALLOWING)
        assert ("firewall" in findings(lab.server, server_conf,
                                       code=code)) == bool(code), rule
    lab.server.run(["nft", "flush ruleset"])


@pytest.mark.parametrize("chain, command", [
    ("ufw-user-input", "ufw allow 4433/udp"),
    ("filter_INPUT", "firewall-cmd --add-port=4433/udp")])
def test_port_is_closed_by(lab, server_conf, chain, command):
    """Who has a command of his own for it is given that."""
    table = "ip filter" if chain.startswith("ufw") else "inet firewalld"
    nft(lab.server, f"""
        table {table} {{
            chain {chain} {{ tcp dport 22 accept; }}
            chain input {{
                type filter hook input priority filter; policy drop;
                jump {chain}
            }}
        }}""")
    what, text = wrong(lab.server, server_conf)
    assert what == "firewall" and text.endswith(f": {command}")
    lab.server.run(["nft", "flush ruleset"])


@pytest.mark.skipif(not shutil.which("ufw"), reason="there is no ufw")
def test_ufw(lab, server_conf):
    """As it is when somebody switches it on; its own commands help."""
    etc = lab.server.path("/etc")
    for part in ("ufw", "default", "alternatives"):
        shutil.copytree(f"/etc/{part}", etc / part, symlinks=True)
    lab.server.run(["ufw", "--force", "enable"])
    found = findings(lab.server, server_conf, code=1)
    commands = {text.rpartition("allow them: ")[2]
                for _, text in found["firewall"]}
    assert commands == {"ufw allow 4433/udp", "ufw route allow in on tun0"}
    for command in commands:
        lab.server.shell(command)
    assert "firewall" not in findings(lab.server, server_conf)
    lab.server.compared = False  # it sets some sysctls as well


def test_port_is_closed_by_iptables(lab, server_conf):
    def command(*words):
        return lab.server.run(["iptables-nft", *words], check=False)

    if command("-P", "INPUT", "DROP").returncode:
        pytest.skip("this kernel has nothing for iptables-nft")
    command("-A", "INPUT", "-p", "udp", "--dport", "4434", "-j", "ACCEPT")
    command("-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
    what, text = wrong(lab.server, server_conf)
    assert what == "firewall" and "chain INPUT" in text
    command("-A", "INPUT", "-p", "udp", "--dport", "4433", "-j", "ACCEPT")
    findings(lab.server, server_conf)
    command("-F", "INPUT")
    command("-P", "INPUT", "ACCEPT")
    lab.server.run(["nft", "flush ruleset"])


def test_forwarding_is_switched_off(lab):
    """It was on before, so that it is not the server's to put back."""
    lab.server.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    lab.server.baseline()
    lab.start()
    lab.server.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")
    what, text = wrong(lab.server)
    assert what == "forwarding" and "sysctl -w net.ipv4.ip_forward=1" in text
    lab.server.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")


def test_killed(lab, conf):
    lab.serve()
    lab.client.up(conf)
    lab.client.kill_minivpn()
    found = findings(lab.client, conf, code=1)
    assert "minivpn down client" in found["tunnel"][0][1]
    lab.client.minivpn("down", "client")


def test_certificate_has_expired(lab, tmp_path):
    authority = Authority(tmp_path / "ca")
    path = lab.client.write("client.conf", client_file(
        None, None, **authority.issue("alice", days=5),
        ServerName="vpn.example.org"))
    found = findings(lab.client, path, code=1)  # for there is no server
    assert found["certificate"][0][0] == "note"
    assert "renew" in found["certificate"][0][1]


def test_certificate_is_not_valid_yet(lab, tmp_path):
    """It will be refused, so something is wrong: its date, or the clock."""
    authority = Authority(tmp_path / "ca")
    path = lab.client.write("client.conf", client_file(
        None, None, **authority.issue("alice", dates=("20700101000000Z",
                                                      "20710101000000Z")),
        ServerName="vpn.example.org"))
    found = findings(lab.client, path, code=1)
    assert found["certificate"][0][0] == "WRONG"
    assert "not valid before 2070-01-01" in found["certificate"][0][1]
    assert "clock" in found["certificate"][0][1]


def test_others_than_root(lab):
    result = lab.client.run(["setpriv", "--reuid=65534", "--regid=65534",
                             "--clear-groups", lab.client.program, "doctor"],
                            check=False)
    assert result.returncode == 1
    assert "WRONG  privileges: up needs CAP_NET_ADMIN" in result.stdout
    # Whose device it is depends on the machine.
    other = os.stat("/dev/net/tun").st_mode & 0o006
    assert f"{'ok    ' if other == 0o006 else 'WRONG '} tun" in result.stdout


def test_others_than_root_end_no_session(lab):
    """They can't know whether it is up, and so make no other one."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    conf = lab.client_conf(Routes="none")
    lab.client.up(conf)
    readable = lab.client.path("/tmp/client.conf")
    readable.write_text(conf.read_text())
    result = lab.client.run(["setpriv", "--reuid=65534", "--regid=65534",
                             "--clear-groups", lab.client.program, "doctor",
                             "/tmp/client.conf"], check=False)
    readable.unlink()
    assert "whether it is up can't be told" in result.stdout
    assert f"server: {SERVER}:4433 answers" in result.stdout
    assert "handshake: " not in result.stdout
    assert "disconnected" not in lab.server.log("server")


def test_no_tun(lab):
    """As in a container that was not given the device."""
    result = lab.client.shell("unshare --mount sh -c 'mount -t tmpfs none "
                              f"/dev/net && {lab.client.program} doctor'",
                              check=False)
    assert result.returncode == 1
    assert "WRONG  tun: no /dev/net/tun: modprobe tun" in result.stdout


def test_clock_is_behind(lab, conf):
    lab.serve()
    lab.client.run(["touch", "-d", "3 days", conf])
    what, text = wrong(lab.client, conf)
    assert what == "clock" and str(conf) in text
