// The parts of the page: on a wide screen the chat stays beside the chosen one, on a narrow one it is one of them.
import { byId, setText } from "./dom.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
let whenChosen = () => {};
const narrow = window.matchMedia("(max-width: 59.99rem)");

function choose(tab, focus = false) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    byId(one.getAttribute("aria-controls")).classList.toggle("chosen", chosen);
  }
  byId("side").scrollTop = 0;
  whenChosen();
  if (focus) tab.focus();
}

function shown() {
  return tabs.filter((tab) => narrow.matches || !tab.classList.contains("only-narrow"));
}

function move(event) {
  const row = shown();
  const place = row.indexOf(event.target);
  const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: row.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(row[(to + row.length) % row.length], true);
}

function fit() {
  const chosen = tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
  if (!chosen || !shown().includes(chosen)) choose(shown()[0]);
}

/** On a narrow screen, brings the chat to the front; on a wide one it is always there. */
export function showTheChat() {
  if (narrow.matches) choose(tabs[0]);
}

/** Sends a message to the page in the frame. */
export function askTheChat(relay) {
  const frame = byId("chat-frame");
  frame.contentWindow.postMessage({ relay }, new URL(frame.src).origin);
}

/** On a narrow screen, server, channel and person take one line until it is unfolded. */
export function wireWhere() {
  byId("where-fold").addEventListener("click", () => {
    const folded = byId("where").classList.toggle("folded");
    byId("where-fold").setAttribute("aria-expanded", String(!folded));
  });
}

/** Shows the chosen server, channel and person in that line. */
export function nameWhere(channel, person) {
  setText(byId("where-fold"), `${channel} as ${person} · Change`);
}

/** Wires the tabs; `chosen` is called whenever one is selected. */
export function wireTabs(chosen) {
  whenChosen = chosen;
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", move);
  }
  narrow.addEventListener("change", fit);
  fit();
}
