#!/usr/bin/env python3
"""Follows secrets through the PTX that nvcc makes of the CUDA backend's kernels.

    nvcc -ptx -lineinfo … -o curve.ptx backends/cuda/curve.cu    with_ptx.sh does
    ptx_secrets.py TABLE GENERATED curve.ptx …                   GENERATED: where generated headers lie
    ptx_secrets.py --plant TABLE GENERATED ptx_planted.ptx       made of ptx_planted.cu

TABLE (ptx_secrets.txt) says which fields of each job are secret; where they lie in a kernel's parameter, a C++ compiler
says (the environment's CXX). A value is secret if it was loaded from where secrets are, or computed from one that is; a
register that is written again has what was written last, and where ways through the kernel meet it is secret if it is
on any of them.

Findings: a branch, or another instruction that acts or not, on a secret predicate; an address, or a divisor or
dividend, that is secret; a secret, or a pointer, stored where public numbers are; local memory, which nothing wipes; a
call, a branch through a register, an address of which is not known where it points, an instruction that is not known
here. Shifts and products take as long whatever they are of. The assembler goes on from here: what it makes of this, PTX
does not show.
"""
import collections
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

from resources_test import plain

# Of these nothing depends on a value but the result.
pure = set("""abs add addc and bfe bfi bfind brev clz cnot cvt cvta lop3 mad madc max min mov mul neg not or popc prmt
              sad selp set setp shf shl shr slct sub subc xor""".split())
memory = {"ld", "ldu", "st", "atom", "red"}
control = {"bra", "ret", "exit", "trap", "bar", "barrier", "membar", "fence"}

# What a register holds: whether it is secret; what it may point to; where, if that is the parameter and known.
Value = collections.namedtuple("Value", "secret regions offset")
nothing = frozenset()
public_number, secret_number = Value(False, nothing, None), Value(True, nothing, None)


def join(a, b):
    if a == b:
        return a
    return Value(a.secret or b.secret, a.regions | b.regions, a.offset if a.offset == b.offset else None)


# ---- The table ----


class Job:
    def __init__(self, name):
        self.name, self.kernels, self.shared = name, [], "secret"
        self.fields = {}  # name: what it is
        self.size, self.places = 0, []  # (offset, bytes, name)


def read_table(path):
    jobs, allowed, job = [], [], None
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if not line:
            continue
        first, rest = line.split(None, 1)
        if first == "allow":
            pattern, what, text, _ = [part.strip() for part in rest.split("|")]
            number, kind = what.split(None, 1)
            allowed.append((pattern, int(number), kind, text))
        elif first == "job":
            job = Job(rest)
            jobs.append(job)
        elif first == "kernels":
            job.kernels += rest.split(", ") if "<" not in rest else [rest]
        elif first == "shared":
            job.shared = rest
        else:
            assert first in ("public", "secret", "->public", "->published", "->secret"), line
            job.fields.update({field: first for field in rest.split()})
    return jobs, allowed


def place(jobs, generated):
    """Offsets and sizes, from a compiler."""
    lines = ['#include "backends/cuda/curve.hpp"', '#include "backends/cuda/schedule.hpp"',
             '#include "backends/cuda/sealedbox.hpp"', "#include <stdio.h>", "using namespace megaseal;",
             "template <class T> constexpr bool is_pointer = false;",
             "template <class T> constexpr bool is_pointer<T*> = true;", "int main() {"]
    for job in jobs:
        lines.append(f'  printf("{job.name} . 0 %zu\\n", sizeof({job.name}));')
        for field, kind in job.fields.items():
            of = f"(({job.name}*)nullptr)->{field}"
            lines.append(f"  static_assert(is_pointer<decltype({of})> == {str(kind[0] == '-').lower()});")
            lines.append(f'  printf("{job.name} {field} %zu %zu\\n", '
                         f"__builtin_offsetof({job.name}, {field}), sizeof({of}));")
    lines.append("}")
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "offsets.cpp"), os.path.join(folder, "offsets")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-w", "-DMEGASEAL_ISA=cuda", "-I.",
                        "-I" + generated, source, "-o", program], check=True)
        out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        name, field, offset, size = line.split()
        job = next(j for j in jobs if j.name == name)
        if field == ".":
            job.size = int(size)
        else:
            job.places.append((int(offset), int(size), field))


# ---- PTX ----

Instruction = collections.namedtuple("Instruction", "op kinds guard to operands location text")


def split(operands):
    """At commas outside of braces and brackets."""
    return [part.strip() for part in re.findall(r"(?:\{[^}]*\}|\[[^\]]*\]|[^,])+", operands)]


def parse(text):
    """Kernels: (name, its parameter, the parameter's size, shared and local names, instructions, labels)."""
    files = dict(re.findall(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', text, re.M))
    files = {number: os.path.relpath(path) for number, path in files.items()}
    tables = set(re.findall(r"^\.(?:visible )?(?:global|const) .*?\.[bsuf]\d+ (\S+?)\[", text, re.M))
    kernels = []
    pattern = r"^\.?(?:visible )?\.entry (\w+)\(\n(.*?)\n\)(.*?)^\{\n(.*?)^\}"
    for name, parameters, _, body in re.findall(pattern, text, re.M | re.S):
        found = re.fullmatch(r"\s*\.param .*?\.b8 (\w+)\[(\d+)\]", parameters)
        assert found, "not one parameter: " + parameters
        symbols = {table: "table" for table in tables}
        code, labels, location, pending = [], {}, "?", ""
        outer, depth, problems = set(), 0, []
        for line in body.splitlines():
            line = line.split("//")[0].strip()
            if match := re.match(r"\.loc\s+(\d+) (\d+) \d+(?:, function_name [^,]*, inlined_at (\d+) (\d+))?", line):
                number, row, caller, caller_row = match.groups()
                location = (files.get(number), int(row), files.get(caller), int(caller_row or 0))
                continue
            if match := re.fullmatch(r"(\$\w+):", line):
                labels[match.group(1)] = len(code)
                continue
            # Of `asm` blocks the braces: names declared within must not hide others.
            while line[:1] in ("{", "}"):
                depth += 1 if line[0] == "{" else -1
                line = line[1:].strip()
            closing = line.endswith("}") and ";" in line and "{" not in line.rsplit(";", 1)[1]
            if closing:
                line = line[:-1].strip()
            for statement in line.split(";"):
                statement = (pending + " " + statement).strip()
                pending = ""
                if not statement:
                    continue
                if statement.startswith(".reg"):
                    names = {re.sub(r"<\d+>", "", n.strip()) for n in statement.split(None, 2)[2].split(",")}
                    assert depth == 0 or not names & outer, statement
                    outer |= names if depth == 0 else set()
                elif match := re.match(r"\.(shared|local) .*?\.[bsu]\d+\s+(\w+)", statement):
                    symbols[match.group(2)] = match.group(1)
                    if match.group(1) == "local":
                        problems.append(statement)
                elif statement.startswith("."):
                    assert statement.startswith((".pragma", ".param")), statement  # the latter is part of a call
                else:
                    match = re.fullmatch(r"(?:@(!?[%\w]+)\s+)?([a-z]\w*)((?:\.[\w:]+)*)(?:\s+(.*))?", statement)
                    assert match, statement
                    guard, op, kinds, operands = match.groups()
                    operands = split(operands or "")
                    has_result = op in pure or op in ("ld", "ldu", "atom", "div", "rem")
                    to = re.findall(r"[%\w]+", operands.pop(0)) if has_result and operands else []
                    code.append(Instruction(op, kinds.split(".")[1:], guard and guard.lstrip("!"), to, operands,
                                            location, statement))
            depth -= closing
        kernels.append((name, found.group(1), int(found.group(2)), symbols, code, labels, problems))
    assert len(kernels) == len(re.findall(r"\.entry ", text)), "not every kernel was read"
    return kernels


# ---- The analysis ----


class Kernel:
    def __init__(self, job, parameter, symbols, code, labels):
        self.job, self.parameter, self.symbols, self.code, self.labels = job, parameter, symbols, code, labels
        self.findings, self.counts = {}, collections.Counter()

    def found(self, at, kind):
        self.findings.setdefault((at, kind), self.code[at])

    def value(self, state, operand):
        if operand in state:
            return state[operand]
        if operand == self.parameter:
            return Value(False, frozenset(["parameter"]), 0)
        if operand in self.symbols:
            return Value(False, frozenset([self.symbols[operand]]), None)
        if re.match(r"-?\d|%(n?ctaid|n?tid|laneid|warpid|clock|globaltimer|lanemask_\w+)\b", operand):
            return public_number
        return None  # written on no way to here so far

    def values(self, state, operands):
        found = [self.value(state, name) for operand in operands
                 for name in re.findall(r"-?[%$\w]+(?:\.[xyz])?", operand)]
        return [v for v in found if v is not None]

    def kind(self, region):
        """of what lies where a pointer points"""
        if region == "shared":
            return self.job.shared
        if region in ("local", "parameter"):
            return "secret"
        if region == "table":
            return "public"
        return self.job.fields[region][2:]

    def address(self, at, state, operand):
        """of the form [base+offset]"""
        base, _, offset = operand.strip("[]").partition("+")
        value = self.value(state, base) or public_number
        if value.secret:
            self.found(at, "address")
        if not value.regions:
            self.found(at, "address of unknown origin")
        if value.offset is not None:
            value = value._replace(offset=value.offset + int(offset or 0))
        return value

    def load_parameter(self, at, address, size):
        if address.offset is None:
            # Somewhere in it: no pointer then.
            if size > 4:
                self.found(at, "address of unknown origin")
            return Value("secret" in self.job.fields.values(), nothing, None)
        begin, end = address.offset, address.offset + size
        fields = [(o, n, f) for o, n, f in self.job.places if o < end and begin < o + n]
        pointers = [f for o, n, f in fields if self.job.fields[f][0] == "-"]
        covered = sum(min(o + n, end) - max(o, begin) for o, n, f in fields)
        if covered != size or pointers and (len(fields) != 1 or size != 8 or fields[0][0] != begin):
            self.found(at, "parameter of which the table says nothing")
        return Value(any(self.job.fields[f] == "secret" for _, _, f in fields), frozenset(pointers), None)

    def access(self, at, ins, state):
        width = next((int(k[1:]) for k in reversed(ins.kinds) if re.fullmatch(r"[bsuf]\d+", k)), 32) // 8
        if "local" in ins.kinds:
            self.found(at, "local memory")
        where = ins.operands[0]
        address = self.address(at, state, where)
        if ins.op in ("ld", "ldu") and address.regions == {"parameter"}:
            for k, to in enumerate(ins.to):
                offset = None if address.offset is None else address.offset + k * width
                value = self.load_parameter(at, address._replace(offset=offset), width)
                state[to] = self.guarded(state, ins, to, value)
            self.counts["secret loads"] += any(state[to].secret for to in ins.to)
            return
        kinds = {self.kind(region) for region in address.regions}
        if ins.op not in ("ld", "ldu"):
            stored = self.values(state, ins.operands[1:])
            if any(v.secret for v in stored) and "public" in kinds:
                self.found(at, "secret stored where public numbers are")
            if any(v.regions for v in stored):
                self.found(at, "pointer stored where public numbers are")
        if ins.to:
            secret = "secret" in kinds or address.secret
            self.counts["secret loads"] += secret
            for to in ins.to:
                state[to] = self.guarded(state, ins, to, secret_number if secret else public_number)

    def guarded(self, state, ins, to, value):
        """What a register holds after an instruction that may not have been carried out."""
        if not ins.guard:
            return value
        value = join(value, state.get(to, value))
        return value._replace(secret=value.secret or state.get(ins.guard, public_number).secret)

    def step(self, at, state):
        ins = self.code[at]
        guard_secret = bool(ins.guard) and state.get(ins.guard, public_number).secret
        if guard_secret and ins.op not in pure:
            self.found(at, "branch" if ins.op in ("bra", "ret", "exit") else "predicate")
        if ins.op in memory:
            self.access(at, ins, state)
        elif ins.op in pure or ins.op in ("div", "rem"):
            values = self.values(state, ins.operands)
            if ins.op in ("addc", "subc", "madc"):
                values.append(state.get("cc", public_number))
            secret = any(v.secret for v in values)
            if ins.op in ("div", "rem") and secret:
                self.found(at, "division")
            regions = nothing if ins.op in ("setp", "set") else nothing.union(*(v.regions for v in values))
            offset = None
            if "parameter" in regions:
                first = values[0].offset
                if ins.op in ("mov", "cvta") and "+" not in ins.operands[0]:
                    offset = first
                elif ins.op == "add" and first is not None and re.fullmatch(r"-?\d+", ins.operands[1]):
                    offset = first + int(ins.operands[1])
            value = Value(secret, regions, offset)
            for to in ins.to + (["cc"] if "cc" in ins.kinds else []):
                state[to] = self.guarded(state, ins, to, value)
        elif ins.op not in control:
            self.found(at, "instruction unknown here")
        elif any(v.secret for v in self.values(state, ins.operands)):
            self.found(at, "predicate")

    def run(self):
        code = self.code
        for at, ins in enumerate(code):
            if ins.op == "bra" and (len(ins.operands) != 1 or ins.operands[0] not in self.labels):
                self.found(at, "instruction unknown here")
        targets = {self.labels[i.operands[0]] for i in code if i.op == "bra" and i.operands[0] in self.labels}
        begins = sorted({0} | targets | {at + 1 for at, i in enumerate(code) if i.op in ("bra", "ret", "exit", "trap")})
        ends = dict(zip(begins, begins[1:] + [len(code)]))
        before, waiting, reached = {0: {}}, [0], set()
        while waiting:
            begin = min(waiting)
            waiting.remove(begin)
            reached.add(begin)
            if begin >= len(code):
                continue
            state = dict(before[begin])
            for at in range(begin, ends[begin]):
                self.step(at, state)
            last = code[ends[begin] - 1]
            following = []
            if last.op == "bra":
                following.append(self.labels.get(last.operands[0], len(code)))
            if last.op not in ("bra", "ret", "exit", "trap") or last.guard:
                following.append(ends[begin])
            for to in following:
                known = before.get(to)
                if known is None:
                    before[to] = dict(state)
                else:
                    changed = False
                    for name, value in state.items():
                        old = known.get(name)
                        if old != value:
                            new = value if old is None else join(old, value)
                            if new != old:
                                known[name], changed = new, True
                    if not changed:
                        continue
                if to not in waiting:
                    waiting.append(to)
        self.counts["instructions"] = len(code)
        self.counts["branches"] = sum(i.op in ("bra", "ret", "exit") and i.guard is not None for i in code)
        if unreached := [b for b in begins if b not in reached and b < len(code)]:
            self.counts["instructions never reached"] = sum(ends[b] - b for b in unreached)


source_lines = {}


def source(path, row):
    if path not in source_lines:
        try:
            source_lines[path] = open(path, encoding="utf-8").read().splitlines()
        except (OSError, TypeError):
            source_lines[path] = []
    return source_lines[path][row - 1].strip() if 0 < row <= len(source_lines[path]) else ""


def describe(location):
    if location == "?":
        return "?", ""
    path, row, caller, caller_row = location
    text = source(path, row)
    where = f"{path}:{row}"
    if caller:
        where += f", inlined at {caller}:{caller_row}"
        text += "   <-   " + source(caller, caller_row)
    return where, text


def analyse(jobs, paths):
    """(name, kernel) of each, analysed."""
    result = []
    for path in paths:
        parsed = parse(open(path, encoding="utf-8").read())
        for shown, (_, *rest) in zip(plain([k[0] for k in parsed]), parsed):
            parameter, size, symbols, code, labels, problems = rest
            job = next((j for j in jobs if any(fnmatch.fnmatchcase(shown, p) for p in j.kernels)), None)
            if not job or job.size != size:
                sys.exit(f"FAILED {shown}: no job of the table, or of {size} bytes")
            kernel = Kernel(job, parameter, symbols, code, labels)
            kernel.run()
            for k, problem in enumerate(problems):
                kernel.findings[(-1 - k, "local memory")] = Instruction("", [], None, [], [], "?", problem)
            result.append((shown, kernel))
    return result


def check(kernels, jobs, allowed):
    failures, used = 0, set()
    for name, kernel in kernels:
        left = []
        entries = [entry for entry in allowed if fnmatch.fnmatchcase(name, entry[0])]
        used.update(entries)
        seen = collections.Counter()
        for (at, kind), ins in sorted(kernel.findings.items()):
            where, text = describe(ins.location)
            entry = next((e for e in entries if e[2] == kind and e[3] in text), None)
            if entry:
                seen[entry] += 1
            else:
                left.append(f"{kind}: {ins.text}\n      {where}\n      {text}")
        left += [f"{seen[e]} allowed findings of kind {e[2]} at \"{e[3]}\", reviewed were {e[1]}"
                 for e in entries if seen[e] != e[1]]
        has_secrets = any(kind in ("secret", "->secret") for kind in kernel.job.fields.values())
        if has_secrets and not kernel.counts["secret loads"]:
            left.append("no secret is loaded")
        failures += bool(left)
        counts = ", ".join(f"{n} {what}" for what, n in kernel.counts.items())
        print(f"{'FAILED' if left else 'ok    '} {name}: {counts}, {sum(seen.values())} allowed")
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
    """A kernel's name says what must be found in it, and nothing else."""
    failures, kinds = 0, set()
    for name, kernel in kernels:
        first, _, rest = name.split("__")[0].partition("_")
        wanted = set() if first == "clean" else set(rest.replace("_", " ").split(" and "))
        found = {kind for _, kind in kernel.findings}
        kinds |= wanted
        failures += wanted != found
        print(f"{'ok    ' if wanted == found else 'FAILED'} {name}: {', '.join(sorted(found)) or 'nothing'}")
    if missing := {"branch", "predicate", "address", "division", "local memory", "instruction unknown here",
                   "secret stored where public numbers are"} - kinds:
        print("FAILED planted nowhere:", ", ".join(sorted(missing)))
    return 1 if failures or missing else 0


def plant_in(jobs):
    """The table, for ptx_planted.cu."""
    planted = {"gpu::X25519Job": ["planted_*", "clean_*"], "gpu::StreamJob": ["parameter_*"]}
    for job in jobs:
        job.kernels = planted.get(job.name, [])
        if job.name == "gpu::StreamJob":
            job.fields["number"] = "secret"  # none that is planted has a secret there in the table


def main(arguments):
    plant = "--plant" in arguments
    table, generated, *paths = [a for a in arguments if a != "--plant"]
    jobs, allowed = read_table(table)
    place(jobs, generated)
    if not plant:
        return check(analyse(jobs, paths), jobs, allowed)
    plant_in(jobs)
    return check_planted(analyse(jobs, paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
