// Meters and pictures of what the player plays: <musika-level>, <musika-live-waveform>, <musika-live-spectrogram>.
// Each draws while it can be seen and something plays. Screen readers get the level, and a name for each picture.
"use strict";

musika.meters = (() => {
  const FLOOR = -60; // dB at the left end of the meter
  const MELS = 96; // rows of the spectrogram
  const LOW = 30, HIGH = 16000; // Hz
  const QUIET = -95, LOUD = -25; // dB from black to white in the spectrogram
  const STEP = 33; // milliseconds between two columns
  const COLOURS = makeColours();

  // Dark violet over red to pale yellow: brightness grows evenly, so that it also reads in grey.
  function makeColours() {
    const points = [[8, 6, 26], [60, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
    return Array.from({length: 256}, (_, n) => {
      const place = (n / 255) * (points.length - 1);
      const low = Math.min(Math.floor(place), points.length - 2);
      return points[low].map((value, k) => Math.round(value + (points[low + 1][k] - value) * (place - low)));
    });
  }

  const toMel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
  const fromMel = (mel) => 700 * (10 ** (mel / 2595) - 1);

  // For each mel band the bins [first, last] of the spectrum that it covers.
  function makeBands(rate, size) {
    const edges = Array.from({length: MELS + 1}, (_, n) => {
      return fromMel(toMel(LOW) + ((toMel(Math.min(HIGH, rate / 2)) - toMel(LOW)) * n) / MELS) * (size / rate);
    });
    return Array.from({length: MELS}, (_, n) => {
      const first = Math.max(1, Math.floor(edges[n]));
      return [first, Math.max(first, Math.ceil(edges[n + 1]) - 1)];
    });
  }

  // A canvas that is drawn column by column; with reduced motion it stands still and is written over from the left.
  class Rolling extends HTMLElement {
    connectedCallback() {
      if (!this.canvas) {
        this.canvas = musika.dom.make("canvas", {role: "img", "aria-label": this.label});
        this.append(this.canvas);
      }
      this.column = 0;
      this.last = 0;
      this.watcher = new ResizeObserver(() => this.resize());
      this.watcher.observe(this);
      this.wake = () => musika.player.state === "playing" && this.start();
      musika.player.addEventListener("state", this.wake);
      this.wake();
    }

    disconnectedCallback() {
      musika.player.removeEventListener("state", this.wake);
      this.watcher.disconnect();
    }

    resize() {
      const scale = Math.min(2, window.devicePixelRatio || 1);
      const width = Math.max(1, Math.round(this.clientWidth * scale));
      const height = Math.max(1, Math.round((this.rows || this.clientHeight * scale)));
      if (this.canvas.width === width && this.canvas.height === height) return;
      this.canvas.width = width;
      this.canvas.height = height;
      this.column = 0;
      this.clear?.();
    }

    start() {
      if (this.running) return;
      this.running = true;
      const frame = (time) => {
        if (musika.player.state !== "playing" || !this.isConnected) {
          this.running = false;
          return;
        }
        requestAnimationFrame(frame);
        if (time - this.last < STEP || this.offsetParent === null) return;
        this.last = time;
        this.step();
      };
      requestAnimationFrame(frame);
    }

    step() {
      const analyser = musika.player.analyser;
      if (!analyser) return;
      const {width, height} = this.canvas;
      const pen = this.canvas.getContext("2d", {willReadFrequently: true});
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const wide = this.wide;
      let x = width - wide;
      if (still) {
        x = this.column;
        this.column = (this.column + wide) % Math.max(wide, width - (width % wide));
      } else {
        pen.globalCompositeOperation = "copy"; // where the old picture is empty, the new one is, too
        pen.drawImage(this.canvas, -wide, 0);
        pen.globalCompositeOperation = "source-over";
      }
      this.drawColumn(pen, x, wide, height, analyser);
      if (still) pen.clearRect((x + wide) % width, 0, 4 * wide, height);
    }

    get wide() {
      return Math.max(1, Math.round(1.5 * Math.min(2, window.devicePixelRatio || 1)));
    }
  }

  musika.define("musika-live-waveform", class extends Rolling {
    get label() { return "Waveform of what is heard"; }

    drawColumn(pen, x, wide, height, analyser) {
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      const recent = samples.subarray(samples.length - Math.round((analyser.context.sampleRate * STEP) / 1000));
      const low = recent.reduce((a, b) => Math.min(a, b), 0), high = recent.reduce((a, b) => Math.max(a, b), 0);
      pen.clearRect(x, 0, wide, height);
      pen.fillStyle = getComputedStyle(this).color;
      const top = ((1 - Math.min(1, high)) / 2) * height;
      pen.fillRect(x, top, wide, Math.max(1, ((Math.min(1, high) - Math.max(-1, low)) / 2) * height));
    }
  });

  musika.define("musika-live-spectrogram", class extends Rolling {
    get label() { return "Spectrogram of what is heard, low notes at the bottom"; }
    get rows() { return MELS; }

    drawColumn(pen, x, wide, height, analyser) {
      const levels = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(levels);
      this.bands = this.bands || makeBands(analyser.context.sampleRate, analyser.fftSize);
      const image = pen.createImageData(wide, height);
      this.bands.forEach(([first, last], band) => {
        let level = -Infinity;
        for (let bin = first; bin <= last; bin++) level = Math.max(level, levels[bin]);
        const place = Math.min(255, Math.max(0, Math.round((255 * (level - QUIET)) / (LOUD - QUIET))));
        const row = height - 1 - band;
        for (let k = 0; k < wide; k++) image.data.set([...COLOURS[place], 255], 4 * (row * wide + k));
      });
      pen.putImageData(image, x, 0);
    }
  });

  musika.define("musika-level", class extends HTMLElement {
    connectedCallback() {
      if (!this.bars) {
        const {make} = musika.dom;
        this.bars = ["left", "right"].map(() => make("div", {className: "musika-bar"}));
        this.text = make("div", {className: "musika-level-text", textContent: "peak –  loudness –"});
        const bars = make("div", {className: "musika-bars", "aria-hidden": "true"});
        this.bars.forEach((bar) => bars.append(make("div", {className: "musika-bar-back"}, bar)));
        this.append(bars, this.text);
      }
      this.held = -Infinity;
      this.timer = setInterval(() => this.update(), 50);
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    update() {
      if (this.offsetParent === null) return;
      const playing = musika.player.state === "playing";
      if (!playing && !this.shown) return;
      this.shown = playing;
      const {peaks, loudness} = playing ? musika.player.measure() : {peaks: [-Infinity, -Infinity], loudness: -Infinity};
      peaks.forEach((peak, channel) => {
        const share = Math.max(0, 1 - Math.max(peak, FLOOR) / FLOOR);
        this.bars[channel].style.clipPath = `inset(0 ${(100 - 100 * Math.min(1, share)).toFixed(1)}% 0 0)`;
      });
      this.held = playing ? Math.max(...peaks, this.held - 1) : -Infinity;
      const say = (value) => (Number.isFinite(value) ? value.toFixed(1) : "–");
      this.text.textContent = `peak ${say(this.held)} dBFS  loudness ${say(loudness)} LUFS`;
    }
  });

  return {makeBands, COLOURS};
})();
