// The map: bodies, nodes, links and bundles in three dimensions, on a plain canvas.

import { along } from "./sky.js";

const STOPS = [[155, 107, 255], [61, 155, 224], [55, 214, 160], [242, 232, 92]];
const BODIES = { sun: "#f4c95d", mercury: "#8f8a85", venus: "#d9b38c", earth: "#3d7dd8", moon: "#a9b1bf", mars: "#c8553d" };
const LEAST_PX = { sun: 7, earth: 5, moon: 3, mars: 4, mercury: 2, venus: 3 };
const BUNDLE = "#ffd75e", CUT = "#ff8f9f", STORM = "#ff8cf0", INK = "#e7ecf5", SOFT = "#a3afc4";
const LANE_PX = 2.5;
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
const NOT_YET = "not yet launched";
const TRAIL_S = 6 * 3600;
const MARGIN_PX = 56, LABELS_PX = 110;
const MOST_FITTED = 5;
const SAME_PX = 7, LARGE_PX = 22;
const MOST_AVOIDED = 60;
const STARS = Array.from({ length: 170 }, (_, i) => {
  const part = (n) => { const x = Math.sin(n * 127.1 + 311.7) * 43758.5453; return x - Math.floor(x); };
  const [z, angle] = [2 * part(3 * i) - 1, 2 * Math.PI * part(3 * i + 1)];
  const flat = Math.sqrt(1 - z * z);
  return [flat * Math.cos(angle), flat * Math.sin(angle), z, 0.22 + 0.55 * part(3 * i + 2) ** 3];
});

// 1 kbit/s to 1 Gbit/s, by its logarithm.
export function rateColour(bps) {
  const x = Math.min(Math.max((Math.log10(Math.max(bps, 1)) - 3) / 6, 0), 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(x), STOPS.length - 2);
  const mixed = STOPS[i].map((c, k) => Math.round(c + (STOPS[i + 1][k] - c) * (x - i)));
  return `rgb(${mixed.join(",")})`;
}

// Whether a line from one point to another passes through a box (Liang and Barsky 1984).
function crosses([[ax, ay], [bx, by]], [left, top, right, bottom]) {
  let [from, to] = [0, 1];
  for (const [step, room] of [[ax - bx, ax - left], [bx - ax, right - ax], [ay - by, ay - top], [by - ay, bottom - ay]]) {
    if (step === 0 && room < 0) return false;
    if (step < 0) from = Math.max(from, room / step);
    if (step > 0) to = Math.min(to, room / step);
  }
  return from <= to;
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
    this.sparks = new Map();
    this.reset();
    this.#listen();
  }

  reset() {
    this.yaw = 0.5;
    this.pitch = this.view === "ring" ? Math.PI / 2 : 0.95;
    if (this.view === "ring") this.yaw = 0;
    this.zoom = 1;
    this.centre = [0, 0, 0];
    this.isFitted = false;
  }

  // Choose centre and zoom so that what has a part in the run fills the map: once, when there is something to see.
  #fit(picture, t) {
    this.isFitted = true;
    if (this.view === "ring" || this.focus) return;
    const there = this.names.filter((_, i) => picture.nodes[i] && picture.nodes[i].reason !== NOT_YET);
    const bodies = this.view === "solar" ? this.sky.bodies : this.sky.bodies.filter((body) => there.some((name) => (this.sky.tracks.get(name)?.parent || "earth") === body));
    const points = [...there, ...bodies].map((name) => this.sky.place(this.view, name, t, "")).filter((p) => p && (this.view !== "earth-moon" || Math.hypot(...p) < 1.4));
    if (this.view !== "log") for (const body of bodies) points.push(...this.sky.orbit(this.view, body, t, ""));
    if (points.length < 2) return;
    this.centre = [0, 1, 2].map((k) => (Math.min(...points.map((p) => p[k])) + Math.max(...points.map((p) => p[k]))) / 2);
    const shown = points.map((p) => this.#turned(p));
    const [wide, tall] = [0, 1].map((k) => Math.max(...shown.map((p) => Math.abs(p[k])), 1e-6));
    const across = Math.max(this.width - MARGIN_PX - Math.min(LABELS_PX, this.width / 4), 80) / 2;
    const unit = Math.min(across / wide, Math.max(this.height - 2 * MARGIN_PX, 80) / 2 / tall);
    this.zoom = Math.min(unit / this.#unit(), MOST_FITTED);
  }

  #unit() {
    return Math.min(this.width, this.height * 1.2) * 0.47;
  }

  // -- from space to the canvas

  #turned(p) {
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const from = this.focus ? p : p.map((value, k) => value - this.centre[k]);
    const x = from[0] * cy - from[1] * sy;
    const y = from[0] * sy + from[1] * cy;
    return [x, y * sp + from[2] * cp, y * cp - from[2] * sp];
  }

  #project(p) {
    const [x, y, depth] = this.#turned(p);
    return [this.width / 2 + x * this.unit, this.height / 2 - y * this.unit, depth];
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
    if (!this.isFitted && picture.nodes.length) this.#fit(picture, t);
    this.unit = this.#unit() * this.zoom;
    const c = this.context;
    c.setTransform(dense, 0, 0, dense, 0, 0);
    c.clearRect(0, 0, box.width, box.height);
    c.lineCap = "round";
    this.taken = [];
    this.#stars(c);
    this.#keepFree(picture, t);
    this.#bodies(c, t);
    this.#links(c, picture, t);
    this.#dots(c, picture, t);
    this.#storms(c, picture, t);
    this.#nodes(c, picture, t);
  }

  // Particles about the nodes that a storm hits, and a spark for each upset that is told of.
  #storms(c, picture, t) {
    const now = performance.now();
    const hit = new Set(picture.storms.filter((storm) => t >= storm.from && t < storm.until).flatMap((storm) => storm.nodes));
    picture.nodes.forEach((node, i) => {
      const before = this.sparks.get(i), upsets = node.upsets ?? 0;
      if (!before || before.upsets !== upsets) this.sparks.set(i, { upsets, at: before && upsets > before.upsets ? now : -1e9 });
      const spark = Math.max(0, 1 - (now - this.sparks.get(i).at) / 900);
      if (!hit.has(i) && !spark) return;
      const xy = this.at(this.names[i], t);
      if (!xy || node.reason === NOT_YET) return;
      c.strokeStyle = STORM;
      c.globalAlpha = 0.85;
      c.lineWidth = 2;
      c.setLineDash([1, 5]);
      c.lineDashOffset = CALM.matches ? 0 : -now / 40;
      c.beginPath();
      if (hit.has(i)) c.arc(xy[0], xy[1], 12, 0, 2 * Math.PI);
      c.stroke();
      c.setLineDash([]);
      c.globalAlpha = spark;
      for (let ray = 0; spark && ray < 8; ray++) {
        const [x, y] = [Math.cos(ray * Math.PI / 4), Math.sin(ray * Math.PI / 4)];
        c.beginPath();
        c.moveTo(xy[0] + 8 * x, xy[1] + 8 * y);
        c.lineTo(xy[0] + (22 - 6 * spark) * x, xy[1] + (22 - 6 * spark) * y);
        c.stroke();
      }
      c.globalAlpha = 1;
    });
  }

  // Behind everything, and far enough not to move when the map is zoomed.
  #stars(c) {
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const far = 0.75 * Math.max(this.width, this.height);
    c.fillStyle = "#dfe8ff";
    for (const [x, y, z, bright] of STARS) {
      const [right, deep] = [x * cy - y * sy, x * sy + y * cy];
      if (deep * cp - z * sp < 0) continue;
      c.globalAlpha = bright;
      c.fillRect(this.width / 2 + right * far, this.height / 2 - (deep * sp + z * cp) * far, 1.3, 1.3);
    }
    c.globalAlpha = 1;
  }

  // Labels keep off the dots of nodes and the discs of bodies, and off links if they can.
  #keepFree(picture, t) {
    const lanes = picture.links.length > MOST_AVOIDED ? [] : picture.links.map((link) => this.lane(this.names[link.a], this.names[link.b], t));
    this.lanes = lanes.filter(Boolean);
    picture.nodes.forEach((node, i) => {
      const xy = node.reason === NOT_YET ? null : this.at(this.names[i], t);
      if (xy) this.taken.push([xy[0] - 5, xy[1] - 5, xy[0] + 5, xy[1] + 5]);
    });
    for (const name of this.sky.bodies) {
      const xy = this.at(name, t), radius = this.#radius(name) * 0.8;
      if (radius > LARGE_PX) continue; // a label can stand before it
      this.taken.push([xy[0] - radius, xy[1] - radius, xy[0] + radius, xy[1] + radius]);
    }
  }

  #radius(name) {
    return Math.max(this.sky.radius(this.view, name) * this.unit, LEAST_PX[name] ?? 3);
  }

  #bodies(c, t) {
    this.#trails(c, t);
    this.#orbits(c, t);
    const shown = this.sky.bodies.map((name) => ({ name, xy: this.at(name, t) })).sort((a, b) => b.xy[2] - a.xy[2]);
    for (const { name, xy } of shown) {
      if (this.view === "earth-moon" && !["earth", "moon"].includes(name)) continue;
      const radius = this.#radius(name);
      const shade = c.createRadialGradient(xy[0] - radius / 3, xy[1] - radius / 3, radius / 8, xy[0], xy[1], radius);
      shade.addColorStop(0, BODIES[name] ?? "#888");
      shade.addColorStop(1, name === "sun" ? BODIES.sun : "#10151f");
      c.globalAlpha = 0.85;
      c.fillStyle = shade;
      c.beginPath();
      c.arc(xy[0], xy[1], radius, 0, 2 * Math.PI);
      c.fill();
      c.globalAlpha = 1;
      if (this.view !== "solar" || name !== "moon") this.#label(c, name[0].toUpperCase() + name.slice(1), xy, radius, SOFT, "italic 12px system-ui, sans-serif", ["above", "below", "left", "right"]);
    }
  }

  // The orbits that bodies are on now.
  #orbits(c, t) {
    c.lineWidth = 1;
    c.strokeStyle = "rgba(163,175,196,.22)";
    for (const name of this.sky.bodies) {
      c.beginPath();
      this.sky.orbit(this.view, name, t, this.focus).forEach((place, i) => {
        const [x, y] = this.#project(place);
        if (i) c.lineTo(x, y); else c.moveTo(x, y);
      });
      c.stroke();
    }
  }

  // Where nodes came from.
  #trails(c, t) {
    if (this.view === "ring" || this.view === "solar") return;
    const back = TRAIL_S;
    c.lineWidth = 1;
    c.strokeStyle = "rgba(138,180,255,.28)";
    for (const name of this.sky.tracks.keys()) {
      if (this.sky.radii.has(name)) continue;
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

  // Nodes that stand on one another at this scale share a label.
  #nodes(c, picture, t) {
    const groups = [];
    picture.nodes.forEach((node, i) => {
      if (!node.up && node.reason === NOT_YET) return;
      const xy = this.at(this.names[i], t);
      if (!xy) return;
      const colour = node.up ? INK : CUT;
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
      const isSelected = this.selected?.kind === "node" && this.selected.name === this.names[i];
      const group = groups.find((other) => Math.hypot(other.xy[0] - xy[0], other.xy[1] - xy[1]) < SAME_PX);
      if (!group) groups.push({ xy, name: this.names[i], more: 0, colour });
      else {
        group.more += 1;
        if (isSelected) group.name = this.names[i];
        if (!node.up) group.colour = CUT;
      }
    });
    for (const { xy, name, more, colour } of groups) {
      const places = ["right", "left", "below", "above", "lower", "higher"];
      if (this.view === "ring") places.unshift(...this.#outward(xy));
      this.#label(c, more ? `${name} +${more}` : name, xy, 5, colour, "12px system-ui, sans-serif", places);
    }
  }

  // On the ring names stand outside of it.
  #outward([x, y]) {
    const [dx, dy] = [x - this.width / 2, y - this.height / 2];
    if (Math.abs(dy) > 2.5 * Math.abs(dx)) return dy < 0 ? ["above"] : ["below"];
    return dx < 0 ? ["left"] : ["right"];
  }

  #ring(c, xy, radius) {
    c.strokeStyle = "#ffffff";
    c.lineWidth = 2;
    c.beginPath();
    c.arc(xy[0], xy[1], radius, 0, 2 * Math.PI);
    c.stroke();
  }

  // A label at the first of these places about a point that is free, with a dark edge; far ones have a line to it.
  #label(c, text, [x, y], radius, colour, font, places) {
    c.font = font;
    const width = c.measureText(text).width;
    const gap = radius + 5;
    const corners = {
      right: [x + gap, y + 4], left: [x - gap - width, y + 4], above: [x - width / 2, y - gap], below: [x - width / 2, y + gap + 9],
      lower: [x + gap + 8, y + gap + 22], higher: [x + gap + 8, y - gap - 14],
    };
    if (x < 0 || y < 0 || x > this.width || y > this.height) return;
    for (const [place, isClear] of [...places.map((p) => [p, true]), ...places.map((p) => [p, false])]) {
      const [left, base] = corners[place];
      const box = [left - 2, base - 11, left + width + 2, base + 3];
      if (box[0] < 0 || box[2] > this.width || box[1] < 0 || box[3] > this.height) continue;
      if (isClear && this.lanes.some((lane) => crosses(lane, box))) continue;
      if (this.taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      this.taken.push(box);
      if (place === "lower" || place === "higher") {
        c.strokeStyle = "rgba(163,175,196,.5)";
        c.lineWidth = 1;
        c.beginPath();
        c.moveTo(x, y);
        c.lineTo(left - 2, base - 4);
        c.stroke();
      }
      c.textAlign = "left";
      c.lineJoin = "round";
      c.lineWidth = 3.5;
      c.strokeStyle = "rgba(8,11,18,.85)";
      c.strokeText(text, left, base);
      c.fillStyle = colour;
      c.fillText(text, left, base);
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
