"""Dollars of a million pulls and of a thousand pushes; writes docs/cost.md."""

from tests.bench import costpage, usage, weigh
from tests.bench.cost import MILLION
from tests.bench.figures import Figure, Part, table
from tests.bench.usage import LAYERS, Measured

_THOUSAND = 1000


def measure(coldstart: Part | None) -> Part:
    """Weigh, and reckon; without the part that starts functions, starts are what they were when last measured."""
    measured = weigh.measure(coldstart.results if coldstart else Measured.read().cold_cpu_ms)
    model = costpage.current_model(measured)
    pulls, pushes = MILLION * model.dollars(measured.pull), _THOUSAND * model.dollars(measured.push)
    figures = [
        Figure(
            f"dollars of a million pulls of {LAYERS} layers, without egress",
            "ECR does not say",
            f"at most {costpage.REACH}",
            f"{pulls:.2f}",
            pulls <= costpage.REACH,
        ),
        Figure("dollars of a thousand pushes of them", "ECR does not say", "published", f"{pushes:.2f}", met=True),
    ]
    rows = [
        (component, f"{pull:.2f}", f"{push:.3f}")
        for component, pull, push in _components(
            {line.component: line.dollars for line in model.lines(measured.pull)},
            {line.component: line.dollars for line in model.lines(measured.push)},
        )
    ]
    section = f"""\
## Dollars

{table(("component", "a million pulls", "a thousand pushes"), rows)}
The arithmetic, the prices, what other front doors would change and what an idle registry costs: [cost.md](cost.md).
"""
    return Part(figures, section, files={usage.DATA: measured.text(), costpage.PAGE: costpage.render(model, measured)})


def _components(pull: dict[str, float], push: dict[str, float]) -> list[tuple[str, float, float]]:
    return [
        (name, MILLION * pull.get(name, 0), _THOUSAND * push.get(name, 0)) for name in dict.fromkeys([*pull, *push])
    ]
