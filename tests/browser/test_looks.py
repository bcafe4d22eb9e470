"""Each state and page in light, dark and high contrast, narrow and wide: pictures and rules."""

import pytest

pytestmark = pytest.mark.browser

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
WIDTHS = (1600, 600)
PAGES = ("Train", "Data", "Predict", "Attention", "Runs")
SETUP = "import nbtune\n%load_ext nbtune\ntopics = nbtune.datasets.load('topics').head(400)"
TRAIN = (
    "%%finetune {name} --data topics\nmodel: scratch-transformer\nnum_train_epochs: {epochs}\n"
    "baseline: false"
)
TOLD = """from nbtune.events import Controlled, Notice
from nbtune.panels.live_card import CardView
from nbtune.testing import made_up_events
failed = made_up_events(reason="failed", message="the loss is not a number at step 400")
told = {
    "starting": failed[:1],
    "running": failed[:25],
    "paused": [*failed[:25], Controlled(200, "pause")],
    "warning": [*failed[:25], Notice("loss spike at step 90: rows 17, 204 and 311", "warning")],
    "failed": failed,
    "finished": made_up_events(),
}
for title, events in told.items():
    card = CardView(title)
    card.catch_up(events)
    if title in ("failed", "finished"):
        card.close()"""
CELLS = [
    SETUP,
    TRAIN.format(name="first", epochs=1),
    TRAIN.format(name="second", epochs=2),
    "%compare first second",
    TOLD,
    "%nbtune panel predict",
    TRAIN.format(name="long", epochs=300),
]
COMPARED, STATES, PANEL, LIVE = 3, 4, 5, 6

FAINT = """output => {
  const colour = c => { const n = (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return c.startsWith('color') ? [...n.slice(0, 3).map(v => 255 * v), n[3] ?? 1] :
      [...n.slice(0, 3), n[3] ?? 1]; };
  const over = (top, below, share) => below.map((v, i) => v + (top[i] - v) * share);
  const light = rgb => rgb.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = el => {
    const layers = [];
    for (; el; el = el.parentElement) {
      const c = colour(getComputedStyle(el).backgroundColor);
      if (c[3]) layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((below, c) => over(c, below, c[3]), [255, 255, 255]);
  };
  const faint = [];
  for (const el of output.querySelectorAll('*')) {
    const own = [...el.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(el);
    if (!own || !el.checkVisibility({visibilityProperty: true}) || el.closest('style,title,desc'))
      continue;
    if (!el.getBoundingClientRect().width || el.closest('[disabled],.nbt-at')) continue;
    if (el.closest('.lm-TabBar,.jupyter-widget-Collapse-header,.jp-OutputPrompt')) continue;
    let share = 1;
    for (let up = el; up && up !== output; up = up.parentElement)
      share *= Number(getComputedStyle(up).opacity);
    const ink = colour(el.ownerSVGElement ? style.fill : style.color);
    const ground = behind(el), seen = over(ink, ground, ink[3] * share);
    const [low, high] = [light(ground), light(seen)].sort((a, b) => a - b);
    const ratio = (high + .05) / (low + .05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(1)}: ${el.textContent.trim().slice(0, 40)}`);
  }
  return faint;
}"""
"""Texts with less contrast to what is behind them than 4.5 to 1, as WCAG AA asks for, but for
tabs, headers and prompts in JupyterLab's own colours."""
WIDE = """output => [...output.querySelectorAll('*')].filter(el => {
  const box = el.getBoundingClientRect(), edge = output.getBoundingClientRect().right;
  if (!box.width || box.right <= edge + 1) return false;
  for (let up = el.parentElement; up && up !== output; up = up.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
  return true;
}).map(el => el.className + ': ' + el.textContent.trim().slice(0, 40))"""
"""What reaches beyond the page, unless it can be scrolled to."""
OVERLAPPED = """output => {
  const found = [], boxes = all => [...all]
    .filter(el => el.checkVisibility({opacityProperty: true}))
    .map(el => [el, el.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
  const controls = boxes(output.querySelectorAll('button,input,select,textarea,.noUi-target'));
  const texts = boxes(output.querySelectorAll('svg text:not(.nbt-at text)'));
  for (const [all, room] of [[controls, 1], [texts, 3]])
    all.forEach(([a, one], i) => all.slice(i + 1).forEach(([b, two]) => {
      if (a.contains(b) || b.contains(a) || a.ownerSVGElement !== b.ownerSVGElement) return;
      const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
      const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
      if (wide > room && high > room) found.push([a, b].map(
        el => (el.textContent || el.placeholder || el.className || el.type).trim()).join(' | '));
    }));
  return found;
}"""
"""Controls, or words of a chart, of which one lies on another."""
RULES = {"faint": FAINT, "wide": WIDE, "overlapped": OVERLAPPED}
HEIGHTS = """output => { window.nbtHeights = []; const look = () => {
  const chart = output.querySelector(".nbt-chart");
  if (chart) window.nbtHeights.push([
    chart.getBoundingClientRect().top - output.getBoundingClientRect().top,
    chart.getBoundingClientRect().height, output.getBoundingClientRect().height].map(Math.round));
  requestAnimationFrame(look); }; look(); }"""
"""Note at each frame where the chart stands in an output, and how tall both are."""


def test_every_state_and_page_reads_and_fits_on_every_page(lab):
    lab = lab(CELLS)
    lab.page.set_viewport_size({"width": 1600, "height": 3600})
    for cell in range(LIVE):
        lab.run(cell)
        lab.done(cell)
    fill(lab)
    lab.run(LIVE)
    lab.page.wait_for_selector(".nbt-live .nbt-chart")
    output_of(lab, LIVE).evaluate(HEIGHTS)
    lab.wait(lambda: lab.step(LIVE) > 100)
    stays_where_it_is(lab.page.evaluate("window.nbtHeights"))
    lab.button("Pause", LIVE).click()
    lab.button("Resume", LIVE).wait_for()
    found = {}
    for theme in THEMES:
        lab.wear(theme)
        for width in WIDTHS:
            lab.page.set_viewport_size({"width": width, "height": 3600})
            name = f"{theme.removeprefix('JupyterLab ')}-{width}".lower().replace(" ", "-")
            for cell, what in ((COMPARED, "compared"), (STATES, "states"), (LIVE, "live")):
                look_at(lab, cell, f"{what}-{name}", found)
            for page in PAGES:
                output_of(lab, PANEL).get_by_role("tab", name=page).click()
                look_at(lab, PANEL, f"{page.lower()}-{name}", found)
    lab.button("Stop and keep", LIVE).click()
    lab.done(LIVE)
    assert found == {}, "\n".join(f"{where}: {what}" for where, what in found.items())


def output_of(lab, cell):
    return lab.cell(cell).locator(".jp-Cell-outputArea")


def stays_where_it_is(seen):
    """Check that nothing jumps while a run goes: what comes, comes below."""
    places, tall, heights = zip(*seen, strict=True)
    assert max(places) - min(places) <= 1, "the chart stays where it is"
    assert len(set(tall)) == 1
    assert list(heights) == sorted(heights), "it never shrinks"
    assert len(set(heights)) <= 6, sorted(set(heights))


def look_at(lab, cell, name, found):
    """Take a picture of what a cell shows, and note which rules it breaks."""
    output = output_of(lab, cell)
    output.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(150)
    lab.cut_out(f"looks-{name}", cell)
    for rule, script in RULES.items():
        if told := output.evaluate(script):
            found[name, rule] = told


def fill(lab):
    """Have something to look at on every page of the panel."""
    output = output_of(lab, PANEL)
    output.get_by_placeholder("a text").fill("a small furry animal")
    lab.wait(lambda: "speak for" in lab.output(PANEL))
    output.get_by_role("tab", name="Train").click()
    output.locator(".nbt-recipe textarea").fill("data: topics\nmodel: scratch-transformer")
    lab.wait(lambda: "Known at once" in lab.output(PANEL))
    output.get_by_role("tab", name="Data").click()
    output.get_by_placeholder("a variable, a file, topics").fill("topics")
    output.get_by_role("button", name="Look").click()
    lab.wait(lambda: "topics: 400 rows" in lab.output(PANEL))
    output.get_by_role("tab", name="Attention").click()
    output.get_by_label("sentence", exact=True).fill("a small furry animal")
    lab.wait(lambda: "Three steps, for" in lab.output(PANEL))
