"""Runs the compiled functions as AWS starts them: each file of events/, and over HTTP one route of each group.

Where there is a Docker engine, or one can be started, `sam local` runs them in containers; elsewhere the Runtime
Interface Emulator that the SAM CLI brings runs the same events. The last line says which of the two it was. Tables and
queues are those of `cargo local`, which also refuses what the template does not allow.

    .ci/sam_local.py LOCAL BIN_DIR OUT        with the Python that the SAM CLI is installed for
"""

import contextlib
import importlib.util
import ipaddress
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from samcli.yamlhelper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAM = str(pathlib.Path(sys.executable).with_name("sam"))
# The SAM CLI names the second one.
IMAGE = "public.ecr.aws/lambda/provided:al2023"
IMAGE_OF_PROCESSOR = f"{IMAGE}-x86_64"
# A route of each group, and what its answer to the owner of a new tenant is.
ROUTES = {
    "/health": 200,
    "/v1/tenant": 200,
    "/v1/users": 200,
    "/v1/collections": 200,
    "/v1/events": 200,
    "/v1/audit": 200,
}
HOOK = "/hooks/0000000000000000000000000000000000000000"


def main() -> int:
    local, bin_dir, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with contextlib.ExitStack() as ending:
        environments = start_platform(ending, local, out)
        template = yaml_parse((ROOT / "template.yaml").read_text())
        functions = {
            name: resource
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::Serverless::Function"
        }
        events = {path.name: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
        owners = {name: owner(event, functions) for name, event in events.items()}
        missing = set(functions) - set(owners.values())
        if missing:
            raise SystemExit(f"no file in events/ is for {missing}")
        engine = start_engine(ending, out)
        if engine is None:
            ran = run_emulator(functions, environments, events, owners, bin_dir)
            by = "the Runtime Interface Emulator, because no Docker engine could be started"
        else:
            through = forward(ending, environments, engine)
            write_template(template, functions, through, bin_dir, out)
            ran = run_sam(ending, events, owners, out)
            by = "`sam local` on a Docker engine"
        print(f"{len(events)} events of {len(functions)} functions, {ran} requests in all, run by {by}")
    return 0


# ---------------------------------------------------------------- the platform behind them


def start_platform(ending: contextlib.ExitStack, local: str, out: pathlib.Path) -> dict:
    file = out / "environments.json"
    command = [local, "--memory", "--port", "0", "--no-vendors", "--environments", str(file)]
    platform = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    ending.callback(end, platform)
    for line in platform.stdout:
        if line.startswith("ready "):
            threading.Thread(target=platform.stdout.read, daemon=True).start()
            return json.loads(file.read_text())
    raise SystemExit("the platform did not start")


def end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def owner(event: dict, functions: dict) -> str:
    """The function with the trigger that an event comes from."""
    for name, function in functions.items():
        for trigger in function["Properties"].get("Events", {}).values():
            properties = trigger["Properties"]
            if trigger["Type"] == "HttpApi":
                fits = event.get("routeKey") == f"{properties['Method']} {properties['Path']}"
            elif trigger["Type"] == "SQS":
                queue = properties["Queue"]["Fn::GetAtt"][0]
                fits = any(f"-{queue}-" in record["eventSourceARN"] for record in event.get("Records", []))
            else:
                fits = event.get("source") == "aws.events" and f"-{name}" in event["resources"][0]
            if fits:
                return name
    raise SystemExit(f"no trigger of template.yaml fits {json.dumps(event)[:200]}")


def judge(name: str, event: dict, answer) -> None:
    # A timer's answer is nothing or a list; a text says that the time was up.
    said = answer if isinstance(answer, dict) else {}
    is_bad = isinstance(answer, str) or "errorMessage" in said or said.get("batchItemFailures")
    if is_bad or said.get("statusCode", 500 if "routeKey" in event else 200) >= 500:
        raise SystemExit(f"{name}: {json.dumps(answer)[:500]}")
    print(f"  {name}: {said.get('statusCode', 'taken')}")


# ---------------------------------------------------------------- with a Docker engine


def start_engine(ending: contextlib.ExitStack, out: pathlib.Path) -> str | None:
    """The address by which containers reach this machine; DOCKER_HOST is set where the engine is ours."""
    if not is_up() and not start_our_own(ending, out):
        return None
    inspect = ["docker", "image", "inspect", IMAGE_OF_PROCESSOR]
    if subprocess.run(inspect, capture_output=True, check=False).returncode != 0:
        made = subprocess.run([str(ROOT / ".ci/sam_base_image.sh"), IMAGE], check=False)
        tag = ["docker", "tag", IMAGE, IMAGE_OF_PROCESSOR]
        if made.returncode != 0 or subprocess.run(tag, check=False).returncode != 0:
            return None
    bridge = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"]
    subnet = subprocess.run(bridge, capture_output=True, text=True, check=False).stdout.strip()
    return str(next(ipaddress.ip_network(subnet).hosts())) if subnet else None


def is_up() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode == 0


def start_our_own(ending: contextlib.ExitStack, out: pathlib.Path) -> bool:
    """An engine with everything of its own in OUT, and no rule of the firewall changed."""
    if os.geteuid() != 0 or os.environ.get("DOCKER_HOST"):
        return False
    if shutil.which("dockerd") is None or not pathlib.Path("/bin/busybox").exists():
        install = "apt-get update -q && apt-get install -yq --no-install-recommends docker.io busybox-static"
        subprocess.run(["bash", "-c", install], capture_output=True, check=False, timeout=300)
    if shutil.which("dockerd") is None:
        return False
    # A path to a socket is short.
    run = pathlib.Path("/tmp") / f"portico-docker-{os.getpid()}"
    run.mkdir()
    had_bridge = pathlib.Path("/sys/class/net/docker0").exists()
    command = [
        "dockerd", "--data-root", str(run / "data"), "--exec-root", str(run / "exec"), "--pidfile", str(run / "pid"),
        "--host", f"unix://{run}/socket", "--iptables=false", "--ip-masq=false",
    ]
    log = (out / "dockerd.log").open("w")
    engine = subprocess.Popen(command, stdout=log, stderr=log)
    ending.callback(shutil.rmtree, run, ignore_errors=True)
    if not had_bridge:
        ending.callback(subprocess.run, ["ip", "link", "delete", "docker0"], capture_output=True, check=False)
    ending.callback(end, engine)
    os.environ["DOCKER_HOST"] = f"unix://{run}/socket"
    ending.callback(os.environ.pop, "DOCKER_HOST", None)
    for _ in range(60):
        if engine.poll() is not None:
            return False
        if is_up():
            return True
        time.sleep(0.5)
    return False


def forward(ending: contextlib.ExitStack, environments: dict, address: str) -> dict:
    """The environments with endpoints that containers reach: loopback is not theirs."""
    first = next(iter(environments.values()))
    doors = {}
    urls = {url for name, url in first.items() if name.startswith("AWS_ENDPOINT_URL_")}
    for port in sorted(int(url.rsplit(":", 1)[1]) for url in urls):
        listener = socket.create_server((address, 0))
        ending.callback(listener.close)
        threading.Thread(target=accept, args=(listener, port), daemon=True).start()
        doors[f"127.0.0.1:{port}"] = f"{address}:{listener.getsockname()[1]}"
    text = json.dumps(environments)
    for inside, outside in doors.items():
        text = text.replace(inside, outside)
    inside = json.loads(text)
    # Mail goes out under the egress rules, which know this machine by its loopback alone.
    for environment in inside.values():
        environment["PORTICO_EGRESS_ALLOW"] += f",{address}/32"
    return inside


def accept(listener: socket.socket, port: int) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        for one, other in [(near, far), (far, near)]:
            threading.Thread(target=copy, args=(one, other), daemon=True).start()


def copy(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def write_template(template: dict, functions: dict, environments: dict, bin_dir: pathlib.Path, out: pathlib.Path) -> None:
    """The template as `sam build` leaves it, with what the platform starts a function with as its environment."""
    for name, function in functions.items():
        binary = function.pop("Metadata")["BuildProperties"]["Binary"]
        folder = out / name
        folder.mkdir()
        shutil.copy(bin_dir / binary, folder / "bootstrap")
        function["Properties"]["CodeUri"] = str(folder)
        # How busy this machine is is not what is tried.
        function["Properties"]["Timeout"] = 60
        environment = dict(environments[name])
        # Lambda's own, which `sam local` sets.
        environment.pop("AWS_LAMBDA_FUNCTION_NAME")
        function["Properties"]["Environment"] = {"Variables": environment}
    (out / "template.yaml").write_text(json.dumps(template, indent=1))


def run_sam(ending: contextlib.ExitStack, events: dict, owners: dict, out: pathlib.Path) -> int:
    common = [
        "--template", str(out / "template.yaml"), "--region", "us-east-1", "--skip-pull-image",
        "--parameter-overrides", "Architecture=x86_64",
    ]
    environment = {
        name: value for name, value in os.environ.items() if name not in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    }
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}
    # One by its command, as a person does it.
    name, event = next((name, event) for name, event in events.items() if "Records" in event)
    command = [SAM, "local", "invoke", owners[name], "--event", str(ROOT / "events" / name), *common]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"sam local invoke {owners[name]}: {done.stdout}{done.stderr}")
    judge(f"sam local invoke {owners[name]} -e events/{name}", event, json.loads(done.stdout.strip().splitlines()[-1]))

    port = serve(ending, "start-lambda", common, environment, out)
    for name, event in events.items():
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/{owners[name]}/invocations"
        judge(f"events/{name}", event, post(url, event))

    port = serve(ending, "start-api", common, environment, out)
    base = f"http://127.0.0.1:{port}"
    new = {"tenant_name": "sam", "name": "Olivia", "email": "o@sam.example", "password": "correct horse battery"}
    owner = post(f"{base}/v1/auth/register", new)
    for path, expected in ROUTES.items():
        status = get(base + path, owner["access_token"])
        if status != expected:
            raise SystemExit(f"sam local start-api: GET {path} answers {status} and not {expected}")
        print(f"  sam local start-api, GET {path}: {status}")
    try:
        post(base + HOOK, {})
        raise SystemExit("sam local start-api: an unknown hook is taken")
    except urllib.error.HTTPError as refused:
        if refused.code != 401:
            raise
        print("  sam local start-api, POST /hooks/{address}: 401")
    return 1 + len(events) + len(ROUTES) + 2


def serve(ending: contextlib.ExitStack, what: str, common: list, environment: dict, out: pathlib.Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (out / f"{what}.log").open("w")
    command = [SAM, "local", what, "--port", str(port), "--warm-containers", "LAZY", *common]
    server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
    ending.callback(end, server)
    for _ in range(240):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return port
        time.sleep(0.5)
    raise SystemExit(f"sam local {what} did not start: {(out / f'{what}.log').read_text()}")


def post(url: str, body) -> dict | None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read() or b"null")


def get(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


# ---------------------------------------------------------------- without one


def run_emulator(functions: dict, environments: dict, events: dict, owners: dict, bin_dir: pathlib.Path) -> int:
    package = pathlib.Path(importlib.util.find_spec("samcli").origin).parent
    emulator = package / "local" / "rapid" / "aws-lambda-rie-x86_64"
    for name, function in functions.items():
        binary = bin_dir / function["Metadata"]["BuildProperties"]["Binary"]
        ports = []
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as free:
                ports.append(free.getsockname()[1])
        environment = {**environments[name], "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "PATH": os.environ["PATH"]}
        command = [
            str(emulator), "--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{ports[0]}",
            "--runtime-api-address", f"127.0.0.1:{ports[1]}", str(binary.resolve()),
        ]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            for file, event in events.items():
                if owners[file] == name:
                    judge(f"events/{file}", event, invoke(ports[0], event))
        finally:
            end(process)
    return len(events)


def invoke(port: int, event: dict) -> dict | None:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    for attempt in range(100):
        try:
            return post(url, event)
        except urllib.error.URLError:
            if attempt == 99:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
