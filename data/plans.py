"""What each plan allows: the plan × limit table of plans.toml, read once and checked to be complete.

Asked inside every action, as `data.permissions` is; a role that may do something still needs a plan that has it.
"""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

from data.words import Plan


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one plan has."""

    imports: bool
    boosts: bool
    follow_ups: bool


def allowance(plan: Plan) -> Allowance:
    """What `plan` has."""
    return allowances()[plan]


@cache
def allowances() -> dict[Plan, Allowance]:
    """The whole table. Raises ValueError when the file misses a plan or a limit, or names one that is not known."""
    table = tomllib.loads(resources.files("data").joinpath("plans.toml").read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(Allowance)}
    for plan in Plan:
        found = set(table.get(plan.value, {}))
        if found != wanted:
            raise ValueError(
                f"plans.toml, [{plan.value}]: found {', '.join(sorted(found)) or 'nothing'}, "
                f"expected {', '.join(sorted(wanted))}"
            )
    return {Plan(name): Allowance(**limits) for name, limits in table.items()}


def without_follow_ups() -> frozenset[Plan]:
    """The plans that send the first message of a sequence and no more."""
    return frozenset(plan for plan, has in allowances().items() if not has.follow_ups)


def plan_name(plan: Plan) -> str:
    """As people say it: "Free Trial"."""
    return plan.value.replace("_", " ").title()
