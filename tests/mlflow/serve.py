"""MLflow's server on a free port, for as long as standard input is open: says where it is once it answers."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from cryptography.fernet import Fernet

folder = sys.argv[1]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
environment = {
    "PATH": os.environ["PATH"],
    "HOME": folder,
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    # Else a webhook that was just made hears nothing for a minute.
    "MLFLOW_WEBHOOK_CACHE_TTL": "0",
}
command = [
    *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts", "--artifacts-destination", f"{folder}/artifacts"),
]
server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
try:
    # It tells nobody that it is ready.
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(f"the server ended with {server.returncode}")
    print(f"http://127.0.0.1:{port}", flush=True)
    sys.stdin.read()
finally:
    try:
        os.killpg(server.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
