// The organization's three verdicts: value, limit, judgement in words, the counts behind them, where
// the value lies against the limit, and how it went while this page was open.

import { drawing, element, icon, setClass, setIcon, setText } from "./parts.js";
import { MEASURES, STATES, count, limitText, measureText, plural } from "./words.js";

const HISTORY_MS = 15 * 60 * 1000;
const STEP_MS = 2000;
const COLUMNS = {
  average_hold: "average_hold_seconds",
  service_level: "service_level_ratio",
  disconnect_ratio: "disconnect_ratio",
};

// The values seen since the page was opened, by window and measure.
export class History {
  #points = new Map();

  add(atMs, rows) {
    for (const row of rows) {
      for (const [measure, column] of Object.entries(COLUMNS)) {
        const points = this.of(row.window, measure);
        const last = points.at(-1);
        if (last && atMs < last.atMs) points.length = 0;
        if (last && atMs - last.atMs < STEP_MS) continue;
        points.push({ atMs, value: row[column] });
        while (points[0].atMs < atMs - HISTORY_MS) points.shift();
      }
    }
  }

  of(windowLabel, measure) {
    const key = `${windowLabel} ${measure}`;
    if (!this.#points.has(key)) this.#points.set(key, []);
    return this.#points.get(key);
  }
}

class Tile {
  constructor(measure) {
    this.measure = measure;
    this.icon = icon();
    this.word = element("span");
    this.value = element("p", "value");
    this.limit = element("p", "limit");
    this.counts = element("p", "counts");
    this.fine = element("p", "fine");
    this.fill = drawing("rect", { x: 0, y: 3, height: 6, class: "reach" });
    this.mark = drawing("path", { class: "limit-mark" });
    this.track = drawing(
      "svg",
      { class: "track", viewBox: "0 0 200 12", preserveAspectRatio: "none", "aria-hidden": "true" },
      drawing("rect", { x: 0, y: 3, width: 200, height: 6, class: "rail" }),
      this.fill,
      this.mark,
    );
    this.line = drawing("polyline", { class: "trend" });
    this.limitLine = drawing("path", { class: "trend-limit" });
    this.spark = drawing(
      "svg",
      { class: "spark", viewBox: "0 0 200 40", preserveAspectRatio: "none", "aria-hidden": "true" },
      this.limitLine,
      this.line,
    );
    const title = element("h3", "", MEASURES[measure].title);
    const judgement = element("span", "judgement", this.icon, this.word);
    this.node = element(
      "article",
      "tile",
      element("div", "tile-head", title, judgement),
      element("div", "tile-main", element("div", "", this.value, this.limit), this.spark),
      this.track,
      this.counts,
      this.fine,
    );
  }

  show(verdict, points) {
    const state = verdict ? verdict.state : "insufficient";
    setClass(this.node, `tile ${state}`);
    setIcon(this.icon, state);
    setText(this.word, verdict ? STATES[state] : "No standard");
    const value = verdict ? verdict.value : null;
    setText(this.value, verdict ? measureText(this.measure, value, verdict.limit) : "–");
    setText(this.limit, verdict ? limitText(this.measure, verdict.limit) : "");
    setText(this.counts, verdict ? this.#counts(verdict) : "Nothing is required here.");
    setText(this.fine, verdict ? this.#fine(verdict) : "");
    this.#drawTrack(verdict);
    this.#drawTrend(verdict, points);
  }

  #counts(verdict) {
    const { numerator, denominator } = verdict;
    if (denominator === 0) return "No calls in this window.";
    if (this.measure === "average_hold") return `Over ${plural(denominator, "answered call")}`;
    const above = count(numerator);
    if (this.measure === "service_level") {
      return `${above} of ${plural(denominator, "call")} answered in time`;
    }
    return `${above} of ${plural(denominator, "ended call")}`;
  }

  #fine(verdict) {
    const parts = [];
    if (verdict.interval) {
      const [low, high] = verdict.interval.map((end) => (end * 100).toFixed(1));
      parts.push(`95 % interval ${low}–${high} %`);
    }
    if (verdict.formula) parts.push(`formula ${verdict.formula}`);
    if (verdict.flipped_by.length) parts.push(`${verdict.flipped_by.join(", ")} would judge otherwise`);
    parts.push(verdict.clause);
    return parts.join(" · ");
  }

  #drawTrack(verdict) {
    const hasValue = verdict && verdict.value !== null;
    const end = verdict ? this.#scaleEnd(verdict.limit) : 1;
    const width = hasValue ? Math.min(200, (verdict.value / end) * 200) : 0;
    this.fill.setAttribute("width", String(width));
    const x = verdict ? (verdict.limit / end) * 200 : 0;
    this.mark.setAttribute("d", verdict ? `M${x} 0V12` : "");
  }

  // The end of the scale: a percentage ends at 100, the others at twice the limit.
  #scaleEnd(limit) {
    return this.measure === "service_level" ? 1 : limit * 2;
  }

  #drawTrend(verdict, points) {
    const known = points.filter((point) => point.value !== null);
    if (!verdict || known.length < 2) {
      this.line.setAttribute("points", "");
      this.limitLine.setAttribute("d", "");
      return;
    }
    const values = [...known.map((point) => point.value), verdict.limit];
    const low = Math.min(...values);
    const span = Math.max(...values) - low || 1;
    const start = known[0].atMs;
    const length = known.at(-1).atMs - start || 1;
    const height = (value) => 37 - ((value - low) / span) * 34;
    const place = (point) => `${((point.atMs - start) / length) * 200},${height(point.value)}`;
    this.line.setAttribute("points", known.map(place).join(" "));
    this.limitLine.setAttribute("d", `M0 ${height(verdict.limit)}H200`);
  }
}

export class Tiles {
  #tiles = Object.keys(MEASURES).map((measure) => new Tile(measure));

  constructor(parent) {
    parent.append(...this.#tiles.map((tile) => tile.node));
  }

  show(verdicts, history, windowLabel) {
    for (const tile of this.#tiles) {
      const verdict = verdicts.find((candidate) => candidate.measure === tile.measure);
      tile.show(verdict, history.of(windowLabel, tile.measure));
    }
  }
}
