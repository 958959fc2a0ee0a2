"""Writes docs/own-family.md and its picture from the records of the study of the own family. It computes shares and intervals, and knows no model.

What has no record stands as "not run"; no number comes from anywhere but a record, those of Feng et al. 2023 apart.
"""

from pathlib import Path

from own_family_cells import CELLS, HALF, LADDER_LEVELS, ROOT, operations_a_minute
from own_family_members import ALL, members, sizes
from own_family_others import OTHERS, QUESTIONS, Other, read_others
from own_family_plot import Curve, draw
from own_family_refunds import PASSES, passes
from own_family_running import Place, Tried
from own_family_runs import recipes, runs
from own_family_shares import COSTS, NOT_RUN, Book, Wanted, costs, inside, level_of, share, table

from freehold.training.curriculum import MASTERED
from freehold.training.heavy.evaluate import wilson

FULL_MINUTES, FULL_SEEDS = 20.0, 3

PUBLISHED = (
    ("arithmetic-mod-11", "arithmetic", 4, "operators", "72.9", "96.8", "100"),
    ("arithmetic-mod-11", "arithmetic", 5, "operators", "37.4", "69.9", "99.99"),
    ("arithmetic-mod-11", "arithmetic", 6, "operators", "25.4", "49.1", "99.98"),
    ("linear-equations-mod-11", "equations", 3, "unknowns", "at most 3.8", "at most 3.8", "100"),
    ("linear-equations-mod-11", "equations", 4, "unknowns", "about 0", "about 0", "100"),
    ("linear-equations-mod-11", "equations", 5, "unknowns", "about 0", "about 0", "100"),
)
"""Feng et al. 2023 (arXiv 2305.15408): direct with 3 layers, direct with 5, with steps and 3 layers, in percent; from the logs of its four seeds."""


def write_page(place: Place, page: Path, minutes: float, seeds: int, few: int) -> None:
    """Writes the page, and the picture into `images` beside it."""
    book = Book(place.read(), seeds, {cell.name: place.faults(cell.name) for cell in ALL})
    others = read_others(place.kept.parent / "others")
    picture = page.parent / "images" / "own-family.svg"
    curves = _curves(book)
    if curves:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(draw(curves, "Sums and differences: right answers by the number of terms", trained_to=5))
    parts = [
        _head(book, minutes, seeds, operations_a_minute(place.base(ROOT / "recipes" / "nano.toml"))),
        _steps(book, pictured=bool(curves)),
        _beyond(book),
        _published(book),
        sizes(book),
        _refunds(book),
        _ladder(book),
        _reinforced(book),
        members(book),
        _beside(book, others, few),
        runs(book, seeds),
        recipes(book),
    ]
    page.write_text("\n".join(parts))


def _head(book: Book, minutes: float, seeds: int, a_minute: float) -> str:
    done = sum(len(book.of(cell.name)) for cell in ALL)
    whole = sum(cell.seeds or seeds for cell in ALL)
    command = f"`--minutes {minutes:g} --seeds {seeds}`"
    if minutes < FULL_MINUTES or seeds < FULL_SEEDS:
        said = (
            f"**This is a small run, not the study.** It was made with {command}: {minutes / FULL_MINUTES:.1%} of the budget of a cell, {seeds} of {FULL_SEEDS} "
            f"seeds, and a record of {done} of {whole} cells. What stands here shows what the study measures, and not how good the models get.\n\n"
        )
    elif done < whole:
        said = f"**The study is not whole:** of {whole} cells ({command}) {done} have been run, each with its full budget. The others are named below.\n\n"
    else:
        said = f"Made with {command}.\n\n"
    return (
        "# The own family, measured\n\n"
        + said
        + f"Written by `studies/own_family.py` from the records of its cells; what has no record is *{NOT_RUN}*. A cell is one recipe with one seed; the recipes stand "
        "at the end. Every model starts from nothing but where it is said. Its budget is arithmetic, so that a busy machine and an idle one give the same models: "
        f"{minutes:g} minutes are {minutes * a_minute:.2g} operations, by the formula of `training/plan.py` and at what `recipes/nano.toml` says that two idle cores do in a minute. Minutes on "
        "the clock, of training alone, stand beside.\n\n"
        "All shares are of right answers to items of the test split, which nothing is trained or chosen on; greedy replies, graded by the task's own grader. In brackets the "
        "95 % interval of Wilson, over items; seeds are counted together, so how seeds differ is not in it. *Proven* are right answers whose "
        "every step the task's verifier confirms.\n"
    )


def _steps(book: Book, *, pictured: bool) -> str:
    cells = [cell for cell in CELLS if cell.part == "steps"]
    head = (
        "model",
        *COSTS,
        "right, 2 to 5 terms",
        "of these proven",
    )
    rows: list[list[str]] = []
    for cell in cells:
        proven = [one for one in book.tried(cell.name, inside) if one.thinking]
        shown = share(proven, of_right=True) if proven else "no steps" if book.of(cell.name) else NOT_RUN
        rows.append([cell.about, *costs(book.of(cell.name)), book.share(cell.name, inside), shown])
    picture = "![Right answers by the number of terms](images/own-family.svg)\n\n" if pictured else ""
    return (
        "## With steps, and without\n\n"
        "`arithmetic-chains`: sums and differences of 2 to 5 numbers of up to 3 digits. The models without steps have the same shape but where it is said; what they have equal is counted "
        "on the batches themselves. Equal examples are the same problems, but for the edges of steps; their texts are shorter, so that is less work.\n\n"
        f"{table(head, rows)}\n{picture}"
        "By number of terms:\n\n"
        + table(
            ("model", *(f"{level} terms" for level in (2, 3, 4, 5))),
            ([cell.about, *(book.share(cell.name, level_of(level)) for level in (2, 3, 4, 5))] for cell in cells),
        )
    )


def _beyond(book: Book) -> str:
    cells = [cell for cell in CELLS if cell.part == "steps"]
    places: tuple[tuple[str, Wanted], ...] = (
        ("6 terms", lambda one: one.beyond and one.level == 6 and one.digits != 4),
        ("7 and 8 terms", lambda one: one.beyond and one.level > 6 and one.digits != 4),
        ("2 to 5 terms of 4 digits", lambda one: one.digits == 4),
    )
    rows = [[cell.about, *(book.share(cell.name, wanted) for _, wanted in places)] for cell in cells]
    proven = [
        share([one for one in book.tried("chains-steps", wanted) if one.thinking], of_right=True)
        for _, wanted in places
    ]
    fields = [
        [said, book.share(cell, wanted), share(book.tried(cell, wanted), of_right=True)]
        for said, cell, wanted in _FURTHER
    ]
    return (
        "## Beyond what was trained\n\nThe same models on more terms and on longer numbers than any example had.\n\n"
        + table(("model", *(name for name, _ in places)), [*rows, ["with steps: of the right ones proven", *proven]])
        + "\nThe models with steps of the next section, on more than they were taught:\n\n"
        + table(("problems", "right", "of these proven"), fields)
    )


_FURTHER: tuple[tuple[str, str, Wanted], ...] = (
    ("arithmetic-mod-11, 7 operators", "arithmetic-steps", lambda one: one.beyond and one.level == 7),
    ("arithmetic-mod-11, 8 operators", "arithmetic-steps", lambda one: one.beyond and one.level == 8),
    ("linear-equations-mod-11, 4 unknowns", "equations-steps", lambda one: one.beyond and one.level == 4),
)


def _published(book: Book) -> str:
    head = (
        "task",
        "level",
        "ours, direct",
        "ours, with steps",
        "`own/mini`, with steps, one seed",
        "Feng: direct, 3 layers",
        "Feng: direct, 5 layers",
        "Feng: with steps, 3 layers",
    )
    rows = [
        [
            task,
            f"{level} {unit}",
            _within(book, f"{cells}-direct", level),
            _within(book, f"{cells}-steps", level),
            book.share("mini", _with_steps(task, level)),
            *(f"{one} %" for one in theirs),
        ]
        for task, cells, level, unit, *theirs in PUBLISHED
    ]
    mastered = [[task, _mastered(book, name)] for task, name in _FIELDS]
    levels = [
        [task, said, *(book.share(f"{name}-{kind}", level_of(level)) for level in range(1, 7))]
        for task, name in _FIELDS
        for kind, said in (("steps", "with steps"), ("direct", "direct"))
    ]
    return (
        "## Beside the published table\n\n"
        "Feng et al. 2023 (arXiv 2305.15408) train 2.4 million weights on a million problems, 100 times over, which is far more than any cell here is given. "
        "The problems are drawn as theirs; splits are kept apart by the hash of the problem.\n\n"
        f"{table(head, rows)}\n"
        f"The hardest level that is mastered, right on at least {MASTERED:.0%} of its items and of those of all easier ones, in each seed:\n\n"
        f"{table(('task', 'with steps'), mastered)}\nLevel by level (operators, unknowns):\n\n"
        + table(("task", "model", *map(str, range(1, 7))), levels)
    )


def _with_steps(task: str, level: int) -> Wanted:
    """What was tried with steps on one level of a task."""
    return lambda one: one.thinking and one.level == level and one.task.replace("-mod-p", "-mod-11") == task


_FIELDS = (("arithmetic-mod-11", "arithmetic"), ("linear-equations-mod-11", "equations"))


def _within(book: Book, cell: str, level: int) -> str:
    """The share on a level, or why there is none."""
    records = book.of(cell)
    if records and not book.tried(cell, level_of(level)):
        return "not a level of the recipe"
    return book.share(cell, level_of(level))


def _mastered(book: Book, name: str) -> str:
    found: list[str] = []
    for record in book.of(f"{name}-steps"):
        best = 0
        for one in sorted(filter(inside, record.scores), key=lambda one: one.level):
            if one.right < MASTERED * one.items:
                break
            best = one.level
        found.append(str(best) if best else "none")
    return ", ".join(found) or NOT_RUN


def _refunds(book: Book) -> str:
    places: tuple[tuple[str, Wanted], ...] = (
        *((str(level), level_of(level)) for level in range(6)),
        ("all of these", inside),
        ("6 and 7, never trained on", lambda one: one.beyond),
    )
    rows = [
        [name, book.share("refunds", wanted), share(book.tried("refunds", wanted), of_right=True)]
        for name, wanted in places
    ]
    return (
        "## The business task\n\n`refund-policy`: 8 to 12 rules in words and a case; which of them apply, one by one, and the amount to the cent. The cell goes on from "
        "own/nano by the first pass of `own/nano-refund`, with half of its steps; what ships went through all of that pass and three more: [what nano can do](studies/nano.md).\n\n"
        + table(("rules that have an effect", "right", "of these proven"), rows)
        + f"\nSeed by seed, within the levels: {_by_seed(book, 'refunds')}.\n"
        + passes(book)
    )


def _by_seed(book: Book, cell: str) -> str:
    """Right of how many inside the levels, a seed after the other."""
    return ", ".join(
        f"{sum(one.right for one in found)} of {sum(one.items for one in found)}"
        for record in book.of(cell)
        if (found := [one for one in record.scores if inside(one)])
    )


def _ladder(book: Book) -> str:
    cells = [cell for cell in CELLS if cell.part == "ladder"]
    said = {
        "solutions": "the task's own solutions, no teacher",
        "answers": "the teacher's answers",
        "traces": "its traces, those that are proven",
        "token": "its distribution at every token of its proven traces",
        "half": "the same, with half of the operations",
        "on-policy": "from there on, its distribution at every token of what the student writes, with the other half",
    }
    rows = [
        [said[cell.about], *costs(book.of(cell.name)), book.share(cell.name, inside), _proven(book, cell.name)]
        for cell in cells
    ]
    teacher = share(book.tried("chains-steps", lambda one: inside(one) and one.level in LADDER_LEVELS))
    return (
        "## The ladder of distillation\n\n"
        "A student of half as many layers learns sums of 2 terms from the model with steps above, for equal operations of its own on every rung; what the teacher writes is not "
        f"counted, and what the student writes is. The teacher is right on {teacher} of the same. A student of answers answers at once.\n\n"
        + table(
            (
                "learns from",
                *COSTS,
                "right, 2 terms",
                "of these proven",
            ),
            rows,
        )
    )


def _reinforced(book: Book) -> str:
    rows: list[list[str]] = []
    for record in book.of("chains-grpo"):
        levels = record.recipe["mix"][0]["levels"]
        reward = "–" if record.rewards is None else f"{record.rewards[0]:.2f} to {record.rewards[1]:.2f}"
        rows.append(
            [
                str(record.seed),
                f"{levels[0]} terms",
                share(record.before),
                share(record.scores),
                share(record.scores, of_right=True),
                reward,
                f"{record.steps:,}",
                f"{record.wall:.1f}",
            ]
        )
    return (
        "## Reinforcement on a harder level\n\n"
        "These models know a level or do not, and from neither does reinforcement learn anything. So the model with steps is first shown sums of one more term, until it is right on "
        f"{HALF:.0%} of fifty validation items (cell `chains-half`; asked for is a start of 40 to 80 %), and goes on from there by GRPO alone. 8 problems a step, 8 replies each; only what the verifier proves earns a whole reward.\n\n"
        + table(
            (
                "seed",
                "level",
                "right before",
                "right after",
                "of these proven",
                "mean reward, first and last tenth",
                "steps",
                "minutes",
            ),
            rows or [[NOT_RUN] * 8],
        )
    )


def _beside(book: Book, others: dict[str, Other], few: int) -> str:
    rows: list[list[str]] = []
    for table_, levels, _ in QUESTIONS:
        task = table_["task"]
        for cell in ("chains-steps",) if task == "arithmetic-chains" else ("refunds", PASSES[-1].name):
            mine = [one for one in book.tried(cell, inside) if one.task == task and one.level in levels]
            rows.append([task, f"ours, with steps (cell `{cell}`)", share(mine), share(mine, of_right=True)])
        for name, said in OTHERS.items():
            for thinking in (True, False):
                rows.append(
                    [
                        task,
                        f"{said}, {'with steps' if thinking else 'direct'}",
                        *_asked(others.get(name), task, thinking=thinking),
                    ]
                )
    return (
        "## Beside open models\n\n"
        f"Asked through llama.cpp, served by `freehold.serving.engine` as `freehold up` does; the first {few} test items of each level, the same that begin the items of ours. "
        f"Their replies to returns may have {QUESTIONS[1][2]} tokens. They were not trained on these tasks and are shown two solved problems before each question; ours were trained on nothing else. So this says what a small model for one "
        "job can do beside a general one of a hundred times its size, and nothing of what those can do elsewhere. One that was tuned stands among the larger members.\n\n"
        + table(("task", "model", "right", "of these proven"), rows)
    )


def _asked(other: Other | None, task: str, *, thinking: bool) -> list[str]:
    if other is None:
        return [NOT_RUN, NOT_RUN]
    found = [one for one in other.scores if one.task == task and one.thinking == thinking]
    as_tried = [
        Tried(
            task=task,
            digits=0,
            level=one.level,
            thinking=thinking,
            beyond=False,
            items=one.items,
            right=one.right,
            proven=one.proven,
            unfinished=0,
            tokens=0.0,
        )
        for one in found
    ]
    return [share(as_tried), share(as_tried, of_right=True) if thinking else "no steps"]


def _proven(book: Book, cell: str) -> str:
    found = book.tried(cell, inside)
    return share(found, of_right=True) if not found or found[0].thinking else "no steps"


def _curves(book: Book) -> list[Curve]:
    """Share by terms of each model of the first part, with its interval."""
    found: list[Curve] = []
    for cell in CELLS:
        points: list[tuple[int, float, float, float]] = []
        for level in range(2, 9):
            scores = book.tried(cell.name, lambda one, level=level: one.level == level and one.digits != 4)
            items, right = sum(one.items for one in scores), sum(one.right for one in scores)
            if cell.part == "steps" and items:
                points.append((level, right / items, *wilson(right, items)))
        if points:
            found.append(Curve(cell.about, tuple(points)))
    return found
