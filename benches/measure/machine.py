"""What the figures were measured on, and the tools that they need."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HOME / "target"))
SCANRELAY = TARGET / "release" / "scanrelay"
PEERS = TARGET / "release" / "examples" / "peers"


def say(words):
    print(words, file=sys.stderr, flush=True)


def prepare():
    """Builds what is measured, and installs what it is measured with."""
    missing = [tool for tool in ("webhook", "wrk") if not shutil.which(tool)]
    if missing:
        say(f"installing {' '.join(missing)}")
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "update", "-q"], check=True, stdout=subprocess.DEVNULL)
        install = ["apt-get", "install", "-qy", "--no-install-recommends", *missing]
        subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive", *install], check=True, stdout=subprocess.DEVNULL)
    say("building")
    build = ["cargo", "build", "--quiet", "--locked", "--release", "--features", "daemon", "--bin", "scanrelay", "--example", "peers"]
    subprocess.run(build, cwd=HOME, check=True)


def described(folder):
    """One line: processor, cores, kernel, file system of the store."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) // 1024 // 1024
    system = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    webhook = subprocess.run(["webhook", "--version"], capture_output=True, text=True).stdout.strip()
    return (f"{model}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, {system}, "
            f"load {load:.1f} at the start, {webhook}")
