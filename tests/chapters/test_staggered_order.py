"""Chapter 1: executed for real at small parameters, and its sentences on known runs."""

import json
from dataclasses import replace

import numpy as np
import papermill
import pytest

import made_records
from grokbook.chapters import asked
from grokbook.chapters import staggered_leaks as leaks
from grokbook.chapters import staggered_order as chapter
from grokbook.chapters import staggered_published as theirs
from grokbook.chapters import staggered_tables as tables
from grokbook.checks import ConfigError
from grokbook.claims.registry import claims
from grokbook.config import RunConfig
from grokbook.publishing.parameters import ParameterError
from grokbook.studies.finishing_order import LeakTest
from grokbook.studies.settings import TASKS

NOTEBOOK = "01_staggered_order"
SMALL = {
    "settings": ["dual"],
    "modulus": 23,
    "width": 32,
    "weight_decays": [0.8],
    "seeds": [3],
    "learning_rate": 0.003,
    "steps": 200,
    "seeds_without_decay": None,
}


@pytest.mark.slow
@pytest.mark.long(25)
def test_small_parameters_train_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = {kind for o in outputs if "data" in o for kind in o["data"]}
    assert "application/vnd.plotly.v1+json" in kinds
    assert "application/vnd.jupyter.widget-view+json" in kinds
    text = json.dumps(outputs, ensure_ascii=False)
    assert "no task groks in any run at hand" in text  # 200 steps are too few, and it says so
    assert "its finding is not checked here" in text
    assert "trained now" in text
    again = execute(NOTEBOOK, SMALL, train=False)  # now it is in the store
    assert "trained now" not in json.dumps(again.cells)


def test_a_missing_run_is_an_error_where_training_is_refused(execute):
    with pytest.raises(papermill.PapermillExecutionError, match="is not recorded"):
        execute(NOTEBOOK, SMALL, train=False)


def test_an_unknown_parameter_is_refused_by_the_chapter_itself(attempt):
    with pytest.raises(
        ParameterError,
        match=r"unknown parameter wieght_decays.*known are: settings",
    ):
        attempt(NOTEBOOK, {"wieght_decays": [0.8]}, train=False)


def test_wanted_runs():
    configs = asked.wanted(
        ["dual", "tri"],
        [1.0],
        [42, 137, 2024],
        modulus=97,
        learning_rate=1e-3,
        seeds_without_decay=[42],
    )
    from grokbook.studies import settings

    assert {c.id for c in configs} == {c.id for c in settings.configs()}
    with pytest.raises(ConfigError, match="unknown setting 'quad'; known settings: dual, tri"):
        asked.wanted(["quad"], [1.0], [1], modulus=97, learning_rate=1e-3)


def test_the_finding_counts_what_is_there():
    said = chapter.finding(made_records.DUAL)
    assert said == (
        "Orders are counted by the rule 98 % × 3.\n\n"
        "- With 2 tasks at weight decay 1, mul is strictly first in 1 of 4 runs (as many by "
        "chance alone: 87.5 %)."
    )


def test_the_finding_says_what_further_executions_do():
    again = [*made_records.DUAL, *made_records.DUAL[:1]]
    said = chapter.finding(made_records.DUAL, (), again)
    first = "mul is strictly first in"
    assert f"{first} 1 of 4 runs" in said
    steps = [[record.grok_step(task, "0.98x3") for task in ("mul", "add")] for record in again]
    wanted = sum((mul or np.inf) < (add or np.inf) for mul, add in steps)
    seeds = len({record.config.seed for record in again})
    assert said.endswith(
        "\n- Carried out again by other arithmetic, which rounds differently: with 2 tasks at "
        f"weight decay 1, {first} {wanted} of {len(again)} ({seeds} seeds)."
    )


def test_the_finding_counts_all_weight_decays_together():
    page = made_records.DUAL[:2]
    weaker = [
        replace(record, config=replace(record.config, weight_decay=0.5))
        for record in made_records.DUAL[2:]
    ]
    said = chapter.finding(page, [*page, *weaker])
    assert said.endswith(
        "\n- With 2 tasks, over the 2 weight decays with runs (1 and 0.5), mul is strictly first "
        "in 1 of 4, tied for first in 1, behind another task in 2."
    )
    assert "over the" not in chapter.finding(page, page)
    first = made_records.DUAL[:1]
    again = [replace(first[0], config=replace(first[0].config, weight_decay=0.5))]
    assert chapter.finding(first, again).endswith("mul is strictly first in 2 of 2.")
    three = made_records.record(5, {"add": 600, "mul": 400, "sq": 500})
    other = replace(three, config=replace(three.config, weight_decay=0.5))
    said = chapter.finding([three], [other])
    assert said.endswith("; the full order holds in 2 of 2.")
    assert "\n- With 3 tasks, over the 2 weight decays" in said and said.count("\n- ") == 2


def test_runs_without_decay_beyond_the_page_are_counted():
    never = [made_records.record(seed, {"add": None, "mul": None}) for seed in (5, 6, 7)]
    page, *more = [replace(r, config=replace(r.config, weight_decay=0.0)) for r in never]
    said = "Without weight decay, {} did not grok within 1,900 steps."
    assert chapter.finding([page]).endswith(said.format("1 of 1 run"))
    assert chapter.finding([page], [page, *more]).endswith(said.format("3 of 3 runs"))


def test_what_is_one_evaluation_later_is_counted_apart():
    one = LeakTest("add", "one", 9, 5, 0.9, 500, 600, 400.0, 500.0, 0.95)
    far, not_later = replace(one, control=900), replace(one, control=500)
    said = leaks.leak_sentence([one, far, not_later])
    assert (
        "(add: 2 of 3); 1 of 2 of these is one evaluation later than the step on all test pairs, "
        "the least that can be seen. Where it is reached" in said
    )
    assert "the least" not in leaks.leak_sentence([far])


def test_tables_hold_every_run_and_published_number():
    table = tables.order_table(made_records.DUAL)
    assert table.loc["dual, 98 % × 3", "mul first"] == "1 of 4"
    steps = theirs.published_steps(claims())
    dual, tri = (RunConfig(tasks=tasks, seed=42) for tasks in TASKS.values())
    assert steps[dual.id] == {"add": 16_400, "mul": 16_300}
    assert steps[tri.id]["sq"] == 24_800
    chapter_claims = claims(chapter="staggered-order")
    listed = theirs.published_list(chapter_claims)
    assert all(name in listed for name in chapter_claims)
    assert "13,333 ± 2,620 steps" in listed and "dual: 3 of 3; tri: 3 of 3 at λ = 1" in listed
