"""What the checks of constant time ask of a binary: its functions, its instructions, and where it makes secrets public.

The driver is linked at a fixed address, so an address names the same instruction in every tool.
"""
import re
import subprocess
import sys

SKIPPED = 77


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options).stdout


def public_jumps(path):
    """Addresses of the jumps in section megaseal_public (kernels/base.hpp, is_zero_made_public)."""
    out = run("readelf", "-x", "megaseal_public", path, stderr=subprocess.DEVNULL)
    data = b"".join(bytes.fromhex(line[13:48].replace(" ", "")) for line in out.splitlines() if line.startswith("  0x"))
    return {int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)}


def plain_name(demangled):
    """megaseal::avx2::(anonymous namespace)::Ladder<…>::run(…) becomes avx2 and Ladder::run."""
    name = demangled.replace("(anonymous namespace)::", "").replace("operator()", "call")
    name = re.sub(r"operator[<>=!-]+", "operator", name)
    name, depth = re.sub(r"\[clone [^]]*\]|@.*|\{lambda[^{}]*\}(#\d+)?", "", name), 0
    text = ""
    for char in name:
        depth += (char == "<") - (char == ">" and depth > 0)
        if depth == 0 and char != ">":
            text += char
    text = text.split("(")[0].split(" ")[-1].strip()
    match = re.match(r"megaseal::(\w+)::(.*)", text)
    return (match[1], match[2].rstrip(":")) if match else ("", text)


class Instruction:
    __slots__ = ("at", "name", "operands")

    def __init__(self, at, name, operands):
        self.at, self.name, self.operands = at, name, operands

    def __str__(self):
        return f"{self.at:x}: {self.name} {','.join(self.operands)}"

    def target(self):
        """Of a direct jump or call."""
        match = re.match(r"([0-9a-f]+) ", self.operands[0] + " ") if self.operands else None
        return int(match[1], 16) if match else None


class Function:
    def __init__(self, demangled, begin):
        self.demangled, self.begin, self.instructions = demangled, begin, []
        self.isa, self.name = plain_name(demangled)


def split_operands(text):
    return [part for part in re.split(r",(?![^(]*\))", text) if part] if text else []


PREFIXES = {"rep", "repz", "repnz", "lock", "notrack", "bnd", "data16", "cs", "ds", "es", "rex.W"}


def functions(path):
    """Every function of the text section, disassembled."""
    text = run("objdump", "-d", "-w", "--no-show-raw-insn", "-j", ".text", path)
    names = run("c++filt", input="\n".join(re.findall(r"^[0-9a-f]+ <(.*)>:$", text, re.M))).splitlines()
    out = []
    for line in text.splitlines():
        header = re.match(r"([0-9a-f]+) <.*>:$", line)
        if header:
            out.append(Function(names[len(out)], int(header[1], 16)))
            continue
        match = re.match(r" +([0-9a-f]+):\t(.*)$", line)
        if not match or not out:
            continue
        words = re.sub(r" *(<[^>]*>.*|#.*)$", "", match[2]).split()
        prefix = []
        while words and words[0] in PREFIXES and len(words) > 1:
            word = words.pop(0)
            prefix += [word] if word.startswith("rep") else []
        if not words:
            continue
        name = " ".join(prefix + words[:1])
        out[-1].instructions.append(Instruction(int(match[1], 16), name, split_operands("".join(words[1:]))))
    return out


MEMORY = re.compile(r"^(?:%[a-z]s:)?\*?(-?0x[0-9a-f]+|-?\d+)?\((%\w+)?(?:,(%\w+)(?:,(\d))?)?\)")


def memory_operand(operand):
    """(displacement, base, index, scale) of an operand in memory, names without %; else None."""
    match = MEMORY.match(operand)
    if not match:
        return None
    return (int(match[1] or "0", 0), (match[2] or "").lstrip("%"), (match[3] or "").lstrip("%"), int(match[4] or "1"))


def fail(*lines):
    print(*lines, sep="\n", flush=True)
    sys.exit(1)
