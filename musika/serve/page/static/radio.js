// The tab Radio, <musika-radio>: plays a piece without end, and steers it while it plays.
// `musika.radio` is what the keyboard and the history use of it.
"use strict";

musika.radio = {
  element: null,
  get visible() { return Boolean(musika.radio.element?.offsetParent); },
  // In other tabs, the keys only stop and continue what plays.
  toggle: () => (musika.radio.visible ? musika.radio.element.toggle() : musika.player.toggle()),
  next: () => musika.radio.visible && musika.radio.element.next(),
  open: (values) => musika.radio.element?.open(values),
};

musika.define("musika-radio", class extends HTMLElement {
  static SEED_LIMIT = 2 ** 32;
  static HOUR = 3600;
  static REMEMBER_AFTER = 5; // seconds of playing after which a piece is put into the history
  static PREPARE_AFTER = 700; // milliseconds without a change, after which the first seconds of a piece are fetched
  static PREPARE_NEXT_AFTER = 8; // seconds of playing after which the first seconds of the next piece are fetched
  static FAST = 3; // times the speed of the music that the server must have for that

  connectedCallback() {
    musika.radio.element = this;
    if (this.made) return;
    this.made = true;
    this.checkpoint = "";
    this.hasScore = false;
    this.remembered = "";
    this.nextSeed = this.draw();
    this.timers = [];
    this.build();
    musika.player.addEventListener("state", () => this.showState());
    musika.player.addEventListener("piece", () => this.showPiece());
    musika.player.addEventListener("position", (event) => this.showPosition(event.detail));
    musika.page.addEventListener("checkpoint", (event) => this.setCheckpoint(event.detail));
    // what the page was started with, and the link before that
    const started = ["seed", "truncation"].filter((name) => this.hasAttribute(name)).map((name) => [name, this.getAttribute(name)]);
    this.link = {...Object.fromEntries(started), ...musika.links.read()};
    this.restore(this.link);
    if (musika.page.checkpoint) this.setCheckpoint(musika.page.checkpoint);
  }

  build() {
    const {make, label} = musika.dom;
    const button = (text, action, help) => make("button", {type: "button", textContent: text, onclick: action, title: help});
    this.playButton = button("▶ Play", () => this.toggle(), "Play or pause (space)");
    this.playButton.className = "musika-primary";
    this.seedField = make("input", {type: "text", inputMode: "numeric", value: this.draw(), autocomplete: "off"});
    this.seedField.addEventListener("change", () => this.useSeed());
    this.seedField.addEventListener("keydown", (event) => event.key === "Enter" && this.useSeed(true));
    this.timeField = make("input", {type: "text", value: "0:00:00", autocomplete: "off"});
    this.timeField.addEventListener("change", () => this.seekToField());
    this.slider = make("input", {type: "range", min: 0, max: this.constructor.HOUR, step: 1, value: 0});
    this.slider.addEventListener("input", () => musika.player.piece && this.seek(Number(this.slider.value)));
    this.status = make("p", {className: "musika-status", role: "status"});
    this.form = new musika.SettingsForm(() => this.changeSettings());
    this.roll = make("musika-score");
    this.rollPart = make("section", {hidden: true, "aria-label": "Notes"}, make("h3", {textContent: "Notes"}), this.roll);
    this.settingsPart = make("section", {"aria-label": "Settings"}, make("h3", {textContent: "Sound"}), this.form.element);
    this.shortcuts = make("input", {type: "checkbox", checked: musika.keyboard.on});
    this.shortcuts.addEventListener("change", () => { musika.keyboard.on = this.shortcuts.checked; });
    this.append(
      make("div", {className: "musika-row"},
        this.playButton,
        button("Next piece", () => this.next(), "Draw another seed and play it (N)"),
        button("−10 s", () => this.seek(musika.player.position - 10), "10 seconds back (left arrow)"),
        button("+10 s", () => this.seek(musika.player.position + 10), "10 seconds on (right arrow)"),
        button("Copy link", () => this.share(), "A link to this piece at this second, with its settings")),
      this.status,
      make("div", {className: "musika-row musika-fields"},
        label("Time", this.timeField, "Any time, such as 7:00:00"),
        label("Position in this hour", this.slider),
        label("Seed", this.seedField, "The same seed always gives the same piece"),
        make("div", {className: "musika-row musika-end"},
          button("Draw seed", () => this.drawSeed(), "Another seed, for the next time you press Play"),
          button("Reuse seed", () => this.reuseSeed(), "Put the seed of the piece that plays back into the field"))),
      make("section", {"aria-label": "What is heard"},
        make("musika-level"),
        make("div", {className: "musika-live"}, make("musika-live-waveform"), make("musika-live-spectrogram"))),
      this.rollPart,
      this.settingsPart,
      make("details", {}, make("summary", {textContent: "Keyboard"}),
        make("p", {textContent: "Space or K: play and pause. Left and right arrow, or J and L: 10 seconds back and on. " +
          "0: to the beginning. N: next piece. Text fields and other controls keep their keys."}),
        make("label", {className: "musika-check"}, this.shortcuts, " Use these keys")));
  }

  // ---- what is played

  draw() {
    return String(crypto.getRandomValues(new Uint32Array(1))[0] % this.constructor.SEED_LIMIT);
  }

  get seed() {
    const text = this.seedField.value.trim();
    return /^\d{1,19}$/.test(text) ? text : null;
  }

  async setCheckpoint(name) {
    const before = this.checkpoint;
    if (name === before) return;
    if (!(await this.showCheckpoint(name, {...this.form.values, ...(before ? {} : this.link)}))) return;
    const plays = ["playing", "loading"].includes(musika.player.state) && this.isOwn(musika.player.piece);
    if (before && plays) this.play(0);
    else this.prepareSoon();
  }

  // Shows the settings of a checkpoint with some values; whether it is still wanted when they are known.
  async showCheckpoint(name, values) {
    this.checkpoint = name;
    try {
      const described = await musika.page.describe(name);
      if (this.checkpoint !== name) return false;
      this.form.show(described.settings, values);
      this.hasScore = described.has_score;
      this.settingsPart.hidden = !described.settings.length;
      return true;
    } catch (error) {
      this.say(error.message);
      return false;
    }
  }

  play(start) {
    const seed = this.seed;
    if (seed === null) {
      this.say("the seed must be a whole number from 0 to 9223372036854775807");
      this.seedField.focus();
      return;
    }
    musika.player.play({checkpoint: this.checkpoint, seed, start, settings: this.form.values});
  }

  // Whether a piece is one that this tab could play: without end, and without notes that were sent.
  isOwn(piece) {
    return Boolean(piece) && !piece.url && !piece.seconds && !piece.settings.score;
  }

  // Whether the player has the piece of the controls; otherwise the button begins a new one.
  get isCurrent() {
    const {piece} = musika.player;
    return this.isOwn(piece) && piece.checkpoint === this.checkpoint && String(piece.seed) === this.seed;
  }

  toggle() {
    const {state} = musika.player;
    if (state === "playing" || state === "loading") musika.player.pause();
    else if (this.isCurrent && state === "paused") musika.player.resume();
    else this.play(this.wantedStart());
  }

  wantedStart() {
    const seconds = musika.time.parse(this.timeField.value);
    return musika.player.state === "ended" || !Number.isFinite(seconds) ? 0 : seconds;
  }

  next() {
    this.seedField.value = this.nextSeed;
    this.nextSeed = this.draw();
    this.play(0);
  }

  drawSeed() {
    this.seedField.value = this.draw();
    this.useSeed();
  }

  reuseSeed() {
    const {piece} = musika.player;
    if (this.isOwn(piece)) this.seedField.value = piece.seed;
    else this.say("nothing has been played yet");
  }

  useSeed(now = false) {
    if (now || (["playing", "loading"].includes(musika.player.state) && !this.isCurrent)) this.play(0);
    else if (!this.isCurrent) this.timeField.value = "0:00:00";
    this.prepareSoon();
  }

  seek(seconds) {
    if (musika.player.piece) musika.player.seek(seconds);
    else this.showPosition(Math.max(0, seconds));
  }

  seekToField() {
    const seconds = musika.time.parse(this.timeField.value);
    if (!Number.isFinite(seconds) || seconds > 1e9) {
      this.say("the time must be hours:minutes:seconds, such as 7:00:00");
      return;
    }
    this.timeField.blur();
    this.seek(seconds);
  }

  changeSettings() {
    this.form.refuse("", "");
    if (this.isCurrent) musika.player.change(this.form.all);
    this.prepareSoon();
  }

  // Fetches the first seconds of what the button would play, so that it is heard at once.
  prepareSoon() {
    clearTimeout(this.preparing);
    this.preparing = setTimeout(() => {
      const {state} = musika.player;
      if (state === "playing" || state === "loading" || this.seed === null || !this.checkpoint || document.hidden) return;
      if (this.offsetParent === null) return; // another tab is open
      const wanted = {checkpoint: this.checkpoint, seed: this.seed, start: this.startOfPlay, settings: this.form.values};
      musika.player.prepare(wanted).then((message) => {
        if (message && musika.player.state !== "playing") this.showRefusal(message);
      });
    }, this.constructor.PREPARE_AFTER);
  }

  get startOfPlay() {
    const {player} = musika;
    return this.isCurrent && player.state === "paused" ? player.position : this.wantedStart();
  }

  prepareNext() {
    if (musika.player.state !== "playing" || musika.player.speed < this.constructor.FAST || document.hidden) return;
    musika.player.prepare({checkpoint: this.checkpoint, seed: this.nextSeed, settings: this.form.values});
  }

  // ---- links and history

  get values() {
    return {
      tab: "radio", checkpoint: this.checkpoint, seed: this.seedField.value.trim(),
      start: Math.floor(musika.player.piece ? musika.player.position : this.wantedStart()) || "", ...this.form.values,
    };
  }

  async share() {
    const link = musika.links.make(this.values);
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      this.say("the link is on the clipboard");
    } catch {
      this.say("the link is in the address bar");
    }
  }

  restore(values) {
    if (/^\d{1,19}$/.test(values.seed || "")) this.seedField.value = values.seed;
    const start = Number(values.start);
    if (start > 0 && start <= 1e9) this.showPosition(start);
  }

  // Plays what the history has kept, and shows it in all controls.
  async open({checkpoint, seed, start = 0, settings = {}}) {
    this.seedField.value = seed;
    musika.player.play({checkpoint, seed, start, settings});
    if (checkpoint !== this.checkpoint) musika.page.choose(checkpoint);
    if (await this.showCheckpoint(checkpoint, settings)) this.showPiece();
  }

  remember() {
    const {piece} = musika.player;
    if (!this.isOwn(piece)) return; // the server keeps scores for some hours only
    const query = {checkpoint: piece.checkpoint, seed: String(piece.seed), settings: {...piece.settings}};
    for (const [name, value] of Object.entries(query.settings)) if (value === "") delete query.settings[name];
    const key = JSON.stringify(query);
    if (key === this.remembered) return;
    this.remembered = key;
    musika.history.add({title: `${piece.checkpoint} ${piece.seed}`, kind: "radio", query});
  }

  // ---- what is shown

  say(text) {
    this.status.textContent = text ? text[0].toUpperCase() + text.slice(1) : "";
  }

  // Says why something cannot be played, at the control that it is about, too.
  showRefusal(message) {
    const name = /^([a-z_]+)\b/.exec(message)?.[1];
    if (this.form.controls.has(name)) this.form.refuse(name, message);
    this.say(message);
  }

  showState() {
    const {state, message, piece} = musika.player;
    const active = state === "playing" || state === "loading";
    this.playButton.textContent = active ? "❚❚ Pause" : "▶ Play";
    this.form.refuse("", "");
    if (message) {
      this.showRefusal(message);
    } else if (state === "loading") this.say("the music is being made");
    else if (state === "playing") this.say(piece.url ? `Plays ${piece.title || "a file"}` : `Plays ${piece.checkpoint}, seed ${piece.seed}`);
    else this.say(state === "paused" ? "paused" : "");
    this.timers.splice(0).forEach(clearTimeout);
    if (state !== "playing") return;
    const {REMEMBER_AFTER, PREPARE_NEXT_AFTER} = this.constructor;
    this.timers.push(setTimeout(() => this.remember(), 1000 * REMEMBER_AFTER));
    this.timers.push(setTimeout(() => this.prepareNext(), 1000 * PREPARE_NEXT_AFTER));
  }

  showPiece() {
    const {piece} = musika.player;
    this.showState();
    const visible = this.isOwn(piece) && this.hasScore && piece.checkpoint === this.checkpoint;
    this.rollPart.hidden = !visible;
    if (visible) this.roll.show(piece);
  }

  showPosition(seconds) {
    const {HOUR} = this.constructor;
    const text = musika.time.format(seconds);
    if (document.activeElement !== this.timeField && this.timeField.value !== text) this.timeField.value = text;
    const hour = Math.floor(seconds / HOUR) * HOUR;
    if (Number(this.slider.min) !== hour) {
      this.slider.max = hour + HOUR;
      this.slider.min = hour;
    }
    const whole = Math.floor(seconds);
    if (Number(this.slider.value) !== whole) {
      this.slider.value = whole;
      this.slider.setAttribute("aria-valuetext", musika.time.say(seconds));
    }
  }
});
