// The history: pieces that were played or made, kept in this browser (IndexedDB) and nowhere else.
//
//   musika.history.add({title, kind, query})         a piece, by what makes it: {checkpoint, seed, start, settings}
//   musika.history.add({title, kind, file, name})    a file (Blob)
//   musika.history.add({title, kind: "notes", query, file, name})   a MIDI file, and what plays it
//   musika.history.addUrl({title, kind, name}, url)  a file that the page can fetch from this server
//   musika.history.list(), .rename(id, title), .remove(id), .clear(), .exportZip()
//   <musika-history> shows it
"use strict";

musika.history = (() => {
  const NAME = "musika", STORE = "pieces", VERSION = 1;
  const MOST = 500; // entries; the oldest ones go
  const events = new EventTarget();
  let opened = null;

  function open() {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, {keyPath: "id", autoIncrement: true});
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error("this browser keeps no history here"));
    });
    return opened;
  }

  // Runs one action on the store; resolves with its result when it is safely written.
  async function run(mode, action) {
    const database = await open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = action(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = transaction.onerror = () => {
        const full = transaction.error?.name === "QuotaExceededError";
        reject(new Error(full ? "the browser's storage is full: delete pieces of the history" : "the history cannot be written"));
      };
    });
  }

  const tell = () => events.dispatchEvent(new Event("change"));
  const list = async () => (await run("readonly", (store) => store.getAll())).reverse();

  async function add(entry) {
    const {title = "piece", kind = "", query = null, file = null, name = ""} = entry;
    const id = await run("readwrite", (store) => store.add({title: String(title), kind, query, file, name, created: Date.now()}));
    const all = await list();
    for (const old of all.slice(MOST)) await run("readwrite", (store) => store.delete(old.id));
    tell();
    return id;
  }

  async function addUrl(entry, url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the file cannot be fetched: status ${response.status}`);
    return add({...entry, file: await response.blob()});
  }

  async function rename(id, title) {
    const entry = await run("readonly", (store) => store.get(id));
    if (!entry || !title.trim()) return;
    await run("readwrite", (store) => store.put({...entry, title: title.trim().slice(0, 200)}));
    tell();
  }

  async function remove(id) {
    await run("readwrite", (store) => store.delete(id));
    tell();
  }

  async function clear() {
    await run("readwrite", (store) => store.clear());
    tell();
  }

  // A link cannot carry notes.
  const hasLink = ({kind, query}) => Boolean(query) && kind !== "notes";

  const makeLink = ({kind, query: {checkpoint, seed, seconds = "", start = "", settings}}) =>
    musika.links.make({tab: kind === "made" ? "make" : "radio", checkpoint, seed, seconds, start: start || "", ...settings});

  // All files, and `history.json` with titles, settings and links of all entries.
  async function exportZip() {
    const entries = await list();
    const described = entries.map(({id, title, kind, query, name, created}) => ({
      id, title, kind, query, file: name, created: new Date(created).toISOString(), link: hasLink({kind, query}) ? makeLink({kind, query}) : "",
    }));
    const json = new Blob([JSON.stringify(described, null, 2)], {type: "application/json"});
    const files = entries.filter(({file}) => file).map(({id, file, name, title, created}) => ({
      name: name || `${title} ${id}`, blob: file, date: new Date(created),
    }));
    return musika.zip.make([{name: "history.json", blob: json}, ...files]);
  }

  return {
    add, addUrl, list, rename, remove, clear, exportZip, hasLink, makeLink,
    addEventListener: (name, listener) => events.addEventListener(name, listener),
    removeEventListener: (name, listener) => events.removeEventListener(name, listener),
  };
})();

// A file for the person to keep.
musika.saveBlob = (blob, name) => {
  const url = URL.createObjectURL(blob);
  const link = musika.dom.make("a", {href: url, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
};

musika.define("musika-history", class extends HTMLElement {
  connectedCallback() {
    this.listener = () => this.show();
    musika.history.addEventListener("change", this.listener);
    if (!this.items) this.build();
    this.show();
  }

  disconnectedCallback() {
    musika.history.removeEventListener("change", this.listener);
  }

  build() {
    const {make} = musika.dom;
    this.items = make("ul", {className: "musika-history"});
    this.empty = make("p", {textContent: "Pieces that you make, or play for five seconds, are kept here, in this browser only."});
    this.status = make("p", {className: "musika-status", role: "status"});
    const act = (text, action) => make("button", {type: "button", textContent: text, onclick: () => this.attempt(action)});
    this.tools = make("div", {className: "musika-row"},
      act("Export as zip", async () => musika.saveBlob(await musika.history.exportZip(), "musika-history.zip")),
      act("Delete all", async () => confirm("Delete all pieces of the history?") && musika.history.clear()));
    this.append(make("section", {"aria-label": "History"}, make("h2", {textContent: "History"}), this.empty, this.tools,
      this.status, this.items));
  }

  async attempt(action) {
    try {
      this.status.textContent = "";
      await action();
    } catch (error) {
      this.status.textContent = error.message;
    }
  }

  show() {
    return this.attempt(async () => {
      const entries = await musika.history.list();
      this.empty.hidden = entries.length > 0;
      this.tools.hidden = entries.length === 0;
      this.items.replaceChildren(...entries.map((entry) => this.makeItem(entry)));
    });
  }

  makeItem(entry) {
    const {make} = musika.dom;
    const {id, title, created, query, file, name} = entry;
    const act = (text, action, about) => make("button", {type: "button", textContent: text, "aria-label": `${text} ${title}`,
      title: about, onclick: () => this.attempt(action)});
    const field = make("input", {type: "text", value: title, maxLength: 200, "aria-label": `Name of ${title}`});
    field.addEventListener("change", () => this.attempt(() => musika.history.rename(id, field.value)));
    const values = Object.entries(query?.settings || {}).map(([key, value]) => `${key} ${value}`);
    const settings = [...(file ? [name] : []), ...values].join(", ");
    const when = new Date(created).toLocaleString();
    return make("li", {},
      act("▶", () => this.play(entry), "Play"),
      field,
      make("small", {textContent: [when, settings].filter(Boolean).join(" · ")}),
      musika.history.hasLink(entry) ? act("Link", async () => this.copy(entry), "Copy a link") : null,
      file ? act("Save", async () => musika.saveBlob(file, name || title), "Save the file") : null,
      act("Delete", () => musika.history.remove(id), "Delete"));
  }

  play(entry) {
    const {kind, query, file, title} = entry;
    if (kind === "notes" && query) return musika.notes.open(entry);
    if (query) return musika.radio.open(query);
    const url = URL.createObjectURL(file);
    return musika.player.playUrl(url, {title}).finally(() => URL.revokeObjectURL(url));
  }

  async copy(entry) {
    const link = musika.history.makeLink(entry);
    try {
      await navigator.clipboard.writeText(link);
      this.status.textContent = "The link is on the clipboard.";
    } catch {
      this.status.textContent = link;
    }
  }
});
