// Shows the server's data on the page, except the jobs.
import { byId, clock, element, keepChildren, setOptions, setText } from "./dom.js";
import { isSeveral, shards } from "./processes.js";
import { nameWhere } from "./tabs.js";

function live(name) {
  return document.querySelector(`select[data-live="${name}"]`);
}

function named(list) {
  return list.map(({ id, name }) => [id, name]);
}

export function showPlaces(places) {
  setOptions(live("server"), named(places.servers), places.server);
  setOptions(live("channel"), places.botIsIn ? named(places.channels) : [], places.channel);
  setOptions(live("person"), named(places.people), places.person);
  const channel = places.channels.find(({ id }) => id === places.channel);
  nameWhere(channel ? channel.name : "No channel", places.personName);
  live("upload-limit").value = places.uploadLimit;
  live("person-language").value = places.personLanguage;
  live("server-language").value = places.serverLanguage;
  setText(byId("post-faults-left"), waiting(places.faults));
  showPermissions(places);
  document.querySelector("[data-press='bot-remove']").disabled = !places.botIsIn;
  document.querySelector("[data-press='bot-add']").disabled = places.botIsIn;
}

/** Updates the boxes only if the permissions have changed, so that unsaved changes stay. */
function showPermissions(places) {
  const holds = JSON.stringify([places.channel, places.permissions]);
  const boxes = byId("permissions");
  if (boxes.dataset.holds === holds) return;
  boxes.dataset.holds = holds;
  for (const box of boxes.querySelectorAll("input")) box.checked = places.permissions.includes(box.value);
}

function waiting(faults) {
  return faults ? `${faults} left` : "";
}

export function showChat({ url, note }) {
  const frame = byId("chat-frame");
  if (frame.dataset.url !== url) {
    frame.dataset.url = url;
    byId("chat-loading").hidden = url === "";
    frame.src = url || "about:blank";
  }
  byId("chat-note").hidden = url !== "";
  setText(byId("chat-note").querySelector("p"), note);
  byId("chat-note").querySelector("form").hidden = note !== "The chat is closed.";
}

export function showBot(bot) {
  const chip = byId("bot-chip");
  const [state, words] = stateOf(bot);
  chip.dataset.state = state;
  setText(chip, words);
  byId("bot-is-dead").hidden = bot.running || bot.starts === 0;
  const process = bot.running ? `Process ${bot.pid}, started ${times(bot.starts)}.` : ended(bot.exitCode);
  setText(byId("bot-state"), process);
  document.querySelector("[data-press='bot-start']").disabled = bot.running;
  document.querySelector("[data-press='bot-kill']").disabled = !bot.running;
  showGateway(bot.gatewayClosed);
}

export function showScene({ text, needsToken }) {
  setText(byId("scene"), text);
  byId("scene-token").hidden = !needsToken;
}

function stateOf(bot) {
  if (!bot.running) return ["bad", "The bot isn't running"];
  if (bot.connected) return ["well", "The bot is online"];
  if (bot.gatewayClosed) return ["bad", "The gateway is closed"];
  return ["waits", isSeveral() ? `${shards(bot.shardsAway)} without a process …` : "The bot is connecting …"];
}

function showGateway(isClosed) {
  for (const button of document.querySelectorAll("[data-press='gateway']")) {
    button.disabled = (button.dataset.withGateway === "open") !== isClosed;
  }
  setText(byId("gateway-hint"), isClosed
    ? "Closed: commands don't reach the bot, but results are still posted. Open lets it reconnect."
    : "After Close the bot stays away until you press Open. From the others it recovers by itself.");
}

function times(count) {
  return count === 1 ? "once" : `${count} times`;
}

function ended(code) {
  if (code === null) return "Not started yet.";
  return code < 0 ? `Ended by signal ${-code}.` : `Ended with exit code ${code}.`;
}

const WRONG_WITH_ACCOUNT = { refused: "The token is refused", unpaid: "The account is unpaid" };

export function showPixverse(pixverse) {
  for (const name of ["api", "account", "speed"]) live(name).value = pixverse[name];
  setText(byId("api-faults-left"), waiting(pixverse.faults));
  setText(byId("callbacks"), pixverse.callbacks);
  const chip = byId("api-chip");
  const trouble = pixverse.api !== "on" || pixverse.account !== "ok" || pixverse.faults > 0;
  chip.dataset.state = trouble ? "bad" : "well";
  const ofAccount = pixverse.api === "on" ? WRONG_WITH_ACCOUNT[pixverse.account] : undefined;
  setText(chip, trouble ? (ofAccount ?? "PixVerse has problems") : "PixVerse is fine");
  const count = `${pixverse.askedLastMinute} in the last minute, ${pixverse.asked} in total`;
  setText(byId("traffic-sum"), `Requests to the PixVerse API: ${count}.`);
}

export function showTraffic(lines) {
  const seen = new Map();
  const keyed = lines.toReversed().map((line) => {
    const key = `${line.at} ${line.to} ${line.method} ${line.path}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return { ...line, key: `${key} ${seen.get(key)}` };
  });
  keepChildren(byId("requests"), keyed.reverse(), (line) => line.key, makeLine, changeLine);
}

function makeLine(line) {
  return element(
    "tr",
    { className: line.to === "PixVerse" && line.method === "GET" ? "polling" : "" },
    element("td", {}, clock(line.at)),
    element("td", {}, line.to),
    element("td", { className: "status" }),
    element("td", { className: "request", title: line.path }, element("b", {}, line.method), ` ${line.shown}`),
  );
}

function changeLine(row, line) {
  const status = row.querySelector(".status");
  setText(status, line.status === null ? "none" : String(line.status));
  status.classList.toggle("bad", line.status === null || line.status >= 400);
}

export function showLog(lines) {
  const log = byId("log");
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  setText(log, lines.join("\n"));
  if (atEnd) showLogsEnd();
}

/** Scrolls the log to its end. It is also called when the log is shown, because a hidden element can't scroll. */
export function showLogsEnd() {
  const log = byId("log");
  log.scrollTop = log.scrollHeight;
}

/** Called when the sandbox has stopped and the state of bot and API is unknown. */
export function showNothingIsKnown() {
  for (const name of ["bot-chip", "api-chip"]) {
    byId(name).dataset.state = "waits";
    setText(byId(name), "The sandbox has stopped");
  }
}
