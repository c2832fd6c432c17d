// Runs beside SimCord's scripts inside the panel. Like Discord's, the chat stays scrolled to its end until somebody
// scrolls away, and follows again once they scroll back. Errors are shown above it.
const timeline = document.getElementById("channel-timeline");
const newMessages = document.getElementById("new-messages");
const NEAR = 60;
let follows = true;
let readIn = null;  // the newest message at the last scroll: the chat doesn't move while somebody reads it

function newest() {
  return [...timeline.querySelectorAll(".channel-message")].at(-1);
}

/** The scroll position of the end, or of the newest message's top if the message is taller than the view. */
const ABOVE = 24;  // room for the message's buttons
function end() {
  const bottom = timeline.scrollHeight - timeline.clientHeight;
  const message = newest();
  if (message === undefined) return bottom;
  const head = message.getBoundingClientRect().top - timeline.getBoundingClientRect().top + timeline.scrollTop;
  return Math.min(bottom, Math.max(0, Math.floor(head) - ABOVE));
}

function toTheEnd() {
  const isRead = newest() === readIn && timeline.scrollTop > end();
  if (follows && !isRead && Math.abs(timeline.scrollTop - end()) > 1) timeline.scrollTop = end();
}

/** Scrolls to the result of what somebody sends, as Discord does. */
function goToTheNewest() {
  follows = true;
  readIn = null;
  scrolledAt = -SCROLLING_MS;
  if (!newMessages.hidden) newMessages.click();
  toTheEnd();
}

function lookWhereWeAre() {
  follows = timeline.scrollTop > end() - NEAR;
  readIn = newest();
}

for (const kind of ["wheel", "touchmove", "keyup", "pointerup"]) {
  timeline.addEventListener(kind, () => requestAnimationFrame(lookWhereWeAre), { passive: true });
}
// SimCord restores the scroll position when a message grows. Unless somebody is scrolling, scroll to the end instead.
const SCROLLING_MS = 500;
let scrolledAt = -SCROLLING_MS;
for (const kind of ["wheel", "touchmove", "keydown", "pointerdown", "focusin"]) {
  timeline.addEventListener(kind, () => { scrolledAt = performance.now(); }, { passive: true });
}
timeline.addEventListener("scroll", () => {
  if (performance.now() - scrolledAt < SCROLLING_MS) lookWhereWeAre();
  else toTheEnd();
}, { passive: true });
const resized = new ResizeObserver(toTheEnd);
resized.observe(timeline);
resized.observe(document.getElementById("channel-message-list"));
new MutationObserver(() => {
  if (follows && !newMessages.hidden) newMessages.click();
}).observe(newMessages, { attributeFilter: ["hidden"] });

// SimCord hides an error as soon as anything else happens in the channel. This copy stays until the next action.
const status = document.getElementById("action-status");
const trouble = document.createElement("p");
trouble.id = "trouble";
trouble.hidden = true;
status.after(trouble);
const BEGINS = /^(Completing|Sending|Saving|Deleting)/;
const WENT_WRONG = /not completed|uncertain|unavailable|outside this preview/;
new MutationObserver(() => {
  const said = status.textContent;
  if (BEGINS.test(said)) trouble.hidden = true;
  if (!WENT_WRONG.test(said)) return;
  trouble.textContent = said === "Action was not completed." ? "The bot did not answer." : said;
  trouble.hidden = false;
}).observe(status, { childList: true, characterData: true, subtree: true });

// The panel covers the chat until it is ready.
const layout = document.getElementById("channel-layout");
function tellWhenReady() {
  if (!layout.hidden) parent.postMessage({ relay: "ready" }, "*");
}
new MutationObserver(tellWhenReady).observe(layout, { attributeFilter: ["hidden"] });
tellWhenReady();

// SimCord has no message menu. A button beside Reply replaces Discord's Apps menu, and the panel runs the command.
function addMenu(message) {
  const toolbar = message.querySelector(".message-context-actions");
  if (toolbar === null || toolbar.querySelector(".message-menu")) return;
  const menu = document.createElement("button");
  menu.type = "button";
  menu.className = "message-menu";
  menu.textContent = "Apps: Watch PixVerse jobs";
  menu.addEventListener("click", () => parent.postMessage({ relay: "message-menu", message: message.dataset.messageId }, "*"));
  toolbar.append(menu);
}

// As in Discord, a click on a command mention puts the command into the message box.
const box = document.getElementById("channel-composer-input");
function writeCommand(mention) {
  if (!box.isConnected) return;
  box.value = mention.textContent;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}
function makePressable(mention) {
  mention.tabIndex = 0;
  mention.setAttribute("role", "button");
}
for (const kind of ["click", "keydown"]) {
  timeline.addEventListener(kind, (event) => {
    const mention = event.target.closest?.("span.command-mention");
    if (!mention || (kind === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    writeCommand(mention);
  });
}

// Updates relative times such as "5 seconds ago", which SimCord writes only once.
const RELATIVE = /^(?:in .+|.+ ago|now|yesterday|tomorrow|(?:this|last|next) .+)$/;
const UNITS = [["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat("en-US", { numeric: "auto" });
function renew(time) {
  const text = time.firstChild;
  if (text === null || !RELATIVE.test(text.data)) return;
  const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? UNITS.at(-1);
  const now = words.format(Math.round(seconds / length), unit);
  if (text.data !== now) text.data = now;
}
setInterval(() => { for (const time of timeline.querySelectorAll("time.discord-timestamp")) renew(time); }, 1000);

// A message that is replaced after a click, such as a list's next page, keeps the focus. Without buttons, the
// message box gets it.
let pressed = null;
timeline.addEventListener("click", (event) => {
  const button = event.target.closest?.(".component-button");
  const message = button?.closest(".channel-message");
  pressed = message ? { id: message.dataset.messageId, label: button.textContent } : null;
});
document.addEventListener("focusin", (event) => {
  if (pressed !== null && event.target.closest?.(".channel-message")?.dataset.messageId !== pressed.id) pressed = null;
});
function isNowhere() {
  return document.hasFocus() && (document.activeElement === null || document.activeElement === document.body);
}
function keepTheKeyboard() {
  if (pressed === null || !isNowhere()) return;
  const message = timeline.querySelector(`.channel-message[data-message-id="${pressed.id}"]`);
  if (message === null) return;
  const buttons = [...message.querySelectorAll(".component-button")];
  const usable = buttons.filter((button) => !button.disabled);
  if (buttons.length === 0) box.focus();
  else (usable.find((button) => button.textContent === pressed.label) ?? usable[0])?.focus();
}

function dress() {
  keepTheKeyboard();
  for (const message of timeline.querySelectorAll(".channel-message")) addMenu(message);
  for (const mention of timeline.querySelectorAll("span.command-mention:not([role])")) makePressable(mention);
}
new MutationObserver(dress).observe(timeline, { childList: true, subtree: true });
dress();

// The focus is where Discord puts it: in the first field of a form that opens, and in the message box after a command.
// An empty option shows its choices at once.
const form = document.getElementById("channel-composer");
const dialogs = document.getElementById("modal-root");
function goHome() {
  if (isNowhere() && dialogs.hidden) box.focus();
}
let isAsking = false;
new MutationObserver(() => {
  const isOpen = !dialogs.hidden && dialogs.childElementCount > 0;
  if (isOpen && !isAsking) {
    requestAnimationFrame(() => requestAnimationFrame(() => dialogs.querySelector("input, textarea")?.focus()));
  }
  if (isAsking && !isOpen) requestAnimationFrame(goHome);
  isAsking = isOpen;
}).observe(dialogs, { attributeFilter: ["hidden"], childList: true, subtree: true });
const offeredFor = new Set();
let hadACommand = false;
new MutationObserver(() => {
  const hasACommand = !box.isConnected;
  if (!hasACommand) offeredFor.clear();
  if (hadACommand && !hasACommand) requestAnimationFrame(goHome);
  hadACommand = hasACommand;
}).observe(form, { childList: true, subtree: true });
form.addEventListener("focusin", (event) => {
  const field = event.target;
  if (!field.matches(".command-option-input") || field.value !== "" || offeredFor.has(field.dataset.option)) return;
  offeredFor.add(field.dataset.option);
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

// SimCord rebuilds the command on every update, and loses the focus on a chosen channel.
let chosen = null;
document.addEventListener("focusin", (event) => {
  chosen = event.target.matches(".command-pill .command-mention") ? event.target.dataset.option : null;
});
new MutationObserver(() => {
  if (chosen !== null && isNowhere()) form.querySelector(`.command-mention[data-option="${chosen}"]`)?.focus();
}).observe(form, { childList: true, subtree: true });

form.addEventListener("submit", goToTheNewest);
window.addEventListener("message", (event) => {
  if (event.source !== parent) return;
  if (event.data?.relay === "focus-message-box") box.focus();
  if (event.data?.relay === "go-to-the-newest") goToTheNewest();
});

// SimCord preselects the first choice, and Enter takes it. If the text equals a choice, such as a whole id, and nobody
// has moved in the list, Enter sends the command instead. The same holds after a choice was taken, when SimCord opens
// the list again.
const YES_OR_NO = { True: "true", False: "false" };
let wentIntoTheList = false;
document.addEventListener("input", () => { wentIntoTheList = false; });
document.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") wentIntoTheList = true;
  if (event.key !== "Enter" || event.isComposing) return;
  const takesFromTheList = wentIntoTheList;
  wentIntoTheList = false;
  const field = event.target;
  if (takesFromTheList || !field.matches?.(".command-option-input[aria-expanded=true]")) return;
  const choices = [...document.querySelectorAll("#command-suggestion-listbox [role=option]")];
  const meant = YES_OR_NO[field.value] ?? field.value.trim();
  if (choices.length > 0 && !choices.some((choice) => choice.dataset.value === meant)) return;
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));  // closes it
}, { capture: true });
// Taking a choice with the mouse keeps the focus.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.("#command-suggestion-listbox [role=option]")) event.preventDefault();
});

// SimCord drops a command that is sent while it fetches choices, so it is sent again until SimCord takes it.
const AGAIN_MS = 100;
const PATIENCE_MS = 20_000;
let sending = 0;
function written(row) {
  return [...row.querySelectorAll(".command-option-input")].map((field) => `${field.dataset.option}=${field.value}`).join();
}
function keepSending() {
  clearInterval(sending);
  const row = form.querySelector(".command-row");
  if (row === null || row.querySelector(".command-pill.has-error")) return;
  goToTheNewest();
  const meant = written(row);
  const since = performance.now();
  sending = setInterval(() => {
    const isOver = !row.isConnected || row.querySelector(".command-chip:disabled, .has-error") || written(row) !== meant
      || performance.now() - since > PATIENCE_MS;
    if (isOver) clearInterval(sending);
    else if (!document.getElementById("send-message").disabled) form.requestSubmit();
  }, AGAIN_MS);
}
form.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key !== "Enter") return;
  if (event.target.matches?.(".command-mention")) {  // on a chosen channel, a click edits it and Enter sends
    event.preventDefault();
    event.stopPropagation();
    keepSending();
    return;
  }
  const takesAChoice = event.target.matches?.(".command-option-input[aria-expanded=true]");
  if (!takesAChoice && event.target.matches?.(".command-option-input, .command-chip")) setTimeout(keepSending);
}, { capture: true });
document.getElementById("send-message").addEventListener("click", () => setTimeout(keepSending));
