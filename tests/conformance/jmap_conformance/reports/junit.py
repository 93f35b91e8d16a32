"""A run as JUnit XML, for build servers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from jmap_conformance.outcome import ERROR, FAILED, PASSED
from jmap_conformance.reports.record import Record

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, record: Record) -> None:
    """Put it into a file; what was not run is skipped."""
    results = record["results"]
    suite = ElementTree.Element(
        "testsuite",
        name=clean(f"JMAP conformance of {record['server']}"),
        tests=str(len(results)),
        failures=str(sum(each["status"] == FAILED for each in results)),
        errors=str(sum(each["status"] == ERROR for each in results)),
        skipped=str(sum(each["status"] not in (PASSED, FAILED, ERROR) for each in results)),
        time=str(record["seconds"]),
    )
    for each in results:
        topic, _, name = each["id"].rpartition("/")
        case = ElementTree.SubElement(suite, "testcase", classname=topic.replace("/", "."), name=name)
        case.set("time", str(each["seconds"]))
        message = clean(each["message"])
        if each["status"] in (FAILED, ERROR):
            kind = "failure" if each["status"] == FAILED else "error"
            told = f"RFC {each['rfc']} §{each['section']}: {each['requirement']}\n\n{each['message']}\n\n{each['curl']}"
            ElementTree.SubElement(case, kind, message=message, type=each["level"]).text = clean(told)
        elif each["status"] != PASSED:
            ElementTree.SubElement(case, "skipped", message=clean(f"{each['status']}: {message}"))
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return NOT_XML.sub("�", text)
