"""Counts the tests by kind, and for each route what tries it, from the sources and from what the last whole run of the
tests saw. Writes docs/coverage.md; with --check it only says whether that is still true. A route that something does
not try fails either way.

    .ci/coverage.py TARGET_DIR [--check]
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/coverage.md"
TEST = re.compile(r"^\s*#\[(tokio::)?test\b", re.MULTILINE)
# Nothing of a request is read, so that none is wrong.
WITHOUT_INPUT = re.compile(r"^GET (/health|/ready|/openapi\.json|/docs.*|/\.well-known/jwks\.json)$")


def main() -> int:
    seen = pathlib.Path(sys.argv[1]) / "tmp/seen.txt"
    if not seen.exists():
        raise SystemExit("no whole run of the tests is recorded: run `cargo test --workspace` first")
    routes, answers = read(seen.read_text())
    rows, failures = judge(routes, answers)
    text = page(rows, kinds())
    for failure in failures:
        print(failure)
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or text != PAGE.read_text():
        print("NOTE: docs/coverage.md is of an earlier day; write it anew with `python3 .ci/coverage.py target`")
    print(f"{len(routes)} routes, {sum(count for _, count, _ in kinds())} tests and verdicts, {len(failures)} gaps")
    return 1 if failures else 0


def read(text: str) -> tuple[list[str], dict[str, set[int]]]:
    routes, answers = [], {}
    for line in text.splitlines():
        kind, rest = line.split(" ", 1)
        if kind == "route":
            routes.append(rest)
        elif kind == "answer":
            status, route = rest.split(" ", 1)
            answers.setdefault(route, set()).add(int(status))
    return sorted(routes, key=lambda route: (route.split(" ")[1], route)), answers


def judge(routes: list[str], answers: dict) -> tuple[list[str], list[str]]:
    matrix = (ROOT / "tests/it/access_matrix.txt").read_text()
    in_matrix = {" ".join(line.split()[:2]) for line in matrix.splitlines()[1:]}
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    documented = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    contract = (ROOT / ".ci/contract.py").read_text()
    excluded = re.compile(re.search(r'^EXCLUDED = r"(.*)"$', contract, re.MULTILINE)[1])
    rows, failures = [], []
    for route in routes:
        path = route.split(" ")[1]
        statuses = sorted(answers.get(route, set()))
        well = [status for status in statuses if status < 400]
        badly = [status for status in statuses if 400 <= status < 500]
        without = [
            name
            for name, is_there in [
                ("the access matrix", route in in_matrix),
                ("the OpenAPI document", route in documented),
                ("a test that succeeds", well),
                ("a test that fails", badly or WITHOUT_INPUT.match(route)),
            ]
            if not is_there
        ]
        failures += [f"{route} is without {name}" for name in without]
        rows.append(
            f"| `{route}` | {isolation(path)} | {'no' if excluded.search(path) else 'yes'} "
            f"| {' '.join(map(str, well))} | {' '.join(map(str, badly)) or 'takes nothing'} |"
        )
    return rows, failures


def isolation(path: str) -> str:
    """By which of the tests in tests/it/isolation.rs another tenant tries the route."""
    if "{id}" in path or path.startswith("/v1/collections/{name}"):
        return "another's id is 404"
    if "{" not in path:
        return "shows nothing of another"
    return "names no tenant's own"


def kinds() -> list[tuple[str, int, str]]:
    rust = {path: path.read_text() for folder in ["shared", "functions", "local", "benches", "tests"]
            for path in (ROOT / folder).rglob("*.rs")}
    within = lambda *folders: {path: text for path, text in rust.items()
                               if any(path.is_relative_to(ROOT / folder) for folder in folders)}
    count = lambda texts: sum(len(TEST.findall(text)) for text in texts.values())
    properties = lambda texts: sum(len(TEST.findall(block)) for text in texts.values() for block in proptests(text))
    units = within("shared", "functions")
    vectors = verdicts(json.loads((ROOT / "tests/vectors/webhooks.json").read_text())["vendors"])
    return [
        ("through the front door: HTTP to a whole platform", count(within("tests/it")), "`tests/it`"),
        ("over what all of those saw", count({ROOT / "tests/seen.rs": rust[ROOT / "tests/seen.rs"]}), "`tests/seen.rs`"),
        ("of one decision each", count(units) - properties(units), "`shared`, `functions`"),
        ("of a property, over values by chance", properties(units), "`shared`, `functions`"),
        ("of the local platform and its SQS and DynamoDB", count(within("local")), "`local`"),
        ("of the benchmarks' tool", count(within("benches")), "`benches`"),
        ("code that must not compile", len(list((ROOT / "tests/compile_fail").glob("*.rs"))), "`tests/compile_fail`"),
        ("signatures with a known verdict", vectors, "`tests/vectors/webhooks.json`"),
    ]


def verdicts(value) -> int:
    """How many things below say what is expected of them."""
    if isinstance(value, dict):
        return ("expect" in value) + sum(map(verdicts, value.values()))
    return sum(map(verdicts, value)) if isinstance(value, list) else 0


def proptests(text: str) -> list[str]:
    """The insides of `proptest! { … }`."""
    found = []
    for start in re.finditer(r"proptest!\s*\{", text):
        depth = 0
        for at in range(start.end() - 1, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                found.append(text[start.end():at])
                break
    return found


def page(rows: list[str], counted: list[tuple[str, int, str]]) -> str:
    lines = [
        "# What is tried, by count",
        "",
        "Written by `python3 .ci/coverage.py target` after a whole `cargo test --workspace`. The numbers are of sources and",
        "of what the run saw; a route without a good answer, a bad one, a row in the access matrix or one in the OpenAPI",
        "document fails `tests/seen.rs` or `.ci/run`.",
        "",
        "| tests | count | where |",
        "|---|---|---|",
        *(f"| {kind} | {count} | {where} |" for kind, count, where in counted),
        f"| **tests and verdicts** | **{sum(count for _, count, _ in counted)}** | |",
        "",
        "Beside them `.ci/run` has the official Standard Webhooks libraries verify a delivery, starts each compiled",
        "function, runs each sample event in a container, and bends the requests of each route with Schemathesis.",
        "",
        "## Routes",
        "",
        "Each is in the access matrix (`tests/it/access_matrix.txt`) and in the OpenAPI document. The statuses are those that",
        "the tests have had from it.",
        "",
        "| route | another tenant | Schemathesis | well | badly |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "Schemathesis leaves out what ends the session that it tries the others with.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
