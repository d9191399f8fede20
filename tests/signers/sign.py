"""The public libraries of Standard Webhooks and Svix: signs and verifies what lines of JSON say, an answer a line."""

import datetime
import json
import sys

import standardwebhooks
import svix.webhooks

LIBRARIES = {"standard-webhooks": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}

for line in sys.stdin:
    asked = json.loads(line)
    webhook = LIBRARIES[asked["library"]](asked["secret"])
    try:
        if "headers" in asked:
            webhook.verify(asked["body"], asked["headers"])
            said = True
        else:
            at = datetime.datetime.fromtimestamp(asked["time"], datetime.timezone.utc)
            said = webhook.sign(asked["id"], at, asked["body"])
    except Exception as error:
        said = f"refused: {type(error).__name__}: {error}"
    print(json.dumps(said), flush=True)
