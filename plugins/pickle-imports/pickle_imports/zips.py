"""Zip, strictly: readers differ in what they make of an odd archive, so an odd one is never safe."""

import re
import zlib

from . import files
from .bounds import IN_MEMORY, MAX_MEMBERS, Unreadable
from .scan import cut, missing
from .streams import Range, Unpacking, uint, unpack


class Member:
    """An entry of the central directory, with what its local header says."""

    def __init__(self, name, flags, method, packed, size, begin):
        self.name, self.flags, self.method, self.packed, self.size, self.begin = name, flags, method, packed, size, begin
        self.data = self.last = begin
        self.checksum = self.raw_name = None
        self.methods, self.odd = [method], None


def scan_zip(scan, where, name, buffer, begin, end, depth):
    members, odd = [], None
    try:
        members, directory, odd = read_directory(scan, buffer, begin, end)
        for member in members:
            read_local(member, buffer, begin, end)
        odd = odd or uncovered(members, begin, directory)
    except Unreadable as reason:
        odd = str(reason)
    if odd or any(member.odd for member in members):
        known = {member.begin for member in members}
        members = members + list(carved(scan, buffer, begin, end, known))
    roots = [member.name[:-len("data.pkl")] for member in members if member.name.rsplit("/", 1)[-1] == "data.pkl"]
    for member in members:
        inside = f"{where}!{cut(member.name, 200)}"
        numbers = any(re.fullmatch(re.escape(root) + r"data/\d+", member.name, re.ASCII) for root in roots)
        if member.odd:
            scan.missed(inside, member.odd)
        for method in member.methods:
            with missing(scan, inside, known=member.odd):
                scan_member(scan, inside, member, method, buffer, depth, numbers)
    if odd:
        raise Unreadable(f"the archive is odd: {odd}")


def scan_member(scan, inside, member, method, buffer, depth, numbers):
    if method == 0:
        content, first, length, fault = buffer, member.data, member.last - member.data, None
    elif method == 8:
        first = 0
        content, length, fault = unpack(scan, Unpacking(Range(buffer, member.data, member.last), zlib.decompressobj(-15)))
    else:
        raise Unreadable(f"it is packed by method {method}, which this scanner cannot unpack")
    files.scan_bytes(scan, inside, member.name, content, first, first + length, depth + 1, numbers)
    if fault or length != member.size or checksum(scan, content, first, length) != member.checksum:
        raise Unreadable(f"it does not unpack to what is told{': ' + fault if fault else ''}")


def checksum(scan, buffer, begin, length):
    value = 0
    for at in range(begin, begin + length, IN_MEMORY):
        scan.step(IN_MEMORY >> 10)
        value = zlib.crc32(buffer[at:min(begin + length, at + IN_MEMORY)], value)
    return value


def wide(extra, values):
    """The values that do not fit into 32 bits stand in the extra field 1."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = uint(extra, at, 2), uint(extra, at + 2, 2)
        if kind == 1:
            numbers = iter(range(at + 4, at + 4 + length, 8))
            return [uint(extra, next(numbers, 1 << 20), 8) if value == 0xFFFFFFFF else value for value in values]
        at += 4 + length
    return values


def read_directory(scan, buffer, begin, end):
    """The members, where the directory begins, and what is odd about it."""
    tail = buffer.rfind(b"PK\x05\x06", max(begin, end - 65557), end)
    if tail < 0 or tail + 22 > end:
        raise Unreadable("it has no directory, or is cut off")
    odd = None if tail + 22 == end and uint(buffer, tail + 20, 2) == 0 else "there is a comment or something behind its end"
    count, length, offset = uint(buffer, tail + 10, 2), uint(buffer, tail + 12, 4), uint(buffer, tail + 16, 4)
    if uint(buffer, tail + 4, 4) or uint(buffer, tail + 8, 2) != count:
        odd = odd or "it has several parts"
    last = tail
    if tail - begin >= 76 and buffer[tail - 20:tail - 16] == b"PK\x06\x07":
        last = tail - 76
        if buffer[last:last + 4] != b"PK\x06\x06" or uint(buffer, tail - 12, 8) != last - begin:
            odd = odd or "its 64-bit directory is elsewhere"
        for narrow, full, here in ((count, 0xFFFF, 32), (length, 0xFFFFFFFF, 40), (offset, 0xFFFFFFFF, 48)):
            if narrow not in (full, uint(buffer, last + here, 8)):
                odd = odd or "its two directories differ"
        count, length, offset = (uint(buffer, last + here, 8) for here in (32, 40, 48))
    if offset + length != last - begin:
        odd = odd or "there is something before it, or before its directory"
    members, at = [], max(begin, last - length)
    directory = at
    while at < last:
        if buffer[at:at + 4] != b"PK\x01\x02" or at + 46 > last:
            raise Unreadable("its directory is broken")
        scan.members += 1
        if scan.members > MAX_MEMBERS:
            raise Unreadable(f"archives have more than {MAX_MEMBERS} members")
        named, extra, comment = (uint(buffer, at + here, 2) for here in (28, 30, 32))
        name = bytes(buffer[at + 46:at + 46 + named])
        more = bytes(buffer[at + 46 + named:at + 46 + named + extra])
        size, packed, local = wide(more, [uint(buffer, at + 24, 4), uint(buffer, at + 20, 4), uint(buffer, at + 42, 4)])
        member = Member(name.decode("utf-8", "backslashreplace"), uint(buffer, at + 8, 2), uint(buffer, at + 10, 2), packed, size, begin + local)
        member.raw_name, member.checksum = name, uint(buffer, at + 16, 4)
        members.append(member)
        at += 46 + named + extra + comment
    if at != last or len(members) != count:
        odd = odd or "its directory has another length than is told"
    if len({member.name.lower() for member in members}) != len(members):
        odd = odd or "two members have the same name"
    return members, directory, odd


def read_local(member, buffer, begin, end):
    """Where the bytes are, and whether both headers agree."""
    at = member.begin
    if at + 30 > end or buffer[at:at + 4] != b"PK\x03\x04":
        member.odd = "it is not where the directory says"
        return
    flags, method = uint(buffer, at + 6, 2), uint(buffer, at + 8, 2)
    named, extra = uint(buffer, at + 26, 2), uint(buffer, at + 28, 2)
    more = bytes(buffer[at + 30 + named:at + 30 + named + extra])
    size, packed = wide(more, [uint(buffer, at + 22, 4), uint(buffer, at + 18, 4)])
    member.data = min(end, at + 30 + named + extra)
    member.last = min(end, member.data + member.packed)
    if (flags | member.flags) & 0x2041:
        member.odd = "it is encrypted, or says so"
    elif bytes(buffer[at + 30:at + 30 + named]) != member.raw_name:
        member.odd = "its two headers have different names"
    elif method != member.method or flags != member.flags:
        member.odd = "its two headers differ"
    elif uint(buffer, at + 14, 4) != member.checksum and not (flags & 8 and not uint(buffer, at + 14, 4)):
        member.odd = "its two headers have different checksums"
    elif (size, packed) != (member.size, member.packed) and not (flags & 8 and (size, packed) in ((0, 0), (member.size, 0))):
        member.odd = "its two headers have different lengths"
    elif member.data + member.packed > end:
        member.odd = "it is cut off"
    if member.odd:
        member.methods = sorted({member.method, method, 0, 8} & {0, 8}) or [member.method]


def uncovered(members, begin, directory):
    """Every byte belongs to a member or to the directory, or somebody else's reader finds something there."""
    at = begin
    for member in sorted(members, key=lambda member: member.begin):
        # A data descriptor may stand between.
        if not at <= member.begin <= at + 24:
            return "there is something between its members, or they overlap"
        at = member.last
    return None if at <= directory <= at + 24 else "there is something before its directory"


def carved(scan, buffer, begin, end, known):
    """Members of an odd archive that its directory does not name."""
    at = buffer.find(b"PK\x03\x04", begin, end)
    while 0 <= at <= end - 30:
        if at not in known:
            scan.members += 1
            if scan.members > MAX_MEMBERS:
                raise Unreadable(f"archives have more than {MAX_MEMBERS} members")
            named, extra, packed = uint(buffer, at + 26, 2), uint(buffer, at + 28, 2), uint(buffer, at + 18, 4)
            name = bytes(buffer[at + 30:at + 30 + named]).decode("utf-8", "backslashreplace")
            member = Member(name, uint(buffer, at + 6, 2), uint(buffer, at + 8, 2), packed, uint(buffer, at + 22, 4), at)
            member.data = min(end, at + 30 + named + extra)
            member.last = min(end, member.data + packed) if packed else end
            member.odd, member.methods = "the directory does not name it", [0, 8]
            yield member
        at = buffer.find(b"PK\x03\x04", at + 4, end)
