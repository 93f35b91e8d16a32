"""The chart over the queue: what was sent, deferred and failed, hour by hour, as an SVG without any script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from submission.models import QueueFlow

HOURS = 48
WIDTH, HEIGHT = 960, 120
_KINDS = ("sent", "deferred", "failed")


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the chart; ``kind`` is "sent", "deferred" or "failed"."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws; ``most`` is the number at the top, ``totals`` counts by kind."""

    bars: list[Bar]
    most: int
    since: datetime
    totals: dict[str, int]
    width: int = WIDTH
    height: int = HEIGHT


def chart(now: datetime | None = None) -> Chart:
    """The last HOURS hours; one statement."""
    until = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    since = until - timedelta(hours=HOURS - 1)
    rows = {row.at: row for row in QueueFlow.objects.filter(at__gte=since)}
    most = max((row.sent + row.deferred + row.failed for row in rows.values()), default=0)
    totals = {kind: sum(getattr(row, kind) for row in rows.values()) for kind in _KINDS}
    step = WIDTH / HOURS
    bars = []
    for at, row in sorted(rows.items()):
        x, floor = (at - since) / timedelta(hours=1) * step, float(HEIGHT)
        for kind in _KINDS:
            count = getattr(row, kind)
            height = count / most * HEIGHT if most else 0.0
            floor -= height
            if count:
                bars.append(
                    Bar(kind, round(x + 1, 1), round(floor, 1), round(step - 2, 1), round(height, 1), at, count)
                )
    return Chart(bars, most, since, totals)
