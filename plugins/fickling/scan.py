"""Analyses each pickle by fickling's library, and says what it has not looked into. `scan` finds the Python to run it with.

fickling calls unsafe what it cannot decode, and so every file that is no pickle. Here those are two things: what a pickle
does is a finding, and a pickle that breaks off, or is none, is not read. Nothing is ever unpickled.
"""

import importlib.metadata
import io
import json
import os
import sys
import zipfile

try:
    from fickling.analysis import Severity, check_safety
    from fickling.fickle import EmptyPickleError, StackedPickle, Stop
except ImportError as error:
    sys.exit(f"{sys.executable} cannot import fickling ({error}): pip install fickling typing_extensions into a venv, and put it first in the plugin's PATH")

PICKLES = {".pkl", ".pickle", ".joblib", ".dat", ".data", ".bin", ".pt", ".pth", ".ckpt"}
# The whole of it is in memory, many times over.
MOST = 256 * 1024 * 1024
MEMBERS = 10_000
SEVERITIES = {
    Severity.POSSIBLY_UNSAFE.name: "medium",
    Severity.SUSPICIOUS.name: "medium",
    Severity.LIKELY_UNSAFE.name: "high",
    Severity.LIKELY_OVERTLY_MALICIOUS.name: "critical",
    Severity.OVERTLY_MALICIOUS.name: "critical",
}


class Unread(Exception):
    pass


def cut(text, most=200):
    # Half a surrogate, which a pickle can spell, is no JSON.
    text = str(text).encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def is_decoding(result):
    """Whether it says no more than that the pickle is odd, as one is that breaks off. One that is whole has no excuse."""
    return result.analysis_name in (None, "InterpretationError") and result.severity == Severity.LIKELY_UNSAFE


def analyse(data):
    """What the pickles in it do, and whether all of them could be read."""
    found, whole = {}, True
    for pickled in StackedPickle.load(io.BytesIO(data), fail_on_decode_error=False):
        broken = pickled.has_invalid_opcode or not isinstance(pickled[-1], Stop)
        whole = whole and not broken
        for result in check_safety(pickled).results:
            if not (broken and is_decoding(result)) and result.severity.name in SEVERITIES:
                found[(result.analysis_name or "fickling", str(result))] = SEVERITIES[result.severity.name]
    return found, whole


class Scan:
    def __init__(self):
        self.lines, self.scanned, self.unread = [], 0, []

    def pickle(self, name, data, is_one):
        """`is_one`: whether it has to be a pickle. What need not be, as a text, counts only if it is one from end to end."""
        try:
            found, whole = analyse(data)
        except EmptyPickleError:
            found, whole = {}, False
        except Exception as error:
            found, whole = {}, False
            is_one and self.unread.append(f"{name}: {cut(type(error).__name__)}: {cut(error)}")
        if not is_one and not whole:
            return
        for (what, message), severity in found.items():
            self.lines.append({"type": "finding", "id": cut(what), "severity": severity, "message": cut(message, 1000), "location": name})
        self.scanned += whole
        if not whole:
            self.unread.append(f"{name}: it is no whole pickle")

    def archive(self, name, path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS:
                raise Unread(f"it has more than {MEMBERS} members")
            before = self.scanned, len(self.unread)
            # Not by their names, of which two can be the same.
            for member in members:
                inner = f"{name}:{cut(member.filename)}"
                try:
                    with archive.open(member) as stream:
                        named = os.path.splitext(member.filename)[1].lower() in PICKLES
                        start = stream.read(2)
                        if not named and start[:1] != b"\x80":
                            continue
                        data = start + stream.read(MOST + 1)
                    if len(data) > MOST:
                        raise Unread(f"it is larger than {MOST} bytes")
                    self.pickle(inner, data, True)
                except (Unread, OSError, RuntimeError, NotImplementedError, EOFError, ValueError, zipfile.BadZipFile) as error:
                    self.unread.append(f"{inner}: {cut(error)}")
            if (self.scanned, len(self.unread)) == before:
                raise Unread("there is no pickle in the archive")

    def file(self, file):
        name = cut(file["name"])
        try:
            with open(file["path"], "rb") as stream:
                data = stream.read(MOST + 1)
            if data[:2] == b"PK" or zipfile.is_zipfile(file["path"]):
                return self.archive(name, file["path"])
            is_one = os.path.splitext(file["name"])[1].lower() in PICKLES or data[:1] == b"\x80"
            if len(data) <= MOST:
                self.pickle(name, data, is_one)
            elif is_one:
                raise Unread(f"it is larger than {MOST} bytes")
        except (Unread, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            self.unread.append(f"{name}: {cut(error)}")


def main():
    artifact = json.load(sys.stdin).get("artifact")
    files = artifact["files"] if artifact else []
    scan = Scan()
    for file in files:
        scan.file(file)
    summary = f"it analysed {scan.scanned} pickle{'s' * (scan.scanned != 1)} in {len(files)} file{'s' * (len(files) != 1)}"
    if scan.unread:
        summary += "; not read: " + "; ".join(scan.unread[:10]) + (f"; and {len(scan.unread) - 10} more" if scan.unread[10:] else "")
    # Where all was scanned the findings decide, by fail_on. Elsewhere a bad one is unsafe all the same.
    is_bad = any(line["severity"] in ("high", "critical") for line in scan.lines)
    verdict = "safe" if scan.scanned and not scan.unread else "unsafe" if is_bad else "inconclusive"
    version = f"fickling {importlib.metadata.version('fickling')}"
    lines = scan.lines + [{"type": "result", "verdict": verdict, "summary": cut(summary, 2000), "version": version}]
    with open(os.environ["SCANRELAY_RESULT"], "x", encoding="ascii") as results:
        results.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
