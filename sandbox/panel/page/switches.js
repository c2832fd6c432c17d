// Forms, buttons and lists that do something: each sends its fields to the server and shows the sentence it answers with.
import { byId, element, setOptions, setText } from "./dom.js";
import { askTheChat, showTheChat } from "./tabs.js";

/** Performs an action; returns the server's sentence, or null if nothing was done. */
export async function act(control, fields = {}) {
  try {
    const response = await fetch(`/do/${control}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
    });
    const { done, said } = await response.json();
    if (!done) say(said, true);
    return done ? said : null;
  } catch {
    say("The sandbox isn't responding. Is it still running in its terminal?", true);
    return null;
  }
}

export function say(text, isTrouble = false) {
  const said = byId("said");
  said.classList.toggle("trouble", isTrouble);
  setText(said, text);
}

/** Whether the action has an effect in the chat, which is then brought to the front. */
function asksInTheChat(control, fields) {
  return control === "job-ask" || control === "message-menu" || (control === "job-start" && fields.watch === "on");
}

export async function actAndSay(control, fields, source) {
  source?.setAttribute("aria-busy", "true");
  const said = await act(control, fields);
  source?.removeAttribute("aria-busy");
  if (said === null) return;
  say(said);
  if (asksInTheChat(control, fields)) {
    showTheChat();
    askTheChat("go-to-the-newest");
  }
  if (control === "job-start") offerNextPrompt();
}

const PROMPTS = [
  "A paper boat passes under a bridge", "A lighthouse on a winter morning", "Fireflies in an old orchard",
  "A paper boat among water lilies", "A lighthouse under the northern lights", "Fireflies along a mountain path",
];

/** Offers the next prompt, unless somebody wrote their own, so that several jobs have different prompts. */
function offerNextPrompt() {
  const field = document.querySelector("form[data-do='job-start'] input[name='prompt']");
  const place = PROMPTS.indexOf(field.value);
  if (place >= 0) field.value = PROMPTS[(place + 1) % PROMPTS.length];
}

function fieldsOf(form, submitter = null) {
  const fields = {};
  for (const [name, value] of new FormData(form, submitter)) {
    fields[name] = name in fields ? [fields[name], value].flat() : value;
  }
  return fields;
}

function fieldsOfButton(button) {
  const given = Object.entries(button.dataset).filter(([name]) => name.startsWith("with"));
  return Object.fromEntries(given.map(([name, value]) => [name.slice("with".length).toLowerCase(), value]));
}

/** The field names of lists whose field isn't named like the control. */
const FIELD_OF_LIST = {
  "upload-limit": "limit", "person-language": "language", "server-language": "language", "log-of": "name",
};

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${what}.`);
  } catch {
    const field = byId("token");
    byId("token-label").hidden = false;
    field.value = text;
    field.select();
    say("This browser doesn't let the page copy. Copy the text from the selected field.");
  }
}

async function fillLists() {
  const offered = await (await fetch("/choices")).json();
  for (const select of document.querySelectorAll("select[data-choices]")) {
    setOptions(select, offered[select.dataset.choices].map((name) => [name, name]));
  }
  byId("permissions").replaceChildren(
    ...offered.permissions.map((name) => {
      const box = element("input", { type: "checkbox", name: "permissions", value: name, checked: true });
      return element("label", { className: "tick" }, box, ` ${name}`);
    }),
  );
  return offered;
}

/** Wires the page's static controls; returns the lists' options. */
export async function wireSwitches() {
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.dataset.do) actAndSay(form.dataset.do, fieldsOf(form, event.submitter), event.submitter);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-at-once]");
    if (form?.reportValidity()) actAndSay(form.dataset.do, fieldsOf(form), event.target);
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.press) actAndSay(button.dataset.press, fieldsOfButton(button), button);
    if (button?.dataset.copyToken) {
      const token = await act("token-show", { account: button.dataset.copyToken });
      if (token !== null) copy(token, button.textContent.slice("Copy ".length));
    }
  });
  for (const select of document.querySelectorAll("select[data-live]")) {
    const control = select.dataset.live;
    select.addEventListener("change", () => {
      actAndSay(control, { [FIELD_OF_LIST[control] ?? control]: select.value }, select);
    });
  }
  return fillLists();
}
