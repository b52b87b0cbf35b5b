// The element <musika-notes>: drop a MIDI file or draw notes, hear a performer play them, compare, download.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const TAIL = 3; // seconds that a performer rings on after the last note
  const LARGEST = 4 * 1024 * 1024; // bytes of a MIDI file
  const FORMATS = ["flac", "wav", "mp3", "ogg", "opus"];
  const GRIDS = { "1/4": 1, "1/8": 0.5, "1/8 triplets": 1 / 3, "1/16": 0.25, "1/32": 0.125, free: 0 }; // beats
  const RANGE = { low: 43, high: 84 }; // of an empty roll
  const REMEMBER_AFTER = 5; // seconds of playing after which the notes are put into the history
  const NO_PEDALS = { times: [], values: [], programs: [] };

  musika.define(
    "musika-notes",
    class extends HTMLElement {
      connectedCallback() {
        if (this.canvas) return;
        this.checkpoints = JSON.parse(this.dataset.checkpoints || "[]");
        [this.tempo, this.pedals, this.metre] = [120, NO_PEDALS, [4, 4]];
        this.sent = null; // {score, seconds, list}: the notes that the server has
        this.title = ""; // name of the MIDI file, without its ending
        this.remembered = new Set();
        element = this;
        this._build();
        this._listen();
        this._choosePerformer();
      }

      // ---------------------------------------------------------------- what is there

      _build() {
        const { make } = musika.dom;
        this.status = make("p", { className: "musika-status", role: "status" });
        this.announcer = make("div", { className: "musika-announcer", "aria-live": "polite" });
        this.canvas = make("canvas", {
          className: "musika-roll",
          "aria-label": "Piano roll. Arrow keys move, Enter adds or selects a note, Shift with arrows resizes, Delete removes.",
        });
        this.notes = new musika.RollNotes();
        this.roll = new musika.Roll(this.canvas);
        this.roll.range = { ...RANGE };
        this.editor = new musika.RollEditor(this.roll, this.notes, {
          say: (text) => (this.announcer.textContent = text),
          onPlay: () => this._toggle(),
          onSeek: (seconds) => this._seek(seconds),
        });
        this.append(this._makePlayRow(), this.status, this._makeTools(), this.canvas, this._makeHelp(), this._makeDownloads(), this._makeComparison(), this.announcer);
        this._setGrid();
        this._showTools();
      }

      _button(text, act, more = {}) {
        return musika.dom.make("button", { type: "button", textContent: text, onclick: act, ...more });
      }

      _select(options, act = () => {}) {
        const { make } = musika.dom;
        return make("select", { onchange: act }, ...options.map((text) => make("option", { value: text, textContent: text })));
      }

      _makePlayRow() {
        const { make, label } = musika.dom;
        this.file = make("input", { type: "file", accept: ".mid,.midi,.kar,audio/midi", onchange: () => this._read(this.file.files[0]) });
        this.playButton = this._button("▶ Play", () => this._toggle(), { className: "musika-primary", title: "Space in the piano roll" });
        this.performer = this._select(this.checkpoints, () => this._choosePerformer());
        this.style_ = make("select", { onchange: () => this._playAgain() });
        this.seed = make("input", { type: "number", min: 0, step: 1, value: 0, onchange: () => this._playAgain() });
        const buttons = make("div", { className: "musika-row" }, this.playButton, this._button("Clear", () => this._clear()));
        const fields = make(
          "div",
          { className: "musika-row musika-fields" },
          label("MIDI file (or drop one here)", this.file),
          label("Performer", this.performer),
          label("Sound", this.style_),
          label("Seed", this.seed, "Chooses the sound where none is chosen, and small changes of strength"),
        );
        return make("div", {}, fields, buttons);
      }

      _makeTools() {
        const { make, label } = musika.dom;
        this.undoButton = this._button("Undo", () => this.notes.undo());
        this.redoButton = this._button("Redo", () => this.notes.redo());
        this.deleteButton = this._button("Delete", () => this.notes.remove());
        this.quantiseButton = this._button("Quantise", () => this.notes.quantise(this.editor.step || this._beat / 4), { title: "Moves notes to the grid" });
        const view = [
          this._button("−", () => this.editor.zoom(1.5), { "aria-label": "Zoom out" }),
          this._button("+", () => this.editor.zoom(1 / 1.5), { "aria-label": "Zoom in" }),
          this._button("◀", () => this._scroll(-0.5), { "aria-label": "Earlier" }),
          this._button("▶", () => this._scroll(0.5), { "aria-label": "Later" }),
          this._button("▲", () => this.roll.shiftRange(12), { "aria-label": "Higher notes" }),
          this._button("▼", () => this.roll.shiftRange(-12), { "aria-label": "Lower notes" }),
        ];
        this.grid = this._select(Object.keys(GRIDS), () => this._setGrid());
        this.grid.value = "1/8";
        this.tempoField = make("input", { type: "number", min: 20, max: 400, step: 1, value: 120, onchange: () => this._setTempo() });
        this.velocity = make("input", { type: "range", min: 1, max: 127, value: 80, oninput: () => this._setVelocity() });
        this.instrument = make("select", { onchange: () => this._setInstrument() });
        const tools = [this.undoButton, this.redoButton, this.deleteButton, this.quantiseButton, ...view];
        const fields = [label("Grid", this.grid), label("Tempo", this.tempoField), label("Velocity", this.velocity), label("Instrument", this.instrument)];
        return make("div", {}, make("div", { className: "musika-row", role: "toolbar", "aria-label": "Notes" }, ...tools), make("div", { className: "musika-row musika-fields" }, ...fields));
      }

      _makeHelp() {
        const { make } = musika.dom;
        const lines = [
          "Click on an empty place to add a note, and drag to the right to make it longer. Drag a note to move it, its end to resize it. A right click removes it.",
          "Shift and drag selects several notes. Velocity and instrument change the selected notes; without a selection, the instrument of all.",
          "Keys in the roll: arrows move the mark or the selected notes, Enter adds or selects, Shift with arrows resizes or moves by an octave, + and − change the velocity, Q quantises, Delete removes, Control Z undoes, Space plays.",
        ];
        return make("details", {}, make("summary", { textContent: "How to draw" }), ...lines.map((text) => make("p", { className: "musika-hint", textContent: text })));
      }

      _makeDownloads() {
        const { make, label } = musika.dom;
        this.format = this._select(FORMATS);
        const row = [
          label("Kind of file", this.format),
          make(
            "div",
            { className: "musika-row musika-end" },
            this._button("Download audio", () => this._download("audio")),
            this._button("Download MIDI", () => this._download("midi")),
            this._button("Keep in the history", () => this._keep()),
          ),
        ];
        return make("section", { "aria-label": "Downloads" }, make("h3", { textContent: "Download" }), make("div", { className: "musika-row musika-fields" }, ...row));
      }

      _makeComparison() {
        const { make, label } = musika.dom;
        this.otherPerformer = this._select(this.checkpoints, () => this._fillStyles(this.otherPerformer.value, this.otherStyle));
        this.otherStyle = make("select", {});
        this.otherSeed = make("input", { type: "number", min: 0, step: 1, value: 1 });
        this.compareHost = make("div", {});
        const fields = [label("Other performer", this.otherPerformer), label("Its sound", this.otherStyle), label("Its seed", this.otherSeed)];
        const button = make("div", { className: "musika-row musika-end" }, this._button("Compare", () => this._compare()));
        const hint = make("p", { className: "musika-hint", textContent: "The same notes played twice, for an A/B comparison at the same position." });
        return make("section", { "aria-label": "Comparison" }, make("h3", { textContent: "Compare two performances" }), hint, make("div", { className: "musika-row musika-fields" }, ...fields, button), this.compareHost);
      }

      _listen() {
        this.notes.addEventListener("change", () => this._showTools());
        musika.player.addEventListener("position", (event) => this._isOurs && this.roll.setPosition(event.detail));
        musika.player.addEventListener("state", () => this._showState());
        this.addEventListener("dragover", (event) => event.preventDefault());
        this.addEventListener("drop", (event) => {
          event.preventDefault();
          this._read(event.dataTransfer.files[0]);
        });
      }

      // ---------------------------------------------------------------- performers

      async _choosePerformer() {
        if (!this.checkpoints.length) {
          this.status.textContent = "No checkpoint here plays notes. Start the page with a performer, such as checkpoints/piano.";
          this.playButton.disabled = true;
          return;
        }
        await Promise.all([this._fillStyles(this.performer.value, this.style_), this._fillStyles(this.otherPerformer.value, this.otherStyle)]);
        await this._fillInstruments();
        this._playAgain();
      }

      async _fillStyles(name, select) {
        const { make } = musika.dom;
        try {
          const { settings } = await musika.page.describe(name);
          const choices = settings.find((setting) => setting.name === "style")?.choices || [];
          select.replaceChildren(...choices.map((text, k) => make("option", { value: String(k), textContent: text })));
        } catch (error) {
          this.status.textContent = error.message;
        }
      }

      async _fillInstruments() {
        const { make } = musika.dom;
        const described = await musika.page.describe(this.performer.value).catch(() => ({ instruments: [] }));
        this.instruments = described.instruments;
        const options = this.instruments.map(({ name }, k) => make("option", { value: String(k), textContent: name }));
        this.instrument.replaceChildren(...options);
        this._setDefaults();
      }

      // ---------------------------------------------------------------- notes

      get _beat() {
        return 60 / this.tempo;
      }

      _setGrid() {
        this.editor.step = GRIDS[this.grid.value] * this._beat;
        this.editor.length = this._beat;
        this.roll.grid = { beat: this._beat * (4 / this.metre[1]), perBar: this.metre[0] };
        this.roll.draw();
      }

      _setTempo() {
        const tempo = Number(this.tempoField.value);
        if (tempo >= 20 && tempo <= 400) this.tempo = tempo;
        else this.tempoField.value = String(this.tempo);
        this.sent = null;
        this._setGrid();
      }

      _setDefaults() {
        const chosen = this.instruments?.[Number(this.instrument.value)] || { program: 0, drum: false };
        this.editor.defaults = { velocity: Number(this.velocity.value), program: chosen.program, drum: chosen.drum };
      }

      _setVelocity() {
        this._setDefaults();
        this.notes.set({ velocity: Number(this.velocity.value) });
      }

      _setInstrument() {
        this._setDefaults();
        const { program, drum } = this.editor.defaults;
        if (this.notes.selected.length) this.notes.set({ program, drum });
        else if (this.notes.list.length) {
          this.pedals = { ...this.pedals, programs: this.pedals.programs.map(() => program) };
          this.notes.replace(this.notes.list.map((note) => ({ ...note, program, drum })));
        }
      }

      _scroll(share) {
        const { start, seconds } = this.roll.view;
        this.roll.setView({ start: start + share * seconds });
      }

      _clear() {
        this.notes.replace([]);
        [this.pedals, this.metre] = [NO_PEDALS, [4, 4]];
        this.roll.range = { ...RANGE };
        this.roll.setView({ start: 0, seconds: 12 });
        this.file.value = "";
        this.title = "";
        this.status.textContent = "";
      }

      _showTools() {
        this.undoButton.disabled = !this.notes.canUndo;
        this.redoButton.disabled = !this.notes.canRedo;
        this.deleteButton.disabled = !this.notes.selected.length;
        this.quantiseButton.disabled = !this.notes.list.length;
        const [first] = this.notes.selected;
        if (first && document.activeElement !== this.velocity) this.velocity.value = String(first.velocity);
      }

      async _read(file) {
        if (!file) return;
        try {
          if (file.size > LARGEST) throw new Error("The file is larger than 4 MiB: it is no score.");
          const told = await this._post(await file.arrayBuffer(), "audio/midi");
          this.title = (file.name || "").replace(/\.[a-z]+$/i, "");
          this._showScore(told, file.name);
        } catch (error) {
          this.status.textContent = error.message;
        }
      }

      _showScore(told, name) {
        const list = told.onsets.map((onset, k) => ({
          start: onset,
          length: Math.max(0.02, told.releases[k] - onset),
          pitch: told.pitches[k],
          velocity: told.velocities[k],
          program: told.programs[k],
          drum: Boolean(told.drums[k]),
        }));
        [this.pedals, this.metre, this.tempo] = [told.pedals, told.metre, told.tempo];
        this.tempoField.value = String(Math.round(told.tempo));
        this.notes.replace(list);
        this.roll.setNotes(this.notes.list);
        this.roll.setView({ start: 0, seconds: Math.min(20, Math.max(4, told.seconds)) });
        this.sent = { score: told.score, seconds: told.seconds, list: this.notes.list };
        this._setGrid();
        this._setDefaults();
        const lines = [`${name}: ${list.length} notes, ${musika.formatTime(told.seconds)}`, ...told.remarks];
        this.status.textContent = lines.join(". ");
      }

      // ---------------------------------------------------------------- the server

      async _post(body, type) {
        const query = musika.makeQuery({ checkpoint: this.performer.value });
        return musika.fetchJson(`scores?${query}`, { method: "POST", body, headers: { "content-type": type } });
      }

      /** The name under which the server has the notes; sends them where they have changed. */
      async _send() {
        const list = this.notes.list;
        if (!list.length) throw new Error("There are no notes yet: draw some, or drop a MIDI file.");
        if (this.sent && hasSameNotes(this.sent.list, list)) return this.sent.score;
        const column = (read) => list.map(read);
        const told = await this._post(
          JSON.stringify({
            onsets: column((note) => note.start),
            releases: column((note) => note.start + note.length),
            pitches: column((note) => note.pitch),
            velocities: column((note) => note.velocity),
            programs: column((note) => note.program || 0),
            drums: column((note) => Boolean(note.drum)),
            pedals: this.pedals,
            tempo: this.tempo,
            metre: this.metre,
          }),
          "application/json",
        );
        this.sent = { score: told.score, seconds: told.seconds, list };
        this.status.textContent = told.remarks.join(". ");
        return told.score;
      }

      /** Does something with the notes on the server; a refusal is one line. */
      async _with(act) {
        try {
          await act(await this._send());
        } catch (error) {
          this.status.textContent = error.message;
        }
      }

      // ---------------------------------------------------------------- playing

      get _isOurs() {
        const { piece } = musika.player;
        return Boolean(piece?.settings?.score) && piece.settings.score === this.playing;
      }

      _readSeed(field) {
        const seed = Number(field.value);
        if (!Number.isInteger(seed) || seed < 0) throw new Error("The seed must be a whole number from 0 on.");
        return seed;
      }

      _toggle() {
        const { state } = musika.player;
        if (this._isOurs && ["playing", "loading"].includes(state)) musika.player.pause();
        else this._play(this._isOurs && state === "paused" ? musika.player.position : 0);
      }

      _play(start) {
        return this._with(async (score) => {
          const seconds = this.sent.seconds + TAIL;
          this.playing = score;
          const settings = { score, style: this.style_.value };
          await musika.player.play({ checkpoint: this.performer.value, seed: this._readSeed(this.seed), start: start < seconds - 0.1 ? start : 0, settings, seconds });
        });
      }

      _playAgain() {
        if (this._isOurs && ["playing", "loading"].includes(musika.player.state)) this._play(musika.player.position);
      }

      _seek(seconds) {
        this.roll.setPosition(seconds, false);
        if (this._isOurs) musika.player.seek(seconds);
        else if (this.notes.list.length) this._play(seconds);
      }

      _showState() {
        const { state, message } = musika.player;
        const isActive = this._isOurs && ["playing", "loading"].includes(state);
        this.playButton.textContent = isActive ? "❚❚ Pause" : "▶ Play";
        if (!this._isOurs) return;
        if (message) this.status.textContent = message;
        if (state === "ended") this.roll.setPosition(null);
        clearTimeout(this.remembering);
        if (state === "playing") this.remembering = setTimeout(() => this._remember(), 1000 * REMEMBER_AFTER);
        if (state === "ended") this._remember();
      }

      /** Puts what plays into the history: its notes as a MIDI file, and who plays them. */
      async _remember() {
        if (!this._isOurs) return; // something else plays by now
        const { checkpoint, seed, settings } = musika.player.piece;
        const { score, style } = settings;
        const key = JSON.stringify([checkpoint, seed, score, style]);
        if (this.remembered.has(key)) return;
        this.remembered.add(key);
        const title = `${this.title || `${this.notes.list.length} notes`}, ${checkpoint} ${seed}`;
        const name = `${this.title || "notes"}.mid`;
        const query = { checkpoint, seed, settings: style ? { style } : {} };
        try {
          await musika.history.addUrl({ title, kind: "notes", name, query }, `scores/${score}.mid`);
        } catch (error) {
          this.remembered.delete(key);
          this.status.textContent = error.message;
        }
      }

      /** Shows and plays what the history has kept. */
      async open({ file, name, query }) {
        if (!this.checkpoints.includes(query.checkpoint)) throw new Error(`There is no checkpoint “${query.checkpoint}” here any more.`);
        this.performer.value = query.checkpoint;
        await this._choosePerformer();
        this.style_.value = query.settings.style || "0";
        this.seed.value = String(query.seed);
        await this._read(new File([file], name));
        await this._play(0);
      }

      // ---------------------------------------------------------------- files

      _makeLink(score, checkpoint, style, seed, format) {
        return "render?" + musika.makeQuery({ checkpoint, score, seed, style, format });
      }

      _download(what) {
        return this._with(async (score) => {
          const format = this.format.value;
          const audio = this._makeLink(score, this.performer.value, this.style_.value, this._readSeed(this.seed), format);
          this.status.textContent = what === "midi" ? "" : "The file is being made.";
          const response = await fetch(what === "midi" ? `scores/${score}.mid` : audio);
          if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || "The file cannot be made.");
          musika.saveBlob(await response.blob(), what === "midi" ? "notes.mid" : `notes.${format}`);
          this.status.textContent = "";
        });
      }

      _keep() {
        return this._with(async (score) => {
          const seed = this._readSeed(this.seed);
          const link = this._makeLink(score, this.performer.value, this.style_.value, seed, "flac");
          this.status.textContent = "The piece is being made.";
          await musika.history.addUrl({ title: `${this.notes.list.length} notes, ${this.performer.value} ${seed}`, kind: "notes", name: "notes.flac" }, link);
          this.status.textContent = "It is in the history.";
        });
      }

      _compare() {
        return this._with(async (score) => {
          musika.player.pause();
          this.status.textContent = "Both performances are being made.";
          const pairs = [
            [this.performer, this.style_, this.seed],
            [this.otherPerformer, this.otherStyle, this.otherSeed],
          ];
          const sources = pairs.map(([performer, style, seed]) => ({
            name: `${performer.value}, ${style.selectedOptions[0]?.textContent || ""}, seed ${this._readSeed(seed)}`,
            url: this._makeLink(score, performer.value, style.value, this._readSeed(seed), "flac"),
          }));
          this.comparison = this.comparison || musika.compare.create(this.compareHost, { label: "Two performances" });
          await this.comparison.setSources(sources);
          this.status.textContent = "";
        });
      }
    },
  );

  let element = null;

  /** Opens the tab and plays what the history has kept. */
  musika.notes = {
    async open(entry) {
      musika.page.choose(musika.page.checkpoint, "notes");
      for (let waited = 0; !element?.isConnected && waited < 100; waited++) {
        await new Promise((resolve) => setTimeout(resolve, 50)); // Gradio makes a tab when it is opened first
      }
      await element?.open(entry);
    },
  };

  /** Whether two lists have the same notes, whatever is selected. */
  function hasSameNotes(first, second) {
    const names = ["start", "length", "pitch", "velocity", "program", "drum"];
    return first === second || (first.length === second.length && first.every((note, k) => names.every((name) => note[name] === second[k][name])));
  }
})();
