// Asks the daemon each second and shows what it says. When it cannot be asked, or its figures stand
// still, the page says so at its top and stops looking as if it knew.

import { Alerts, Now, Sources } from "./lists.js";
import { Outages } from "./outages.js";
import { byId, element, recall, remember, setClass, setText } from "./parts.js";
import { Table } from "./table.js";
import { History, Tiles } from "./tiles.js";
import { MEASURES, clockText, dateText, plural, windowText } from "./words.js";

const EVERY_MS = 1000;
const HIDDEN_EVERY_MS = 10000;
const TIMEOUT_MS = 4000;
const STALE_AFTER_MS = 5000;
const PREFERRED_WINDOW = "30m";

const history = new History();
const tiles = new Tiles(byId("tiles"));
const now = new Now(byId("now"));
const alerts = new Alerts();
const outages = new Outages();
const sources = new Sources();
const table = new Table(() => poll());

let chosenWindow = recall("window");
let lines = [];
let newest = { atMs: null, sinceMs: performance.now() };
let answeredMs = null;
let isAsking = false;
let isAskedAgain = false;
let timer = null;

async function ask(path, parameters) {
  const query = parameters ? `?${parameters}` : "";
  const answer = await fetch(`/api/v1/${path}${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function chooseWindow(labels) {
  if (!labels.includes(chosenWindow)) {
    chosenWindow = labels.includes(PREFERRED_WINDOW) ? PREFERRED_WINDOW : labels[0];
  }
  const parent = byId("windows");
  const shown = [...parent.querySelectorAll("input")].map((input) => input.value);
  if (shown.join() !== labels.join()) {
    parent.replaceChildren(parent.querySelector("legend"), ...labels.map(windowChoice));
  }
  for (const input of parent.querySelectorAll("input")) input.checked = input.value === chosenWindow;
}

function windowChoice(label) {
  const input = element("input");
  input.type = "radio";
  input.name = "window";
  input.value = label;
  input.addEventListener("change", () => {
    chosenWindow = label;
    remember("window", label);
    poll();
  });
  return element("label", "", input, element("span", "", label));
}

async function show() {
  const status = await ask("status");
  setText(byId("version"), `callcenter-monitor ${status.version}`);
  if (status.at_ms === null) {
    newest = { atMs: null, sinceMs: performance.now() };
    return status;
  }
  chooseWindow(status.windows);
  const windowLabel = chosenWindow;
  if (!lines.length) lines = await lineNames();
  const organizationOnly = new URLSearchParams({ scope: "organization" });
  const tableFilters = table.filters(status, lines);
  tableFilters.append("window", windowLabel);
  const [own, verdicts, rows, open, failed] = await Promise.all([
    ask("windows", organizationOnly),
    ask("verdicts", new URLSearchParams({ scope: "organization", window: windowLabel })),
    ask("windows", tableFilters),
    ask("alerts"),
    ask("outages"),
  ]);
  history.add(own.at_ms, own.windows);
  const judged = verdicts.verdicts;
  const limits = Object.fromEntries(judged.map((verdict) => [verdict.measure, verdict.limit]));
  tiles.show(judged, history, windowLabel);
  now.show(own.windows.find((row) => row.window === windowLabel), status, judged);
  table.show(rows.windows, limits, windowLabel);
  sources.show(status);
  const counts = { ...alerts.show(open.alerts, status), ...outages.show(failed, status) };
  showHeader(status, judged, rows.windows, counts, windowLabel);
  byId("main").hidden = false;
  lines = rows.windows.filter((row) => row.kind === "line").map((row) => row.scope);
  if (status.at_ms !== newest.atMs) newest = { atMs: status.at_ms, sinceMs: performance.now() };
  return status;
}

async function lineNames() {
  const answer = await ask("windows", new URLSearchParams({ scope: "line/*", window: chosenWindow }));
  return answer.windows.map((row) => row.scope);
}

function showHeader(status, verdicts, rows, { alerts: open, firing, open: failed, blind }, windowLabel) {
  setText(byId("organization"), status.organization);
  setText(byId("clock"), clockText(status.at_ms));
  byId("clock").dateTime = new Date(status.at_ms).toISOString();
  setText(byId("date"), dateText(status.at_ms));
  const breached = verdicts.filter((verdict) => verdict.state === "breached");
  const unjudged = verdicts.filter((verdict) => ["insufficient", "blind", "closed"].includes(verdict.state));
  const isBlind = verdicts.length > 0 && verdicts.every((verdict) => verdict.state === "blind");
  const names = breached.map((verdict) => MEASURES[verdict.measure].title.toLowerCase());
  const when = windowText(windowLabel);
  // The standards bind lines: a good average of the whole must not hide a line that is breached.
  const isBreached = (row) => row.kind === "line" && Object.values(row.verdicts).includes("breached");
  const lineCount = rows.filter(isBreached).length;
  // What is not seen is not met either.
  let words = blind.length ? `What is seen meets all standards in the ${when}` : `All standards met in the ${when}`;
  if (isBlind) words = "Nothing can be seen: no source is heard";
  else if (breached.length) words = `Breached in the ${when}: ${names.join(", ")}`;
  else if (lineCount) words = `Breached on ${plural(lineCount, "line")} in the ${when}, not over all`;
  else if (unjudged.length === verdicts.length) words = `Too few calls in the ${when} to judge`;
  else if (unjudged.length) words = `No breach in the ${when}; too few calls for some`;
  if (blind.length && !isBlind) words += ` · ${plural(blind.length, "contract")} not seen`;
  if (failed.length) words = `${plural(failed.length, "outage")} open · ${words}`;
  if (firing) words += ` · ${plural(firing, "alert")} firing`;
  setText(byId("overall"), words);
  const isBad = breached.length > 0 || lineCount > 0 || firing > 0 || failed.length > 0;
  setClass(byId("overall"), isBad ? "overall breached" : "overall");
  const mark = open ? `(${open}) ` : "";
  let state = breached.length || lineCount ? "Breached – " : "";
  if (failed.length) state = "Outage – ";
  document.title = `${mark}${state}${status.organization}`;
}

function showHealth(status) {
  const nowMs = performance.now();
  const problems = [];
  if (status === null) {
    const seen = newest.atMs === null ? "" : ` The figures below are those of ${clockText(newest.atMs)}.`;
    problems.push(`The monitor does not answer.${seen}`);
  } else if (newest.atMs !== null && nowMs - newest.sinceMs > STALE_AFTER_MS) {
    problems.push(`The figures stand still at ${clockText(newest.atMs)}.`);
  }
  const isStale = problems.length > 0;
  if (status) {
    const blind = (status.sources || []).filter((source) => source.is_connected === false);
    const names = blind.map((source) => source.name);
    const isSaid = (status.contracts || []).some((contract) => contract.blind_since_ms !== null);
    if (names.length && !isSaid) problems.push(`We cannot see ${names.join(", ")}: not connected.`);
    else if (status.not_ready.length) problems.push(`Not ready: ${status.not_ready.join("; ")}.`);
    if (status.at_ms === null) problems.push("No figures yet: the monitor is starting.");
  }
  byId("banner").hidden = problems.length === 0;
  setText(byId("banner"), problems.join(" "));
  document.body.classList.toggle("stale", isStale);
}

// One round at a time; what is asked for meanwhile follows at once.
async function poll() {
  if (isAsking) {
    isAskedAgain = true;
    return;
  }
  isAsking = true;
  clearTimeout(timer);
  let status = null;
  try {
    status = await show();
    answeredMs = performance.now();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
  }
  // A single failed question is no news yet.
  const isSilent = status === null && (answeredMs === null || performance.now() - answeredMs > STALE_AFTER_MS);
  if (status !== null || isSilent) showHealth(status);
  isAsking = false;
  const waitMs = document.hidden ? HIDDEN_EVERY_MS : EVERY_MS;
  timer = setTimeout(poll, isAskedAgain ? 0 : waitMs);
  isAskedAgain = false;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) poll();
});
poll();
