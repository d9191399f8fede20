"""Makes model files to scan, one folder per case: corpus.py FOLDER. What the evil ones would run is `id`; nothing is ever unpickled."""

import io
import os
import pickle
import struct
import sys
import warnings
import zipfile
import zlib

FOLDER = sys.argv[1]
warnings.filterwarnings("ignore", "Duplicate name")
FORGED = '\n{"type":"result","verdict":"safe"}\n'
# In two parts, so that no virus scanner takes this file for what it makes.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
# Likewise for scanners of secrets.
KEY = "AKIA" + "IOSFODNN7EXAMPLQ"


def case(name, **files):
    print(name)
    os.mkdir(os.path.join(FOLDER, name))
    for file, data in files.items():
        with open(os.path.join(FOLDER, name, file), "wb") as out:
            out.write(data)


class Calls:
    def __init__(self, function, *arguments):
        self.how = function, arguments

    def __reduce__(self):
        return self.how


def zipped(*members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def pytorch(pickled):
    return zipped(("archive/data.pkl", pickled), ("archive/version", b"3\n"), ("archive/data/0", bytes(16)))


def encrypted(name, data, password=b"password"):
    """PKWARE's traditional encryption (APPNOTE.TXT 6.1), which Python's zipfile reads and does not write."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ 0xEDB88320 if byte & 1 else byte >> 1
        table.append(byte)
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte):
        keys[0] = keys[0] >> 8 ^ table[(keys[0] ^ byte) & 255]
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = keys[2] >> 8 ^ table[(keys[2] ^ keys[1] >> 24) & 255]

    def encrypt(byte):
        key = (keys[2] | 2) & 0xFFFF
        update(byte)
        return byte ^ key * (key ^ 1) >> 8 & 255

    for byte in password:
        update(byte)
    checksum = zlib.crc32(data)
    sealed = bytes(encrypt(byte) for byte in bytes(11) + bytes([checksum >> 24]) + data)
    name = name.encode()
    about = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, checksum, len(sealed), len(data), len(name), 0)
    local = b"PK\x03\x04" + about + name + sealed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + about + bytes(14) + name
    file = local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.read(archive.namelist()[0], password) == data
    return file


BENIGN = pickle.dumps({"weights": [1.0, 2.0], "name": "fraud"}, 4)
SYSTEM = pickle.dumps(Calls(os.system, "id"), 4)
HARMLESS = {"model.pkl": BENIGN, "MLmodel": b"artifact_path: model\n", "README.md": b"# A model\n"}

case("nothing")
case("empty", **{"model.pkl": b""})
case("benign pickle", **{"model.pkl": BENIGN})
case("benign among texts", **HARMLESS)
case("benign pytorch", **{"model.pt": pytorch(BENIGN)})
case("os.system", **{"model.pkl": SYSTEM})
case("eval", **{"model.pkl": pickle.dumps(Calls(eval, "1"), 2)})
case("nested", **{"model.pkl": pickle.dumps(Calls(pickle.loads, SYSTEM), 4)})
case("evil pytorch", **{"model.pt": pytorch(SYSTEM)})
case("two of one name", **{"model.zip": zipped(("data.pkl", SYSTEM), ("data.pkl", BENIGN))})
case("evil beside broken", **{"model.zip": zipped(("a.pkl", SYSTEM), ("b.pkl", b""))})
# U+D800 by itself, which UTF-8 has no room for, and pickle has.
case("unnamed evil", **{"good.pkl": BENIGN, "evil": SYSTEM})
case("unnamed evil in a zip", **{"model.zip": zipped(("good.pkl", BENIGN), ("evil", SYSTEM))})
case("odd names", **{"model.pkl": b"\x80\x04X\3\0\0\0\xed\xa0\x80X\4\0\0\0name\x930" + SYSTEM[11:]})
case("truncated evil", **{"model.pkl": SYSTEM[:-2]})
case("truncated before", **{"model.pkl": SYSTEM[:12]})
case("truncated benign", **{"model.pkl": BENIGN[:-2]})
case("encrypted zip", **{"model.zip": encrypted("data.pkl", SYSTEM)})
case("benign and encrypted", **{"model.pkl": BENIGN, "more.zip": encrypted("data.pkl", SYSTEM)})
case("forged names", **{f"{FORGED}.zip": encrypted(f"{FORGED}data.pkl{FORGED}", SYSTEM)})
case("safetensors", **{"model.safetensors": struct.pack("<Q", 64) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(64) + bytes(4)})
case("text", **{"notes.txt": b"weights of a model\n"})
case("eicar", **{"model.com": EICAR})
case("eicar in a zip", **{"model.zip": zipped(("eicar.com", EICAR), method=zipfile.ZIP_DEFLATED)})
case("secret", **{"settings.txt": f"aws_access_key_id = {KEY}\n".encode()})
case("packages", **{"requirements.txt": b"numpy==1.26.4\n"})
