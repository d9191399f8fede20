"""Scans each file by picklescan's library, and says what it has not looked into. `scan` finds the Python to run it with.

The library returns what it found and logs what it could not read, so both are listened to. Its lines go to a file that the
tool does not know; names inside archives are in them only as JSON.
"""

import importlib.metadata
import json
import logging
import os
import sys
import zipfile

try:
    from picklescan import scanner
except ImportError:
    sys.exit(f"{sys.executable} has no picklescan: put the venv that has it first in the plugin's PATH")

# What loads as a pickle or holds one, by picklescan's own account: it has to be read as a whole.
PICKLES = {".zip", ".npz", ".7z", ".npy", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dat", ".data"}
BEGINNINGS = (b"\x80", b"PK", b"7z\xbc\xaf\x27\x1c", b"\x93NUMPY")
SEVERITIES = {"dangerous": "critical", "suspicious": "medium"}


def cut(text, most=200):
    # Half a surrogate, which a pickle can spell, is no JSON.
    text = str(text).encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


class Heard(logging.Handler):
    """What the library logs about one file."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.imports, self.unread = set(), []

    def emit(self, record):
        if "FOUND" in record.msg and len(record.args) == 4:
            _, severity, module, name = record.args
            self.imports.add((severity, f"{module}.{name}"))
        elif not record.msg.startswith("WARNING: Invalid PyTorch magic number"):
            # That one is followed by a second try, which tells of its own fate.
            self.unread.append(record.getMessage().removeprefix("WARNING: ").removeprefix("ERROR: "))


def scan_file(file):
    """What it imports, how many pickles were read, and what could not be read."""
    heard = Heard()
    logger = logging.getLogger("picklescan")
    logger.addHandler(heard)
    scanned = 0
    try:
        result = scanner.scan_file_path(file["path"])
        heard.imports.update((each.safety.value, f"{each.module}.{each.name}") for each in result.globals)
        scanned = max(0, result.scanned_files - len(heard.unread))
        if result.scan_err and not heard.unread:
            heard.unread.append("it told of an error")
        # It reads members by name, and so the last of one name, where a loader may take the first.
        if zipfile.is_zipfile(file["path"]):
            with zipfile.ZipFile(file["path"]) as archive:
                names = archive.namelist()
            if len(set(names)) < len(names):
                heard.unread.append("two members have one name")
    except ImportError:
        # Not the file's fault: NumPy, which .npy takes.
        raise
    except Exception as error:
        heard.unread.append(f"{type(error).__name__}: {error}")
    finally:
        logger.removeHandler(heard)
    return heard.imports, scanned, heard.unread


def has_to_be_read(file):
    if os.path.splitext(file["name"])[1].lower() in PICKLES:
        return True
    with open(file["path"], "rb") as stream:
        return stream.read(8).startswith(BEGINNINGS)


def main():
    logging.getLogger("picklescan").propagate = False
    artifact = json.load(sys.stdin).get("artifact")
    lines, scanned, unread = [], 0, []
    for file in artifact["files"] if artifact else []:
        imports, pickles, missed = scan_file(file)
        scanned += pickles
        name = cut(file["name"])
        for safety, what in sorted(imports):
            if safety in SEVERITIES:
                message = f"would import {cut(what)}, which picklescan calls {safety}"
                lines.append({"type": "finding", "id": cut(what), "severity": SEVERITIES[safety], "message": message, "location": name})
        if has_to_be_read(file):
            unread += [f"{name}: {cut(each)}" for each in missed]
            if not pickles and not missed:
                unread.append(f"{name}: it has scanned nothing in it")
    many = len(artifact["files"]) if artifact else 0
    summary = f"it scanned {scanned} pickle{'s' * (scanned != 1)} in {many} file{'s' * (many != 1)}"
    if unread:
        summary += "; not read: " + "; ".join(unread[:10]) + (f"; and {len(unread) - 10} more" if unread[10:] else "")
    # Where all was scanned the findings decide, by fail_on. Elsewhere a bad one is unsafe all the same.
    is_bad = any(line["severity"] in ("high", "critical") for line in lines)
    verdict = "safe" if scanned and not unread else "unsafe" if is_bad else "inconclusive"
    version = f"picklescan {importlib.metadata.version('picklescan')}"
    lines.append({"type": "result", "verdict": verdict, "summary": cut(summary, 2000), "version": version})
    with open(os.environ["SCANRELAY_RESULT"], "x", encoding="ascii") as results:
        results.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
