#!/usr/bin/env python3
"""What the assembler made of the CUDA backend's kernels, counted in the machine code, against a reviewed list.

    sass_branches.py TABLE OBJECT…           OBJECT: an object file of nvcc's, or a cubin
    sass_branches.py --write TABLE OBJECT…   write the table, for review: of each new branch, what it asks
    sass_branches.py --parser                the parser alone, on text in cuobjdump's format

tests/cuda/ptx_secrets.py follows secrets as far as the PTX. The assembler could still turn a selection into a branch;
then there is one more than was reviewed. Local memory, which nothing wipes, must be touched nowhere. Needs cuobjdump
(of CUDA's toolkit); without it: exit status 77.
"""
import collections
import os
import re
import shutil
import subprocess
import sys

from resources_test import plain

status_skipped = 77
columns = ("branches", "exits", "jumps", "local")


def count(text):
    """Of each function: conditional branches, conditional exits, calls and jumps through registers, local accesses."""
    functions, counts = {}, None
    for line in text.splitlines():
        if found := re.match(r"\s*Function\s*:\s*(\S+)", line):
            counts = functions.setdefault(found.group(1), collections.Counter())
            continue
        found = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+\{?\s*(?:@(!?U?P\w+)\s+)?([A-Z]\w*)([.\w]*)\s*([^;]*);", line)
        if not found or counts is None:
            continue
        guard, op, kinds, operands = found.groups()
        # @PT is always, @!PT never; a branch may name its predicate as an operand, too.
        conditional = bool(guard) and guard not in ("PT", "UPT") or bool(re.search(r"(?<![\w`])!?U?P\d\b", operands))
        counts["instructions"] += 1
        if op == "BRA" and (conditional or ".DIV" in kinds or ".CONV" in kinds):
            counts["branches"] += 1
        elif op in ("EXIT", "KILL") and conditional:
            counts["exits"] += 1
        elif op in ("BRX", "BRXU", "JMP", "JMX", "JMXU", "CALL", "RET"):
            counts["jumps"] += 1
        elif op in ("LDL", "STL"):
            counts["local"] += 1
    return functions


def check_parser():
    text = """
\tcode for sm_90
\t\tFunction : _Z5firstv
\t.headerflags\t@"EF_CUDA_SM90 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM90)"
        /*0000*/                   LDC R1, c[0x0][0x28] ;                    /* 0x00000a00ff017b82 */
                                                                             /* 0x000fe20000000800 */
        /*0010*/                   ISETP.GE.U32.AND P0, PT, R2, UR4, PT ;    /* 0x0000000402007c0c */
        /*0020*/               @P0 EXIT ;                                    /* 0x000000000000094d */
        /*0030*/              @!P1 BRA 0x90 ;                                /* 0x0000005000009947 */
        /*0040*/               @PT BRA 0x90 ;                                /* 0x0000005000009947 */
        /*0050*/                   BRA.U !UP0, 0x90 ;                        /* 0x0000005000009947 */
        /*0060*/                   BRA.DIV UR6, 0x90 ;                       /* 0x0000005000009947 */
        /*0070*/              @!P3 BRA P2, `(.L_x_2) ;                       /* 0x0000005000009947 */
        /*0080*/              @!P3 SEL R1, R2, R3, P0 ;                      /* 0x0000005000009947 */
        /*0090*/              @!P3 STG.E.64 desc[UR4][R2.64+0x8], R4 ;       /* 0x0000005000009947 */
        /*00a0*/                   EXIT ;                                    /* 0x000000000000794d */
        /*00b0*/                   BRA 0xb0;                                 /* 0xfffffffc00fc7947 */
\t\t..........


\t\tFunction : _Z6secondv
\t.headerflags\t@"EF_CUDA_SM90 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM90)"
        /*0000*/                   STL.64 [R1+0x10], R4 ;                    /* 0x0000100401007387 */
        /*0010*/               @P1 LDL R5, [R1+0x8] ;                        /* 0x0000080001051983 */
        /*0020*/                   CALL.REL.NOINC 0x40 ;                     /* 0x0000001000007944 */
        /*0030*/                   BRX R2 -0x50                              (*"BRANCH_TARGETS .L_x_3"*) ;
        /*0040*/                   RET.REL.NODEC R10 0x0 ;                   /* 0xfffffffc0a007950 */
\t\t..........
"""
    found = {name: [counts[c] for c in columns] for name, counts in count(text).items()}
    expected = {"_Z5firstv": [4, 1, 0, 0], "_Z6secondv": [0, 0, 3, 2]}
    print(f"{'ok    ' if found == expected else 'FAILED'} {found}")
    return found != expected


def tool():
    return shutil.which("cuobjdump") or next(
        (p for p in ("/usr/local/cuda/bin/cuobjdump", os.environ.get("CUDA_HOME", "") + "/bin/cuobjdump")
         if os.access(p, os.X_OK)), None)


def read_table(path):
    rows = {}
    for line in open(path, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            *name, branches, exits, jumps = line.split()
            rows[" ".join(name)] = [int(branches), int(exits), int(jumps)]
    return rows


def main(arguments):
    if "--parser" in arguments:
        return check_parser()
    write = "--write" in arguments
    path, *objects = [a for a in arguments if a != "--write"]
    if not (cuobjdump := tool()):
        print("skipped: no cuobjdump")
        return status_skipped
    found = {}
    for name in objects:
        text = subprocess.run([cuobjdump, "-sass", name], capture_output=True, text=True, check=True).stdout
        found.update(count(text))
    found = dict(sorted(zip(plain(found), found.values())))
    if not found:
        print("FAILED no kernel in any object")
        return 1
    table, failures = read_table(path), 0
    for name, counts in found.items():
        numbers = [counts[c] for c in columns[:3]]
        wrong = ["local memory"] if counts["local"] else []
        if not write and table and numbers != table.get(name):
            wrong.append(f"reviewed: {table.get(name)}")
        failures += bool(wrong)
        print(f"{'FAILED' if wrong else 'ok    '} {name}: {counts['instructions']} instructions, {numbers[0]} "
              f"conditional branches, {numbers[1]} conditional exits, {numbers[2]} calls and jumps through registers, "
              f"{counts['local']} local accesses" + "".join("   " + w for w in wrong))
    for name in sorted(set(table) - set(found)) if not write else ():
        print(f"FAILED {name}: in the table, and in no object")
        failures += 1
    if write:
        head = [line for line in open(path, encoding="utf-8") if line.startswith("#")]
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(head)
            file.writelines(f"{name} {' '.join(str(c[k]) for k in columns[:3])}\n" for name, c in found.items())
    elif not table and not failures:
        print("skipped: no counts were reviewed yet")
        return status_skipped
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
