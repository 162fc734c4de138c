"""Tells Watchfire how a training goes. One file, nothing to install.

    import watchfire
    run = watchfire.start(experiment="llama", params={"lr": 3e-4}, total_steps=10_000)
    for step, batch in enumerate(batches):
        run.log({"loss": loss}, step)
    run.finish()

Nothing here raises into the training, and nothing waits for the network: values are queued and sent by a thread of their own,
again and again until they are taken. What cannot be sent is dropped, the oldest first, and counted.

The server is that of the variable WATCHFIRE_URL, else MLFLOW_TRACKING_URI, else http://127.0.0.1:9090. The protocol is MLflow's,
so an MLflow server does as well.
"""

import atexit
import collections
import getpass
import json
import math
import os
import random
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

__all__ = ["Run", "start"]

#: So many values wait at most; more drop the oldest.
MAX_WAITING = 100_000
#: So many values go in one request.
MAX_BATCH = 500
#: How often what waits is sent, in seconds.
EVERY = 1.0
#: How long the end of a program waits for what is not sent yet, in seconds.
LAST_WAIT = 10.0


class _Refused(Exception):
    """The server will not take this, however often it is sent."""


def start(name=None, experiment="Default", params=None, tags=None, total_steps=None, url=None):
    """Begins a run and returns it at once. `params` is a dictionary of what it is started with."""
    return Run(name, experiment, params, tags, total_steps, url)


class Run:
    """A run. Its methods may be called from any thread."""

    def __init__(self, name=None, experiment="Default", params=None, tags=None, total_steps=None, url=None):
        url = url or os.environ.get("WATCHFIRE_URL") or os.environ.get("MLFLOW_TRACKING_URI") or "http://127.0.0.1:9090"
        self.id = uuid.uuid4().hex
        self.dropped = 0
        self._url = url.rstrip("/") + "/api/2.0/mlflow/"
        self._name, self._experiment = name, str(experiment)
        self._started = _now()
        self._points = collections.deque()
        self._params = collections.deque()
        self._tags = collections.deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._sending = False
        self._status = None
        self._ended = None
        self._is_made = False
        self._is_over = False
        self._has_complained = False
        self._step = 0
        own = {
            "watchfire.helper": "1",
            "host": socket.gethostname(),
            "pid": str(os.getpid()),
            "mlflow.source.name": os.path.basename(sys.argv[0] or "python"),
        }
        if os.environ.get("CUDA_VISIBLE_DEVICES"):
            visible = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
            own["gpus"] = str(len([device for device in visible if device.strip()]))
        own.update({str(key): _text(value) for key, value in (tags or {}).items()})
        self._first_tags = own
        if total_steps is not None:
            self.param("total_steps", total_steps)
        for key, value in (params or {}).items():
            self.param(key, value)
        self._thread = threading.Thread(target=self._work, name="watchfire", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    def log(self, values, step=None):
        """Values of metrics by name, at a step; without one, at the step after the last."""
        try:
            step = self._step + 1 if step is None else int(step)
            self._step = step
            now = _now()
            with self._lock:
                for key, value in values.items():
                    self._points.append((str(key), _number(value), now, step))
                while len(self._points) > MAX_WAITING:
                    self._points.popleft()
                    self.dropped += 1
                if len(self._points) >= MAX_BATCH:
                    self._wake.set()
        except Exception as error:  # Nothing may reach the training.
            self._complain(error)

    def param(self, key, value):
        """A parameter; it is set once."""
        with self._lock:
            self._params.append((str(key), _text(value)))

    def tag(self, key, value):
        """A word attached to the run."""
        with self._lock:
            self._tags.append((str(key), _text(value)))

    def flush(self, timeout=LAST_WAIT):
        """Waits until everything is sent, not longer than `timeout` seconds; whether it was."""
        deadline = time.monotonic() + timeout
        self._wake.set()
        with self._idle:
            while self._waits():
                left = deadline - time.monotonic()
                if left <= 0 or self._is_over or not self._thread.is_alive():
                    return not self._waits()
                self._idle.wait(min(left, 0.1))
        return True

    def finish(self, status="FINISHED", timeout=LAST_WAIT):
        """Ends the run: FINISHED, FAILED or KILLED. Whether everything was sent."""
        with self._lock:
            if self._ended is None:
                self._status, self._ended = status, _now()
        return self.flush(timeout)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.finish("FINISHED" if kind is None else "KILLED" if kind is KeyboardInterrupt else "FAILED")

    def _at_exit(self):
        if self._ended is not None:
            return  # Whoever ended it has waited as long as they wanted.
        failed = getattr(sys, "last_type", None)
        if failed is None or failed is SystemExit:
            self.finish("FINISHED")
        else:
            self.finish("KILLED" if failed is KeyboardInterrupt else "FAILED")

    def _waits(self):
        """Whether anything is not sent yet; with the lock held."""
        unmade = not self._is_made and not self._is_over
        return bool(unmade or self._sending or self._points or self._params or self._tags or self._status)

    def _work(self):
        pause = EVERY
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            try:
                while self._send():
                    pass
                pause = EVERY
            except Exception as error:
                self._complain(error)
                # Longer and longer, and not all at the same time.
                pause = min(pause * 2, 60.0) * random.uniform(0.7, 1.0)
            with self._idle:
                self._idle.notify_all()
                if self._is_over:
                    return

    def _send(self):
        """Sends one request's worth; whether there may be more."""
        if not self._is_made:
            self._make()
        with self._lock:
            points = [self._points.popleft() for _ in range(min(MAX_BATCH, len(self._points)))]
            params = [self._params.popleft() for _ in range(min(100, len(self._params)))]
            tags = [self._tags.popleft() for _ in range(min(100, len(self._tags)))]
            status = self._status
            self._sending = bool(points or params or tags)
        if not self._sending:
            if status is None:
                return False
            self._post("runs/update", {"run_id": self.id, "status": status, "end_time": self._ended})
            with self._lock:
                self._status = None
                self._is_over = True
            return False
        body = {
            "run_id": self.id,
            "metrics": [{"key": k, "value": v, "timestamp": t, "step": s} for k, v, t, s in points],
            "params": [{"key": k, "value": v} for k, v in params],
            "tags": [{"key": k, "value": v} for k, v in tags],
        }
        try:
            self._post("runs/log-batch", body)
        except _Refused as error:
            with self._lock:
                self.dropped += len(points)
            self._complain(error)
        except Exception:
            # As it was, so that it goes again; the server knows values that it has already.
            with self._lock:
                self._points.extendleft(reversed(points))
                self._params.extendleft(reversed(params))
                self._tags.extendleft(reversed(tags))
            raise
        finally:
            with self._lock:
                self._sending = False
        return True

    def _make(self):
        try:
            found = self._get("experiments/get-by-name?experiment_name=" + urllib.request.quote(self._experiment, safe=""))
            experiment = found["experiment"]["experiment_id"]
        except _Refused:
            experiment = self._post("experiments/create", {"name": self._experiment})["experiment_id"]
        tags = [{"key": key, "value": value} for key, value in self._first_tags.items()]
        made = self._post(
            "runs/create",
            {
                # An id of ours, so that the same request sent twice makes one run; MLflow's server makes up its own.
                "run_id": self.id,
                "experiment_id": experiment,
                "user_id": _user(),
                "run_name": self._name or "",
                "start_time": self._started,
                "tags": tags,
            },
        )
        self.id = made["run"]["info"]["run_id"]
        self._is_made = True

    def _get(self, path):
        return self._ask(urllib.request.Request(self._url + path))

    def _post(self, path, body):
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self._url + path, json.dumps(body).encode(), headers))

    def _ask(self, request):
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            told = error.read(2000).decode("utf-8", "replace")
            if 400 <= error.code < 500 and error.code not in (408, 425, 429):
                raise _Refused("%d: %s" % (error.code, told)) from None
            raise

    def _complain(self, error):
        """Once: a training's output is for the training."""
        if not self._has_complained:
            self._has_complained = True
            try:
                sys.stderr.write("watchfire: %s: %s (told once)\n" % (self._url, error))
            except Exception:
                pass


def _now():
    return int(time.time() * 1000)


def _user():
    try:
        return getpass.getuser()
    except Exception:
        return ""


def _text(value):
    return str(value)[:6000]


def _number(value):
    """A number, also of an array or tensor that holds one; JSON has no word for those that are not finite."""
    number = float(value.item() if hasattr(value, "item") else value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number
