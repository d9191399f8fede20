"""Bytes: parts of a file, and what they unpack to."""

import codecs
import json
import lzma
import mmap
import tempfile
import zlib

from .bounds import IN_MEMORY, MAX_UNPACKED, Unreadable


def uint(buffer, at, size):
    return int.from_bytes(buffer[at:at + size], "little")


class Range:
    """A part of a buffer, as a file."""

    def __init__(self, buffer, begin, end):
        self.buffer, self.begin, self.end, self.at = buffer, begin, end, begin

    def read(self, size=-1):
        last = self.end if size is None or size < 0 else min(self.end, self.at + size)
        data = bytes(self.buffer[self.at:last])
        self.at = max(self.at, last)
        return data

    def seek(self, offset, whence=0):
        self.at = max(self.begin, (self.begin, self.at, self.end)[whence] + offset)
        return self.tell()

    def tell(self):
        return self.at - self.begin

    def seekable(self):
        return True

    def readable(self):
        return True

    def close(self):
        pass


class Unpacking:
    """What zlib, bz2 or lzma makes of a file, as a file: all of it up to where it breaks off."""

    def __init__(self, source, machine):
        self.source, self.machine, self.tail = source, machine, b""

    def read(self, size):
        while not self.machine.eof:
            # zlib gives back what it did not take, the others keep it.
            packed = self.tail
            if not packed and getattr(self.machine, "needs_input", True):
                packed = self.source.read(IN_MEMORY)
                if not packed:
                    raise EOFError("it is cut off")
            data = self.machine.decompress(packed, size)
            self.tail = getattr(self.machine, "unconsumed_tail", b"")
            if data:
                return data
        if self.machine.unused_data or self.source.at < self.source.end:
            raise EOFError("there is something behind its end")
        return b""


def unpack(scan, stream):
    """All that a stream gives: the bytes, how many, and why it broke off. Much of it goes to a file that has no name."""
    kept, length, fault, file = bytearray(), 0, None, None
    try:
        while True:
            data = stream.read(IN_MEMORY)
            if not data:
                break
            length += len(data)
            scan.unpacked += len(data)
            scan.step(len(data) >> 10)
            if scan.unpacked > MAX_UNPACKED:
                raise Unreadable(f"more than {MAX_UNPACKED} bytes are unpacked")
            if file is None and length > IN_MEMORY:
                file = tempfile.TemporaryFile()
                file.write(kept)
                kept = b""
            if file is None:
                kept += data
            else:
                file.write(data)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as reason:
        fault = f"{type(reason).__name__}: {reason}"
    if file is None:
        return bytes(kept), length, fault
    file.flush()
    with file:
        return mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ), length, fault


def is_text(buffer, begin, end):
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(begin, end, IN_MEMORY):
            last = min(end, at + IN_MEMORY)
            if "\0" in decoder.decode(bytes(buffer[at:last]), last == end):
                return False
    except UnicodeDecodeError:
        return False
    return True


def is_safetensors(buffer, begin, end):
    length = uint(buffer, begin, 8)
    if not 2 <= length <= min(end - begin - 8, 64 * IN_MEMORY):
        return False
    try:
        return isinstance(json.loads(bytes(buffer[begin + 8:begin + 8 + length])), dict)
    except (ValueError, RecursionError):
        return False
