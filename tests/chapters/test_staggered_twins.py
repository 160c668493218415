"""Chapter 1's twins on one side, on records made by hand."""

from dataclasses import replace
from types import SimpleNamespace

from grokbook.chapters import staggered_controls as controls
from grokbook.chapters import staggered_twins as twins
from grokbook.config import RunConfig
from made_records import grokking as run

APART = "With a pair and its twins on one side of the split and"


def test_what_becomes_of_the_order_is_said():
    runs = [run(1, {"add": 1_000, "mul": 400}), run(2, {"add": 600, "mul": 600})]
    assert twins.result(runs) == f"{APART} 2 tasks, mul is strictly first in 1 of 2 runs."
    turned = [run(seed, {"add": 400, "mul": 500}) for seed in (1, 2)]
    assert twins.result(turned) == (
        f"{APART} 2 tasks, mul is strictly first in 0 of 2 runs; add → mul holds in 2."
    )
    assert twins.result([]) == ""


def test_a_task_that_does_not_grok_is_said_with_its_budget_and_how_far_it_comes():
    part = run(2, {"add": 400, "mul": None})
    part.metrics.loc[3, "test_accuracy_mul"] = 0.25
    said = twins.result([run(1, {"add": 400, "mul": 500}), part])
    assert said.endswith(
        "; mul does not grok in 1 of 2 runs within 1,900 steps, with 25 % of its test pairs right "
        "at best."
    )
    # where no run tells an order, that much is said all the same
    lost = twins.result([run(1, {"add": None, "mul": None})])
    assert "strictly first" not in lost and "mul does not grok in 1 of 1 run " in lost
    short = run(3, {"add": 400, "mul": None})
    short.metrics.drop(short.metrics.index[10:], inplace=True)
    assert "within 900 steps or more" in twins.result([part, short])


def test_twins_on_one_side_leave_fewer_questions():
    own = run(1, {"add": 400, "sq": 500})
    other = replace(own, config=replace(own.config, split="symmetric"))
    table = twins.questions([run(2, {"add": 400, "sq": 500}), own], [other])
    # modulo 5, without 0: sums of two of four numbers; two of the squares 1 and 4
    assert list(table["distinct questions"]) == ["10", "3"]
    for task, row in zip(("add", "sq"), table.itertuples(index=False), strict=True):
        for record, shown in ((own, row[1]), (other, row[2])):
            pairs = record.table.pairs[record.table.trained].tolist()
            if task == "sq":
                pairs = [[min(x, -x % 5) for x in pair] for pair in pairs]
            assert shown == str(len({tuple(sorted(pair)) for pair in pairs}))
    assert twins.questions([own], []).empty
    assert twins.questions([run(2, {"add": 400, "sq": 500})], [other]).empty


def test_tasks_alone_in_that_split():
    assert twins.alone_result([]) == ""
    runs = [run(1, {"add": 400}), run(2, {"add": 600}), run(1, {"sq": None})]
    assert twins.alone_result(runs) == (
        "Alone in that split, add groks in 2 of 2 runs, after 400 to 600 steps; sq does not grok "
        "in 1 of 1 run within 1,900 steps, with less than 0.1 % of its test pairs right at best."
    )
    page = [
        SimpleNamespace(config=RunConfig(tasks=("add", "mul"), seed=1, weight_decay=decay))
        for decay in (1.0, 0.0)
    ]
    wanted = twins.alone_apart(page)
    assert [(c.tasks, c.split, c.domain) for c in wanted] == [
        ((task,), "symmetric", "nonzero") for task in ("add", "mul")
    ]
    assert controls.lacking(wanted, [], "singles", "split=symmetric").endswith(
        "`grokbook study singles --set split=symmetric`.*"
    )
