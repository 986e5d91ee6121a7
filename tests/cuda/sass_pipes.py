#!/usr/bin/env python3
"""Counts the operations that each kernel of bench/gpu/pipes.cu is left with: what it says of a pipe is of those alone.

    nvcc -cubin -arch=sm_90 … -o pipes.cubin bench/gpu/pipes.cu      with_ptx.sh --cubin does
    sass_pipes.py pipes.cubin

Operations are told apart by the low bits of their numbers, which have been the same since sm_70: no disassembler is needed.
"""
import collections
import re
import struct
import sys

from sass_secrets import code_sections

numbers = {0x010: "IADD3", 0x011: "LEA", 0x012: "LOP3", 0x016: "PRMT", 0x019: "SHF", 0x024: "IMAD", 0x025: "IMAD.WIDE",
           0x02b: "DFMA"}
each = 128  # of a loop's turn: rounds * chains
others = 64  # at most, of any kind: what stands before and behind the loop
# In the order of the enumeration there.
pipes = [("IMAD.WIDE",), ("IMAD",), ("LOP3",), ("SHF",), ("IADD3",), ("PRMT",), ("DFMA",), ("IMAD.WIDE", "LOP3"),
         ("IMAD.WIDE", "DFMA")]


def count(code):
    found = collections.Counter()
    for low, _ in struct.iter_unpack("<QQ", code):
        found[numbers.get(low & 0x1ff, "others")] += 1
    return found


def main():
    seen, wrong = set(), []
    for name, code, *_ in code_sections(sys.argv[1]):
        pipe = int(re.search(r"run_pipeI\w*PipeE(\d+)E", name)[1])
        seen.add(pipe)
        found = count(code)
        print(" and ".join(pipes[pipe]) + ":", ", ".join("%d %s" % (n, op) for op, n in sorted(found.items())))
        for op in pipes[pipe]:
            if not each <= found[op] < each + others:
                wrong.append("%d %s where %d are measured" % (found[op], op, each))
        for op in set(numbers.values()) - set(pipes[pipe]):
            if found[op] >= others:
                wrong.append("%d %s beside the %s" % (found[op], op, " and ".join(pipes[pipe])))
    if seen != set(range(len(pipes))):
        wrong.append("kernels of " + str(sorted(seen)))
    print("\n".join("wrong: " + w for w in wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
