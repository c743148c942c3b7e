// Contracts, their lines, and on demand the queues of a line. Queues are asked for only while they
// are shown, so that a thousand of them cost nothing.

import { byId, element, icon, setChildren, setClass, setIcon, setText } from "./parts.js";
import { MEASURES, STATES, count, duration, measureText, scopeText, windowText } from "./words.js";

// With no more queues than this, all lines are open from the start.
const OPEN_QUEUES = 60;
const NO_LINE = "";
const COLUMNS = {
  average_hold: "average_hold_seconds",
  service_level: "service_level_ratio",
  disconnect_ratio: "disconnect_ratio",
};

class MeasureCell {
  constructor(measure) {
    this.measure = measure;
    this.icon = icon();
    this.value = element("span");
    this.word = element("span", "unseen");
    this.node = element("td", "", element("span", "cell", this.icon, this.value, this.word));
  }

  show(row, limit) {
    const state = row.verdicts[this.measure];
    const value = row[COLUMNS[this.measure]];
    setClass(this.node, `measure ${state}`);
    setIcon(this.icon, state);
    setText(this.value, measureText(this.measure, value, state === "breached" ? limit : undefined));
    setText(this.word, ` ${STATES[state]}`);
  }
}

class Row {
  constructor(toggle) {
    this.name = element("span", "name");
    this.toggle = toggle && element("button", "toggle");
    if (this.toggle) {
      this.toggle.type = "button";
      this.toggle.addEventListener("click", toggle);
    }
    const title = element("th", "");
    title.scope = "row";
    if (this.toggle) title.append(this.toggle);
    else title.append(this.name);
    if (this.toggle) this.toggle.append(this.name);
    this.cells = Object.keys(MEASURES).map((measure) => new MeasureCell(measure));
    this.waiting = element("td");
    this.wide = Array.from({ length: 4 }, () => element("td", "wide"));
    const cells = this.cells.map((cell) => cell.node);
    this.node = element("tr", "", title, ...cells, this.waiting, ...this.wide);
  }

  show(row, title, limits, isOpen) {
    setClass(this.node, `row ${row.kind}`);
    setText(this.name, title);
    if (this.toggle) this.toggle.setAttribute("aria-expanded", String(isOpen));
    for (const cell of this.cells) cell.show(row, limits[cell.measure]);
    setText(this.waiting, count(row.waiting));
    const longest = row.longest_wait_ms === null ? null : row.longest_wait_ms / 1000;
    const wide = [duration(longest), count(row.offered), count(row.answered), count(row.abandoned)];
    this.wide.forEach((cell, index) => setText(cell, wide[index]));
  }
}

class Heading {
  constructor(title, toggle) {
    this.button = element("button", "toggle", element("span", "name", title));
    this.button.type = "button";
    this.button.addEventListener("click", toggle);
    const cell = element("th", "", this.button);
    cell.colSpan = 9;
    this.node = element("tr", "row heading", cell);
  }
}

export class Table {
  #rows = new Map();
  #open = null;
  #heading;

  constructor(askAgain) {
    this.askAgain = askAgain;
    this.onlyBreached = byId("only-breached");
    this.onlyBreached.addEventListener("change", askAgain);
    this.#heading = new Heading("Queues of no line", () => this.#toggle(NO_LINE));
  }

  // What the next question to the daemon has to contain.
  filters(status, lines) {
    if (this.#open === null) {
      this.#open = new Set(status.scopes.queue <= OPEN_QUEUES ? [...lines, NO_LINE] : []);
    }
    const parameters = new URLSearchParams();
    for (const pattern of ["contract/*", "line/*", "site/*"]) parameters.append("scope", pattern);
    for (const line of this.#open) parameters.append("under", line);
    return parameters;
  }

  show(rows, limits, windowLabel) {
    const nodes = [];
    const contracts = rows.filter((row) => row.kind === "contract");
    for (const contract of contracts) {
      const lines = rows.filter((row) => row.kind === "line" && row.parents[0] === contract.scope);
      const below = lines.flatMap((line) => this.#line(line, rows, limits));
      if (below.length || this.#isShown(contract)) {
        nodes.push(this.#row(contract, contract.scope, contract.labels.contract, limits), ...below);
      }
    }
    const alone = rows.filter((row) => row.kind === "queue" && row.parents.length === 0);
    const seen = alone.filter((row) => (row.calls_made || row.ended || row.waiting) && this.#isShown(row));
    if (this.#open.has(NO_LINE) ? seen.length : !this.onlyBreached.checked) {
      nodes.push(this.#heading.node);
      nodes.push(...seen.map((row) => this.#row(row, row.scope, scopeText(row.scope), limits)));
      this.#heading.button.setAttribute("aria-expanded", String(this.#open.has(NO_LINE)));
    }
    const sites = rows.filter((row) => row.kind === "site" && this.#isShown(row));
    nodes.push(...sites.map((row) => this.#row(row, row.scope, `Site ${scopeText(row.scope)}`, limits)));
    setChildren(byId("rows"), nodes);
    byId("no-rows").hidden = nodes.length > 0;
    const nothing = this.onlyBreached.checked ? `Nothing is breached in the ${windowText(windowLabel)}.` : "No contract is configured.";
    setText(byId("no-rows"), nothing);
  }

  #line(line, rows, limits) {
    const isOpen = this.#open.has(line.scope);
    const queues = rows.filter((row) => row.kind === "queue" && row.parents.includes(line.scope));
    const shown = isOpen ? queues.filter((queue) => this.#isShown(queue)) : [];
    if (!shown.length && !this.#isShown(line)) return [];
    const toggle = () => this.#toggle(line.scope);
    return [
      this.#row(line, line.scope, line.labels.line, limits, toggle, isOpen),
      // A shared queue stands under each of its lines.
      ...shown.map((queue) => this.#row(queue, `${line.scope} ${queue.scope}`, scopeText(queue.scope), limits)),
    ];
  }

  #row(row, key, title, limits, toggle = null, isOpen = false) {
    if (!this.#rows.has(key)) this.#rows.set(key, new Row(toggle));
    const shown = this.#rows.get(key);
    shown.show(row, title, limits, isOpen);
    return shown.node;
  }

  #isShown(row) {
    return !this.onlyBreached.checked || Object.values(row.verdicts).includes("breached");
  }

  #toggle(name) {
    if (!this.#open.delete(name)) this.#open.add(name);
    this.askAgain();
  }
}
