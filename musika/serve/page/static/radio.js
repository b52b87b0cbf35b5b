// The element <musika-radio>: music without end from the stream route.
"use strict";

customElements.define("musika-radio", class extends HTMLElement {
  connectedCallback() {
    if (this.audio) return;
    this.audio = document.createElement("audio");
    this.audio.controls = true;
    this.audio.preload = "none";
    this.audio.setAttribute("aria-label", "Radio");
    this.append(this.audio);
    const choose = () => {
      this.audio.src = "stream.mp3?" + new URLSearchParams({seed: 1, checkpoint: musika.page.checkpoint});
    };
    musika.page.addEventListener("checkpoint", choose);
    if (musika.page.checkpoint) choose();
  }
});
