"""One pickle, walked and not executed."""

import pickletools
import re

from .bounds import MAX_FINDINGS, MAX_KEPT, MAX_NAME, Unreadable


def opcodes():
    """By its byte: name, length of the argument (negative: pickletools' kinds), lines, pops, whether to a mark, pushes."""
    table = [None] * 256
    for code, op in pickletools.code2op.items():
        marked = pickletools.markobject in op.stack_before
        pops = op.stack_before.index(pickletools.markobject) if marked else len(op.stack_before)
        size = op.arg.n if op.arg else 0
        lines = 2 if op.arg and op.arg.name == "stringnl_noescape_pair" else 1
        table[ord(code)] = (op.name, size, lines, pops, marked, len(op.stack_after))
    return table


OPCODES = opcodes()
# Bytes of the length, and whether it has a sign.
LENGTHS = {pickletools.TAKEN_FROM_ARGUMENT1: (1, False), pickletools.TAKEN_FROM_ARGUMENT4: (4, True),
           pickletools.TAKEN_FROM_ARGUMENT4U: (4, False), pickletools.TAKEN_FROM_ARGUMENT8U: (8, False)}
CALLS = frozenset("REDUCE NEWOBJ NEWOBJ_EX OBJ INST BUILD".split())
PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class Walk:
    """One pickle walked from where it begins. Nothing is executed, and nothing is believed that an unpickler would not check.

    The table of opcodes is pickletools', the reading of arguments is not: genops gives up at numbers and strings that the C
    unpickler takes (`I0x10`), and what comes behind them would not be seen. A walk ends only where every unpickler ends: at
    STOP, at a byte that is no opcode, and at the end of the bytes.
    """

    def __init__(self, scan, buffer, begin, end, memo):
        self.scan, self.buffer, self.at, self.end, self.memo = scan, buffer, begin, end, memo
        self.found = {}  # what it would import that is not harmless: name -> (severity, message, is a plain name)
        self.called = False  # whether something is called after the first of these
        self.stack, self.marks = [], []
        self.whole, self.fault = False, None
        try:
            self.whole = self.run()
        except Unreadable as reason:  # what was found before still counts
            self.fault = reason

    def has(self, number):
        """Whether so many can be popped. If not, every unpickler stops."""
        return len(self.stack) - (self.marks[-1] if self.marks else 0) >= number

    def note(self, name, severity, message, plain):
        self.found.setdefault(name, (severity, message, plain))
        if len(self.found) > MAX_FINDINGS:
            raise Unreadable("it would import too many things")

    def imports(self, module, name):
        judged = self.scan.judge(module, name)
        if judged:
            plain = bool(PLAIN.fullmatch(module) and PLAIN.fullmatch(name))
            self.note(f"{module}.{name}", *judged, plain)

    def line(self):
        """The bytes up to the next line feed. Nothing: there is none, and every unpickler stops."""
        stop = self.buffer.find(b"\n", self.at, self.end)
        self.scan.step(1 + ((self.end if stop < 0 else stop) - self.at >> 10))
        if stop < 0:
            return None
        text = bytes(self.buffer[self.at:min(stop, self.at + MAX_NAME + 1)])
        self.at = stop + 1
        return text

    def number(self, size, signed=False):
        if self.at + size > self.end:
            return None
        number = int.from_bytes(self.buffer[self.at:self.at + size], "little", signed=signed)
        self.at += size
        return number

    def argument(self, name, size):
        """The argument where it matters: a text that could name a module, or a number of the memo. False: it is cut off."""
        if size == pickletools.UP_TO_NEWLINE:
            text = self.line()
            if text is None:
                return False
            return number_of_memo(text) if name in ("PUT", "GET") else known_text(name, text)
        if size < 0:
            length = self.number(*LENGTHS[size])
            if length is None or length < 0 or self.at + length > self.end:
                return False
            text = bytes(self.buffer[self.at:self.at + length]) if length <= MAX_NAME else b""
            self.at += length
            return known_text(name, text) if text else None
        number = self.number(size)
        return False if number is None else number

    def run(self):
        stack, marks, memo, scan = self.stack, self.marks, self.memo, self.scan
        while self.at < self.end:
            op = OPCODES[self.buffer[self.at]]
            if op is None:
                return False
            name, size, lines, pops, marked, pushes = op
            self.at += 1
            scan.step(1)
            if len(stack) + len(memo) > MAX_KEPT:
                raise Unreadable("the pickle is too large to be followed")
            if lines == 2:
                module = self.line()
                attribute = None if module is None else self.line()
                if attribute is None:
                    return False
                self.imports(module.decode("utf-8", "backslashreplace"), attribute.decode("utf-8", "backslashreplace"))
                argument = None
            elif size:
                argument = self.argument(name, size)
                if argument is False:
                    return False
            else:
                argument = None
            if name == "STOP":
                return True
            if name == "MARK":
                marks.append(len(stack))
            elif name == "POP":
                if marks and len(stack) == marks[-1]:
                    marks.pop()
                elif self.has(1):
                    stack.pop()
                else:
                    return False
            elif name == "DUP":
                stack.append(stack[-1] if stack else None)
            elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1] if stack else None
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1] if stack else None
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo.get(argument))
            elif name == "STACK_GLOBAL":
                if not self.has(2):
                    return False
                attribute, module = stack.pop(), stack.pop()
                if isinstance(module, str) and isinstance(attribute, str):
                    self.imports(module, attribute)
                else:
                    self.note("computed", "critical", "would import something whose name it computes", False)
                stack.append(None)
            else:
                if name in ("EXT1", "EXT2", "EXT4"):
                    self.note(f"extension {argument}", "high", f"would import number {argument} of the extension registry", False)
                elif name == "PROTO" and argument > 5:
                    return False
                if marked:
                    if not marks:
                        return False
                    del stack[marks.pop():]
                if pops:
                    if not self.has(pops):
                        return False
                    del stack[-pops:]
                self.called = self.called or (name in CALLS and bool(self.found))
                stack.extend([argument if isinstance(argument, str) else None] * pushes)
        return False


def number_of_memo(text):
    """The number of a PUT or GET, which the C unpickler takes for ended at a NUL. False: it is none, and unpicklers stop."""
    text = text.split(b"\0")[0]
    if len(text) > MAX_NAME and re.fullmatch(rb"[\s\d_+-]*", text):
        raise Unreadable("it numbers its memo in a way that no pickler does")
    try:
        return int(text) if len(text) <= MAX_NAME else False
    except ValueError:
        return False


def known_text(name, text):
    """The text when every unpickler reads it as the same one, else nothing."""
    if len(text) > MAX_NAME:
        return None
    try:
        if "UNICODE" in name:
            return text.decode("utf-8") if name != "UNICODE" else text.decode("ascii") if b"\\" not in text else None
        if name == "STRING":
            text = text.rstrip()
            quoted = len(text) >= 2 and text[:1] == text[-1:] and text[:1] in b"'\"" and b"\\" not in text
            return text[1:-1].decode("ascii") if quoted else None
        if "STRING" in name:
            return text.decode("ascii")
    except ValueError:
        pass
    return None
