/*
 * The element <musika-codec> of the tab Codec: A/B comparison of a recording and its reconstruction, with the waveform of
 * what is heard. `musika.codec.show` is what Gradio's events call.
 */
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});
  let element = null;

  class Codec extends HTMLElement {
    connectedCallback() {
      element = this;
      if (this.compare) return;
      const picture = document.createElement("div");
      const switcher = document.createElement("div");
      this.pictures = document.createElement("div");
      this.pictures.className = "musika-pictures";
      this.table = document.createElement("table");
      this.table.className = "musika-figures";
      picture.hidden = this.table.hidden = true;
      this.append(picture, switcher, this.pictures, this.table);
      this.picture = picture;
      this.compare = musika.compare.create(switcher, { label: "Original and reconstruction" });
      this.waveform = musika.waveform.create(picture, { canMark: false, onSeek: (seconds) => this.compare.seek(seconds) });
      this.waveform.setCanMark(false);
      this.compare.on("position", (seconds) => this.waveform.setPosition(seconds));
      this.compare.on("select", () => this.waveform.setSound(this.compare.buffer));
    }

    show(told, files) {
      this.picture.hidden = this.table.hidden = false;
      this._showPictures(files.slice(2));
      this._showFigures(told.rows);
      this.compare
        .setSources([
          { name: "Original", url: files[0].url },
          { name: "Reconstruction", url: files[1].url, matchedGain: told.matched_gain },
        ], this.compare.selected)
        .catch(() => {});
    }

    _showPictures(files) {
      const names = ["Original", "Reconstruction"];
      this.pictures.replaceChildren(
        ...files.map((file, number) => {
          const figure = document.createElement("figure");
          const image = document.createElement("img");
          const caption = document.createElement("figcaption");
          image.src = file.url;
          image.alt = "Spectrogram: " + names[number];
          caption.textContent = names[number] + ": left above right, low notes at the bottom";
          figure.append(caption, image);
          return figure;
        })
      );
    }

    _showFigures(rows) {
      this.table.replaceChildren();
      const caption = this.table.createCaption();
      caption.textContent = "Original and reconstruction compared";
      const head = this.table.createTHead().insertRow();
      for (const text of ["What", "Figure", "What it means"]) {
        const cell = document.createElement("th");
        cell.scope = "col";
        cell.textContent = text;
        head.append(cell);
      }
      const body = this.table.createTBody();
      for (const row of rows) {
        const line = body.insertRow();
        row.forEach((text) => (line.insertCell().textContent = text));
      }
    }
  }

  musika.define("musika-codec", Codec);
  musika.codec = {
    show: (told, files) => element && element.show(told, files),
    get element() {
      return element;
    },
  };
})();
