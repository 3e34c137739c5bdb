#!/usr/bin/env python3
"""A CMDB as a service of the operator: it removes the assets of a deleted project.

The propagator sends a `service.requested` to POST /tasks, which answers 202 and works in a thread.
The thread reports the result to POST /v1/tasks/<id>/report of the propagator.
Uses only Python's standard library.
"""

import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROPAGATOR = os.environ.get("PROPAGATOR_API_URL", "http://127.0.0.1:8787")
TOKEN = os.environ.get("PROPAGATOR_API_TOKEN", "")
DATABASE = os.environ.get("CMDB_DATABASE", "cmdb.sqlite")
PORT = int(os.environ.get("CMDB_PORT", "9000"))

under_way = set()
lock = threading.Lock()


def assets_of(database, project):
    """Return the rows of this project.

    The owner is compared again because the database may compare without regard to case.
    """
    rows = database.execute("SELECT id, project, audited FROM asset WHERE project = ?", (project,)).fetchall()
    return [(number, audited) for number, owner, audited in rows if owner == project]


def empty(project, phase):
    """Count the assets (phase plan) or remove those that are not audited (phase apply).

    Returns the report. May be repeated at any time.
    """
    database = sqlite3.connect(DATABASE, timeout=10)
    try:
        before = assets_of(database, project)
        if phase == "apply":
            free = [(number, project) for number, audited in before if not audited]
            with database:
                database.executemany("DELETE FROM asset WHERE id = ? AND project = ?", free)
        # A task is finished only when a new listing is empty.
        left = assets_of(database, project)
    finally:
        database.close()
    counts = {"cmdb.asset": {"listed": len(before), "gone": len(before) - len(left), "left": len(left)}}
    if phase == "plan" or not left:
        return {"type": "service.finished", "phase": phase, "data": {"result": "finished", "counts": counts}}
    audited = {
        "class": "Blocked",
        "resourceType": "cmdb.asset",
        "message": "they are being audited",
        "actor": "operator",
        "advice": "Close the audit in the CMDB; they go then.",
        "count": len(left),
        "example": str(left[0][0]),
    }
    data = {"counts": counts, "conditions": [audited], "again": {"afterSeconds": 1}}
    return {"type": "service.progressed", "phase": phase, "data": data}


def failure(phase, error):
    report = {
        "code": "cmdb.database",
        "class": "Unexpected",
        "message": f"{type(error).__name__}: {error}",
        "advice": "Read the log of the CMDB, then redrive.",
    }
    return {"type": "service.failed", "phase": phase, "data": {"error": report}}


def tell(task_id, report):
    """Send the report to the propagator.

    After a long outage the propagator requests the task again, so a lost report does no harm.
    """
    url = f"{PROPAGATOR}/v1/tasks/{urllib.parse.quote(task_id, safe='')}/report"
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    for pause in (0, 1, 2, 4, 8):
        time.sleep(pause)
        request = urllib.request.Request(url, json.dumps(report).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30):
                return
        except urllib.error.HTTPError as refused:
            print(f"{task_id}: {refused.code} {refused.read().decode(errors='replace')}", file=sys.stderr)
            if refused.code < 500:
                return
        except OSError as away:
            print(f"{task_id}: {away}", file=sys.stderr)


def work(task):
    task_id, phase = task["taskId"], task["phase"]
    try:
        report = empty(task["project"], phase)
    except Exception as error:  # The operator must see every failure.
        report = failure(phase, error)
    finally:
        with lock:
            under_way.discard(task_id)
    tell(task_id, report)


class Door(BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            message = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            task = message["data"]
            is_ours = self.path == "/tasks" and message["type"] == "service.requested" and task["phase"] in ("plan", "apply")
            task_id, _ = task["taskId"], task["project"]
        except (ValueError, KeyError, TypeError):
            is_ours = False
        self.send_response(202 if is_ours else 400)
        self.send_header("content-length", "0")
        self.end_headers()
        if not is_ours:
            return
        # A repeated request must not start a second thread for the same task.
        with lock:
            is_new = task_id not in under_way
            under_way.add(task_id)
        if is_new:
            threading.Thread(target=work, args=(task,), daemon=True).start()

    def log_message(self, format, *arguments):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Door)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
