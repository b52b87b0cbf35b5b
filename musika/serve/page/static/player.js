// The player: pieces without end from the stream route, and finite files, through WebAudio.
//
// A piece is a function of (checkpoint, seed, settings, second). So the player keeps no state on the server: to seek, or
// to change a setting, it opens another stream at the second that will be heard next, and cross-fades to it.
//
// A stream is asked for in parts of some seconds, each a request of its own. A browser allows six connections to a
// server for all its tabs together; a connection that stayed open would block the seventh tab.
//
//   musika.player.play({checkpoint, seed, start, settings})   plays a piece from second `start` on
//   musika.player.playUrl(url, {start, title})                plays a finite file
//   musika.player.prepare({checkpoint, seed, start, settings}) fetches its first part, so that `play` is heard at once,
//                                                             and promises the reason of a refusal, or ""
//   musika.player.pause(), .resume(), .toggle(), .stop()
//   musika.player.seek(seconds)
//   musika.player.change(settings)                            the same piece with other settings, heard at once
//   musika.player.position, .duration, .state, .piece, .message
//   musika.player.analyser, .measure()                        for pictures and meters
//   events "position", "state", "piece", and "changed" when changed settings begin to be heard:
//                                                             musika.player.addEventListener(name, listener)
"use strict";

musika.player = (() => {
  const PART = 8; // seconds of a request
  const AHEAD = 5; // seconds that are scheduled before they are heard; then the next request waits
  const FADE = 0.06; // seconds of a cross-fade
  const FIRST_LEAD = 0.08; // seconds between the first sound's arrival and its playing
  const RETRIES = 4; // times that a stream is opened again after its connection was lost
  const WAKING = 3000; // milliseconds that a browser may take until it can play
  const SETTLE = 150; // milliseconds without another change, after which a change is made
  const SAMPLE_RATE = 44100;
  const STATES = ["stopped", "loading", "playing", "paused", "ended", "error"];

  const events = new EventTarget();
  let context = null;
  let nodes = null; // master gain, analysers
  let state = "stopped";
  let message = "";
  let piece = null; // {checkpoint, seed, settings} or {url, title}
  let current = null; // the source that is heard
  let pending = null; // the source that will take its place
  let resting = 0; // the position while nothing plays
  let latency = 0.5; // seconds from a request to its first sound, as measured
  let speed = 0; // seconds of music that arrive in a second, as measured
  let prepared = null; // a download that `play` may use
  let changeTimer = 0;
  let ticking = false;

  function setState(next, text = "") {
    if (!STATES.includes(next)) throw new Error(`no state of the player: ${next}`);
    if (next === state && text === message) return;
    state = next;
    message = text;
    events.dispatchEvent(new CustomEvent("state", {detail: {state, message}}));
    if (state === "playing" && !ticking) requestAnimationFrame(tick);
  }

  function setPiece(next) {
    piece = next;
    events.dispatchEvent(new CustomEvent("piece", {detail: piece}));
  }

  function tick() {
    ticking = state === "playing";
    events.dispatchEvent(new CustomEvent("position", {detail: getPosition()}));
    if (ticking) requestAnimationFrame(tick);
  }

  function getPosition() {
    return current && state === "playing" ? current.getPosition() : resting;
  }

  // ---- the graph: sources -> master -> (analyser, weighted left and right) -> loudspeakers

  function open() {
    if (context) return;
    context = new AudioContext({sampleRate: SAMPLE_RATE, latencyHint: "interactive"});
    const master = context.createGain();
    const analyser = new AnalyserNode(context, {fftSize: 4096, smoothingTimeConstant: 0});
    const splitter = new ChannelSplitterNode(context, {numberOfOutputs: 2});
    // K-weighting of ITU-R BS.1770: a shelf for the head, a high-pass for what is hardly heard
    const shelf = new BiquadFilterNode(context, {type: "highshelf", frequency: 1500, gain: 4});
    const highPass = new BiquadFilterNode(context, {type: "highpass", frequency: 38, Q: -6});
    const weighted = new ChannelSplitterNode(context, {numberOfOutputs: 2});
    const make = (size) => new AnalyserNode(context, {fftSize: size});
    nodes = {master, analyser, peaks: [make(4096), make(4096)], powers: [make(16384), make(16384)]};
    master.connect(context.destination);
    master.connect(analyser);
    master.connect(splitter);
    master.connect(shelf).connect(highPass).connect(weighted);
    for (const channel of [0, 1]) {
      splitter.connect(nodes.peaks[channel], channel);
      weighted.connect(nodes.powers[channel], channel);
    }
  }

  // Peak of both channels (dBFS) and momentary loudness of the last 0.37 s (LUFS); -Infinity in silence.
  function measure() {
    if (!nodes) return {peaks: [-Infinity, -Infinity], loudness: -Infinity};
    const read = (analyser) => {
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      return samples;
    };
    const peaks = nodes.peaks.map((analyser) => {
      return 20 * Math.log10(read(analyser).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    });
    const power = nodes.powers.reduce((sum, analyser) => {
      const samples = read(analyser);
      return sum + samples.reduce((total, value) => total + value * value, 0) / samples.length;
    }, 0);
    return {peaks, loudness: -0.691 + 10 * Math.log10(power)};
  }

  // ---- a request; what has arrived stays until somebody reads it

  class Download {
    constructor(url) {
      this.url = url;
      this.abort = new AbortController();
      this.chunks = [];
      this.done = false;
      this.error = null;
      this.wake = () => {};
      this.finished = this.run();
    }

    async run() {
      try {
        const response = await fetch(this.url, {signal: this.abort.signal});
        if (!response.ok) throw await readRefusal(response);
        const reader = response.body.getReader();
        for (;;) {
          const {value, done} = await reader.read();
          if (done) break;
          this.chunks.push(value);
          this.wake();
        }
      } catch (error) {
        this.error = error;
      }
      this.done = true;
      this.wake();
    }

    async* read() {
      for (let n = 0; ; n++) {
        while (n >= this.chunks.length) {
          if (this.error) throw this.error;
          if (this.done) return;
          await new Promise((resolve) => { this.wake = resolve; });
        }
        yield this.chunks[n];
      }
    }
  }

  function prepare({checkpoint = "", seed, start = 0, settings = {}}) {
    const url = makeStreamUrl({checkpoint, seed, settings}, start, PART);
    if (prepared?.url !== url || prepared.error) {
      prepared?.abort.abort();
      prepared = new Download(url);
    }
    const own = prepared;
    return own.finished.then(() => (own.error?.refused ? own.error.message : ""));
  }

  // The download of a URL: what was prepared, or a new one.
  function takeDownload(url) {
    const taken = prepared?.url === url && !prepared.error ? prepared : new Download(url);
    if (taken === prepared) prepared = null;
    return taken;
  }

  // ---- a stream: what arrives is scheduled, one buffer behind the other

  class Stream {
    constructor(wanted, start, onFirst, onEnd, onError) {
      Object.assign(this, {wanted, start, onFirst, onEnd, onError});
      this.download = null;
      this.gain = new GainNode(context, {gain: 0}); // `fade` opens it
      this.gain.connect(nodes.master);
      this.catchUp = false; // whether samples that come too late are left out; otherwise all wait for them
      this.sources = new Set();
      this.floor = start; // the lowest position that is told
      this.begin = null; // time of the context at which second `start` is heard
      this.frames = 0; // that have been scheduled
      this.rate = SAMPLE_RATE;
      this.retries = 0;
      this.closed = false;
      this.complete = false;
      this.asked = performance.now();
      this.finished = this.run();
    }

    getPosition() {
      if (this.begin === null) return this.start;
      return Math.max(this.floor, this.start + context.currentTime - this.begin);
    }

    get end() { // time of the context at which what has been scheduled ends
      return this.begin + this.frames / this.rate;
    }

    async run() {
      while (!this.closed && !this.complete) {
        try {
          await this.read();
          this.retries = 0;
        } catch (error) {
          if (this.closed) return;
          if (error.refused || ++this.retries > RETRIES) {
            this.onError(error.refused ? error.message : "the server does not answer");
            return;
          }
          await sleep(150 * 2 ** this.retries);
        }
        while (!this.closed && this.begin !== null && this.end - context.currentTime > AHEAD) await sleep(100);
      }
      if (this.complete) this.onEnd(this);
    }

    // Reads and schedules the next part.
    async read() {
      const {seconds} = this.wanted;
      const from = this.start + this.frames / this.rate;
      const wanted = Math.min(PART, seconds ? seconds - from : PART);
      const decoder = new WavDecoder();
      const before = this.frames, asked = performance.now();
      this.download = takeDownload(makeStreamUrl(this.wanted, from, wanted));
      for await (const value of this.download.read()) {
        if (this.closed) return;
        const channels = decoder.push(value);
        if (channels) {
          this.rate = decoder.rate;
          this.schedule(channels);
        }
      }
      speed = (1000 * wanted) / (performance.now() - asked);
      const missing = wanted - (this.frames - before) / this.rate;
      if (missing > 0.01) throw new Error("the stream was cut");
      this.complete = Boolean(seconds) && this.start + this.frames / this.rate > seconds - 0.01;
    }

    schedule(channels) {
      const now = context.currentTime;
      if (this.begin === null) {
        latency += 0.3 * ((performance.now() - this.asked) / 1000 - latency);
        this.begin = this.onFirst(this, now + FIRST_LEAD);
      }
      const count = channels[0].length;
      let time = this.end;
      let skipped = 0;
      if (time < now) { // it came too late
        if (this.catchUp) skipped = Math.min(count, Math.ceil((now + 0.02 - time) * this.rate));
        else this.begin += now + FIRST_LEAD - time;
        time = this.end + skipped / this.rate;
      }
      this.frames += count;
      if (skipped === count) return;
      this.catchUp = false;
      const buffer = context.createBuffer(2, count - skipped, this.rate);
      channels.forEach((samples, channel) => buffer.copyToChannel(samples.subarray(skipped), channel));
      const source = new AudioBufferSourceNode(context, {buffer});
      source.connect(this.gain);
      source.start(time);
      this.sources.add(source);
      source.onended = () => this.sources.delete(source);
    }

    close(at = context.currentTime) {
      if (this.closed) return;
      this.closed = true;
      this.download?.abort.abort();
      fade(this.gain, 1, 0, at);
      const gain = this.gain, sources = this.sources;
      setTimeout(() => {
        sources.forEach((source) => source.stop());
        gain.disconnect();
      }, Math.max(0, (at - context.currentTime + FADE) * 1000 + 50));
    }
  }

  // A finite file, decoded as a whole.
  class File {
    constructor(buffer, start, onEnd) {
      this.duration = buffer.duration;
      this.start = Math.min(start, this.duration);
      this.gain = new GainNode(context, {gain: 0});
      this.gain.connect(nodes.master);
      this.source = new AudioBufferSourceNode(context, {buffer});
      this.source.connect(this.gain);
      this.source.onended = () => this.closed || onEnd(this);
      this.begin = context.currentTime + 0.02;
      this.source.start(this.begin, this.start);
      fade(this.gain, 0, 1, this.begin);
      this.closed = false;
    }

    getPosition() {
      return Math.min(this.duration, Math.max(this.start, this.start + context.currentTime - this.begin));
    }

    close(at = context.currentTime) {
      if (this.closed) return;
      this.closed = true;
      fade(this.gain, 1, 0, at);
      this.source.stop(at + FADE);
    }
  }

  // 16-bit WAV as it comes, in pieces of any size.
  class WavDecoder {
    constructor() {
      this.rest = new Uint8Array(0);
      this.rate = 0;
    }

    // Both channels as float32 arrays, or null where there is not enough yet.
    push(bytes) {
      let data = bytes;
      if (this.rest.length) {
        data = new Uint8Array(this.rest.length + bytes.length);
        data.set(this.rest);
        data.set(bytes, this.rest.length);
      }
      let offset = 0;
      if (!this.rate) {
        offset = this.readHeader(data);
        if (offset < 0) {
          this.rest = data;
          return null;
        }
      }
      const count = Math.floor((data.length - offset) / (2 * this.channels));
      this.rest = data.slice(offset + count * 2 * this.channels);
      if (!count) return null;
      const view = new DataView(data.buffer, data.byteOffset + offset);
      const found = [new Float32Array(count), new Float32Array(count)];
      for (let n = 0; n < count; n++) {
        for (let channel = 0; channel < 2; channel++) {
          const place = 2 * (n * this.channels + Math.min(channel, this.channels - 1));
          found[channel][n] = view.getInt16(place, true) / 32768;
        }
      }
      return found;
    }

    readHeader(data) { // where the samples begin; -1 where the header has not come yet
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      const word = (at) => String.fromCharCode(...data.subarray(at, at + 4));
      let at = 12;
      while (at + 8 <= data.length) {
        const size = view.getUint32(at + 4, true);
        if (word(at) === "data") return this.rate ? at + 8 : -1;
        if (word(at) === "fmt " && at + 24 <= data.length) {
          this.channels = view.getUint16(at + 10, true);
          this.rate = view.getUint32(at + 12, true);
        }
        at += 8 + size + (size % 2);
      }
      this.rate = 0;
      return -1;
    }
  }

  function fade(gain, from, to, at) {
    const time = Math.max(at, context.currentTime);
    gain.gain.cancelScheduledValues(time);
    gain.gain.setValueAtTime(from, time);
    gain.gain.linearRampToValueAtTime(to, time + FADE);
  }

  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  function makeQuery(wanted) {
    const {checkpoint, seed, settings, ...others} = wanted;
    const query = new URLSearchParams({seed: String(seed)});
    if (checkpoint) query.set("checkpoint", checkpoint);
    for (const [name, value] of Object.entries({...settings, ...others})) {
      if (value !== "" && value !== null && value !== undefined) query.set(name, String(value));
    }
    return query;
  }

  function makeStreamUrl({checkpoint, seed, settings}, start, seconds) {
    const query = makeQuery({checkpoint, seed, settings});
    query.set("start", Math.max(0, start).toFixed(6));
    query.set("seconds", Math.max(0.01, seconds).toFixed(6));
    return `stream.wav?${query}`;
  }

  async function readRefusal(response) {
    let text = `the server answers with status ${response.status}`;
    try {
      text = (await response.json()).error || text;
    } catch {
      // not one of our answers
    }
    return Object.assign(new Error(text), {refused: response.status !== 503});
  }

  // ---- what is asked for

  // Opens a stream of a piece. With `cross`, what is heard goes on until the new stream has arrived at its position.
  function openStream(wanted, start, cross) {
    pending?.close();
    const stream = new Stream(wanted, start, (source, soonest) => {
      let begin = soonest;
      let from = soonest;
      if (cross && current && !current.closed && current.begin !== null) {
        begin = current.begin + (start - current.start); // the same second at the same time
        from = Math.max(begin, soonest);
        source.catchUp = true;
        source.floor = 0;
      }
      if (current && current !== source) current.close(from);
      fade(source.gain, 0, 1, from);
      current = source;
      if (pending === source) pending = null;
      if (cross) setTimeout(() => events.dispatchEvent(new Event("changed")), 1000 * (from - context.currentTime));
      setState("playing");
      return begin;
    }, finish, (text) => {
      if (pending === stream) pending = null;
      stream.close();
      if (current === stream || !current || current.closed) {
        resting = stream.getPosition();
        setState("error", text);
      } else setState(state, text); // what is heard goes on
    });
    pending = stream;
    return stream;
  }

  function finish(source) { // all of it has been scheduled
    setTimeout(() => {
      if (source !== current || source.closed) return;
      resting = source.getPosition();
      source.close();
      current = null;
      setState("ended");
    }, Math.max(0, (source.end - context.currentTime) * 1000));
  }

  function silence() {
    clearTimeout(changeTimer);
    resting = getPosition();
    pending?.close();
    current?.close();
    pending = current = null;
  }

  // Whether sound can be heard. A browser without an output, or that waits for a click, keeps its promise open forever.
  async function wake() {
    open();
    const late = new Promise((resolve) => setTimeout(resolve, WAKING));
    await Promise.race([context.resume(), late]);
    if (context.state === "running") return true;
    setState("error", "the browser plays no sound: is there a loudspeaker, and may this page use it?");
    return false;
  }

  async function play({checkpoint = "", seed = 0, start = 0, settings = {}, seconds}) {
    if (!(await wake())) return;
    silence();
    resting = start;
    setPiece({checkpoint, seed, settings: {...settings}, ...(seconds ? {seconds} : {})});
    setState("loading");
    openStream(piece, start, false);
  }

  async function playUrl(url, {start = 0, title = ""} = {}) {
    if (!(await wake())) return;
    silence();
    resting = start;
    const wanted = {url, title};
    setPiece(wanted);
    setState("loading");
    try {
      const response = await fetch(url);
      if (!response.ok) throw await readRefusal(response);
      wanted.buffer = await context.decodeAudioData(await response.arrayBuffer());
    } catch (error) {
      if (piece === wanted) setState("error", error.refused ? error.message : "this file cannot be played");
      return;
    }
    if (piece === wanted && state === "loading") startFile(wanted, start);
  }

  function startFile(wanted, start) {
    current?.close();
    current = new File(wanted.buffer, start, (source) => {
      if (source !== current) return;
      resting = 0;
      current = null;
      setState("ended");
      events.dispatchEvent(new CustomEvent("position", {detail: 0}));
    });
    setState("playing");
  }

  function startAgain(position) {
    resting = position;
    if (piece.url) {
      if (piece.buffer) startFile(piece, position);
      else playUrl(piece.url, {start: position, title: piece.title});
      return;
    }
    setState("loading");
    openStream(piece, position, false);
  }

  async function resume() {
    if (!piece || state === "playing" || state === "loading") return;
    open();
    if (!(await wake())) return;
    startAgain(resting);
  }

  function pause() {
    if (state !== "playing" && state !== "loading") return;
    silence();
    setState("paused");
    events.dispatchEvent(new CustomEvent("position", {detail: resting}));
  }

  function stop() {
    silence();
    resting = 0;
    setState("stopped");
    events.dispatchEvent(new CustomEvent("position", {detail: 0}));
  }

  function seek(seconds) {
    if (!piece || !Number.isFinite(seconds)) return;
    const last = piece.buffer ? piece.buffer.duration : piece.seconds || Infinity;
    const position = Math.min(Math.max(0, seconds), last);
    const running = state === "playing" || state === "loading";
    silence();
    resting = position;
    if (running) startAgain(position);
    else if (state === "ended" || state === "error") setState("paused");
    events.dispatchEvent(new CustomEvent("position", {detail: position}));
  }

  function change(settings) {
    if (!piece || piece.url) return;
    setPiece({...piece, settings: {...piece.settings, ...settings}});
    clearTimeout(changeTimer);
    changeTimer = setTimeout(() => {
      if (state === "playing") openStream(piece, getPosition() + Math.min(1.2, Math.max(0.15, latency)), true);
      else if (state === "loading" || state === "error") startAgain(resting);
    }, SETTLE);
  }

  return {
    play, playUrl, prepare, pause, resume, stop, seek, change, measure, makeQuery,
    toggle: () => (state === "playing" || state === "loading" ? pause() : resume()),
    addEventListener: (name, listener) => events.addEventListener(name, listener),
    removeEventListener: (name, listener) => events.removeEventListener(name, listener),
    get position() { return getPosition(); },
    get duration() { return piece?.buffer ? piece.buffer.duration : piece?.seconds || Infinity; },
    get state() { return state; },
    get message() { return message; },
    get piece() { return piece; },
    get analyser() { return nodes?.analyser || null; },
    get context() { return context; },
    get speed() { return speed; },
  };
})();
