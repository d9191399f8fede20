// The public libraries of Standard Webhooks and GitHub: signs and verifies what lines of JSON say, an answer a line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const { Webhook } = createRequire(`${modules}/`)("standardwebhooks");
const github = await import(pathToFileURL(`${modules}/@octokit/webhooks-methods/dist-node/index.js`));

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const asked = JSON.parse(line);
  let said;
  try {
    if (asked.library === "github") {
      said = asked.headers
        ? await github.verify(asked.secret, asked.body, asked.headers["X-Hub-Signature-256"])
        : await github.sign(asked.secret, asked.body);
    } else {
      const webhook = new Webhook(asked.secret);
      if (asked.headers) {
        webhook.verify(asked.body, asked.headers);
        said = true;
      } else {
        said = webhook.sign(asked.id, new Date(asked.time * 1000), asked.body);
      }
    }
  } catch (error) {
    said = `refused: ${error.name}: ${error.message}`;
  }
  console.log(JSON.stringify(said));
}
