// The element <musika-styles>: a map of what the chosen checkpoint can play. A click plays, a drawn line is a timeline.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const PAUSE = 700; // milliseconds between two looks while the map is drawn
  const KEPT = 12; // styles with pictures
  const SHORTEST_GAP = 1; // seconds between two styles of a timeline

  /** The text of a timeline: styles at equal distances within some seconds, such as "0:00=12, 0:40=77". */
  musika.formatStyles = function (numbers, seconds) {
    const gap = Math.max(SHORTEST_GAP, Math.round(seconds / Math.max(1, numbers.length - 1)));
    return numbers.map((number, k) => `${musika.formatTime(k * gap)}=${number}`).join(", ");
  };

  musika.define(
    "musika-styles",
    class extends HTMLElement {
      connectedCallback() {
        if (this.canvas) return;
        this.kind = "";
        this.heard = []; // numbers, the latest first
        this._build();
        musika.page.addEventListener("checkpoint", () => this._forget());
        this._look();
      }

      // ---------------------------------------------------------------- what is there

      _build() {
        const { make } = musika.dom;
        this.status = make("p", { className: "musika-status", role: "status" });
        this.bar = make("progress", { className: "musika-progress", max: "1", "aria-label": "Part of the map that is drawn" });
        this.stop = make("button", { type: "button", textContent: "Stop", onclick: () => this._stop() });
        this.again = make("button", { type: "button", textContent: "Draw the map", onclick: () => this._start() });
        this.announcer = make("div", { className: "musika-announcer", "aria-live": "polite" });
        this.canvas = make("canvas", {
          className: "musika-map",
          role: "application",
          "aria-label": "Map of styles. Arrow keys move to neighbours, Enter plays, plus and minus zoom.",
        });
        this.map = new musika.PointMap(this.canvas, {
          onChoose: (point) => this._play(point),
          onLine: (points) => this._showTimeline(points),
          say: (text) => (this.announcer.textContent = text),
        });
        const head = make("div", { className: "musika-row" }, this.status, this.bar, this.stop, this.again);
        const left = make("div", { className: "musika-map-side" }, this._makeTools(), this.canvas, this._makeLegend());
        const right = make("div", { className: "musika-map-side" }, this._makeTimeline(), this._makeHeard());
        this.body = make("div", { className: "musika-map-body" }, left, right);
        this.append(head, this.body, this.announcer);
        this._forget();
      }

      _makeTools() {
        const { make } = musika.dom;
        const button = (text, label, act) => make("button", { type: "button", textContent: text, "aria-label": label, title: label, onclick: act });
        this.modes = ["choose", "line"].map((mode) => {
          const text = { choose: "Play", line: "Draw a line" }[mode];
          return make("button", { type: "button", textContent: text, "aria-pressed": String(mode === "choose"), onclick: () => this._setMode(mode) });
        });
        this.number = make("input", { type: "number", min: "0", step: "1", inputMode: "numeric", className: "musika-input", "aria-label": "Number of a style" });
        const go = () => this._goTo(Number(this.number.value));
        this.number.addEventListener("keydown", (event) => event.key === "Enter" && go());
        return make(
          "div",
          { className: "musika-row", role: "toolbar", "aria-label": "Map" },
          ...this.modes,
          button("−", "Zoom out", () => this.map.zoom(1 / 1.5)),
          button("+", "Zoom in", () => this.map.zoom(1.5)),
          button("Fit", "Show the whole map", () => this.map.fit()),
          this.number,
          button("Go", "Play this number", go),
        );
      }

      _makeLegend() {
        const { make } = musika.dom;
        this.axes = make("p", { className: "musika-hint" });
        this.hue = make("span", {});
        this.size = make("span", { className: "musika-hint" });
        this.note = make("p", { className: "musika-hint" });
        const scale = make("span", { className: "musika-map-scale", "aria-hidden": "true" });
        const colours = make("p", { className: "musika-hint" }, "colour: ", this.hue, " (low ", scale, " high) · ", this.size);
        return make("div", {}, colours, this.axes, this.note);
      }

      _makeTimeline() {
        const { make } = musika.dom;
        this.text = make("input", { type: "text", readOnly: true, className: "musika-input", "aria-label": "Timeline of styles" });
        this.seconds = make("input", { type: "number", min: "2", max: "3600", step: "1", value: "120", oninput: () => this._showTimeline() });
        const clear = make("button", { type: "button", textContent: "Clear", onclick: () => this.map.setLine([]) });
        const copy = make("button", { type: "button", textContent: "Copy", onclick: () => this._copy() });
        const play = make("button", { type: "button", textContent: "Play the line", className: "musika-primary", onclick: () => this._playLine() });
        this.lineButtons = [play, copy, clear];
        const length = musika.dom.label("Seconds from the first style to the last", this.seconds);
        const hint = make("p", { className: "musika-hint", textContent: "“Draw a line” on the map, or click on one style after another: the music moves from each to the next." });
        this.timeline = make("section", {}, make("h3", { textContent: "Timeline" }), hint, length, this.text, make("div", { className: "musika-row" }, ...this.lineButtons));
        this._showTimeline([]);
        return this.timeline;
      }

      _makeHeard() {
        const { make } = musika.dom;
        this.list = make("ul", { className: "musika-map-heard" });
        this.noneHeard = make("p", { className: "musika-hint", textContent: "What you play from the map is listed here." });
        return make("section", {}, make("h3", { textContent: "Heard" }), this.noneHeard, this.list);
      }

      // ---------------------------------------------------------------- the map

      _forget() {
        this.map.clear();
        [this.kind, this.heard, this.state] = ["", [], "idle"];
        this.list.replaceChildren();
        this.noneHeard.hidden = false;
        this._showState({ state: "idle" });
        this._setMode("choose");
        this.wanted = true; // the map is asked for as soon as the tab is open
      }

      async _look() {
        clearTimeout(this.timer);
        if (this.state === "working") await this._ask("GET"); // asking keeps the work going
        else if (this.wanted && musika.page.checkpoint && musika.isVisible(this)) await this._start();
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this._look(), PAUSE);
      }

      async _start() {
        this.wanted = false;
        await this._ask("POST");
      }

      async _stop() {
        await this._ask("DELETE");
      }

      async _ask(method) {
        const checkpoint = musika.page.checkpoint;
        const have = method === "GET" ? this.map.points.length : null;
        try {
          const answer = await musika.fetchJson("map?" + musika.makeQuery({ checkpoint, have }), { method });
          if (checkpoint === musika.page.checkpoint) this._take(answer);
        } catch (error) {
          this._showState({ state: "failed", message: error.message });
        }
      }

      _take(answer) {
        if (answer.map) this._showMap(answer.map);
        this._showState(answer);
      }

      _showMap(found) {
        this.kind = found.kind;
        this.map.setPoints(found);
        const isStyle = found.kind === "styles";
        const axes = `across: ${found.axes[0]} · upwards: ${found.axes[1]}`;
        this.axes.textContent = isStyle ? "Points that are near each other sound alike." : axes;
        this.hue.textContent = found.legend[0];
        this.size.textContent = found.legend[1].includes(":") ? found.legend[1] : `size: ${found.legend[1]}`;
        this.note.textContent = found.note;
        this.timeline.hidden = !isStyle; // pieces of a composer do not change into each other
        this.modes[1].hidden = !isStyle;
        this.number.placeholder = isStyle ? "Style" : "Seed";
        this.number.setAttribute("aria-label", isStyle ? "Number of a style" : "Seed of a piece");
        this.number.max = String(Number.MAX_SAFE_INTEGER);
      }

      _showState({ state, done = 0, total = 0, message = "" }) {
        this.state = state;
        const isWorking = state === "working";
        const texts = {
          idle: "The map is drawn when this tab is open.",
          working: total ? `The map is being drawn: ${done} of ${total} steps` : "The checkpoint is being loaded",
          done: this.kind === "seeds" ? "Click on a point to hear its piece." : "Click on a point to hear its style.",
          cancelled: "The map was stopped.",
        };
        this.status.textContent = texts[state] || message;
        [this.bar.hidden, this.stop.hidden] = [!isWorking, !isWorking];
        this.again.hidden = !["cancelled", "failed"].includes(state);
        if (isWorking && total) this.bar.value = done / total;
        else this.bar.removeAttribute("value");
        this.body.hidden = !this.map.points.length;
        this.map.draw();
      }

      _setMode(mode) {
        this.map.mode = mode;
        this.modes.forEach((button, k) => button.setAttribute("aria-pressed", String(["choose", "line"][k] === mode)));
      }

      // ---------------------------------------------------------------- playing

      _goTo(number) {
        if (!Number.isInteger(number) || number < 0) this.announcer.textContent = "A number is a whole number from 0 on.";
        else if (!this.map.chooseNumber(number)) this._play({ number, label: "" });
      }

      _play(point) {
        this.number.value = String(point.number);
        if (this.kind === "seeds") musika.player.play({ checkpoint: musika.page.checkpoint, seed: point.number, start: 0, settings: {} });
        else this._playStyle({ style_seed: point.number });
        this._addHeard(point);
      }

      /** Plays with another style: the piece of this checkpoint that plays changes, else one begins. */
      _playStyle(settings) {
        const { player, page } = musika;
        const chosen = { style_seed: "", styles: "", ...settings };
        const plays = ["playing", "loading"].includes(player.state) && player.piece.checkpoint === page.checkpoint;
        if (plays) player.change(chosen);
        else player.play({ checkpoint: page.checkpoint, seed: this._getSeed(), start: 0, settings: chosen });
      }

      /** The seed of the piece that plays, or played last. */
      _getSeed() {
        const { piece } = musika.player;
        return piece && !piece.url && piece.checkpoint === musika.page.checkpoint ? piece.seed : 0;
      }

      _addHeard(point) {
        this.heard = [point, ...this.heard.filter((other) => other.number !== point.number)].slice(0, KEPT);
        const present = new Map([...this.list.children].map((item) => [Number(item.dataset.number), item]));
        this.noneHeard.hidden = true;
        this.list.replaceChildren(...this.heard.map((each) => present.get(each.number) || this._makeItem(each)));
      }

      _makeItem(point) {
        const { make } = musika.dom;
        const name = this.kind === "seeds" ? `Seed ${point.number}` : `Style ${point.number}`;
        const source = "map/picture?" + musika.makeQuery({ checkpoint: musika.page.checkpoint, number: point.number, seed: this._getSeed() });
        const picture = make("img", { src: source, alt: `Spectrogram of ${name.toLowerCase()}`, width: "160", height: "40", loading: "lazy" });
        const play = () => this.map.chooseNumber(point.number) || this._play(point);
        const text = make("span", {}, make("strong", { textContent: name }), point.label ? make("span", { className: "musika-hint", textContent: ` ${point.label}` }) : null);
        const button = make("button", { type: "button", onclick: play, "aria-label": `Play ${name.toLowerCase()}` }, picture, text);
        return make("li", { "data-number": String(point.number) }, button);
      }

      _showTimeline(points = this.map.line.map((index) => this.map.points[index])) {
        const seconds = Number(this.seconds.value) || 120;
        this.styles = points.length ? musika.formatStyles(points.map((point) => point.number), seconds) : "";
        this.text.value = this.styles ? `--styles "${this.styles}"` : "";
        this.text.placeholder = "no line yet";
        for (const button of this.lineButtons) button.disabled = !this.styles;
      }

      _playLine() {
        musika.player.play({ checkpoint: musika.page.checkpoint, seed: this._getSeed(), start: 0, settings: { styles: this.styles } });
      }

      async _copy() {
        try {
          await navigator.clipboard.writeText(this.text.value);
          this.announcer.textContent = "copied";
        } catch {
          this.text.focus();
          this.text.select(); // without permission, the person copies
        }
      }
    },
  );
})();
