// Stands beside SimCord's own scripts inside the panel. The chat stays at its end, as Discord's does, until somebody
// scrolls away from there, and follows again once they are back. What went well is not written above it.
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
const resized = new ResizeObserver(toTheEnd);
resized.observe(timeline);
resized.observe(document.getElementById("channel-message-list"));
new MutationObserver(() => {
  if (follows && !newMessages.hidden) newMessages.click();
}).observe(newMessages, { attributeFilter: ["hidden"] });

const status = document.getElementById("action-status");
const WENT_WELL = /^\s*$|updat|(?<!not )completed|…$/i;
new MutationObserver(() => {
  status.classList.toggle("went-well", WENT_WELL.test(status.textContent));
}).observe(status, { childList: true, characterData: true, subtree: true });
