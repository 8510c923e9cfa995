"""Starts the platform in memory, registers a tenant, and lets Schemathesis bend the requests of every route."""

import json
import pathlib
import subprocess
import sys
import urllib.request

# What a run may take at most; it ends earlier when every route has had its requests.
SECONDS = 60
SEED = "20261125"
# They end the session with which the others are tried.
EXCLUDED = r"^/v1/auth/(logout|sessions)"
CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> int:
    local, schemathesis = sys.argv[1:]
    platform = subprocess.Popen([local, "--memory", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = ready(platform)
        subprocess.Popen(["cat"], stdin=platform.stdout, stdout=subprocess.DEVNULL)
        command = [
            schemathesis, "--config-file", str(CONFIG), "run", f"{url}/openapi.json",
            "--header", f"Authorization: Bearer {access_token(url)}",
            "--seed", SEED, "--max-time", str(SECONDS), "--max-examples", "5",
            "--phases", "examples,coverage,fuzzing", "--checks", CHECKS,
            "--exclude-path-regex", EXCLUDED,
            "--workers", "1", "--continue-on-failure", "--no-color", "--warnings", "off",
        ]
        return subprocess.run(command, check=False).returncode
    finally:
        platform.terminate()
        platform.wait()


def ready(platform: subprocess.Popen) -> str:
    """The platform's address, from the last line that it prints."""
    for line in platform.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    raise SystemExit("the platform did not start")


def access_token(url: str) -> str:
    owner = {"tenant_name": "contract", "name": "Olivia", "email": "o@contract.example", "password": "correct horse battery"}
    request = urllib.request.Request(
        f"{url}/v1/auth/register", json.dumps(owner).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["access_token"]


if __name__ == "__main__":
    sys.exit(main())
