"""How the scripts beside this one are talked to: a line of JSON with what they have, then a line for each that is read."""

import json
import sys


def serve(hello, answer):
    """Says hello, and answers requests until there are no more."""
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
