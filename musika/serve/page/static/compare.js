/*
 * A/B comparison: two or more sounds at the same position, of which one is heard.
 *
 * All sounds that have been loaded run at the same time, sample by sample; the switch only says which one is heard. So
 * switching keeps the position exactly, and takes 10 milliseconds.
 *
 *   const compare = musika.compare.create(element, {label: "Before and after"});
 *   await compare.setSources([{name: "Before", url}, {name: "After", url, matchedGain: 0.8}]);
 *
 * Space plays and pauses, X switches to the next sound, 1 to 9 choose one, the arrow keys seek.
 */
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});
  const RATE = 44100; // Hz, of the audio context
  const AHEAD = 0.03; // seconds from a call to the first sample
  const SWITCH = 0.01; // seconds of the fade from one sound to another
  const WAKING = 3000; // milliseconds that a browser may take until it can play
  const STEP = 5; // seconds that an arrow key seeks
  const MOST_SECONDS = 2400; // of all decoded sounds together; those heard longest ago are dropped first
  let context = null; // one for all comparisons: browsers allow only a few

  function getContext() {
    if (!context) {
      try {
        context = new AudioContext({ sampleRate: RATE });
      } catch (error) {
        context = new AudioContext(); // a browser that cannot choose the rate
      }
    }
    return context;
  }

  async function fetchSound(url) {
    const reply = await fetch(url);
    if (!reply.ok) throw new Error("the sound is no longer here: make it again");
    // a context without output decodes before anybody has pressed a button
    const decoder = new OfflineAudioContext(2, 1, RATE);
    return decoder.decodeAudioData(await reply.arrayBuffer());
  }

  function formatTime(seconds) {
    const tenths = Math.round(seconds * 10);
    const minutes = Math.floor(tenths / 600);
    return minutes + ":" + ((tenths - minutes * 600) / 10).toFixed(1).padStart(4, "0");
  }

  function addElement(parent, tag, className, text) {
    const element = document.createElement(tag);
    element.className = className;
    if (text) element.textContent = text;
    parent.append(element);
    return element;
  }

  class Compare {
    constructor(host, options) {
      this.host = host;
      this.label = (options && options.label) || "Compare";
      this.sources = []; // {name, url, matchedGain, buffer, loading, gain, node, heard}
      this.selected = 0;
      this.playing = false;
      this.place = 0; // seconds, while nothing plays
      this.startTime = 0; // of the context, when `place` was heard
      this.stopAt = null; // seconds where playing goes back to `repeatFrom`; null is the end
      this.repeatFrom = 0;
      this.matched = false;
      this.listeners = {};
      this._build();
      document.addEventListener("keydown", (event) => this._handleKey(event), true);
      this._tick = this._tick.bind(this);
    }

    /* Calls `call` with the event's value. Events: position (seconds), select (index), state ("playing", "paused"). */
    on(name, call) {
      (this.listeners[name] = this.listeners[name] || []).push(call);
    }

    /* Replaces the sounds. The position stays. `select` is the number of the one that is heard. */
    async setSources(sources, select = 0) {
      const known = new Map(this.sources.map((source) => [source.url, source.buffer]));
      const position = this.position;
      const wasPlaying = this.playing;
      this._stopNodes();
      this.playing = false;
      this.sources = sources.map((source) => ({ ...source, buffer: known.get(source.url) || null, heard: 0 }));
      this.selected = Math.min(select, Math.max(sources.length - 1, 0));
      this.place = position;
      this._showSources();
      if (!sources.length) {
        this._show();
        return;
      }
      await this._load(this.selected);
      this.place = Math.min(this.place, this.duration);
      this._emit("select", this.selected);
      this._show();
      if (wasPlaying) await this.play();
    }

    get position() {
      if (!this.playing) return this.place;
      return Math.min(Math.max(this.place + getContext().currentTime - this.startTime, this.place), this.duration);
    }

    /* Seconds of the longest loaded sound. */
    get duration() {
      return Math.max(0, ...this.sources.map((source) => (source.buffer ? source.buffer.duration : 0)));
    }

    /* The decoded sound that is heard, an AudioBuffer; null while it loads. */
    get buffer() {
      const source = this.sources[this.selected];
      return source ? source.buffer : null;
    }

    async play() {
      if (!this.sources.length || this.playing) return;
      await this._load(this.selected);
      await Promise.race([getContext().resume(), new Promise((resolve) => setTimeout(resolve, WAKING))]);
      if (this.playing) return;
      const isAwake = getContext().state === "running"; // without an output, a browser never answers
      this.message.textContent = isAwake ? "" : "The browser plays no sound: is there a loudspeaker, and may this page use it?";
      if (!isAwake) return;
      if (musika.player && musika.player.state === "playing") musika.player.pause();
      if (this.place >= this.duration - 0.01) this.place = 0;
      this.playing = true;
      this._startNodes();
      this._emit("state", "playing");
      this._show();
      requestAnimationFrame(this._tick);
    }

    pause() {
      this.place = this.position;
      this.playing = false;
      this._stopNodes();
      this._emit("state", "paused");
      this._show();
    }

    toggle() {
      return this.playing ? this.pause() : this.play();
    }

    seek(seconds) {
      const wasPlaying = this.playing;
      this._stopNodes();
      this.place = Math.min(Math.max(seconds, 0), this.duration);
      if (wasPlaying) this._startNodes();
      this._emit("position", this.place);
      this._show();
    }

    /* Plays a stretch again and again; null plays to the end. */
    repeat(from, to) {
      this.repeatFrom = from;
      this.stopAt = to;
    }

    /* Makes another sound the one that is heard. The position stays. */
    async select(index) {
      if (index === this.selected || !this.sources[index]) return;
      this.selected = index;
      this._showSources();
      await this._load(index);
      if (this.selected !== index) return; // another one was chosen meanwhile
      const source = this.sources[index];
      if (this.playing && !source.node) this._startNode(source);
      this._setGains();
      this._emit("select", index);
      this._show();
    }

    /* Whether each sound has the gain that makes it as loud as the first. */
    setMatched(matched) {
      this.matched = matched;
      this._setGains();
    }

    async _load(index) {
      const source = this.sources[index];
      source.heard = performance.now();
      if (!source.buffer) {
        source.loading = source.loading || fetchSound(source.url);
        this.message.textContent = "loading " + source.name;
        try {
          source.buffer = await source.loading;
          this.message.textContent = "";
        } catch (error) {
          source.loading = null;
          this.message.textContent = error.message;
          throw error;
        }
      }
      this._dropOld();
    }

    _dropOld() {
      const loaded = this.sources.filter((source) => source.buffer);
      let seconds = loaded.reduce((sum, source) => sum + source.buffer.duration, 0);
      for (const source of loaded.sort((a, b) => a.heard - b.heard)) {
        if (seconds <= MOST_SECONDS || source === this.sources[this.selected]) break;
        seconds -= source.buffer.duration;
        this._stopNode(source);
        source.buffer = source.loading = null;
      }
    }

    _startNodes() {
      const audio = getContext();
      // positions are whole samples, so that all sounds run in step
      this.place = Math.round(this.place * audio.sampleRate) / audio.sampleRate;
      this.startTime = Math.ceil((audio.currentTime + AHEAD) * audio.sampleRate) / audio.sampleRate;
      this.sources.forEach((source) => source.buffer && this._startNode(source));
      this._setGains(true);
    }

    _startNode(source) {
      const audio = getContext();
      const when = Math.max(this.startTime, Math.ceil((audio.currentTime + AHEAD) * audio.sampleRate) / audio.sampleRate);
      const offset = this.place + when - this.startTime;
      if (offset >= source.buffer.duration) return; // it has ended before
      source.gain = audio.createGain();
      source.gain.gain.value = 0;
      source.gain.connect(audio.destination);
      source.node = audio.createBufferSource();
      source.node.buffer = source.buffer;
      source.node.connect(source.gain);
      source.node.start(when, offset);
    }

    _stopNodes() {
      this.sources.forEach((source) => this._stopNode(source));
    }

    _stopNode(source) {
      if (!source.node) return;
      source.node.stop();
      source.gain.disconnect();
      source.node = source.gain = null;
    }

    _setGains(atOnce) {
      const audio = context;
      this.sources.forEach((source, index) => {
        if (!source.gain) return;
        const matched = this.matched && source.matchedGain ? source.matchedGain : 1;
        const value = index === this.selected ? matched : 0;
        if (atOnce) source.gain.gain.value = value;
        else source.gain.gain.setTargetAtTime(value, audio.currentTime, SWITCH / 3);
      });
    }

    _tick() {
      if (!this.playing) return;
      const position = this.position;
      if (this.stopAt !== null && position >= Math.min(this.stopAt, this.duration)) this.seek(this.repeatFrom);
      else if (position >= this.duration) {
        this.pause();
        this.place = this.duration;
      }
      this._emit("position", this.position);
      this._show();
      requestAnimationFrame(this._tick);
    }

    _emit(name, value) {
      (this.listeners[name] || []).forEach((call) => call(value));
    }

    _build() {
      this.host.classList.add("musika-compare");
      this.host.setAttribute("role", "group");
      this.host.setAttribute("aria-label", this.label);
      const row = addElement(this.host, "div", "musika-compare-row");
      this.button = addElement(row, "button", "musika-play", "Play");
      this.button.type = "button";
      this.button.addEventListener("click", () => this.toggle());
      this.choices = addElement(row, "div", "musika-choices");
      this.choices.setAttribute("role", "radiogroup");
      this.choices.setAttribute("aria-label", this.label + ": what is heard");
      this.matchLabel = addElement(row, "label", "musika-match");
      const check = document.createElement("input");
      check.type = "checkbox";
      check.addEventListener("change", () => this.setMatched(check.checked));
      this.matchLabel.append(check, " equally loud");
      const line = addElement(this.host, "div", "musika-compare-row");
      this.slider = addElement(line, "input", "musika-position");
      Object.assign(this.slider, { type: "range", min: "0", max: "0", step: "0.01", value: "0" });
      this.slider.setAttribute("aria-label", this.label + ": position");
      this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
      this.time = addElement(line, "span", "musika-time", "0:00.0");
      this.message = addElement(this.host, "p", "musika-message");
      this.message.setAttribute("role", "status");
      this._showSources();
      this._show();
    }

    _showSources() {
      this.choices.replaceChildren();
      this.sources.forEach((source, index) => {
        const choice = addElement(this.choices, "button", "musika-choice", source.name);
        choice.type = "button";
        choice.setAttribute("role", "radio");
        choice.setAttribute("aria-checked", String(index === this.selected));
        choice.tabIndex = index === this.selected ? 0 : -1;
        choice.addEventListener("click", () => this.select(index));
      });
      this.matchLabel.hidden = !this.sources.some((source) => source.matchedGain && source.matchedGain !== 1);
      this.host.hidden = !this.sources.length;
    }

    _show() {
      const { position, duration } = this;
      this.button.textContent = this.playing ? "Pause" : "Play";
      this.button.setAttribute("aria-pressed", String(this.playing));
      this.slider.max = String(duration);
      this.slider.value = String(position);
      this.slider.setAttribute("aria-valuetext", formatTime(position) + " of " + formatTime(duration));
      this.time.textContent = formatTime(position) + " / " + formatTime(duration);
      this.host.dataset.position = position.toFixed(3);
      this.host.dataset.selected = String(this.selected);
      this.host.dataset.state = this.playing ? "playing" : "paused";
    }

    _handleKey(event) {
      const target = event.target;
      const isBusy = target.closest && target.closest("input:not([type=range]):not([type=checkbox]), textarea, select");
      const isVisible = this.host.offsetParent !== null;
      if (!isVisible || isBusy || event.ctrlKey || event.metaKey || event.altKey) return;
      const isOwn = this.host.contains(target);
      const isButton = target.closest && target.closest("button, [role=slider], [role=tab], a, input");
      let used = true;
      if (event.key === " " && (!isButton || isOwn)) this.toggle();
      else if (event.key === "x" || event.key === "X") this._selectNext(1);
      else if (/^[1-9]$/.test(event.key) && Number(event.key) <= this.sources.length) this.select(Number(event.key) - 1);
      else if (isOwn && target.getAttribute("role") === "radio" && /^Arrow/.test(event.key))
        this._selectNext(/Right|Down/.test(event.key) ? 1 : -1, true);
      else if (event.key === "ArrowLeft" && !isButton) this.seek(this.position - STEP);
      else if (event.key === "ArrowRight" && !isButton) this.seek(this.position + STEP);
      else used = false;
      if (!used) return;
      event.preventDefault();
      event.stopPropagation();
    }

    _selectNext(step, focus) {
      const count = this.sources.length;
      if (!count) return;
      this.select((this.selected + step + count) % count);
      if (focus) this.choices.children[this.selected].focus();
    }
  }

  musika.compare = { create: (host, options) => new Compare(host, options), formatTime };
})();
