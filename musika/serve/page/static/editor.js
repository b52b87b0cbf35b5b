/*
 * The element <musika-editor> of the tab Edit: the waveform with its spans, an A/B comparison of before and after,
 * and the list of edits.
 *
 * The edit list is {base, title, steps}: the name of the recording on the server, what it is called, and the edits. It is sent
 * with every request; the server keeps no state of it. `musika.editor` is what Gradio's events call.
 */
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});
  const AROUND = 2; // seconds before and after a span that are heard when it is repeated
  const SPAN_TASKS = ["fill", "vary"];
  let editor = null; // the element of this page

  function make(tag, className, text) {
    const element = document.createElement(tag);
    element.className = className;
    if (tag === "button") element.type = "button";
    if (text) element.textContent = text;
    return element;
  }

  function formatSpans(spans) {
    const number = (value) => String(Math.round(value * 1000) / 1000);
    return spans.map(([start, end]) => number(start) + "-" + (end === null ? "" : number(end))).join(",");
  }

  /* Writes into a text box of Gradio as a person does, so that Gradio sees it. */
  function write(id, text) {
    const box = document.querySelector("#" + id + " textarea, #" + id + " input");
    if (!box || box.value === text) return;
    const kind = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(box, text);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  class Editor extends HTMLElement {
    connectedCallback() {
      if (editor !== this) editor = this;
      if (this.waveform) return;
      this.edited = null;
      this.current = null; // {url, text, untouched, steps} of the edit list as it is
      this.original = null; // url
      this.results = [];
      this.empty = make("p", "musika-empty", "Drop a recording above, or choose a file.");
      this.body = make("div", "musika-editor-body");
      this.body.hidden = true;
      const picture = make("div", "");
      const switcher = make("div", "");
      this.untouched = make("p", "musika-untouched");
      this.untouched.setAttribute("role", "status");
      this.repeat = this._addRepeat();
      this.keep = make("button", "musika-keep", "Keep this one");
      this.keep.addEventListener("click", () => this._keepSelected());
      this.heading = make("p", "musika-editor-title");
      this.list = make("ol", "musika-edits");
      this.list.setAttribute("aria-label", "Edits of the recording");
      const row = make("div", "musika-compare-row");
      row.append(this.keep, this.repeat);
      this.body.append(this.heading, picture, switcher, row, this.untouched, this.list);
      this.append(this.empty, this.body);
      this.compare = musika.compare.create(switcher, { label: "Before and after" });
      this.waveform = musika.waveform.create(picture, {
        word: "gap",
        onSeek: (seconds) => this.compare.seek(seconds),
        onSpans: (spans) => this._takeSpans(spans),
      });
      this.compare.on("position", (seconds) => this.waveform.setPosition(seconds));
      this.compare.on("select", () => this._showSelected());
      this._showTask();
    }

    open(told, files) {
      this.edited = { base: told.base, title: told.title, steps: [] };
      this.original = files[0].url;
      this.current = { url: this.original, steps: [], untouched: "" };
      this.heading.textContent = [told.title, told.text, told.remarks].filter(Boolean).join(" · ");
      this.waveform.setSpans([]);
      write("musika-edit-spans", "");
      this._show([]);
    }

    close() {
      this.edited = null;
      this.compare.pause();
      this.compare.setSources([]);
      this.waveform.setSound(null);
      this.waveform.setSpans([]);
      this.empty.hidden = false;
      this.body.hidden = true;
    }

    /* Results of another edit; each is heard beside what was there before. */
    showResults(told, files) {
      if (!this.edited) return;
      this._show(told.map((result, number) => ({ ...result, url: files[number].url })));
    }

    /* The edit list after one of its edits was taken away. */
    showEdited(told, files) {
      if (!this.edited) return;
      this.current = { ...told[0], url: files[0].url };
      this.edited.steps = told[0].steps;
      this._show([]);
    }

    setTask(task) {
      this.task = task;
      this._showTask();
    }

    setSpans(spans) {
      this.waveform.setSpans(spans);
      this._setRepeat();
    }

    _showTask() {
      const task = this.task || this._readTask();
      const controls = document.getElementById("musika-edit-controls");
      if (controls) controls.dataset.task = task;
      if (this.waveform) this.waveform.setCanMark(SPAN_TASKS.includes(task));
    }

    _readTask() {
      const chosen = document.querySelector("#musika-edit-task input:checked");
      return chosen ? chosen.value : "fill";
    }

    _takeSpans(spans) {
      write("musika-edit-spans", formatSpans(spans));
      this._setRepeat();
    }

    _show(results) {
      this.results = results;
      this.empty.hidden = true;
      this.body.hidden = false;
      const sources = [{ name: "Original", url: this.original }];
      if (this.edited.steps.length) sources.push({ name: "Edited", url: this.current.url });
      this.firstResult = sources.length;
      results.forEach((result, number) => {
        const letter = results.length > 1 ? " " + String.fromCharCode(65 + number) : "";
        sources.push({ name: "New" + letter, url: result.url });
      });
      const selected = results.length ? this.firstResult : sources.length - 1;
      this.compare.setSources(sources, selected).catch(() => {});
      this._showList();
      this._showSelected();
      this._setRepeat();
    }

    _getSelected() {
      return this.results[this.compare.selected - this.firstResult] || null;
    }

    _showSelected() {
      const buffer = this.compare.buffer;
      if (buffer && this.shown !== buffer) {
        this.shown = buffer;
        this.waveform.setSound(buffer);
      }
      const result = this._getSelected();
      this.keep.hidden = !result;
      const isOriginal = this.compare.selected === 0;
      const said = result || (isOriginal ? null : this.current);
      this.untouched.textContent = said ? said.untouched : "";
    }

    _keepSelected() {
      const result = this._getSelected();
      if (!result) return;
      this.current = result;
      this.edited.steps = result.steps;
      this._remember(result);
      this._show([]);
      this.list.lastElementChild.querySelector("button").focus();
    }

    _remember(result) {
      if (!musika.history) return;
      const title = this.edited.title + ": " + result.text;
      const name = this.edited.title + "-" + result.name.slice(0, 8) + ".flac";
      musika.history.addUrl({ title, kind: "edit", name }, result.url).catch(() => {}); // it can be made again
    }

    _showList() {
      const { steps } = this.edited;
      this.list.replaceChildren();
      this.list.hidden = !steps.length;
      steps.forEach((step, number) => {
        const item = make("li", "musika-edit-step");
        item.append(make("span", "", step.text));
        const remove = make("button", "musika-tool", "Undo");
        remove.setAttribute("aria-label", "Undo edit " + (number + 1) + ": " + step.text);
        remove.addEventListener("click", () => this._undo(number));
        item.append(remove);
        this.list.append(item);
      });
    }

    /* Takes an edit away; the others stay, and what follows from them is rendered. */
    _undo(number) {
      this.asked = this.edited.steps.filter((_, other) => other !== number);
      document.getElementById("musika-edit-again").click();
    }

    /* The edit list that a request is about. */
    describe() {
      const steps = this.asked || (this.edited ? this.edited.steps : []);
      this.asked = null;
      return this._describe(steps);
    }

    /* What is heard: a result that is not kept yet, or the recording with its edits. */
    describeHeard() {
      const result = this._getSelected();
      return this._describe(result ? result.steps : this.edited ? this.edited.steps : []);
    }

    _describe(steps) {
      if (!this.edited) return null;
      return { ...this.edited, steps: steps.map(({ edit, checkpoint, other }) => ({ edit, checkpoint, other })) };
    }

    _addRepeat() {
      const label = make("label", "musika-match");
      const check = document.createElement("input");
      check.type = "checkbox";
      check.addEventListener("change", () => this._setRepeat());
      label.append(check, " repeat around the gap");
      this.repeatCheck = check;
      return label;
    }

    _setRepeat() {
      const { spans } = this.waveform;
      this.repeat.hidden = !spans.length;
      if (!spans.length || !this.repeatCheck.checked) return this.compare.repeat(0, null);
      const end = Math.max(...spans.map((span) => (span[1] === null ? this.compare.duration : span[1])));
      const from = Math.max(spans[0][0] - AROUND, 0);
      this.compare.repeat(from, end + AROUND);
      if (this.compare.position < from || this.compare.position > end + AROUND) this.compare.seek(from);
    }
  }

  musika.define("musika-editor", Editor);
  const call = (name) => (...values) => (editor ? editor[name](...values) : null);
  musika.editor = {
    open: call("open"),
    close: call("close"),
    showResults: call("showResults"),
    showEdited: call("showEdited"),
    setTask: call("setTask"),
    setSpans: call("setSpans"),
    describe: call("describe"),
    describeHeard: call("describeHeard"),
    get element() {
      return editor;
    },
  };

  /* Saves a file that Gradio has made. */
  musika.download = (file) => {
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name || "";
    document.body.append(link);
    link.click();
    link.remove();
  };
})();
