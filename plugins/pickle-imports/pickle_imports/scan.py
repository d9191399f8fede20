"""All that was seen so far, and the lines that say so."""

import contextlib
import json

from .bounds import MAX_FINDINGS, MAX_STEPS, Enough, Unreadable
from .lists import DANGEROUS, EVERYTHING, HARMLESS


class Scan:
    def __init__(self, allow):
        self.allow, self.judged = frozenset(allow), {}
        self.pickles = self.findings = self.members = self.unpacked = self.steps = 0
        self.unread, self.more_unread, self.seen = [], 0, set()

    def step(self, steps):
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Unreadable("it takes too long to look through")

    def missed(self, where, reason):
        """Something that was not looked into: the verdict is not safe."""
        if len(self.unread) < 20:
            self.unread.append(cut(f"{where}: {reason}", 300))
        else:
            self.more_unread += 1

    def judge(self, module, name):
        """What is to be said about a global: severity and words, or nothing."""
        key = (module, name)
        if key not in self.judged:
            if len(self.judged) > 10_000:
                self.judged.clear()
            self.judged[key] = self.judge_anew(module, name)
        return self.judged[key]

    def judge_anew(self, module, name):
        full = f"{module}.{name}"
        # A dotted name leads from one object to the next: no `module.*` means it.
        if full in self.allow or ("." not in name and f"{module}.*" in self.allow):
            return None
        parts = module.split(".")
        above = [DANGEROUS.get(".".join(parts[:length]), ()) for length in range(1, len(parts) + 1)]
        if EVERYTHING in above or name.split(".")[0] in above[-1]:
            return "critical", f"would import {full}, which runs code or reaches outside"
        if name in HARMLESS.get(module, ()):
            return None
        return "high", f"would import {full}, which is not known to be harmless: settings.allow lets it pass"

    def report(self, where, found, plain_only=False):
        for name, (severity, message, plain) in found.items():
            if (plain_only and not plain) or (where, name) in self.seen:
                continue
            self.seen.add((where, name))
            self.findings += 1
            say(type="finding", id=cut(name, 256), severity=severity, message=cut(message, 1024), location=cut(where, 512))
            if self.findings >= MAX_FINDINGS:
                raise Enough


@contextlib.contextmanager
def missing(scan, where, known=None):
    """Notes what could not be looked into, unless that is known already, and goes on with the next."""
    try:
        yield
    except Enough:
        raise
    except Exception as reason:
        if not known:
            scan.missed(where, reason if isinstance(reason, Unreadable) else type(reason).__name__)


def cut(text, limit):
    """Within the contract's bounds, and printable in any log."""
    return str(text).encode("utf-8", "backslashreplace")[:limit].decode("utf-8", "ignore") or "?"


def say(**line):
    print(json.dumps(line), flush=True)
