// Zip files made in the browser, without compression: music is compressed already.
//
//   musika.zip.make([{name, blob, date}])   a Blob (promise)
"use strict";

musika.zip = (() => {
  const TABLE = Uint32Array.from({length: 256}, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
  });
  const MOST_BYTES = 0xffffffff; // of a zip file without the 64-bit extension

  function computeChecksum(bytes) {
    let value = 0xffffffff;
    for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
  }

  // Fields of given widths in bytes, little-endian.
  function pack(...fields) {
    const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [width, value] of fields) {
      if (width === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += width;
    }
    return bytes;
  }

  function packDate(date) {
    const day = ((Math.max(1980, date.getFullYear()) - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
    return [[2, (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1)], [2, day]];
  }

  // Names that no system misreads, each once.
  function cleanNames(files) {
    const taken = new Set();
    return files.map(({name}) => {
      const clean = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").replace(/^\.+/, "_").slice(0, 150) || "file";
      const [, stem, ending] = /^(.*?)(\.[^.]*)?$/.exec(clean);
      let chosen = clean;
      for (let n = 2; taken.has(chosen.toLowerCase()); n++) chosen = `${stem} (${n})${ending || ""}`;
      taken.add(chosen.toLowerCase());
      return chosen;
    });
  }

  async function make(files) {
    const names = cleanNames(files);
    const parts = [], entries = [];
    let offset = 0;
    for (const [n, {blob, date = new Date()}] of files.entries()) {
      const name = new TextEncoder().encode(names[n]);
      const data = new Uint8Array(await blob.arrayBuffer());
      const common = [[2, 20], [2, 0x0800], [2, 0], ...packDate(date), [4, computeChecksum(data)], [4, data.length],
        [4, data.length], [2, name.length], [2, 0]];
      const header = pack([4, 0x04034b50], ...common);
      entries.push(pack([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), name);
      parts.push(header, name, data);
      offset += header.length + name.length + data.length;
      if (offset > MOST_BYTES) throw new Error("the files are larger than a zip file can be: delete some first");
    }
    const size = entries.reduce((sum, part) => sum + part.length, 0);
    const end = pack([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
    return new Blob([...parts, ...entries, end], {type: "application/zip"});
  }

  return {make};
})();
