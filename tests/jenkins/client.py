"""python-jenkins and api4jenkins, told what to do by lines of JSON: each is answered by one line."""

import json
import sys

answers = sys.stdout
sys.stdout = sys.stderr

library, url, secret = sys.argv[1:]


class Python:
    """python-jenkins."""

    def __init__(self):
        import jenkins

        self.server = jenkins.Jenkins(url, username="ada", password=secret)

    def who(self):
        return [self.server.get_whoami()["id"], self.server.get_version()]

    def exists(self, job):
        return bool(self.server.job_exists(job))

    def build(self, job, parameters):
        return self.server.build_job(job, parameters)

    def item(self, item):
        found = self.server.get_queue_item(item)
        return {"why": found["why"], "build": (found.get("executable") or {}).get("number")}

    def queue(self):
        return [item["id"] for item in self.server.get_queue_info()]

    def cancel(self, item):
        self.server.cancel_queue(item)

    def look(self, job, build):
        found = self.server.get_build_info(job, build)
        given = [action["parameters"] for action in found["actions"] if "parameters" in action]
        return {
            "building": found["building"],
            "result": found["result"],
            "given": {each["name"]: each["value"] for each in given[0]},
        }

    def last(self, job):
        return self.server.get_job_info(job)["lastBuild"]["number"]

    def console(self, job, build):
        return self.server.get_build_console_output(job, build)

    def stop(self, job, build):
        self.server.stop_build(job, build)


class Api4:
    """api4jenkins."""

    def __init__(self):
        from api4jenkins import Jenkins

        self.server = Jenkins(url, auth=("ada", secret))
        self.items = {}

    def who(self):
        return [self.server.user.id, self.server.version]

    def exists(self, job):
        return self.server.get_job(job) is not None

    def build(self, job, parameters):
        item = self.server.build_job(job, **parameters)
        self.items[item.id] = item
        return item.id

    def item(self, item):
        build = self.items[item].get_build()
        return {"why": self.items[item].why, "build": build and build.number}

    def queue(self):
        return [item.id for item in self.server.queue]

    def cancel(self, item):
        self.items[item].cancel()

    def _build(self, job, build):
        return self.server.get_job(job).get(build)

    def look(self, job, build):
        found = self._build(job, build)
        given = {each.name: each.value for each in found.get_parameters()}
        return {"building": found.building, "result": found.result, "given": given}

    def last(self, job):
        return self.server.get_job(job).get_last_build().number

    def console(self, job, build):
        return "\n".join(self._build(job, build).console_text())

    def stop(self, job, build):
        self._build(job, build).stop()


client = Python() if library == "python-jenkins" else Api4()

for line in sys.stdin:
    asked = json.loads(line)
    try:
        said = getattr(client, asked.pop("do"))(**asked)
        answer = {"said": said}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
