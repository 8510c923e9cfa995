"""What the platform really sends, verified by the official Standard Webhooks libraries.

Starts the platform in memory, receives one delivery that two keys sign (HMAC and Ed25519), and has it
verified by the `standardwebhooks` packages of PyPI and npm, and by Ed25519 of PyPI's `cryptography`. Each
must also refuse a changed body. Called by .ci/run: verify.py LOCAL_BINARY NODE_MODULES.
"""

import base64
import http.server
import json
import pathlib
import queue
import subprocess
import sys
import threading
import time
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HERE = pathlib.Path(__file__).parent
DEADLINE_S = 40


class Receiver(http.server.BaseHTTPRequestHandler):
    """A destination that takes everything."""

    requests = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.requests.put((headers, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def call(base, path, body, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, headers, method="POST")
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return json.load(answer)


def ready(platform):
    """The platform's URL, which its last line of start-up says."""
    for line in platform.stdout:
        word, _, url = line.strip().partition(" ")
        if word == "ready":
            return url
    sys.exit("the platform did not start")


def deliver(binary, base, receiver_url):
    """One real delivery, and the keys that sign it: its headers, its body, the secret, the public key."""
    owner = {
        "tenant_name": "Acme",
        "name": "Olivia Owner",
        "email": "owner@acme.example",
        "password": "correct horse battery",
    }
    token = call(base, "/v1/auth/register", owner)["access_token"]
    new = {"name": "Receiver", "url": receiver_url}
    destination = call(base, "/v1/destinations", new, token)
    rotation = {"signing": "ed25519", "overlap_hours": 24}
    path = f"/v1/destinations/{destination['id']}:rotate-secret"
    rotated = call(base, path, rotation, token)
    new = {"name": "Vendor", "scheme": "standardwebhooks"}
    endpoint = call(base, "/v1/webhook-endpoints", new, token)
    send = ["send", "standardwebhooks", "--to", endpoint["url"], "--secret", endpoint["secret"]]
    subprocess.run([binary, *send], check=True, stdout=subprocess.DEVNULL)
    headers, body = Receiver.requests.get(timeout=DEADLINE_S)
    return headers, body, destination["secret"], rotated["keys"][0]["public_key"]


def check_hmac(headers, body, secret):
    Webhook(secret).verify(body, headers)
    try:
        Webhook(secret).verify(body + b" ", headers)
    except WebhookVerificationError:
        return
    sys.exit("PyPI's standardwebhooks takes a changed body")


def check_ed25519(headers, body, public_key):
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proofs = [proof.split(",", 1) for proof in headers["webhook-signature"].split(" ")]
    assert sorted(version for version, _ in proofs) == ["v1", "v1a"], proofs
    signature = next(base64.b64decode(proof) for version, proof in proofs if version == "v1a")
    key.verify(signature, signed)
    try:
        key.verify(signature, signed + b" ")
    except InvalidSignature:
        return
    sys.exit("a changed body has the same Ed25519 signature")


def check_npm(headers, body, secret, modules):
    captured = {"headers": headers, "body": body.decode(), "secret": secret}
    script = HERE / "verify.cjs"
    subprocess.run(["node", script, modules], input=json.dumps(captured), text=True, check=True)


def main():
    binary, modules = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started = time.monotonic()
    command = [binary, "--memory", "--port", "0"]
    platform = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        receiver_url = f"http://127.0.0.1:{server.server_port}/"
        headers, body, secret, public_key = deliver(binary, ready(platform), receiver_url)
    finally:
        platform.terminate()
        platform.wait()
    check_hmac(headers, body, secret)
    check_npm(headers, body, secret, modules)
    check_ed25519(headers, body, public_key)
    print(f"three libraries verify a delivery ({time.monotonic() - started:.1f} s)")


main()
