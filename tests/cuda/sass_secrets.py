#!/usr/bin/env python3
"""Follows secrets through the machine code of the CUDA backend's kernels, as ptx_secrets.py does through their PTX.

    nvcc -cubin -arch=sm_90 … -o curve.cubin backends/cuda/curve.cu      with_ptx.sh --cubin sm_90 does
    sass_secrets.py TABLE ALLOWED GENERATED curve.cubin …                TABLE: ptx_secrets.txt
    sass_secrets.py --plant TABLE ALLOWED GENERATED ptx_planted.cubin    made of ptx_planted.cu

ALLOWED (sass_secrets.txt) says how many findings of each kind were reviewed in a kernel; a kernel with others fails, and so
does one with fewer. Needs nvdisasm, of any toolkit that knows the GPU (sm_90: 11.8 on); without it: exit status 77. Sections of
code are given to it as they are, since an older one cannot read a newer one's files.

What a register, a predicate or a barrier holds is followed along every way through a kernel, as in ptx_secrets.py, whose
words the findings are. Where kernels' parameters begin in constant bank 0 is the architecture's.
"""
import collections
import fnmatch
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import ptx_secrets
from ptx_secrets import Value, join, nothing, public_number, secret_number
from resources_test import plain

status_skipped = 77
first_parameter = {80: 0x160, 90: 0x210}  # in constant bank 0, by compute capability

# Of these nothing depends on a value but the result.
pure = set("""BMSK FLO HFMA2 IADD3 IMAD IMNMX ISETP LEA LOP3 MOV PLOP3 POPC PRMT R2UR SEL SHF SHFL CS2R UFLO UIADD3 UIMAD
              UISETP ULEA ULOP3 UMOV UPLOP3 UPOPC UPRMT USEL USHF VIADD VIMNMX""".split())
sets_predicates_alone = {"ISETP", "PLOP3", "UISETP", "UPLOP3"}
# What the compiler divides by.
divisions = {"I2F", "I2FP", "F2I", "MUFU"}
loads, stores = {"LDG", "LDS", "LDL", "LD"}, {"STG", "STS", "STL", "ST", "RED", "REDG"}
atomics = {"ATOM", "ATOMG", "ATOMS"}
constants = {"LDC", "ULDC"}
special = {"S2R", "S2UR"}
control = {"BRA", "BRX", "BSSY", "BSYNC", "BREAK", "EXIT", "BAR", "WARPSYNC", "NOP", "VOTE", "VOTEU", "MEMBAR", "ERRBAR", "CCTL",
           "DEPBAR", "YIELD"}

Instruction = collections.namedtuple("Instruction", "at op kinds guard operands text")
predicate = re.compile(r"!?U?P(\d|T)$")
# RZ, PT and their like, which hold the same always, are none.
register = re.compile(r"(?<![\w.])(U?R\d+|U?P\d)(\.64)?\b")


def code_sections(path):
    """(kernel, its code, what its jump tables hold, its compute capability) of a cubin, which is an ELF file of 64 bits."""
    data = open(path, "rb").read()
    assert data[:4] == b"\x7fELF", path + " is no cubin"
    offset, = struct.unpack_from("<Q", data, 0x28)
    capability = data[0x31]  # of the file's flags
    assert capability in first_parameter, f"{path} is for sm_{capability}, of which nothing is known here"
    size, number, names = struct.unpack_from("<HHH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(number)]
    found = {}
    for name, _, _, _, begin, length in sections:
        at = sections[names][4] + name
        found[data[at:data.index(b"\0", at)].decode()] = data[begin:begin + length]
    for name, code in found.items():
        if name.startswith(".text."):
            yield name[6:], code, found.get(".nv.constant2." + name[6:], b""), capability


def disassemble(nvdisasm, code, capability):
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(code)
        file.flush()
        return subprocess.run([nvdisasm, "-b", f"SM{capability}", file.name], capture_output=True, text=True, check=True).stdout


# What nvdisasm 11.8 leaves out of what newer assemblers make, by the low bits of the operation's number.
left_out = {0x036: "VIADD", 0x048: "VIMNMX"}


def decode(at, low, high):
    """An instruction that nvdisasm does not know: R, R, and R, a number or UR; those of VIMNMX with a predicate, PT."""
    op, form = left_out[low & 0x1ff], low >> 9 & 7
    assert op != "VIMNMX" or high >> 23 & 7 == 7, hex(at)
    name = lambda kind, number, zero: f"{kind}Z" if number == zero else f"{kind}{number}"
    third = {1: name("R", low >> 32 & 0xff, 255), 4: hex(low >> 32), 6: name("UR", low >> 32 & 0x3f, 63)}[form]
    guard, negated = low >> 12 & 7, "!" if low >> 15 & 1 else ""
    operands = [name("R", low >> 16 & 0xff, 255), name("R", low >> 24 & 0xff, 255), third]
    return Instruction(at, op, [], None if guard == 7 else f"{negated}P{guard}", operands, f"{op} {', '.join(operands)}")


def parse(text, raw):
    code = []
    for line in text.splitlines():
        found = re.match(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z]\w*)((?:\.\w+)*)\s*([^;]*);", line)
        if not found:
            assert not re.match(r"\s*/\*[0-9a-f]{4,}\*/", line), line
            continue
        at, guard, op, kinds, operands = found.groups()
        if op == "CALL" and kinds == ".REL.NOINC":
            op = "BRA"  # which leaves no way back: an older GPU's for jumps that a warp takes together
        if guard and guard.lstrip("!") in ("PT", "UPT"):
            assert guard[0] != "!" or op in ("NOP", "BRA"), line
            guard = None
        while 16 * len(code) < int(at, 16):
            code.append(decode(16 * len(code), *struct.unpack_from("<QQ", raw, 16 * len(code))))
        code.append(Instruction(int(at, 16), op, kinds.split(".")[1:], guard,
                                ptx_secrets.split(operands), line.split("*/", 1)[1].strip()))
    assert all(i.at == 16 * k for k, i in enumerate(code)) and 16 * len(code) == len(raw), "instructions are missing"
    return code


def numbered(name, n):
    """The register `n` behind `name`."""
    kind, number = re.fullmatch(r"(U?R)(\d+)", name).groups()
    return f"{kind}{int(number) + n}"


class Kernel:
    def __init__(self, job, code, jumps, capability):
        self.job, self.code, self.first_parameter = job, code, first_parameter[capability]
        self.findings, self.counts = {}, collections.Counter()
        self.jumps = [t for t, in struct.iter_unpack("<I", jumps[:len(jumps) // 4 * 4])]

    def found(self, ins, kind):
        self.findings[(ins.at, kind)] = ins

    # ---- Values

    def constant(self, ins, operand, state, word=0):
        """Of a constant's words one: two that follow one another need not belong together."""
        bank, at = re.search(r"c\[(0x\w+)\]\[([^\]]*)\]", operand).groups()
        where = re.fullmatch(r"(?:(U?R\d+|U?RZ)\+?)?(-?0x\w+)?", at)
        assert where, operand
        index, offset = where.groups()
        if index and index in state and state[index].secret:
            self.found(ins, "address")
        if int(bank, 16) != 0:
            return public_number  # the compiler's
        if index and index not in ("RZ", "URZ"):
            value = Value("secret" in self.job.fields.values(), nothing, None)
            self.counts["secret loads"] += value.secret
            return value
        begin = int(offset or "0", 16) + 4 * word - self.first_parameter
        if begin < 0:
            return public_number  # the driver's
        value = public_number
        for o, n, field in self.job.places:
            if o < begin + 4 and begin < o + n:
                kind = self.job.fields[field]
                value = join(value, Value(kind == "secret", frozenset([field]) if kind[0] == "-" else nothing, None))
        if begin >= self.job.size:
            self.found(ins, "parameter of which the table says nothing")
        self.counts["secret loads"] += value.secret
        return value

    def values(self, ins, state, operand, width=1):
        """What an operand holds: `width` registers of it, of an address both."""
        found = []
        if re.search(r"\bc\[", operand):  # and not a descriptor, desc[UR4][R2.64]
            found += [self.constant(ins, operand, state, n) for n in range(width)]
        else:
            for name, wide in register.findall(operand):
                count = 2 if wide else width if "R" in name else 1
                for n in range(count):
                    at = numbered(name, n) if n else name
                    # Read under a guard: what was written under it.
                    value = state.get(f"{at}@{ins.guard}") or state.get(at)
                    if value is not None:
                        found.append(value)
        return found

    @staticmethod
    def masked(ins):
        """Predicates that P2R and R2P move to and from a register."""
        mask = int(ins.operands[-1], 16)
        return [f"P{n}" for n in range(7) if mask >> n & 1]

    def address(self, ins, state, operand, is_global):
        values = self.values(ins, state, operand)
        if any(v.secret for v in values):
            self.found(ins, "address")
        regions = nothing.union(*(v.regions for v in values))
        if is_global and not regions:
            self.found(ins, "address of unknown origin")
        return {"secret"} if not is_global else {self.job.fields[r][2:] for r in regions}

    # ---- Steps

    @staticmethod
    def width(ins):
        if ins.op in constants | loads | stores | atomics:
            return 4 if "128" in ins.kinds else 2 if "64" in ins.kinds else 1
        if "WIDE" in ins.kinds or ins.op == "CS2R" and "32" not in ins.kinds:
            return 2
        return 1

    def split(self, ins):
        """Results and operands."""
        operands = list(ins.operands)
        results = []
        while operands and predicate.match(operands[0]) and (results or ins.op != "SEL"):
            results.append(operands.pop(0))
        if ins.op in sets_predicates_alone:
            # Two predicates are written; those behind the first comparison's operands are read.
            return results[:2], results[2:] + operands
        if operands:
            results.append(operands.pop(0))
            while operands and predicate.match(operands[0]) and ins.op in ("IADD3", "IMAD", "LEA", "UIADD3", "UIMAD", "ULEA") \
                    and "MOV" not in ins.kinds:
                results.append(operands.pop(0))
        return results, operands

    def write(self, state, ins, result, value, width):
        name = result.split(".")[0].lstrip("-~!|")
        if not re.fullmatch(r"U?R\d+|U?P\d", name):
            assert re.fullmatch(r"U?RZ|U?PT", name), ins.text
            return
        for n in range(width if "R" in name else 1):
            at = numbered(name, n) if n else name
            # It is remembered by itself for those that read it under the same guard, until that is another.
            for key in [k for k in state if k.startswith(at + "@") or k.endswith(("@" + at, "@!" + at))]:
                del state[key]
            new = value
            if ins.guard and at != ins.guard.lstrip("!"):
                state[f"{at}@{ins.guard}"] = value
            if ins.guard:
                new = join(new, state.get(at, new))
                new = new._replace(secret=new.secret or self.guard(ins, state).secret)
            state[at] = new

    @staticmethod
    def guard(ins, state):
        return state.get(ins.guard.lstrip("!"), public_number) if ins.guard else public_number

    def step(self, ins, state):
        guard_secret = self.guard(ins, state).secret
        if guard_secret and ins.op not in pure | divisions | constants | special:
            self.found(ins, "branch" if ins.op in ("BRA", "BRX", "EXIT") else "predicate")
        if ins.op in control:
            read = [v for operand in ins.operands for v in self.values(ins, state, operand)]
            if any(v.secret for v in read):
                self.found(ins, "branch" if ins.op in ("BRA", "BRX") else "predicate")
            if ins.op == "BSSY":
                state[ins.operands[0]] = Value(False, frozenset([int(ins.operands[1], 16)]), None)
            if ins.op in ("VOTE", "VOTEU"):
                for operand in ins.operands[:-1]:
                    self.write(state, ins, operand, public_number, 1)
        elif ins.op in stores:
            width = self.width(ins)
            if "L" in ins.op[2:3]:
                self.found(ins, "local memory")
            kinds = self.address(ins, state, ins.operands[0], ins.op[-1] == "G")
            stored = [v for operand in ins.operands[1:] for v in self.values(ins, state, operand, width)]
            if any(v.secret for v in stored) and "public" in kinds | ({self.job.shared} if ins.op == "STS" else set()):
                self.found(ins, "secret stored where public numbers are")
        elif ins.op in loads | atomics:
            if ins.op == "LDL":
                self.found(ins, "local memory")
            results, operands = self.split(ins)
            at = next(k for k, operand in enumerate(operands) if "[" in operand)
            kinds = self.address(ins, state, operands[at], ins.op[-1] == "G")
            secret = self.job.shared == "secret" if ins.op in ("LDS", "ATOMS") else "secret" in kinds
            stored = [v for operand in operands[at + 1:] for v in self.values(ins, state, operand)]
            if ins.op in atomics and any(v.secret for v in stored) and not secret:
                self.found(ins, "secret stored where public numbers are")
            self.counts["secret loads"] += secret
            for result in results:
                self.write(state, ins, result, secret_number if secret else public_number, self.width(ins))
        elif ins.op in constants:
            name = ins.operands[0]
            for n in range(self.width(ins)):
                value = self.constant(ins, ins.operands[1], state, n)
                self.write(state, ins, numbered(name, n) if n else name, value, 1)
        elif ins.op in special:
            self.write(state, ins, ins.operands[0], public_number, 1)
        elif ins.op in ("P2R", "R2P"):
            moved = self.masked(ins)
            read = [state[p] for p in moved if p in state] if ins.op == "P2R" else []
            read += [v for operand in ins.operands[1:-1] for v in self.values(ins, state, operand)]
            for result in moved if ins.op == "R2P" else ins.operands[:1]:
                self.write(state, ins, result, Value(any(v.secret for v in read), nothing, None), 1)
        elif ins.op in pure | divisions:
            results, operands = self.split(ins)
            wide = "WIDE" in ins.kinds
            read = []
            for k, operand in enumerate(operands):
                read += self.values(ins, state, operand, 2 if wide and k == 2 else 1)
            # A comparison's answer points nowhere.
            if ins.op in divisions and any(v.secret for v in read):
                self.found(ins, "division")
            secret, regions = any(v.secret for v in read), nothing.union(*(v.regions for v in read))
            for result in results:
                is_predicate = bool(predicate.match(result))
                self.write(state, ins, result, Value(secret, nothing if is_predicate else regions, None), self.width(ins))
        else:
            self.found(ins, "instruction unknown here")

    def following(self, ins, state):
        after = ins.at + 16
        conditional = bool(ins.guard) or any(predicate.match(o) and o.lstrip("!") not in ("PT", "UPT") for o in ins.operands) \
            or "DIV" in ins.kinds or "CONV" in ins.kinds
        if ins.op == "EXIT":
            return [after] if ins.guard else []
        if ins.op == "BRA":
            return [int(ins.operands[-1], 16)] + ([after] if conditional else [])
        if ins.op == "BRX":
            if not self.jumps:
                self.found(ins, "instruction unknown here")
            return [t for t in self.jumps if t < 16 * len(self.code)] + ([after] if conditional else [])
        if ins.op == "BSYNC":
            return list(state.get(ins.operands[0], public_number).regions) or [after]
        return [after]

    @staticmethod
    def knowing(last, state, to):
        """What is known behind a branch: where its guard is true, registers hold what was written under that guard."""
        if last.op != "BRA" or not last.guard or int(last.operands[-1], 16) == last.at + 16:
            return state
        taken = to == int(last.operands[-1], 16)
        guard = last.guard if taken else last.guard[1:] if last.guard[0] == "!" else "!" + last.guard
        sure = {key.split("@")[0]: value for key, value in state.items() if key.endswith("@" + guard)}
        return state | sure

    @staticmethod
    def arrive(before, to, state):
        """Joins what is known where another way came from; whether that says anything new."""
        if to not in before:
            before[to] = dict(state)
            return True
        known, changed = before[to], False
        for name in [n for n in known if "@" in n and n not in state]:
            del known[name]
            changed = True
        for name, value in state.items():
            if name in known:
                new = join(known[name], value)
            elif "@" in name:
                continue
            else:
                new = value
            if new != known.get(name):
                known[name], changed = new, True
        return changed

    def run(self):
        end = 16 * len(self.code)
        targets = {int(i.operands[-1], 16) for i in self.code if i.op in ("BRA", "BSSY")} | set(self.jumps)
        begins = sorted({0} | {t for t in targets if t < end} |
                        {i.at + 16 for i in self.code if i.op in ("BRA", "BRX", "EXIT", "BSYNC") and i.at + 16 < end})
        ends = dict(zip(begins, begins[1:] + [end]))
        before, waiting = {0: {}}, {0}
        while waiting:
            begin = min(waiting)
            waiting.remove(begin)
            state = dict(before[begin])
            for at in range(begin, ends[begin], 16):
                self.step(self.code[at // 16], state)
            last = self.code[ends[begin] // 16 - 1]
            for to in self.following(last, state):
                assert to in ends or to >= end, hex(to)
                if to < end and self.arrive(before, to, self.knowing(last, state, to)):
                    waiting.add(to)
        self.counts["instructions"] = len(self.code)
        self.counts["branches"] = sum(i.op == "BRA" and len(self.following(i, {})) > 1 for i in self.code)
        if unreached := [b for b in begins if b not in before]:
            self.counts["instructions never reached"] = sum((ends[b] - b) // 16 for b in unreached)


def analyse(nvdisasm, jobs, paths):
    result = []
    for path in paths:
        sections = list(code_sections(path))
        for shown, (_, code, jumps, capability) in zip(plain([s[0] for s in sections]), sections):
            job = next((j for j in jobs if any(fnmatch.fnmatchcase(shown, p) for p in j.kernels)), None)
            if not job:
                sys.exit(f"FAILED {shown}: no job of the table")
            kernel = Kernel(job, parse(disassemble(nvdisasm, code, capability), code), jumps, capability)
            kernel.run()
            result.append((shown, kernel))
    return result


def check(kernels, jobs, allowed):
    failures, used = 0, set()
    for name, kernel in kernels:
        entries = {kind: number for pattern, number, kind in allowed if fnmatch.fnmatchcase(name, pattern)}
        used |= {entry for entry in allowed if fnmatch.fnmatchcase(name, entry[0])}
        seen = collections.Counter(kind for _, kind in kernel.findings)
        wrong = {kind for kind in seen | entries if seen[kind] != entries.get(kind, 0)}
        left = [f"{kind}: {ins.text} at {at:#x}" for (at, kind), ins in sorted(kernel.findings.items()) if kind in wrong]
        left += [f"{kind}: none found, reviewed were {entries[kind]}" for kind in wrong if not seen[kind]]
        has_secrets = any(kind in ("secret", "->secret") for kind in kernel.job.fields.values())
        if has_secrets and not kernel.counts["secret loads"]:
            left.append("no secret is loaded")
        failures += bool(left)
        counts = ", ".join(f"{n} {what}" for what, n in kernel.counts.items())
        print(f"{'FAILED' if left else 'ok    '} {name}: {counts}, {sum(seen.values())} findings, reviewed")
        for text in left:
            print("    " + text)
    for entry in set(allowed) - used:
        print("FAILED allowed, and no such kernel:", entry)
        failures += 1
    for job in jobs:
        for pattern in job.kernels:
            if not any(fnmatch.fnmatchcase(name, pattern) for name, _ in kernels):
                print("FAILED no kernel is called", pattern)
                failures += 1
    return 1 if failures else 0


def check_planted(kernels):
    """How the assembler does what a kernel's name says is its own affair: something must be found, or, in a clean one, nothing.
    Where only a dividend is secret, the reciprocal is of a public number, and the rest are products."""
    failures, kinds = 0, set()
    for name, kernel in kernels:
        found = {kind for _, kind in kernel.findings}
        kinds |= found
        wrong = bool(found) == (name.startswith("clean") or name == "planted_division")
        failures += wrong
        print(f"{'FAILED' if wrong else 'ok    '} {name}: {', '.join(sorted(found)) or 'nothing'}")
    if missing := {"branch", "predicate", "address", "division", "local memory", "address of unknown origin",
                   "secret stored where public numbers are"} - kinds:
        print("FAILED planted nowhere:", ", ".join(sorted(missing)))
    return 1 if failures or missing else 0


def read_allowed(path):
    """kernels | number and kind | why"""
    allowed = []
    for line in open(path, encoding="utf-8"):
        if line := line.split("#")[0].strip():
            pattern, what, _ = [part.strip() for part in line.split("|")]
            number, kind = what.split(None, 1)
            allowed.append((pattern, int(number), kind))
    return allowed


def tool():
    return shutil.which("nvdisasm") or next(
        (p for p in ("/usr/local/cuda/bin/nvdisasm", os.environ.get("CUDA_HOME", "") + "/bin/nvdisasm")
         if os.access(p, os.X_OK)), None)


def main(arguments):
    plant = "--plant" in arguments
    table, reviewed, generated, *paths = [a for a in arguments if a != "--plant"]
    if not (nvdisasm := tool()):
        print("skipped: no nvdisasm")
        return status_skipped
    jobs, _ = ptx_secrets.read_table(table)
    ptx_secrets.place(jobs, generated)
    if plant:
        ptx_secrets.plant_in(jobs)
        return check_planted(analyse(nvdisasm, jobs, paths))
    return check(analyse(nvdisasm, jobs, paths), jobs, read_allowed(reviewed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
