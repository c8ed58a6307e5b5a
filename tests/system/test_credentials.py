# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is let in, and what both ends say to those who are not."""

import os
import re

import pytest

from files import Authority, Key, client_file, server_file
from lab import INNER, INTERNET, SERVER, Peer


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


def serve_x509(lab, credentials, **options):
    path = lab.server.write("server.conf", server_text(
        lab, credentials, **options))
    return lab.server.up(path)


def server_text(lab, credentials, **options):
    return server_file(None, lab.peers, **credentials, **options)


def client_conf(lab, credentials, host=None, **options):
    host = host or lab.client
    options.setdefault("ServerName", "vpn.example.org")
    return host.write("client.conf",
                      client_file(None, None, **credentials, **options))


# Keys.


@pytest.mark.smoke
def test_key_of_a_stranger(lab):
    """A key that is not in the server's file."""
    lab.serve()
    lab.client.key = Key.make()
    said = lab.client.fails("up", lab.client_conf())
    assert "key" in said and "refuse" in said
    lab.server.wait_log("server", r"192\.168\.1\.2.*(key|refuse|unknown)")
    assert not lab.server.status()["clients"]
    assert lab.client.key.public in lab.server.log("server")


def test_key_of_another_server(lab):
    """A server that has not the key that the client's file names."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    wrong = Key.make()
    said = lab.client.fails("up", lab.client_conf(ServerKey=wrong.public))
    assert "key" in said
    lab.server.wait_log("server", r"192\.168\.1\.2.*(refuse|certificate|key)")
    assert not lab.server.status()["clients"]


def test_both_refuse_does_not_disturb_others(lab):
    other = lab.add_client()
    lab.start()
    other.key = Key.make()
    other.fails("up", lab.client_conf(other))
    assert lab.client.ping(INTERNET)
    assert len(lab.server.status()["clients"]) == 1


# Certificates.


@pytest.mark.parametrize("algorithm", ["ed25519", "p256", "rsa"])
def test_certificates(lab, authority, algorithm):
    """A CA, a server's name, and a client that is known by its CN."""
    serve_x509(lab, authority.issue("vpn.example.org",
                                    "DNS:vpn.example.org", algorithm=algorithm))
    lab.client.up(client_conf(lab, authority.issue("alice",
                                                   algorithm=algorithm)))
    assert lab.client.ping(INNER) and lab.client.ping(INTERNET)
    [entry] = lab.server.status()["clients"]
    assert entry["name"] == "alice"


def test_certificate_for_an_address(lab, authority):
    """Without ServerName it is the host of Server that counts."""
    serve_x509(lab, authority.issue("server", f"IP:{SERVER}"))
    lab.client.up(client_conf(lab, authority.issue("alice"), ServerName=None))
    assert lab.client.ping(INNER)


def test_certificate_with_a_peer_section(lab, authority):
    lab.peers.append(Peer("alice", None, {"Address": "10.8.0.40"}))
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    lab.client.up(client_conf(lab, authority.issue("alice")))
    assert lab.client.status()["addresses"][0].startswith("10.8.0.40")


def refused(lab, server, client, said, logged, **options):
    """The client's `up` fails with a word; the server's log has another."""
    serve_x509(lab, server, **options.pop("server_options", {}))
    text = lab.client.fails("up", client_conf(lab, client, **options))
    assert any(word in text for word in said), text
    lab.server.wait_log("server", logged)
    assert not lab.server.status()["clients"]


def test_server_of_another_name(lab, authority):
    refused(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
            authority.issue("alice"), ["not for other.example.org"],
            r"192\.168\.1\.2.*(certificate|refuse)",
            ServerName="other.example.org")


def test_server_expired(lab, authority):
    """The server itself says so when it starts; or its clients do."""
    server = authority.issue("vpn.example.org", "DNS:vpn.example.org",
                             expired=True)
    text = server_text(lab, server)
    said = lab.server.fails("up", lab.server.write("server.conf", text))
    assert "expired" in said


def test_client_expired(lab, authority):
    """The client itself says so before it calls anybody."""
    client = authority.issue("alice", expired=True)
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    assert "expired" in lab.client.fails("up", client_conf(lab, client))


def test_client_expired_seen_by_the_server(lab, authority):
    """A client that does not mind its own certificate: openssl."""
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    client = authority.issue("alice", expired=True)
    result = lab.client.run(
        ["openssl", "s_client", "-dtls1_2", "-connect", f"{SERVER}:4433",
         "-cert", client["Certificate"], "-key", client["Key"]], check=False)
    assert "expired" in result.stdout + result.stderr
    lab.server.wait_log("server", r"alice.*expired|expired.*alice|"
                        r"192\.168\.1\.2.*expired")


def test_client_revoked(lab, authority):
    client = authority.issue("alice")
    authority.revoke("alice")
    refused(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
            client, ["revoked"], r"revoked",
            server_options={"CRL": authority.crl})


def test_others_are_not_revoked(lab, authority):
    authority.issue("mallory")
    authority.revoke("mallory")
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
               CRL=authority.crl)
    lab.client.up(client_conf(lab, authority.issue("alice")))
    assert lab.client.ping(INNER)


def test_server_revoked(lab, authority):
    server = authority.issue("vpn.example.org", "DNS:vpn.example.org")
    authority.revoke("vpn.example.org")
    refused(lab, server, authority.issue("alice"), ["revoked"],
            r"192\.168\.1\.2.*(certificate|revoked|refuse)", CRL=authority.crl)


def test_client_of_another_ca(lab, authority, tmp_path):
    other = Authority(tmp_path / "other")
    client = dict(other.issue("alice"), CA=authority.certificate)
    refused(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
            client, ["CA", "certificate"], r"192\.168\.1\.2.*(CA|sign|issuer)")


def test_server_of_another_ca(lab, authority, tmp_path):
    other = Authority(tmp_path / "other")
    server = other.issue("vpn.example.org", "DNS:vpn.example.org")
    refused(lab, dict(server, CA=authority.certificate),
            authority.issue("alice"), ["CA", "sign"],
            r"192\.168\.1\.2.*(certificate|CA|refuse)")


def test_a_client_is_no_server(lab, authority):
    """Another client's certificate, used to play the server."""
    refused(lab, authority.issue("mallory"), authority.issue("alice"),
            ["not for vpn.example.org"], r"192\.168\.1\.2.*(certificate|refuse)")


def test_no_server_by_cn(lab, authority):
    """A client's certificate of a CA that gives neither purpose nor alternative
    name; its CN is the server's name."""
    refused(lab, authority.issue("vpn.example.org"), authority.issue("alice"),
            ["not for vpn.example.org: it has no subjectAltName"],
            r"192\.168\.1\.2.*(certificate|refuse)")
    path = lab.server.directory / "server.conf"
    said = lab.server.fails("check", path, lines=2)
    assert "extendedKeyUsage=serverAuth" in said
    assert "subjectAltName=DNS:" in said


def test_server_without_a_purpose(lab, authority):
    """The name is right, but it may be a client's."""
    refused(lab, authority.issue("vpn.example.org", extensions=[
        "subjectAltName=DNS:vpn.example.org"]), authority.issue("alice"),
            ["serverAuth"], r"192\.168\.1\.2.*(certificate|refuse)")


def test_any_purpose(lab, authority):
    purpose = "extendedKeyUsage=anyExtendedKeyUsage"
    serve_x509(lab, authority.issue("vpn.example.org", extensions=[
        "subjectAltName=DNS:*.example.org", purpose]))
    lab.client.up(client_conf(lab, authority.issue("alice",
                                                   extensions=[purpose])))
    assert lab.client.ping(INNER)


def test_last_cn_is_the_name(lab, authority):
    """As a directory has it: all its users are in CN=Users."""
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    lab.client.up(client_conf(lab, authority.issue(
        "alice", subject="/CN=Users/CN=alice")))
    [entry] = lab.server.status()["clients"]
    assert entry["name"] == "alice"


def test_lists_count_together(lab, authority):
    """A whole list, and one of what has changed since, in one file."""
    mallory, trudy = authority.issue("mallory"), authority.issue("trudy")
    authority.revoke("mallory")
    base = authority.crl.read_text()
    authority.forget()
    authority.revoke("trudy")
    authority.renew_crl("-crlexts", "delta")
    both = authority.directory / "both.pem"
    both.write_text(base + authority.crl.read_text())
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
               CRL=both)
    for issued in (mallory, trudy):
        said = lab.client.fails("up", client_conf(lab, issued))
        assert "revoked" in said
    lab.client.up(client_conf(lab, authority.issue("alice")))


def test_ca_without_a_list(lab, authority, tmp_path):
    """What it has revoked is not known: nobody gets in by it."""
    other = Authority(tmp_path / "other", "Other CA")
    both = tmp_path / "both.pem"
    both.write_text(authority.certificate.read_text() +
                    other.certificate.read_text())
    server = dict(authority.issue("vpn.example.org", "DNS:vpn.example.org"),
                  CA=both)
    serve_x509(lab, server, CRL=authority.crl)
    lab.client.up(client_conf(lab, authority.issue("alice")))
    lab.client.minivpn("down")
    stranger = dict(other.issue("bob"), CA=both)
    assert "refuses our certificate" in lab.client.fails(
        "up", client_conf(lab, stranger))
    lab.server.wait_log("server", "the CRL has no list of the CA")
    assert "has no list of CN=Other CA" in lab.server.fails(
        "check", lab.server.directory / "server.conf")


def test_ca_with_a_new_key(lab, authority, tmp_path):
    """Both its certificates bear one name, and what they sign does not say by
    which key; the list is by the second."""
    other = Authority(tmp_path / "other")
    both = tmp_path / "both.pem"
    both.write_text(authority.certificate.read_text() +
                    other.certificate.read_text())
    server = dict(other.issue("vpn.example.org", "DNS:vpn.example.org"),
                  CA=both)
    serve_x509(lab, server, CRL=other.crl)
    for each in (authority, other):
        issued = dict(each.issue("alice"), CA=both)
        lab.client.up(client_conf(lab, issued))
        assert lab.client.ping(INNER)
        lab.client.minivpn("down")
    lab.server.minivpn("check", lab.server.directory / "server.conf")


@pytest.mark.parametrize("broken", ["Certificate", "Key", "CA"])
def test_unreadable_files(lab, authority, broken, tmp_path):
    credentials = authority.issue("alice")
    missing = tmp_path / "missing.pem"
    path = client_conf(lab, dict(credentials, **{broken: missing}))
    said = lab.client.fails("up", path, prefix="", lines=None)
    assert "missing.pem" in said


@pytest.mark.parametrize("broken", ["Certificate", "Key", "CA", "CRL"])
def test_check_does_not_wait_for_a_pipe(lab, authority, broken, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    server = authority.issue("vpn.example.org", "DNS:vpn.example.org")
    path = lab.server.write("server.conf", server_text(
        lab, dict(server, **{broken: pipe})))
    assert "not a regular file" in lab.server.fails("check", path)


def test_names_of_all_kinds(lab, authority):
    """Each is somebody of his own, whose name check says beforehand."""
    lab.peers.append(Peer("bob@example.org", None, {"Address": "10.8.0.40"}))
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    path = client_conf(lab, authority.issue("alice", subject="/CN=Alice Smith"))
    said = lab.client.minivpn("check", path).stdout
    name = re.search(r"known to servers as (\S+)", said)[1]
    assert re.fullmatch("Alice_Smith-[0-9a-f]{16}", name)
    lab.client.up(path)
    [entry] = lab.server.status()["clients"]
    assert entry["name"] == name
    lab.client.minivpn("down")
    lab.server.minivpn("down")
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"),
               PeerName="SAN")
    lab.client.up(client_conf(lab, authority.issue(
        "bob", subject="/CN=Users",
        extensions=["subjectAltName=email:bob@example.org"])))
    assert lab.client.status()["addresses"][0].startswith("10.8.0.40")


def in_one_file(text, issued):
    """With what its certificates' files have, instead of their names."""
    lines = [line for line in text.splitlines()
             if line.partition(" ")[0] not in issued]
    for name, path in issued.items():
        lines += [f"<{name}>", path.read_text().strip(), f"</{name}>"]
    return "\n".join(lines) + "\n"


def test_one_file(lab, authority, tmp_path):
    """The client needs nothing but its file; a reload reads it again."""
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org"))
    issued = authority.issue("alice")
    path = client_conf(lab, issued)
    path.write_text(in_one_file(path.read_text(), issued))
    issued["Key"].unlink()
    lab.client.minivpn("check", path)
    lab.client.up(path)
    assert lab.client.ping(INNER)
    lab.client.minivpn("reload")
    assert lab.client.ping(INNER)
    path.write_text(path.read_text().replace("BEGIN CERT", "BEGIN CURT"))
    assert f"{path} <certificate>" in lab.client.fails("reload")
    assert lab.client.ping(INNER)


def test_key_of_another_certificate(lab, authority):
    credentials = dict(authority.issue("alice"),
                       Key=authority.issue("bob")["Key"])
    said = lab.client.fails("up", client_conf(lab, credentials))
    assert "not the key" in said and "bob-key.pem" in said


def large(size):
    """An extension that nobody knows."""
    return [f"1.2.3.4.5=ASN1:UTF8String:{'x' * size}"]


def test_largest_certificates(lab, authority):
    """What one handshake message takes, in many fragments."""
    serve_x509(lab, authority.issue("vpn.example.org", "DNS:vpn.example.org",
                                    extensions=large(15000)))
    lab.client.up(client_conf(lab, authority.issue("alice",
                                                   extensions=large(15000))))
    assert lab.client.ping(INNER)


def test_certificate_that_is_too_long(lab, authority):
    """Said where it is loaded, and not after a handshake without an end."""
    server = authority.issue("vpn.example.org", "DNS:vpn.example.org")
    serve_x509(lab, server)
    path = client_conf(lab, authority.issue("alice", extensions=large(55000)))
    for command in "check", "up":
        said = lab.client.fails(command, path)
        assert "alice.pem: 55" in said and "more than the 16384" in said


@pytest.mark.parametrize("by", ["certificates", "keys"])
def test_stranger_with_a_certificate_that_is_too_long(lab, authority, by):
    """It is told, and so is the server's log; at once."""
    if by == "keys":
        lab.serve()
    else:
        serve_x509(lab, authority.issue("vpn.example.org",
                                        "DNS:vpn.example.org"))
    client = authority.issue("alice", extensions=large(55000))
    result = lab.client.run(
        ["openssl", "s_client", "-dtls1_2", "-connect", f"{SERVER}:4433",
         "-cert", client["Certificate"], "-key", client["Key"]], check=False)
    assert "alert" in result.stdout + result.stderr
    lab.server.wait_log("server", "refused: its certificates are 55[0-9]* "
                        "bytes long, and (2048|16384) at most")
