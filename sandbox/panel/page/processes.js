// The list of the bot's processes, where several share one database.
import { byId, element, keepChildren, setOptions, setText } from "./dom.js";

let count = 0;

export function isSeveral() {
  return count > 0;
}

export function shards(number) {
  return number === 1 ? "1 shard" : `${number} shards`;
}

export function showProcesses(processes) {
  count = processes.length;
  byId("single").hidden = isSeveral();
  for (const id of ["several", "log-of"]) byId(id).hidden = !isSeveral();
  if (!isSeveral()) return;
  setText(byId("try-kill-name"), "Kill a process midway");
  keepChildren(byId("processes"), processes, ({ name }) => name, make, change);
  const shown = processes.find(({ logShown }) => logShown);
  setOptions(byId("log-of").querySelector("select"), processes.map(({ name }) => [name, name]), shown.name);
}

function make({ name }) {
  const button = (control, label, className = "") => {
    const made = element("button", { type: "button", className, textContent: label });
    Object.assign(made.dataset, { press: control, withName: name });
    return made;
  };
  return element(
    "li",
    { className: "process" },
    element("p", {}, element("b", {}, `Process ${name}`), " ", element("span", { className: "state" })),
    element("p", { className: "holds" }),
    element("p", { className: "row" },
      button("process-kill", "Kill (-9)", "danger"), button("process-stop", "Stop"), button("process-start", "Start")),
  );
}

function change(item, process) {
  const isAlive = process.pid !== null;
  item.classList.toggle("here", process.servesHere);
  item.classList.toggle("gone", !isAlive && process.state !== "stopped");
  setText(item.querySelector(".state"), process.state);
  setText(item.querySelector(".holds"), isAlive ? holds(process) : "Holds nothing.");
  item.querySelector("[data-press='process-kill']").disabled = !isAlive;
  item.querySelector("[data-press='process-stop']").disabled = process.state !== "running";
  item.querySelector("[data-press='process-start']").disabled = isAlive;
}

function holds({ shards: held, servesHere, asks }) {
  const parts = [held.length === 0 ? "No shard" : `${held.length === 1 ? "Shard" : "Shards"} ${held.join(", ")}`];
  if (servesHere) parts.push("serves this server");
  if (asks) parts.push("polls the API");
  return `${parts.join(" · ")}.`;
}
