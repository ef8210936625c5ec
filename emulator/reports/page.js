"use strict";
// Draws each figure when it comes into view, in the page's own colours; redraws when they change.
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Set();
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function layoutOf(figure) {
    const ink = colour("--ink"), rule = colour("--rule"), card = colour("--card");
    const axis = { gridcolor: rule, zerolinecolor: rule, linecolor: rule, automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: ink },
      margin: { l: 12, r: 12, t: figure.layout.showlegend === false ? 8 : 34, b: 44 },
      legend: { orientation: "h", traceorder: "normal", x: 0, y: 1.01, yanchor: "bottom" },
      hoverlabel: { bgcolor: card, bordercolor: rule, font: { color: ink } },
      dragmode: false,
      ...figure.layout,
      xaxis: { ...axis, ...figure.layout.xaxis },
      yaxis: { ...axis, ...figure.layout.yaxis },
    };
  }

  const settings = { responsive: true, displaylogo: false, displayModeBar: false };
  function draw(place) {
    const figure = figures[place.id];
    drawn.add(place);
    // newPlot's layout has a place of its own: plotly writes into what it is given
    Plotly.react(place, figure.data, layoutOf(figure), settings);
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
