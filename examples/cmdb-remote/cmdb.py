#!/usr/bin/env python3
"""A CMDB as a service of the operator: it removes the assets of a deleted project, and follows its state.

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


def connect():
    """Open the database, with the tables of the actions beside the cleanup."""
    database = sqlite3.connect(DATABASE, timeout=10)
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS suspended (asset INTEGER PRIMARY KEY, project TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS customer (project TEXT PRIMARY KEY, name TEXT, profile TEXT)")
    return database


def suspend(project, phase, wanted):
    """Mark the assets as suspended, or take the marks off (wanted: True or False).

    The marks are the record: a mark that is set already stays, and a resume removes only marks.
    Returns the report. May be repeated at any time.
    """
    database = connect()
    try:
        assets = [number for number, _ in assets_of(database, project)]
        marks = "SELECT asset FROM suspended WHERE project = ?"
        if phase == "apply":
            with database:
                if wanted:
                    rows = [(number, project) for number in assets]
                    database.executemany("INSERT OR IGNORE INTO suspended VALUES (?, ?)", rows)
                else:
                    database.execute("DELETE FROM suspended WHERE project = ?", (project,))
        marked = {number for (number,) in database.execute(marks, (project,))}
    finally:
        database.close()
    left = sum(1 for number in assets if (number in marked) != wanted)
    return counted(phase, len(assets), left)


def provision(project, phase, name, profile):
    """Create the record of the customer if it is missing. It only adds."""
    database = connect()
    try:
        if phase == "apply":
            with database:
                row = (project, name, profile)
                database.execute("INSERT OR IGNORE INTO customer VALUES (?, ?, ?)", row)
        there = database.execute("SELECT 1 FROM customer WHERE project = ?", (project,)).fetchone()
    finally:
        database.close()
    return counted(phase, 1, 0 if there else 1)


def counted(phase, total, left):
    """Return the report: what is as wanted counts as gone. A finished run has nothing left."""
    counts = {"cmdb.asset": {"listed": total, "gone": total - left, "left": left}}
    if phase == "plan" or left == 0:
        return {"type": "service.finished", "phase": phase, "data": {"result": "finished", "counts": counts}}
    data = {"counts": counts, "conditions": [], "again": {"afterSeconds": 1}}
    return {"type": "service.progressed", "phase": phase, "data": data}


def run(task):
    """Do what the request asks for. Without an action it is a cleanup, as in contract version 1."""
    project, phase, action = task["project"], task["phase"], task.get("action", "cleanup")
    if action == "cleanup":
        return empty(project, phase)
    if action in ("suspend", "resume"):
        return suspend(project, phase, action == "suspend")
    if action == "provision":
        return provision(project, phase, task.get("name"), task.get("profile"))
    raise ValueError(f"the action {action} is not known")


def empty(project, phase):
    """Count the assets (phase plan) or remove those that are not audited (phase apply).

    Returns the report. May be repeated at any time.
    """
    database = connect()
    try:
        before = assets_of(database, project)
        if phase == "apply":
            with database:
                database.execute("DELETE FROM suspended WHERE project = ?", (project,))
                database.execute("DELETE FROM customer WHERE project = ?", (project,))
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
        report = run(task)
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
