"""Probes: scikit-learn's own pipelines, planted targets, shrinkage, and splits by hand."""

import sys

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from grokbook.geometry.probe_splits import folds, split
from grokbook.geometry.probes import MLP, PENALTIES, probe, r_squared, standardised


@pytest.fixture(scope="module")
def tokens():
    """600 tokens of 60 strings: features, a linear target, and one made of products."""
    generator = np.random.default_rng(0)
    strings = np.repeat(np.arange(60), 10)
    x = generator.normal(size=(600, 8)) * np.geomspace(0.1, 3, 8)
    x += 0.1 * generator.normal(size=(60, 8))[strings]
    line = x @ np.linspace(-1, 1, 8) + 0.2 * generator.normal(size=600)
    product = x[:, 6] * x[:, 7] + 0.1 * generator.normal(size=600)
    return x, line, product, strings


def interactions():
    return PolynomialFeatures(2, interaction_only=True, include_bias=False)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["linear", "quadratic", "mlp"])
def test_raw_is_the_published_protocol(tokens, kind):
    x, _, product, strings = tokens
    parts = split(strings, by="token", seed=1)
    model = {
        "linear": Ridge(alpha=1.0),
        "quadratic": make_pipeline(interactions(), Ridge(alpha=10.0)),
        "mlp": MLPRegressor(
            hidden_layer_sizes=(64,),
            alpha=0.01,
            max_iter=500,
            early_stopping=True,
            validation_fraction=0.15,
            random_state=42,
        ),
    }[kind]
    model.fit(x[parts.train], product[parts.train])
    found = probe(x, product, strings, parts, kind=kind, form="raw")
    expected = r2_score(product[parts.test], model.predict(x[parts.test]))
    assert found.r2 == pytest.approx(expected, rel=1e-9)
    inside = r2_score(product[parts.train], model.predict(x[parts.train]))
    assert found.inside == pytest.approx(inside, rel=1e-9)
    assert (found.train, found.test, found.by) == (420, 180, "token")
    assert found.leaked > 0.9
    assert found.bound == (kind == "mlp" and model.n_iter_ == 500)
    assert found.alpha == pytest.approx(PENALTIES.get(kind, np.nan), nan_ok=True)


def test_standardised_in_scikit_learns_words(tokens):
    x, line, _, strings = tokens
    parts = split(strings, by="string", seed=2)
    found = probe(x, line, strings, parts, seed=3)
    model = make_pipeline(StandardScaler(), Ridge(alpha=found.alpha))
    model.fit(x[parts.train], line[parts.train])
    expected = r2_score(line[parts.test], model.predict(x[parts.test]))
    assert found.r2 == pytest.approx(expected, rel=1e-9)
    assert not np.intersect1d(strings[parts.train], strings[parts.test]).size
    assert found.leaked == 0 and found.strings == len(np.unique(strings[parts.test]))


def test_shrinking_features_lowers_raw_ridge_alone(tokens):
    """What decay does to representations: nothing is lost, and a fixed penalty says it is."""
    x, line, _, strings = tokens
    parts = split(strings, by="string", seed=4)

    def r2(scale, kind, form):
        return probe(scale * x, line, strings, parts, kind=kind, form=form).r2

    assert r2(1, "linear", "raw") > 0.95 > 0.3 > r2(0.005, "linear", "raw")
    assert r2(0.01, "linear", "standardised") == pytest.approx(r2(1, "linear", "standardised"))
    assert r2(0.01, "ols", "raw") == pytest.approx(r2(1, "ols", "raw"), rel=1e-6)
    assert r2(1, "ols", "standardised") == pytest.approx(r2(1, "ols", "raw"), rel=1e-9)
    model = LinearRegression().fit(x[parts.train], line[parts.train])
    expected = r2_score(line[parts.test], model.predict(x[parts.test]))
    assert r2(1, "ols", "raw") == pytest.approx(expected, rel=1e-9)


def test_products_need_the_quadratic_or_the_mlp(tokens):
    x, line, product, strings = tokens
    parts = split(strings, by="string", seed=5)
    each = {kind: probe(x, product, strings, parts, kind=kind).r2 for kind in
            ("linear", "quadratic", "mlp")}  # fmt: skip
    assert each["linear"] < 0.2 and each["quadratic"] > 0.95 and each["mlp"] > 0.5
    both = [probe(x, line, strings, parts, kind=kind).r2 for kind in ("linear", "quadratic")]
    assert both[1] > both[0] - 0.02  # tuned, the larger set of features loses next to nothing


def test_standardised_features_have_no_mean_and_unit_spread():
    train = np.random.default_rng(0).normal(3.0, 2.0, (50, 4))
    train[:, 3] = 7.0  # constant ones become 0
    ours, theirs = standardised(train, train[:5] + 1.0)
    assert ours.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    assert ours.std(axis=0) == pytest.approx([1, 1, 1, 0])
    scaler = StandardScaler().fit(train[:, :3])
    assert theirs[:, :3] == pytest.approx(scaler.transform(train[:5, :3] + 1.0))


def test_a_split_by_token_sees_strings_again():
    """A target that is a number of the string, and features that name the string."""
    generator = np.random.default_rng(6)
    strings = np.repeat(np.arange(40), 8)
    target = generator.normal(size=40)[strings]
    names = np.eye(40)[strings]
    leaky = probe(names, target, strings, split(strings, by="token", seed=0))
    honest = probe(names, target, strings, split(strings, by="string", seed=0))
    assert leaky.r2 > 0.95 and leaky.leaked == 1
    assert honest.r2 < 0.05 and honest.leaked == 0


def test_the_penalty_is_tuned_on_folds_of_what_is_split():
    """A blurred view of the target helps with unseen strings, and only if names weigh little."""
    generator = np.random.default_rng(6)
    strings = np.repeat(np.arange(40), 8)
    target = generator.normal(size=40)[strings]
    blurred = target + generator.normal(size=40)[strings]
    features = np.column_stack([np.eye(40)[strings], blurred])
    found = {
        by: probe(features, target, strings, split(strings, by=by, seed=0))
        for by in ("token", "string")
    }
    assert found["string"].alpha > 100 * found["token"].alpha
    assert found["token"].r2 > 0.95 > found["string"].r2


def test_a_split_by_string_sees_prefixes_again():
    """Strings that start alike, features that name the prefix: nothing but repetition is read."""
    generator = np.random.default_rng(12)
    strings = np.repeat(np.arange(60), 8)
    kind = generator.integers(0, 5, 60)[strings]  # which of five beginnings
    prefixes = np.where(np.tile(np.arange(8), 60) < 6, kind * 8 + np.tile(np.arange(8), 60),
                        1000 + np.arange(480))  # fmt: skip
    _, prefixes = np.unique(prefixes, return_inverse=True)
    target = generator.normal(size=prefixes.max() + 1)[prefixes]
    names = np.eye(prefixes.max() + 1)[prefixes]
    found = {
        by: probe(names, target, strings, split(strings, prefixes, by=by, seed=1))
        for by in ("string", "prefix")
    }
    assert found["string"].r2 > 0.4 and found["string"].leaked == 0
    assert found["string"].repeated == pytest.approx(0.75, abs=0.05)
    assert found["prefix"].r2 < 0.05 and found["prefix"].repeated == 0
    assert found["prefix"].leaked > 0.9
    assert np.isnan(split(strings, by="string", seed=1).repeated)


def test_the_error_is_the_spread_over_new_strings(tokens):
    """Bootstrap against the spread of R² over test strings that are drawn anew."""
    generator = np.random.default_rng(7)
    weights = generator.normal(size=4)

    def sample(count):
        strings = np.repeat(np.arange(count), 6)
        x = generator.normal(size=(count, 4))[strings] + generator.normal(size=(6 * count, 4))
        noise = generator.normal(size=count)[strings]
        return x, 20 + x @ weights + noise, strings

    x, y, strings = sample(200)
    parts = split(strings, by="string", seed=1)
    found = probe(x, y, strings, parts, kind="ols")
    model = LinearRegression().fit(x[parts.train], y[parts.train])
    fresh = []
    for _ in range(300):
        more, target, _ = sample(found.strings)
        fresh.append(r2_score(target, model.predict(more)))
    assert found.error == pytest.approx(np.std(fresh), rel=0.35)
    again = probe(x, y, strings, parts, kind="ols")
    assert again == found


def test_features_that_do_not_vary_say_nothing(tokens):
    x, line, _, strings = tokens
    parts = split(strings, by="string", seed=8)
    wide = np.hstack([x, np.full((600, 1), 1e6)])
    one = probe(wide, line, strings, parts, kind="linear")
    assert one.r2 == pytest.approx(probe(x, line, strings, parts, kind="linear").r2, rel=1e-9)
    train, test = standardised(wide[:400], wide[400:])
    np.testing.assert_allclose(train[:, :8].std(axis=0), 1)
    assert not train[:, 8].any() and not test[:, 8].any()
    nothing = probe(np.zeros((600, 3)), line, strings, parts)
    assert abs(nothing.r2) < 0.05 and nothing.r2 <= 0


def test_splits_have_their_sizes_and_repeat():
    strings = np.random.default_rng(9).integers(0, 50, 997)
    token = split(strings, by="token", seed=1)
    assert len(token.test) == 300 and len(token.train) == 697
    assert sorted([*token.train, *token.test]) == list(range(997))
    string = split(strings, by="string", seed=1)
    largest = np.bincount(strings).max()
    assert 300 <= len(string.test) < 300 + largest
    assert sorted([*string.train, *string.test]) == list(range(997))
    assert np.array_equal(split(strings, by="string", seed=1).test, string.test)
    assert not np.array_equal(split(strings, by="string", seed=2).test, string.test)
    dealt = folds(strings, seed=3)
    assert len(np.unique(dealt)) == 5
    assert all(len(set(dealt[strings == s])) == 1 for s in range(50))
    assert np.bincount(dealt).max() - np.bincount(dealt).min() <= largest
    assert len(np.unique(folds(np.arange(3), seed=0))) == 3


def test_chance_of_a_random_target_is_none(tokens):
    x, _, _, strings = tokens
    noise = norm.rvs(size=600, random_state=10)
    found = probe(x, noise, strings, split(strings, by="string", seed=11))
    assert abs(found.r2) < 4 * found.error + 0.02


def test_without_scikit_learn_the_mlp_says_what_is_missing(tokens, monkeypatch):
    x, line, _, strings = tokens
    parts = split(strings, by="token", seed=0)
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    with pytest.raises(ImportError, match="needs scikit-learn"):
        probe(x, line, strings, parts, kind="mlp")
    assert probe(x, line, strings, parts, kind="linear").r2 > 0.9


def test_r_squared_is_scikit_learns(tokens):
    _, line, product, _ = tokens
    assert r_squared(line, product) == pytest.approx(r2_score(line, product), rel=1e-12)
    assert MLP["random_state"] == 42 and MLP["hidden_layer_sizes"] == (64,)


X, Y, S = np.arange(8.0)[:, None], np.arange(8.0), np.arange(8)
PARTS = split(S, by="string", seed=0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: probe(X, Y, S, PARTS, kind="cubic"), "not cubic standardised"),
        (lambda: probe(X, Y, S, PARTS, form="tuned"), "not linear tuned"),
        (lambda: probe(X[:, 0], Y, S, PARTS), r"features \(8,\)"),
        (lambda: probe(X, Y[:3], S, PARTS), r"not \(3,\)"),
        (lambda: probe(X * np.nan, Y, S, PARTS), "finite"),
        (lambda: probe(X, Y * 0, S, PARTS), "does not vary"),
        (lambda: split(S, by="word", seed=0), "not by 'word'"),
        (lambda: split(S, by="prefix", seed=0), "8 tokens need a prefix each"),
        (lambda: split(S, S[1:], by="string", seed=0), "8 tokens need a prefix each"),
        (lambda: split(S, by="token", seed=0, share=1.0), "not 1.0"),
        (lambda: split(np.zeros(8), by="string", seed=0), "a part without any"),
    ],
)
def test_what_cannot_be_read_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
