"""The same as sessions.py under gunicorn: CPU time of one worker of four threads, over four keep-alive connections.

    python bench/flask/gunicorn.py redis://localhost:6379/0 postgresql://user@localhost/database

Each side has a server of its own, all of them at once, and takes its turn in each round; CPU time is what the
worker's process has used by /proc, and a case counts by the median of its rounds.
"""

import http.client
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sessions

ROUNDS, CALLS, CONNECTIONS = 7, 400, 4


def serve(name: str) -> tuple:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--workers", "1", "--threads", str(CONNECTIONS)]
    command += ["--worker-class", "gthread", "--keep-alive", "60", "--bind", f"127.0.0.1:{port}"]
    command += ["--log-level", "error", "--chdir", str(Path(__file__).parent), f"gunicorn_app:of({name!r})"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while True:
        try:
            cookie = get(http.client.HTTPConnection("127.0.0.1", port), "/fill", "")
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, port, cookie, int(children[0])


def get(connection: http.client.HTTPConnection, path: str, cookie: str) -> str:
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (answer.headers.get("Set-Cookie") or "").partition(";")[0]


def used(pid: int) -> float:
    """Microseconds of CPU time, of all threads."""
    nanoseconds = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        nanoseconds += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return nanoseconds / 1000


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(redis_url: str, postgres_url: str, rounds: int) -> None:
    folder = tempfile.mkdtemp()
    os.environ.update(BENCH_REDIS=redis_url, BENCH_POSTGRES=postgres_url, BENCH_FOLDER=folder)
    os.environ["BENCH_SECRET"] = sessions.SECRET
    names = ["", *sessions.sides_of(redis_url, postgres_url, folder)]
    served = {}
    try:
        for name in names:
            served[name] = serve(name)
        taken: dict = {(name, path): [] for name in names for path in sessions.PATHS}
        for _ in range(rounds):
            for name, path in taken:
                _, port, cookie, worker = served[name]

                def some(_: int) -> None:
                    connection = http.client.HTTPConnection("127.0.0.1", port)
                    for _ in range(CALLS // CONNECTIONS):
                        get(connection, path if name else "/plain", cookie)
                    connection.close()

                before = used(worker)
                with ThreadPoolExecutor(CONNECTIONS) as pool:
                    list(pool.map(some, range(CONNECTIONS)))
                taken[name, path].append((used(worker) - before) / CALLS)
    finally:
        for process, *_ in served.values():
            process.send_signal(signal.SIGTERM)
        for process, *_ in served.values():
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
    median = {case: statistics.median(times) for case, times in taken.items()}
    sessions.table(median, median["", "/plain"], sessions.sides_of(redis_url, postgres_url, folder))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS)
