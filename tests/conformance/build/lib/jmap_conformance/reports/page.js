"use strict";

const { cases, runs } = JSON.parse(document.getElementById("runs").textContent);
const statuses = ["passed", "failed", "error", "not run", "not applicable"];
const form = document.getElementById("filter");

/* An element with attributes and children; text is only ever text. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function statusOf(run, id) {
  return run.results[id]?.status ?? "not run";
}

function drawTally() {
  const rows = [el("tr", {}, el("th", {}, "server"), ...statuses.map((each) => el("th", {}, each)), el("th", {}, "seconds"))];
  for (const run of runs) {
    const counts = statuses.map((status) => cases.filter((each) => statusOf(run, each.id) === status).length);
    const cells = [...counts, run.seconds].map((each) => el("td", {}, String(each)));
    rows.push(el("tr", {}, el("th", {}, run.server), ...cells));
  }
  document.getElementById("tally").append(...rows);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function explain(run, result) {
  const parts = [el("p", {}, el("b", {}, run.server), ": ", result.message)];
  for (const each of result.exchanges) {
    const headers = (fields) => Object.entries(fields).map(([name, value]) => `${name}: ${value}`).join("\n");
    parts.push(el("pre", {}, `${each.method} ${each.url}\n${headers(each.requestHeaders)}\n\n${pretty(each.request)}`));
    parts.push(el("pre", {}, `${each.status}\n${headers(each.headers)}\n\n${pretty(each.response)}`));
  }
  if (result.curl) parts.push(el("pre", {}, result.curl));
  return parts;
}

function draw(each) {
  const marks = runs.map((run) => {
    const status = statusOf(run, each.id);
    return el("span", { class: `status ${status}`, title: run.server }, status);
  });
  const source = el("span", { class: "source" }, `${each.level.toUpperCase()} RFC ${each.rfc} §${each.section}`);
  const details = el("details", {}, el("summary", {}, ...marks, el("code", {}, each.id), source));
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    details.append(el("blockquote", {}, each.requirement), el("p", {}, `A failure means: ${each.means}`));
    for (const run of runs) {
      const result = run.results[each.id];
      if (result && result.message) details.append(...explain(run, result));
    }
  });
  return details;
}

function filter() {
  const text = form.elements.text.value.toLowerCase();
  const level = form.elements.level.value;
  const wanted = form.elements.status.value;
  let shown = 0;
  for (const [each, node, haystack] of drawn) {
    const found = runs.map((run) => statusOf(run, each.id));
    const fits = wanted === "differs" ? new Set(found).size > 1 : !wanted || found.includes(wanted);
    const visible = fits && (!level || each.level === level) && haystack.includes(text);
    node.hidden = !visible;
    shown += visible;
  }
  form.querySelector("output").textContent = `${shown} of ${cases.length}`;
}

const drawn = cases.map((each) => {
  const words = [each.id, each.requirement, each.section, ...runs.map((run) => run.results[each.id]?.message ?? "")];
  return [each, draw(each), words.join(" ").toLowerCase()];
});
drawTally();
document.querySelector("main").append(...drawn.map(([, node]) => node));
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
filter();
