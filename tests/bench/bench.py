# SPDX-License-Identifier: GPL-2.0-or-later
"""minivpn beside its peers, in one run. Started by contrib/bench, in namespaces
that belong to the run alone."""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import measure  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
from lab import host_outputs  # noqa: E402
from link import Link  # noqa: E402
from peers import ALL, BUILD  # noqa: E402

KINDS = {"tcp": measure.tcp, "udp": measure.udp, "ping": measure.ping}
WHAT = ["up", *KINDS, "many"]
# Not worth everybody's time, or not there for everybody.
ON_REQUEST = ["openvpn-9000"]
if "WIREGUARD_GO" not in os.environ:
    ON_REQUEST.append("wireguard-go-new")


@dataclasses.dataclass
class Plan:
    """How much of everything."""

    tcp_seconds: int = 5
    udp_seconds: int = 2
    udp_probes: int = 7
    idle_pings: int = 500
    pings: int = 1000
    handshakes: int = 2000
    clients: int = 1000
    crowd: int = 10000
    congestion: str = ""  # of TCP; the machine's


QUICK = Plan(tcp_seconds=1, udp_seconds=1, udp_probes=2, idle_pings=50,
             pings=100, handshakes=200, clients=100, crowd=300)


def words(known):
    def split(text):
        found = text.split(",")
        strange = [word for word in found if word not in known]
        if strange:
            raise argparse.ArgumentTypeError(
                f"not of {', '.join(known)}: {', '.join(strange)}")
        return found
    return split


def arguments():
    names = [peer.name for peer in ALL]
    parser = argparse.ArgumentParser(
        prog="contrib/bench", description=__doc__, epilog="--install: see "
        "the head of contrib/bench")
    parser.add_argument("--rounds", type=int, help="interleaved; the table has "
                        "their medians (3; with --quick 1)")
    parser.add_argument("--only", type=words(names), metavar="PEER,...",
                        help=", ".join(names))
    parser.add_argument("--what", type=words(WHAT), default=WHAT,
                        metavar="KIND,...", help=", ".join(WHAT))
    parser.add_argument("--quick", action="store_true",
                        help="shows that it works; the figures say little")
    parser.add_argument("--wire", action="store_true", help="without offloads "
                        "between the two hosts: a packet of 1500 bytes "
                        "crosses alone, as on a wire")
    parser.add_argument("--congestion", metavar="NAME", default="", help="of "
                        "TCP: cubic, bbr, or another that the kernel has; "
                        "without it what this machine uses")
    for kind in ("text", "json", "svg"):
        parser.add_argument(f"--{kind}", type=pathlib.Path, metavar="FILE",
                            help=f"the result as {kind}")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    for path in (options.text, options.json, options.svg):
        if path and not path.resolve().parent.is_dir():
            parser.error(f"{path}: there is no such directory")
    return options


class Run:
    def __init__(self, options):
        self.options = options
        self.plan = dataclasses.replace(QUICK if options.quick else Plan(),
                                        congestion=options.congestion)
        wanted = options.only or [peer.name for peer in ALL
                                  if peer.name not in ON_REQUEST]
        self.peers = [peer() for peer in ALL if peer.name in wanted]
        why = {peer.name: peer.missing() for peer in self.peers}
        self.left_out = {name: reason for name, reason in why.items() if reason}
        self.peers = [peer for peer in self.peers if not why[peer.name]]
        self.rounds, self.failures = [], []
        self.machine = measure.machine()

    def go(self):
        for number in range(self.options.rounds):
            # Nobody is always the first, or always behind the same one.
            turn = number % len(self.peers)
            for peer in self.peers[turn:] + self.peers[:turn]:
                print(f"round {number + 1}: {peer.name}", file=sys.stderr)
                self.rounds.append({"round": number + 1, "peer": peer.name,
                                    "figures": self.one(number + 1, peer)})

    def one(self, number, peer):
        """All of one peer, in fresh hosts; what fails is left out and said."""
        figures = {}
        if set(self.options.what) - {"many"}:
            self.attempt(number, peer, "up", figures, self.tunnel)
        if "many" in self.options.what and peer.name == "minivpn":
            self.attempt(number, peer, "many", figures, self.many)
        return figures

    def attempt(self, number, peer, what, figures, step):
        directory = pathlib.Path(tempfile.mkdtemp(dir=os.environ["BENCH_LAB"]))
        directory.chmod(0o711)  # for those who have given up root
        link = None
        try:
            link = Link(directory, self.options.wire)
            step(number, peer, link, figures)
        except Exception as why:  # one peer's trouble is not the others'
            self.fail(number, peer, what, why)
            self.show_outputs(link)
        finally:
            if link:
                peer.stop(link)
                link.close()
            shutil.rmtree(directory, ignore_errors=True)

    @staticmethod
    def show_outputs(link):
        """For the person who has to find out why."""
        for host in (link.client, link.server) if link else ():
            for path, text in host_outputs(host):
                for line in text.splitlines()[-10:]:
                    print(f"  {host.name}: {path.name}: {line}",
                          file=sys.stderr)

    def fail(self, number, peer, what, why):
        entry = {"round": number, "peer": peer.name, "what": what,
                 "why": f"{type(why).__name__}: "
                        f"{' '.join(str(why).split())[-400:]}"}
        self.failures.append(entry)
        print(f"  {what}: {entry['why']}", file=sys.stderr)

    def tunnel(self, number, peer, link, figures):
        peer.serve(link)
        took = link.ping_until_answer(peer.command(link), peer.target,
                                      peer.patience)
        if peer.program:
            figures["up"] = took
        peer.ready(link)
        watch = measure.Watch(link, peer.program)
        # ping first: its memory is that of a tunnel that has been idle.
        for kind in ("ping", "tcp", "udp"):
            if kind not in self.options.what:
                continue
            try:
                figures |= KINDS[kind](link, peer, watch, self.plan)
            except Exception as why:  # nor is one figure's the others'
                self.fail(number, peer, kind, why)

    def many(self, _number, peer, link, figures):
        load = BUILD / "tests/bench/load"
        if not os.access(load, os.X_OK):
            raise measure.Failed(f"{load} is not built (make bench-programs)")
        figures |= measure.many(link, peer, self.plan, load)
        figures |= measure.crowd(link, peer, self.plan, load)

    def result(self):
        return {"machine": self.machine, "rounds": self.options.rounds,
                "wire": self.options.wire, "quick": self.options.quick,
                "plan": dataclasses.asdict(self.plan),
                "ciphers": {peer.name: peer.cipher for peer in self.peers},
                "left_out": self.left_out, "failures": self.failures,
                "summary": report.summary(self.rounds),
                "each": self.rounds}


def main():
    options = arguments()
    run = Run(options)
    if not run.peers:
        sys.exit(f"contrib/bench: nothing to run: {run.left_out}")
    run.go()
    result = run.result()
    text = report.table(result)
    print(text, end="")
    for path, content in ((options.text, text), (options.svg, plot.svg(result)),
                          (options.json, json.dumps(result, indent=1) + "\n")):
        if path:
            path.write_text(content)
    sys.exit(1 if run.failures else 0)


if __name__ == "__main__":
    main()
