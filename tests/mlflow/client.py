"""MLflow's own client, told what to do by lines of JSON: each is answered by one line."""

import json
import pathlib
import sys
import tempfile

answers = sys.stdout
sys.stdout = sys.stderr

import mlflow
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

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


def one_file(name, file):
    """The same of a version that is one file."""
    client.create_registered_model(name)
    run = client.create_run("0")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.pkl"
        path.write_bytes(bytes.fromhex(file))
        client.log_artifact(run.info.run_id, str(path))
    made = client.create_model_version(name, f"runs:/{run.info.run_id}/model.pkl", run_id=run.info.run_id)
    return str(made.version)


def uploaded(name, file):
    """The same without a run, for a registry that has none: the files are put where they are to be."""
    client.create_registered_model(name)
    source = f"mlflow-artifacts:/models/{name}"
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "weights").mkdir()
        (pathlib.Path(folder) / "weights" / "model.pkl").write_bytes(bytes.fromhex(file))
        get_artifact_repository(source).log_artifacts(folder)
    made = client.create_model_version(name, source, await_creation_for=0)
    return str(made.version)


def downloaded(name, version):
    """The files of a version, as the client fetches them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=folder))
        return {str(file.relative_to(folder)): file.read_bytes().hex() for file in folder.rglob("*") if file.is_file()}


def webhook(url, events, secret):
    return client.create_webhook("scanrelay", url, events, secret=secret).webhook_id


def tested(webhook):
    result = client.test_webhook(webhook)
    return {"success": result.success, "status": result.response_status}


def read(name, version):
    known = client.get_model_version(name, version)
    return {"tags": known.tags, "aliases": list(known.aliases)}


DOES = {
    "version": version,
    "one_file": one_file,
    "uploaded": uploaded,
    "downloaded": downloaded,
    "webhook": webhook,
    "tested": tested,
    "webhooks": lambda: [webhook.webhook_id for webhook in client.list_webhooks()],
    "delete_webhook": lambda webhook: client.delete_webhook(webhook),
    "models": lambda: [model.name for model in client.search_registered_models()],
    "versions": lambda name: [str(found.version) for found in client.search_model_versions(f"name='{name}'")],
    "aliased": lambda name, alias: str(client.get_model_version_by_alias(name, alias).version),
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
