"""MLflow's own client, told what to do by lines of JSON: each is answered by one line."""

import json
import pathlib
import sys
import tempfile

answers = sys.stdout
sys.stdout = sys.stderr

import mlflow

client = mlflow.MlflowClient()


def version(name, file):
    """A new version of a model that has that file and a text beside it."""
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name)
    run = client.create_run("0")
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "weights").mkdir()
        (pathlib.Path(folder) / "weights" / "model.pkl").write_bytes(bytes.fromhex(file))
        client.log_artifacts(run.info.run_id, folder, "model")
    made = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    return str(made.version)


def read(name, version):
    known = client.get_model_version(name, version)
    return {"tags": known.tags, "aliases": list(known.aliases)}


DOES = {
    "version": version,
    "read": read,
    "set_alias": lambda name, alias, version: client.set_registered_model_alias(name, alias, version),
    "delete_alias": lambda name, alias: client.delete_registered_model_alias(name, alias),
    "set_tag": lambda name, version, key, value: client.set_model_version_tag(name, version, key, value),
    "delete_tag": lambda name, version, key: client.delete_model_version_tag(name, version, key),
}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        said = DOES[asked.pop("do")](**asked)
        answer = {"said": said if isinstance(said, (dict, list, str)) else None}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
