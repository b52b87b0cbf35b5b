// The namespace `window.musika`, and what belongs to the whole page: which checkpoint is chosen.
"use strict";

window.musika = window.musika || {};

musika.page = (() => {
  const events = new EventTarget();
  let checkpoint = "";

  return {
    // "checkpoint": another checkpoint was chosen.
    addEventListener: (name, listener) => events.addEventListener(name, listener),
    removeEventListener: (name, listener) => events.removeEventListener(name, listener),

    get checkpoint() {
      return checkpoint;
    },

    setCheckpoint(name) {
      if (!name || name === checkpoint) return;
      checkpoint = name;
      events.dispatchEvent(new CustomEvent("checkpoint", {detail: name}));
    },
  };
})();
