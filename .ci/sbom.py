"""Writes the CycloneDX bill of materials of what is deployed: every crate inside the functions, and nothing that
only builds or tests them. What is in it is Cargo.lock's; two runs over one commit give the same bytes.

    .ci/sbom.py OUT.json [--check]     --check also validates the document, with cyclonedx-python-lib
"""

import json
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
# What the functions run on; the crates of arm64 are the same.
TARGET = "x86_64-unknown-linux-gnu"


def main() -> int:
    out, *flags = sys.argv[1:]
    text = json.dumps(document(), indent=2) + "\n"
    if "--check" in flags:
        check(text)
    path = pathlib.Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    names = [component["name"] for component in json.loads(text)["components"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    print(f"{out}: {len(names)} crates in the functions, of which in two versions: {', '.join(twice) or 'none'}")
    return 0


def document() -> dict:
    metadata = cargo_metadata()
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: shipped(node, packages) for node in metadata["resolve"]["nodes"]}
    functions = [id for id, package in packages.items() if "/functions/" in package["manifest_path"]]
    assert len(functions) >= 11, functions
    reached, open_ids = set(), list(functions)
    while open_ids:
        id = open_ids.pop()
        if id not in reached:
            reached.add(id)
            open_ids.extend(nodes[id])
    checksums = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    }
    components = sorted(
        (component(packages[id], checksums) for id in reached), key=lambda component: component["bom-ref"]
    )
    root = {
        "type": "application",
        "bom-ref": "portico",
        "name": "portico",
        "version": packages[functions[0]]["version"],
        "licenses": [{"expression": packages[functions[0]]["license"]}],
    }
    edges = [{"ref": "portico", "dependsOn": sorted(ref(packages[id]) for id in functions)}]
    edges += sorted(
        (
            {"ref": ref(packages[id]), "dependsOn": sorted(ref(packages[to]) for to in nodes[id])}
            for id in reached
        ),
        key=lambda edge: edge["ref"],
    )
    lock = (ROOT / "Cargo.lock").read_bytes()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # From the lock file, so that the same dependencies have the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock.hex())}",
        "version": 1,
        "metadata": {"component": root},
        "components": components,
        "dependencies": edges,
    }


def cargo_metadata() -> dict:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def shipped(node: dict, packages: dict) -> list[str]:
    """Whom a crate is linked with: neither macros, nor what it builds with, nor what it tests with."""
    return [
        dependency["pkg"]
        for dependency in node["deps"]
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]) and not is_macro(packages[dependency["pkg"]])
    ]


def is_macro(package: dict) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def ref(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict, checksums: dict) -> dict:
    found = {
        "type": "library",
        "bom-ref": ref(package),
        "name": package["name"],
        "version": package["version"],
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
        "purl": ref(package),
    }
    if package["source"] is not None:
        assert package["source"] == CRATES_IO, package["id"]
        found["hashes"] = [{"alg": "SHA-256", "content": checksums[package["name"], package["version"]]}]
    else:
        found["type"] = "application" if "/functions/" in package["manifest_path"] else "library"
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def check(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise SystemExit(f"the bill of materials is not valid: {error}")


if __name__ == "__main__":
    sys.exit(main())
