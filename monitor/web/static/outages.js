// What nobody may overlook: open outages with the time that is left, and what we cannot see. The
// countdown ticks by this browser's clock between two answers, from the instant of the figures.

import { byId, element, setChildren, setClass, setText } from "./parts.js";
import { duration, instantText, likelyText, plural } from "./words.js";

const TICK_MS = 250;
const NAMES_SHOWN = 5;
const TRANSITIONS_SHOWN = 8;
// Told at every step of the ladder; the countdown says the same.
const UNTOLD = new Set(["ladder", "noted", "forecast", "evidence"]);
const CAUSES = ["demand", "staffing", "technology"];
const STEPS = {
  opened: "noticed",
  declared: "declared by hand",
  partial: "partly back",
  recovering: "recovering",
  relapsed: "relapsed",
  missed: "deadline passed",
  restored: "restored",
};

function names(list) {
  const shown = list.slice(0, NAMES_SHOWN).join(", ");
  return list.length > NAMES_SHOWN ? `${shown} and ${list.length - NAMES_SHOWN} more` : shown;
}

// The banner names the contract, so its lines go without; sums of lines say no more than they.
function lineNames(scopes) {
  const lines = scopes.filter((scope) => scope.startsWith("line/"));
  return lines.map((scope) => scope.split("/").slice(2).join("/"));
}

function lengthText(milliseconds) {
  const minutes = Math.ceil(milliseconds / 60000);
  return minutes === 1 ? "1 more good minute" : `${minutes} more good minutes`;
}

// When it will be restored, as likely as that is told, and what it would take.
function outlookText(threat, at) {
  const by = (share, milliseconds) => (milliseconds === null ? null : `${share} by ${at(milliseconds)}`);
  const quantiles = [by("10 %", threat.p10_ms), by("50 %", threat.p50_ms), by("90 %", threat.p90_ms)];
  const known = quantiles.filter(Boolean);
  const parts = [known.length ? `Restored: ${known.join(", ")}` : "When it is restored cannot be seen yet"];
  if (threat.agents_more) {
    parts.push(`${plural(threat.agents_more, "more agent")} needed from ${at(threat.agents_from_ms)}`);
  }
  return parts.join(" · ");
}

class Outage {
  constructor() {
    this.title = element("h2", "");
    this.state = element("p", "outage-state");
    this.evidence = element("p", "outage-evidence");
    this.lines = element("p", "outage-lines");
    this.outlook = element("p", "outage-outlook");
    this.causes = element("dl", "causes");
    this.steps = element("ol", "steps");
    this.left = element("p", "countdown");
    this.leftNote = element("p", "countdown-note");
    this.deadline = element("p", "countdown-note");
    this.likely = element("p", "likely");
    this.node = element(
      "article",
      "outage",
      element(
        "div",
        "outage-text",
        this.title,
        this.state,
        this.evidence,
        this.lines,
        this.outlook,
        this.causes,
        this.steps,
      ),
      element("div", "outage-clock", this.left, this.leftNote, this.deadline, this.likely),
    );
    this.left.setAttribute("role", "timer");
    this.causes.setAttribute("aria-label", "Evidence of causes");
  }

  show(outage, atMs) {
    const at = (milliseconds) => instantText(milliseconds, atMs);
    const isRecovering = outage.state === "recovering";
    setClass(this.node, `outage ${outage.state}`);
    this.node.id = `outage-${outage.id}`;
    const since = at(outage.onset_ms);
    const title = isRecovering ? `outage since ${since}, ${outage.what}` : `${outage.what} since ${since}`;
    setText(this.title, `${outage.contract}: ${title}`);
    let state = `Outage, noticed at ${at(outage.opened_ms)}`;
    if (isRecovering) {
      state = `Recovering since ${at(outage.well_since_ms)}`;
      if (outage.well_lacking_ms) state += `, needs ${lengthText(outage.well_lacking_ms)}`;
      else if (outage.well_lacking_ms === 0) state += ", needs more answered calls";
    }
    if (outage.relapses) state += ` · relapsed ${outage.relapses === 1 ? "once" : `${outage.relapses} times`}`;
    if (outage.blind_since_ms !== null) state += ` · not seen since ${at(outage.blind_since_ms)}, the clock runs on`;
    setText(this.state, state);
    const words = outage.evidence_words;
    setText(this.evidence, words ? `Noticed by: ${words}` : "");
    const touched = lineNames(outage.touched);
    const now = lineNames(outage.lines);
    const still = now.length && now.length < touched.length ? ` · still: ${names(now)}` : "";
    setText(this.lines, touched.length ? `Lines: ${names(touched)}${still}` : "");
    const { threat } = outage;
    const isAhead = threat !== null && outage.remaining_ms > 0;
    setText(this.likely, isAhead ? `${likelyText(threat.miss_ppm)} to be missed` : "");
    setText(this.outlook, threat === null ? "" : outlookText(threat, at));
    this.#showCauses(outage.causes);
    this.#showSteps(outage, at);
    const late = outage.effective_deadline_ms < outage.deadline_ms;
    const last = late ? `, last open time before it ends ${at(outage.effective_deadline_ms)}` : "";
    setText(this.deadline, `Deadline ${at(outage.deadline_ms)}${last}`);
    this.remainingMs = outage.remaining_ms;
  }

  // Evidence, and no finding: what stands out comes with a mark, and its figures in any case.
  #showCauses(causes) {
    const rows = CAUSES.map((name) => ({ name, cause: causes === null ? null : causes[name] }));
    const texts = rows.map(({ cause }) => (cause === null ? "not known" : cause.words));
    const marks = rows.map(({ cause }) => (cause !== null && cause.signs.length ? "cause stands-out" : "cause"));
    if (this.causes.children.length === 0) {
      const row = (name) => element("div", "", element("dt", "", name), element("dd", ""));
      this.causes.append(...CAUSES.map(row));
    }
    this.causes.hidden = rows.every(({ cause }) => cause === null);
    [...this.causes.children].forEach((node, index) => {
      setClass(node, marks[index]);
      setText(node.lastElementChild, texts[index]);
    });
  }

  #showSteps(outage, at) {
    const told = outage.transitions.filter((step) => !UNTOLD.has(step.kind));
    const steps = [{ at_ms: outage.onset_ms, word: "began" }];
    steps.push(...told.map((step) => ({ at_ms: step.at_ms, word: STEPS[step.kind] || step.kind })));
    const shown = steps.length > TRANSITIONS_SHOWN ? [steps[0], ...steps.slice(1 - TRANSITIONS_SHOWN)] : steps;
    const texts = shown.map((step) => `${at(step.at_ms)} ${step.word}`);
    const old = [...this.steps.children].map((node) => node.textContent);
    if (texts.join("\n") !== old.join("\n")) {
      this.steps.replaceChildren(...texts.map((text) => element("li", "", text)));
    }
  }

  tick(elapsedMs) {
    const leftMs = this.remainingMs - elapsedMs;
    const isPast = leftMs < 0;
    setText(this.left, duration(Math.abs(leftMs) / 1000));
    setText(this.leftNote, isPast ? "past the deadline to restore" : "left to restore");
    this.node.classList.toggle("past", isPast);
  }
}

export class Outages {
  #shown = new Map();
  #sinceMs = performance.now();
  #atMs = null;

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
  }

  // Returns the open outages and the contracts that cannot be seen.
  show(answer, status) {
    const open = answer.outages.filter((outage) => outage.is_open);
    if (answer.at_ms !== this.#atMs) {
      this.#atMs = answer.at_ms;
      this.#sinceMs = performance.now();
    }
    const nodes = open.map((outage) => {
      if (!this.#shown.has(outage.id)) this.#shown.set(outage.id, new Outage());
      const item = this.#shown.get(outage.id);
      item.show(outage, answer.at_ms);
      return item.node;
    });
    const ids = new Set(open.map((outage) => outage.id));
    for (const id of this.#shown.keys()) if (!ids.has(id)) this.#shown.delete(id);
    setChildren(byId("outages"), nodes);
    byId("outages").hidden = nodes.length === 0;
    this.#tick();
    return { open, blind: this.#showBlind(status) };
  }

  #showBlind(status) {
    const blind = status.contracts.filter((contract) => contract.blind_since_ms !== null);
    const node = byId("blind");
    node.hidden = blind.length === 0;
    if (blind.length) {
      const since = Math.min(...blind.map((contract) => contract.blind_since_ms));
      const silent = status.sources.filter((source) => source.is_seen === false);
      const from = silent.length ? `: nothing is heard from ${names(silent.map((source) => source.name))}` : "";
      const who = names(blind.map((contract) => contract.contract));
      const title = `We cannot see ${who} since ${instantText(since, status.at_ms)}${from}.`;
      const number = `${plural(blind.length, "contract")} of ${status.contracts.length}`;
      setText(byId("blind-title"), title);
      setText(byId("blind-note"), `${number}: neither working nor an outage is known. A clock that runs goes on.`);
    }
    return blind;
  }

  #tick() {
    const elapsedMs = performance.now() - this.#sinceMs;
    for (const item of this.#shown.values()) item.tick(elapsedMs);
  }
}
