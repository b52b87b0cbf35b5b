// Lets a person edit notes on a piano roll: with mouse, finger, pen or keyboard.
//
// editor = new musika.RollEditor(new musika.Roll(canvas), new musika.RollNotes(), { say, onPlay, onSeek })
//          say(text) tells screen readers, onPlay() is the space key, onSeek(seconds) a click on the times
// editor.step = 0.25            seconds of the grid; 0 is none
// editor.defaults = { velocity, program, drum }   of notes that are added
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const EDGE = 8; // pixels at the end of a note that make it longer
  const FINE = 0.05; // seconds that a key moves where there is no grid
  const SLACK = 3; // pixels that a pointer may move before it drags
  const STRONGER = 8; // velocity by which a key changes notes

  musika.RollEditor = class {
    constructor(roll, notes, options = {}) {
      [this.roll, this.notes, this.canvas] = [roll, notes, roll.canvas];
      this.say = options.say || (() => {});
      this.onPlay = options.onPlay || (() => {});
      this.onSeek = options.onSeek || (() => {});
      this.step = options.step ?? 0.25;
      this.defaults = { velocity: 80, program: 0, drum: false };
      this.length = 0.5; // seconds of the next note
      this._drag = null;
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute("role", "application");
      this.canvas.style.touchAction = "none";
      notes.addEventListener("change", () => this._show());
      const on = (name, act) => this.canvas.addEventListener(name, act);
      on("pointerdown", (event) => this._press(event));
      on("pointermove", (event) => this._move(event));
      on("pointerup", (event) => this._release(event));
      on("pointercancel", (event) => this._release(event));
      on("contextmenu", (event) => this._removeAt(event));
      on("wheel", (event) => this._wheel(event));
      on("keydown", (event) => this._key(event));
      on("focus", () => this._placeCursor());
      on("blur", () => this._hideCursor());
      this._show();
    }

    zoom(factor, around = null) {
      const { start, seconds } = this.roll.view;
      const place = around ?? start + seconds / 2;
      const length = Math.min(3600, Math.max(1, seconds * factor));
      this.roll.setView({ start: place - (place - start) * (length / seconds), seconds: length });
    }

    // ---------------------------------------------------------------- pointer

    _find(event) {
      const box = this.canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      return { x, y, time: this.roll.toSeconds(x), pitch: this.roll.toPitch(y), note: this.roll.findNote(x, y) };
    }

    _snap(seconds, round = Math.round) {
      return this.step ? round(seconds / this.step + (round === Math.floor ? 1e-6 : 0)) * this.step : seconds;
    }

    _press(event) {
      if (event.button !== 0) return;
      const place = this._find(event);
      if (place.y < this.roll.plot.top) return this.onSeek(Math.max(0, place.time));
      if (place.x < this.roll.plot.left) return;
      this.canvas.focus({ preventScroll: true });
      this.canvas.setPointerCapture(event.pointerId);
      this._hideCursor();
      const common = { ...place, moved: false };
      if (place.note) {
        const end = this.roll.toX(place.note.start + place.note.length);
        const kind = end - place.x < Math.min(EDGE, (end - this.roll.toX(place.note.start)) / 3) ? "resize" : "move";
        if (!place.note.selected) this.notes.select((note) => same(note, place.note), event.shiftKey);
        this._drag = { ...common, kind };
        this.notes.begin();
      } else if (event.shiftKey) {
        this._drag = { ...common, kind: "select" };
      } else {
        const start = Math.max(0, this._snap(place.time, Math.floor));
        const added = this.notes.add({ ...this.defaults, start, length: this.length, pitch: place.pitch });
        if (!added) return this.say("there is no room for more notes");
        this._describe();
        this._drag = { ...common, kind: "resize", isNew: true };
        this.notes.begin(true);
      }
    }

    _move(event) {
      const place = this._find(event);
      if (!this._drag) {
        this._chooseCursor(place);
        return;
      }
      const drag = this._drag;
      if (!drag.moved && Math.hypot(place.x - drag.x, place.y - drag.y) < SLACK) return;
      drag.moved = true;
      if (drag.kind === "select") {
        this.roll.frame = {
          from: Math.min(drag.time, place.time),
          to: Math.max(drag.time, place.time),
          low: Math.min(drag.pitch, place.pitch),
          high: Math.max(drag.pitch, place.pitch),
        };
        this.roll.draw();
      } else if (drag.kind === "move") {
        const start = this._snap(drag.note.start + place.time - drag.time);
        this.notes.move(start - drag.note.start, place.pitch - drag.pitch);
      } else if (drag.isNew) {
        this.notes.set({ length: Math.max(this.step || FINE, this._snap(place.time - drag.time + (this.step || 0) / 2)) });
      } else {
        const end = drag.note.start + drag.note.length;
        const target = Math.max(drag.note.start + (this.step || FINE), this._snap(end + place.time - drag.time));
        this.notes.resize(target - end);
      }
    }

    _release(event) {
      const drag = this._drag;
      if (!drag) return;
      this._drag = null;
      if (drag.kind === "select") {
        const frame = this.roll.frame;
        this.roll.frame = null;
        this.notes.select((note) => frame && isInside(note, frame));
      } else {
        this.notes.finish();
        if (drag.kind === "resize") this.length = this.notes.selected[0]?.length ?? this.length;
        if (drag.moved) this._describe();
      }
      if (this.canvas.hasPointerCapture(event.pointerId)) this.canvas.releasePointerCapture(event.pointerId);
    }

    _removeAt(event) {
      event.preventDefault();
      const { note } = this._find(event);
      if (!note) return;
      this.notes.select((other) => same(other, note));
      this.notes.remove();
      this.say(`${musika.nameKey(note.pitch)} removed`);
    }

    _chooseCursor(place) {
      const end = place.note ? this.roll.toX(place.note.start + place.note.length) : 0;
      this.canvas.style.cursor = place.note ? (end - place.x < EDGE ? "ew-resize" : "grab") : "crosshair";
    }

    _wheel(event) {
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(event.deltaY * 0.003), this._find(event).time);
      } else if (isSideways) {
        event.preventDefault();
        const by = (event.deltaX || event.deltaY) / this.roll.plot.width;
        this.roll.setView({ start: this.roll.view.start + by * this.roll.view.seconds });
      }
    }

    // ---------------------------------------------------------------- keyboard

    _key(event) {
      const command = event.ctrlKey || event.metaKey;
      const act = command ? this._findCommand(event) : this._findAction(event);
      if (!act) return;
      event.preventDefault();
      event.stopPropagation(); // the page has keys of its own
      act();
    }

    _findCommand(event) {
      const key = event.key.toLowerCase();
      if (key === "z" && event.shiftKey) return () => this._redo();
      return { z: () => this._undo(), y: () => this._redo(), a: () => this.notes.select(() => true) }[key];
    }

    _findAction(event) {
      const [step, hasSelection] = [this.step || FINE, this.notes.selected.length > 0];
      const far = event.shiftKey;
      const edit = (act) => () => {
        act();
        this._describe();
      };
      const actions = {
        Delete: () => this._remove(),
        Backspace: () => this._remove(),
        Escape: () => this._deselect(),
        Enter: () => this._addAtCursor(),
        " ": () => this.onPlay(),
        "+": edit(() => this.notes.strengthen(STRONGER)),
        "-": edit(() => this.notes.strengthen(-STRONGER)),
        q: edit(() => this.notes.quantise(step)),
      };
      const moves = hasSelection
        ? {
            ArrowLeft: edit(() => (far ? this.notes.resize(-step) : this.notes.move(-step, 0))),
            ArrowRight: edit(() => (far ? this.notes.resize(step) : this.notes.move(step, 0))),
            ArrowUp: edit(() => this.notes.move(0, far ? 12 : 1)),
            ArrowDown: edit(() => this.notes.move(0, far ? -12 : -1)),
          }
        : {
            ArrowLeft: () => this._moveCursor(far ? -4 * step : -step, 0),
            ArrowRight: () => this._moveCursor(far ? 4 * step : step, 0),
            ArrowUp: () => this._moveCursor(0, far ? 12 : 1),
            ArrowDown: () => this._moveCursor(0, far ? -12 : -1),
          };
      return actions[event.key] || moves[event.key];
    }

    _undo() {
      this.notes.undo();
      this.say("undone");
    }

    _redo() {
      this.notes.redo();
      this.say("done again");
    }

    _remove() {
      const count = this.notes.selected.length;
      this.notes.remove();
      this.say(count === 1 ? "1 note removed" : `${count} notes removed`);
    }

    _deselect() {
      this.notes.select(() => false);
      this._placeCursor();
    }

    _placeCursor() {
      if (this.notes.selected.length || !this.canvas.matches(":focus-visible")) return;
      const start = Math.max(0, this._snap(this.roll.view.start, Math.ceil));
      this.roll.cursor = this.roll.cursor || { time: start, pitch: 60, length: this.length };
      this._moveCursor(0, 0);
    }

    _hideCursor() {
      this.roll.cursor = null;
      this.roll.draw();
    }

    _moveCursor(seconds, semitones) {
      const { low, high } = this.roll.range;
      const cursor = this.roll.cursor || { time: this._snap(this.roll.view.start, Math.ceil), pitch: 60 };
      const time = Math.max(0, cursor.time + seconds);
      const pitch = Math.min(high, Math.max(low, cursor.pitch + semitones));
      this.roll.cursor = { time, pitch, length: this.length };
      const { start, seconds: length } = this.roll.view;
      if (time < start || time + this.length > start + length) this.roll.setView({ start: Math.max(0, time - length / 4) });
      this.roll.draw();
      this.say(`${musika.nameKey(pitch)} at ${musika.formatTime(time, 2)}`);
    }

    /** Adds a note at the cursor, or selects the one that is there. */
    _addAtCursor() {
      const cursor = this.roll.cursor;
      if (!cursor) return this._deselect();
      const sounds = (note) => note.pitch === cursor.pitch && note.start <= cursor.time + 1e-6 && cursor.time < note.start + note.length;
      if (this.notes.list.some(sounds)) this.notes.select(sounds);
      else this.notes.add({ ...this.defaults, start: cursor.time, length: this.length, pitch: cursor.pitch });
      this.roll.cursor = null;
      this._describe();
    }

    // ---------------------------------------------------------------- what is shown

    _show() {
      this.roll.setNotes(this.notes.list, true);
    }

    _describe() {
      const chosen = this.notes.selected;
      if (!chosen.length) return;
      const [{ pitch, start, length, velocity }] = chosen;
      const where = `${musika.nameKey(pitch)} at ${musika.formatTime(start, 2)}, ${length.toFixed(2)} seconds, velocity ${velocity}`;
      this.say(chosen.length === 1 ? where : `${chosen.length} notes, the first ${where}`);
    }
  };

  function same(first, second) {
    return first.start === second.start && first.pitch === second.pitch && first.length === second.length;
  }

  function isInside(note, { from, to, low, high }) {
    return note.pitch >= low && note.pitch <= high && note.start < to && note.start + note.length > from;
  }
})();
