#!/usr/bin/env python3
"""A CMDB as a service of the operator: cleans up, suspends, resumes and provisions the assets of a project.

The propagator sends a message `service.requested` to POST /tasks. The server answers 202 and performs the
task in a thread. The thread sends the report to POST /v1/tasks/<id>/report of the propagator.
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

tasks_in_progress = set()
lock = threading.Lock()  # guards tasks_in_progress


def assets_of(database, project):
    """Return the id and the field `audited` of each asset of this project.

    The owner is compared again, because a database may ignore the case when it compares.
    """
    rows = database.execute("SELECT id, project, audited FROM asset WHERE project = ?", (project,)).fetchall()
    return [(asset_id, audited) for asset_id, owner, audited in rows if owner == project]


def connect():
    """Open the database. Create the tables for suspend and provision if they are missing."""
    database = sqlite3.connect(DATABASE, timeout=10)
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS suspended (asset INTEGER PRIMARY KEY, project TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS customer (project TEXT PRIMARY KEY, name TEXT, profile TEXT)")
    return database


def suspend(project, phase):
    """Mark each asset as suspended. The marks are the record of the suspension. Return the report.

    A repeated call has no further effect: it keeps existing marks.
    """
    database = connect()
    try:
        assets = [asset_id for asset_id, _ in assets_of(database, project)]
        if phase == "apply":
            with database:
                rows = [(asset_id, project) for asset_id in assets]
                database.executemany("INSERT OR IGNORE INTO suspended VALUES (?, ?)", rows)
        marked = marked_assets(database, project)
    finally:
        database.close()
    return report_of(phase, len(assets), left=sum(asset_id not in marked for asset_id in assets))


def resume(project, phase):
    """Remove the marks of a suspension. Change nothing else. Return the report."""
    database = connect()
    try:
        assets = [asset_id for asset_id, _ in assets_of(database, project)]
        if phase == "apply":
            with database:
                database.execute("DELETE FROM suspended WHERE project = ?", (project,))
        marked = marked_assets(database, project)
    finally:
        database.close()
    return report_of(phase, len(assets), left=sum(asset_id in marked for asset_id in assets))


def marked_assets(database, project):
    rows = database.execute("SELECT asset FROM suspended WHERE project = ?", (project,))
    return {asset_id for (asset_id,) in rows}


def provision(project, phase, name, profile):
    """Create the record of the customer if it is missing, and never change it. Return the report."""
    database = connect()
    try:
        if phase == "apply":
            with database:
                row = (project, name, profile)
                database.execute("INSERT OR IGNORE INTO customer VALUES (?, ?, ?)", row)
        customer = database.execute("SELECT 1 FROM customer WHERE project = ?", (project,)).fetchone()
    finally:
        database.close()
    return report_of(phase, 1, left=0 if customer else 1)


def report_of(phase, total, left):
    """Return the report for `total` resources, of which `left` do not have the wanted state."""
    counts = {"cmdb.asset": {"listed": total, "gone": total - left, "left": left}}
    if phase == "plan" or left == 0:
        return {"type": "service.finished", "phase": phase, "data": {"result": "finished", "counts": counts}}
    data = {"counts": counts, "conditions": [], "again": {"afterSeconds": 1}}
    return {"type": "service.progressed", "phase": phase, "data": data}


def perform_action(task):
    """Perform the requested action and return the report. A request without `action` is a cleanup."""
    project, phase, action = task["project"], task["phase"], task.get("action", "cleanup")
    if action == "cleanup":
        return clean_up(project, phase)
    if action == "suspend":
        return suspend(project, phase)
    if action == "resume":
        return resume(project, phase)
    if action == "provision":
        return provision(project, phase, task.get("name"), task.get("profile"))
    raise ValueError(f"the action {action} is not known")


def clean_up(project, phase):
    """Count the assets (phase plan), or remove those that are not being audited (phase apply).

    Return the report. A repeated call has no further effect.
    """
    database = connect()
    try:
        assets_before = assets_of(database, project)
        if phase == "apply":
            with database:
                database.execute("DELETE FROM suspended WHERE project = ?", (project,))
                database.execute("DELETE FROM customer WHERE project = ?", (project,))
            removable = [(asset_id, project) for asset_id, audited in assets_before if not audited]
            with database:
                database.executemany("DELETE FROM asset WHERE id = ? AND project = ?", removable)
        # A task is finished only when a new listing is empty.
        left = assets_of(database, project)
    finally:
        database.close()
    counts = {"cmdb.asset": {"listed": len(assets_before), "gone": len(assets_before) - len(left), "left": len(left)}}
    if phase == "plan" or not left:
        return {"type": "service.finished", "phase": phase, "data": {"result": "finished", "counts": counts}}
    condition = {
        "class": "Blocked",
        "resourceType": "cmdb.asset",
        "message": "the assets are being audited",
        "actor": "operator",
        "advice": "Close the audit in the CMDB. The next run then removes the assets.",
        "count": len(left),
        "example": str(left[0][0]),
    }
    data = {"counts": counts, "conditions": [condition], "again": {"afterSeconds": 1}}
    return {"type": "service.progressed", "phase": phase, "data": data}


def failure_report(phase, error):
    error_report = {
        "code": "cmdb.database",
        "class": "Unexpected",
        "message": f"{type(error).__name__}: {error}",
        "advice": "Read the log of the CMDB and remove the cause. Then redrive the dead letter.",
    }
    return {"type": "service.failed", "phase": phase, "data": {"error": error_report}}


def send_report(task_id, report):
    """Send the report to the propagator, with up to four retries.

    A lost report does no harm: the propagator requests the task again.
    """
    url = f"{PROPAGATOR}/v1/tasks/{urllib.parse.quote(task_id, safe='')}/report"
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    for pause in (0, 1, 2, 4, 8):
        time.sleep(pause)
        request = urllib.request.Request(url, json.dumps(report).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30):
                return
        except urllib.error.HTTPError as refusal:
            print(f"{task_id}: {refusal.code} {refusal.read().decode(errors='replace')}", file=sys.stderr)
            if refusal.code < 500:
                return
        except OSError as error:
            print(f"{task_id}: {error}", file=sys.stderr)


def perform_task(task):
    task_id, phase = task["taskId"], task["phase"]
    try:
        report = perform_action(task)
    except Exception as error:  # The operator must see every failure.
        report = failure_report(phase, error)
    finally:
        with lock:
            tasks_in_progress.discard(task_id)
    send_report(task_id, report)


class RequestHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            message = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            task = message["data"]
            is_valid = self.path == "/tasks" and message["type"] == "service.requested" and task["phase"] in ("plan", "apply")
            task_id, _ = task["taskId"], task["project"]
        except (ValueError, KeyError, TypeError):
            is_valid = False
        self.send_response(202 if is_valid else 400)
        self.send_header("content-length", "0")
        self.end_headers()
        if not is_valid:
            return
        # The propagator may repeat a request. Only one thread performs a task at a time.
        with lock:
            is_new = task_id not in tasks_in_progress
            tasks_in_progress.add(task_id)
        if is_new:
            threading.Thread(target=perform_task, args=(task,), daemon=True).start()

    def log_message(self, format, *arguments):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), RequestHandler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
