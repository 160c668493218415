"""What every explorable must be: readable in both themes, on a phone, and quick."""

from __future__ import annotations

import numpy as np

from explorable_harness import hex_of
from grokbook.palette import contrast

FRAME_MS = 1000 / 60

_WRITTEN = (
    ".gb-title, .gb-answer, .gb-second, .gb-who, .gb-result, .gb-button, .gb-when, .gb-key, "
    ".gb-knob span, .gb-lacking, .gb-missing code, .gb-explorable small, "
    ".gb-explorable figcaption, .gb-strip-title, .gb-explorable svg text"
)
_INKS = """
(all) => all.filter((el) => el.checkVisibility({opacityProperty: true})).map((el) => {
  const ground = (x) => getComputedStyle(x).backgroundColor;
  let under = el;
  const clear = (x) => /, 0\\)$|transparent/.test(ground(x));
  while (under.parentElement && clear(under)) under = under.parentElement;
  const style = getComputedStyle(el);
  return [el.className.baseVal ?? el.className, el.tagName === 'text' ? style.fill : style.color,
    ground(under)];
})
"""
_OVERLAPS = """
[...document.querySelectorAll(
  '.gb-panel, .gb-doses, .gb-changes, .gb-scatter, .gb-strip, .gb-lane-axis')].flatMap((chart) => {
  const boxes = [...chart.querySelectorAll('text')]
    .filter((e) => e.textContent && e.checkVisibility({opacityProperty: true}))
    .map((e) => [e.textContent, e.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right)
    .filter(([, b]) => a.top + 2 < b.bottom && b.top + 2 < a.bottom)
    .map(([other]) => `${one} / ${other}`));
})
"""
_REDRAWS = """
(el, passes) => {
  const times = [];
  for (let pass = 0; pass < passes; pass++) {
    for (let frame = 0; frame <= +el.max; frame++) {
      const begun = performance.now();
      el.value = frame;
      el.dispatchEvent(new Event('input', {bubbles: true}));
      el.closest('.gb-explorable').getBoundingClientRect();
      times.push(performance.now() - begun);
    }
  }
  return times;
}
"""


def turn(page, value) -> None:
    """Turn a knob to a value."""
    text = value if isinstance(value, str) else f"{value:g}"
    page.locator(f".gb-knob input[value='{text}']").check(force=True)


def control(page) -> None:
    """Flip *Apply the control*."""
    page.get_by_text("Apply the control").click()


def dress(page, theme: str) -> None:
    """Set the theme, and wait until it is drawn."""
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.wait_for_timeout(150)


def on_paper(page) -> None:
    """Show a dark page as it is printed."""
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    page.wait_for_timeout(150)


def stroke(line) -> str:
    """The colour of a line as it is drawn."""
    return hex_of(line.evaluate("el => getComputedStyle(el).stroke"))


def assert_readable(page, least: int = 0) -> None:
    """Every visible word has a contrast of 4.5 with its ground; there are more than so many."""
    found = page.locator(_WRITTEN).evaluate_all(_INKS)
    assert len(found) > least
    for name, ink, ground in found:
        assert contrast(hex_of(ink), hex_of(ground)) >= 4.5, (name, ink, ground)


def overlaps(page) -> list[str]:
    """Pairs of words within one chart that lie on each other."""
    return page.evaluate(_OVERLAPS)


def redraws(page, passes: int = 1) -> list[float]:
    """ms that each move of the slider takes, from one end to the other."""
    return page.locator(".gb-slider").evaluate(_REDRAWS, passes)


def assert_drawn_within_a_frame(page, moves: int, passes: int = 1) -> None:
    """The median move of the slider takes a frame at most, in the quietest of three rounds.

    What else the machine does only ever adds to a round, and it comes and goes.
    """
    medians = []
    for _ in range(3):
        times = redraws(page, passes)
        assert len(times) >= moves
        medians.append(np.median(times))
        if medians[-1] <= FRAME_MS:
            break
    assert min(medians) <= FRAME_MS, medians


def assert_fits_a_phone(page) -> None:
    """Nothing sticks out of 390 pixels, everything can be touched and read, the bar is at hand."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = page.locator(".gb-explorable :is(text, b, span, small, p, figcaption, button, code)")
    edges = inside.evaluate_all(
        "all => all.filter((el) => !el.closest('.gb-live, [hidden], details > div'))"
        ".map((el) => [el.getBoundingClientRect().left, el.getBoundingClientRect().right, "
        "el.textContent])"
    )
    for left, right, text in edges:
        assert left >= 0 and right <= 390, text
    touched = page.locator("button, summary, .gb-slider, .gb-knob label, .gb-lane, .gb-switch")
    for height in touched.evaluate_all(
        "all => all.filter((el) => el.checkVisibility())"
        ".map((el) => el.getBoundingClientRect().height)"
    ):
        assert height >= 40
    sizes = inside.evaluate_all(
        "all => all.map((el) => [el.className.baseVal ?? el.className, "
        "parseFloat(getComputedStyle(el).fontSize)])"
    )
    assert [pair for pair in sizes if pair[1] < 13 and "gb-play" not in pair[0]] == []
    bar = page.locator(".gb-bar").bounding_box()
    assert abs(bar["y"] + bar["height"] - 844) < 1
