"""Comet's own client, told what to do by lines of JSON: each is answered by one line."""

import json
import pathlib
import sys
import tempfile

import comet_ml

api = comet_ml.API(cache=False)


def register(workspace, model, version, tags=None, status=None, file=None):
    experiment = comet_ml.APIExperiment(workspace=workspace, project_name="tests", api=api)
    if file is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.pkl"
            path.write_bytes(bytes.fromhex(file))
            experiment.log_asset(str(path), ftype="model-element", name="model.pkl")
    experiment.register_model(model, version=version, tags=tags, status=status, comment="by ada", metadata={"owner": "ada"})


def downloaded(workspace, model, version):
    with tempfile.TemporaryDirectory() as folder:
        api.get_model(workspace, model).download(version, output_folder=folder)
        return {path.name: path.read_bytes().hex() for path in pathlib.Path(folder).iterdir()}


def read(workspace, model, version):
    # What scanrelay writes last is read first: whoever sees it sees all of it.
    known = api.get_model(workspace, model)
    status, tags = known.status(version), known.tags(version)
    comment = known.get_details(version)["comment"]
    metadata = {entry["key"]: entry["value"] for entry in known.get_registry_model_metadata(version)}
    return {"metadata": metadata, "comment": comment, "status": status, "tags": tags}


DOES = {
    "register": register,
    "read": read,
    "downloaded": downloaded,
    "add_tag": lambda workspace, model, version, tag: api.get_model(workspace, model).add_tag(version, tag),
    "delete_tag": lambda workspace, model, version, tag: api.get_model(workspace, model).delete_tag(version, tag),
    "set_status": lambda workspace, model, version, status: api.get_model(workspace, model).set_status(version, status),
    "set_comment": lambda workspace, model, version, comment: api.update_registry_model_version(workspace, model, version, comment=comment),
    "versions": lambda workspace, model, tag: api.get_model(workspace, model).find_versions(tag=tag),
    "allowed": lambda workspace: api.model_registry_allowed_status_values(workspace),
}

answers = sys.stdout
sys.stdout = sys.stderr
for line in sys.stdin:
    asked = json.loads(line)
    try:
        said = DOES[asked.pop("do")](**asked)
        answer = {"said": said if isinstance(said, (dict, list)) else None}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
