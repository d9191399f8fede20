"""A registry with two images of one layer each, `clean` and `leaking`, on a free port of loopback, which it prints."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile

# In two parts, so that no scanner of secrets takes this file for what it makes.
KEY = "AKIA" + "IOSFODNN7EXAMPLQ"
BLOBS, MANIFESTS = {}, {}


def blob(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    BLOBS[digest] = data
    return digest


def image(name, files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path, text in files.items():
            about = tarfile.TarInfo(path)
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))
    layer = gzip.compress(tar.getvalue(), mtime=0)
    difference = "sha256:" + hashlib.sha256(tar.getvalue()).hexdigest()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [difference]}}).encode()
    kind = "application/vnd.docker.container.image.v1+json"
    layers = [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(layer), "digest": blob(layer)}]
    manifest = {"schemaVersion": 2, "mediaType": MEDIA, "config": {"mediaType": kind, "size": len(config), "digest": blob(config)}, "layers": layers}
    data = json.dumps(manifest).encode()
    MANIFESTS[f"/v2/{name}/manifests/1"] = MANIFESTS[f"/v2/{name}/manifests/{blob(data)}"] = data


MEDIA = "application/vnd.docker.distribution.manifest.v2+json"
image("clean", {"app/notes.txt": "weights of a model\n"})
image("leaking", {"app/settings.ini": f"aws_access_key_id = {KEY}\n"})


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = b"{}" if self.path == "/v2/" else MANIFESTS.get(self.path) or BLOBS.get(self.path.rsplit("/", 1)[-1])
        self.send_response(200 if data else 404)
        data = data or b"{}"
        self.send_header("Content-Type", MEDIA if "/manifests/" in self.path else "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
