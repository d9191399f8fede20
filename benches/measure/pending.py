"""What a million pending deliveries change: the cost of one more, and the start."""

import time

from . import servers
from .accept import fresh
from .carry import WIDTH
from .load import Requests, send
from .machine import say
from .table import Figure, at_most

FEW = 1000
STEP = 100_000


def measure(folder, many, count, rounds):
    accept = Figure(f"processor time to store one at {many:,} pending against {FEW:,}", *at_most(1.25))
    carry = Figure(f"the same to store, claim, run, settle and tell one", *at_most(1.25))
    start = Figure(f"start with {many:,} pending to the end of the first run", *at_most(1, " s"), " s")
    few_accepted, few_carried = [], []
    with fresh() as place, servers.Registry(place) as registry:
        fill(place, registry, folder, FEW)
        for _ in range(rounds):
            few_accepted.append(accepting(place, registry, folder, count))
            few_carried.append(carrying(place, registry, folder, count)[0])
    with fresh() as place, servers.Registry(place) as registry:
        say(f"filling up to {many:,} pending")
        fill(place, registry, folder, many)
        for number in range(rounds):
            say(f"at {many:,} pending, round {number + 1} of {rounds}")
            accept.add(accepting(place, registry, folder, count) / few_accepted[number])
            spent, first = carrying(place, registry, folder, count)
            carry.add(spent / few_carried[number])
            start.add(first)
    return [accept, carry, start]


def fill(place, registry, folder, number):
    with servers.Scanrelay(place, registry.address, WIDTH, paused=True) as server:
        for _ in range(0, number, STEP):
            requests = Requests(folder, min(STEP, number))
            accepted, _ = send(server, requests, requests.count, 64)
            assert accepted == requests.count, f"{accepted} of {requests.count} were accepted"
            requests.drop()


def accepting(place, registry, folder, count):
    """Seconds of processor time for so many, beside what is pending already."""
    first, requests = Requests(folder, 1), Requests(folder, count)
    with servers.Scanrelay(place, registry.address, WIDTH) as server:
        # The start is over when one has been taken in.
        send(server, first, 1, 1)
        before = server.cpu()
        send(server, requests, count, 64)
        spent = server.cpu() - before
    first.drop()
    requests.drop()
    return spent


def carrying(place, registry, folder, count):
    """Starts and carries what is pending: seconds of processor time for so many, and seconds to the end of the first run."""
    before, one = registry.count(), Requests(folder, 1)
    with servers.Scanrelay(place, registry.address, WIDTH) as server:
        said = server.tail()
        server.do("resume")
        while b'"phase":"run"' not in said.read():
            time.sleep(0.001)
        first = time.monotonic() - server.begun
        said.close()
        # The start is over when one has been taken in, here too: the keys of all that came before are read until then.
        send(server, one, 1, 1)
        while registry.count() == before:
            time.sleep(0.01)
        told, spent = registry.count(), server.cpu()
        while registry.count() < told + count:
            time.sleep(0.01)
        result = (server.cpu() - spent) / (registry.count() - told) * count, first
        server.do("pause")
    one.drop()
    return result
