#!/usr/bin/env python3
"""Runs Catch2 programs and prints one result line for each test case.

    run_catch_programs.py [--prefix TEXT] PROGRAM...

Lines are those that tools/test counts: "ok NAME" and "not ok NAME". A program that dies is a failed
case of its own, named after the case it died in. What failed is shown by running the program once
more with its usual report.
"""

import argparse
import os
import re
import subprocess
import sys
import xml.sax.saxutils

TIMEOUT_S = 300

CASE = re.compile(r'<TestCase name="([^"]*)"')
RESULT = re.compile(r'<OverallResult success="(true|false)"')


def cases_of(report):
    """Yields (name, passed) for each finished case, (name, None) for one that never ended."""
    name = None
    for line in report.splitlines():
        if match := CASE.search(line):
            name = xml.sax.saxutils.unescape(match.group(1), {"&quot;": '"'})
        elif (match := RESULT.search(line)) and name is not None:
            yield name, match.group(1) == "true"
            name = None
    if name is not None:
        yield name, None


def run(program, *arguments):
    """Returns (exit code or reason, stdout)."""
    try:
        done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        return f"no end after {TIMEOUT_S} s", (expired.stdout or b"").decode(errors="replace")
    except OSError as error:
        return str(error), ""


def run_program(program, prefix):
    label = prefix + os.path.basename(program).removeprefix("test_")
    exit_code, report = run(program, "--reporter", "xml")
    all_passed = True
    has_cases = False
    for name, passed in cases_of(report):
        has_cases = True
        if passed:
            print(f"ok {label}: {name}")
            continue
        all_passed = False
        print(f"not ok {label}: {name}" + (f" (died: {exit_code})" if passed is None else ""))
    if all_passed and (exit_code != 0 or not has_cases):
        all_passed = False
        print(f"not ok {label}: the program ended with {exit_code}")
    if not all_passed:
        print(run(program)[1][-20000:])
    sys.stdout.flush()
    return all_passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", default="", help="put before each name")
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    prefix = arguments.prefix + " " if arguments.prefix else ""
    results = [run_program(program, prefix) for program in sorted(arguments.programs)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
