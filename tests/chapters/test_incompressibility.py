"""Chapter 4: executed for real at small parameters, and its sentences on runs made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

import made_records as cases
from figure_checks import y_titles_fit_a_phone
from grokbook.chapters import incompressibility as chapter
from grokbook.chapters import incompressibility_tables as tables
from grokbook.chapters import incompressibility_words as words
from grokbook.checks import ConfigError
from grokbook.claims.registry import claims
from grokbook.config import RunConfig
from grokbook.figures import incompressibility as draw
from grokbook.instruments.runs import Run
from grokbook.studies.asking import MissingRun
from grokbook.widgets import Incompressibility
from grokbook.widgets.from_surgeries import surgery

NOTEBOOK = "04_incompressibility"
SMALL = {
    "settings": ["dual"],
    "modulus": 23,
    "width": 32,
    "weight_decays": [0.8],
    "seeds": [3],
    "learning_rate": 0.003,
    "steps": 400,
}


# --- the notebook


@pytest.mark.slow
@pytest.mark.long(120)
def test_small_parameters_train_measure_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = [kind for o in outputs if "data" in o for kind in o["data"]]
    assert kinds.count("application/vnd.plotly.v1+json") == 3
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    text = json.dumps(outputs, ensure_ascii=False)
    assert "**What we find.** No run here groks, so there is no solution to compress" in text
    assert "not measured yet" not in text  # all was measured now
    assert "own first, rest random" in text
    assert "so with others they are withheld" in text
    assert "its finding is not checked here" in text
    assert "add + mul, λ = 0.8, p = 23" in text


def test_a_missing_run_is_an_error_where_training_is_refused(attempt):
    with pytest.raises(MissingRun, match="is not recorded with all its measurements"):
        attempt(NOTEBOOK, SMALL, train=False)


def test_too_few_steps_are_refused_before_anything_is_trained():
    with pytest.raises(ConfigError, match="steps must be 400 or more .* not 300"):
        chapter.plan(BOTH, 300)
    assert chapter.plan(BOTH, 400).steps == 400


# --- runs made by hand, with answers that are known


BOTH = RunConfig(tasks=("add", "mul"), seed=42)
SCALES, SHARES, RANKS = (0.9, 0.95, 1.0), (0.5, 0.8, 1.0), (32, 64, 128)
FAMILIES = {"scaling": SCALES, "pruning": SHARES, "truncation": RANKS}


def reconstruction(stars, *, k_max=12, last=0.4):
    """Basis ↦ k*: every task is at 95 % from there on, at 5 % before; mul one point above."""
    rows = []
    for variant, star in stars.items():
        for k in range(1, k_max + 1):
            good = star is not None and k >= star
            for task, more in (("add", 0.0), ("mul", 0.01)):
                value = (0.95 if good else 0.05) + more
                rows.append((600, "test_accuracy", task, variant, k, value))
            rows += [
                (600, "change", "", variant, k, 1 / k),
                (600, "captured", "", variant, k, 1 - 1 / k**2),
            ]
        rows.append((600, "threshold", "", variant, k_max, np.nan if star is None else star))
    rows += [(600, "spectrum", "", "published", k, 0.5**k) for k in range(1, k_max + 1)]
    rows += [(600, "test_accuracy", task, "last seen", np.nan, last) for task in ("add", "mul")]
    return cases.measured("reconstruction", rows)


STARS = {
    "published": 6,
    "held-out": None,
    "centred": 5,
    "other seed": None,
    "published, random": None,
    "published, noise": 11,
    "published, noise by tensor": 8,
}
NEW = {"published, own first": None, "published, own lengths": None, "published, mixtures": 12}


def compression(published=0.01, corrected=0.98, other=0.02):
    """The same accuracy at every depth but the last, which cuts nothing."""
    levels = {
        "published": published,
        "published, noise": 0.03,
        "published, noise by tensor": 0.04,
        "published, other init": other,
        "corrected": corrected,
        "corrected, noise": 0.5,
        "corrected, noise by tensor": 0.9,
    }
    rows = []
    for family, depths in FAMILIES.items():
        for place, depth in enumerate(depths):
            for variant, level in levels.items():
                whole = place == 2
                for task, more in (("add", 0.0), ("mul", 0.01)):
                    value = 0.99 if whole else level + more
                    rows.append((600, f"{family}_test_accuracy", task, variant, depth, value))
                if "noise" not in variant:
                    size = {"corrected": 0.05}.get(variant, 0.15) * (2 - place)
                    rows.append((600, f"{family}_change", "", variant, depth, size))
    for test in ("remove", "keep"):
        for module in range(4):
            for variant, level in levels.items():
                for task in ("add", "mul"):
                    name = f"{test}_test_accuracy"
                    rows.append((600, name, task, variant, module, level + 0.1 * module))
    return cases.measured("compression", rows)


def made(seed, *measurements, tasks=("add", "mul"), groks=(600, 500)):
    config = RunConfig(tasks=tasks, seed=seed)
    record = cases.Record(config, dict(zip(("add", "mul"), groks, strict=True)), last=1100)
    record.table = config.table()
    return Run(f"{config.id}-{seed}", record, measurements)


@pytest.fixture(scope="module")
def runs():
    """Two that were measured by all, one by reconstruction alone, before it had fair nulls."""
    return [
        made(42, reconstruction(STARS | NEW), compression()),
        made(137, reconstruction(STARS | NEW | {"published": 7}), compression(published=0.03)),
        made(2024, reconstruction(STARS | {"held-out": 12}, last=0.6)),
    ]


def test_what_was_measured_on_which_run(runs):
    assert chapter.measured_by(runs, "compression") == runs[:2]
    assert chapter.measured_by(runs, "reconstruction") == runs


def test_thresholds_are_those_of_the_rows(runs):
    found = chapter.thresholds(runs)["dual, λ = 1"]
    assert found["published"] == [6, 7, 6]
    assert found["held-out"] == [None, None, 12]
    assert found["published, own first"] == [None, None]  # of the two that have it
    assert found["published, mixtures"] == [12, 12]
    assert list(chapter.thresholds(runs)) == ["dual, λ = 1"]
    table = tables.threshold_table(runs, claims("multitask", "incompressibility"))
    (name,) = table.columns
    assert table.loc["published mean", name] == "6.3"
    assert table.loc["the whole path, as published", name].startswith("6.33 [")
    assert table.loc["the whole path, as published", name].endswith("]; 3 of 3 runs")
    assert table.loc["without the path's last tenth", name] == "12; 1 of 3 runs"
    assert table.loc["another seed's path", name] == "0 of 3 runs"
    assert table.loc["own first, rest random", name] == "0 of 2 runs"
    assert table.loc["embedding left alone", name] == "–"  # measured on none


def test_cuts_are_means_over_tasks_with_the_size_of_their_protocol(runs):
    found = chapter.cuts(runs)
    assert len(found) == 2 * 3 * 7 * 3
    (one, two) = chapter.opening(found, "scale", "published")
    assert one.accuracy == pytest.approx(1.5, rel=1e-5) and one.depth == 0.95
    assert two.accuracy == pytest.approx(3.5, rel=1e-5)
    assert one.change == pytest.approx(0.15, rel=1e-5)
    (noise, _) = chapter.opening(found, "scale", "corrected, noise")
    assert noise.change == pytest.approx(0.05, rel=1e-5)
    assert noise.accuracy == pytest.approx(50.5, rel=1e-5)
    table = tables.cut_table(runs)
    names = ["scaled by 0.95", "scaled by 0.9", "80 % kept", "50 % kept", "rank 64", "rank 32"]
    assert table.index.tolist() == names  # of those to show, two scalings were not measured
    assert table.loc["rank 64", "as published"].startswith("2.5 [") and set(table["n"]) == {2}
    assert table.loc["80 % kept", "the weights themselves"].startswith("98.5")
    assert len(table.columns) == 4 and table.columns.name == "accuracy (%)"
    moved = tables.change_table(runs)
    assert len(moved) == 2 * len(names) and set(moved["n"]) == {2}
    ours = moved.loc["scaled by 0.95, of the weights themselves"]
    assert ours["weights move by (%)"].startswith("5")
    assert ours["noise as large in every tensor (%)"].startswith("90.5")
    assert ours["noise as large in all (%)"].startswith("50.5")
    theirs = moved.loc["scaled by 0.95, as published"]
    assert theirs["weights move by (%)"].startswith("15")
    assert theirs["accuracy (%)"].startswith("2.5 [")
    assert len(tables.change_table(runs[2:])) == len(tables.cut_table([])) == 0  # none was cut


def test_modules_stand_beside_noise_in_the_same_tensors(runs):
    found = chapter.modules(runs)
    assert list(found)[:4] == [
        ("remove", name) for name in ("other", "block 0", "block 1", "heads")
    ]
    heads = found["remove", "heads"]
    assert heads["published"] == pytest.approx([31, 33], rel=1e-5)
    assert heads["published, noise by tensor"] == pytest.approx([34, 34], rel=1e-5)
    table = tables.module_table(runs[:1])
    assert table.loc["heads"]["test accuracy (%)"].tolist() == ["31", "31"]
    rest = "rest: embedding, positions, last normalisation"  # "other" says nothing to a reader
    assert list(dict.fromkeys(table.index)) == [rest, "block 0", "block 1", "heads"]


def test_the_finding_says_what_the_runs_say(runs):
    said = words.finding(runs)
    assert said == (
        "\n\n- 5 % less of what training moved leaves 2.5 % of the test answers right (mean of 2 "
        "runs); "
        "5 % less of the weights themselves leaves 98.5 %: at this depth only the published form "
        "does harm. The published form puts initial weights back that decay had erased; another "
        "seed's, which this run never saw, leave 2.5 %.\n- The two are not changes of one size: "
        "the "
        "published one moves the weights by 15 % of their length, the other by 5 %. Noise as large "
        "as the published one leaves 3.5 % (spread over all weights) and 4.5 % (in every tensor): "
        "its size alone is enough, without any initial weights. Scaled down further, the weights "
        "themselves keep 98.5 % at a move of 10 %.\n- 6 to 7 directions of the whole path "
        "rebuild the "
        "network in 3 of 3 runs; without the path's last tenth no number tried does in 2 of 3."
    )


@pytest.mark.parametrize(
    ("published", "corrected", "clause", "blamed"),
    [
        (0.01, 0.98, "at this depth only the published form does harm", True),
        (0.01, 0.30, "the published form does more harm, but not all of it", False),
        (0.92, 0.95, "neither does harm", False),
        (0.20, 0.25, "either way the network is fragile", False),
    ],
)
def test_no_more_is_said_than_the_two_cuts_show(published, corrected, clause, blamed):
    """A network that keeps a third of its answers is not one that the cut leaves unharmed."""
    said = words.finding([made(42, compression(published, corrected))])
    assert clause in said and ("puts initial weights back" in said) is blamed
    assert ("its size alone is enough" in said) is (published < 0.9)


def test_changes_of_one_size_are_said_to_be_so():
    found = chapter.cuts([made(42, compression())])
    same = [replace(cut, change=0.15) for cut in found if cut.depth > 0.9]
    assert words.of_one_size(same) == (
        "The published one moves the weights by 15 % of their length, the other by 15 %. Noise as "
        "large as the published one leaves 3.5 % (spread over all weights) and 4.5 % (in every "
        "tensor): its size alone is enough, without any initial weights."
    )
    harmless = [
        replace(cut, accuracy=80.0) if cut.protocol.startswith("published, noise") else cut
        for cut in same
    ]
    assert words.of_one_size(harmless).endswith("80.0 % (in every tensor).")


def test_the_finding_turns_with_the_data():
    broken = made(42, reconstruction(STARS | {"published": None}), compression(corrected=0.02))
    said = words.finding([broken])
    assert "either way the network is fragile" in said and "directions" not in said
    alone = made(42, reconstruction(STARS))
    assert words.finding([alone]).startswith(
        "6 directions of the whole path rebuild the network in the one run; without the path's "
        "last tenth no number tried does."
    )
    held = made(42, reconstruction(STARS | {"held-out": 9}))
    assert words.finding([held]).endswith("in the one run; without the path's last tenth 9 do.")
    assert words.finding([held, held]).endswith("last tenth some number does in all 2.")
    assert words.finding([alone, alone]).endswith(
        "no number tried does in 2 of 2, as it must where the end of a path is not in its "
        "beginning."
    )
    one = tables.threshold_table([alone], claims("multitask", "incompressibility"))
    assert one.loc["the whole path, as published"].tolist() == ["6; the one run"]
    assert one.loc["another seed's path"].tolist() == ["not the one run"]
    some = [alone, made(137, reconstruction(STARS | {"published": None}))]
    assert words.finding(some).startswith(
        "6 directions of the whole path rebuild the network in 1 of 2"
    )
    assert words.finding([]) == "Nothing of this page has been measured yet."


def test_what_has_only_memorised_is_no_solution_to_compress():
    never = made(42, reconstruction(STARS), compression(0.01, 0.02), groks=(None, None))
    assert words.finding([never]).startswith("No run here groks, so there is no solution")
    half = made(137, compression(0.20, 0.25), groks=(None, 500))
    assert "fragile" in words.finding([half]) and "fragile" in words.finding([never, half])


def test_what_is_missing_is_said_with_its_command(runs):
    assert words.missing(runs) == (
        "*Scale, entries, rank and modules: not measured yet on one run; `grokbook measure dual "
        "--instruments compression` does it.* *The run's own first direction with random: not "
        "measured yet on one run; `grokbook measure dual --instruments reconstruction` does it.*"
    )
    assert words.missing(runs[:2]) == ""
    three = made(42, reconstruction(STARS | NEW), tasks=("add", "mul", "sq"))
    assert words.missing([three]) == ""  # three tasks are compressed nowhere


def test_where_the_held_out_path_ends(runs):
    assert words.last_seen(runs[:2]).startswith(
        "Where the held-out path ends, the network itself answers 40.0 % (dual, λ = 1, 2 runs) of"
    )
    assert "46.7 % (dual, λ = 1, 3 runs)" in words.last_seen(runs)
    assert words.last_seen([]) == ""


def test_the_guard(runs):
    with pytest.raises(AssertionError, match="dual, λ = 1: a path held out rebuilds it now"):
        chapter.guard(runs)
    assert chapter.guard(runs[:2]) is None
    with pytest.raises(AssertionError, match="no run of the chapter was compressed"):
        chapter.guard(runs[2:])
    for other in ({"published": 0.3}, {"corrected": 0.5}):
        broken = made(7, reconstruction(STARS), compression(**other))
        with pytest.raises(AssertionError, match="the scale no longer tells the protocols apart"):
            chapter.guard([broken])
    lost = made(7, reconstruction(STARS | {"published": None}), compression())
    with pytest.raises(AssertionError, match="the whole path does not rebuild"):
        chapter.guard([lost])


def test_a_run_becomes_a_surgery(runs):
    one = surgery(runs[0])
    assert list(one.cuts) == ["scale", "share", "rank", "directions"]
    cut = one.cuts["scale"]
    assert cut.at.tolist() == list(SCALES)
    assert cut.accuracy["published"][:, 1] == pytest.approx([0.01, 0.02], rel=1e-5)
    assert cut.accuracy["control"][:, 1] == pytest.approx([0.98, 0.99], rel=1e-5)
    assert cut.accuracy["other"][:, 1] == pytest.approx([0.02, 0.03], rel=1e-5)
    assert cut.change["control"] == pytest.approx([0.1, 0.05, 0], rel=1e-5, abs=1e-9)
    assert cut.noise["control"][:, 1] == pytest.approx([0.5, 0.51], rel=1e-5)
    assert cut.noise["published"][:, 1] == pytest.approx([0.03, 0.04], rel=1e-5)
    directions = one.cuts["directions"]
    assert directions.accuracy["control"].max() < 0.1 < directions.accuracy["published"].max()
    assert directions.spectrum["published"] == pytest.approx(0.5 ** np.arange(1, 13), rel=1e-5)
    assert directions.noise["control"] == pytest.approx(directions.noise["published"])
    assert "other" not in surgery(runs[2]).cuts["directions"].accuracy
    assert list(surgery(runs[2]).cuts) == ["directions"] and one.shown is None
    ordered = chapter.surgeries([runs[2], runs[0]])
    assert [each.seed for each in ordered] == [42, 2024]
    assert Incompressibility(ordered).cut == "scale"


def test_a_short_path_has_fewer_directions_without_its_end():
    rows = reconstruction({"published": 2, "published, noise": 3}, k_max=4).rows
    short = reconstruction({"held-out": None}, k_max=2).rows
    short = short[short["variant"] == "held-out"]
    import pandas as pd

    whole = reconstruction(STARS)
    both = pd.concat([rows, short], ignore_index=True)
    one = surgery(made(42, replace(whole, rows=both)))
    assert one.cuts["directions"].at.tolist() == [1, 2]


def test_figures_hold_the_numbers(runs):
    published = tables.published_thresholds(claims("multitask", "incompressibility"))
    assert published["dual, λ = 1"] == 6.3 and published["tri, λ = 0.1"] == 6.0
    ours, theirs = draw.thresholds(chapter.thresholds(runs), published).data
    dots = list(zip(ours.x, ours.y, strict=True))
    assert dots.count((6, "the whole path, as published")) == 2
    assert dots.count((draw.BEYOND, "without the path's last tenth")) == 2
    assert (list(theirs.x), list(theirs.y)) == ([6.3], ["the whole path, as published"])
    found = chapter.cuts(runs)
    figure = draw.same_size(found)
    counts = {trace.name: len(trace.x) for trace in figure.data}
    assert counts["noise of that size in all"] == counts["the same in every tensor"] == 2 * 2 * 9
    assert counts["scaled, as published"] == 6
    variants = ["published", "held-out", "published, own first", "published, mixtures"]
    (curves,) = chapter.curves(runs, variants).values()
    assert [len(curves[name]) for name in variants] == [3, 3, 2, 2]
    assert curves["published"][0][:7].tolist() == pytest.approx([5.5] * 5 + [95.5] * 2, rel=1e-5)
    for empty in (draw.thresholds({}, published), draw.same_size([]), draw.rebuilt({})):
        assert all(not len(trace.x or ()) for trace in empty.data)


def test_runs_at_never_are_filled_and_settings_stand_side_by_side():
    """Hollow is what was published."""
    never = {"published": [6, None], "held-out": [None, None]}
    figure = draw.thresholds({"dual, λ = 1": never, "tri, λ = 1": never}, {})
    dual, tri = figure.data
    assert (dual.marker.symbol, tri.marker.symbol) == ("circle", "square")
    assert set(dual.x) - {6} == {draw.BEYOND - 0.9} and set(tri.x) - {6} == {draw.BEYOND + 0.9}
    for settings in range(1, 5):
        figure = draw.thresholds({f"{k}": never for k in range(settings)}, {})
        places = [max(trace.x) for trace in figure.data]
        assert len(set(places)) == settings and min(places) > 20
        assert max(places) < figure.layout.xaxis.range[1]


def test_each_kind_of_random_directions_has_a_panel_of_its_own_in_every_setting(runs):
    variants = ["published", "held-out", "published, own first", "published, mixtures"]
    found = chapter.curves(runs, variants)
    one = {variant: each[:1] for variant, each in found["dual, λ = 1"].items()}
    figure = draw.rebuilt(found | {"tri, λ = 1": one})
    titles = [note.text for note in figure.layout.annotations]
    assert titles == [
        "own first, rest random<br>dual, λ = 1, 2 runs",
        "own first, rest random<br>tri, λ = 1, one run",
        "random mixtures<br>dual, λ = 1, 2 runs",
        "random mixtures<br>tri, λ = 1, one run",
    ]
    panels = {}
    for trace in figure.data:
        panels.setdefault(trace.xaxis, []).append(trace)
    for lines, (band, *own) in zip((6, 2, 6, 2), panels.values(), strict=True):
        assert band.fill == "toself" and len(own) == lines
        assert [line.line.dash for line in own] == ["dash"] * (lines // 2) + ["solid"] * (
            lines // 2
        )
    assert y_titles_fit_a_phone(figure) and y_titles_fit_a_phone(draw.same_size(chapter.cuts(runs)))
    keys = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert len(keys) == len(set(keys)) == 3  # every look is named once
    alone = draw.rebuilt(chapter.curves(runs[2:], variants))  # without any random ones
    assert [note.text for note in alone.layout.annotations] == ["dual, λ = 1, one run"]
    assert len(alone.data) == 2
