"""A memory server: remembers texts by key, and finds them again.

    python3 memory_server.py [PORT]
"""

import sys
from collections import OrderedDict

from prometheus_client import Counter, Gauge
from telemetry import HITS, MISSES, serve

ITEMS = Gauge("memory_items", "What it remembers.")
OPERATIONS = Counter("memory_operations", "What is asked of it.", ["operation"])
CACHED = 64

memory = {}
recent = OrderedDict()


def remember(body):
    OPERATIONS.labels("remember").inc()
    memory[body["key"]] = body["text"]
    recent.pop(body["key"], None)
    ITEMS.set(len(memory))
    return {"items": len(memory)}


def recall(body):
    OPERATIONS.labels("recall").inc()
    key = body["key"]
    if key in recent:
        HITS.inc()
        recent.move_to_end(key)
    else:
        MISSES.inc()
        recent[key] = memory.get(key)
        if len(recent) > CACHED:
            recent.popitem(last=False)
    return {"text": recent[key]}


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8701, {"/remember": remember, "/recall": recall})
