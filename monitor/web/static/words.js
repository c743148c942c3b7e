// Numbers and instants as people read them. A figure is never rounded onto a limit that it misses:
// 2:00.3 is shown with its tenth, and 79.96 % with as many digits as it takes.

export const MEASURES = {
  average_hold: { title: "Average hold", limitWord: "at most" },
  service_level: { title: "Service level", limitWord: "at least" },
  disconnect_ratio: { title: "Disconnects", limitWord: "at most" },
};

export const STATES = {
  met: "Met",
  breached: "Breached",
  insufficient: "Too few calls",
  closed: "Closed",
  blind: "Not seen",
};

const WHOLE = new Intl.NumberFormat("en-US");
const UNITS = { s: "second", m: "minute", h: "hour" };

export function count(number) {
  return WHOLE.format(number);
}

export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function hold(seconds, limit) {
  if (seconds === null) return "–";
  const rounded = Math.round(seconds);
  if (limit === undefined || rounded !== limit || seconds === limit) return duration(rounded);
  for (let digits = 1; digits <= 3; digits += 1) {
    const shown = seconds.toFixed(digits);
    if (Number(shown) !== limit) {
      return `${duration(Number(shown))}${shown.slice(shown.indexOf("."))}`;
    }
  }
  return seconds > limit ? `>${duration(limit)}` : `<${duration(limit)}`;
}

function percent(ratio, limit) {
  if (ratio === null) return "–";
  const misses = (digits) =>
    limit === undefined || ratio === limit || Number((ratio * 100).toFixed(digits)) !== limit * 100;
  for (let digits = 1; digits <= 4; digits += 1) {
    if (misses(digits)) return `${(ratio * 100).toFixed(digits)} %`;
  }
  return `${ratio > limit ? ">" : "<"}${limit * 100} %`;
}

export function measureText(measure, value, limit) {
  return measure === "average_hold" ? hold(value, limit) : percent(value, limit);
}

export function limitText(measure, limit) {
  const bare = measure === "average_hold" ? duration(limit) : `${Number((limit * 100).toFixed(3))} %`;
  return `${MEASURES[measure].limitWord} ${bare}`;
}

// A probability in millionths, never rounded up: nothing is certain.
export function likelyText(ppm) {
  return `${Math.floor(ppm / 10000)} % likely`;
}

export function windowText(label) {
  const number = Number(label.slice(0, -1));
  const unit = UNITS[label.slice(-1)];
  return number === 1 ? `last ${unit}` : `last ${number} ${unit}s`;
}

export function ago(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

export function clockText(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString("en-GB", { hour12: false });
}

export function dateText(milliseconds) {
  const options = { weekday: "short", day: "numeric", month: "short", timeZoneName: "short" };
  return new Date(milliseconds).toLocaleDateString("en-GB", options);
}

// The instant as short as it stays clear: the date only when it is another day.
export function instantText(milliseconds, nowMilliseconds) {
  const then = new Date(milliseconds);
  const clock = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
  if (then.toDateString() === new Date(nowMilliseconds).toDateString()) return clock;
  return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}`;
}

export function scopeText(scope, organization) {
  const [kind, ...rest] = scope.split("/");
  if (kind === "organization") return organization;
  if (kind === "line") return `${rest.slice(1).join("/")}, ${rest[0]}`;
  const name = rest.join("/");
  if (kind !== "queue") return name;
  if (name === "") return "Calls that reached no queue";
  return name === "unconfigured" ? "Queues that are not configured" : name;
}
