// The keyboard: space or K plays and pauses, arrows (or J and L) move by 10 seconds, 0 goes to the beginning, N is next.
// Keys are left alone in text fields, on controls that use them, with Ctrl, Alt or Meta, and where they are switched off.
"use strict";

musika.keyboard = (() => {
  const STORED = "musika-keyboard";
  const STEP = 10; // seconds
  const TEXT = "input:not([type=button]):not([type=submit]):not([type=checkbox]):not([type=radio]), textarea, select, " +
    "[contenteditable]:not([contenteditable=false]), [role=slider], [role=textbox], [role=combobox], [role=listbox], " +
    "[role=spinbutton], [role=application]";
  const PRESSED = "button, a[href], summary, input, [role=button], [role=tab], [role=checkbox], [role=option], audio, video";

  const seekBy = (seconds) => musika.player.seek(musika.player.position + seconds);
  const actions = {
    " ": () => musika.radio.toggle(),
    k: () => musika.radio.toggle(),
    ArrowLeft: () => seekBy(-STEP),
    j: () => seekBy(-STEP),
    ArrowRight: () => seekBy(STEP),
    l: () => seekBy(STEP),
    0: () => musika.player.seek(0),
    n: () => musika.radio.next(),
  };

  let on = localStorage.getItem(STORED) !== "off";

  document.addEventListener("keydown", (event) => {
    if (!on || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const target = event.target instanceof Element ? event.target : document.body;
    if (!action || target.closest(TEXT)) return;
    const usesKey = [" ", "ArrowLeft", "ArrowRight"].includes(event.key) && target.closest(PRESSED);
    if (usesKey || event.repeat) return;
    event.preventDefault();
    action();
  });

  return {
    get on() { return on; },
    set on(value) {
      on = Boolean(value);
      localStorage.setItem(STORED, on ? "on" : "off");
    },
  };
})();
