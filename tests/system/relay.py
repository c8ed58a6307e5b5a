# SPDX-License-Identifier: GPL-2.0-or-later
"""A UDP relay that loses, swaps and repeats datagrams, the same ones for the
same seed; or holds up all of them, and loses those that a test wants lost; and
that can give all who come the same port towards the server, as
a router does for a client that was killed and is back at once."""

import collections
import random
import select
import socket
import threading
import time

HELD = 0.05  # seconds after which a held datagram goes without a successor


class Relay:
    def __init__(self, host, target, *, port=5000, loss=0.0, reorder=0.0,
                 repeat=0.0, seed=1, one_port=None, delay=0.0, lose=None):
        """lose(datagram, from_client) says whether it is lost."""
        self.host = host
        self.target = target
        self.loss, self.reorder, self.repeat = loss, reorder, repeat
        self.random = random.Random(seed)
        self.one_port = one_port
        self.delay, self.lose = delay, lose
        self.delayed = collections.deque()  # of when, and what sends it
        self.lost = self.swapped = self.repeated = 0
        self.front = host.socket()
        self.front.bind(("0.0.0.0", port))
        self.back = {}  # socket towards the server -> the client's address
        self.held = []  # functions that send
        self.stopper, self.stopped = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.stopper.close()
        self.thread.join()
        for each in (self.front, self.stopped, *self.back):
            each.close()

    def _back_for(self, client):
        for each, address in self.back.items():
            if self.one_port or address == client:
                self.back[each] = client
                return each
        made = self.host.socket()
        made.bind(("0.0.0.0", self.one_port or 0))
        self.back[made] = client
        return made

    def _pass(self, send):
        if self.delay:
            self.delayed.append((time.monotonic() + self.delay, send))
        else:
            self._pass_now(send)

    def _pass_due(self):
        """Seconds until the next is due; None: none waits."""
        while self.delayed:
            left = self.delayed[0][0] - time.monotonic()
            if left > 0:
                return left
            self._pass_now(self.delayed.popleft()[1])
        return None

    def _pass_now(self, send):
        chance = self.random.random()
        if chance < self.loss:
            self.lost += 1
            return
        if not self.held and chance < self.loss + self.reorder:
            self.swapped += 1
            self.held.append(send)
            return
        send()
        if self.random.random() < self.repeat:
            self.repeated += 1
            send()
        self._release()

    def _release(self):
        while self.held:
            self.held.pop()()

    def _receive(self, ready):
        try:
            data, sender = ready.recvfrom(65536)
        except ConnectionError:
            return  # an ICMP error: nobody listens just now
        if self.lose and self.lose(data, ready is self.front):
            self.lost += 1
            return
        if ready is self.front:
            back = self._back_for(sender)
            self._pass(lambda: back.sendto(data, self.target))
        else:
            client = self.back[ready]
            self._pass(lambda: self.front.sendto(data, client))

    def _run(self):
        while True:
            sockets = [self.stopped, self.front, *self.back]
            due = self._pass_due()
            readable, _, _ = select.select(sockets, [], [],
                                           HELD if self.held else due)
            if self.stopped in readable:
                return
            if not readable and due is None:
                self._release()
            for ready in readable:
                self._receive(ready)
