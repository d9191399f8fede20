"""Every bound, and what is raised at one."""

MAX_STEPS = 100_000_000  # opcodes, and KiB looked through, of all files together
MAX_KEPT = 4_000_000  # entries of one pickle's stack and memo
MAX_UNPACKED = 4 << 30  # bytes on disk, of all that is unpacked
MAX_MEMBERS = 100_000
MAX_DEPTH = 4
MAX_FINDINGS = 1000  # with so many it is unsafe, and the rest is not looked at
MAX_NAME = 512  # bytes of a text that may name a module
IN_MEMORY = 1 << 20  # more than this is unpacked to a file


class Unreadable(Exception):
    """Something that could hold a pickle cannot be looked into."""


class Enough(Exception):
    """So much was found that looking on changes nothing."""
