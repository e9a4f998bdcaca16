"""How well the rules that watch the watchers tell planted abusers from thirty people at work, on months that none of them was tuned on.

    python -m tests.bench.bench_review [--months 100] [--first 1000]

A month is thirty days of thirty people at work, and of five abusers. Limits: each abuser within 7 days, one false alarm in a month.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.bench.report import Row, publish
from tests.staff_months import INCIDENTS_A_DAY, STAFF, Score, a_month, score

LIMIT_DAYS = 7
FALSE_ALARMS_A_MONTH = 1.0
FALSE = f"in_{STAFF}_staff_months"
BUSIER = (*INCIDENTS_A_DAY[:-1], 1.0, 1.2)
"""Some look into an incident on every working day: more than the limit is meant for, to show how the rules give way."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench_review", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--months", type=int, default=100)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first month; those below 100 were used for tuning")
    wanted = parser.parse_args()
    seeds = range(wanted.first, wanted.first + wanted.months)
    scores, busier = [score(a_month(seed)) for seed in seeds], [score(a_month(seed, incidents_a_day=BUSIER)) for seed in seeds]
    return publish("review", [*_abusers(scores), *_false_alarms(scores), _of_all("the same, staff busier", busier)])


def _abusers(scores: Sequence[Score]) -> Iterator[Row]:
    for kind in scores[0].flagged:
        days = [one.flagged[kind] for one in scores]
        known = [day for day in days if day is not None]
        late = len([day for day in known if day > LIMIT_DAYS]) + days.count(None)
        yield {
            "what": kind,
            "months": len(scores),
            "within_7_days": len(scores) - late,
            "days_median": sorted(known)[len(known) // 2] if known else -1,
            "days_longest": max(known, default=-1),
            "ratio_to_limit": float(2 if late else 1),
        }


def _false_alarms(scores: Sequence[Score]) -> Iterator[Row]:
    rules = Counter(one.finding.rule.value for month in scores for one in month.false_alarms)
    for rule, count in sorted(rules.items()):
        yield {"what": f"false alarms: {rule}", "months": len(scores), FALSE: count / len(scores)}
    row = _of_all("false alarms in all", scores)
    yield row | {"ratio_to_limit": float(row[FALSE]) / FALSE_ALARMS_A_MONTH}


def _of_all(what: str, scores: Sequence[Score]) -> Row:
    return {"what": what, "months": len(scores), FALSE: sum(len(month.false_alarms) for month in scores) / len(scores)}


if __name__ == "__main__":
    sys.exit(main())
