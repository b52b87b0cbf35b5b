// Links that carry what is played: the part behind # holds checkpoint, seed, start and settings as name=value.
// It stays in the browser; nothing of it is opened on the server.
//
//   musika.links.read()            the values of the link with which the page was opened, {} where there are none
//   musika.links.make(values)      a link to this page with these values; empty ones are left out
//   musika.links.copy(values)      puts that link on the clipboard; returns it
//   musika.links.choose(name, fallback, names)   for Gradio's load events: the value of the link, if it is one of names
"use strict";

musika.links = (() => {
  const LONGEST = 8000; // characters

  function read() {
    const text = location.hash.slice(1, LONGEST);
    const values = {};
    for (const [name, value] of new URLSearchParams(text)) if (/^[a-z_]{1,40}$/.test(name)) values[name] = value;
    return values;
  }

  function make(values) {
    const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)]));
    return `${location.origin}${location.pathname}#${query}`;
  }

  async function copy(values) {
    const link = make(values);
    await navigator.clipboard.writeText(link);
    return link;
  }

  const choose = (name, fallback, names) => (names.includes(read()[name]) ? read()[name] : fallback);

  // For Gradio's first event: checkpoint and tab of the link, where there are such; else the one that is chosen already,
  // and the tab that the page opens with. The tab Make gets all values of the link.
  function restorePage(checkpoint, checkpoints, tabs, first) {
    const chosen = choose("checkpoint", checkpoint, checkpoints);
    musika.page.setCheckpoint(chosen);
    const tab = choose("tab", first, tabs);
    return [chosen, {selected: tab, __type__: "update"}, tab === "make" ? JSON.stringify(read()) : ""];
  }

  return {read, make, copy, choose, restorePage};
})();

// A link that is opened while the page is open, in the same tab, restores the controls, too.
addEventListener("hashchange", () => {
  if (Object.keys(musika.links.read()).length) location.reload();
});
