#!/usr/bin/env python3
"""Runs tests of a build on a processor that this machine is not, and says which passed.

    emulated.py [--counters] BUILD REGEX [BUT_NOT]

Of CMake's directory BUILD, every short GoogleTest case whose name matches the one regular expression and not the other: in
as many emulated machines at once as this one has processors. With --counters the counters of a coverage build come back into
BUILD, where those of tests that run here are added to them. BUILD/emulated.log has all that the tests said.
"""
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import bochs

VECTORS = os.path.join(bochs.ROOT, "tests", "vectors")
RESULT = re.compile(r"^\[ *(OK|FAILED|SKIPPED) *\] ([^\s,]+)", re.M)


def tests_of(build, wanted, unwanted):
    """Names of tests by the program that has them."""
    described = json.loads(bochs.run("ctest", "--show-only=json-v1", cwd=build))
    out = {}
    for test in described["tests"]:
        properties = {each["name"]: each["value"] for each in test["properties"]}
        command = test.get("command", [""])
        case = [word for word in command if word.startswith("--gtest_filter=")]
        if case and "short" in properties.get("LABELS", []) and re.search(wanted, test["name"]) and not (
                unwanted and re.search(unwanted, test["name"])):
            out.setdefault(command[0], []).append(case[0].split("=", 1)[1])
    return out


def script_of(tests, build, counters):
    lines = ["cd /tmp"]
    for program, names in tests.items():
        lines.append(f"{shlex.quote(program)} --gtest_color=no --gtest_filter={shlex.quote(':'.join(names))} || failed=1")
    if counters:
        # busybox's tar takes no list. What is there beside the counters are the programs.
        lines.append(f"cd {shlex.quote(build)} && find . -type f ! -name '*.gcda' -exec rm {{}} + && tar c -f /out/counters .")
    lines.append("exit ${failed:-0}")
    return "\n".join(lines) + "\n"


def main():
    arguments = sys.argv[1:]
    counters = arguments[:1] == ["--counters"]
    arguments = arguments[counters:]
    if not 2 <= len(arguments) <= 3:
        sys.exit(__doc__)
    build, wanted, unwanted = os.path.abspath(arguments[0]), arguments[1], arguments[2] if len(arguments) > 2 else None
    tests = tests_of(build, wanted, unwanted)
    names = {name for each in tests.values() for name in each}
    if not names:
        sys.exit(f"emulated.py: no short test of {build} matches {wanted}")
    machines = min(os.cpu_count(), len(names))

    def emulate(machine):
        mine = {program: each[machine::machines] for program, each in tests.items() if each[machine::machines]}
        try:
            return bochs.emulate(script_of(mine, build, counters), list(mine), [VECTORS], tell=False, room=256 << 20)
        except bochs.EmulationFailed as error:
            return bochs.NO_ANSWER, str(error), {}

    start = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ThreadPoolExecutor(machines) as pool:
        try:
            answers = list(pool.map(emulate, range(machines)))
        except BaseException:
            bochs.stop()
            raise
    output = "".join(each[1] for each in answers)
    with open(os.path.join(build, "emulated.log"), "w", encoding="utf-8") as file:
        file.write(output)
    results = {name: result for result, name in RESULT.findall(output)}
    bad = sorted(name for name in names if results.get(name) != "OK")
    if counters:
        bring_counters(build, [each[2].get("./counters") for each in answers])
    print(f"{len(names) - len(bad)} of {len(names)} tests passed on an emulated processor ({bochs.PROCESSOR} of Bochs), "
          f"{time.monotonic() - start:.0f} seconds")
    for name in bad:
        print(f"  {results.get(name, 'did not end')}: {name}")
    # A program can fail after its tests have passed.
    failed = bool(bad) or any(each[0] != 0 for each in answers)
    if failed:
        print(f"FAILED: {build}/emulated.log says why")
    sys.exit(failed)


def bring_counters(build, archives):
    """Sums the machines' counters, and puts them where those of tests that run here are added to them."""
    with tempfile.TemporaryDirectory() as into:
        total = None
        for num, archive in enumerate(archives):
            if archive is None:
                sys.exit("emulated.py: a machine brought no counters")
            one = os.path.join(into, str(num))
            with tarfile.open(fileobj=io.BytesIO(archive)) as file:
                file.extractall(one)
            if total is not None:
                bochs.run("gcov-tool", "merge", "-o", one + "-total", total, one)
                one += "-total"
            total = one
        if total is not None:
            subprocess.run(["cp", "-r", total + "/.", build], check=True)


if __name__ == "__main__":
    main()
