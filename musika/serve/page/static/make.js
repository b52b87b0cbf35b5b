// The tab Make: pieces that were made go into the history, each once.
"use strict";

window.musika = window.musika || {};

musika.make = (() => {
  const remembered = new Set();

  // What a link cannot carry, in a few words; "" where it carries all.
  const findMissing = (piece) => (piece.inputs.length ? "the melody or the notes of a file" : "");

  return {
    // Copies a link that sets all controls as for a piece; returns a line about it, as HTML.
    async copyLink(ticket) {
      if (!ticket) return "";
      const piece = JSON.parse(ticket);
      const {checkpoint, seed, seconds, start, loop, loudness, fade_in, fade_out, settings} = piece;
      const missing = findMissing(piece);
      if (missing) return `<p>A link cannot carry ${missing}: download the piece, whose file carries everything.</p>`;
      const values = {tab: "make", checkpoint, seed, seconds, start: start || "", loop: loop || "", loudness,
        fade_in: fade_in || "", fade_out: fade_out || "", ...settings};
      try {
        await musika.links.copy(values);
        return "<p>The link is on the clipboard.</p>";
      } catch {
        history.replaceState(null, "", musika.links.make(values));
        return "<p>The link is in the address bar.</p>";
      }
    },

    // Adds pieces to the history. `tickets` are texts of JSON, "" for an empty column; `sounds` are Gradio's values of
    // the players. A piece with a melody, a loop or a finish is no stream: its file is kept.
    remember(tickets, sounds) {
      tickets.forEach((ticket, place) => {
        if (!ticket || remembered.has(ticket) || !musika.history) return;
        remembered.add(ticket);
        const piece = JSON.parse(ticket);
        const {checkpoint, seed, seconds, start, settings} = piece;
        const entry = {title: `${checkpoint} ${seed}`, kind: "made"};
        const isStream = !piece.inputs.length && !piece.loop && piece.loudness === null && !piece.fade_in && !piece.fade_out;
        if (isStream) musika.history.add({...entry, query: {checkpoint, seed, seconds, start, settings}});
        else if (sounds[place]?.url) {
          musika.history.addUrl({...entry, name: sounds[place].orig_name || "piece.wav"}, sounds[place].url);
        }
      });
    },
  };
})();
