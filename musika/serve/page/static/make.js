// The tab Make: pieces that were made go into the history, each once.
"use strict";

window.musika = window.musika || {};

musika.make = (() => {
  const remembered = new Set();

  return {
    // Adds pieces to the history. `tickets` are texts of JSON, "" for an empty column; `sounds` are Gradio's values of
    // the players. A piece with a melody, a loop or a finish is no stream: its file is kept.
    remember(tickets, sounds) {
      tickets.forEach((ticket, place) => {
        if (!ticket || remembered.has(ticket) || !musika.history) return;
        remembered.add(ticket);
        const piece = JSON.parse(ticket);
        const {checkpoint, seed, start, settings} = piece;
        const entry = {title: `${checkpoint} ${seed}`, kind: "made"};
        const isStream = !piece.inputs.length && !piece.loop && piece.loudness === null && !piece.fade_in && !piece.fade_out;
        if (isStream) musika.history.add({...entry, query: {checkpoint, seed, start, settings}});
        else if (sounds[place]?.url) {
          musika.history.addUrl({...entry, name: sounds[place].orig_name || "piece.wav"}, sounds[place].url);
        }
      });
    },
  };
})();
