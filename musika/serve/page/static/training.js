// The element <musika-training>: curves, figures, samples and progress of training runs. It only reads.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const WHILE_RUNNING = 5000; // milliseconds between two looks
  const OTHERWISE = 30000;
  const STATES = {
    running: "running",
    ended: "ended: all its epochs are done",
    stopped: "stopped before its end; it can be resumed",
  };
  const STAGES = { gan: "generator", codec: "codec", performer: "performer", edit: "editor", composer: "composer" };
  const PIECES = [1, 2]; // seeds of pieces that composers write
  const TAIL = 3; // seconds that a performer rings on
  const MOST_COMPARED = 7; // checkpoints in one A/B comparison, beside the best one and the original
  const MOST_COLUMNS = 5; // figures in the table
  const MOST_FIGURES = 6; // charts that are shown at once; the others are folded away

  musika.define(
    "musika-training",
    class extends HTMLElement {
      connectedCallback() {
        if (this.status) return;
        this.chosen = this.dataset.run || "";
        this.sample = "";
        this.moreOpen = false;
        this.performers = JSON.parse(this.dataset.performers || "[]");
        this.shown = ""; // what is drawn, as text, so that nothing is drawn twice
        this._build();
        this._look();
      }

      disconnectedCallback() {
        clearTimeout(this.timer);
      }

      _build() {
        const { make } = musika.dom;
        this.chooser = make("select", { "aria-label": "Training run", onchange: () => this._choose(this.chooser.value) });
        this.status = make("p", { className: "musika-status", role: "status" });
        this.bar = make("progress", { className: "musika-progress", max: "1", value: "0", "aria-label": "Part of the training that is done" });
        this.content = make("div", { className: "musika-training-content" });
        this.writing = make("p", { className: "musika-status", role: "status" });
        this.compareHost = make("div", {});
        this.rollCanvas = make("canvas", { className: "musika-training-roll", hidden: true });
        musika.player.addEventListener("position", (event) => {
          if (this.roll && this.played === musika.player.piece?.settings?.score) this.roll.setPosition(event.detail, false);
        });
        const label = musika.dom.label("Training run", this.chooser);
        this.append(make("div", { className: "musika-row" }, label), this.bar, this.status, this.content, this.writing, this.compareHost, this.rollCanvas);
        this.bar.hidden = true;
      }

      _choose(name) {
        [this.chosen, this.shown] = [name, ""];
        this.writing.textContent = "";
        this.rollCanvas.hidden = true;
        this.comparison?.setSources([]);
        this._look();
      }

      /** Asks for what is new, now and then; only while the tab is open. */
      async _look() {
        clearTimeout(this.timer);
        let pause = WHILE_RUNNING;
        if (musika.isVisible(this)) {
          try {
            pause = await this._refresh();
          } catch (error) {
            this.status.textContent = error.message;
          }
        } else pause = 500;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this._look(), pause);
      }

      async _refresh() {
        const { runs, folder } = await musika.fetchJson("training");
        this._list(runs);
        if (!runs.length) {
          this.bar.hidden = true;
          this.status.textContent = `There are no training runs in the folder “${folder}”. musika_train.py starts one.`;
          this.content.replaceChildren();
          return OTHERWISE;
        }
        const run = await musika.fetchJson("training/run?" + musika.makeQuery({ run: this.chosen }));
        if (run.name === this.chosen) this._show(run);
        return run.progress.state === "running" ? WHILE_RUNNING : OTHERWISE;
      }

      _list(runs) {
        if (!runs.includes(this.chosen)) this.chosen = runs[0] || "";
        const listed = [...this.chooser.options].map((option) => option.value);
        if (listed.join("\n") === runs.join("\n")) return;
        this.chooser.replaceChildren(...runs.map((name) => musika.dom.make("option", { value: name, textContent: name })));
        this.chooser.value = this.chosen;
        this.chooser.disabled = !runs.length;
      }

      _show(run) {
        this._showProgress(run);
        const version = JSON.stringify([run.name, run.curves, run.checkpoints, run.best]);
        if (version === this.shown || this._isBusy()) return;
        this.shown = version;
        this.content.replaceChildren(this._makeCharts(run), this._makeCheckpoints(run), makeSettings(run));
      }

      /** Whether somebody listens or reads a chart, which a new picture would end. */
      _isBusy() {
        const plays = [...this.querySelectorAll("audio")].some((audio) => !audio.paused);
        return plays || (this.shown && this.content.contains(document.activeElement));
      }

      _showProgress({ stage, progress }) {
        const { state, position, end, speed, seconds_left: left } = progress;
        const parts = [`${STAGES[stage] || stage || "unknown"}, ${STATES[state]}`];
        parts.push(end ? `${musika.formatNumber(position)} of ${musika.formatNumber(end)} examples` : `${musika.formatNumber(position)} examples`);
        if (state === "running" && speed) parts.push(`${musika.formatNumber(speed)} examples a second`);
        if (left !== null) parts.push(`about ${musika.formatDuration(left)} left`);
        this.status.textContent = parts.join(" · ");
        this.bar.hidden = !end;
        this.bar.value = end ? Math.min(1, position / end) : 0;
      }

      _makeCharts(run) {
        const { make } = musika.dom;
        const best = run.checkpoints.find((entry) => entry.name === run.best);
        const place = best ? { mark: best.position, markLabel: "best" } : {};
        const drawn = (kind) => run.curves.filter((curve) => curve.kind === kind);
        const losses = drawn("loss").map((curve) => musika.drawChart({ title: clean(curve.name), series: [curve], ...place }));
        const figures = groupFigures(drawn("figure"), run.judge).map(({ title, series }) => musika.drawChart({ title, series, ...place }));
        const speed = drawn("speed").map((curve) => musika.drawChart({ title: "seconds of audio seen in a second", series: [curve] }));
        const host = (charts) => make("div", { className: "musika-charts" }, ...charts);
        const rest = figures.splice(MOST_FIGURES);
        const more = rest.length ? make("details", { open: this.moreOpen, ontoggle: (event) => (this.moreOpen = event.target.open) },
          make("summary", { textContent: `${rest.length} more figures` }), host(rest)) : null;
        const section = (title, charts, further = null) =>
          charts.length ? make("section", {}, make("h3", { textContent: title }), host(charts), further) : null;
        return make("div", {}, section("Figures of the checkpoints", figures, more), section("Losses and speed", [...losses, ...speed]));
      }

      _makeCheckpoints(run) {
        const { make } = musika.dom;
        if (!run.checkpoints.length) return make("p", { textContent: "There is no checkpoint yet." });
        const sounds = [...new Set(run.checkpoints.flatMap((entry) => entry.samples))].filter((name) => name.endsWith(".flac"));
        const newest = [...run.checkpoints].reverse();
        const parts = [make("h3", { textContent: "Checkpoints" }), make("p", { className: "musika-hint", textContent: explainBest(run) })];
        if (sounds.length) parts.push(this._makeSampleChooser(run, sounds));
        parts.push(make("div", { className: "musika-scroll", tabIndex: 0, role: "region", "aria-label": "Checkpoints" }, this._makeTable(run, newest, sounds)));
        return make("section", {}, ...parts);
      }

      _makeSampleChooser(run, sounds) {
        const { make } = musika.dom;
        if (!sounds.includes(this.sample)) this.sample = sounds.find((name) => !name.includes("original")) || sounds[0];
        const options = sounds.map((name) => make("option", { value: name, textContent: clean(name.replace(".flac", "")) }));
        const choose = (event) => {
          [this.sample, this.shown] = [event.target.value, ""];
          this.content.replaceChildren(this._makeCharts(run), this._makeCheckpoints(run), makeSettings(run));
        };
        const chooser = make("select", { onchange: choose }, ...options);
        chooser.value = this.sample;
        const compare = make("button", { type: "button", textContent: "A/B comparison", onclick: () => this._compare(run) });
        const end = make("div", { className: "musika-row musika-end" }, compare);
        return make("div", { className: "musika-row musika-fields" }, musika.dom.label("Sample to compare", chooser), end);
      }

      /** The chosen sample of the latest checkpoints and of the best one, at the same position; the original comes first. */
      async _compare(run) {
        const makeSource = (entry, sample, name) => ({
          name,
          url: "training/sample?" + musika.makeQuery({ run: run.name, checkpoint: entry.name, sample }),
        });
        const having = run.checkpoints.filter((entry) => entry.samples.includes(this.sample));
        const latest = having.filter((entry, k) => k >= having.length - MOST_COMPARED || entry.name === run.best);
        const sources = latest.map((entry) => makeSource(entry, this.sample, `${entry.name === run.best ? "★ " : ""}${musika.formatNumber(entry.position)}`));
        const original = this.sample.replace(/-[a-z]+\.flac$/, "-original.flac");
        const newest = having[having.length - 1];
        if (original !== this.sample && newest?.samples.includes(original)) sources.unshift(makeSource(newest, original, "original"));
        try {
          musika.player.pause();
          this.comparison = this.comparison || musika.compare.create(this.compareHost, { label: "Checkpoints" });
          await this.comparison.setSources(sources);
          this.compareHost.scrollIntoView({ block: "nearest", behavior: "smooth" });
        } catch (error) {
          this.writing.textContent = error.message;
        }
      }

      _makeTable(run, checkpoints, sounds) {
        const { make } = musika.dom;
        const columns = chooseColumns(run);
        const isComposer = run.stage === "composer";
        const head = ["Checkpoint", ...(sounds.length ? ["Sample"] : []), ...(isComposer ? ["What it writes"] : []), ...columns.map(clean), ...(sounds.length ? ["Pictures"] : [])];
        const rows = checkpoints.map((entry) => {
          const isBest = entry.name === run.best;
          const name = make("th", { scope: "row", textContent: `${isBest ? "★ " : ""}${musika.formatNumber(entry.position)}` });
          if (isBest) name.append(make("span", { className: "musika-hint", textContent: " best" }));
          const figures = columns.map((column) => make("td", { textContent: musika.formatNumber(entry.figures[column]) }));
          const sample = sounds.length ? make("td", {}, this._makePlayer(run, entry)) : null;
          const pictures = sounds.length ? make("td", {}, makePictureLink(run, entry)) : null;
          const written = isComposer ? make("td", {}, this._makeWriter(run, entry)) : null;
          return make("tr", { className: isBest ? "musika-best" : "" }, name, sample, written, ...figures, pictures);
        });
        const header = make("tr", {}, ...head.map((text) => make("th", { scope: "col", textContent: text })));
        return make("table", { className: "musika-table" }, make("thead", {}, header), make("tbody", {}, ...rows));
      }

      /** Buttons for what a composer's checkpoint writes. It is written when somebody asks, by this page. */
      _makeWriter(run, entry) {
        const listen = (seed) => {
          const label = `Hear piece ${seed} of the checkpoint at ${musika.formatNumber(entry.position)} examples`;
          return musika.dom.make("button", { type: "button", textContent: `Piece ${seed}`, "aria-label": label, onclick: () => this._hearNotes(run, entry, seed) });
        };
        return musika.dom.make("div", { className: "musika-row" }, ...PIECES.map(listen));
      }

      async _hearNotes(run, entry, seed) {
        this.writing.textContent = "Notes are being written.";
        try {
          const score = await musika.fetchJson("training/score?" + musika.makeQuery({ run: run.name, checkpoint: entry.name, seed }));
          const notes = score.onsets.map((start, k) => ({ start, length: score.releases[k] - start, pitch: score.pitches[k], velocity: score.velocities[k] }));
          this.rollCanvas.hidden = false;
          this.roll = this.roll || new musika.Roll(this.rollCanvas, { label: "Notes that the checkpoint writes" });
          this.roll.setNotes(notes);
          this.roll.setView({ start: 0, seconds: score.seconds });
          this.rollCanvas.scrollIntoView({ block: "nearest", behavior: "smooth" });
          this.writing.textContent = `Piece ${seed}, checkpoint at ${musika.formatNumber(entry.position)} examples: ${notes.length} notes`;
          await this._perform(score);
        } catch (error) {
          this.writing.textContent = error.message;
        }
      }

      /** Plays a score with the first performer that the page has. */
      async _perform(score) {
        const [checkpoint] = this.performers;
        if (!checkpoint) return;
        const headers = { "content-type": "application/json" };
        const { score: name, seconds } = await musika.fetchJson("scores", { method: "POST", body: JSON.stringify(score), headers });
        this.played = name;
        await musika.player.play({ checkpoint, seed: 0, start: 0, settings: { score: name }, seconds: seconds + TAIL });
      }

      _makePlayer(run, entry) {
        if (!entry.samples.includes(this.sample)) return musika.dom.make("span", { className: "musika-hint", textContent: "none" });
        const source = "training/sample?" + musika.makeQuery({ run: run.name, checkpoint: entry.name, sample: this.sample });
        const label = `${clean(this.sample.replace(".flac", ""))} of the checkpoint at ${musika.formatNumber(entry.position)} examples`;
        const stopOthers = (event) => {
          for (const other of this.querySelectorAll("audio")) if (other !== event.target) other.pause();
        };
        return musika.dom.make("audio", { controls: true, preload: "none", src: source, "aria-label": label, onplay: stopOthers });
      }
    },
  );

  /** The hyperparameters of the run, folded away. */
  function makeSettings({ settings }) {
    const { make } = musika.dom;
    const rows = Object.entries(settings).map(([name, value]) => make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: String(value) })));
    if (!rows.length) return make("div", {});
    const table = make("table", { className: "musika-table" }, make("tbody", {}, ...rows));
    return make("details", {}, make("summary", { textContent: "Settings of the training" }), make("div", { className: "musika-scroll" }, table));
  }

  function makePictureLink(run, entry) {
    const name = entry.samples.find((sample) => sample.endsWith(".png"));
    if (!name) return null;
    const source = "training/sample?" + musika.makeQuery({ run: run.name, checkpoint: entry.name, sample: name });
    return musika.dom.make("a", { href: source, target: "_blank", rel: "noopener", textContent: "spectrograms" });
  }

  /** Figures that belong together share a chart: a figure and that of the originals or of real music. */
  function groupFigures(curves, judge) {
    const groups = new Map();
    for (const curve of curves) {
      const name = curve.name.replace("validation/", "");
      const base = name.replace(/^real_/, "").replace(/(?<!\/to)_(original|halves|repeated)$/, "");
      if (!groups.has(base)) groups.set(base, []);
      groups.get(base).push({ ...curve, name: clean(name) });
    }
    const order = [...groups.keys()].sort((a, b) => (b === judge) - (a === judge));
    return order.map((base) => ({ title: clean(base), series: groups.get(base) }));
  }

  function chooseColumns(run) {
    const names = [...new Set(run.checkpoints.flatMap((entry) => Object.keys(entry.figures)))];
    return names.sort((a, b) => (b === run.judge) - (a === run.judge)).slice(0, MOST_COLUMNS);
  }

  function explainBest({ judge, more_is_better: more, best, compared, checkpoints }) {
    if (!best) return "No figure says yet which checkpoint is best.";
    const rest = compared < checkpoints.length ? ` of the ${compared} that were measured on the same data as the newest one` : "";
    return `★ is the best checkpoint${rest}: it has the ${more ? "highest" : "lowest"} “${clean(judge)}”.`;
  }

  function clean(name) {
    return name.replaceAll("_", " ").replace("/", ": ");
  }
})();
