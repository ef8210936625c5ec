// Quantities as people read them: three significant digits and the unit that suits.

const DURATIONS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const MULTIPLES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

const digits = (value) => Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

export function durationText(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  for (const [unit, name] of DURATIONS) {
    if (Math.abs(seconds) >= (unit > 1 ? 2 * unit : unit)) return `${digits(seconds / unit)} ${name}`;
  }
  return "0 s";
}

function scaled(value) {
  for (const [multiple, prefix] of MULTIPLES) {
    if (Math.abs(value) >= multiple) return `${digits(value / multiple)} ${prefix}`;
  }
  return `${digits(value)} `;
}

export const bytesText = (bytes) => `${scaled(bytes)}B`;
export const rateText = (bps) => `${scaled(bps)}bit/s`;

export function momentText(seconds, startMs, millis = false) {
  if (startMs === null) return `${seconds.toFixed(millis ? 3 : 0)} s`;
  const text = new Date(startMs + seconds * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, millis ? 23 : 19)}`;
}

// The one way that text gets into the page: as text.
export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  if (className) made.className = className;
  return made;
}
