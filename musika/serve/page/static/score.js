// <musika-score>: the notes of the piece that plays, as a piano roll that moves with it. `show(piece)` begins.
// Notes come from the route /score, some way ahead.
"use strict";

musika.define("musika-score", class extends HTMLElement {
  static SECONDS = 12; // that can be seen
  static PLACE = 0.25; // of the width, where what is heard stands
  static PART = 30; // seconds of notes that are fetched at once
  static COLOURS = ["#4c8bf5", "#e4572e", "#17a398", "#a259d9", "#d99a1c", "#d1478f", "#6b8e23", "#008fb3"];

  connectedCallback() {
    if (!this.canvas) {
      this.canvas = musika.dom.make("canvas", {role: "img", "aria-label": "Notes that play, low ones at the bottom"});
      this.note = musika.dom.make("p", {className: "musika-status"});
      this.append(this.canvas, this.note);
      this.parts = new Map();
    }
    this.listener = (event) => this.draw(event.detail);
    musika.player.addEventListener("position", this.listener);
  }

  disconnectedCallback() {
    musika.player.removeEventListener("position", this.listener);
  }

  show(piece) {
    const key = musika.player.makeQuery(piece).toString();
    if (key === this.key) return;
    this.key = key;
    this.piece = piece;
    this.parts = new Map();
    this.note.textContent = "";
    this.draw(musika.player.position);
  }

  // The notes of part `index`; [] until they have come.
  getPart(index) {
    if (index < 0) return [];
    if (!this.parts.has(index)) {
      this.parts.set(index, []);
      while (this.parts.size > 20) this.parts.delete(this.parts.keys().next().value);
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
      const notes = score.onsets.map((onset, n) => ({
        onset, release: score.releases[n], pitch: score.pitches[n], velocity: score.velocities[n],
        program: score.programs[n], drum: score.drums[n],
      }));
      parts.set(index, notes);
    } catch (error) {
      if (key === this.key) this.note.textContent = error.message;
    }
  }

  draw(position) {
    if (!this.piece || this.offsetParent === null) return;
    const {SECONDS, PLACE, PART, COLOURS} = this.constructor;
    const scale = Math.min(2, window.devicePixelRatio || 1);
    const width = Math.round(this.clientWidth * scale), height = Math.round(160 * scale);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, {width, height});
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const first = position - SECONDS * PLACE, last = first + SECONDS;
    const lowest = 21, highest = 108;
    const toX = (time) => ((time - first) / SECONDS) * width;
    const row = height / (highest - lowest + 1);
    const style = getComputedStyle(this);
    pen.fillStyle = style.getPropertyValue("--border-color-primary") || "#ddd";
    for (let pitch = 24; pitch <= highest; pitch += 12) pen.fillRect(0, height - (pitch - lowest) * row, width, 1);
    for (let index = Math.floor((first - PART) / PART); index <= Math.floor((last + PART / 2) / PART); index++) {
      for (const note of this.getPart(index)) {
        if (note.release < first || note.onset > last) continue;
        const sounds = note.onset <= position && position < note.release;
        pen.globalAlpha = sounds ? 1 : 0.35 + (0.45 * note.velocity) / 127;
        pen.fillStyle = COLOURS[Math.floor(note.program / 8) % COLOURS.length];
        const x = toX(note.onset);
        const top = height - (note.pitch - lowest + 1) * row;
        pen.fillRect(x, top, Math.max(2, toX(note.release) - x - 1), Math.max(2, row - 0.5));
      }
    }
    pen.globalAlpha = 1;
    pen.fillStyle = style.color;
    pen.fillRect(toX(position), 0, scale, height);
  }
});
