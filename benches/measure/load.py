"""Load: prepared requests, each sent once."""

import re
import subprocess
from pathlib import Path

from .machine import PEERS

SCRIPT = Path(__file__).with_name("requests.lua")


class Requests:
    """A file of signed requests, all of one length."""

    runs = 0

    def __init__(self, folder, count):
        Requests.runs += 1
        self.file, self.count = folder / f"requests.{Requests.runs}", count
        made = subprocess.run([PEERS, "requests", self.file, str(count), str(Requests.runs)],
                              check=True, capture_output=True, text=True)
        self.length = int(made.stdout)

    def forged(self):
        """The same requests with signatures that fit none of them."""
        bytes_ = self.file.read_bytes()
        self.file.write_bytes(re.sub(rb"sha256=[0-9a-f]{8}", b"sha256=00000000", bytes_))
        return self

    def drop(self):
        self.file.unlink()


def storm(server, requests, connections, seconds, expected=202):
    """As many as it takes. Answers a second, the 99th percentile in ms, and how many answers there were."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", SCRIPT, f"http://{server.address}/",
               "--", requests.file, str(requests.length), str(requests.count), str(expected)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answers = {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", said, re.M)}
    seconds = float(re.search(r"requests in ([\d.]+)s", said).group(1))
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    if answers["other"] > answers["expected"] // 100:
        raise SystemExit(f"{server.name}: {answers['other']} answers were not {expected}:\n{said}")
    return answers["expected"] / seconds, p99, answers["expected"]


def send(server, requests, count, connections=16):
    """Exactly so many. How many were accepted, and the seconds that it took."""
    command = [PEERS, "send", server.address, requests.file, str(requests.length), str(count), str(connections)]
    accepted, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(accepted), float(seconds)
