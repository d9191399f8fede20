"""Memory, and what the daemon does when there is nothing to do."""

import time

from . import servers
from .accept import fresh
from .load import Requests, send
from .machine import say
from .table import Figure, at_most

ACCEPTED = 200_000


def measure(folder, seconds):
    idle = Figure("memory when idle", *at_most(16, " MiB"), " MiB")
    peak = Figure("peak memory after 200,000 accepted", *at_most(48, " MiB"), " MiB")
    pending = Figure("memory for 100,000 pending", *at_most(4, " MiB"), " MiB")
    rest = Figure(f"processor time in {seconds} s of idleness", *at_most(20, " ms"), " ms")
    woken = Figure(f"wake-ups in {seconds} s of idleness", "", lambda _: True)
    requests = Requests(folder, ACCEPTED)
    with fresh() as place, servers.Scanrelay(place, paused=True) as server:
        idle.add(server.memory())
        say(f"idle for {seconds} s")
        before, switches = server.cpu(), server.switches()
        time.sleep(seconds)
        rest.add((server.cpu() - before) * 1000)
        woken.add(server.switches() - switches)
        say(f"{ACCEPTED} pending")
        half, _ = send(server, requests, ACCEPTED // 2, 64)
        at_half = server.memory()
        rest_of_them = Requests(folder, ACCEPTED // 2)
        more, _ = send(server, rest_of_them, ACCEPTED // 2, 64)
        assert half + more == ACCEPTED, f"{half + more} of {ACCEPTED} were accepted"
        peak.add(server.memory("VmHWM"))
        pending.add(server.memory() - at_half)
        rest_of_them.drop()
    requests.drop()
    return [idle, peak, pending, rest, woken]
