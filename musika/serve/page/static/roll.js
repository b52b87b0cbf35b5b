// A piano roll on a canvas: shows notes over time, with keys, grid and play head. It only draws.
//
// roll = new musika.Roll(canvas, { label: "Notes of the piece" })
// roll.setNotes([{ start, length, pitch, velocity, program, drum, selected }])   seconds; program and drum may be absent
// roll.setPosition(seconds)            the play head; the view follows it
// roll.setView({ start, seconds })     what is visible
// roll.grid = { beat, perBar }         seconds of a beat, beats of a bar; null draws seconds
//
// `roll_notes.js` holds notes that can be edited, and `roll_edit.js` lets a person edit them here.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const KEY_WIDTH = 34; // pixels of the strip with the keys
  const RULER_HEIGHT = 18; // pixels of the strip with the times
  const LEAST_RANGE = 25; // semitones that are visible at least
  const BLACK = new Set([1, 3, 6, 8, 10]);
  const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
  const COLOUR_SECONDS = 1; // between two looks at the page's colours, which change with its theme
  const STEPS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds between two lines

  /** Name of a MIDI key, such as "C4" for 60. */
  musika.nameKey = function (pitch) {
    return NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);
  };

  /** Text of a time: "1:05", "1:05.25" or "2:00:00". */
  musika.formatTime = function (seconds, digits = 0) {
    const units = Math.round(Math.max(0, seconds) * 10 ** digits);
    const whole = Math.floor(units / 10 ** digits);
    const rest = digits ? "." + String(units % 10 ** digits).padStart(digits, "0") : "";
    const [hours, minutes, second] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const tail = `${String(second).padStart(2, "0")}${rest}`;
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
  };

  /** Hue of an instrument, in degrees: neighbours in General MIDI look different. */
  function chooseHue(note) {
    return note.drum ? 0 : (222 + Math.floor((note.program || 0) / 8) * 137) % 360;
  }

  musika.Roll = class {
    constructor(canvas, options = {}) {
      this.canvas = canvas;
      this.notes = [];
      this.grid = null;
      this.view = { start: 0, seconds: options.seconds || 12 };
      this.range = { low: 48, high: 72 };
      this.fixedRange = options.range || null; // {low, high}; otherwise that of the notes
      this.position = null;
      this.cursor = null; // {time, pitch, length} where the keyboard is
      this.frame = null; // {from, to, low, high}: what is being selected
      this._colours = null;
      this._coloursAt = -Infinity;
      if (options.label) {
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", options.label);
      }
      this._observer = new ResizeObserver(() => this.draw());
      this._observer.observe(canvas);
    }

    /** Ends the roll's own observers. */
    close() {
      this._observer.disconnect();
    }

    /** Shows other notes. The rows fit them; with `keepRange` rows are only added, so that nothing moves. */
    setNotes(notes, keepRange = false) {
      this.notes = notes;
      if (!keepRange) this._fitRange();
      for (const { pitch } of keepRange ? notes : []) {
        this.range = { low: Math.min(this.range.low, pitch), high: Math.max(this.range.high, pitch) };
      }
      this.draw();
    }

    /** Shows other rows, at the same height, some semitones higher or lower. */
    shiftRange(semitones) {
      const { low, high } = this.range;
      const by = Math.max(-low, Math.min(127 - high, semitones));
      this.range = { low: low + by, high: high + by };
      this.draw();
    }

    setView(view) {
      const seconds = Math.min(36000, Math.max(0.5, view.seconds ?? this.view.seconds));
      this.view = { start: Math.max(0, view.start ?? this.view.start), seconds };
      this.draw();
    }

    /** Moves the play head; null hides it. The view turns a page when the head leaves it. */
    setPosition(seconds, follow = true) {
      this.position = seconds;
      if (follow && seconds !== null) {
        const { start, seconds: length } = this.view;
        if (seconds < start || seconds > start + length) this.view = { start: Math.max(0, seconds - length * 0.05), seconds: length };
      }
      this.draw();
    }

    /** Draws with the next frame of the browser, once. */
    draw() {
      musika.canvas.drawSoon(this);
    }

    // ---------------------------------------------------------------- places

    get plot() {
      const box = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
      return { left: KEY_WIDTH, top: RULER_HEIGHT, width: Math.max(1, box.width - KEY_WIDTH), height: Math.max(1, box.height - RULER_HEIGHT) };
    }

    get rowHeight() {
      return this.plot.height / (this.range.high - this.range.low + 1);
    }

    toX(seconds) {
      return KEY_WIDTH + ((seconds - this.view.start) / this.view.seconds) * this.plot.width;
    }

    toY(pitch) {
      return RULER_HEIGHT + (this.range.high - pitch) * this.rowHeight;
    }

    toSeconds(x) {
      return this.view.start + ((x - KEY_WIDTH) / this.plot.width) * this.view.seconds;
    }

    toPitch(y) {
      const pitch = this.range.high - Math.floor((y - RULER_HEIGHT) / this.rowHeight);
      return Math.min(this.range.high, Math.max(this.range.low, pitch));
    }

    /** The note at a place of the canvas, the last one drawn first; null where there is none. */
    findNote(x, y) {
      const height = this.rowHeight;
      for (let k = this.notes.length - 1; k >= 0; k--) {
        const note = this.notes[k];
        const [left, top] = [this.toX(note.start), this.toY(note.pitch)];
        const width = Math.max(4, this.toX(note.start + note.length) - left);
        if (x >= left && x <= left + width && y >= top && y <= top + height) return note;
      }
      return null;
    }

    _fitRange() {
      if (this.fixedRange) {
        this.range = { ...this.fixedRange };
        return;
      }
      let [low, high] = [127, 0];
      for (const { pitch } of this.notes) {
        low = Math.min(low, pitch);
        high = Math.max(high, pitch);
      }
      if (low > high) [low, high] = [60, 60];
      low -= 2;
      high += 2;
      const missing = LEAST_RANGE - (high - low + 1);
      if (missing > 0) {
        low -= Math.floor(missing / 2);
        high += Math.ceil(missing / 2);
      }
      const shift = Math.max(0, -low) - Math.max(0, high - 127);
      this.range = { low: Math.max(0, low + Math.min(0, shift)), high: Math.min(127, high + Math.max(0, shift)) };
    }

    // ---------------------------------------------------------------- painting

    _readColours() {
      const now = performance.now() / 1000;
      if (this._colours && now - this._coloursAt < COLOUR_SECONDS) return this._colours;
      const style = getComputedStyle(this.canvas);
      const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
      this._coloursAt = now;
      this._colours = {
        back: read("--input-background-fill", "#fff"),
        text: read("--body-text-color", "#222"),
        soft: read("--body-text-color-subdued", "#777"),
        line: read("--border-color-primary", "#ddd"),
        accent: read("--color-accent", "#e8590c"),
      };
      return this._colours;
    }

    _paint() {
      const prepared = musika.canvas.prepare(this.canvas);
      if (!prepared) return;
      const { context, width, height } = prepared;
      const colours = this._readColours();
      this._paintRows(context, colours);
      this._paintGrid(context, colours);
      context.save();
      context.beginPath();
      context.rect(KEY_WIDTH, RULER_HEIGHT, width - KEY_WIDTH, height - RULER_HEIGHT);
      context.clip();
      this._paintNotes(context, colours);
      this._paintMarks(context, colours);
      context.restore();
      this._paintKeys(context, colours);
    }

    _paintRows(context, colours) {
      const { left, width } = this.plot;
      const height = this.rowHeight;
      for (let pitch = this.range.low; pitch <= this.range.high; pitch++) {
        if (!BLACK.has(pitch % 12)) continue;
        context.globalAlpha = 0.06;
        context.fillStyle = colours.text;
        context.fillRect(left, this.toY(pitch), width, height);
      }
      context.globalAlpha = 1;
    }

    /** Seconds between two lines, and how many of these make a line with a text. */
    _chooseStep() {
      const least = (40 / this.plot.width) * this.view.seconds;
      if (!this.grid) {
        const step = STEPS.find((candidate) => candidate >= least) || STEPS[STEPS.length - 1];
        return { step, major: 1 };
      }
      const { beat, perBar } = this.grid;
      if (beat >= least / 2) return { step: beat, major: perBar };
      let step = beat * perBar;
      while (step < least) step *= 2;
      return { step, major: 1 };
    }

    _paintGrid(context, colours) {
      const { left, width, top, height } = this.plot;
      const { step, major } = this._chooseStep();
      const first = Math.ceil(this.view.start / step - 1e-9);
      context.font = "10px sans-serif";
      context.textBaseline = "middle";
      for (let k = first; k * step <= this.view.start + this.view.seconds; k++) {
        const x = Math.round(this.toX(k * step)) + 0.5;
        const isMajor = k % major === 0;
        context.globalAlpha = isMajor ? 0.9 : 0.4;
        context.strokeStyle = colours.line;
        context.beginPath();
        context.moveTo(x, isMajor ? 0 : top);
        context.lineTo(x, top + height);
        context.stroke();
        if (!isMajor || x > left + width - 24) continue;
        context.globalAlpha = 1;
        context.fillStyle = colours.soft;
        context.fillText(this._formatLine(k * step, step), x + 3, RULER_HEIGHT / 2);
      }
      context.globalAlpha = 1;
    }

    _formatLine(seconds, step) {
      if (this.grid) return String(Math.round(seconds / (this.grid.beat * this.grid.perBar)) + 1);
      return musika.formatTime(seconds, step < 0.1 ? 2 : step < 1 ? 1 : 0);
    }

    _paintNotes(context, colours) {
      const height = Math.max(2, this.rowHeight - 1);
      const [from, to] = [this.view.start, this.view.start + this.view.seconds];
      for (const note of this.notes) {
        if (note.start > to || note.start + note.length < from) continue;
        const left = this.toX(note.start);
        const width = Math.max(2, this.toX(note.start + note.length) - left - 1);
        const level = (note.velocity ?? 80) / 127;
        context.fillStyle = `hsl(${chooseHue(note)} ${40 + 45 * level}% ${64 - 22 * level}%)`;
        const isSounding = this.position !== null && note.start <= this.position && this.position < note.start + note.length;
        if (isSounding) context.fillStyle = colours.accent;
        context.fillRect(left, this.toY(note.pitch), width, height);
        if (!note.selected) continue;
        context.strokeStyle = colours.text;
        context.lineWidth = 2;
        context.strokeRect(left, this.toY(note.pitch), width, height);
        context.lineWidth = 1;
      }
    }

    _paintMarks(context, colours) {
      if (this.frame) {
        const [left, right] = [this.toX(this.frame.from), this.toX(this.frame.to)];
        const [top, bottom] = [this.toY(this.frame.high), this.toY(this.frame.low) + this.rowHeight];
        context.globalAlpha = 0.15;
        context.fillStyle = colours.accent;
        context.fillRect(left, top, right - left, bottom - top);
        context.globalAlpha = 1;
      }
      if (this.cursor) {
        const { time, pitch, length } = this.cursor;
        context.strokeStyle = colours.accent;
        context.lineWidth = 2;
        context.strokeRect(this.toX(time), this.toY(pitch), Math.max(6, this.toX(time + length) - this.toX(time)), this.rowHeight);
        context.lineWidth = 1;
      }
      if (this.position !== null) {
        context.fillStyle = colours.accent;
        context.fillRect(Math.round(this.toX(this.position)) - 1, RULER_HEIGHT, 2, this.plot.height);
      }
    }

    _paintKeys(context, colours) {
      const height = this.rowHeight;
      context.fillStyle = colours.back;
      context.fillRect(0, 0, KEY_WIDTH, this.canvas.clientHeight);
      context.textBaseline = "middle";
      for (let pitch = this.range.low; pitch <= this.range.high; pitch++) {
        const y = this.toY(pitch);
        context.globalAlpha = BLACK.has(pitch % 12) ? 0.75 : 0.07;
        context.fillStyle = colours.text;
        context.fillRect(0, y + 0.5, BLACK.has(pitch % 12) ? KEY_WIDTH * 0.55 : KEY_WIDTH - 1, Math.max(1, height - 1));
        if (pitch % 12 !== 0) continue;
        context.globalAlpha = 1;
        context.font = `${Math.min(11, Math.max(8, height * 0.9))}px sans-serif`;
        context.fillText(musika.nameKey(pitch), KEY_WIDTH - 21, y + height / 2);
      }
      context.globalAlpha = 1;
      context.fillStyle = colours.line;
      context.fillRect(KEY_WIDTH - 1, 0, 1, this.canvas.clientHeight);
    }
  };
})();
