"""How fast deliveries are carried to their end: verified, stored, run, the outcome stored and told."""

import subprocess
import time
from socket import create_connection

from . import servers
from .accept import fresh
from .load import Requests, send
from .machine import PEERS, say
from .table import Figure, at_least

WIDTH = 8
GIB = 1024 * 1024 * 1024


def measure(rounds, folder, count):
    requests = Requests(folder, count)
    rate = Figure("carried to the end/s", "", lambda _: True)
    cpu = Figure("processor time of the daemon for one carried", "", lambda _: True, " µs")
    hook = Figure("carried to the end/s against webhook's bare runs", *at_least(1.3))
    spawn = Figure("carried to the end/s against bare spawning, as wide", *at_least(0.7))
    large = Figure("runs/s at 1 GiB resident against 16 MiB", *at_least(0.9))
    for number in range(1, rounds + 1):
        say(f"carrying, round {number} of {rounds}")
        ours, spent = carried(requests, count)
        rate.add(ours)
        cpu.add(spent)
        hook.add(ours / hooked(requests, count))
        spawn.add(ours / spawned(count))
        large.add(carried(requests, count, ballast=GIB)[0] / ours)
    requests.drop()
    return [rate, cpu, hook, spawn, large]


def carried(requests, count, ballast=0):
    """A second, and µs of our own processor time for each."""
    with fresh() as folder, servers.Registry(folder) as registry:
        with servers.Scanrelay(folder, registry.address, WIDTH) as server:
            held = Ballast(server, ballast) if ballast else None
            before, begun = server.cpu(), time.monotonic()
            accepted, _ = send(server, requests, count)
            assert accepted == count, f"{accepted} of {count} were accepted"
            while registry.count() < count:
                time.sleep(0.02)
            seconds, spent = time.monotonic() - begun, server.cpu() - before
            if held:
                held.drop()
            return count / seconds, spent / count * 1e6


class Ballast:
    """Makes the daemon hold so many bytes: bodies as long as it takes them, whose last byte never comes."""

    LENGTH = 64 * 1024 * 1024

    def __init__(self, server, size):
        host, port = server.address.split(":")
        head = ("POST /hooks/verta HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                f"Content-Length: {self.LENGTH}\r\n\r\n")
        self.connections = [create_connection((host, int(port))) for _ in range(size // self.LENGTH)]
        for connection in self.connections:
            connection.sendall(head.encode() + b"x" * (self.LENGTH - 1))
        while server.memory() < size / (1 << 20):
            time.sleep(0.05)

    def drop(self):
        for connection in self.connections:
            connection.close()


def hooked(requests, count):
    """What webhook runs a second, from the first request to the end of the last child."""
    with fresh() as folder, servers.Webhook(folder) as server:
        begun = time.monotonic()
        accepted, _ = send(server, requests, count)
        while server.children():
            time.sleep(0.01)
        return accepted / (time.monotonic() - begun)


def spawned(count):
    said = subprocess.run([PEERS, "spawn", str(count), str(WIDTH)], check=True, capture_output=True, text=True)
    return count / float(said.stdout)
