// Where bodies and nodes are, and how three scales of map bring them onto a plane.

const EARTH_RADIUS_KM = 6378.137;
const FARTHEST_KM = 3e8;
const LOG_SPAN = Math.log1p(2 * FARTHEST_KM / EARTH_RADIUS_KM);
// On the logarithmic map what stays with a body other than the Earth stands about it, on a logarithm of its own.
const LOCAL = 0.05;

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
const size = (a) => Math.hypot(a[0], a[1], a[2]);

export class Sky {
  // geometry: as the server's geometry.json, null where the run has none; names: of all nodes, in order.
  constructor(geometry, names) {
    this.tracks = new Map();
    this.radii = new Map();
    this.bodies = [];
    this.names = names;
    this.isRing = geometry === null;
    if (geometry === null) return;
    for (const track of [...geometry.bodies, ...geometry.nodes]) this.tracks.set(track.name, track);
    this.radii = new Map(Object.entries(geometry.radii_km));
    this.bodies = geometry.bodies.map((track) => track.name);
  }

  get views() {
    return this.isRing ? [["ring", "Ring"]] : [["log", "Logarithmic"], ["earth-moon", "Earth–Moon"], ["solar", "Solar system"]];
  }

  // Kilometres about the track's parent; null before a launch.
  local(name, t) {
    const track = this.tracks.get(name);
    if (!track) return null;
    const last = track.km.length / 3 - 1;
    let place = (t - track.start_s) / track.step_s;
    if (place < -1e-6) return null;
    place = Math.min(Math.max(place, 0), last);
    const i = Math.min(Math.floor(place), last - 1);
    const x = place - i;
    const at = (n, axis) => {
      if (n < 0) return 2 * track.km[axis] - track.km[3 + axis];
      if (n > last) return 2 * track.km[3 * last + axis] - track.km[3 * (last - 1) + axis];
      return track.km[3 * n + axis];
    };
    return [0, 1, 2].map((axis) => {
      const [a, b, c, d] = [at(i - 1, axis), at(i, axis), at(i + 1, axis), at(i + 2, axis)];
      return b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)));
    });
  }

  // Kilometres about the Sun, axes of the ecliptic; a node that is nowhere stands in the Earth.
  km(name, t) {
    const track = this.tracks.get(name);
    if (!track) return this.radii.has("earth") ? this.km("earth", t) : null;
    const here = this.local(name, t);
    if (here === null || !track.parent) return here;
    return add(here, this.km(track.parent, t));
  }

  // The orbit of a body, as a view shows it: planets about the Sun, the Moon about the Earth.
  orbit(view, name, t, focus) {
    const parent = this.tracks.get(name).parent;
    if (view === "ring" || (view === "solar") !== (parent !== "earth")) return [];
    const about = parent ? this.km(parent, t) : [0, 0, 0];
    const centre = focus ? this.#raw(view, focus, t) ?? [0, 0, 0] : [0, 0, 0];
    return orbit(this, name, t).map((point) => minus(this.#shown(view, add(about, point), t), centre));
  }

  // A place in the unit ball of a view, centred as `focus` says.
  place(view, name, t, focus) {
    if (view === "ring") {
      const i = this.names.indexOf(name);
      const angle = 2 * Math.PI * i / this.names.length - Math.PI / 2;
      return i < 0 ? null : [0.85 * Math.cos(angle), -0.85 * Math.sin(angle), 0];
    }
    const here = this.#raw(view, name, t);
    if (here === null) return null;
    const centre = focus ? this.#raw(view, focus, t) : null;
    return centre ? minus(here, centre) : here;
  }

  #raw(view, name, t) {
    if (view === "log") return this.#log(name, t);
    const here = this.km(name, t);
    return here && this.#shown(view, here, t);
  }

  // Kilometres about the Sun as a view has them.
  #shown(view, km, t) {
    if (view === "solar") return times(km, 1 / 2.6e8);
    const from = minus(km, this.km("earth", t));
    if (view === "earth-moon") return times(from, 1 / 4.6e5);
    const d = size(from);
    return d === 0 ? from : times(from, Math.log1p(2 * d / EARTH_RADIUS_KM) / LOG_SPAN / d);
  }

  #log(name, t) {
    const track = this.tracks.get(name);
    const parent = track ? track.parent : "earth";
    if (track && (parent === "moon" || parent === "mars") && !this.radii.has(name)) {
      const here = this.local(name, t);
      if (here === null) return null;
      const d = size(here);
      const shown = LOCAL * Math.log1p(2 * d / this.radii.get(parent)) / Math.log(3);
      return add(this.#log(parent, t), times(here, shown / d));
    }
    const here = this.km(name, t);
    return here && this.#shown("log", here, t);
  }

  // Radius of a body's disc in a view's units.
  radius(view, name) {
    const km = this.radii.get(name) ?? 0;
    if (view === "solar") return km / 2.6e8;
    if (view === "earth-moon") return km / 4.6e5;
    return name === "earth" ? Math.log(3) / LOG_SPAN : ["moon", "mars"].includes(name) ? LOCAL : 0.03;
  }
}

// Ellipses: the orbit that a body's place and velocity now would keep it on.
const GM_KM3_S2 = { "": 1.32712e11, sun: 1.32712e11, earth: 4.0350e5 };
const HALF_INTERVAL_S = 21600, ORBIT_POINTS = 120;
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

// Points of a body's orbit about its parent, km; [] where its track is too short to tell.
export function orbit(sky, name, t) {
  const track = sky.tracks.get(name);
  const last = track.start_s + track.step_s * (track.km.length / 3 - 1);
  const [from, to] = [Math.max(t - HALF_INTERVAL_S, track.start_s), Math.min(t + HALF_INTERVAL_S, last)];
  const mu = GM_KM3_S2[track.parent];
  if (!mu || to - from < 600) return [];
  const r = sky.local(name, (from + to) / 2);
  const v = times(minus(sky.local(name, to), sky.local(name, from)), 1 / (to - from));
  const h = cross(r, v);
  const e = minus(times(cross(v, h), 1 / mu), times(r, 1 / size(r)));
  const [eccentricity, a] = [size(e), 1 / (2 / size(r) - dot(v, v) / mu)];
  if (!(a > 0) || eccentricity >= 0.95) return [];
  const p = eccentricity > 1e-6 ? times(e, 1 / eccentricity) : times(r, 1 / size(r));
  const q = cross(times(h, 1 / size(h)), p);
  const b = a * Math.sqrt(1 - eccentricity ** 2);
  return Array.from({ length: ORBIT_POINTS + 1 }, (_, i) => {
    const angle = 2 * Math.PI * i / ORBIT_POINTS;
    return add(times(p, a * (Math.cos(angle) - eccentricity)), times(q, b * Math.sin(angle)));
  });
}

// Where a flight is: parts of the way from its source (0) to its destination (1).
export function along(flight, t) {
  const part = (leaves, arrives) => arrives > leaves ? Math.min(Math.max((t - leaves) / (arrives - leaves), 0), 1) : t >= leaves ? 1 : 0;
  return { head: part(flight.first, flight.firstArrives), tail: part(flight.last, flight.arrives) };
}
