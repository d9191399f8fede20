"""How fast deliveries are taken in, beside three peers, and how fast forged ones are turned away."""

import shutil
import tempfile
from pathlib import Path
from statistics import median

from . import servers
from .load import Requests, storm
from .machine import say
from .table import Figure, at_least, at_most

# A round in which the plain log sags by more than a third was disturbed.
SAG = 2 / 3
PER_SECOND = 60_000


def measure(rounds, seconds, folder):
    requests = Requests(folder, PER_SECOND * seconds)
    figures = {
        "log 64": Figure("accepted/s against the plain log, 64 connections", *at_least(0.75)),
        "log 256": Figure("accepted/s against the plain log, 256 connections", *at_least(0.75)),
        "webhook 64": Figure("accepted/s against webhook, 64 connections", *at_least(5)),
        "webhook 256": Figure("accepted/s against webhook, 256 connections", *at_least(5)),
        "bare 64": Figure("accepted/s against a bare 202, 64 connections", *at_least(0.35)),
        "rate 64": Figure("accepted/s, 64 connections", "", lambda _: True),
        "cpu": Figure("processor time of the server for one accepted", *at_most(25, " µs"), " µs"),
        "log cpu": Figure("the same of the plain log", "", lambda _: True, " µs"),
        "p99": Figure("p99 of accepting against webhook, 64 connections", *at_most(0.25)),
        "rejected": Figure("rejected/s against webhook, 64 connections", *at_least(3)),
    }
    forged = Requests(folder, PER_SECOND * seconds).forged()
    logs = []
    for number in range(1, rounds + 1):
        while True:
            say(f"accepting, round {number} of {rounds}")
            seen = one_round(requests, forged, seconds)
            logs.append(seen["log", 64].rate)
            if logs[-1] >= SAG * median(logs):
                break
            say("the plain log sagged: the round is measured again")
            logs.pop()
        ours, log, hook = seen["ours", 64], seen["log", 64], seen["webhook", 64]
        figures["log 64"].add(ours.rate / log.rate)
        figures["log 256"].add(seen["ours", 256].rate / seen["log", 256].rate)
        figures["webhook 64"].add(ours.rate / hook.rate)
        figures["webhook 256"].add(seen["ours", 256].rate / seen["webhook", 256].rate)
        figures["bare 64"].add(ours.rate / seen["bare", 64].rate)
        figures["rate 64"].add(ours.rate)
        figures["cpu"].add(ours.cpu)
        figures["log cpu"].add(log.cpu)
        figures["p99"].add(ours.p99 / hook.p99)
        figures["rejected"].add(seen["ours", "forged"].rate / seen["webhook", "forged"].rate)
    requests.drop()
    forged.drop()
    return list(figures.values())


class Seen:
    def __init__(self, server, requests, connections, seconds, expected=202):
        before = server.cpu()
        self.rate, self.p99, answers = storm(server, requests, connections, seconds, expected)
        self.cpu = (server.cpu() - before) / max(answers, 1) * 1e6


def one_round(requests, forged, seconds):
    """Every server once, each fresh, so that all begin with an empty disk cache of their own."""
    seen = {}
    starts = {
        "bare": servers.bare,
        "log": servers.plain_log,
        # Nothing is run while it accepts: what is carried to the end is another figure.
        "ours": lambda folder: servers.Scanrelay(folder, paused=True),
        "webhook": servers.Webhook,
    }
    for connections in (64, 256):
        for name, start in starts.items():
            if (name, connections) == ("bare", 256):
                continue
            with fresh() as folder, start(folder) as server:
                seen[name, connections] = Seen(server, requests, connections, seconds)
    for name in ("ours", "webhook"):
        with fresh() as folder, starts[name](folder) as server:
            seen[name, "forged"] = Seen(server, forged, 64, seconds, server.REFUSAL)
    return seen


class fresh:
    """A folder that goes away."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="compare-"))
        return self.folder

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)
