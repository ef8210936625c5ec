"use strict";
// Draws each figure when it comes into view, in the page's own colours; redraws when they change.
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Set();
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const NARROW_PX = 520, LONG = 20;

  // Titles that are longer than a narrow screen go on in a second line.
  function folded(axis, isNarrow) {
    const text = axis?.title?.text;
    if (!isNarrow || !text || text.length <= LONG) return axis;
    const middle = text.indexOf(" ", text.length / 2 - 4);
    return middle < 0 ? axis : { ...axis, title: { ...axis.title, text: `${text.slice(0, middle)}<br>${text.slice(middle + 1)}` } };
  }

  function layoutOf(figure, isNarrow) {
    const ink = colour("--ink"), rule = colour("--rule"), card = colour("--card");
    const axis = { gridcolor: rule, zerolinecolor: rule, linecolor: rule, automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: isNarrow ? 11 : 13, color: ink },
      margin: { l: 12, r: 12, t: isNarrow || figure.layout.showlegend === false ? 8 : 34, b: 44 },
      legend: { orientation: "h", traceorder: "normal", x: 0, y: 1.01, yanchor: "bottom" },
      hoverlabel: { bgcolor: card, bordercolor: rule, font: { color: ink } },
      dragmode: false,
      ...figure.layout,
      ...isNarrow && { showlegend: false },
      xaxis: { ...axis, ...folded(figure.layout.xaxis, isNarrow) },
      yaxis: { ...axis, ...folded(figure.layout.yaxis, isNarrow) },
    };
  }

  // On a narrow screen the names stand above the figure, as many in a line as there is room for.
  function showNames(place, figure, isNarrow) {
    const before = place.previousElementSibling;
    if (before?.className === "names") before.remove();
    const named = figure.data.filter((trace) => trace.name && trace.showlegend !== false);
    if (!isNarrow || figure.layout.showlegend === false || named.length < 2) return;
    const list = document.createElement("p");
    list.className = "names";
    for (const trace of named) {
      const item = document.createElement("span"), mark = document.createElement("i");
      const shade = trace.line?.color ?? trace.marker?.color;
      if (typeof shade === "string") mark.style.background = shade;
      mark.className = "legend";
      item.append(mark, new DOMParser().parseFromString(trace.name, "text/html").body.textContent);
      list.append(item);
    }
    place.before(list);
  }

  const settings = { responsive: true, displaylogo: false, displayModeBar: false };
  function draw(place) {
    const figure = figures[place.id];
    drawn.add(place);
    const isNarrow = place.clientWidth < NARROW_PX;
    showNames(place, figure, isNarrow);
    // newPlot's layout has a place of its own: plotly writes into what it is given
    Plotly.react(place, figure.data, layoutOf(figure, isNarrow), settings);
  }

  const places = [...document.querySelectorAll(".chart")];
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
    }
  }, { rootMargin: "300px" });
  places.forEach((place) => watcher.observe(place));
  addEventListener("beforeprint", () => places.forEach(draw));

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const button = document.getElementById("theme");
  function label() { button.textContent = isDark() ? "Light" : "Dark"; }
  function recolour() { label(); drawn.forEach(draw); }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    recolour();
  });
  system.addEventListener("change", recolour);
  label();
})();
