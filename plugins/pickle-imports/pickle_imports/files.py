"""A file or a member of an archive: which kind it is of, and the pickles in it."""

import ast
import bz2
import lzma
import re
import tarfile
import zlib

from . import zips
from .bounds import IN_MEMORY, MAX_DEPTH, MAX_MEMBERS, Unreadable
from .scan import cut, missing
from .streams import Range, Unpacking, is_safetensors, is_text, unpack
from .walk import Walk

# Files of these names are pickles, whatever they begin with.
PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".p", ".pk")
# Formats that no pickle can be in, by their first bytes.
OTHER_FORMATS = (b"GGUF", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-")

TORCH_MAGIC = re.compile(rb"\x80[\x02-\x05]\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.")
HEADED = re.compile(rb"\x80[\x02-\x05]")


def scan_pickles(scan, where, buffer, begin, end, surely):
    """All pickles that stand one behind the other: how many, where the last one ends, whether that is all there is, and
    where those begin that were told. `surely`: the name or the first bytes say that it is one."""
    at, whole, shared, starts = begin, 0, {}, set()
    torch = TORCH_MAGIC.match(buffer, begin, min(end, begin + 32))
    while at < end:
        # One Unpickler keeps its memo from pickle to pickle, several do not: what either would import counts.
        walks = [Walk(scan, buffer, at, end, shared)] + ([Walk(scan, buffer, at, end, {})] if whole else [])
        for walk in walks:
            if surely or walk.called or (walk.whole and walk.at == end):
                scan.report(where, walk.found, plain_only=not (surely or walk.whole))
                starts.add(at)
            if walk.fault:
                raise walk.fault
        if not walks[0].whole:
            break
        at, whole = walks[0].at, whole + 1
        if torch and whole == 5:  # raw numbers follow in PyTorch's format of old
            return whole, at, True, starts
    return whole, at, whole > 0 and at == end, starts


def scan_hidden(scan, where, buffer, begin, end, told):
    """Pickles that begin somewhere inside: in a string, behind a text, in another format."""
    scan.step(end - begin >> 10)
    for head in HEADED.finditer(buffer, begin, end):
        walk = Walk(scan, buffer, head.start(), end, {}) if head.start() not in told else None
        if walk and walk.fault:
            raise walk.fault
        if walk and walk.found:
            scan.report(f"{where}@{head.start() - begin}", walk.found, plain_only=True)


def scan_bytes(scan, where, name, buffer, begin, end, depth=0, numbers=False):
    """One file, or one member of an archive. `numbers`: the archive says that it holds raw numbers."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"archives are nested more than {MAX_DEPTH} deep")
    if begin == end:
        if depth == 0:  # of a file nothing was scanned; of an empty member nothing can be loaded
            raise Unreadable("the file is empty")
        return
    head = bytes(buffer[begin:begin + 8])
    headed = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    if numbers:
        return scan_hidden(scan, where, buffer, begin, end, ())
    archive = opener(buffer, begin, end, head)
    surely = headed or (name.lower().endswith(PICKLE_NAMES) and not archive)
    # Whatever else it is, it is read as a pickle as well: it may be both.
    whole, at, all_of_it, told = scan_pickles(scan, where, buffer, begin, end, surely)
    if all_of_it or surely:
        scan.pickles += whole
    fault = None
    if archive:
        try:
            archive(scan, where, name, buffer, begin, end, depth)
        except (Unreadable, tarfile.TarError) as reason:
            fault = reason
    if fault or archive not in (zips.scan_zip, scan_tar):  # else every byte of it was looked at
        scan_hidden(scan, where, buffer, begin, end, told)
    if fault:
        raise Unreadable(fault)
    if all_of_it:
        return
    if surely:
        raise Unreadable("the pickle is cut off or broken" + (f" behind byte {at - begin}" if whole else ""))
    known = archive or head.startswith(OTHER_FORMATS) or is_safetensors(buffer, begin, end) or is_text(buffer, begin, end)
    if not known:
        raise Unreadable("it is of no kind that this scanner knows")


def opener(buffer, begin, end, head):
    """Who looks into that format."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or buffer.rfind(b"PK\x05\x06", max(begin, end - 65557), end) >= 0:
        return zips.scan_zip
    if head[:6] == b"\x93NUMPY":
        return scan_npy
    if buffer[begin + 257:min(end, begin + 262)] == b"ustar":
        return scan_tar
    for magic, machine in STREAMS:
        if head.startswith(magic):
            return lambda *about: scan_stream(*about, machine())
    return None


STREAMS = [(b"\x1f\x8b", lambda: zlib.decompressobj(31)), (b"BZh", bz2.BZ2Decompressor),
           (b"\xfd7zXZ\x00", lzma.LZMADecompressor), (b"]\x00\x00", lzma.LZMADecompressor)]
STREAMS += [(magic, zlib.decompressobj) for magic in (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")]


def scan_stream(scan, where, name, buffer, begin, end, depth, machine):
    content, length, fault = unpack(scan, Unpacking(Range(buffer, begin, end), machine))
    inside = re.sub(r"\.(gz|bz2|xz|lzma|z|zlib)$", "", name, flags=re.IGNORECASE)
    scan_bytes(scan, where + "!", inside, content, 0, length, depth + 1)
    if fault:
        raise Unreadable(f"it does not unpack to its end: {fault}")


def scan_npy(scan, where, name, buffer, begin, end, depth):
    """NumPy's format: an array of objects is a pickle behind the header."""
    width = 2 if buffer[begin + 6:begin + 7] == b"\x01" else 4
    data = begin + 8 + width + int.from_bytes(buffer[begin + 8:begin + 8 + width], "little")
    if data > end or data - begin > IN_MEMORY:
        raise Unreadable("its NumPy header is cut off")
    try:
        descr = ast.literal_eval(bytes(buffer[begin + 8 + width:data]).decode("latin-1").strip())["descr"]
    except Exception:
        raise Unreadable("its NumPy header is broken") from None
    if only_numbers(descr):
        return
    whole, _, all_of_it, _ = scan_pickles(scan, where, buffer, data, end, True)
    scan.pickles += whole
    if not all_of_it:
        raise Unreadable("the pickle of its objects is cut off or broken")


def only_numbers(descr):
    """Whether a NumPy type has no object in it, for certain."""
    if isinstance(descr, str):
        return bool(re.fullmatch(r"[<>|=]?[biufcSUVmM]\d*(\[\w+\])?", descr, re.ASCII))
    if isinstance(descr, list):
        return all(isinstance(field, tuple) and len(field) in (2, 3) and only_numbers(field[1]) for field in descr)
    return isinstance(descr, tuple) and len(descr) == 2 and only_numbers(descr[0])


def scan_tar(scan, where, name, buffer, begin, end, depth):
    with tarfile.open(fileobj=Range(buffer, begin, end), mode="r:") as archive:
        for member in archive:
            scan.members += 1
            if scan.members > MAX_MEMBERS:
                raise Unreadable(f"archives have more than {MAX_MEMBERS} members")
            inside = f"{where}!{cut(member.name, 200)}"
            first = begin + member.offset_data
            if not member.isfile():
                continue
            with missing(scan, inside):
                if member.issparse() or not begin <= first <= first + member.size <= end:
                    raise Unreadable("it is cut off or sparse")
                scan_bytes(scan, inside, member.name, buffer, first, first + member.size, depth + 1)
            archive.members.clear()  # or it keeps them all
        rest = begin + archive.offset
    for at in range(rest, end, IN_MEMORY):
        scan.step(IN_MEMORY >> 10)
        if bytes(buffer[at:min(end, at + IN_MEMORY)]).strip(b"\0"):
            raise Unreadable("there is something behind the end of the archive, or a header is broken")
