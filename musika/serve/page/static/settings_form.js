// Controls for the settings of a checkpoint's pieces, made of what the route /settings says about them.
//
//   const form = new musika.SettingsForm(onchange);  form.element
//   form.show(settings, values)     makes the controls
//   form.values                     those that differ from their defaults, as the stream route takes them
"use strict";

musika.SettingsForm = class {
  static CHOSEN = "chosen by the seed"; // what an empty box for a number says

  constructor(onchange) {
    this.onchange = onchange;
    this.element = musika.dom.make("div", {className: "musika-settings"});
    this.controls = new Map();
  }

  // values: by name, as texts; others have their defaults.
  show(settings, values = {}) {
    this.controls.clear();
    this.element.replaceChildren();
    for (const setting of settings) {
      this.element.append(this.makeControl(setting).field);
      if (setting.name in values) this.set(setting.name, values[setting.name]);
    }
  }

  makeControl(setting) {
    const {make, label} = musika.dom;
    const title = setting.name[0].toUpperCase() + setting.name.slice(1).replaceAll("_", " ");
    const {low, high, above} = setting.limits;
    let control, field;
    if (setting.choices.length) {
      control = make("select", {}, ...setting.choices.map((text, value) => make("option", {value, textContent: text})));
    } else if (setting.type === "float") {
      control = make("input", {type: "range", min: low ?? 0, max: high ?? 10, step: "any"});
    } else if (setting.type === "int") {
      control = make("input", {type: "number", min: low ?? "", step: 1, inputMode: "numeric", placeholder: this.constructor.CHOSEN});
    } else if (setting.type === "bool") {
      control = make("input", {type: "checkbox"});
    } else {
      control = make("input", {type: "text", autocomplete: "off", spellcheck: false, placeholder: "left open"});
    }
    field = label(title, control);
    const id = musika.dom.makeId();
    const isEmpty = setting.choices.length || control.placeholder === this.constructor.CHOSEN;
    const help = isEmpty ? setting.help.replace(/; -?\d+: the seed chooses it/, "") : setting.help;
    field.append(make("small", {id, textContent: `${help[0].toUpperCase()}${help.slice(1)}.`}));
    control.setAttribute("aria-describedby", id);
    const entry = {setting, control, field, above};
    if (control.type === "range") {
      entry.output = make("output", {for: control.id});
      field.querySelector("label").append(" ", entry.output);
    }
    this.controls.set(setting.name, entry);
    this.write(entry, setting.default);
    control.addEventListener(control.type === "text" || control.type === "number" ? "change" : "input", () => {
      this.showValue(entry);
      this.onchange(setting.name);
    });
    return entry;
  }

  write({setting, control, ...entry}, value) {
    if (control.type === "checkbox") control.checked = value === true || value === "true";
    else control.value = setting.type === "int" && value === -1 && !setting.choices.length ? "" : value;
    this.showValue({setting, control, ...entry});
  }

  showValue({control, output}) {
    if (output) output.textContent = Number(control.value).toFixed(2).replace(/0$/, "");
  }

  readOne({setting, control, above}) {
    if (control.type === "checkbox") return control.checked;
    if (control.type === "range") {
      const value = Math.round(100 * Number(control.value)) / 100;
      return above !== undefined && value <= above ? above + 0.01 : value;
    }
    if (control.value === "") return setting.default;
    return setting.type === "int" ? Number(control.value) : control.value;
  }

  set(name, value) {
    const entry = this.controls.get(name);
    if (!entry) return;
    this.write(entry, value);
    const used = entry.control.value;
    if (entry.control.type === "range" && Number(used) !== Number(value)) {
      this.refuse(name, `${name} ${value} cannot be: ${used} is used`);
    }
  }

  // All settings: those with their default as "", which takes the setting out of a request.
  get all() {
    return Object.fromEntries([...this.controls].map(([name, entry]) => {
      const value = this.readOne(entry);
      return [name, String(value) === String(entry.setting.default) ? "" : value];
    }));
  }

  get values() {
    return Object.fromEntries(Object.entries(this.all).filter(([, value]) => value !== ""));
  }

  // Says at one control why its value was refused; "" takes that away.
  refuse(name, text) {
    for (const [other, {control, field}] of this.controls) {
      const here = text && other === name;
      control.toggleAttribute("aria-invalid", Boolean(here));
      field.querySelector(".musika-refusal")?.remove();
      if (here) field.append(musika.dom.make("small", {className: "musika-refusal", textContent: text}));
    }
  }
};
