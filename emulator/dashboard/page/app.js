// The page: takes frames from the server, draws between them by its own clock, and asks for what is clicked.

import { Sky } from "./sky.js";
import { StarMap } from "./map.js";
import { Gantt, drawLatency } from "./charts.js";
import { bytesText, durationText, element, momentText, rateText } from "./words.js";

const RATES = [0.1, 1, 10, 60, 100, 600, 1000, 3600, 10000, 36000, 100000];
const SPANS = [[3600, "1 h"], [21600, "6 h"], [86400, "1 day"], [259200, "3 days"], [Infinity, "all"]];
const NOT_YET = "not yet launched";
const MOST_FEED = 400, SHOWN_FEED = 120, MOST_LISTED = 20, ASK_MS = 1000;
const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

const picture = { nodes: [], links: [], flights: [], injections: [], storms: [], feed: [] };
let run, sky, map, gantt, clock = { now: 0, at: 0, rate: 0 };
let selected = null, epoch = null, asked = 0, dragging = false, filters = new Set(), feedDirty = true, latencyDirty = true, last = null;

// Emulated seconds now: the server's clock, carried on by this machine's.
function now() {
  const t = clock.now + (performance.now() - clock.at) / 1000 * clock.rate;
  return run ? Math.min(t, run.duration_s) : t;
}

async function getJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

async function control(what, thanks = "") {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const answer = await fetch("control", { method: "POST", headers, body: JSON.stringify(what) });
    if (answer.ok) notice(thanks, true); else notice((await answer.text()).trim());
  } catch {
    notice("The server does not answer.");
  }
}

function notice(text, good = false) {
  $("notice").textContent = text;
  $("notice").className = good ? "good" : "";
}

// -- frames

function take(frame) {
  if (frame.epoch !== epoch) {
    epoch = frame.epoch;
    picture.feed = [];
    gantt.clear();
  }
  clock = { now: frame.now_s, at: performance.now(), rate: frame.pace };
  picture.nodes = frame.nodes.map(([up, held, bytes, queued, queuedBytes, reason, charge, incoming, drawn]) => ({ up, held, bytes, queued, queuedBytes, reason, charge, incoming, drawn }));
  picture.links = frame.links.map(([a, b, contact, since, rate, owlt, sent, cut]) => ({ a, b, contact, since, rate, owlt, sent, cut }));
  picture.flights = frame.flights.map(([bundle, a, b, first, last, firstArrives, arrives]) => ({ bundle, a, b, first, last, firstArrives, arrives }));
  picture.injections = frame.injections.map(([a, b, from, until]) => ({ a, b, from, until }));
  picture.storms = frame.storms.map(([nodes, from, until, factor]) => ({ nodes, from, until: until ?? Infinity, factor }));
  for (const [i, count] of frame.upsets) picture.nodes[i].upsets = count;
  gantt.add(frame.openings);
  if (frame.feed.length) {
    picture.feed.push(...frame.feed.map(([place, t, kind, category, node, bundle, text]) => ({ place, t, kind, category, node, bundle, text })));
    trimFeed();
    feedDirty = true;
  }
  latencyDirty ||= last?.counts.delivered !== frame.counts.delivered || last?.ideal_s.length !== frame.ideal_s.length;
  last = frame;
}

// Of each category the latest: transfers are many and faults are few.
function trimFeed() {
  const counts = {};
  const kept = [];
  for (let i = picture.feed.length - 1; i >= 0; i--) {
    const category = picture.feed[i].category;
    counts[category] = (counts[category] ?? 0) + 1;
    if (counts[category] <= MOST_FEED / 4) kept.push(picture.feed[i]);
  }
  picture.feed = kept.reverse();
}

// -- the parts of the page that are text

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showClock() {
  const t = now();
  set($("clock"), `${momentText(t, gantt.startMs)}${gantt.startMs === null ? "" : " UTC"}`);
  const late = last && last.live && !last.paused && Math.abs(last.pace / last.rate - 1) > 0.01;
  set($("elapsed"), late ? `${last.pace < last.rate ? "late" : "in a hurry"}: ${Number(last.pace.toPrecision(2)).toLocaleString("en")} ×` : `day ${(t / 86400).toFixed(2)} of ${(run.duration_s / 86400).toFixed(1)}`);
  if (!dragging) $("jump").value = String(t / run.duration_s * 1000);
  $("jump").setAttribute("aria-valuetext", momentText(t, gantt.startMs));
  if (!last) return;
  const over = !last.live && t >= run.duration_s;
  const mode = $("mode");
  set(mode, last.live ? (last.paused ? "live, paused" : "live") : over ? "replay, at its end" : last.paused ? "replay, paused" : "replay");
  mode.className = `mode ${last.live ? "live" : ""}`;
  set($("pause"), over ? "Play again" : last.paused ? "Go on" : "Pause");
  const rate = $("rate");
  if (document.activeElement !== rate) {
    const value = String(last.rate);
    if (![...rate.options].some((option) => option.value === value)) rate.append(new Option(`${value} ×`, value));
    rate.value = value;
  }
  const mayDo = last.live && !(run.needs_token && !token);
  const possible = { cloud: run.stations.length > 0, storm: run.exposed.length > 0, strategy: run.strategies.length > 0 };
  for (const form of ["send", "cut", "down", "cloud", "storm", "strategy"]) {
    $(form).firstElementChild.disabled = !mayDo;
    $(form).hidden = possible[form] === false;
  }
  set($("do-why"), !last.live ? "This is a replay: what happened has happened. In a live run you can intervene here." : run.needs_token && !token ? "Open the page with its token to intervene." : "");
  const counts = last.counts;
  const told = [last.strategy, `seed ${run.seed}`, ...["sourced", "delivered", "deleted", "events"].map((what) => `${counts[what].toLocaleString("en")} ${what}`)];
  if ($("facts").textContent !== told.join("")) $("facts").replaceChildren(...told.map((text) => element("span", text)));
  set($("in-flight"), `${last.in_flight} in flight`);
}

function nameButton(text, what, title = "") {
  const button = element("button", text);
  button.type = "button";
  button.addEventListener("click", () => select(what));
  if (title) button.title = title;
  return button;
}

function buildNodes() {
  run.nodes.forEach((name, i) => {
    const row = element("tr");
    const cell = element("td", "", "left");
    cell.append(nameButton(name, { kind: "node", name }));
    const stored = element("td");
    stored.append(element("span"), element("i", "", "fill"));
    const power = element("td", "", "power");
    power.hidden = true;
    row.append(cell, stored, element("td"), power);
    row.dataset.node = String(i);
    $("nodes").append(row);
  });
}

function showNodes() {
  const most = Math.max(...picture.nodes.map((node) => node.bytes), 1);
  const hasPower = picture.nodes.some((node) => node.charge !== undefined);
  for (const cell of document.querySelectorAll(".power")) if (cell.hidden === hasPower) cell.hidden = !hasPower;
  picture.nodes.forEach((node, i) => {
    const row = $("nodes").children[i];
    row.className = node.up ? "" : node.reason === NOT_YET ? "waiting" : "down";
    row.title = node.up ? "" : node.reason;
    set(row.children[1].firstChild, node.held ? `${node.held} · ${bytesText(node.bytes)}` : "–");
    const quota = run.store_bytes[i];
    row.children[1].lastChild.style.width = `${Math.min(100, 100 * node.bytes / (quota ?? most))}%`;
    set(row.children[3], node.charge === undefined ? "–" : `${(100 * node.charge).toFixed(0)} %`);
    row.children[3].title = node.charge === undefined ? "" : `${node.incoming} W come in, ${node.drawn} W are drawn`;
    set(row.children[2], node.queued ? `${node.queued} · ${bytesText(node.queuedBytes)}` : "–");
  });
}

function showLinks() {
  const body = $("links");
  const key = picture.links.map((link) => `${link.a},${link.b}`).join(" ");
  $("no-links").hidden = picture.links.length > 0;
  $("links-table").hidden = picture.links.length === 0;
  if (body.dataset.key !== key) {
    body.dataset.key = key;
    body.replaceChildren(...picture.links.map((link) => {
      const row = element("tr");
      const cell = element("td", "", "left");
      cell.append(nameButton(`${run.nodes[link.a]} → ${run.nodes[link.b]}`, { kind: "link", a: link.a, b: link.b }));
      row.append(cell, element("td"), element("td"));
      return row;
    }));
  }
  picture.links.forEach((link, i) => {
    set(body.children[i].children[1], link.cut || rateText(link.rate));
    set(body.children[i].children[2], durationText(link.owlt));
  });
}

function showFeed() {
  if (!feedDirty) return;
  feedDirty = false;
  const search = $("search").value.trim().toLowerCase();
  const rows = [];
  for (let i = picture.feed.length - 1; i >= 0 && rows.length < SHOWN_FEED; i--) {
    const event = picture.feed[i];
    if (!filters.has(event.category)) continue;
    if (search && !`${event.node} ${event.bundle} ${event.text}`.toLowerCase().includes(search)) continue;
    const row = element("tr", "", event.category);
    const node = element("td"), bundle = element("td");
    node.append(nameButton(event.node, { kind: "node", name: event.node }));
    if (event.bundle) bundle.append(nameButton(event.bundle, { kind: "bundle", id: event.bundle }));
    row.append(element("td", momentText(event.t, gantt.startMs, true)), node, bundle, element("td", event.text));
    rows.push(row);
  }
  if (!rows.length) {
    const row = element("tr");
    row.append(element("td", "Nothing of that kind yet."));
    rows.push(row);
  }
  $("feed").replaceChildren(...rows);
}

function showLatency() {
  if (!latencyDirty || !last) return;
  latencyDirty = false;
  drawLatency($("latency"), last.latency_s, last.ideal_s);
  const middle = (values) => values.length ? durationText(values[Math.floor((values.length - 1) / 2)]) : "–";
  set($("latency-words"), `${last.counts.delivered.toLocaleString("en")} delivered, median ${middle(last.latency_s)}, of the ideal ${middle(last.ideal_s)}.`);
}

// -- what is selected

function select(what) {
  selected = map.selected = what;
  asked = 0;
  if (what) showTab("selected");
  showSelected();
}

function facts(rows) {
  const list = element("dl");
  for (const [key, value] of rows) list.append(element("dt", key), element("dd", String(value)));
  return list;
}

function table(head, rows) {
  const made = element("table"), top = element("tr");
  head.forEach((text, i) => top.append(element("th", text, i ? "" : "left")));
  const thead = element("thead"), body = element("tbody");
  thead.append(top);
  for (const cells of rows) {
    const row = element("tr");
    cells.forEach((cell, i) => {
      const td = element("td", "", i ? "" : "left");
      td.append(cell);
      row.append(td);
    });
    body.append(row);
  }
  made.append(thead, body);
  return made;
}

async function showSelected() {
  if (!selected || performance.now() - asked < ASK_MS) return;
  asked = performance.now();
  const what = selected;
  let parts;
  try {
    if (what.kind === "node") parts = nodeParts(await getJson(`node.json?name=${encodeURIComponent(what.name)}`));
    else if (what.kind === "link") parts = linkParts(what);
    else parts = bundleParts(await getJson(`bundle.json?id=${encodeURIComponent(what.id)}`));
  } catch (fault) {
    parts = [element("p", fault.message, "hint")];
  }
  if (what !== selected) return;
  const held = $("selected").contains(document.activeElement) ? document.activeElement.textContent : null;
  $("selected").replaceChildren(...parts);
  if (held !== null) [...$("selected").querySelectorAll("button")].find((b) => b.textContent === held)?.focus();
}

function nodeParts(node) {
  const i = run.nodes.indexOf(node.name);
  const quota = run.store_bytes[i];
  const parts = [
    element("h3", node.name),
    facts([
      ["state", node.up ? "up" : `down: ${node.reason}`],
      ["store", `${node.held_count} pieces, ${bytesText(node.held_bytes)}${quota ? ` of ${bytesText(quota)}` : ""}`],
      ...(picture.nodes[i]?.charge === undefined ? [] : [["power", `${(100 * picture.nodes[i].charge).toFixed(1)} % charged, ${picture.nodes[i].incoming} W in, ${picture.nodes[i].drawn} W drawn`]]),
      ...(run.memories.includes(node.name) ? [["upsets", `${node.upsets}: bundles spoilt in memory, frames hit, resets`]] : []),
      ["sent", `${node.sourced} bundles sourced here`],
      ["came", `${node.delivered} bundles delivered here`],
    ]),
    element("h4", "Queues"),
  ];
  if (node.queues.length) parts.push(table(["for", "bundles", "bytes"], node.queues.map(([name, count, bytes]) => [nameButton(name, { kind: "node", name }), String(count), bytesText(bytes)])));
  else parts.push(element("p", "Nothing is queued.", "hint"));
  const links = picture.links.filter((link) => link.a === i || link.b === i);
  if (links.length) {
    parts.push(element("h4", "Links"));
    const list = element("ul");
    for (const link of links) {
      const item = element("li");
      item.append(nameButton(`${run.nodes[link.a]} → ${run.nodes[link.b]}`, { kind: "link", a: link.a, b: link.b }));
      list.append(item);
    }
    parts.push(list);
  }
  if (node.held.length) {
    parts.push(element("h4", `In its store${node.held_count > MOST_LISTED ? `, ${MOST_LISTED} of ${node.held_count}` : ""}`));
    const list = element("ul");
    for (const [id, bytes] of node.held.slice(0, MOST_LISTED)) {
      const item = element("li");
      item.append(nameButton(`${id} · ${bytesText(bytes)}`, { kind: "bundle", id }));
      list.append(item);
    }
    parts.push(list);
  }
  return parts;
}

function linkParts({ a, b }) {
  const link = picture.links.find((other) => other.a === a && other.b === b);
  const t = now();
  const [from, to] = [run.nodes[a], run.nodes[b]];
  const parts = [element("h3", `${from} → ${to}`)];
  const planned = run.contacts.filter((c) => c[0] === a && c[1] === b);
  if (link) {
    const flights = picture.flights.filter((flight) => flight.a === a && flight.b === b);
    parts.push(facts([
      ["state", link.cut ? `cut: ${link.cut}` : "up"],
      ["since", momentText(link.since, gantt.startMs)],
      ["planned to", momentText(run.contacts[link.contact][3], gantt.startMs)],
      ["rate", rateText(link.rate)],
      ["light time", durationText(link.owlt)],
      ["distance", `${(link.owlt * 299792.458).toLocaleString("en", { maximumFractionDigits: 0 })} km`],
      ["sent", `${link.sent} transfers`],
      ["in flight", String(flights.length)],
    ]));
    const list = element("ul");
    for (const flight of flights.slice(0, MOST_LISTED)) {
      const item = element("li");
      item.append(nameButton(flight.bundle, { kind: "bundle", id: flight.bundle }));
      list.append(item);
    }
    parts.push(list);
  } else {
    const next = planned.find((c) => c[2] > t);
    parts.push(facts([["state", "down"], ["next contact", next ? momentText(next[2], gantt.startMs) : "none is planned"]]));
  }
  const back = element("p");
  back.append(nameButton(from, { kind: "node", name: from }), nameButton(to, { kind: "node", name: to }), nameButton("the other way", { kind: "link", a: b, b: a }));
  parts.push(back);
  $("cut").elements.a.value = from;
  $("cut").elements.b.value = to;
  return parts;
}

function bundleParts(bundle) {
  return [
    element("h3", bundle.bundle),
    facts([
      ["way", bundle.source ? `${bundle.source} → ${bundle.destination}` : "a fragment"],
      ["traffic", bundle.flow || "–"],
      ["size", bytesText(bundle.size_bytes)],
      ["lifetime", durationText(bundle.lifetime_s)],
    ]),
    element("h4", `Its life so far${bundle.whole ? "" : ", the beginning"}`),
    table(["after", "at", ""], bundle.steps.map(([, since, node, piece, said]) => [durationText(since), nameButton(node, { kind: "node", name: node }), piece ? `[${piece}] ${said}` : said])),
  ];
}

// -- hands

function showTab(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const isThis = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isThis));
    tab.tabIndex = isThis ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !isThis;
  }
}

function choice(place, options, current, onChoose) {
  for (const [value, text] of options) {
    const button = element("button", text);
    button.type = "button";
    button.setAttribute("aria-pressed", String(value === current));
    button.addEventListener("click", () => {
      for (const other of place.children) other.setAttribute("aria-pressed", String(other === button));
      onChoose(value);
    });
    place.append(button);
  }
}

function options(select, names) {
  select.replaceChildren(...names.map((name) => new Option(name, name)));
}

function listen() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => showTab(tab.id.slice(4)));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      showTab(next.id.slice(4));
      next.focus();
    });
  });
  $("pause").addEventListener("click", () => control({ do: last?.paused ? "play" : "pause" }));
  for (const rate of RATES) $("rate").append(new Option(`${rate.toLocaleString("en")} ×`, String(rate)));
  $("rate").addEventListener("change", () => control({ do: "rate", rate: Number($("rate").value) }));
  $("slower").addEventListener("click", () => last && control({ do: "rate", rate: Math.max(last.rate / 10, 0.001) }));
  $("faster").addEventListener("click", () => last && control({ do: "rate", rate: Math.min(last.rate * 10, 1e7) }));
  $("jump").addEventListener("input", () => { dragging = true; });
  $("jump").addEventListener("change", () => {
    dragging = false;
    control({ do: "jump", to_s: Number($("jump").value) / 1000 * run.duration_s });
  });
  choice($("views"), sky.views, map.view, (view) => { map.view = view; map.reset(); });
  choice($("spans"), SPANS, 86400, (span) => { gantt.span_s = Math.min(span, run.duration_s); });
  const names = ["", ...sky.bodies, ...run.nodes];
  $("focus").replaceChildren(...names.map((name) => new Option(name || "as it is", name)));
  $("focus").addEventListener("change", () => { map.focus = $("focus").value; });
  $("zoom-in").addEventListener("click", () => map.zoomBy(1.5));
  $("zoom-out").addEventListener("click", () => map.zoomBy(1 / 1.5));
  $("zoom-reset").addEventListener("click", () => map.reset());
  filters = new Set(run.categories.filter((category) => category !== "transfers"));
  for (const category of run.categories) {
    const button = element("button", category);
    button.type = "button";
    button.setAttribute("aria-pressed", String(filters.has(category)));
    button.addEventListener("click", () => {
      if (!filters.delete(category)) filters.add(category);
      button.setAttribute("aria-pressed", String(filters.has(category)));
      feedDirty = true;
    });
    $("filters").append(button);
  }
  $("search").addEventListener("input", () => { feedDirty = true; });
  listenToForms();
}

function listenToForms() {
  const hours = (form) => form.elements.hours.value === "" ? null : Number(form.elements.hours.value) * 3600;
  const [send, cut, down, cloud, storm, strategy] = ["send", "cut", "down", "cloud", "storm", "strategy"].map($);
  for (const list of [send.elements.from, send.elements.to, cut.elements.a, cut.elements.b, down.elements.node]) options(list, run.nodes);
  options(cloud.elements.node, run.stations);
  const asleep = run.exposed.length - run.memories.length;
  $("storm-hits").textContent = [
    run.memories.length ? `${run.memories.length} with a memory under radiation take upsets` : "",
    asleep ? `${asleep} off the Earth ${run.memories.length ? "sleep" : "sleep until it is over: no memory of this scenario is under radiation"}` : "",
  ].filter(Boolean).join(", ") + ".";
  options(strategy.elements.strategy, run.strategies);
  strategy.elements.strategy.value = run.strategy;
  if (run.nodes.length > 1) send.elements.to.selectedIndex = cut.elements.b.selectedIndex = 1;
  send.addEventListener("submit", (event) => {
    event.preventDefault();
    const f = send.elements;
    control({ do: "send", from: f.from.value, to: f.to.value, size_bytes: Number(f.size_bytes.value), lifetime_s: hours(send), priority: Number(f.priority.value) }, `A bundle for ${f.to.value} leaves ${f.from.value}.`);
  });
  cut.addEventListener("submit", (event) => {
    event.preventDefault();
    const f = cut.elements;
    control({ do: "cut", a: f.a.value, b: f.b.value, for_s: hours(cut) }, `The link between ${f.a.value} and ${f.b.value} is cut.`);
  });
  down.addEventListener("submit", (event) => {
    event.preventDefault();
    control({ do: "node-down", node: down.elements.node.value, for_s: hours(down) }, `${down.elements.node.value} is down.`);
  });
  cloud.addEventListener("submit", (event) => {
    event.preventDefault();
    const station = cloud.elements.node.value;
    control({ do: "cloud", node: station, for_s: hours(cloud) }, `A cloud hangs over ${station}.`);
  });
  storm.addEventListener("submit", (event) => {
    event.preventDefault();
    control({ do: "storm", for_s: hours(storm), factor: Number(storm.elements.factor.value) }, `A storm hits ${run.exposed.length} node${run.exposed.length === 1 ? "" : "s"}.`);
  });
  strategy.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = strategy.elements.strategy.value;
    control({ do: "strategy", strategy: name }, `All nodes follow ${name} now.`);
  });
}

// -- the loop

let textDue = 0;
function draw() {
  requestAnimationFrame(draw);
  const t = now();
  map.draw(picture, t);
  if (performance.now() < textDue) return;
  textDue = performance.now() + 200;
  showClock();
  showNodes();
  showLinks();
  showFeed();
  showLatency();
  showSelected();
  gantt.draw(picture, t);
}

function connect() {
  const stream = new EventSource("stream");
  stream.addEventListener("message", (event) => {
    take(JSON.parse(event.data));
    if ($("notice").dataset.lost) { delete $("notice").dataset.lost; notice(""); }
  });
  stream.addEventListener("error", () => {
    clock = { now: now(), at: performance.now(), rate: 0 };
    epoch = null; // what comes after is told anew from the beginning
    $("notice").dataset.lost = "yes";
    $("mode").className = "mode gone";
    notice("The server is gone; trying again.");
    if (stream.readyState === EventSource.CLOSED) { stream.close(); setTimeout(connect, 2000); }
  });
}

async function begin() {
  let geometry;
  [run, geometry] = await Promise.all([getJson("run.json"), getJson("geometry.json")]);
  document.title = `${run.name} · Lightlag`;
  set($("name"), run.name);
  sky = new Sky(geometry, run.nodes);
  gantt = new Gantt($("gantt"), run, (row, t) => {
    if (t !== null) { if (last && (!last.live || t > now())) control({ do: "jump", to_s: t }); }
    else if (row) select({ kind: "link", a: row.a, b: row.b });
  });
  map = new StarMap($("map"), sky, run.nodes, (x, y) => {
    const what = map.pick(x, y, picture, now());
    if (what) select(what);
  });
  buildNodes();
  listen();
  window.addEventListener("resize", () => { latencyDirty = true; });
  // For tests, and for the curious: what is drawn, in numbers.
  window.lightlag = { run, picture, now, dots: () => map.dots(picture, now()), at: (name) => map.at(name, now()), gantt: (a, b) => gantt.told(run.nodes.indexOf(a), run.nodes.indexOf(b)), map };
  connect();
  draw();
}

begin().catch((fault) => notice(`The page cannot begin: ${fault.message}`));
