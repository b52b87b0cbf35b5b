// Answers of the server, and how numbers are shown to people.
(function () {
  "use strict";
  const musika = (window.musika = window.musika || {});

  /** The JSON that a route answers; an Error with the server's one line where it refuses. */
  musika.fetchJson = async function (url, options = {}) {
    let response;
    try {
      response = await fetch(url, options);
    } catch {
      throw new Error("The server cannot be reached. Does it still run?");
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.error || `The server answers with status ${response.status}.`);
    return answer;
  };

  /** A query from values; those that are undefined, null or "" are left out. */
  musika.makeQuery = function (values) {
    const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
    return new URLSearchParams(kept).toString();
  };

  /** A number with three significant digits; whole from a thousand on, with commas. */
  musika.formatNumber = function (value) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
    if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1); // "2.5e-4" fits beside a chart
    return String(Number(value.toPrecision(3)));
  };

  /** A duration: "40 s", "12 min", "3 h 20 min", "2 days". */
  musika.formatDuration = function (seconds) {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 90) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
  };

  /** Whether an element is on the screen: its tab is open and the window is in front. */
  musika.isVisible = function (element) {
    return element.isConnected && element.offsetParent !== null && document.visibilityState === "visible";
  };
})();
