# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys, certificates and minivpn's files, made when a test needs them."""

import base64
import os
import subprocess
import zlib

from host import MINIVPN

PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410


# All tests with a Secret, where it is set.
SECRET = {"Secret": os.environ.get("MINIVPN_SECRET")}


def call(*argv, **options):
    return subprocess.run(list(map(str, argv)), check=True, text=True,
                          capture_output=True, timeout=30, **options).stdout


class Key:
    def __init__(self, private, public):
        self.private = private
        self.public = public

    @classmethod
    def make(cls):
        private = call(MINIVPN, "genkey").strip()
        return cls(private, call(MINIVPN, "pubkey", input=private).strip())

    def pem(self, directory):
        """The key and a certificate of its own as files for other programs."""
        der = PKCS8_PREFIX + base64.b64decode(self.private)
        text = base64.b64encode(der).decode()
        key, certificate = directory / "key.pem", directory / "certificate.pem"
        key.write_text(f"-----BEGIN PRIVATE KEY-----\n{text}\n"
                       "-----END PRIVATE KEY-----\n")
        key.chmod(0o600)
        call("openssl", "req", "-x509", "-key", key, "-out", certificate,
             "-subj", "/CN=stranger", "-days", "1")
        return key, certificate


def section(head, keys):
    """One section; a value that is a list is the key repeated, None none."""
    lines = [f"[{head}]"]
    for key, value in keys.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{key} = {item}" for item in values if item is not None]
    return "\n".join(lines) + "\n\n"


def server_file(key, peers=(), **options):
    keys = {"Listen": "4433", "Address": "10.8.0.1/24, fd08::1/64",
            "PrivateKey": key.private if key else None, **SECRET, **options}
    return section("Server", keys) + "".join(
        section(f"Peer {peer.name}",
                {"PublicKey": peer.key.public if peer.key else None,
                 **peer.options})
        for peer in peers)


def client_file(key, server_key, **options):
    return section("Client", {
        "Server": "203.0.113.5:4433", "ServerKey": server_key,
        "PrivateKey": key.private if key else None, **SECRET, **options})


def journal_line(text):
    """As it is written, behind its checksum."""
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


class Authority:
    """A small CA by openssl."""

    CONFIG = """
[ca]
default_ca = own
[own]
dir = {directory}
database = {directory}/index.txt
new_certs_dir = {directory}/issued
certificate = {directory}/ca.pem
private_key = {directory}/ca-key.pem
serial = {directory}/serial
crlnumber = {directory}/crlnumber
default_md = default
default_crl_days = 30
default_days = 30
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = lab
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[delta]
2.5.29.27 = critical,DER:020101
"""

    def __init__(self, directory, name="Lab CA"):
        self.directory = directory
        (directory / "issued").mkdir(parents=True)
        (directory / "index.txt").write_text("")
        (directory / "serial").write_text("01\n")
        (directory / "crlnumber").write_text("01\n")
        self.config = directory / "ca.cnf"
        self.config.write_text(self.CONFIG.format(directory=directory))
        self.certificate = directory / "ca.pem"
        self.crl = directory / "crl.pem"
        call("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes",
             "-config", self.config, "-extensions", "authority",
             "-subj", f"/CN={name}", "-days", "30",
             "-keyout", directory / "ca-key.pem", "-out", self.certificate)
        self.renew_crl()

    def renew_crl(self, *options):
        call("openssl", "ca", "-config", self.config, "-gencrl",
             "-out", self.crl, *options)

    def forget(self):
        """The next list has only what is revoked from here on."""
        (self.directory / "index.txt").write_text("")

    def issue(self, name, alternative=None, expired=False, algorithm="ed25519",
              days=30, dates=None, extensions=(), subject=None):
        """A key and a certificate: the keys of a file that name them. With an
        alternative name it is a server's."""
        key = self.directory / f"{name}-key.pem"
        request = self.directory / f"{name}.csr"
        certificate = self.directory / f"{name}.pem"
        if alternative:
            extensions = [f"subjectAltName={alternative}",
                          "extendedKeyUsage=serverAuth", *extensions]
        extension = [word for line in extensions for word in ("-addext", line)]
        kind = {"ed25519": ["ed25519"], "rsa": ["rsa:2048"],
                "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
        call("openssl", "req", "-new", "-newkey", *kind[algorithm], "-nodes",
             "-config", self.config, "-subj", subject or f"/CN={name}",
             *extension,
             "-keyout", key, "-out", request)
        key.chmod(0o600)
        if expired:
            dates = ("20200101000000Z", "20200102000000Z")
        dates = (["-startdate", dates[0], "-enddate", dates[1]] if dates
                 else ["-days", days])
        call("openssl", "ca", "-config", self.config, "-batch", "-notext",
             "-in", request, "-out", certificate, *dates)
        return {"Certificate": certificate, "Key": key, "CA": self.certificate}

    def revoke(self, name):
        call("openssl", "ca", "-config", self.config, "-revoke",
             self.directory / f"{name}.pem")
        self.renew_crl()
