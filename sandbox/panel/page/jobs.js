// The list of jobs: state, time line, and what can be done to each.
import { byId, clock, element, keepChildren, setOptions, setText } from "./dom.js";
import { actAndSay, copy } from "./switches.js";

const ENDED = new Set(["completed", "failed", "moderated", "cancelled"]);

function doing(label, control, { jobid }) {
  const button = element("button", { type: "button", textContent: label });
  button.addEventListener("click", () => actAndSay(control, { jobid }, button));
  return button;
}

function makeJob(job, transitions) {
  const change = element("select", { name: "to" });
  setOptions(change, transitions.map((name) => [name, name]));
  const changing = element("form", { className: "joined" }, element("label", {}, "Change to ", change), element("button", {}, "Apply"));
  changing.dataset.do = "job-change";
  changing.append(element("input", { type: "hidden", name: "jobid", value: job.jobid }));

  const copying = element("button", { type: "button", textContent: "Copy id" });
  copying.addEventListener("click", () => copy(job.jobid, "the job's id"));
  const asking = doing("Ask in the chat", "job-ask", job);
  const telling = doing("Send its callback", "callback-send", job);

  return element(
    "li",
    { className: "job" },
    element("p", { className: "prompt" }),
    element("p", { className: "state" }, element("strong"), element("span", { className: "quiet" })),
    element("p", { className: "id" }, element("code")),
    element("p", { className: "row" }, copying, asking),
    element("details", {}, element("summary", {}, "Timeline and manual changes"), element("ol", { className: "line" }), changing, element("p", { className: "row" }, telling)),
  );
}

function changeJob(row, job) {
  setText(row.querySelector(".prompt"), job.prompt || "(no prompt)");
  setText(row.querySelector(".state strong"), job.percent === null ? job.status : `${job.status}, ${job.percent}%`);
  row.querySelector(".state strong").className = ENDED.has(job.status) ? `ended ${job.status}` : "";
  setText(row.querySelector("code"), job.shownId);
  row.dataset.ended = String(job.ended);
  row.dataset.next = job.coming.length ? JSON.stringify(job.coming[0]) : "";
  setText(row.querySelector(".state span"), next(row));
  const moments = [...job.history.map((moment) => [moment, ""]), ...job.coming.map((moment) => [moment, "coming"])];
  keepChildren(
    row.querySelector("ol"),
    moments,
    ([moment, when]) => `${moment.at} ${moment.status} ${moment.percent} ${when}`,
    ([moment, when]) => element("li", { className: when }, `${clock(moment.at)}  ${named(moment)}${when ? ", upcoming" : ""}`),
    () => {},
  );
}

function named(moment) {
  return moment.percent === null ? moment.status : `${moment.status}, ${moment.percent}%`;
}

function next(row) {
  if (!row.dataset.next) return "";
  const moment = JSON.parse(row.dataset.next);
  const seconds = Math.max(0, Math.round((moment.at - Date.now()) / 1000));
  return seconds > 100000 ? "" : ` · next: ${named(moment)} in ${seconds} s`;
}

const NEWEST = 4;

export function showJobs(jobs, transitions) {
  keepChildren(byId("jobs"), jobs, (job) => job.jobid, (job) => makeJob(job, transitions), changeJob);
  byId("no-jobs").hidden = jobs.length > 0;
  [...byId("jobs").children].forEach((row, place) => {
    row.classList.toggle("past", place >= NEWEST && row.dataset.ended === "true");
  });
  nameFold();
}

function nameFold() {
  const count = byId("jobs").children.length;
  const folded = byId("jobs").classList.contains("folded");
  byId("jobs-fold").hidden = byId("jobs").querySelector(".past") === null;
  byId("jobs-fold").setAttribute("aria-expanded", String(!folded));
  setText(byId("jobs-fold"), folded ? `Show all ${count} jobs` : "Hide ended jobs");
}

/** Wires the button that shows or hides ended jobs. */
export function wireFold() {
  byId("jobs-fold").addEventListener("click", () => {
    byId("jobs").classList.toggle("folded");
    nameFold();
  });
}

/** Updates the countdowns. */
export function tickJobs() {
  for (const row of byId("jobs").children) setText(row.querySelector(".state span"), next(row));
}
