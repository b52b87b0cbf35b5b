// A map of points on a canvas: zoom, move, choose a point by pointer or keyboard, draw a line through points.
//
// map = new musika.PointMap(canvas, { onChoose: (point) => ..., onLine: (points) => ..., say: (text) => ... })
// map.setPoints({ numbers, places, colours, labels })   places in [-1, 1], colours in [0, 1]: hue and size
// map.mode = "choose" | "line"
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const MARGIN = 18; // pixels around the map
  const NEAR = 14; // pixels within which a click finds a point
  const SLACK = 4; // pixels that a pointer may move in a click
  const MOST_ZOOM = 40;
  const MOST_STOPS = 12; // points that a drawn line becomes
  const CONE = 1.2; // how far beside the direction of an arrow key a neighbour may lie, relative to its distance

  /** The colour of a share from 0 (dark, blue) to 1 (bright, yellow). */
  musika.colourShare = function (share) {
    return `hsl(${250 - 200 * share} ${65 + 15 * share}% ${48 + 6 * share}%)`;
  };

  musika.PointMap = class {
    constructor(canvas, options = {}) {
      this.canvas = canvas;
      this.options = { onChoose: () => {}, onLine: () => {}, say: () => {}, ...options };
      this.mode = "choose";
      this.points = [];
      this.chosen = null; // index
      this.line = []; // indices
      this.view = { x: 0, y: 0, zoom: 1 }; // the place in the middle, and the zoom
      this._pointers = new Map();
      this._trail = null; // places of a line that is being drawn
      canvas.tabIndex = 0;
      canvas.style.touchAction = "none";
      const on = (name, act) => canvas.addEventListener(name, act);
      on("pointerdown", (event) => this._press(event));
      on("pointermove", (event) => this._move(event));
      on("pointerup", (event) => this._release(event));
      on("pointercancel", (event) => this._pointers.delete(event.pointerId));
      on("wheel", (event) => this._wheel(event));
      on("keydown", (event) => this._key(event));
      new ResizeObserver(() => this.draw()).observe(canvas);
    }

    /** Shows other points; what is chosen stays chosen by its number. */
    setPoints({ numbers, places, colours, labels }) {
      const before = this.getPoint();
      const kept = this.line.map((index) => this.points[index].number);
      this.points = numbers.map((number, k) => ({
        number,
        x: places[k][0],
        y: places[k][1],
        hue: colours[k][0],
        size: colours[k][1],
        label: labels[k] || "",
      }));
      const find = (number) => this.points.findIndex((point) => point.number === number);
      this.chosen = before ? find(before.number) : null;
      if (this.chosen === -1) this.chosen = null;
      this.line = kept.map(find).filter((index) => index >= 0);
      this.draw();
    }

    clear() {
      [this.points, this.chosen, this.line] = [[], null, []];
      this.fit();
    }

    getPoint() {
      return this.chosen === null ? null : this.points[this.chosen];
    }

    /** Chooses the point of a number, if it is on the map, and tells so. */
    chooseNumber(number) {
      const index = this.points.findIndex((point) => point.number === number);
      if (index >= 0) this._choose(index);
      return index >= 0;
    }

    setLine(indices) {
      this.line = indices;
      this.draw();
      this.options.onLine(indices.map((index) => this.points[index]));
    }

    fit() {
      this.view = { x: 0, y: 0, zoom: 1 };
      this.draw();
    }

    zoom(factor, around = null) {
      const zoom = Math.min(MOST_ZOOM, Math.max(1, this.view.zoom * factor));
      const place = around || this.view;
      const share = this.view.zoom / zoom;
      this._lookAt(place.x + (this.view.x - place.x) * share, place.y + (this.view.y - place.y) * share, zoom);
    }

    draw() {
      musika.canvas.drawSoon(this);
    }

    // ---------------------------------------------------------------- places

    get _scale() {
      const { clientWidth: width, clientHeight: height } = this.canvas;
      return { x: ((width - 2 * MARGIN) / 2) * this.view.zoom, y: ((height - 2 * MARGIN) / 2) * this.view.zoom };
    }

    toPixels({ x, y }) {
      const scale = this._scale;
      return [this.canvas.clientWidth / 2 + (x - this.view.x) * scale.x, this.canvas.clientHeight / 2 - (y - this.view.y) * scale.y];
    }

    toPlace([x, y]) {
      const scale = this._scale;
      return { x: this.view.x + (x - this.canvas.clientWidth / 2) / scale.x, y: this.view.y - (y - this.canvas.clientHeight / 2) / scale.y };
    }

    /** Index of the point nearest to a pixel; null where none is within `far` pixels. */
    findNearest([x, y], far = Infinity) {
      let [best, least] = [null, far];
      this.points.forEach((point, k) => {
        const [left, top] = this.toPixels(point);
        const distance = Math.hypot(left - x, top - y);
        if (distance < least) [best, least] = [k, distance];
      });
      return best;
    }

    /** Index of the neighbour of the chosen point in a direction; the point itself where there is none. */
    findNeighbour(right, up) {
      if (this.chosen === null) return this.findNearest([this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]);
      const [x, y] = this.toPixels(this.points[this.chosen]);
      let [best, least] = [this.chosen, Infinity];
      this.points.forEach((point, k) => {
        const [left, top] = this.toPixels(point);
        const along = (left - x) * right - (top - y) * up;
        const beside = Math.abs((left - x) * up + (top - y) * right);
        if (k === this.chosen || along <= 0.5 || beside > CONE * along) return;
        const distance = along + 2 * beside;
        if (distance < least) [best, least] = [k, distance];
      });
      return best;
    }

    _lookAt(x, y, zoom) {
      const most = 1 - 1 / zoom;
      const clip = (value) => Math.min(most, Math.max(-most, value));
      this.view = { x: clip(x), y: clip(y), zoom };
      this.draw();
    }

    // ---------------------------------------------------------------- pointer

    _find(event) {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    _press(event) {
      if (event.button !== 0 || !this.points.length) return;
      this.canvas.focus({ preventScroll: true });
      this.canvas.setPointerCapture(event.pointerId);
      const pixel = this._find(event);
      this._pointers.set(event.pointerId, { first: pixel, last: pixel });
      this._trail = this.mode === "line" && this._pointers.size === 1 ? [pixel] : null;
    }

    _move(event) {
      const pointer = this._pointers.get(event.pointerId);
      const pixel = this._find(event);
      if (!pointer) {
        const near = this.findNearest(pixel, NEAR);
        this.canvas.style.cursor = this.mode === "line" ? "crosshair" : near === null ? "default" : "pointer";
        this.canvas.title = near === null ? "" : describe(this.points[near]);
        return;
      }
      if (this._pointers.size === 2) this._pinch(event.pointerId, pixel);
      else if (this._trail) this._trail.push(pixel);
      else {
        const [from, to] = [this.toPlace(pointer.last), this.toPlace(pixel)];
        this._lookAt(this.view.x - (to.x - from.x), this.view.y - (to.y - from.y), this.view.zoom);
      }
      pointer.last = pixel;
      this.draw();
    }

    _pinch(moved, pixel) {
      const [own] = [this._pointers.get(moved).last];
      const other = [...this._pointers].find(([id]) => id !== moved)[1].last;
      const distance = (point) => Math.max(20, Math.hypot(point[0] - other[0], point[1] - other[1]));
      this.zoom(distance(pixel) / distance(own), this.toPlace(other));
    }

    _release(event) {
      const pointer = this._pointers.get(event.pointerId);
      this._pointers.delete(event.pointerId);
      if (!pointer) return;
      const pixel = this._find(event);
      const trail = this._trail;
      this._trail = null;
      const isClick = Math.hypot(pixel[0] - pointer.first[0], pixel[1] - pointer.first[1]) < SLACK;
      if (isClick) this._click(pixel);
      else if (trail) this.setLine(this._followTrail([...trail, pixel]));
      this.draw();
    }

    _click(pixel) {
      const index = this.findNearest(pixel, 3 * NEAR);
      if (index === null) return;
      if (this.mode === "line") this.addStop(index);
      else this._choose(index);
    }

    /** Adds a point to the line. */
    addStop(index) {
      if (this.line.length < MOST_STOPS && this.line[this.line.length - 1] !== index) this.setLine([...this.line, index]);
      this.options.say(`point ${this.line.length} of the line: ${describe(this.points[index])}`);
    }

    /** The points that a drawn line passes, at equal distances along it. */
    _followTrail(trail) {
      const lengths = [0];
      for (let k = 1; k < trail.length; k++) {
        lengths.push(lengths[k - 1] + Math.hypot(trail[k][0] - trail[k - 1][0], trail[k][1] - trail[k - 1][1]));
      }
      const total = lengths[lengths.length - 1];
      const count = Math.min(MOST_STOPS, Math.max(2, Math.round(total / 60) + 1));
      const stops = [];
      for (let stop = 0; stop < count; stop++) {
        const wanted = (total * stop) / (count - 1);
        const place = lengths.findIndex((length) => length >= wanted - 1e-6);
        const index = this.findNearest(trail[place]);
        if (index !== null && stops[stops.length - 1] !== index) stops.push(index);
      }
      return stops;
    }

    _wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.005), this.toPlace(this._find(event)));
    }

    // ---------------------------------------------------------------- keyboard

    _key(event) {
      if (!this.points.length || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      const actions = {
        Enter: () => this._confirm(),
        " ": () => this._confirm(),
        "+": () => this.zoom(1.5, this.getPoint()),
        "-": () => this.zoom(1 / 1.5, this.getPoint()),
        0: () => this.fit(),
        Backspace: () => this.setLine(this.line.slice(0, -1)),
        Escape: () => this.setLine([]),
      };
      const act = step ? () => this._step(...step) : actions[event.key];
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    }

    _step(right, up) {
      this.chosen = this.findNeighbour(right, up);
      const point = this.getPoint();
      const [x, y] = this.toPixels(point);
      const isOutside = x < 0 || y < 0 || x > this.canvas.clientWidth || y > this.canvas.clientHeight;
      if (isOutside) this._lookAt(point.x, point.y, this.view.zoom);
      this.options.say(`${describe(point)}. Enter ${this.mode === "line" ? "adds it to the line" : "plays it"}.`);
      this.draw();
    }

    _confirm() {
      if (this.chosen === null) this.chosen = this.findNeighbour(0, 0);
      if (this.mode === "line") this.addStop(this.chosen);
      else this._choose(this.chosen);
    }

    _choose(index) {
      this.chosen = index;
      this.draw();
      this.options.say(describe(this.points[index]));
      this.options.onChoose(this.points[index]);
    }

    // ---------------------------------------------------------------- painting

    _paint() {
      const prepared = musika.canvas.prepare(this.canvas);
      if (!prepared) return;
      const { context, width, height, read } = prepared;
      const growth = Math.sqrt(this.view.zoom);
      context.globalAlpha = 0.8;
      for (const point of this.points) {
        const [x, y] = this.toPixels(point);
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        context.fillStyle = musika.colourShare(point.hue);
        context.beginPath();
        context.arc(x, y, (1.2 + 2.6 * point.size) * Math.min(2.5, growth), 0, 2 * Math.PI);
        context.fill();
      }
      context.globalAlpha = 1;
      const colours = { accent: read("--color-accent", "#e8590c"), text: read("--body-text-color", "#222") };
      this._paintLine(context, colours);
      this._paintChosen(context, colours);
    }

    _paintLine(context, colours) {
      const stops = this._trail || this.line.map((index) => this.toPixels(this.points[index]));
      if (!stops.length) return;
      context.strokeStyle = colours.text;
      context.lineWidth = 2;
      context.lineJoin = "round";
      context.beginPath();
      stops.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      if (this._trail) return;
      context.font = "bold 11px sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      stops.forEach(([x, y], k) => {
        context.fillStyle = colours.text;
        context.beginPath();
        context.arc(x, y, 8, 0, 2 * Math.PI);
        context.fill();
        context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--input-background-fill").trim() || "#fff";
        context.fillText(String(k + 1), x, y + 0.5);
      });
    }

    _paintChosen(context, colours) {
      const point = this.getPoint();
      if (!point) return;
      const [x, y] = this.toPixels(point);
      context.lineWidth = 3;
      context.strokeStyle = colours.accent;
      context.beginPath();
      context.arc(x, y, 9, 0, 2 * Math.PI);
      context.stroke();
      context.lineWidth = 1;
      context.strokeStyle = colours.text;
      context.beginPath();
      context.arc(x, y, 11, 0, 2 * Math.PI);
      context.stroke();
    }
  };

  function describe({ number, label }) {
    return label ? `${number}: ${label}` : `style ${number}`;
  }
})();
