#!/usr/bin/env python3
"""Runs every slot of a backend with different secrets: the ways taken and the addresses touched must be the same.

    trace.py BUILD TRACER BACKEND [FILLINGS]   BUILD is CMake's directory, TRACER the archive of tracer.cpp and cases.cpp
    trace.py --planted BUILD TRACER            leaks planted on purpose must be found

MEGASEAL_EMULATOR is a command that runs the traced program where the backend can run: ../emulated/bochs.py PROGRAM 8.

The compiler's own assembly of the backend's files is taken, shown to be what was built (it assembles to the very
objects), and given an instruction sequence that notes each label, each jump not taken and each address. So the slots run
nearly as fast as ever, on instruction sets that valgrind does not know. What it shows, it shows of the secrets tried; that
the very same templates leak nothing for any is what memcheck.py shows of other instruction sets.
"""
import filecmp
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import binary

NEEDS = {"avx2": "avx2 fma bmi1 bmi2", "avx512": "avx512f avx512bw avx512vl avx512dq",
         "avx512ifma": "avx512f avx512bw avx512vl avx512dq avx512ifma", "shani": "sha_ni"}

# No flag and no stack is touched, and %rax and %rdx are as they were: wherever this stands, what follows cannot tell.
NOTE = """\tmovq\t%rax, ct_rax(%rip)
\tmovq\t%rdx, ct_rdx(%rip)
{address}\tmovq\tct_at(%rip), %rdx
\tmovq\t${number}, (%rdx)
\tmovq\t%rax, 8(%rdx)
\tleaq\t16(%rdx), %rdx
\tmovq\t%rdx, ct_at(%rip)
\tmovq\tct_rax(%rip), %rax
\tmovq\tct_rdx(%rip), %rdx
"""
MEMORY = re.compile(r"(?P<segment>%\ws:)?(?P<displacement>[^\s,(){}]*)\((?P<base>%\w+)?(?:,\s*(?P<index>%\w+)(?:,\s*\d)?)?\)")
LABEL = re.compile(r"\s*([\w.$]+):\s*")
# What libc is asked to copy or fill, by its arguments; what it does inside is told by these.
LIBC = re.compile(r"\*?(memcpy|memmove|memset|memcmp|explicit_bzero)\b")


class Notes:
    """The places that are noted, by number: what each says when runs differ there."""

    def __init__(self):
        self.places = []
        self.gathers = []

    def __call__(self, what, address):
        self.places.append(what)
        return NOTE.format(number=len(self.places) - 1, address=address)


def instrument(text, name, notes):
    """The same assembly, with notes. Counts the instructions that it looked at."""
    out, section, stack, seen, function = [], "", [], 0, "?"
    none = "\tleaq\t0, %rax\n"

    def note(what, line, address=none):
        return notes(f"{what} in {function} ({name}:{number}: {' '.join(line.split())})", address)

    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        label = False
        while match := LABEL.match(rest):
            label = True
            if not match[1].startswith(".") and not match[1].isdigit():
                function = match[1]
            out.append(match[0].rstrip())
            rest = rest[match.end():]
        statement = rest.split("#")[0].strip()
        directive = re.match(r"\.(text|data|bss|section|pushsection|popsection|previous)\b\s*(\S*)", statement)
        if directive:
            if directive[1] == "pushsection":
                stack.append(section)
                section = directive[2]
            elif directive[1] == "popsection":
                section = stack.pop()
            elif directive[1] == "previous":
                sys.exit(f"{name}:{number}: .previous is not understood")
            else:
                section = directive[2] if directive[1] == "section" else "." + directive[1]
        in_text = section.startswith(".text")
        if in_text and label:
            out.append(note("way taken to here", line))
        if not in_text or not statement or statement.startswith("."):
            out.append(rest)
            continue
        if ";" in statement:
            sys.exit(f"{name}:{number}: two statements on a line are not understood")
        seen += 1
        words = statement.split(None, 1)
        while words[0] in binary.PREFIXES and len(words) > 1:
            words = words[1].split(None, 1)
        mnemonic, operands = words[0], words[1] if len(words) > 1 else ""
        if (string := re.match(r"(movs|stos|cmps|scas|lods)[bwlq]?$", mnemonic)) and "%xmm" not in operands:
            for register in {"movs": ("rdi", "rsi", "rcx"), "cmps": ("rdi", "rsi", "rcx"), "lods": ("rsi", "rcx")}.get(
                    string[1], ("rdi", "rcx")):
                out.append(note(f"%{register} of a string instruction", line, f"\tmovq\t%{register}, %rax\n"))
        elif mnemonic == "call" and (called := LIBC.match(operands)):
            for register in ("rdi", "rdx") if called[1] == "memset" else ("rdi", "rsi", "rdx"):
                if called[1] != "explicit_bzero" or register != "rdx":
                    out.append(note(f"%{register} given to {called[1]}", line, f"\tmovq\t%{register}, %rax\n"))
        elif not mnemonic.startswith(("lea", "nop")):
            for memory in MEMORY.finditer(operands):
                if memory["segment"] or memory["base"] == "%rip" or (memory["base"] == "%rsp" and not memory["index"]):
                    continue  # the same whatever happens, the way taken being so
                if memory["index"] and not memory["index"].startswith("%r"):
                    notes.gathers.append(f"  {statement} in {function}")
                    continue
                out.append(note("address touched", line, f"\tleaq\t{memory[0]}, %rax\n"))
        out.append(rest)
        if mnemonic.startswith("j") and mnemonic != "jmp":
            out.append(note("jump not taken", line))
    return "\n".join(out) + "\n", seen


def files_of(backend, entries):
    """Its entries among the build's commands, and those of other backends that its files call."""
    symbols = {}
    for entry in entries:
        command = shlex.split(entry["command"])
        built = command[command.index("-o") + 1]
        if match := re.search(r"/megaseal_backend_(\w+)\.dir/", built):
            lines = [line.split() for line in binary.run("nm", "-P", os.path.join(entry["directory"], built)).splitlines()]
            symbols[entry["file"]] = (entry, match[1], {line[0] for line in lines if line[1] == "U"},
                                      {line[0] for line in lines if line[1] != "U"})
    out = {file for file in symbols if symbols[file][1] == backend}
    while True:
        wanted = set().union(*(symbols[file][2] for file in out))
        more = {file for file in symbols if symbols[file][3] & wanted} - out
        if not more:
            return [symbols[file][0] for file in sorted(out)]
        out |= more


def assembly_of(entry, into):
    """The compiler's assembly of a file of the build, once it is shown to be what was built."""
    directory = entry["directory"]
    command = shlex.split(entry["command"])
    at = command.index("-o")
    built = os.path.join(directory, command[at + 1])
    stem = os.path.join(into, "_".join(entry["file"].split("/")[-2:]))
    # As the file is called in the object, so that the two can be the same to the last byte.
    compile_to = [*command[:at], *command[at + 2:]]
    compile_to[compile_to.index("-c")] = "-S"
    subprocess.run([*compile_to, "-o", stem + ".s"], cwd=directory, check=True)
    subprocess.run([command[0], "-c", stem + ".s", "-o", stem + ".o"], check=True)
    if not filecmp.cmp(stem + ".o", built, shallow=False):
        binary.fail(f"{built} is not what the compiler makes of {entry['file']} now: build it anew")
    with open(stem + ".s", encoding="utf-8") as file:
        return command[0], stem, file.read()


def main():
    arguments = sys.argv[1:]
    planted = arguments[:1] == ["--planted"]
    build, tracer, backend = [*arguments[1:], "planted"] if planted else arguments[:3]
    fillings = arguments[3] if not planted and len(arguments) > 3 else "8"
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
            has = set(re.search(r"^flags\s*:(.*)$", cpuinfo.read(), re.M)[1].split())
    except (OSError, TypeError):
        has = set()
    missing = set(NEEDS.get(backend, "").split()) - has
    emulator = shlex.split(os.environ.get("MEGASEAL_EMULATOR", ""))
    if missing and not emulator:
        print(f"skipped: {backend} cannot run here: no {', '.join(sorted(missing))}")
        sys.exit(binary.SKIPPED)
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    if planted:
        entries = [entry for entry in entries if entry["file"].endswith("/tests/ct/planted.cpp")][:1]
    else:
        entries = files_of(backend, entries)
    notes, num = Notes(), 0
    with tempfile.TemporaryDirectory() as into:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            assemblies = list(pool.map(lambda entry: assembly_of(entry, into), entries))
        objects = []
        for compiler, stem, text in assemblies:
            text, seen = instrument(text, os.path.basename(stem), notes)
            num += seen
            with open(stem + ".noted.s", "w", encoding="utf-8") as file:
                file.write(text)
            objects.append(stem + ".noted.o")
            subprocess.run([compiler, "-c", stem + ".noted.s", "-o", objects[-1]], check=True)
        table = "_ZN8megaseal2ct13planted_tableE" if planted else f"_ZN8megaseal{len(backend) + 6}{backend}_tableE"
        program = os.path.join(into, "tracer")
        subprocess.run([assemblies[0][0], "-no-pie", "-o", program, *objects, tracer, f"-Wl,--defsym=ct_traced_table={table}"],
                       check=True)
        run = subprocess.run([*emulator, program, fillings], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0 or f"cases on {backend}," not in run.stdout:
        binary.fail(f"the tracer answered {run.returncode}", run.stdout)
    print(f"{len(notes.places)} places noted among {num} instructions;", run.stdout.splitlines()[-1])
    if notes.gathers and not planted:
        binary.fail("gathers touch what no note tells:", *notes.gathers)
    differences = {}
    for line in run.stdout.splitlines():
        match = re.match(r"differs in (.*): (\d+)$", line)
        if match:
            differences.setdefault(notes.places[int(match[2])], match[1])
    if planted:
        expected = ["(jump not|way) taken .*branch_on_secret", "address touched in .*index_with_secret",
                    "address touched in .*touch_secret_address"]
        missed = [leak for leak in expected if not any(re.match(leak, where) for where in differences)]
        if missed:
            binary.fail("planted leaks were not found", *missed, *differences)
        print(f"all {len(expected)} planted leaks were found")
    elif differences:
        binary.fail("depends on a secret:", *(f"  {where}, in {case}" for where, case in differences.items()))


if __name__ == "__main__":
    main()
