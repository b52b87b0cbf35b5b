// Notes that can be edited, without any picture: add, move, resize, remove, velocity, quantise, undo.
//
// notes = new musika.RollNotes()
// notes.add({ start, length, pitch, velocity }); notes.undo(); notes.list
// A change is one step of `undo`. While something is dragged, `begin()` and `change(...)` make one step of many changes.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const MOST_UNDO = 200; // steps that are remembered
  const SHORTEST = 0.02; // seconds of a note
  const MOST_NOTES = 20000;
  const LONGEST = 3600; // seconds of what is drawn

  const clip = (value, low, high) => Math.min(high, Math.max(low, value));

  musika.RollNotes = class extends EventTarget {
    constructor(notes = []) {
      super();
      this.list = notes.map((note) => ({ ...note }));
      this._past = [];
      this._future = [];
      this._dragged = null; // the notes as they were when a drag began
      this._merges = false; // whether the drag belongs to the step before it
    }

    get selected() {
      return this.list.filter((note) => note.selected);
    }

    get end() {
      return this.list.reduce((end, note) => Math.max(end, note.start + note.length), 0);
    }

    /** Takes other notes; undo brings the earlier ones back. */
    replace(notes) {
      this._step(() => notes.map((note) => ({ ...note })));
    }

    /** Adds a note, which is then the only one selected; null where there is no room for more. */
    add(note) {
      if (this.list.length >= MOST_NOTES) return null;
      const added = this._limit({ velocity: 80, program: 0, drum: false, ...note, selected: true });
      this._step((list) => [...list.map((other) => ({ ...other, selected: false })), added]);
      return added;
    }

    /** Removes the selected notes. */
    remove() {
      if (this.selected.length) this._step((list) => list.filter((note) => !note.selected));
    }

    /** Moves the selected notes, all by the same amount. */
    move(seconds, semitones) {
      const chosen = (this._dragged || this.list).filter((note) => note.selected);
      if (!chosen.length) return;
      const first = Math.min(...chosen.map((note) => note.start));
      const [low, high] = [Math.min(...chosen.map((note) => note.pitch)), Math.max(...chosen.map((note) => note.pitch))];
      const [by, steps] = [Math.max(seconds, -first), clip(semitones, -low, 127 - high)];
      this._edit((note) => ({ start: note.start + by, pitch: note.pitch + steps }));
    }

    /** Makes the selected notes longer; shorter if negative. */
    resize(seconds) {
      this._edit((note) => ({ length: note.length + seconds }));
    }

    /** Makes the selected notes louder; softer if negative. */
    strengthen(change) {
      this._edit((note) => ({ velocity: note.velocity + change }));
    }

    /** Sets fields of the selected notes, such as {velocity: 64}. */
    set(fields) {
      this._edit(() => fields);
    }

    /** Moves the beginnings of the selected notes, or of all, to a grid; lengths become at least one step of it. */
    quantise(step) {
      const all = !this.selected.length;
      this._edit(
        (note) => ({
          start: Math.round(note.start / step) * step,
          length: Math.max(step, Math.round(note.length / step) * step),
        }),
        all,
      );
    }

    /** Selects the notes that `choose` says; `keep` keeps those that are selected already. This is no step of undo. */
    select(choose, keep = false) {
      this.list = this.list.map((note) => ({ ...note, selected: choose(note) || (keep && Boolean(note.selected)) }));
      this._tell();
    }

    /** Begins a drag: all changes up to `finish` count from here, and are one step; or part of the step before. */
    begin(merges = false) {
      [this._dragged, this._merges] = [this.list, merges];
    }

    finish() {
      const before = this._dragged;
      this._dragged = null;
      if (before && !this._merges && !same(before, this.list)) this._remember(before);
      this._tell();
    }

    undo() {
      this._travel(this._past, this._future);
    }

    redo() {
      this._travel(this._future, this._past);
    }

    get canUndo() {
      return this._past.length > 0;
    }

    get canRedo() {
      return this._future.length > 0;
    }

    _travel(from, to) {
      if (!from.length) return;
      to.push(this.list);
      this.list = from.pop();
      this._tell();
    }

    _edit(change, all = false) {
      this._step((list) => list.map((note) => (note.selected || all ? this._limit({ ...note, ...change(note) }) : note)));
    }

    _step(change) {
      const before = this._dragged || this.list;
      this.list = change(before);
      if (!this._dragged) this._remember(before);
      this._tell();
    }

    _remember(before) {
      this._past.push(before);
      this._future = [];
      if (this._past.length > MOST_UNDO) this._past.shift();
    }

    _limit(note) {
      const start = clip(note.start, 0, LONGEST - SHORTEST);
      const length = clip(note.length, SHORTEST, LONGEST - start);
      const [pitch, velocity] = [clip(Math.round(note.pitch), 0, 127), clip(Math.round(note.velocity), 1, 127)];
      return { ...note, start, length, pitch, velocity };
    }

    _tell() {
      this.dispatchEvent(new Event("change"));
    }
  };

  /** Whether two lists hold the same notes, whatever is selected. */
  function same(first, second) {
    const names = ["start", "length", "pitch", "velocity", "program", "drum"];
    return first.length === second.length && first.every((note, k) => names.every((name) => note[name] === second[k][name]));
  }
})();
