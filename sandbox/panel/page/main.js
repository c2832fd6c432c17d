// The page of the sandbox: wires the switches and keeps what is shown up to date.
import { byId } from "./dom.js";
import { showJobs, tickJobs, wireFold } from "./jobs.js";
import { showProcesses } from "./processes.js";
import {
  showBot, showChat, showLog, showLogsEnd, showNothingIsKnown, showPixverse, showPlaces, showScene, showTraffic,
} from "./sections.js";
import { actAndSay, say, wireSwitches } from "./switches.js";
import { askTheChat, showTheChat, wireTabs, wireWhere } from "./tabs.js";

wireTabs(showLogsEnd);
wireFold();
wireWhere();
const offered = await wireSwitches();

const SHOW = {
  places: showPlaces,
  chat: showChat,
  bot: showBot,
  processes: showProcesses,
  scene: showScene,
  pixverse: showPixverse,
  jobs: (jobs) => showJobs(jobs, offered.transitions),
  traffic: showTraffic,
  log: showLog,
};

byId("hide-polling").addEventListener("change", (event) => {
  byId("requests").classList.toggle("without-polling", event.target.checked);
});

const chatFrame = byId("chat-frame");
byId("skip-chat").addEventListener("click", (event) => {
  event.preventDefault();
  showTheChat();
  chatFrame.focus();
  askTheChat("focus-message-box");
});
/** Handles messages from the chat's page: that it is ready, and clicks on a message's menu. */
window.addEventListener("message", (event) => {
  if (event.source !== chatFrame.contentWindow || event.origin !== new URL(chatFrame.src).origin) return;
  if (event.data?.relay === "ready") byId("chat-loading").hidden = true;
  if (event.data?.relay === "message-menu") actAndSay("message-menu", { message: String(event.data.message) });
});

const events = new EventSource("/events");
for (const [name, show] of Object.entries(SHOW)) {
  events.addEventListener(name, (event) => show(JSON.parse(event.data)));
}
let isLost = false;
events.addEventListener("error", () => {
  isLost = true;
  say("The sandbox isn't responding. Is it still running in its terminal?", true);
  showNothingIsKnown();
});
events.addEventListener("open", () => {
  if (isLost) say("The sandbox is back.");
  isLost = false;
});
setInterval(tickJobs, 1000);
document.documentElement.dataset.ready = "true";
