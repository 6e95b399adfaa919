"""What the Python sides of the benchmarks have in common: a process that answers a line of JSON for each line it is given.

The answers have the original stdout; whatever the libraries print goes to stderr. The first answer says what the peer runs,
or {"error": "..."} with exit code 1; a request that fails is answered with {"error": "..."}. {"cmd": "quit"} or the end of
input ends the process.
"""

import json
import os
import sys
import time

_answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
_program = os.path.basename(sys.argv[0])


def answer(record):
    _answers.write(json.dumps(record) + "\n")
    _answers.flush()


def fail(message):
    answer({"error": f"{_program}: {message}"})
    sys.exit(1)


def read_options(defaults, variants=()):
    """The argument, an object whose keys are some of `defaults`, over these."""
    try:
        given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    except json.JSONDecodeError as error:
        fail(f"the argument is not JSON ({error})")
    if not isinstance(given, dict):
        fail("the argument must be a JSON object")
    if unknown := sorted(set(given) - set(defaults)):
        fail(f"unknown option {unknown[0]!r}; one of {', '.join(defaults)}")
    options = {**defaults, **given}
    if variants and options["variant"] not in variants:
        fail(f"unknown variant {options['variant']!r}; one of {', '.join(variants)}")
    return options


def opened(make):
    """What `make` makes; its trouble is the first answer."""
    try:
        return make()
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")


def serve(reply):
    """Answers every request with what `reply` makes of it."""
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            if request.get("cmd") == "quit":
                break
            answer(reply(request))
        except Exception as error:
            answer({"error": f"{_program}: {type(error).__name__}: {error}"})


def timed_commands(commands, warmup, more=lambda name: {}):
    """A `reply` to {"cmd": name, "repeat": n}: {"ms": [...], "cpu_ms": [...], "warmup_ms": [...]}, the last only the first time."""
    warm = set()

    def timed(command, repeat):
        ms, cpu = [], []
        for _ in range(repeat):
            start, busy = time.perf_counter(), time.process_time()
            command()
            ms.append(round((time.perf_counter() - start) * 1e3, 3))
            cpu.append(round((time.process_time() - busy) * 1e3, 3))
        return ms, cpu

    def reply(request):
        name = request["cmd"]
        if name not in commands:
            raise ValueError(f"unknown cmd {name!r}; one of {', '.join(commands)}, quit")
        record = {}
        if name not in warm:
            record["warmup_ms"], _ = timed(commands[name], warmup)
            warm.add(name)
        record["ms"], record["cpu_ms"] = timed(commands[name], int(request.get("repeat", 1)))
        return {**record, **more(name)}

    return reply
