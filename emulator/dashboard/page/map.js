// The map: bodies, nodes, links and bundles in three dimensions, on a plain canvas.

import { along } from "./sky.js";

const STOPS = [[155, 107, 255], [61, 155, 224], [55, 214, 160], [242, 232, 92]];
const BODIES = { sun: "#f4c95d", mercury: "#8f8a85", venus: "#d9b38c", earth: "#3d7dd8", moon: "#a9b1bf", mars: "#c8553d" };
const LEAST_PX = { sun: 7, earth: 5, moon: 3, mars: 4, mercury: 2, venus: 3 };
const BUNDLE = "#ffd75e", CUT = "#ff8f9f", INK = "#e7ecf5", SOFT = "#a3afc4";
const LANE_PX = 2.5;
const NOT_YET = "not yet launched";
const TRAILS_S = { "earth-moon": 6 * 3600, log: 6 * 3600, solar: 60 * 86400 };

// 1 kbit/s to 1 Gbit/s, by its logarithm.
export function rateColour(bps) {
  const x = Math.min(Math.max((Math.log10(Math.max(bps, 1)) - 3) / 6, 0), 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(x), STOPS.length - 2);
  const mixed = STOPS[i].map((c, k) => Math.round(c + (STOPS[i + 1][k] - c) * (x - i)));
  return `rgb(${mixed.join(",")})`;
}

export class StarMap {
  constructor(canvas, sky, names, onSelect) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.sky = sky;
    this.names = names;
    this.onSelect = onSelect;
    this.view = sky.views[0][0];
    this.focus = "";
    this.selected = null;
    this.flashes = new Map();
    this.reset();
    this.#listen();
  }

  reset() {
    this.yaw = 0.5;
    this.pitch = this.view === "ring" ? Math.PI / 2 : 0.95;
    if (this.view === "ring") this.yaw = 0;
    this.zoom = 1;
  }

  // -- from space to the canvas

  #project(p) {
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const x = p[0] * cy - p[1] * sy;
    const y = p[0] * sy + p[1] * cy;
    return [this.width / 2 + x * this.unit, this.height / 2 - (y * sp + p[2] * cp) * this.unit, y * cp - p[2] * sp];
  }

  at(name, t) {
    const place = this.sky.place(this.view, name, t, this.focus);
    return place && this.#project(place);
  }

  // The two ends of a link's lane: each direction has its own, beside the straight line.
  lane(a, b, t) {
    const [from, to] = [this.at(a, t), this.at(b, t)];
    if (!from || !to) return null;
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
    const [dx, dy] = [-(to[1] - from[1]) / length * LANE_PX, (to[0] - from[0]) / length * LANE_PX];
    return [[from[0] + dx, from[1] + dy], [to[0] + dx, to[1] + dy]];
  }

  // Where the dots are: also what tests and clicks ask.
  dots(picture, t) {
    const dots = [];
    for (const flight of picture.flights) {
      if (t < flight.first || t > flight.arrives) continue;
      const lane = this.lane(this.names[flight.a], this.names[flight.b], t);
      if (!lane) continue;
      const { head, tail } = along(flight, t);
      const point = (part) => [lane[0][0] + (lane[1][0] - lane[0][0]) * part, lane[0][1] + (lane[1][1] - lane[0][1]) * part];
      dots.push({ bundle: flight.bundle, from: this.names[flight.a], to: this.names[flight.b], part: head, tail, xy: point(head), tailXy: point(tail), lane });
    }
    return dots;
  }

  // -- drawing

  draw(picture, t) {
    const box = this.canvas.getBoundingClientRect();
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    if (this.canvas.width !== Math.round(box.width * dense) || this.canvas.height !== Math.round(box.height * dense)) {
      this.canvas.width = Math.round(box.width * dense);
      this.canvas.height = Math.round(box.height * dense);
    }
    this.width = box.width;
    this.height = box.height;
    this.unit = Math.min(box.width, box.height * 1.2) * 0.47 * this.zoom;
    const c = this.context;
    c.setTransform(dense, 0, 0, dense, 0, 0);
    c.clearRect(0, 0, box.width, box.height);
    c.lineCap = "round";
    this.taken = [];
    this.#bodies(c, t);
    this.#links(c, picture, t);
    this.#dots(c, picture, t);
    this.#nodes(c, picture, t);
  }

  #bodies(c, t) {
    this.#orbits(c, t);
    const shown = this.sky.bodies.map((name) => ({ name, xy: this.at(name, t) })).sort((a, b) => b.xy[2] - a.xy[2]);
    for (const { name, xy } of shown) {
      if (this.view === "earth-moon" && !["earth", "moon"].includes(name)) continue;
      const radius = Math.max(this.sky.radius(this.view, name) * this.unit, LEAST_PX[name] ?? 3);
      const shade = c.createRadialGradient(xy[0] - radius / 3, xy[1] - radius / 3, radius / 8, xy[0], xy[1], radius);
      shade.addColorStop(0, BODIES[name] ?? "#888");
      shade.addColorStop(1, name === "sun" ? BODIES.sun : "#10151f");
      c.globalAlpha = 0.85;
      c.fillStyle = shade;
      c.beginPath();
      c.arc(xy[0], xy[1], radius, 0, 2 * Math.PI);
      c.fill();
      c.globalAlpha = 1;
      if (this.view !== "solar" || name !== "moon") this.#label(c, name[0].toUpperCase() + name.slice(1), xy[0], xy[1] - radius - 6, SOFT, "italic 12px system-ui, sans-serif");
    }
  }

  #orbits(c, t) {
    const back = TRAILS_S[this.view];
    if (!back) return;
    c.lineWidth = 1;
    for (const name of this.sky.tracks.keys()) {
      const isBody = this.sky.radii.has(name);
      if (this.view === "solar" ? !isBody : isBody) continue;
      c.strokeStyle = isBody ? "rgba(163,175,196,.3)" : "rgba(138,180,255,.28)";
      c.beginPath();
      let begun = false;
      for (let i = 40; i >= 0; i--) {
        // Where it was then, about the bodies where they are now: paths stay where they belong.
        const past = t - back * i / 40;
        if (past < 0) continue;
        const place = this.sky.place(this.view, name, past, "");
        const track = this.sky.tracks.get(name);
        const anchor = this.view === "log" && track.parent !== "earth" ? track.parent : "";
        const then = anchor ? this.sky.place(this.view, anchor, past, "") : [0, 0, 0];
        const now = anchor ? this.sky.place(this.view, anchor, t, "") : [0, 0, 0];
        const focus = this.focus ? this.sky.place(this.view, this.focus, t, "") : [0, 0, 0];
        if (!place || !then) continue;
        const [x, y] = this.#project(place.map((value, k) => value - then[k] + now[k] - focus[k]));
        if (begun) c.lineTo(x, y); else c.moveTo(x, y);
        begun = true;
      }
      c.stroke();
    }
  }

  #links(c, picture, t) {
    const now = performance.now();
    for (const link of picture.links) {
      const key = `${link.a} ${link.b}`;
      const before = this.flashes.get(key);
      if (!before || before.sent !== link.sent) this.flashes.set(key, { sent: link.sent, at: before ? now : -1e9 });
      const lane = this.lane(this.names[link.a], this.names[link.b], t);
      if (!lane) continue;
      const isSelected = this.selected?.kind === "link" && this.selected.a === link.a && this.selected.b === link.b;
      const flash = Math.max(0, 1 - (now - this.flashes.get(key).at) / 400);
      c.globalAlpha = link.cut ? 0.9 : 0.55 + 0.45 * flash;
      c.strokeStyle = link.cut ? CUT : rateColour(link.rate);
      c.lineWidth = (isSelected ? 4 : 1.5) + 1.5 * flash;
      c.setLineDash(link.cut ? [3, 7] : []);
      c.beginPath();
      c.moveTo(...lane[0]);
      c.lineTo(...lane[1]);
      c.stroke();
    }
    c.setLineDash([]);
    c.globalAlpha = 1;
  }

  #dots(c, picture, t) {
    for (const dot of this.dots(picture, t)) {
      const isSelected = this.selected?.kind === "bundle" && this.selected.id === dot.bundle;
      c.strokeStyle = BUNDLE;
      c.globalAlpha = 0.8;
      c.lineWidth = 3;
      c.beginPath();
      c.moveTo(...dot.tailXy);
      c.lineTo(...dot.xy);
      c.stroke();
      c.globalAlpha = 1;
      c.fillStyle = BUNDLE;
      c.beginPath();
      c.arc(...dot.xy, isSelected ? 6 : 4, 0, 2 * Math.PI);
      c.fill();
      if (isSelected) this.#ring(c, dot.xy, 10);
    }
  }

  #nodes(c, picture, t) {
    picture.nodes.forEach((node, i) => {
      const xy = this.at(this.names[i], t);
      if (!xy) return;
      const colour = node.up ? INK : CUT;
      if (!node.up && node.reason === NOT_YET) return;
      c.fillStyle = node.up ? "#8ab4ff" : "#3a1620";
      c.strokeStyle = colour;
      c.lineWidth = 1.2;
      c.beginPath();
      c.arc(xy[0], xy[1], 4.5, 0, 2 * Math.PI);
      c.fill();
      c.stroke();
      if (node.queued) {
        c.strokeStyle = "#e08a1e";
        c.lineWidth = 2;
        c.beginPath();
        c.arc(xy[0], xy[1], 8, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, Math.log10(1 + node.queued) / 3));
        c.stroke();
      }
      if (this.selected?.kind === "node" && this.selected.name === this.names[i]) this.#ring(c, xy, 12);
      this.#label(c, this.names[i], xy[0] + 9, xy[1] + 4, colour, "12px system-ui, sans-serif", "left");
    });
  }

  #ring(c, xy, radius) {
    c.strokeStyle = "#ffffff";
    c.lineWidth = 2;
    c.beginPath();
    c.arc(xy[0], xy[1], radius, 0, 2 * Math.PI);
    c.stroke();
  }

  // A label where there is room for it: beside, else a line lower or higher, else none.
  #label(c, text, x, y, colour, font, align = "center") {
    c.font = font;
    const width = c.measureText(text).width;
    for (const shift of [0, 14, -14, 28, -28, 42]) {
      const left = align === "center" ? x - width / 2 : Math.min(x, this.width - width - 4);
      const box = [left - 2, y + shift - 11, left + width + 2, y + shift + 3];
      if (this.taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      this.taken.push(box);
      c.textAlign = "left";
      c.fillStyle = colour;
      c.fillText(text, left, y + shift);
      return;
    }
  }

  // -- hands

  pick(x, y, picture, t) {
    let best = { distance: 14, what: null };
    const offer = (distance, what) => { if (distance < best.distance) best = { distance, what }; };
    picture.nodes.forEach((_, i) => {
      const xy = this.at(this.names[i], t);
      if (xy) offer(Math.hypot(xy[0] - x, xy[1] - y), { kind: "node", name: this.names[i] });
    });
    if (best.what && best.distance < 7) return best.what;
    for (const dot of this.dots(picture, t)) offer(Math.hypot(dot.xy[0] - x, dot.xy[1] - y) * 0.8, { kind: "bundle", id: dot.bundle });
    if (best.what) return best.what;
    for (const link of picture.links) {
      const lane = this.lane(this.names[link.a], this.names[link.b], t);
      if (!lane) continue;
      const [[ax, ay], [bx, by]] = lane;
      const square = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const part = Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square, 0), 1);
      offer(Math.hypot(ax + (bx - ax) * part - x, ay + (by - ay) * part - y) + 3, { kind: "link", a: link.a, b: link.b });
    }
    return best.what;
  }

  #listen() {
    const canvas = this.canvas;
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, yaw: this.yaw, pitch: this.pitch, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (Math.hypot(dx, dy) > 4) from.moved = true;
      if (from.moved && this.view !== "ring") this.#turn(from.yaw + dx / 200, from.pitch + dy / 200);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (from && !from.moved) this.onSelect(event.offsetX, event.offsetY);
      from = null;
    });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls, unless the map has the focus
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
      if (turns[event.key]) this.#turn(this.yaw + turns[event.key][0], this.pitch + turns[event.key][1]);
      else if (event.key === "+" || event.key === "=") this.zoomBy(1.3);
      else if (event.key === "-") this.zoomBy(1 / 1.3);
      else return;
      event.preventDefault();
    });
  }

  #turn(yaw, pitch) {
    this.yaw = yaw;
    this.pitch = Math.min(Math.max(pitch, -Math.PI / 2), Math.PI / 2);
  }

  zoomBy(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.3), 20_000);
  }
}
