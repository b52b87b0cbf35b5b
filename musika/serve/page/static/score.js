// <musika-score>: the notes of the piece that plays, as a piano roll that moves with it. `show(piece)` begins.
// Notes come from the route /score, some way ahead; `roll.js` draws them. They are asked for when the piece is heard:
// before, writing them would delay the sound.
"use strict";

musika.define("musika-score", class extends HTMLElement {
  static SECONDS = 16; // that can be seen
  static PLACE = 0.25; // of the width, where what is heard stands
  static PART = 30; // seconds of notes that are fetched at once
  static KEPT = 20; // parts
  static PATIENCE = 3000; // milliseconds after which notes are asked for in any case
  static RANGE = {low: 28, high: 100}; // MIDI keys

  connectedCallback() {
    if (!this.roll) {
      this.canvas = musika.dom.make("canvas", {});
      this.note = musika.dom.make("p", {className: "musika-status"});
      this.append(this.canvas, this.note);
      const {SECONDS, RANGE} = this.constructor;
      this.roll = new musika.Roll(this.canvas, {label: "Notes that play, low ones at the bottom", seconds: SECONDS, range: RANGE});
      this.parts = new Map();
    }
    this.listener = (event) => this.draw(event.detail);
    this.release = () => {
      this.isHeld = false;
      clearTimeout(this.timer);
      this.draw(musika.player.position);
    };
    this.watch = (event) => {
      if (event.detail.state === "playing") this.release();
    };
    musika.player.addEventListener("position", this.listener);
    musika.player.addEventListener("changed", this.release);
    musika.player.addEventListener("state", this.watch);
  }

  disconnectedCallback() {
    musika.player.removeEventListener("position", this.listener);
    musika.player.removeEventListener("changed", this.release);
    musika.player.removeEventListener("state", this.watch);
    clearTimeout(this.timer);
  }

  show(piece) {
    const key = musika.player.makeQuery(piece).toString();
    if (key === this.key) return;
    this.key = key;
    this.piece = piece;
    this.parts = new Map();
    this.seen = "";
    this.note.textContent = "";
    this.isHeld = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.release, this.constructor.PATIENCE);
    this.draw(musika.player.position);
  }

  // The notes of part `index`; [] until they have come.
  getPart(index) {
    if (!this.parts.has(index)) {
      if (this.isHeld) return [];
      this.parts.set(index, []);
      while (this.parts.size > this.constructor.KEPT) this.parts.delete(this.parts.keys().next().value);
      this.fetchPart(index, this.key, this.parts);
    }
    return this.parts.get(index);
  }

  async fetchPart(index, key, parts) {
    const {PART} = this.constructor;
    const query = musika.player.makeQuery(this.piece);
    query.set("start", index * PART);
    query.set("seconds", PART);
    try {
      const response = await fetch(`score?${query}`);
      const score = await response.json();
      if (!response.ok) throw new Error(score.error);
      parts.set(index, score.onsets.map((start, n) => ({
        start, length: score.releases[n] - start, pitch: score.pitches[n], velocity: score.velocities[n],
        program: score.programs[n], drum: score.drums[n],
      })));
      this.seen = "";
    } catch (error) {
      if (key === this.key) this.note.textContent = error.message;
    }
  }

  draw(position) {
    if (!this.piece || this.offsetParent === null) return;
    const {SECONDS, PLACE, PART} = this.constructor;
    const start = Math.max(0, position - SECONDS * PLACE);
    const [first, last] = [Math.max(0, Math.floor(start / PART) - 1), Math.floor((start + SECONDS + PART / 2) / PART)];
    const indices = Array.from({length: last - first + 1}, (_, n) => first + n);
    const notes = indices.flatMap((index) => this.getPart(index));
    if (this.seen !== `${indices}`) {
      this.seen = `${indices}`;
      this.roll.setNotes(notes);
    }
    this.roll.setView({start});
    this.roll.setPosition(position, false);
  }
});
