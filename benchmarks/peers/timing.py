"""Times the answers to a list of questions; shared by the searches that compare_searches.py runs."""

import json
import sys
import time
from pathlib import Path

ROUNDS = 2


def asked():
    """The contacts and questions of the file that the command names."""
    data = json.loads(Path(sys.argv[1]).read_text())
    return data["contacts"], data["questions"]


def tell(answer, questions):
    """Answer all questions, a round to warm up and two that count; print arrivals and seconds."""
    arrivals = [answer(*question) for question in questions]
    best_s = float("inf")
    for _ in range(ROUNDS):
        began_s = time.process_time()
        for question in questions:
            answer(*question)
        best_s = min(best_s, time.process_time() - began_s)
    print(json.dumps({"cpu_s": best_s, "arrivals": arrivals}))
