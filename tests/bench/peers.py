# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared: how each is set up, with its best cipher on x86.

A peer serves on the server and gives the command by which its client comes up.
Nothing of it is left once its link has gone, so none of them is stopped with
care but minivpn.
"""

import os
import pathlib
import shutil
import subprocess

from files import client_file, Key, server_file
from host import wait_until
from lab import Peer as Known
from link import SERVER

BUILD = pathlib.Path(os.environ["MINIVPN"]).parent


class Peer:
    name = ""
    program = ""           # the beginning of its processes' file name
    cipher = "none"
    target = "10.8.0.1"    # the server's address within
    patience = 30          # seconds until it has to be up
    tools = ()
    stays = True           # the client's command, as long as the tunnel

    def missing(self):
        """Why it can't run here, or None."""
        gone = [tool for tool in self.tools if not shutil.which(tool)]
        return f"{', '.join(gone)} not installed" if gone else None

    def serve(self, link):
        """Returns once clients can come."""

    def command(self, link):
        """argv by which the client comes up."""
        raise NotImplementedError

    def ready(self, link):
        """After the first answer: waits for what is still under way."""
        if not self.stays:
            process = link.client.processes[-1]
            if process.wait(self.patience):
                raise RuntimeError(f"{process.argv}: {process.output()}")

    def stop(self, link):
        if self.program:
            link.kill(self.program)


class Bare(Peer):
    name = "bare"
    stays = False
    target = SERVER

    def command(self, link):
        return ["true"]


class Minivpn(Peer):
    name = program = "minivpn"
    stays = False
    cipher = "AES-GCM"
    binary = os.environ["MINIVPN"]

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else \
            f"{self.binary} is not built (make bench-programs)"

    def serve(self, link, keys=(), **options):
        self.server_key, self.key = Key.make(), Key.make()
        peers = [Known("bench", self.key, {})]
        peers += [Known(f"p{number}", key, {})
                  for number, key in enumerate(keys)]
        path = link.server.write("server.conf", server_file(
            self.server_key, peers, NAT="no", Address="10.8.0.1/16",
            MaxClients=len(peers) + 10, **options))
        link.server.run([self.binary, "up", path])

    def command(self, link):
        path = link.client.write("client.conf", client_file(
            self.key, self.server_key.public, Server=f"{SERVER}:4433"))
        return [self.binary, "up", path]

    def stop(self, link):
        for host, name in ((link.client, "client"), (link.server, "server")):
            if link.processes(host, self.program):
                host.run([self.binary, "down", name], check=False)
        super().stop(link)


class Null(Minivpn):
    name = program = "minivpn-null"
    cipher = "none: minivpn with the AEAD left out"
    binary = str(BUILD / "tests/bench/minivpn-null")


class OpenVpn(Peer):
    name = program = "openvpn"
    cipher = "AES-128-GCM"
    target = "10.9.0.1"
    tools = ("openvpn", "openssl")
    options = ""

    def serve(self, link):
        fingerprints = {}
        for host in (link.client, link.server):
            host.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                      "-subj", f"/CN={host.name}", "-keyout",
                      host.directory / "key.pem", "-out",
                      host.directory / "cert.pem"])
            fingerprints[host.name] = host.run(
                ["openssl", "x509", "-in", host.directory / "cert.pem",
                 "-noout", "-fingerprint", "-sha256"]).stdout.split("=")[1]
        common = (f"dev tun\nproto udp\ndata-ciphers {self.cipher}\n"
                  "disable-dco\nauth-nocache\nverb 3\n"
                  "sndbuf 2097152\nrcvbuf 2097152\n" + self.options)
        for host, other, extra in (
                (link.server, "client", f"local {SERVER}\nport 1194\n"
                 "server 10.9.0.0 255.255.255.0\ntopology subnet\ndh none\n"),
                (link.client, "server",
                 f"client\nremote {SERVER} 1194\nnobind\n")):
            host.write("openvpn.conf", common + extra + (
                f"cert {host.directory}/cert.pem\n"
                f"key {host.directory}/key.pem\n"
                f"peer-fingerprint {fingerprints[other].strip()}\n"))
        link.server.spawn(self._argv(link.server)).wait_for(
            "Initialization Sequence Completed", 15)

    @staticmethod
    def _argv(host):
        return ["openvpn", "--config", host.directory / "openvpn.conf"]

    def command(self, link):
        return self._argv(link.client)


class OpenVpnJumbo(OpenVpn):
    """Its fastest without the kernel's help: outer packets in fragments."""

    name = "openvpn-9000"
    options = "tun-mtu 9000\nmssfix 0\n"


class WireGuardGo(Peer):
    name = program = "wireguard-go"
    stays = False
    cipher = "ChaCha20-Poly1305"
    target = "10.10.0.1"
    tools = ("wireguard-go", "wg")
    binary = "wireguard-go"

    SCRIPT = """
        device=$1 file=$2 address=$3; shift 3
        LOG_LEVEL=error "$@" "$device" >"$file.log" 2>&1
        wg setconf "$device" "$file"
        ip address add "$address" dev "$device"
        ip link set "$device" mtu 1420 up"""

    def serve(self, link):
        keys = {}
        for host in (link.client, link.server):
            private = host.run(["wg", "genkey"]).stdout
            keys[host.name] = (private.strip(), host.run(
                ["wg", "pubkey"], input=private).stdout.strip())
        self._write(link.server, keys["server"][0], "ListenPort = 51820",
                    keys["client"][1], "AllowedIPs = 10.10.0.2/32")
        self._write(link.client, keys["client"][0], "", keys["server"][1],
                    f"AllowedIPs = 10.10.0.0/24\nEndpoint = {SERVER}:51820\n")
        link.server.run(self._argv(link.server, "wgs", "10.10.0.1/24"))

    @staticmethod
    def _write(host, private, interface, public, peer):
        host.write("wg.conf", f"[Interface]\nPrivateKey = {private}\n"
                   f"{interface}\n[Peer]\nPublicKey = {public}\n{peer}\n")

    def _argv(self, host, device, address):
        return ["sh", "-ec", self.SCRIPT, "sh", device,
                host.directory / "wg.conf", address, self.binary]

    def command(self, link):
        return self._argv(link.client, "wgc", "10.10.0.2/24")


class WireGuardGoNew(WireGuardGo):
    """Another build of it: WIREGUARD_GO names the program."""

    name = "wireguard-go-new"
    tools = ("wg",)
    binary = os.environ.get("WIREGUARD_GO", "")
    program = os.path.basename(binary)

    def missing(self):
        if not os.access(self.binary, os.X_OK):
            return "WIREGUARD_GO does not name a program"
        return super().missing()


class Fastd(Peer):
    name = program = "fastd"
    cipher = "aes128-ctr+umac"
    target = "10.11.0.1"
    tools = ("fastd",)

    def serve(self, link):
        keys = {}
        for host in (link.client, link.server):
            text = subprocess.run(["fastd", "--generate-key"], text=True,
                                  capture_output=True, check=True).stdout
            keys[host.name] = [line.split()[-1] for line in text.splitlines()
                               if ":" in line and len(line.split()[-1]) == 64]
        for host, other, address, extra in (
                (link.server, "client", "10.11.0.1", "bind any:10000;"),
                (link.client, "server", "10.11.0.2", "")):
            remote = f"remote {SERVER}:10000;" if host is link.client else ""
            host.write("fastd.conf", f"""
                mode tun; interface "fast0"; method "{self.cipher}";
                mtu 1420; log level info; {extra}
                secret "{keys[host.name][0]}";
                on up "ip address add {address}/24 dev $INTERFACE;
                       ip link set $INTERFACE up";
                peer "{other}" {{ key "{keys[other][1]}"; {remote} }}""")
        link.server.spawn(self._argv(link.server)).wait_for("bound to", 15)

    @staticmethod
    def _argv(host):
        return ["fastd", "--config", host.directory / "fastd.conf"]

    def command(self, link):
        return self._argv(link.client)


class Ocserv(Peer):
    name = "ocserv"
    program = ("ocserv", "openconnect")
    cipher = "AES-128-GCM (DTLS 1.2)"
    target = "10.12.0.1"
    tools = ("ocserv", "ocpasswd", "openconnect", "openssl")

    SCRIPT = """#!/bin/sh
[ "$reason" = connect ] || exit 0
ip link set "$TUNDEV" mtu "$INTERNAL_IP4_MTU" up
ip address add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
"""

    def serve(self, link):
        place = link.server.directory
        link.server.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                         "-nodes", "-days", "2", "-subj", "/CN=bench",
                         "-keyout", place / "key.pem",
                         "-out", place / "cert.pem"])
        link.server.run(["ocpasswd", "-c", place / "passwd", "bench"],
                        input="bench\nbench\n")
        config = link.server.write("ocserv.conf", f"""
auth = "plain[passwd={place}/passwd]"
tcp-port = 4443
udp-port = 4443
run-as-user = nobody
run-as-group = daemon
socket-file = {place}/socket
pid-file = {place}/pid
server-cert = {place}/cert.pem
server-key = {place}/key.pem
isolate-workers = false
max-clients = 4
keepalive = 300
dpd = 90
try-mtu-discovery = false
tls-priorities = "NORMAL:-CIPHER-ALL:+AES-128-GCM"
match-tls-dtls-ciphers = true
device = vpns
ipv4-network = 10.12.0.0/24
cisco-client-compat = false
dtls-legacy = false
""")
        script = link.client.write("script", self.SCRIPT, mode=0o700)
        self.argv = ["sh", "-c", 'echo bench | exec "$@"', "sh", "openconnect",
                     "--user", "bench", "--passwd-on-stdin", "--servercert",
                     self._pin(link, place), "--script", str(script),
                     "--interface", "occ", "--non-inter", "-v",
                     f"https://{SERVER}:4443"]
        link.server.spawn(["ocserv", "-f", "-d", "1", "-c", config])
        wait_until(lambda: ":4443 " in link.server.run(
            ["ss", "-Hlnt"]).stdout, 15, "ocserv")

    @staticmethod
    def _pin(link, place):
        return "pin-sha256:" + link.server.shell(
            f"openssl x509 -in {place}/cert.pem -pubkey -noout | "
            "openssl pkey -pubin -outform DER | "
            "openssl dgst -sha256 -binary | openssl base64").stdout.strip()

    def command(self, link):
        return self.argv

    def ready(self, link):
        """The first answer may have come over TCP."""
        output = link.client.processes[-1].output
        wait_until(lambda: "Established DTLS connection" in output(), 20,
                   "DTLS of openconnect")


ALL = [Bare, Minivpn, Null, OpenVpn, WireGuardGo, WireGuardGoNew, Fastd,
       Ocserv, OpenVpnJumbo]
