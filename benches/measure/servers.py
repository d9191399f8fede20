"""The servers under load, each a process with an address."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from .machine import PEERS, SCANRELAY

SECRET = "a secret of the benchmark"
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """A process that serves; its address is host:port."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.folder = name, folder
        self.errors = open(folder / f"{name}.err", "ab")
        self.begun = time.monotonic()
        environment = dict(os.environ, **(environment or {}))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, env=environment, text=True)
        self.address = self.ready()

    def ready(self):
        line = self.process.stdout.readline()
        found = re.search(r"ready (?:intake=)?(\S+:\d+)", line)
        if not found:
            said = Path(self.errors.name).read_text().strip() or "it says nothing"
            raise SystemExit(f"{self.name} did not start: {said}")
        return found.group(1)

    def cpu(self, children=False):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in (fields[11:15] if children else fields[11:13])) / TICK

    def memory(self, what="VmRSS"):
        """MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+)", status).group(1)) / 1024

    def switches(self):
        """How often its threads have been woken."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/status")
        return sum(int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", task.read_text()).group(1)) for task in tasks)

    def tail(self):
        """What it logs from now on."""
        log = open(self.errors.name, "rb")
        log.seek(0, os.SEEK_END)
        return log

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


def bare(folder):
    return Server("bare", [PEERS, "bare"], folder)


def plain_log(folder):
    return Server("plain-log", [PEERS, "plain-log", folder / "plain.log"], folder)


class Registry(Server):
    def __init__(self, folder):
        super().__init__("registry", [PEERS, "registry"], folder)

    def count(self):
        return int(urllib.request.urlopen(f"http://{self.address}/count", timeout=10).read())


class Webhook(Server):
    """The `webhook` daemon: verifies, and runs /bin/true."""

    PORT = 19483
    # What it answers when the signature fits nothing.
    REFUSAL = 500

    def __init__(self, folder):
        rule = {"match": {"type": "payload-hmac-sha256", "secret": SECRET,
                          "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}
        hook = {"id": "verta", "execute-command": "/bin/true", "success-http-response-code": 202,
                "trigger-rule-mismatch-http-response-code": 401, "trigger-rule": rule}
        (folder / "hooks.json").write_text(json.dumps([hook]))
        command = ["webhook", "-hooks", folder / "hooks.json", "-ip", "127.0.0.1", "-port", str(self.PORT)]
        super().__init__("webhook", command, folder)

    def ready(self):
        address = f"127.0.0.1:{self.PORT}"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/", timeout=1).read()
                return address
            except OSError:
                time.sleep(0.05)
        raise SystemExit("webhook did not start")

    def children(self):
        return [task for task in Path(f"/proc/{self.process.pid}/task").glob("*/children") if task.read_text()]


CONFIGURATION = """
[server]
bind = "127.0.0.1:0"
max_connections = 4096
max_body = "64MiB"
read_timeout = "5m"
[admin]
bind = "127.0.0.1:0"
[store]
url = "sqlite://{folder}/store/scanrelay.db"
[limits]
pending = 3000000
pending_per_registry = 3000000
writes_per_registry = 16
concurrency = {width}
[registries.verta]
kind = "verta"
url = "http://{registry}"
workspace = "acme"
credentials = {{ email = "bench@example.com", developer_key = {{ env = "BENCH_KEY" }} }}
webhook = {{ secrets = [{{ env = "BENCH_SECRET" }}] }}
[plugins.true]
kind = "scanner"
command = ["/bin/true"]
output = "exit-code"
exit_codes = {{ safe = [0], unsafe = [1] }}
concurrency = {width}
[[routes]]
on = "scan_request"
scanners = ["true"]
"""


class Scanrelay(Server):
    """The daemon with its store in the folder: with fsync, with its log, as it comes."""

    REFUSAL = 401

    def __init__(self, folder, registry="127.0.0.1:9", width=8, paused=False):
        self.configuration = folder / "scanrelay.toml"
        self.configuration.write_text(CONFIGURATION.format(folder=folder, registry=registry, width=width))
        self.configuration.chmod(0o600)
        self.environment = {"BENCH_KEY": "key", "BENCH_SECRET": SECRET}
        super().__init__("scanrelay", [SCANRELAY, "serve", "--config", self.configuration], folder, self.environment)
        if paused:
            self.do("pause")

    def do(self, act):
        environment = dict(os.environ, **self.environment)
        subprocess.run([SCANRELAY, act, "--config", self.configuration], env=environment, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
