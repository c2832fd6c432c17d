// Stands beside SimCord's own scripts inside the panel. The chat stays at its end, as Discord's does, until somebody
// scrolls away from there, and follows again once they are back. What went wrong is written above it.
const timeline = document.getElementById("channel-timeline");
const newMessages = document.getElementById("new-messages");
const NEAR = 60;
let follows = true;

function toTheEnd() {
  if (follows) timeline.scrollTop = timeline.scrollHeight;
}

function lookWhereWeAre() {
  follows = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < NEAR;
}

for (const kind of ["wheel", "touchmove", "keyup", "pointerup"]) {
  timeline.addEventListener(kind, () => requestAnimationFrame(lookWhereWeAre), { passive: true });
}
// SimCord puts the chat back to where it was when a message has grown: unless somebody scrolls just now, it goes on to
// its end all the same.
const SCROLLING_MS = 500;
let scrolledAt = -SCROLLING_MS;
for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
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

// SimCord says what went wrong for as long as nothing else happens in the channel: the copy stays until the next action.
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

// SimCord has no menu for messages: a button on the message under the pointer or with the focus stands in for Discord's
// Apps menu, and the page around this one uses the command.
const menu = document.createElement("button");
menu.type = "button";
menu.id = "message-menu";
menu.textContent = "Apps: Watch PixVerse jobs";
menu.hidden = true;
document.body.append(menu);
let menuOf = null;

function offerMenu(event) {
  if (menu.contains(event.target)) return;
  menuOf = event.target.closest?.(".channel-message") ?? null;
  menu.hidden = menuOf === null;
  if (menuOf === null) return;
  const box = menuOf.getBoundingClientRect();
  menu.style.top = `${Math.max(box.top, timeline.getBoundingClientRect().top) + 2}px`;
}

document.addEventListener("pointerover", offerMenu);
document.addEventListener("focusin", offerMenu);
timeline.addEventListener("scroll", () => { menu.hidden = true; }, { passive: true });
menu.addEventListener("click", () => {
  if (menuOf) parent.postMessage({ relay: "message-menu", message: menuOf.dataset.messageId }, "*");
});

window.addEventListener("message", (event) => {
  if (event.source !== parent || event.data?.relay !== "focus-message-box") return;
  document.getElementById("channel-composer-input")?.focus();
});

// SimCord's list of choices has its first one chosen from the beginning, and Enter takes it. Whoever has written one of
// them to the letter, such as a whole id, and did not go into the list, means what is written: Enter sends it.
let wentIntoTheList = false;
document.addEventListener("input", () => { wentIntoTheList = false; });
document.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") wentIntoTheList = true;
  if (event.key !== "Enter" || event.isComposing || wentIntoTheList) return;
  const field = event.target;
  if (!field.matches?.(".command-option-input[aria-expanded=true]")) return;
  const choices = document.querySelectorAll("#command-suggestion-listbox [role=option]");
  if (![...choices].some((choice) => choice.dataset.value === field.value.trim())) return;
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));  // closes it
}, { capture: true });
