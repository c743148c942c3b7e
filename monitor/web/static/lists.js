// The lists beside the verdicts: what is going on now, open alerts, and whether we can see at all.

import { byId, element, icon, setChildren, setClass, setIcon, setText } from "./parts.js";
import {
  MEASURES,
  ago,
  count,
  duration,
  instantText,
  likelyText,
  limitText,
  measureText,
  plural,
  scopeText,
  windowText,
} from "./words.js";

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

const ICONS = { firing: "breached", pending: "pending", resolved: "met" };

class Figure {
  constructor(parent, title) {
    this.value = element("dd", "figure");
    this.note = element("dd", "fine");
    this.node = element("div", "card", element("dt", "", title), this.value, this.note);
    parent.append(this.node);
  }

  show(value, note, isBad = false) {
    setText(this.value, value);
    setText(this.note, note);
    setClass(this.node, isBad ? "card bad" : "card");
  }
}

export class Now {
  constructor(parent) {
    this.waiting = new Figure(parent, "Waiting now");
    this.longest = new Figure(parent, "Longest wait");
    this.floor = new Figure(parent, "Hold with those still waiting");
    this.agents = new Figure(parent, "Agents available");
    this.calls = new Figure(parent, "Calls in flight");
  }

  show(row, status, verdicts) {
    // Figures that nobody reports any more would look like a quiet call center.
    if (verdicts.length && verdicts.every((verdict) => verdict.state === "blind")) {
      for (const figure of [this.waiting, this.longest, this.floor, this.agents, this.calls]) {
        figure.show("–", "not seen");
      }
      return;
    }
    const hold = verdicts.find((verdict) => verdict.measure === "average_hold");
    const limit = hold ? hold.limit : Infinity;
    this.waiting.show(count(row.waiting), row.waiting ? "calls in queue" : "nobody waits");
    const longest = row.longest_wait_ms === null ? null : row.longest_wait_ms / 1000;
    this.longest.show(duration(longest), longest === null ? "nobody waits" : "and counting", longest > limit);
    const floor = row.hold_floor_seconds;
    this.floor.show(
      measureText("average_hold", floor, hold ? hold.limit : undefined),
      floor === null ? "no calls in this window" : "average, waits so far included",
      floor !== null && floor > limit,
    );
    const states = Object.entries(status.agents);
    const others = states.filter(([state, number]) => state !== "available" && number);
    const free = status.agents.available || 0;
    this.agents.show(
      states.length ? count(free) : "–",
      states.length ? others.map(([state, number]) => `${count(number)} ${state}`).join(", ") : "not reported",
      states.length > 0 && free === 0 && row.waiting > 0,
    );
    this.calls.show(count(status.open_calls), `${count(row.offered)} offered in ${row.window}`);
  }
}

class AlertItem {
  constructor() {
    this.icon = icon();
    this.title = element("strong");
    this.where = element("span", "where");
    this.detail = element("span", "detail");
    this.fine = element("span", "fine");
    this.node = element("li", "", this.icon, element("div", "", this.title, this.where, this.detail, this.fine));
  }

  show(alert, status) {
    const { measure, state } = alert;
    this.node.id = `alert-${alert.key}`;
    const isBlind = alert.notice !== null && alert.notice.deadline_ms === null;
    const isUnseen = isBlind && state === "firing";
    setClass(this.node, isUnseen ? `alert ${state} unseen-now` : `alert ${state}`);
    setIcon(this.icon, isUnseen ? "blind" : ICONS[state]);
    if (alert.notice !== null) {
      this.#showNotice(alert, status);
      return;
    }
    setText(this.title, `${MEASURES[measure].title} ${measureText(measure, alert.value, alert.limit)}`);
    setText(this.where, scopeText(alert.scope, status.organization));
    const since = `${instantText(alert.breached_ms, status.at_ms)} (${ago(status.at_ms - alert.breached_ms)})`;
    const words = {
      firing: `Firing, breached since ${since}`,
      pending: `Breached since ${since}, not yet for long enough to fire`,
      resolved: `Resolved ${ago(status.at_ms - (alert.resolved_ms || status.at_ms))}, breached at ${since}`,
    };
    setText(this.detail, words[state]);
    const limit = limitText(measure, alert.limit);
    setText(this.fine, `${limit}, ${windowText(alert.window)} · ${alert.rule} · ${alert.severity}`);
  }

  #showNotice(alert, status) {
    const { notice, state } = alert;
    const at = (milliseconds) => instantText(milliseconds, status.at_ms);
    const isMissed = alert.rule === "CallCenterDeadlineMissed";
    let title = isMissed ? "Deadline missed" : sentence(notice.what);
    if (notice.threat) title = `Deadline at risk: ${likelyText(notice.threat.miss_ppm)} to be missed`;
    setText(this.title, title);
    setText(this.where, notice.contract);
    const since = `${at(alert.breached_ms)} (${ago(status.at_ms - alert.breached_ms)})`;
    const end = notice.restored_ms === null ? "" : `, restored at ${at(notice.restored_ms)}`;
    const deadline = notice.deadline_ms === null ? "" : `, deadline ${at(notice.deadline_ms)}`;
    const resolved = `Resolved ${ago(status.at_ms - (alert.resolved_ms || status.at_ms))}${end}`;
    setText(this.detail, state === "resolved" ? resolved : `Firing, since ${since}${deadline}`);
    setText(this.fine, [notice.evidence, alert.rule, alert.severity].filter(Boolean).join(" · "));
  }
}

export class Alerts {
  #items = new Map();

  show(alerts, status) {
    const nodes = alerts.map((alert) => {
      if (!this.#items.has(alert.key)) this.#items.set(alert.key, new AlertItem());
      const item = this.#items.get(alert.key);
      item.show(alert, status);
      return item.node;
    });
    const keys = new Set(alerts.map((alert) => alert.key));
    for (const key of this.#items.keys()) if (!keys.has(key)) this.#items.delete(key);
    setChildren(byId("alerts"), nodes);
    const number = (state) => alerts.filter((alert) => alert.state === state).length;
    const open = number("firing") + number("pending");
    byId("no-alerts").hidden = open > 0;
    setText(byId("alerts-title"), open ? `Alerts (${open})` : "Alerts");
    return { alerts: open, firing: number("firing") };
  }
}

class SourceItem {
  constructor() {
    this.icon = icon();
    this.name = element("strong");
    this.detail = element("span", "detail");
    this.node = element("li", "", this.icon, element("div", "", this.name, this.detail));
  }

  show(source, atMs) {
    const words = new Map([[true, "connected"], [false, "not connected"]]);
    let state = new Map([[true, "met"], [false, "breached"]]).get(source.is_connected);
    if (state === "met" && source.is_seen === false) state = "blind";
    setClass(this.node, `source ${state || "insufficient"}`);
    setIcon(this.icon, state || "insufficient");
    setText(this.name, source.name);
    const last = source.last_event_ms;
    const parts = [
      words.get(source.is_connected) || "connection unknown",
      last === null ? "no event yet" : `last event ${ago(atMs - last)}`,
      plural(source.events_total, "event"),
    ];
    if (source.is_connected && source.is_seen === false) parts.splice(1, 0, "silent: not seen");
    const missing = Math.max(source.gaps_total, source.missing || 0);
    if (missing) parts.push(`${count(missing)} never came`);
    setText(this.detail, parts.join(" · "));
  }
}

export class Sources {
  #items = new Map();

  show(status) {
    const nodes = status.sources.map((source) => {
      if (!this.#items.has(source.name)) this.#items.set(source.name, new SourceItem());
      const item = this.#items.get(source.name);
      item.show(source, status.at_ms);
      return item.node;
    });
    setChildren(byId("sources"), nodes);
    byId("no-sources").hidden = nodes.length > 0;
    const refused = [...Object.entries(status.discards), ...Object.entries(status.quarantined)];
    const known = refused.filter(([, number]) => number > 0);
    byId("discards").hidden = known.length === 0;
    const words = known.map(([reason, number]) => `${count(number)} ${reason.replaceAll("_", " ")}`);
    setText(byId("discards"), `Not counted: ${words.join(", ")}`);
  }
}
