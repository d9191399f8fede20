"""Makes model files and says what a scanner has to say of them: pickles.py FOLDER, then FOLDER/expected.json.

Nothing in it is ever unpickled, and what the evil ones would run is `id`. Python's standard library only.
"""

import bz2
import collections
import datetime
import gzip
import io
import json
import lzma
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

FOLDER = sys.argv[1]
EXPECTED = {}


def case(verdict, name, data, finding=None):
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data)
    EXPECTED[name] = {"verdict": verdict, "finding": finding}


def safe(*about):
    case("safe", *about)


def evil(*about):
    case("unsafe", *about)


def unclear(*about):
    case("inconclusive", *about)


class Calls:
    def __init__(self, function, *arguments):
        self.how = function, arguments

    def __reduce__(self):
        return self.how


def zipped(members, method=zipfile.ZIP_STORED, comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.comment = comment
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def npy(descr, data):
    header = ("{'descr': %s, 'fortran_order': False, 'shape': (1,), }\n" % descr).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def text(word):
    return b"\x8c" + bytes([len(word)]) + word.encode()


NUMBERS = random.Random(7).randbytes(5000)
VALUES = {"a": [1, -2, 2.5, "x", "ü", None, True, 1 << 80], "b": (1, (2,)), "c": {1, 2}, "d": frozenset([3]), "e": b"bytes",
          "when": datetime.datetime(2020, 1, 2), "o": collections.OrderedDict(x=1)}
BENIGN = pickle.dumps(VALUES, 4)
EVIL = pickle.dumps(Calls(os.system, "id"), 4)
EVIL_0 = b"cos\nsystem\n(S'id'\ntR."
# What PyTorch writes for a tensor.
TENSOR = (b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
          b"ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x0atq\x07QK\x00K\x0a\x85q\x08K\x01"
          b"\x85q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds.")
BESIDE = [("m/data.pkl", TENSOR), ("m/data/0", NUMBERS), ("m/version", b"3\n"), ("m/byteorder", b"little")]

# ---- Of every protocol, and in what they come.
for protocol in range(6):
    safe(f"benign-{protocol}.pkl", pickle.dumps(VALUES, protocol))
    evil(f"system-{protocol}.pkl", pickle.dumps(Calls(os.system, "id"), protocol), "posix.system")
    evil(f"eval-{protocol}.pkl", pickle.dumps([1, Calls(eval, "1")], protocol), "builtin")
    unclear(f"truncated-{protocol}.pkl", pickle.dumps(VALUES, protocol)[:-5])
    evil(f"truncated-system-{protocol}.pkl", pickle.dumps(Calls(os.system, "id"), protocol)[:-1], "posix.system")
safe("no-name", BENIGN)
safe("torch.pt", zipped(BESIDE))
safe("torch-deflated.pt", zipped(BESIDE, zipfile.ZIP_DEFLATED))
evil("torch-evil.pt", zipped([("m/data.pkl", EVIL)] + BESIDE[1:]), "posix.system")
evil("torch-evil-deflated.pt", zipped([("m/data.pkl", EVIL)] + BESIDE[1:], zipfile.ZIP_DEFLATED), "posix.system")
unclear("torch-truncated.pt", zipped(BESIDE)[:-30])
evil("torch-evil-truncated.pt", zipped(BESIDE[1:] + [("m/data.pkl", EVIL)])[:-30], "posix.system")
LEGACY = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
safe("torch-legacy.pt", b"".join(LEGACY + [TENSOR, pickle.dumps(["0"], 2)]) + NUMBERS)
evil("torch-legacy-evil.pt", b"".join(LEGACY + [pickle.dumps(Calls(os.system, "id"), 2)]) + NUMBERS, "posix.system")
unclear("torch-legacy-broken.pt", b"".join(LEGACY + [TENSOR[:-3]]))
for ending, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("z", zlib.compress)):
    safe(f"packed.pkl.{ending}", pack(BENIGN))
    evil(f"packed-evil.pkl.{ending}", pack(EVIL), "posix.system")
evil("packed-evil-truncated.pkl.gz", gzip.compress(EVIL)[:-8], "posix.system")
unclear("packed-truncated.pkl.gz", gzip.compress(BENIGN)[:-8])
safe("models.tar", tarred([("a.pkl", BENIGN), ("readme.txt", b"words\n")]))
evil("models-evil.tar", tarred([("a.zip", zipped([("b.pkl", EVIL)])), ("c.pkl", BENIGN)]), "posix.system")
unclear("models-behind.tar", tarred([("a.pkl", BENIGN)]) + b"something")
safe("objects.npz", zipped([("x.npy", npy("'|O'", BENIGN)), ("n.npy", npy("'<f8'", b"\0" * 8))]))
evil("objects.npy", npy("'|O'", EVIL), "posix.system")
evil("escaped.npy", npy(r"'|\x4f'", EVIL_0), "os.system")
evil("field.npy", npy("[('a', '<f8'), ('b', [('c', 'object')])]", EVIL_0), "os.system")
unclear("numbers.npz", zipped([("n.npy", npy("'<f8'", b"\0" * 8))]))

# ---- Nothing was scanned.
unclear("empty.pkl", b"")
unclear("words.txt", b"hello\nworld\n")
unclear("words.pkl", b"hello\nworld\n")
unclear("vocabulary.txt", b"cos\nreduce\nthe\n")
unclear("code.py", b"import os\nimport sys\nclass A:\n    pass\n")
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
unclear("model.safetensors", struct.pack("<Q", len(HEADER)) + HEADER + b"\0\0\0\0")
unclear("random.bin", NUMBERS)
unclear("model.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + NUMBERS)
unclear("model.rar", b"Rar!\x1a\x07\x01\x00" + NUMBERS)
unclear("model.h5", b"\x89HDF\r\n\x1a\n" + NUMBERS)
unclear("protocol-9.pkl", b"\x80\x09" + BENIGN[2:])
unclear("garbage-behind.pkl", BENIGN + NUMBERS)
unclear("random-beside.zip", zipped([("a.pkl", BENIGN), ("b", NUMBERS)]))
DEEP = BENIGN
for level in range(6):
    DEEP = zipped([(f"{level}.pkl" if level == 0 else f"{level}.zip", DEEP)])
unclear("deep.zip", DEEP)

# ---- Globals that are called by other ways, or named by tricks.
evil("unknown.pkl", b"\x80\x04" + text("acme.models") + text("Net") + b"\x93)\x81.", "acme.models.Net")
evil("nested.pkl", pickle.dumps(Calls(pickle.loads, EVIL), 4), "_pickle.loads")
evil("nested-data.pkl", pickle.dumps({"x": EVIL}, 4), "posix.system")
evil("inst.pkl", b"(S'id'\nios\nsystem\n.", "os.system")
evil("obj.pkl", b"(cos\nsystem\nS'id'\no.", "os.system")
evil("newobj.pkl", b"\x80\x02csubprocess\nPopen\nX\x02\x00\x00\x00id\x85\x81.", "subprocess.Popen")
evil("build.pkl", b"\x80\x02cacme\nThing\n)\x81}b.", "acme.Thing")
evil("extension.pkl", b"\x80\x02\x82\x01.", "extension 1")
evil("dotted.pkl", b"\x80\x04" + text("builtins") + text("list.__class__") + b"\x93.", "builtins.list.__class__")
evil("dotted-deep.pkl", b"\x80\x04" + text("collections") + text("abc.sys.modules") + b"\x93.", "collections.abc.sys.modules")
evil("spaces.pkl", b"cbuiltins list\nx\n.", "builtins list.x")
evil("spaces-in-name.pkl", b"cbuiltins\nlist x\n.", "builtins.list x")
evil("return.pkl", b"cos\r\nsystem\r\n(S'id'\ntR.", "os")
evil("empty-module.pkl", b"c\nlist\n.", ".list")
evil("escapes.pkl", b"cbuil\\x74ins\nlist\n.", "builtins".replace("t", "\\x74"))
evil("old-python.pkl", b"ccommands\ngetoutput\n(S'id'\ntR.", "commands.getoutput")
STACK = b"\x93" + text("id") + b"\x85R."
evil("stack.pkl", b"\x80\x04" + text("os") + text("system") + STACK, "os.system")
evil("memo.pkl", b"\x80\x04" + text("os") + b"\x940" + text("system") + b"\x940h\x00h\x01" + STACK, "os.system")
evil("memo-overwritten.pkl", b"\x80\x04" + text("builtins") + b"q\x00" + text("os") + b"q\x000" + text("system") + b"q\x010h\x00h\x01" + STACK, "os.system")
evil("memo-gaps.pkl", b"\x80\x04" + text("os") + b"q\x05" + text("system") + b"\x940" + b"0h\x05h\x01" + STACK, "os.system")
evil("memo-leading-zeros.pkl", text("builtins") + b"p1\n0" + text("os") + b"p" + b"0" * 600 + b"1\n0" + text("system") + b"p2\n0" + b"g1\ng2\n" + STACK)
EXPECTED["memo-leading-zeros.pkl"]["verdict"] = "inconclusive"
evil("memo-nul.pkl", b"\x80\x04" + text("os") + b"p1\x00x\n0" + text("system") + b"p2\x00\n0g1\ng2\n" + STACK, "os.system")
evil("dup.pkl", b"\x80\x04" + text("os") + b"20" + text("system") + STACK, "os.system")
evil("pop.pkl", b"\x80\x04" + text("os") + text("list") + b"0" + text("system") + STACK, "os.system")
evil("pop-mark.pkl", b"\x80\x04" + text("os") + b"(" + text("list") + text("dict") + b"1" + text("system") + STACK, "os.system")
evil("pop-is-mark.pkl", b"\x80\x04" + text("os") + b"(0" + text("system") + STACK, "os.system")
evil("string-opcodes.pkl", b"S'os'\nU\x06system" + STACK, "os.system")
evil("unicode-opcode.pkl", b"Vos\nV\\u0073ystem\n" + STACK, "computed")
evil("computed.pkl", b"\x80\x04" + text("builtins") + text("str") + b"\x93" + text("os") + b"\x85R" + text("system") + STACK, "computed")
evil("from-tuple.pkl", b"\x80\x04" + text("os") + b"\x85\x94" + text("system") + STACK, "computed")
evil("frame.pkl", b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00" + text("os") + text("system") + STACK, "os.system")
evil("encode.pkl", b"\x80\x02c_codecs\nencode\nX\x04\x00\x00\x00rkrpX\x05\x00\x00\x00rot13\x86Rcbuiltins\nexec\n.", "builtins.exec")
# pickletools gives up at these; the C unpickler does not.
for name, number in (("hex", b"I0x10\n"), ("long", b"L0x10L\n"), ("octal", b"I0o7\n"), ("float", b"F1_0\n"), ("bytes", b"S'\xc3\xbc'\n")):
    evil(f"lenient-{name}.pkl", number + b"0" + EVIL_0, "os.system")
    evil(f"lenient-{name}.zip", zipped([("a.pkl", BENIGN), ("b.txt", number + b"0" + EVIL_0)]), "os.system")
evil("second.pkl", BENIGN + EVIL, "posix.system")
evil("second-lenient.pkl", BENIGN + b"I0x10\n0" + EVIL_0, "os.system")
evil("memo-of-the-first.pkl", b"\x80\x04" + text("os") + b"\x94.\x80\x04" + text("x") + b"\x940h\x00" + text("system") + STACK, "os.system")
evil("behind-text.txt", b"a model of ours\n" + EVIL, "posix.system")
evil("behind-text.zip", zipped([("a.pkl", BENIGN), ("b.txt", b"a model of ours\n" + EVIL)]), "posix.system")
evil("text-0.txt", EVIL_0, "os.system")
evil("text-0-truncated.txt", EVIL_0[:-1], "os.system")
evil("in-numbers.pt", zipped(BESIDE[:1] + [("m/data/0", NUMBERS + EVIL)]), "posix.system")

# ---- Zip, by tricks.
evil("other-name.pt", zipped(BESIDE + [("m/weights", EVIL)]), "posix.system")
evil("other-name-0.pt", zipped(BESIDE + [("m/weights", EVIL_0)]), "os.system")
evil("zip-behind-pickle.pt", EVIL + zipped(BESIDE), "posix.system")
unclear("zip-behind-words.pt", b"words" + zipped(BESIDE))
unclear("zip-comment.pt", zipped(BESIDE, comment=b"comment"))
unclear("zip-in-comment.pt", zipped(BESIDE, comment=zipped(BESIDE)))
evil("zip-behind-zip.pt", zipped([("m/data.pkl", EVIL)]) + zipped(BESIDE), "posix.system")
evil("zip-before-zip.pt", zipped(BESIDE) + zipped([("m/data.pkl", EVIL)]), "posix.system")
twice = zipped([("m/data.pkl", BENIGN), ("m/datb.pkl", EVIL)]).replace(b"datb", b"data")
evil("same-name.pt", twice, "posix.system")
unclear("same-name-benign.pt", zipped([("m/data.pkl", BENIGN), ("m/datb.pkl", BENIGN)]).replace(b"datb", b"data"))


def patched(members, where, offset, data):
    """The first local header ("local") or entry of the directory ("central") changed at that offset."""
    archive = bytearray(zipped(members))
    at = archive.index(b"PK\x03\x04" if where == "local" else b"PK\x01\x02") + offset
    archive[at:at + len(data)] = data
    return bytes(archive)


for where, flags, checksum, name in (("local", 6, 14, 30), ("central", 8, 16, 46)):
    for verdict, content, finding in ((unclear, BENIGN, None), (evil, EVIL, "posix.system")):
        kind, members = ("evil" if finding else "benign"), [("m/data.pkl", content), ("a.pkl", BENIGN)]
        verdict(f"encrypted-flag-{where}-{kind}.pt", patched(members, where, flags, b"\x01"), finding)
        verdict(f"checksum-{where}-{kind}.pt", patched(members, where, checksum, b"\0\0\0\0"), finding)
        verdict(f"name-{where}-{kind}.pt", patched(members, where, name, b"x"), finding)
        verdict(f"method-{where}-{kind}.pt", patched(members, where, flags + 2, b"\x08"), finding)
        verdict(f"length-{where}-{kind}.pt", patched(members, where, checksum + 4, b"\x01\0\0\0"), finding)
        verdict(f"size-{where}-{kind}.pt", patched(members, where, checksum + 8, b"\x01\0\0\0"), finding)
# The directory leads to a harmless twin; who reads from the front meets the evil one.
hidden = zipped([("m/data.pkl", EVIL)])
hidden = hidden[:hidden.index(b"PK\x01\x02")]
front = zipped(BESIDE)
end = front.rindex(b"PK\x05\x06")
offset = struct.unpack("<I", front[end + 16:end + 20])[0]
evil("not-in-directory.pt", front[:offset] + hidden + front[offset:end + 16] + struct.pack("<I", offset + len(hidden)) + front[end + 20:], "posix.system")
# Written to a pipe: sizes stand behind the data.


class Pipe(io.RawIOBase):
    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


pipe = Pipe()
with zipfile.ZipFile(pipe, "w") as archive:
    for name, data in BESIDE:
        with archive.open(name, "w", force_zip64=name.endswith("0")) as member:
            member.write(data)
safe("torch-streamed.pt", bytes(pipe.data))
# Encrypted for real where there is a tool, else by the flags.
place = os.path.join(FOLDER, "plain.pkl")
with open(place, "wb") as file:
    file.write(BENIGN)
encrypted = os.path.join(FOLDER, "encrypted.zip")
if shutil.which("zip"):
    subprocess.run(["zip", "-q", "-j", "-P", "password", encrypted, place], check=True, stdout=subprocess.DEVNULL)
    EXPECTED["encrypted.zip"] = {"verdict": "inconclusive", "finding": None}
else:
    unclear("encrypted.zip", patched([("a.pkl", bytes(byte ^ 0x55 for byte in BENIGN))], "local", 6, b"\x01"))
os.remove(place)
with open(os.path.join(FOLDER, "expected.json"), "w") as file:
    json.dump(EXPECTED, file)
