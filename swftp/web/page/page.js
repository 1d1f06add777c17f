"use strict";

// The page asks for what is new every second while somebody looks.  Names come from clients: they are only ever text.

const EVERY = 1000, KEPT = 600;
const at = (id) => document.getElementById(id);

const size = (bytes) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let n = 0;
  while (bytes >= 1023.5 && n < units.length - 1) { bytes /= 1024; n += 1; }
  return `${n && bytes < 99.95 ? bytes.toFixed(1) : Math.round(bytes)} ${units[n]}`;
};
const rate = (bytes) => size(bytes) + "/s";
const latency = (seconds) => seconds < 1 ? `${+(seconds * 1000).toPrecision(2)} ms` : `${seconds.toFixed(1)} s`;
// What would hide or turn around text is written out: "photo\u202egnp.exe" is no picture.
const plain = (name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g,
  (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
const count = (number) => `${+number.toPrecision(3)}/s`;
const lasting = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds)), two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(whole / 86400), clock = `${Math.floor(whole / 3600) % 24}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return days ? `${days} d ${clock}` : clock;
};

const charts = [
  new Chart(at("chart-throughput"), [{ name: "in_rate", label: "up", ink: "in" }, { name: "out_rate", label: "down", ink: "out" }], rate, 1024),
  new Chart(at("chart-requests"), [{ name: "requests_rate", label: "requests", ink: "out" }, { name: "errors_rate", label: "errors", ink: "bad" }, { name: "refused_rate", label: "logins refused", ink: "warm" }], count, 1),
  new Chart(at("chart-store"), [{ name: "store_p50", label: "half", ink: "in" }, { name: "store_p95", label: "95 %", ink: "warm" }], latency, 0.01),
  new Chart(at("chart-memory"), [{ name: "memory", label: "used", ink: "out" }], size, 1 << 20),
];

// A list whose rows stay the same elements while what they show is there.
class Rows {
  constructor(id) {
    this.list = at(id);
    this.none = at(id + "-none");
    this.more = at(id + "-more");
    this.rows = new Map();
  }

  show(items, total) {
    const seen = new Set();
    for (const item of items) {
      seen.add(item.key);
      let row = this.rows.get(item.key);
      if (!row) { row = this.make(item); this.rows.set(item.key, row); this.list.append(row.element); }
      row.fill(item);
    }
    for (const [key, row] of this.rows) if (!seen.has(key)) { row.element.remove(); this.rows.delete(key); }
    this.none.hidden = items.length > 0;
    this.more.textContent = total > items.length ? `the first ${items.length} of ${total}` : items.length ? String(items.length) : "";
  }

  make(item) {
    const element = document.createElement("li");
    if (item.direction) element.className = item.direction;
    const name = element.appendChild(document.createElement("div"));
    name.className = "name";
    const bar = item.direction ? element.appendChild(document.createElement("progress")) : null;
    const facts = element.appendChild(document.createElement("div"));
    facts.className = "facts";
    return {
      element,
      fill(now) {
        name.textContent = now.name;
        if (bar) {
          bar.setAttribute("aria-label", now.name);
          if (now.share === null) bar.removeAttribute("value"); else bar.value = now.share;
        }
        while (facts.children.length < now.facts.length) facts.append(document.createElement("span"));
        now.facts.forEach((fact, n) => { if (facts.children[n].textContent !== fact) facts.children[n].textContent = fact; });
      },
    };
  }
}

const transfers = new Rows("transfers"), sessions = new Rows("sessions");
let points = [], number = 0, process = null;

const transferred = (session, one, n) => {
  const known = one.size !== null && one.size > 0, left = known && one.rate > 0 ? (one.size - one.bytes) / one.rate : null;
  return {
    key: `${session.session} ${n} ${one.direction} ${one.path}`,
    name: plain(one.path),
    direction: one.direction,
    share: one.closing ? 1 : known ? Math.min(1, one.bytes / one.size) : null,
    facts: [
      one.direction === "in" ? "▲ upload" : "▼ download",
      known ? `${size(one.bytes)} of ${size(one.size)} (${Math.min(100, Math.floor(one.bytes * 100 / one.size))} %)` : size(one.bytes),
      one.closing ? "the store confirms" : rate(one.rate),
      lasting(one.seconds) + (left !== null && left > 0 ? `, ${lasting(left)} left` : ""),
      `${plain(session.user)} from ${session.peer}`,
    ],
  };
};

const connected = (session, now) => ({
  key: session.session,
  name: plain(session.user),
  facts: [
    session.protocol.toUpperCase(),
    "from " + session.peer,
    "by " + session.method,
    "for " + lasting(now - session.since),
    "▲ " + size(session.bytes_in),
    "▼ " + size(session.bytes_out),
    session.transfers.length ? `${session.transfers.length} open` : "idle",
    session.session,
  ],
});

const show = (status) => {
  const begun = Math.round(status.now - status.uptime);
  if (process !== null && Math.abs(begun - process) > 5) points = [];  // it was started again
  process = begun;
  number = status.number;
  points = points.concat(status.points).slice(-KEPT);
  const last = points.length ? points[points.length - 1] : {};
  const badge = at("state");
  badge.textContent = status.state;
  badge.className = "badge " + status.state;
  at("about").textContent = `${status.version}, up ${lasting(status.uptime)}`;
  at("logins").textContent = status.logins;
  at("transfers-count").textContent = status.levels.transfers ?? 0;
  at("in").textContent = rate(last.in_rate || 0);
  at("out").textContent = rate(last.out_rate || 0);
  const errors = Math.round(points.reduce((sum, point) => sum + (point.errors_rate || 0), 0));
  at("errors").textContent = errors;
  at("errors").parentElement.classList.toggle("some", errors > 0);
  const latest = points.findLast((point) => point.store_p95 !== undefined);
  at("store").textContent = latest ? "≤ " + latency(latest.store_p95) : "–";
  at("memory").textContent = `${size(status.memory.used)} of ${size(status.memory.limit)}`;
  at("memory-meter").value = status.memory.used / status.memory.limit;
  const open = status.sessions.flatMap((session) => session.transfers.map((one, n) => transferred(session, one, n)));
  transfers.show(open, Math.max(open.length, status.levels.transfers ?? 0));
  sessions.show(status.sessions.map((session) => connected(session, status.now)), status.logins);
  for (const chart of charts) chart.draw(points);
};

let asking = false;
const ask = async () => {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(`status.json?since=${number}`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
  } catch (error) {
    at("state").textContent = "no answer";
    at("state").className = "badge lost";
  } finally {
    asking = false;
  }
};

document.addEventListener("visibilitychange", ask);
setInterval(ask, EVERY);
ask();
