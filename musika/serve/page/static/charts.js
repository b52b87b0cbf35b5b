// Charts of curves as SVG: musika.drawChart({ title, series: [{ name, positions, values }], mark, markLabel }).
// A value that is null is a gap. Moving over a chart, or the arrow keys, read the values out.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  const SIZE = { width: 340, height: 170 };
  const PLOT = { left: 46, right: 10, top: 10, bottom: 24 };
  const OUTLIERS = 0.01; // share of the values at either end that may lie outside
  const COLOURS = ["var(--musika-curve-1)", "var(--musika-curve-2)", "var(--musika-curve-3)", "var(--musika-curve-4)"];

  musika.drawChart = function ({ title, series, mark = null, markLabel = "" }) {
    const make = draw;
    const range = findRange(series, mark);
    const place = makePlaces(range);
    const picture = make("svg", {
      viewBox: `0 0 ${SIZE.width} ${SIZE.height}`,
      role: "img",
      tabindex: "0",
      class: "musika-chart-picture",
    });
    picture.append(make("title", { text: describe(title, series) }));
    drawAxes(picture, range, place);
    if (mark !== null) drawMark(picture, mark, place, markLabel);
    series.forEach((curve, k) => drawCurve(picture, curve, COLOURS[k % COLOURS.length], place));
    const readout = musika.dom.make("output", { className: "musika-chart-readout", textContent: readLast(series) });
    const cursor = make("line", { y1: PLOT.top, y2: SIZE.height - PLOT.bottom, class: "musika-chart-cursor" });
    picture.append(cursor);
    listen(picture, cursor, readout, series, range, place);
    const legend = series.length > 1 ? makeLegend(series) : null;
    const caption = musika.dom.make("figcaption", { textContent: title });
    return musika.dom.make("figure", { className: "musika-chart" }, caption, legend, picture, readout);
  };

  /** Makes an element of a picture: draw("line", { x1: 0, text: "..." }). */
  function draw(tag, properties) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "text") made.textContent = value;
      else made.setAttribute(name, value);
    }
    return made;
  }

  function findRange(series, mark) {
    const positions = series.flatMap((curve) => curve.positions);
    const values = series.flatMap((curve) => curve.values).filter((value) => value !== null).sort((a, b) => a - b);
    const cut = values.length > 50 ? Math.floor(values.length * OUTLIERS) : 0;
    let [low, high] = [values[cut] ?? 0, values[values.length - 1 - cut] ?? 1];
    if (high - low < 1e-12) [low, high] = [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
    const margin = 0.06 * (high - low);
    const ends = mark === null ? positions : [...positions, mark];
    const [first, last] = [Math.min(...ends, Infinity), Math.max(...ends, 0)];
    const isPoint = !(last > first);
    return { first: isPoint ? 0 : first, last: isPoint ? Math.max(1, 2 * last) : last, low: low - margin, high: high + margin };
  }

  function makePlaces({ first, last, low, high }) {
    const [width, height] = [SIZE.width - PLOT.left - PLOT.right, SIZE.height - PLOT.top - PLOT.bottom];
    return {
      x: (position) => PLOT.left + ((position - first) / (last - first || 1)) * width,
      y: (value) => PLOT.top + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * height,
    };
  }

  function drawAxes(picture, { first, last, low, high }, place) {
    const make = draw;
    for (const share of [0.06, 0.5, 0.94]) {
      const value = low + share * (high - low);
      const y = place.y(value);
      picture.append(make("line", { x1: PLOT.left, x2: SIZE.width - PLOT.right, y1: y, y2: y, class: "musika-chart-grid" }));
      picture.append(make("text", { x: PLOT.left - 5, y: y + 3, "text-anchor": "end", text: musika.formatNumber(value) }));
    }
    const bottom = SIZE.height - 8;
    picture.append(make("text", { x: PLOT.left, y: bottom, text: shorten(first) }));
    picture.append(make("text", { x: SIZE.width - PLOT.right, y: bottom, "text-anchor": "end", text: shorten(last) }));
  }

  function drawMark(picture, mark, place, label) {
    const make = draw;
    const x = place.x(mark);
    const isRight = x > SIZE.width / 2;
    picture.append(make("line", { x1: x, x2: x, y1: PLOT.top, y2: SIZE.height - PLOT.bottom, class: "musika-chart-mark" }));
    const side = { x: isRight ? x - 4 : x + 4, y: PLOT.top + 8, "text-anchor": isRight ? "end" : "start" };
    picture.append(make("text", { ...side, class: "musika-chart-mark-label", text: label }));
  }

  function drawCurve(picture, curve, colour, place) {
    const make = draw;
    let path = "";
    let pen = "M";
    curve.values.forEach((value, k) => {
      if (value !== null) path += `${pen}${place.x(curve.positions[k]).toFixed(1)} ${place.y(value).toFixed(1)}`;
      pen = value === null ? "M" : "L";
    });
    picture.append(make("path", { d: path || "M0 0", class: "musika-chart-curve", style: `stroke: ${colour}` }));
    if (curve.values.length > 40) return;
    curve.values.forEach((value, k) => {
      if (value === null) return;
      const dot = { cx: place.x(curve.positions[k]), cy: place.y(value), r: 2.5, style: `fill: ${colour}` };
      picture.append(make("circle", dot));
    });
  }

  function makeLegend(series) {
    const { make } = musika.dom;
    const entries = series.map((curve, k) => {
      const colour = make("span", { className: "musika-chart-colour", style: `background: ${COLOURS[k % COLOURS.length]}` });
      return make("span", {}, colour, ` ${curve.name} `);
    });
    return make("div", { className: "musika-chart-legend" }, ...entries);
  }

  function listen(picture, cursor, readout, series, range, place) {
    let chosen = null; // index into the longest curve
    const main = series.reduce((longest, curve) => (curve.positions.length > longest.positions.length ? curve : longest), series[0]);
    const show = (k) => {
      chosen = k;
      cursor.style.display = k === null ? "none" : "";
      readout.textContent = k === null ? readLast(series) : readAt(series, main.positions[k]);
      if (k === null) return;
      for (const name of ["x1", "x2"]) cursor.setAttribute(name, place.x(main.positions[k]));
    };
    show(null);
    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * SIZE.width;
      const position = range.first + ((x - PLOT.left) / (SIZE.width - PLOT.left - PLOT.right)) * (range.last - range.first);
      show(findNearest(main.positions, position));
    });
    picture.addEventListener("pointerleave", () => show(null));
    picture.addEventListener("blur", () => show(null));
    picture.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const last = main.positions.length - 1;
      show(chosen === null ? last : Math.min(last, Math.max(0, chosen + by)));
    });
  }

  function findNearest(positions, wanted) {
    let best = 0;
    positions.forEach((position, k) => {
      if (Math.abs(position - wanted) < Math.abs(positions[best] - wanted)) best = k;
    });
    return best;
  }

  function readAt(series, position) {
    const values = series.map((curve) => {
      const value = curve.values[findNearest(curve.positions, position)];
      return series.length > 1 ? `${curve.name} ${musika.formatNumber(value)}` : musika.formatNumber(value);
    });
    return `${values.join(", ")} at ${musika.formatNumber(position)} examples`;
  }

  function readLast(series) {
    const longest = series.reduce((best, curve) => (curve.positions.length > best.positions.length ? curve : best), series[0]);
    return longest.positions.length ? readAt(series, longest.positions[longest.positions.length - 1]) : "no values yet";
  }

  function describe(title, series) {
    return `${title}: ${readLast(series)}`;
  }

  function shorten(position) {
    return position >= 10000 ? `${musika.formatNumber(Math.round(position / 1000))}k` : musika.formatNumber(position);
  }
})();
