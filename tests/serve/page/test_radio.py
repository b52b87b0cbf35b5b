"""The tab Radio in a browser: what is heard, while it is steered."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.steered import SteeredModel
from tests.helpers.tones import ToneModel
from tests.serve.page import browser

PLAY = "musika-radio .musika-primary"
# the loudest frequency of what is heard, in Hz
HEARD = """() => {
  const {analyser, context} = musika.player;
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = levels.reduce((best, level, n) => level > levels[best] ? n : best, 0);
  return levels[loudest] > -40 ? loudest * context.sampleRate / analyser.fftSize : 0;
}"""


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    models = {"steered": SteeredModel(), "tones": ToneModel()}
    with browser.serve_models(models) as address:
        yield address


def wait_for_tone(tab: Any, hertz: float) -> None:
    """Waits until a tone is the loudest thing that is heard."""
    tab.wait_for_function(f"Math.abs(({HEARD})() - {hertz}) < 15")


def test_a_press_plays_and_the_position_moves(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.click(PLAY)
    wait_for_tone(tab, 200)
    tab.wait_for_function("musika.player.position > 1")
    levels = tab.evaluate("musika.player.measure()")
    assert max(levels["peaks"]) == pytest.approx(-10.46, abs=0.5)  # 0.3 of full scale
    assert levels["loudness"] == pytest.approx(-10.46 - 0.69, abs=1)  # a sine in both channels, hardly weighted
    assert tab.text_content(PLAY) == "❚❚ Pause"
    tab.click(PLAY)
    stopped = tab.evaluate("musika.player.position")
    tab.wait_for_timeout(300)
    assert tab.evaluate("musika.player.position") == stopped > 1
    tab.click(PLAY)
    tab.wait_for_function(f"musika.player.state === 'playing' && musika.player.position > {stopped}")


def test_any_time_can_be_asked_for(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.click(PLAY)
    wait_for_tone(tab, 200)
    with tab.expect_request("**/stream.wav?*start=25200.*"):
        tab.get_by_label("Time", exact=True).fill("7:00:00")
        tab.keyboard.press("Enter")
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.position > 25200.2")
    assert tab.input_value("musika-radio input[type=range]").startswith("252")  # the slider is in that hour
    tab.get_by_label("Time", exact=True).fill("soon")
    tab.keyboard.press("Enter")
    assert "such as 7:00:00" in tab.text_content("musika-radio [role=status]")


def test_a_setting_changes_while_the_music_goes_on(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.click(PLAY)
    wait_for_tone(tab, 200)
    tab.evaluate(f"""() => {{
      const getOffset = () => musika.player.position - musika.player.context.currentTime;
      const offset = getOffset();
      window.silent = window.drift = 0;
      setInterval(() => {{
        if (({HEARD})() === 0) window.silent++;
        window.drift = Math.max(window.drift, Math.abs(getOffset() - offset));
      }}, 30);
    }}""")
    tab.evaluate("musika.player.addEventListener('changed', () => { window.told = true; })")
    tab.get_by_label("Truncation").fill("4")
    wait_for_tone(tab, 400)
    assert tab.evaluate("window.told")
    assert tab.evaluate("window.silent") == 0
    assert tab.evaluate("window.drift") < 1e-3  # seconds: each of them is heard once, in its turn
    assert tab.evaluate("musika.player.piece.settings.truncation") == 4


def test_a_refused_setting_says_why_and_the_music_goes_on(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.click(PLAY)
    wait_for_tone(tab, 200)
    tab.get_by_label("Styles").fill("0:00=x")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("musika-radio .musika-refusal")
    assert "styles" in tab.text_content("musika-radio .musika-refusal")
    assert tab.evaluate("musika.player.state") == "playing"
    wait_for_tone(tab, 200)


def test_a_setting_is_refused_before_anything_plays(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.get_by_label("Styles").fill("0:00=x")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("musika-radio .musika-refusal")
    assert "styles" in tab.text_content("musika-radio .musika-refusal")
    assert tab.evaluate("musika.player.state") != "playing"


def test_notes_are_drawn_where_there_is_a_score(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    with tab.expect_response(re.compile(r"/score\?.*start=0&")) as found:
        tab.click(PLAY)
    assert found.value.status == 200
    assert found.value.json()["onsets"][:3] == [0, 1, 2]
    tab.wait_for_selector("musika-score canvas")


def test_notes_are_asked_for_when_the_piece_is_heard(link: str, visit: browser.Visit) -> None:
    """Writing them would delay the sound."""
    tab = visit(link)
    tab.evaluate("""() => {
      const fetchAnything = window.fetch;
      window.asked = [];
      window.fetch = (...inputs) => {
        const query = `${inputs[0]}`;
        if (query.startsWith("score?")) window.asked.push([query, musika.player.state, performance.now()]);
        return fetchAnything(...inputs);
      };
      musika.player.addEventListener("changed", () => { window.changed = performance.now(); });
    }""")
    tab.evaluate("musika.player.play({checkpoint: musika.page.checkpoint, seed: 77})")
    tab.wait_for_function("window.asked.some(([query]) => query.includes('seed=77'))")
    assert all(state == "playing" for _, state, _ in tab.evaluate("window.asked"))
    tab.evaluate("musika.player.change({truncation: 1.5})")
    tab.wait_for_function("window.asked.some(([query]) => query.includes('truncation=1.5'))")
    begun = min(time for query, _, time in tab.evaluate("window.asked") if "truncation=1.5" in query)
    assert begun > tab.evaluate("window.changed") - 50  # both are told of the change at the same moment


def test_another_checkpoint_plays_at_once(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.click(PLAY)
    wait_for_tone(tab, 200)
    tab.evaluate("musika.page.setCheckpoint('tones')")
    tab.wait_for_function("musika.player.piece.checkpoint === 'tones' && musika.player.state === 'playing'")
    assert tab.is_hidden("musika-score")


def test_ten_tabs_play_at_once(link: str, chromium: Any) -> None:
    """In one window: a browser allows six connections to a server for all of its tabs together.

    Nine tabs have the player alone, which is quicker to open. The tenth one is the whole page.
    """
    with contextlib.closing(chromium.new_context()) as context:
        context.set_default_timeout(browser.PATIENCE)
        tabs = [context.new_page() for _ in range(10)]
        for number, tab in enumerate(tabs[:9]):
            tab.goto(f"{link}health")
            for script in ("page", "player"):
                tab.add_script_tag(url=f"{link}musika/{script}.js")
            tab.evaluate(f"musika.player.play({{checkpoint: 'steered', seed: {number}}})")
        browser.open_page(tabs[9], link)
        tabs[9].evaluate("musika.radio.toggle()")
        for tab in tabs:
            tab.wait_for_function("musika.player.position > 2", polling=200)
        assert {tab.evaluate("musika.player.state") for tab in tabs} == {"playing"}


def test_a_server_that_is_gone_is_told(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.route("**/stream.wav*", lambda route: route.abort())
    tab.evaluate("musika.player.play({checkpoint: 'steered', seed: 9})")
    tab.wait_for_function("musika.player.state === 'error'")
    assert tab.text_content("musika-radio [role=status]") == "The server does not answer"
    tab.unroute("**/stream.wav*")
    tab.click(PLAY)
    wait_for_tone(tab, 200)


def test_a_browser_that_cannot_play_says_so(link: str, visit: browser.Visit) -> None:
    """Without a loudspeaker, the promise of `AudioContext.resume` stays open for ever."""
    tab = visit(link)
    tab.evaluate("""() => {
      AudioContext.prototype.resume = () => new Promise(() => {});
      Object.defineProperty(AudioContext.prototype, "state", {get: () => "suspended"});
    }""")
    tab.click(PLAY)
    tab.wait_for_function("musika.player.state === 'error'")
    assert tab.text_content("musika-radio [role=status]").startswith("The browser plays no sound")
