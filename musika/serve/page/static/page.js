// The namespace `window.musika`, and what all parts of the page use: which checkpoint is chosen, and small helpers.
"use strict";

window.musika = window.musika || {};

// Custom elements are defined when all scripts have run, so that each may use the others as soon as it is on the page.
musika.define = (() => {
  const waiting = [];
  musika.started = false;

  musika.start = () => {
    musika.started = true;
    waiting.splice(0).forEach(([name, kind]) => customElements.define(name, kind));
  };

  return (name, kind) => (musika.started ? customElements.define(name, kind) : waiting.push([name, kind]));
})();

musika.page = (() => {
  const events = new EventTarget();
  const described = new Map();
  let checkpoint = "";

  // What the pieces of a checkpoint can be asked for, as the route /settings says.
  function describe(name) {
    if (!described.has(name)) {
      const answer = fetch(`settings?${new URLSearchParams({checkpoint: name})}`).then(async (response) => {
        const values = await response.json();
        if (!response.ok) throw new Error(values.error || `the server answers with status ${response.status}`);
        return values;
      });
      answer.catch(() => described.delete(name)); // asked again next time
      described.set(name, answer);
    }
    return described.get(name);
  }

  return {
    describe,

    // "checkpoint": another checkpoint was chosen.
    addEventListener: (name, listener) => events.addEventListener(name, listener),
    removeEventListener: (name, listener) => events.removeEventListener(name, listener),

    get checkpoint() {
      return checkpoint;
    },

    // Chooses a checkpoint for the whole page, and a tab where one is named; Gradio's components follow (application.py).
    choose(name, tab = "") {
      const update = {__type__: "update"};
      this.wanted = [name, tab ? {selected: tab, ...update} : update];
      document.querySelector("musika-history")?.dispatchEvent(new Event("choose", {bubbles: true}));
    },

    setCheckpoint(name) {
      if (!name || name === checkpoint) return;
      checkpoint = name;
      events.dispatchEvent(new CustomEvent("checkpoint", {detail: name}));
    },
  };
})();

musika.dom = (() => {
  let count = 0;

  // An element with properties and children. Text is never read as HTML. Names with a dash are attributes.
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // A control with its label above it.
  function label(text, control, help = "") {
    control.id = control.id || `musika-${++count}`;
    if (help) control.title = help;
    return make("div", {className: "musika-field"}, make("label", {for: control.id, textContent: text}), control);
  }

  return {make, label, makeId: () => `musika-${++count}`};
})();

musika.time = {
  // "1:02:03.5" or "90" in seconds; NaN where it means nothing.
  parse(text) {
    const parts = text.trim().split(":");
    if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d*)?$/.test(part))) return NaN;
    return parts.reduce((total, part) => 60 * total + Number(part), 0);
  },

  // 3723.4 as "1:02:03".
  format(seconds) {
    const whole = Math.floor(seconds);
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  },

  // 3723.4 as "1 hour 2 minutes 3 seconds", for screen readers.
  say(seconds) {
    const whole = Math.floor(seconds);
    const parts = [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]];
    const said = parts.filter(([number]) => number).map(([number, word]) => `${number} ${word}${number > 1 ? "s" : ""}`);
    return said.join(" ") || "0 seconds";
  },
};
