"""Ridge: scikit-learn, refits without each fold, explicit products, exact lines."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import PolynomialFeatures

from grokbook.geometry.ridge import GRID, fit, left_out, linear, quadratic, tuned


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    x = 3 + generator.normal(size=(40, 6)) * [1, 2, 0.1, 1, 5, 1]
    y = x[:, 0] * x[:, 1] - x[:, 2] + 0.3 * generator.normal(size=40)
    return x[:28], x[28:], y[:28], np.arange(28) % 4


def expanded(x):
    return PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(x)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 10.0, 1e4])
@pytest.mark.parametrize("kind", [linear, quadratic])
def test_predictions_are_scikit_learns(rows, kind, alpha):
    train, test, y, _ = rows
    found = fit(kind(train, test), y, alpha)
    made = (lambda x: x) if kind is linear else expanded
    model = Ridge(alpha=alpha).fit(made(train), y)
    np.testing.assert_allclose(found.test, model.predict(made(test)), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found.train, model.predict(made(train)), rtol=1e-7, atol=1e-7)
    centred = made(train) - made(train).mean(axis=0)
    hat = centred @ np.linalg.solve(
        centred.T @ centred + alpha * np.eye(centred.shape[1]), centred.T
    )
    assert found.freedom == pytest.approx(np.trace(hat) + 1, rel=1e-6)


def penalised_products(train, y, test, alpha):
    """Ridge on products alone, by the normal equations of all columns written out."""

    def made(x):
        return np.hstack([np.ones((len(x), 1)), expanded(x)])

    design, more = made(train), made(test)
    penalty = np.zeros(design.shape[1])
    penalty[1 + train.shape[1] :] = alpha
    weights = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ y)
    return design @ weights, more @ weights


@pytest.mark.parametrize("alpha", [0.1, 1.0, 100.0])
def test_products_alone_are_penalised(rows, alpha):
    train, test, y, folds = rows
    at = quadratic(train, test, free=True)
    found = fit(at, y, alpha)
    fitted, predicted = penalised_products(train, y, test, alpha)
    np.testing.assert_allclose(found.train, fitted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.test, predicted, rtol=1e-6, atol=1e-6)
    out = left_out(at, y, alpha, folds)
    for fold in range(4):
        chosen = folds == fold
        _, told = penalised_products(train[~chosen], y[~chosen], train[chosen], alpha)
        np.testing.assert_allclose(out[chosen], y[chosen] - told, rtol=1e-5, atol=1e-5)
    nothing = fit(at, y, 1e12 * at.squares[0])
    np.testing.assert_allclose(nothing.test, LinearRegression().fit(train, y).predict(test))
    assert nothing.freedom == pytest.approx(7)


def test_products_that_say_nothing_cost_nothing():
    """A linear target among many products: penalised alike, these hide what is linear."""
    generator = np.random.default_rng(3)
    x, more = generator.normal(size=(300, 40)), generator.normal(size=(200, 40))
    y, told = x[:, 0] + 0.2 * generator.normal(size=300), more[:, 0]
    folds = np.arange(300) % 5
    wrong = [
        np.mean((tuned(at, y, folds).test - told) ** 2)
        for at in (linear(x, more), quadratic(x, more, free=True), quadratic(x, more))
    ]
    assert wrong[1] < 2 * wrong[0] + 0.01 and wrong[2] > 5 * wrong[1]


def test_without_penalty_it_is_least_squares(rows):
    train, test, y, _ = rows
    found = fit(linear(train, test), y, 0.0)
    np.testing.assert_allclose(found.test, LinearRegression().fit(train, y).predict(test))
    assert found.freedom == pytest.approx(7)
    few, more = train[:5], train[5:]
    least = fit(linear(few, more), y[:5], 0.0)  # more features than rows
    np.testing.assert_allclose(least.train, y[:5])
    np.testing.assert_allclose(least.test, LinearRegression().fit(few, y[:5]).predict(more))


def test_quadratic_features_are_as_many_as_published():
    assert expanded(np.ones((1, 128))).shape[1] == 128 * 129 // 2 == 8256
    generator = np.random.default_rng(1)
    x, more = generator.normal(size=(9, 4)), generator.normal(size=(5, 4))
    found, plain = quadratic(x, more), linear(expanded(x), expanded(more))
    np.testing.assert_allclose(found.train @ found.train.T, plain.train @ plain.train.T, atol=1e-10)
    np.testing.assert_allclose(found.test @ found.train.T, plain.test @ plain.train.T, atol=1e-10)
    np.testing.assert_allclose(found.squares, plain.squares, rtol=1e-8)


@pytest.mark.parametrize("kind", [linear, quadratic])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 300.0])
def test_left_out_residuals_are_those_of_refits(rows, kind, alpha):
    train, _, y, folds = rows
    found = left_out(kind(train, train), y, alpha, folds)
    made = (lambda x: x) if kind is linear else expanded
    for fold in range(4):
        out = folds == fold
        model = Ridge(alpha=alpha).fit(made(train[~out]), y[~out])
        np.testing.assert_allclose(
            found[out], y[out] - model.predict(made(train[out])), rtol=1e-6, atol=1e-6
        )


def test_the_penalty_is_the_one_that_leaves_least(rows):
    train, test, y, folds = rows
    for kind in (linear, quadratic):
        at = kind(train, test)
        found = tuned(at, y, folds)
        penalties = GRID * at.squares[0]
        scores = [np.square(left_out(at, y, a, folds)).sum() for a in penalties]
        assert found.alpha == pytest.approx(penalties[np.argmin(scores)])
        np.testing.assert_allclose(found.test, fit(at, y, found.alpha).test)
        assert not found.bound
    noise = np.random.default_rng(2).normal(size=28)
    assert tuned(linear(train, test), noise, folds).alpha > 1
    exact = train @ np.arange(6.0)
    free = tuned(linear(train, test), exact, folds)
    assert free.bound and free.alpha == GRID[0] * linear(train, test).squares[0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda at: fit(at, np.ones(4), -1.0), "not be negative"),
        (lambda at: fit(at, np.ones(3), 1.0), r"\(4,\), not \(3,\)"),
        (lambda at: tuned(at, np.ones(4), np.zeros(4)), "two folds"),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(linear(np.eye(4), np.eye(4)))


@pytest.mark.parametrize("free", [False, True])
def test_folds_larger_than_the_features_are_left_out_alike(free):
    """Twenty rows a fold and 6 or 21 features: solved in the features, or in the rows."""
    generator = np.random.default_rng(6)
    x = generator.normal(size=(80, 6)) * [1, 2, 0.1, 1, 5, 1]
    y, folds = x[:, 0] * x[:, 1] + generator.normal(size=80), np.arange(80) % 4
    at = quadratic(x, x[:3], free=True) if free else linear(x, x[:3])
    out = left_out(at, y, 0.7, folds)
    for fold in range(4):
        chosen = folds == fold
        told = (
            penalised_products(x[~chosen], y[~chosen], x[chosen], 0.7)[1]
            if free
            else Ridge(alpha=0.7).fit(x[~chosen], y[~chosen]).predict(x[chosen])
        )
        np.testing.assert_allclose(out[chosen], y[chosen] - told, rtol=1e-6, atol=1e-8)
