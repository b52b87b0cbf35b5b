/*
 * Waveform: a sound to look at, to seek in, and to mark spans on.
 *
 *   const waveform = musika.waveform.create(element, {onSeek, onSpans, word: "gap"});
 *   waveform.setSound(audioBuffer);
 *   waveform.setSpans([[3.5, 7], [20, null]]);    // seconds; null is the end
 *
 * Mouse and touch: a click seeks, dragging marks a span, its edges and its body can be dragged. Ctrl and the wheel, or two
 * fingers, zoom. Keyboard: the arrow keys seek, M begins and ends a span at the position, + and - zoom; on a span, the
 * arrow keys move it or its edge, and Delete removes it.
 */
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});
  const BIN = 64; // samples that the finest peaks stand for
  const FACTOR = 8; // from one level of peaks to the next
  const SHORTEST_VIEW = 0.2; // seconds
  const SHORTEST_SPAN = 0.05; // seconds
  const DRAG = 4; // pixels from which a click is a drag
  const HEIGHT = 128; // pixels

  /* Smallest and largest sample of every BIN samples, then of every FACTOR of those, and so on. */
  function computePeaks(buffer) {
    const channels = [];
    for (let n = 0; n < buffer.numberOfChannels; n++) channels.push(buffer.getChannelData(n));
    const count = Math.ceil(buffer.length / BIN);
    let low = new Float32Array(count);
    let high = new Float32Array(count);
    for (let bin = 0; bin < count; bin++) {
      let least = 1;
      let most = -1;
      const end = Math.min((bin + 1) * BIN, buffer.length);
      for (const channel of channels) {
        for (let k = bin * BIN; k < end; k++) {
          const value = channel[k];
          if (value < least) least = value;
          if (value > most) most = value;
        }
      }
      low[bin] = least;
      high[bin] = most;
    }
    const levels = [{ low, high, size: BIN }];
    while (levels[levels.length - 1].low.length > 256) {
      const below = levels[levels.length - 1];
      const shorter = Math.ceil(below.low.length / FACTOR);
      low = new Float32Array(shorter).fill(1);
      high = new Float32Array(shorter).fill(-1);
      below.low.forEach((value, k) => (low[(k / FACTOR) | 0] = Math.min(low[(k / FACTOR) | 0], value)));
      below.high.forEach((value, k) => (high[(k / FACTOR) | 0] = Math.max(high[(k / FACTOR) | 0], value)));
      levels.push({ low, high, size: below.size * FACTOR });
    }
    return levels;
  }

  /* Smallest and largest sample from `first` to `stop`. */
  function findRange(sound, first, stop) {
    let least = 1;
    let most = -1;
    if (stop - first < 2 * BIN) {
      for (let n = 0; n < sound.buffer.numberOfChannels; n++) {
        const channel = sound.buffer.getChannelData(n);
        for (let k = Math.floor(first); k < Math.min(Math.max(stop, first + 1), channel.length); k++) {
          least = Math.min(least, channel[k]);
          most = Math.max(most, channel[k]);
        }
      }
      return [least, most];
    }
    let level = sound.levels[0];
    for (const other of sound.levels) if (stop - first >= 2 * other.size) level = other;
    for (let k = Math.floor(first / level.size); k < Math.min(stop / level.size, level.low.length); k++) {
      least = Math.min(least, level.low[k]);
      most = Math.max(most, level.high[k]);
    }
    return [least, most];
  }

  function make(tag, className, label) {
    const element = document.createElement(tag);
    element.className = className;
    if (tag === "button") element.type = "button";
    if (label) element.setAttribute("aria-label", label);
    return element;
  }

  function formatSeconds(value) {
    return String(Math.round(value * 100) / 100);
  }

  class Waveform {
    constructor(host, options) {
      this.host = host;
      this.options = { onSeek() {}, onSpans() {}, word: "span", canMark: true, ...options };
      this.sound = null; // {buffer, levels}
      this.spans = []; // [start, end or null], in order and apart
      this.position = 0;
      this.zoom = 1; // times the width of the view
      this.begun = null; // second where M began a span
      this.pointers = new Map();
      this._build();
    }

    get duration() {
      return this.sound ? this.sound.buffer.duration : 0;
    }

    /* Shows an AudioBuffer; null shows nothing. The view stays. */
    setSound(buffer) {
      this.sound = buffer ? { buffer, levels: computePeaks(buffer) } : null;
      this.spans = this.spans.filter((span) => span[0] < this.duration);
      this._layout();
    }

    setPosition(seconds) {
      this.position = seconds;
      this.cursor.style.left = this._toPercent(seconds);
      this.cursor.hidden = !this.sound;
      this.canvas.setAttribute("aria-valuenow", seconds.toFixed(2));
      this.canvas.setAttribute("aria-valuetext", formatSeconds(seconds) + " seconds");
    }

    /* Replaces the spans, without calling `onSpans`. */
    setSpans(spans) {
      this.spans = spans.map((span) => [span[0], span[1]]);
      this._showSpans();
    }

    setCanMark(canMark) {
      this.options.canMark = canMark;
      this.host.classList.toggle("musika-no-marks", !canMark);
      this._showHint();
    }

    /* Shows `factor` times as much; the second `around` stays where it is. */
    zoomBy(factor, around = this.position) {
      if (!this.sound) return;
      const view = this.scroller.clientWidth;
      const offset = (around / this.duration) * view * this.zoom - this.scroller.scrollLeft;
      this.zoom = Math.min(Math.max(this.zoom * factor, 1), Math.max(1, this.duration / SHORTEST_VIEW));
      this.inner.style.width = this.zoom * 100 + "%";
      const inside = offset >= 0 && offset <= view ? offset : view / 2;
      this.scroller.scrollLeft = (around / this.duration) * view * this.zoom - inside;
      this._draw();
    }

    _build() {
      const { word } = this.options;
      this.host.classList.add("musika-waveform");
      this.scroller = make("div", "musika-waveform-scroller");
      this.inner = make("div", "musika-waveform-inner");
      this.canvas = make("canvas", "musika-waveform-canvas", "Waveform: position");
      Object.assign(this.canvas, { tabIndex: 0, height: HEIGHT });
      this.canvas.setAttribute("role", "slider");
      this.canvas.setAttribute("aria-valuemin", "0");
      this.marks = make("div", "musika-marks");
      this.cursor = make("div", "musika-cursor");
      this.inner.append(this.canvas, this.marks, this.cursor);
      this.scroller.append(this.inner);
      const tools = make("div", "musika-waveform-tools");
      for (const [text, label, call] of [
        ["−", "Zoom out", () => this.zoomBy(0.5)],
        ["+", "Zoom in", () => this.zoomBy(2)],
        ["All", "Show all", () => this.zoomBy(1 / this.zoom)],
      ]) {
        const button = make("button", "musika-tool", label);
        button.textContent = text;
        button.addEventListener("click", call);
        tools.append(button);
      }
      this.marker = make("button", "musika-tool musika-marker");
      this.marker.addEventListener("click", () => this._markHere());
      tools.append(this.marker);
      this.hint = make("span", "musika-hint");
      tools.append(this.hint);
      this.host.append(this.scroller, tools);
      this.host.setAttribute("role", "group");
      this.host.setAttribute("aria-label", "Waveform");
      this._listen();
      this._showHint();
      new ResizeObserver(() => this._draw()).observe(this.scroller);
      this.setPosition(0);
    }

    _listen() {
      this.scroller.addEventListener("scroll", () => this._draw());
      this.canvas.addEventListener("keydown", (event) => this._handleKey(event));
      this.canvas.addEventListener("pointerdown", (event) => this._press(event));
      this.canvas.addEventListener("pointermove", (event) => this._drag(event));
      for (const name of ["pointerup", "pointercancel"])
        this.canvas.addEventListener(name, (event) => this._release(event));
      this.scroller.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
          event.preventDefault();
          this.zoomBy(Math.exp(-event.deltaY / 200), this._toSeconds(event));
        },
        { passive: false }
      );
    }

    _showHint() {
      const { canMark, word } = this.options;
      this.hint.textContent = canMark ? "drag over the waveform to mark a " + word : "";
      this.marker.hidden = !canMark;
      this.marker.textContent = this.begun === null ? "Begin a " + word + " here" : "End the " + word + " here";
    }

    _layout() {
      this.canvas.setAttribute("aria-valuemax", this.duration.toFixed(2));
      this.zoomBy(1);
      this._showSpans();
      this.setPosition(Math.min(this.position, this.duration));
      this._draw();
    }

    _toPercent(seconds) {
      return this.duration ? (Math.min(Math.max(seconds / this.duration, 0), 1) * 100) + "%" : "0%";
    }

    _toSeconds(event) {
      const box = this.inner.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.duration;
    }

    _draw() {
      const width = this.scroller.clientWidth;
      const scale = window.devicePixelRatio || 1;
      this.canvas.style.width = width + "px";
      if (this.canvas.width !== Math.round(width * scale)) this.canvas.width = Math.round(width * scale);
      if (this.canvas.height !== HEIGHT * scale) this.canvas.height = HEIGHT * scale;
      const pen = this.canvas.getContext("2d");
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      if (!this.sound || !width) return;
      const style = getComputedStyle(this.host);
      pen.fillStyle = style.getPropertyValue("--musika-wave").trim() || style.color;
      const length = this.sound.buffer.length;
      const perPixel = length / (width * scale * this.zoom);
      const first = (this.scroller.scrollLeft / (width * this.zoom)) * length;
      const middle = this.canvas.height / 2;
      for (let x = 0; x < this.canvas.width; x++) {
        const begin = first + x * perPixel;
        if (begin >= length) break;
        const [low, high] = findRange(this.sound, begin, begin + perPixel);
        if (high < low) continue;
        const top = middle - high * (middle - 2);
        pen.fillRect(x, top, 1, Math.max(middle - low * (middle - 2) - top, 1));
      }
    }

    _press(event) {
      if (!this.sound || event.button > 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event.clientX);
      if (this.pointers.size === 1) this.drag = { from: this._toSeconds(event), x: event.clientX, span: null };
      else this.drag = null; // two fingers zoom
    }

    _drag(event) {
      const before = this.pointers.get(event.pointerId);
      if (before === undefined) return;
      if (this.pointers.size === 2) {
        const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
        const factor = Math.max(Math.abs(event.clientX - other), 1) / Math.max(Math.abs(before - other), 1);
        this.zoomBy(factor, this._toSeconds({ clientX: (event.clientX + other) / 2 }));
      } else if (this.drag && this.options.canMark && Math.abs(event.clientX - this.drag.x) > DRAG) {
        const now = this._toSeconds(event);
        const span = [Math.min(this.drag.from, now), Math.max(this.drag.from, now)];
        this.preview = span;
        this._showSpans();
      }
      this.pointers.set(event.pointerId, event.clientX);
    }

    _release(event) {
      if (!this.pointers.delete(event.pointerId)) return;
      const { drag, preview } = this;
      this.drag = this.preview = null;
      if (!drag || event.type === "pointercancel") {
        this._showSpans();
        return;
      }
      if (preview) this._addSpan(preview[0], preview[1]);
      else this.options.onSeek(drag.from);
    }

    /* Adds a span; those that it touches become one with it. */
    _addSpan(start, end) {
      if (end - start < SHORTEST_SPAN) return this._showSpans();
      const limit = (span) => (span[1] === null ? this.duration : span[1]);
      const apart = this.spans.filter((span) => limit(span) < start || span[0] > end);
      for (const span of this.spans.filter((span) => !apart.includes(span))) {
        start = Math.min(start, span[0]);
        end = Math.max(end, limit(span));
      }
      this._change([...apart, [this._round(start), this._round(end)]]);
    }

    _round(seconds) {
      return Math.min(Math.max(Math.round(seconds * 1000) / 1000, 0), Math.floor(this.duration * 1000) / 1000);
    }

    _change(spans) {
      this.spans = spans.sort((a, b) => a[0] - b[0]);
      this._showSpans();
      this.options.onSpans(this.spans);
    }

    _showSpans() {
      const { word } = this.options;
      const focused = document.activeElement && document.activeElement.dataset.mark;
      this.marks.replaceChildren();
      this.spans.forEach((span, index) => this._showSpan(span, index, word));
      if (this.preview) this.marks.append(this._place(make("div", "musika-span musika-preview"), ...this.preview));
      if (focused) {
        const again = this.marks.querySelector('[data-mark="' + focused + '"]');
        if (again) again.focus();
      }
      this.host.dataset.spans = JSON.stringify(this.spans);
    }

    _place(element, start, end) {
      element.style.left = this._toPercent(start);
      const stop = end === null ? this.duration : Math.min(end, this.duration);
      element.style.width = this.duration ? ((stop - start) / this.duration) * 100 + "%" : "0";
      return element;
    }

    _showSpan(span, index, word) {
      const name = word + " " + (index + 1);
      const end = span[1] === null ? this.duration : span[1];
      const box = this._place(make("div", "musika-span"), span[0], span[1]);
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", name + ", " + formatSeconds(span[0]) + " to " + formatSeconds(end) + " seconds");
      const parts = [
        ["musika-span-body", "Move " + name, "both", (span[0] + end) / 2],
        ["musika-span-edge musika-span-start", "Beginning of " + name, "start", span[0]],
        ["musika-span-edge musika-span-end", "End of " + name, "end", end],
      ];
      for (const [className, label, part, value] of parts) {
        const handle = make("div", className, label);
        handle.tabIndex = 0;
        handle.dataset.mark = index + part;
        handle.setAttribute("role", "slider");
        handle.setAttribute("aria-valuemin", "0");
        handle.setAttribute("aria-valuemax", this.duration.toFixed(2));
        handle.setAttribute("aria-valuenow", value.toFixed(2));
        handle.setAttribute("aria-valuetext", formatSeconds(span[0]) + " to " + formatSeconds(end) + " seconds");
        this._listenToHandle(handle, index, part);
        box.append(handle);
      }
      const remove = make("button", "musika-span-remove", "Remove " + name);
      remove.textContent = "×";
      remove.addEventListener("click", () => this._remove(index));
      box.append(remove);
      this.marks.append(box);
    }

    _listenToHandle(handle, index, part) {
      handle.addEventListener("keydown", (event) => {
        const step = (event.shiftKey ? 0.01 : 0.1) * (event.key === "ArrowLeft" || event.key === "ArrowDown" ? -1 : 1);
        if (/^Arrow/.test(event.key)) this._shift(index, part, step, this.spans[index]);
        else if (event.key === "Delete" || event.key === "Backspace") this._remove(index);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
      handle.addEventListener("pointerdown", (event) => {
        if (event.button > 0) return;
        event.preventDefault();
        const from = this._toSeconds(event);
        const original = [...this.spans[index]];
        const move = (moved) => this._shift(index, part, this._toSeconds(moved) - from, original, true);
        const stop = (ended) => {
          document.removeEventListener("pointermove", move);
          document.removeEventListener("pointerup", stop);
          document.removeEventListener("pointercancel", stop);
          if (Math.abs(ended.clientX - event.clientX) <= DRAG && part === "both") this.options.onSeek(from);
          this.options.onSpans(this.spans);
        };
        document.addEventListener("pointermove", move);
        document.addEventListener("pointerup", stop);
        document.addEventListener("pointercancel", stop);
      });
    }

    /* Moves a span or one of its edges by some seconds from where it was, no further than its neighbours. */
    _shift(index, part, seconds, original, quiet) {
      const low = index ? this.spans[index - 1][1] : 0;
      const high = index + 1 < this.spans.length ? this.spans[index + 1][0] : this.duration;
      let [start, end] = [original[0], original[1] === null ? this.duration : original[1]];
      if (part === "both") seconds = Math.min(Math.max(seconds, low - start), high - end);
      if (part !== "end") start = Math.max(start + seconds, low);
      if (part !== "start") end = Math.min(end + seconds, high);
      if (part === "start") start = Math.min(start, end - SHORTEST_SPAN);
      if (part === "end") end = Math.max(end, start + SHORTEST_SPAN);
      this.spans[index] = [this._round(start), this._round(end)];
      this._showSpans();
      if (!quiet) this.options.onSpans(this.spans);
    }

    _remove(index) {
      this._change(this.spans.filter((_, number) => number !== index));
      this.canvas.focus();
    }

    _markHere() {
      if (!this.sound || !this.options.canMark) return;
      if (this.begun === null) this.begun = this.position;
      else {
        this._addSpan(Math.min(this.begun, this.position), Math.max(this.begun, this.position));
        this.begun = null;
      }
      this._showHint();
    }

    _handleKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.sound) return;
      const step = event.shiftKey ? 0.1 : 1;
      const seek = (seconds) => this.options.onSeek(Math.min(Math.max(seconds, 0), this.duration));
      if (event.key === "ArrowLeft") seek(this.position - step);
      else if (event.key === "ArrowRight") seek(this.position + step);
      else if (event.key === "Home") seek(0);
      else if (event.key === "End") seek(this.duration);
      else if (event.key === "+") this.zoomBy(2);
      else if (event.key === "-") this.zoomBy(0.5);
      else if (event.key === "m" || event.key === "M") this._markHere();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
  }

  musika.waveform = { create: (host, options) => new Waveform(host, options) };
})();
