#!/usr/bin/env python3
"""Lines and branches that tests reached, by directory; fails where a line of a kernel was not.

    coverage.py COVERAGE.json     of gcovr --json
"""
import collections
import json
import os
import sys


def share(reached, num):
    return f"{reached:6} of {num:6} {100 * reached / num:6.1f} %" if num else f"{'none':>24}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        files = json.load(file)["files"]
    totals = collections.defaultdict(lambda: [0, 0, 0, 0])
    missed = []
    for entry in files:
        total = totals[os.path.dirname(entry["file"])]
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            total[0] += line["count"] > 0
            total[1] += 1
            total[2] += sum(branch["count"] > 0 for branch in line["branches"])
            total[3] += len(line["branches"])
            if line["count"] == 0 and entry["file"].startswith("kernels/"):
                missed.append(f"  {entry['file']}:{line['line_number']}")
    if not any(directory == "kernels" for directory in totals):
        sys.exit("coverage: nothing of kernels/ was counted")
    print(f"{'':26} {'lines':>24}   {'branches':>24}")
    for directory, total in sorted(totals.items()):
        print(f"{directory:26} {share(*total[:2])}   {share(*total[2:])}")
    if missed:
        print("Lines of kernels that no test reached:", *missed, sep="\n")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
