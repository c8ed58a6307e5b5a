# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's DTLS, and what is no DTLS at all, at a live server."""

import base64
import random
import re
import select
import socket
import subprocess
import time

import pytest

from files import Authority, Key, call, server_file
from host import wait_until
from lab import CLIENT, INNER, INNER6, SERVER, SERVER6, Peer
from packets import UDP, Capture, udp_packet

OPENSSL = ["openssl", "s_client", "-dtls1_2", "-connect", f"{SERVER}:4433"]
GNUTLS = ["gnutls-cli", "--udp", "--port", "4433", "--insecure", "--priority",
          "NORMAL:-VERS-ALL:+VERS-DTLS1.2", SERVER]


# A program's words: to connect, for a key, for a certificate, and its own for
# a handshake that is complete.
PROGRAMS = {"openssl": (OPENSSL, "-key", "-cert", "Cipher is ECDHE"),
            "gnutls": (GNUTLS, "--x509keyfile", "--x509certfile",
                       "Handshake was completed")}

# Strangers on the client's own machine reach the server past its tunnel.
BESIDE = {"Exclude": "203.0.113.0/24, 2001:db8:2::/64"}


def shake(lab, program, key=None, certificate=None, extra=()):
    """Whether it shakes hands, and all that it says."""
    argv, key_word, certificate_word, done = PROGRAMS[program]
    own = [key_word, key, certificate_word, certificate] if key else []
    process = lab.client.spawn([*argv, *own, *extra], stdin=subprocess.PIPE)
    wait_until(lambda: done in process.output() or
               process.popen.poll() is not None, 10, program)
    process.stop()
    return done in process.output(), process.output()


def known(lab):
    """A key that the server knows, as PEM files."""
    key = Key.make()
    lab.peers.append(Peer("stranger", key, {}))
    return key.pem(lab.directory)


def test_keys_are_ed25519(lab):
    """openssl makes the same public key of a private one as pubkey does."""
    key = Key.make()
    pem, _ = key.pem(lab.directory)
    der = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout",
                          "-outform", "DER"], check=True,
                         capture_output=True).stdout
    assert base64.b64encode(der[-32:]).decode() == key.public


@pytest.mark.parametrize("program", PROGRAMS)
def test_known_key(lab, program):
    """Let in by a key of the file, in a certificate that openssl made."""
    key, certificate = known(lab)
    lab.serve()
    done, said = shake(lab, program, key, certificate)
    assert done, said
    assert "ed25519" in said.lower()
    assert re.search(r"ECDHE.*(AES-?\d+-GCM|CHACHA20)", said), said
    lab.server.wait_log("server", "stranger")


@pytest.mark.parametrize("program", PROGRAMS)
def test_strangers_are_refused(lab, program):
    """Without a certificate, and with one of a key that is not known."""
    known(lab)
    lab.serve()
    unknown = Key.make().pem(lab.server.directory)
    for credentials in ((), unknown):
        done, said = shake(lab, program, *credentials)
        assert not done or "alert" in said.lower(), said
    lab.server.wait_log("server", r"192\.168\.1\.2")
    assert not lab.server.status()["clients"]


def test_openssl_sees_the_servers_key(lab):
    """The certificate on the wire is made of the key of the file."""
    key, certificate = known(lab)
    lab.serve()
    _, said = shake(lab, "openssl", key, certificate)
    pem = re.search(r"-----BEGIN.*?-----END CERTIFICATE-----\n", said, re.S)
    public = call("openssl", "x509", "-noout", "-pubkey", input=pem.group())
    raw = base64.b64decode("".join(public.splitlines()[1:-1]))[-32:]
    assert base64.b64encode(raw).decode() == lab.server_key.public


@pytest.mark.parametrize("program", PROGRAMS)
def test_certificates(lab, tmp_path, program):
    authority = Authority(tmp_path / "ca")
    issued = authority.issue("vpn.example.org", "DNS:vpn.example.org")
    lab.server.up(lab.server.write("server.conf", server_file(None, **issued)))
    own = authority.issue("stranger")
    done, said = shake(lab, program, own["Key"], own["Certificate"])
    assert done, said
    lab.server.wait_log("server", "stranger")
    other = Authority(tmp_path / "other").issue("stranger")
    done, said = shake(lab, program, other["Key"], other["Certificate"])
    assert not done or "alert" in said.lower(), said


@pytest.mark.parametrize("weak", [
    ["-cipher", "AES128-GCM-SHA256"],       # no forward secrecy
    ["-cipher", "ECDHE-ECDSA-AES128-SHA"],  # no AEAD
    ["-cipher", "aNULL:@SECLEVEL=0"],       # no authentication
])
def test_weak_suites_are_refused(lab, weak):
    key, certificate = known(lab)
    lab.serve()
    done, said = shake(lab, "openssl", key, certificate, weak)
    assert not done, said


def test_old_protocols_are_refused(lab):
    key, certificate = known(lab)
    lab.serve()
    result = lab.client.run(
        ["openssl", "s_client", "-dtls1", "-connect", f"{SERVER}:4433",
         "-key", key, "-cert", certificate, "-cipher", "ALL:@SECLEVEL=0"],
        check=False)
    assert result.returncode != 0 and "Cipher is ECDHE" not in result.stdout


def test_same_port_again(lab):
    """A client that died, and one that comes from its very port at once."""
    key, certificate = known(lab)
    lab.serve()
    argv = [*OPENSSL, "-key", key, "-cert", certificate,
            "-bind", "192.168.1.2:5555"]
    for _ in range(3):
        held = lab.client.spawn(argv, stdin=subprocess.PIPE)
        held.wait_for("Cipher is ECDHE")
        held.popen.kill()
        held.popen.wait()
    lab.server.wait_log("server", r"192\.168\.1\.2:5555")


def client_hello(lab):
    """A first datagram as openssl sends it."""
    with Capture(lab.client, "eth0") as wire:
        lab.client.run(OPENSSL, check=False)
        return wire.wait_for(lambda packet: packet.protocol == UDP and
                             packet.to == SERVER).data[28:]


def garbage(seed, hello):
    """Datagrams that look a little like DTLS, and some that do not."""
    rng = random.Random(seed)
    for _ in range(300):
        yield rng.randbytes(rng.choice((0, 1, 12, 13, 14, 60, 500, 1400)))
    for length in range(len(hello)):
        yield hello[:length]
    for _ in range(500):
        changed = bytearray(hello)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield bytes(changed)
    for kind in range(256):  # records of an epoch that does not exist here
        yield bytes([kind]) + b"\xfe\xfd\0\1" + rng.randbytes(6) + b"\0\x20" \
            + rng.randbytes(32)


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_garbage(lab, family):
    """From a stranger, and from the client's own address and port."""
    lab.start(client=BESIDE)
    hello = client_hello(lab)
    port = int(lab.server.status()["clients"][0]["endpoint"].split(":")[-1])
    pids = lab.server.status()["pid"], lab.server.status()["tunnel_pid"]
    to = (SERVER if family == "IPv4" else SERVER6, 4433)
    kind = socket.AF_INET if family == "IPv4" else socket.AF_INET6
    with lab.client.socket(kind) as stranger:
        for number, datagram in enumerate(garbage(1, hello)):
            stranger.sendto(datagram, to)
            if number % 300 == 0:
                assert lab.client.ping(INNER)
    if family == "IPv4":
        spoof(lab, port, garbage(2, hello))
    assert lab.client.ping(INNER, count=3)
    status = lab.server.status()
    assert (status["pid"], status["tunnel_pid"]) == pids
    assert [entry["name"] for entry in status["clients"]] == ["alice"]
    assert count(status) > 0


def count(status):
    """All that was dropped, of the server and of its clients."""
    return sum(status["drops"].values()) + sum(
        sum(entry["drops"].values()) for entry in status["clients"])


def spoof(lab, port, datagrams):
    """The same as if the client itself had sent them."""
    with lab.router.socket(kind=socket.SOCK_RAW,
                           protocol=socket.IPPROTO_RAW) as raw:
        for datagram in datagrams:
            packet = udp_packet(CLIENT, SERVER, datagram, port, 4433)
            raw.sendto(packet, (SERVER, 0))


def test_hello_from_the_clients_port(lab):
    """Somebody who spoofs a live client's address can't throw it out."""
    lab.start(client=BESIDE)
    hello = client_hello(lab)
    port = int(lab.server.status()["clients"][0]["endpoint"].split(":")[-1])
    for _ in range(5):
        spoof(lab, port, [hello] * 100)
        assert lab.client.ping(INNER)
    assert len(lab.server.status()["clients"]) == 1


def test_no_amplification(lab):
    """A stranger gets no more bytes than it has sent, cookie and all."""
    lab.serve()
    hello = client_hello(lab)
    with lab.client.socket() as stranger, \
            Capture(lab.client, "eth0") as wire:
        def answers():
            return [packet for packet in wire.seen()
                    if packet.protocol == UDP and packet.source == SERVER]
        for _ in range(20):
            stranger.sendto(hello, (SERVER, 4433))
        wait_until(lambda: len(answers()) >= 20, what="a cookie for each")
        assert lab.client.ping(SERVER)
        assert sum(len(packet.data) - 28 for packet in answers()) <= \
            20 * len(hello)


def test_replayed_records(lab):
    """Every datagram of the client, sent again: dropped and counted."""
    lab.start(client=BESIDE)
    with Capture(lab.router, "wan") as wire:
        assert lab.client.ping(INNER, count=3)
        datagrams = [packet.data[28:] for packet in wire.seen()
                     if packet.to == SERVER]
    before = lab.server.status()
    port = int(before["clients"][0]["endpoint"].split(":")[-1])
    assert len(datagrams) >= 3
    spoof(lab, port, datagrams)
    wait_until(lambda: count(lab.server.status()) >=
               count(before) + len(datagrams), what="the replays' being counted")
    assert lab.server.status()["traffic"]["rx_packets"] == \
        before["traffic"]["rx_packets"]
    assert lab.client.ping(INNER)


@pytest.mark.parametrize("message", [
    b"\x0e\x01\x00\x01", b"\x00", b"\x01", b"\x03\x63\0\1\0\1\xff\xff\0",
    b"\x02\x01\0\1", b"\x9fno packet, no message", b"\x45 cut short"])
def test_nonsense_of_a_known_peer(lab, message):
    """Unknown types, cut attributes, a server's message from a client."""
    key, certificate = known(lab)
    lab.start(client=BESIDE)
    peer = lab.client.spawn([*OPENSSL, "-quiet", "-key", key, "-cert",
                             certificate], stdin=subprocess.PIPE)
    lab.server.wait_log("server", "stranger")
    before = count(lab.server.status())
    peer.popen.stdin.write(message)
    peer.popen.stdin.flush()
    wait_until(lambda: count(lab.server.status()) > before,
               what="its being counted")
    assert lab.client.ping(INNER)


@pytest.mark.parametrize("source, to, reason", [
    ("::", "ff02::16", "link_local"), ("fe80::1", INNER6, "link_local"),
    ("0.0.0.0", INNER, "link_local"), ("10.8.0.99", INNER, "source")])
def test_client_that_does_not_keep_it_to_itself(lab, source, to, reason):
    """What an older one passes on of its kernel's talk with neighbours is not
    counted as the false source that it would be for anything else."""
    key, certificate = known(lab)
    lab.start(client=BESIDE)
    peer = lab.client.spawn([*OPENSSL, "-quiet", "-key", key, "-cert",
                             certificate], stdin=subprocess.PIPE)
    lab.server.wait_log("server", "stranger")
    with Capture(lab.server, "tun0", strict=True) as inside:
        peer.popen.stdin.write(udp_packet(source, to, b"to its neighbours"))
        peer.popen.stdin.flush()
        wait_until(lambda: any(lab.server.status()["drops"].values()))
        assert not inside.holds(b"to its neighbours")
    drops = lab.server.status()["drops"]
    assert {name for name, times in drops.items() if times} == {reason}


def test_a_client_gone_wild(lab):
    """Hundreds of PINGs, and of messages of an unknown type: few are answered,
    and the others' tunnel works."""
    key, certificate = known(lab)
    lab.start(client=BESIDE)
    peer = lab.client.spawn([*OPENSSL, "-quiet", "-key", key, "-cert",
                             certificate, "-bind", "192.168.1.2:5555"],
                            stdin=subprocess.PIPE)
    lab.server.wait_log("server", "stranger")
    with Capture(lab.client, "eth0") as wire:
        def count(port_at):
            return sum(1 for packet in wire.seen() if packet.protocol == UDP
                       and packet.data[port_at:port_at + 2] == b"\x15\xb3")
        start = time.monotonic()
        for number in range(300):
            message = b"\x03\x01\0\1" if number % 2 else b"\x0e\x01\0\1"
            peer.popen.stdin.write(message)
            peer.popen.stdin.flush()
            while count(20) <= number:  # it does not make one of two
                assert select.select([wire.socket], [], [], 5)[0]
        assert lab.client.ping(INNER)
        answers = count(22)
        most = 60 + 20 * (time.monotonic() - start)
    assert 40 <= answers <= most, f"{answers}, {most:.1f}"
    assert lab.server.status()["drops"]["control"] >= 300 - most
