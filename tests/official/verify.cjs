// Verifies a captured delivery by the official library of npm, and that a changed body is refused.
// Reads {headers, body, secret} from standard input; the argument is the folder of its packages.

const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const { Webhook } = require(resolve(process.argv[2], "standardwebhooks"));
const { headers, body, secret } = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(secret);

webhook.verify(body, headers);
let isRefused = false;
try {
  webhook.verify(body + " ", headers);
} catch {
  isRefused = true;
}
if (!isRefused) {
  throw new Error("npm's standardwebhooks takes a changed body");
}
