"""Look for known faults of the pinned packages, and for secrets in the project's files.

    python benchmarks/audit.py
    python benchmarks/audit.py --only secrets

Both tools come from the package index into environments of their own (uv), at the versions below. What cannot be looked
up, because a package or a service is out of reach, is counted and said, never taken for clean.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "envs/constraints.txt"
PIP_AUDIT, DETECT_SECRETS = "pip-audit==2.10.1", "detect-secrets==1.5.0"  # pragma: allowlist secret
# Hashes of files and commits are random to the eye and no secrets.
HASHES = ["HexHighEntropyString", "Base64HighEntropyString"]


def tool(package: str, *command: str) -> subprocess.CompletedProcess:
    """Run a tool in an environment of its own."""
    run = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--from", package, *command]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True)


def packages() -> tuple[str, bool]:
    """Ask for known faults of what the lock pins; give a sentence and whether something was found."""
    given = ["--requirement", str(LOCK), "--no-deps", "--disable-pip", "--format", "json"]
    done = tool(PIP_AUDIT, "pip-audit", *given, "--progress-spinner", "off")
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return f"packages: not looked up ({last_line(done.stderr)})", False
    skipped = sum("skip_reason" in one for one in found)
    faults = [
        f"  {one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for one in found
        for fault in one.get("vulns", [])
    ]
    counted = f"packages: {len(faults)} known faults in {len(found) - skipped} packages"
    unknown = f", {skipped} could not be looked up" if skipped else ""
    return "\n".join([counted + unknown, *faults]), bool(faults)


def secrets() -> tuple[str, bool]:
    """Look for keys, tokens and passwords in the files that git knows; give a sentence and whether there are any."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    files = [name for name in listed.stdout.split("\0") if name]
    plugins = [word for name in HASHES for word in ("--disable-plugin", name)]
    done = tool(DETECT_SECRETS, "detect-secrets", "scan", *plugins, *files)
    try:
        found = json.loads(done.stdout)["results"]
    except ValueError:
        return f"secrets: not looked for ({last_line(done.stderr)})", False
    places = [
        f"  {file}:{one['line_number']}: {one['type']}"
        for file, known in found.items()
        for one in known
    ]
    return "\n".join([f"secrets: {len(places)} in {len(files)} files", *places]), bool(places)


def last_line(text: str) -> str:
    """Pick the last line of what a tool says."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


CHECKS = {"packages": packages, "secrets": secrets}


def main() -> None:
    """Print what is found; the exit code is 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", choices=CHECKS, help="one of the two checks")
    only = parser.parse_args().only
    print(f"{datetime.now(UTC):%Y-%m-%d}")
    results = [check() for name, check in CHECKS.items() if only in (None, name)]
    for sentence, _ in results:
        print(sentence)
    print("; ".join(sentence.partition("\n")[0] for sentence, _ in results))
    sys.exit(any(bad for _, bad in results))


if __name__ == "__main__":
    main()
