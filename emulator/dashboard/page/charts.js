// The contact chart and the latency distribution, on plain canvases.

import { durationText, momentText } from "./words.js";
import { rateColour } from "./map.js";

const WIDE_ROW_PX = 20, NARROW_ROW_PX = 34, NARROW_PX = 520, AXIS_PX = 22;
const SOFT = "#a3afc4", RULE = "#2a3446", PLANNED = "#35507d", CUT = "#ff8f9f", INK = "#e7ecf5";
const FONT = "12px system-ui, sans-serif";

function prepared(canvas, height) {
  if (height !== null) canvas.style.height = `${height}px`;
  const box = canvas.getBoundingClientRect();
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  const [width, tall] = [Math.round(box.width * dense), Math.round(box.height * dense)];
  if (canvas.width !== width || canvas.height !== tall) [canvas.width, canvas.height] = [width, tall];
  const c = canvas.getContext("2d");
  c.setTransform(dense, 0, 0, dense, 0, 0);
  c.clearRect(0, 0, box.width, box.height);
  c.font = FONT;
  return [c, box.width, box.height];
}

// Names that are too long for their place end in an ellipsis.
function fitted(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  while (text.length > 1 && c.measureText(`${text}…`).width > width) text = text.slice(0, -1);
  return `${text}…`;
}

export class Gantt {
  // contacts: [from, to, start, end, rate], numbered as in the plan; onPick(row, t) is told of clicks.
  constructor(canvas, run, onPick) {
    this.canvas = canvas;
    this.run = run;
    this.startMs = run.start_utc ? Date.parse(run.start_utc) : null;
    this.span_s = Math.min(86400, run.duration_s);
    const rows = new Map();
    run.contacts.forEach(([a, b, start, end, rate], number) => {
      const pair = a < b ? `${a} ${b}` : `${b} ${a}`;
      if (!rows.has(pair)) rows.set(pair, { a: Math.min(a, b), b: Math.max(a, b), planned: [], was: [] });
      rows.get(pair).planned.push({ number, start, end, rate });
    });
    this.rows = [...rows.values()].sort((p, q) => p.a - q.a || p.b - q.b);
    this.byPair = rows;
    canvas.addEventListener("click", (event) => {
      const row = this.shown[Math.floor((event.offsetY - AXIS_PX) / this.rowPx)];
      const t = this.from_s + (event.offsetX - this.left) / (this.width - this.left) * this.span_s;
      if (event.offsetY < AXIS_PX || event.offsetX > this.left ? t >= 0 : false) onPick(row ?? null, event.offsetY < AXIS_PX ? t : null);
      else if (row) onPick(row, null);
    });
  }

  row(a, b) {
    return this.byPair.get(a < b ? `${a} ${b}` : `${b} ${a}`);
  }

  clear() {
    for (const row of this.rows) row.was = [];
  }

  // [contact, start, end, reason]: contacts that are over.
  add(openings) {
    for (const [number, start, end, reason] of openings) {
      const [a, b, , , rate] = this.run.contacts[number];
      this.row(a, b).was.push({ number, start, end, rate, reason });
    }
  }

  // What is drawn of a pair, for tests: all that took place, with why it ended.
  told(a, b) {
    return this.row(a, b)?.was.map((bar) => ({ ...bar })) ?? [];
  }

  draw(picture, t) {
    const span = this.span_s;
    this.from_s = Math.min(Math.max(t - span * 0.5, 0), Math.max(this.run.duration_s - span, 0));
    const to = this.from_s + span;
    const touches = (bar) => bar.end >= this.from_s && bar.start <= to;
    this.shown = this.rows.filter((row) => row.planned.some(touches) || row.was.some(touches));
    const isNarrow = this.canvas.getBoundingClientRect().width < NARROW_PX; // names stand above their bars there
    this.rowPx = isNarrow ? NARROW_ROW_PX : WIDE_ROW_PX;
    const lower = this.rowPx - WIDE_ROW_PX;
    const [c, width, height] = prepared(this.canvas, AXIS_PX + this.rowPx * Math.max(this.shown.length, 1));
    this.width = width;
    this.left = isNarrow ? 0 : Math.min(230, width * 0.38);
    const x = (s) => this.left + (Math.min(Math.max(s, this.from_s), to) - this.from_s) / span * (width - this.left);
    this.#axis(c, width, height, x, to);
    const open = new Map(picture.links.map((link) => [`${link.a} ${link.b}`, link]));
    this.shown.forEach((row, i) => {
      const y = AXIS_PX + i * this.rowPx + lower;
      c.fillStyle = INK;
      c.textAlign = "left";
      c.fillText(fitted(c, `${this.run.nodes[row.a]} – ${this.run.nodes[row.b]}`, (this.left || width) - 8), 0, y + 14 - lower);
      const bar = (start, end, colour, top, tall) => {
        c.fillStyle = colour;
        c.fillRect(x(start), y + top, Math.max(x(end) - x(start), 1), tall);
      };
      for (const planned of row.planned) if (touches(planned)) bar(planned.start, planned.end, PLANNED, 4, 12);
      for (const was of row.was) {
        if (!touches(was)) continue;
        bar(was.start, was.end, rateColour(was.rate), 7, 6);
        if (was.reason !== "scheduled") this.#cut(c, x(was.end), y);
      }
      for (const link of [open.get(`${row.a} ${row.b}`), open.get(`${row.b} ${row.a}`)]) {
        if (!link) continue;
        if (link.cut) bar(link.since, t, CUT, 7, 6);
        else bar(link.since, t, rateColour(link.rate), 7, 6);
      }
      for (const fault of picture.injections) {
        const [p, q] = [fault.a, fault.b];
        const isHere = q < 0 ? p === row.a || p === row.b : Math.min(p, q) === row.a && Math.max(p, q) === row.b;
        if (isHere) bar(fault.from, fault.until ?? this.run.duration_s, CUT, 16, 3);
      }
    });
    c.strokeStyle = "#ffffff";
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(x(t), AXIS_PX - 4);
    c.lineTo(x(t), height);
    c.stroke();
  }

  #cut(c, x, y) {
    c.strokeStyle = CUT;
    c.lineWidth = 2;
    c.beginPath();
    c.moveTo(x - 4, y + 5); c.lineTo(x + 4, y + 15);
    c.moveTo(x + 4, y + 5); c.lineTo(x - 4, y + 15);
    c.stroke();
  }

  #axis(c, width, height, x, to) {
    const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 432000, 864000];
    const most = Math.max((width - this.left) / 110, 1);
    const step = steps.find((s) => this.span_s / s <= most) ?? steps.at(-1);
    c.strokeStyle = RULE;
    c.lineWidth = 1;
    c.fillStyle = SOFT;
    c.textAlign = "center";
    for (let s = Math.ceil(this.from_s / step) * step; s <= to; s += step) {
      c.beginPath();
      c.moveTo(x(s), AXIS_PX - 4);
      c.lineTo(x(s), height);
      c.stroke();
      const text = this.startMs === null ? durationText(s) : momentText(s, this.startMs);
      const middle = Math.min(Math.max(x(s), this.left + 38), width - 38);
      if (Math.abs(middle - x(s)) < 39) c.fillText(this.startMs === null ? text : step >= 86400 ? text.slice(5, 10) : text.slice(5, 16), middle, 12);
    }
  }
}

const TICKS_S = [1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 36_000, 86_400, 864_000, 8_640_000];
const TICK_NAMES = ["1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d", "10 d", "100 d"];

export function drawLatency(canvas, latency, ideal) {
  const [c, width, height] = prepared(canvas, null);
  const [left, bottom] = [42, height - 22];
  c.strokeStyle = RULE;
  c.fillStyle = SOFT;
  c.lineWidth = 1;
  const y = (share) => bottom - share * (bottom - 8);
  for (const share of [0, 0.5, 1]) {
    c.textAlign = "right";
    c.fillText(`${share * 100}%`, left - 4, y(share) + 4);
    c.beginPath(); c.moveTo(left, y(share)); c.lineTo(width, y(share)); c.stroke();
  }
  const all = [...latency, ...ideal].filter((s) => s > 0);
  if (!all.length) {
    c.textAlign = "center";
    c.fillText("nothing delivered yet", (width + left) / 2, height / 2);
    return;
  }
  const low = Math.log10(Math.max(Math.min(...all), 1e-3) / 1.3);
  const high = Math.max(Math.log10(Math.max(...all) * 1.3), low + 1);
  const x = (s) => left + (Math.min(Math.max(Math.log10(Math.max(s, 1e-9)), low), high) - low) / (high - low) * (width - left - 6);
  c.textAlign = "center";
  let free = left - 20;
  TICKS_S.forEach((tick, i) => {
    if (Math.log10(tick) < low || Math.log10(tick) > high) return;
    c.beginPath(); c.moveTo(x(tick), 8); c.lineTo(x(tick), bottom); c.stroke();
    const half = c.measureText(TICK_NAMES[i]).width / 2;
    const middle = Math.min(x(tick), width - half);
    if (middle - half < free + 6) return;
    c.fillText(TICK_NAMES[i], middle, height - 6);
    free = middle + half;
  });
  for (const [values, colour, dash, wide] of [[latency, "#8ab4ff", [], 3.5], [ideal, "#ffd75e", [4, 4], 1.5]]) {
    if (!values.length) continue;
    c.strokeStyle = colour;
    c.lineWidth = wide;
    c.setLineDash(dash);
    c.beginPath();
    values.forEach((s, i) => {
      const share = values.length > 1 ? i / (values.length - 1) : 1;
      if (i) c.lineTo(x(s), y(share)); else { c.moveTo(x(s), y(0)); c.lineTo(x(s), y(share)); }
    });
    c.stroke();
  }
  c.setLineDash([]);
}

