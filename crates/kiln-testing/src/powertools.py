"""Checks lines of a function by Powertools for AWS Lambda (Python) and the standard library.

Reads a JSON array of lines from stdin. What is wrong is an exception; how many lines of each kind
were checked is printed.
"""

import contextlib
import io
import json
import logging
import os
import re
import sys
import warnings
from datetime import datetime, timedelta, timezone

os.environ.pop("AWS_LAMBDA_LOG_LEVEL", None)
os.environ.pop("_X_AMZN_TRACE_ID", None)
for name in [name for name in os.environ if name.startswith("POWERTOOLS_")]:
    del os.environ[name]

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

# What Powertools only warns of is wrong too.
warnings.simplefilter("error")


def strict(line):
    """A line as JSON that everybody reads in the same way: no name twice, no NaN."""

    def members(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"a name is there twice: {names}"
        return dict(pairs)

    def constant(name):
        raise ValueError(f"{name} is no JSON")

    assert "\n" not in line
    read = json.loads(line, object_pairs_hook=members, parse_constant=constant)
    assert isinstance(read, dict)
    return read


def metrics_of_powertools(line):
    """The line that Powertools writes when it is told what this one says."""
    aws = line["_aws"]
    [directive] = aws["CloudWatchMetrics"]
    sets = directive["Dimensions"]
    definitions = directive["Metrics"]
    dimensions = {name for one in sets for name in one}
    others = dimensions | {one["Name"] for one in definitions} | {"_aws"}

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        service = line["service"] if "service" in sets[0] else None
        metrics = EphemeralMetrics(namespace=directive["Namespace"], service=service)
        # Checks that it is a time that CloudWatch takes.
        metrics.set_timestamp(aws["Timestamp"])
        for name in sets[0]:
            if name != "service":
                metrics.add_dimension(name=name, value=line[name])
        for one in sets[1:]:
            metrics.add_dimensions(**{name: line[name] for name in one})
        for name, value in line.items():
            if name not in others:
                metrics.add_metadata(key=name, value=value)

        def values(one):
            value = line[one["Name"]]
            return value if isinstance(value, list) else [value]

        # It writes at the hundredth value of a metric too: such a one is the last.
        if len(definitions) < 100:
            definitions = sorted(definitions, key=lambda one: len(values(one)))
        for one in definitions:
            assert set(one) <= {"Name", "Unit", "StorageResolution"}
            for value in values(one):
                metrics.add_metric(
                    name=one["Name"],
                    unit=one["Unit"],
                    value=value,
                    resolution=one.get("StorageResolution", 60),
                )
        if metrics.metric_set:
            metrics.flush_metrics()
    [written] = printed.getvalue().splitlines()
    return strict(written)


def normal(line):
    """Without what CloudWatch reads no sense in: orders, and whether one value is a list."""
    line = dict(line)
    aws = dict(line["_aws"])
    [directive] = aws["CloudWatchMetrics"]
    directive = dict(directive)
    for one in directive["Metrics"]:
        name = one["Name"]
        value = line[name]
        line[name] = value if isinstance(value, list) else [value]
    directive["Metrics"] = sorted(directive["Metrics"], key=lambda one: one["Name"])
    directive["Dimensions"] = [sorted(one) for one in directive["Dimensions"]]
    aws["CloudWatchMetrics"] = [directive]
    line["_aws"] = aws
    return line


def check_metrics(line):
    ours, theirs = normal(line), normal(metrics_of_powertools(line))
    assert ours == theirs, f"{ours}\nis not\n{theirs}"


WRITTEN = io.StringIO()
# What the invocation, and nobody else, says.
CONTEXT = ["cold_start", "function_name", "function_memory_size", "function_arn", "function_request_id"]
# Where it is in the code, and what time it is.
OWN = {"location", "timestamp"}


def log_of_powertools(line):
    """The line that Powertools' logger writes for the same record of the same invocation."""

    class Context:
        function_name = line["function_name"]
        memory_limit_in_mb = line["function_memory_size"]
        invoked_function_arn = line["function_arn"]
        aws_request_id = line["function_request_id"]

    if "xray_trace_id" in line:
        os.environ["_X_AMZN_TRACE_ID"] = f"Root={line['xray_trace_id']};Parent=53995c3f42cd8ad8;Sampled=1"
    WRITTEN.seek(0)
    WRITTEN.truncate()
    logger = Logger(service=line["service"], level="DEBUG", stream=WRITTEN)

    def handler(event, context):
        logger.log(logging.getLevelName(line["level"]), line["message"])

    path = {"correlation_id_path": "id"} if "correlation_id" in line else {}
    handler = logger.inject_lambda_context(clear_state=True, **path)(handler)
    handler({"id": line.get("correlation_id")}, Context())
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    [written] = WRITTEN.getvalue().splitlines()
    return strict(written)


def check_log(line):
    time = line["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time), time
    # Python before 3.11 knows no Z.
    time = datetime.fromisoformat(time.replace("Z", "+00:00"))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - time) < timedelta(hours=1), time
    assert line["level"] in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    if "function_request_id" not in line or line["level"] == "TRACE":
        return

    # Python's name of the level; Lambda's filter knows both.
    theirs = log_of_powertools({**line, "level": line["level"].replace("WARN", "WARNING")})
    theirs["level"] = theirs["level"].replace("WARNING", "WARN")
    # It reads the text of a message that is JSON; here a message is text.
    with contextlib.suppress(ValueError):
        assert theirs["message"] == json.loads(line["message"])
        theirs["message"] = line["message"]
    assert type(line["cold_start"]) is bool
    theirs["cold_start"] = line["cold_start"]
    assert OWN <= set(theirs)
    for name, value in theirs.items():
        assert name in line, f"there is no {name} in {line}"
        assert name in OWN or line[name] == value, f"{name}: {line[name]!r} is not {value!r}"
    first = ["level", "location", "message", "timestamp", "service", *CONTEXT]
    assert list(line)[: len(first)] == first == list(theirs)[: len(first)]


counted = {"metrics": 0, "log": 0}
for text in json.load(sys.stdin):
    read = strict(text)
    try:
        if "_aws" in read:
            check_metrics(read)
            counted["metrics"] += 1
        else:
            check_log(read)
            counted["log"] += 1
    except Exception as error:
        raise RuntimeError(f"of the line {text[:2000]}") from error
print(json.dumps(counted))
