#!/usr/bin/env python3
"""Runs the driver under valgrind with secrets undefined, and fails at every jump or address that depends on one.

    memcheck.py DRIVER BACKEND              the jumps noted in the binary's section megaseal_public may depend on secrets
    memcheck.py --planted DRIVER            leaks planted on purpose must be reported
"""
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import binary


def reports(driver, backend):
    """(kind, address, function) of each report, and what the driver said."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as xml:
        run = subprocess.run(["valgrind", "--quiet", "--error-limit=no", "--num-callers=4", "--xml=yes",
                              f"--xml-file={xml.name}", driver, "memcheck", backend],
                             stdout=subprocess.PIPE, text=True, check=False)
        if run.returncode != 0:
            binary.fail(f"the driver answered {run.returncode}", run.stdout)
        root = ElementTree.parse(xml.name).getroot()
    out = []
    for error in root.findall("error"):
        frame = error.find("stack/frame")
        out.append((error.findtext("kind"), int(frame.findtext("ip"), 16), frame.findtext("fn") or "?"))
    return out, run.stdout


def main():
    arguments = sys.argv[1:]
    planted = arguments[:1] == ["--planted"]
    driver, backend = (arguments[1], "planted") if planted else arguments
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        sys.exit(binary.SKIPPED)
    found, said = reports(driver, backend)
    ran = [line for line in said.splitlines() if line.startswith("ran ")]
    if len(ran) != 1 or not ran[0].endswith(" on " + backend):
        binary.fail(f"{backend} did not run", said)
    print(ran[0])
    if planted:
        kinds = {(kind, name.split("(")[0].split("::")[-1]) for kind, _, name in found}
        expected = {("UninitCondition", "branch_on_secret"), ("UninitValue", "index_with_secret"),
                    ("UninitValue", "touch_secret_address")}
        if not expected <= kinds:
            binary.fail("planted leaks were not found", *map(str, expected - kinds))
        print(f"all {len(expected)} planted leaks were found")
        return
    allowed = binary.public_jumps(driver)
    if not allowed:
        binary.fail("the binary notes no jump that makes a verdict public")
    leaks = sorted({report for report in found if report[0] != "UninitCondition" or report[1] not in allowed})
    used = {report[1] for report in found} & allowed
    print(f"{len(used)} of the binary's {len(allowed)} public verdicts were reached")
    if backend != "shani" and not used:
        binary.fail("no verdict depended on a secret: were any marked?")
    if leaks:
        binary.fail("depends on a secret:", *(f"  {kind} at {at:x} in {name}" for kind, at, name in leaks), said)


if __name__ == "__main__":
    main()
