"""Scans each file by modelscan's library, and says what it has not looked into. `scan` finds the Python to run it with.

modelscan goes by extensions, and passes over what has another one and over what it cannot read in an archive. So a file that it does
not know is given to it as what it begins as, and of an archive each member that has to be read must be among what it has scanned.
"""

import importlib.metadata
import json
import logging
import os
import pathlib
import pickletools
import re
import sys
import zipfile

try:
    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS
except ImportError as error:
    sys.exit(f"{sys.executable} cannot import modelscan ({error}): put the venv that has it first in the plugin's PATH")

# What loads as a model or holds one, by modelscan's own account: it has to be read as a whole.
KNOWN = set(DEFAULT_SETTINGS["supported_zip_extensions"])
KNOWN.update(each for scanner in DEFAULT_SETTINGS["scanners"].values() for each in scanner["supported_extensions"])
BEGINNINGS = {b"PK\x03\x04": ".zip", b"\x93NUMPY": ".npy", b"\x89HDF\r\n\x1a\n": ".h5"}
# So much of a file's beginning is looked at.
START = 4096
MEMBERS = 10_000
BAD = ("medium", "high", "critical")
# What has the reader of a pickle import or call something.
CALLS = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD", "EXT1", "EXT2", "EXT4"}


def cut(text, most=200):
    # Half a surrogate, which a pickle can spell, is no JSON.
    text = str(text).encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def is_known(name):
    return os.path.splitext(name)[1].lower() in KNOWN


def kind(start):
    """The extension of what begins so, if it has to be read whatever it is called."""
    for beginning, extension in BEGINNINGS.items():
        if start.startswith(beginning):
            return extension
    return ".pkl" if begins_pickle(start) else None


def begins_pickle(start):
    """Whether it begins as a pickle of protocol 2 or above. One number in so many thousands begins with its two bytes, too."""
    if start[:1] != b"\x80" or start[1:2] not in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return False
    try:
        for number, (opcode, _, _) in enumerate(pickletools.genops(start)):
            if number == 8 or opcode.name in CALLS:
                return True
    except Exception as error:
        # What goes on behind the beginning is a pickle so far.
        return not re.fullmatch(r"at position \d+, opcode .{3,8} unknown", str(error))
    return True


class Scan:
    def __init__(self):
        self.lines, self.scanned, self.unread, self.lacking = [], 0, [], []

    def look(self, path, name):
        """What modelscan has scanned of the file, and what it told of beside."""
        scan, broken = ModelScan(), []
        try:
            said = scan.scan(path)
        except Exception as error:
            # What it has found up to there counts.
            said, broken = scan._generate_results(), [f"{name}: {type(error).__name__}: {cut(error)}"]
        base = os.path.basename(path)
        for issue in said["issues"]:
            place = cut(name + issue["source"].removeprefix(base))
            severity = issue["severity"].lower()
            line = {"type": "finding", "id": cut(issue.get("operator", "modelscan"))}
            line |= {"severity": severity if severity in ("low", *BAD) else "high"}
            self.lines.append(line | {"message": cut(issue["description"], 1000), "location": place})
        told = []
        for row in said["errors"] + said["summary"]["skipped"]["skipped_files"]:
            # What it has no scanner for may need none.
            if row["category"] == "DEPENDENCY":
                self.lacking.append(cut(row["description"], 400))
            if row["category"] != "SCAN_NOT_SUPPORTED":
                told.append(f"{name}{cut(row.get('source', base)).removeprefix(base)}: {cut(row['description'])}")
        return [each.removeprefix(base) for each in said["summary"]["scanned"].get("scanned_files", [])], told + broken

    def archive(self, name, path, scanned):
        """What modelscan has not looked into of an archive's members."""
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS:
                return [f"{name}: it has more than {MEMBERS} members"]
            missed = []
            # It reads them by name, and so the last of one name, where a loader may take the first.
            if len({member.filename for member in members}) < len(members):
                missed.append(f"{name}: two members have one name")
            scanned = set(scanned)
            for member in members:
                inner = f"{name}:{cut(member.filename)}"
                if member.flag_bits & 1:
                    missed.append(f"{inner}: it is encrypted")
                elif not member.is_dir() and str(pathlib.PurePath(f":{member.filename}")) not in scanned:
                    with archive.open(member) as stream:
                        start = stream.read(START)
                    if is_known(member.filename) or kind(start):
                        missed.append(f"{inner}: it was not scanned")
            return missed

    def file(self, file, number):
        path, name = file["path"], cut(file["name"])
        with open(path, "rb") as stream:
            start = stream.read(START)
        must = is_known(file["name"]) or kind(start) is not None or zipfile.is_zipfile(path)
        if not is_known(path):
            given = f"as/{number}{kind(start) or '.pkl'}"
            os.link(path, given)
            path = given
        before = len(self.lines)
        try:
            scanned, told = self.look(path, name)
            if not scanned and not path.endswith(".pkl") and not zipfile.is_zipfile(path):
                # Also what is called a PyTorch file, and is a plain pickle, can be loaded as one.
                given = f"as/{number}.pkl"
                os.link(path, given)
                scanned, more = self.look(given, name)
                told = [] if scanned else told + more
            if zipfile.is_zipfile(path):
                told += self.archive(name, path, scanned)
        except Exception as error:
            scanned, told = [], [f"{name}: {type(error).__name__}: {cut(error)}"]
        if must or len(self.lines) > before:
            self.scanned += bool(scanned)
            self.unread += dict.fromkeys(told if told or scanned else [f"{name}: it has scanned nothing in it"])


def main():
    logging.getLogger("modelscan").propagate = False
    artifact = json.load(sys.stdin).get("artifact")
    files = artifact["files"] if artifact else []
    scan = Scan()
    os.mkdir("as")
    for number, file in enumerate(files, 1):
        scan.file(file, number)
    is_bad = any(line["severity"] in BAD for line in scan.lines)
    if scan.lacking and not is_bad:
        sys.exit(scan.lacking[0])
    summary = f"it scanned {scan.scanned} of {len(files)} file{'s' * (len(files) != 1)}"
    if scan.unread:
        summary += "; not read: " + "; ".join(scan.unread[:10]) + (f"; and {len(scan.unread) - 10} more" if scan.unread[10:] else "")
    # Where all was scanned the findings decide, by fail_on. Elsewhere a bad one is unsafe all the same.
    verdict = "safe" if scan.scanned and not scan.unread else "unsafe" if is_bad else "inconclusive"
    version = f"modelscan {importlib.metadata.version('modelscan')}"
    lines = scan.lines + [{"type": "result", "verdict": verdict, "summary": cut(summary, 2000), "version": version}]
    with open(os.environ["SCANRELAY_RESULT"], "x", encoding="ascii") as results:
        results.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
