"""Whether the walk sees every import that CPython's own unpickler would make, and takes for whole what that takes for whole.

Random opcodes with random arguments; find_class is overridden, so that nothing is imported and nothing runs. differential.py SEED CASES
"""

import io
import os
import pickle
import random
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../plugins/pickle-imports"))
from pickle_imports.scan import Scan  # noqa: E402
from pickle_imports.walk import OPCODES, Walk  # noqa: E402


class Anything:
    def __init__(self, *_, **__):
        pass

    def __setstate__(self, _):
        pass

    def __call__(self, *_):
        return Anything()

    append = extend = add = __setstate__

    def __setitem__(self, _, __):
        pass


class Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.seen = []

    def find_class(self, module, name):
        self.seen.append(f"{module}.{name}")
        return Anything

    def persistent_load(self, _):
        return 0


class All(Scan):
    def judge(self, module, name):
        return "high", "is seen"


WORDS = [b"os", b"system", b"builtins", b"list", b"1", b"01", b"0x1", b"'os'", b'"os"', b"", b"x y", b"1\0z", b" 1", b"1_0", b"-1", b"1L",
         b"\\x41", b"\xff"]
# Not those that make the unpickler take memory for what is not there.
BYTES = [bytes([code]) for code in range(256) if OPCODES[code] and code not in b"r\x96"]


def piece(chance):
    kind, word = chance.random(), chance.choice(WORDS)
    if kind < 0.45:
        return b"\x8c" + bytes([len(word)]) + word
    if kind < 0.65:
        return chance.choice([b"q", b"h"]) + bytes([chance.randrange(3)])
    if kind < 0.72:
        return b"c" + word + b"\n" + chance.choice(WORDS) + b"\n"
    if kind < 0.82:
        return chance.choice([b"\x93", b"\x94", b"2", b"0", b"(", b"1", b"\x93"])
    if kind < 0.92:
        return chance.choice([b"S", b"V", b"I", b"L", b"F", b"p", b"g", b"P"]) + word + b"\n"
    return chance.choice(BYTES) + chance.randbytes(chance.choice([0, 0, 1, 2, 4]))


def main(seed, cases):
    chance, imports, wrong = random.Random(seed), 0, 0
    for _ in range(cases):
        data = b"".join(piece(chance) for _ in range(chance.randrange(2, 18))) + b"."
        walk, real, whole = Walk(All([]), data, 0, len(data), {}), Unpickler(io.BytesIO(data)), True
        try:
            real.load()
        except Exception:
            whole = False
        imports += len(real.seen)
        if "computed" not in walk.found and not walk.found.keys() >= set(real.seen) or (whole and not walk.whole):
            wrong += 1
            print(data, real.seen, list(walk.found), whole, walk.whole)
    print(f"{imports} imports, {wrong} wrong")
    return 1 if wrong or not imports else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
