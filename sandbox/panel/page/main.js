// The page of the sandbox: wires the switches and keeps what is shown up to date.
import { showJobs, tickJobs, wireFold } from "./jobs.js";
import {
  showBot, showChat, showLog, showLogsEnd, showNothingIsKnown, showPixverse, showPlaces, showTraffic,
} from "./sections.js";
import { say, wireSwitches } from "./switches.js";
import { wireTabs } from "./tabs.js";

wireTabs(showLogsEnd);
wireFold();
const offered = await wireSwitches();

const SHOW = {
  places: showPlaces,
  chat: showChat,
  bot: showBot,
  pixverse: showPixverse,
  jobs: (jobs) => showJobs(jobs, offered.transitions),
  traffic: showTraffic,
  log: showLog,
};

const events = new EventSource("/events");
for (const [name, show] of Object.entries(SHOW)) {
  events.addEventListener(name, (event) => show(JSON.parse(event.data)));
}
let isLost = false;
events.addEventListener("error", () => {
  isLost = true;
  say("The sandbox does not answer. Is it still running in its terminal?", true);
  showNothingIsKnown();
});
events.addEventListener("open", () => {
  if (isLost) say("The sandbox answers again.");
  isLost = false;
});
setInterval(tickJobs, 1000);
document.documentElement.dataset.ready = "true";
