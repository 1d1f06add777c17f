"use strict";

// Line charts without a library: one SVG each, as many paths as series, the largest value written beside the title.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600, HEIGHT = 100, LEAST = 60;  // LEAST: seconds that the width stands for, as long as little is known

class Chart {
  // series: [{ name of a point's field, label, ink }]; show: number -> text; least: the scale never ends below it.
  constructor(figure, series, show, least) {
    this.series = series;
    this.show = show;
    this.least = least;
    const caption = figure.querySelector("figcaption");
    for (const one of series) {
      const key = document.createElement("span");
      key.className = "key ink-" + one.ink;
      key.textContent = one.label;
      caption.append(key);
    }
    this.top = document.createElement("span");
    caption.append(this.top);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "chart");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", caption.firstChild.textContent + ", the last minutes");
    for (const y of [1, HEIGHT / 2, HEIGHT - 1]) {
      const line = document.createElementNS(SVG, "line");
      for (const [name, value] of Object.entries({ x1: 0, x2: WIDTH, y1: y, y2: y })) line.setAttribute(name, value);
      svg.append(line);
    }
    this.paths = series.map((one) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", "ink-" + one.ink);
      svg.append(path);
      return path;
    });
    figure.append(svg);
  }

  draw(points) {
    const end = points.length ? points[points.length - 1].time : 0;
    const span = Math.max(LEAST, points.length ? end - points[0].time : 0);
    let top = this.least;
    for (const point of points) for (const one of this.series) top = Math.max(top, point[one.name] || 0);
    this.top.textContent = "up to " + this.show(top);
    this.series.forEach((one, n) => {
      let text = "", pen = "M";
      for (const point of points) {
        const value = point[one.name];
        if (value === undefined) { pen = "M"; continue; }
        const x = WIDTH - (end - point.time) * WIDTH / span;
        text += `${pen}${x.toFixed(1)} ${(HEIGHT - 2 - value * (HEIGHT - 4) / top).toFixed(1)}`;
        if (pen === "M") text += "h.01";  // alone, it is a dot
        pen = "L";
      }
      this.paths[n].setAttribute("d", text);
    });
  }
}
