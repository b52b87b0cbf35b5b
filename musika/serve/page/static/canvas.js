// What canvases have in common: one drawing a frame of the browser, at the resolution of the screen, in the page's colours.
//
//   musika.canvas.drawSoon(owner)    calls owner._paint() with the next frame, once
//   musika.canvas.prepare(canvas)    {context, width, height, read} in CSS pixels, on the page's background; null while hidden
"use strict";

window.musika = window.musika || {};

musika.canvas = (() => {
  const waiting = new WeakSet();

  function drawSoon(owner) {
    if (waiting.has(owner)) return;
    waiting.add(owner);
    requestAnimationFrame(() => {
      waiting.delete(owner);
      owner._paint();
    });
  }

  function prepare(canvas) {
    const {clientWidth: width, clientHeight: height} = canvas;
    if (!width || !height) return null; // its tab is hidden
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const style = getComputedStyle(canvas);
    const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = read("--input-background-fill", "#fff");
    context.fillRect(0, 0, width, height);
    return {context, width, height, read};
  }

  return {drawSoon, prepare};
})();
