// All content is shown as text through these functions: nothing from a job, a member or the bot becomes HTML.

export function byId(id) {
  return document.getElementById(id);
}

/** Creates an element with properties, and with elements or texts as children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Sets a text only if it differs, so that selections and screen readers are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets a list's options. Without `chosen`, the selection stays. */
export function setOptions(select, options, chosen) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    const before = select.value;
    select.replaceChildren(...options.map(([value, label]) => element("option", { value, textContent: label })));
    select.dataset.options = wanted;
    if (options.some(([value]) => value === before)) select.value = before;
  }
  if (chosen !== undefined && document.activeElement !== select) select.value = chosen;
}

/** Keeps one child for each item, in the items' order; children are created once and changed in place. */
export function keepChildren(parent, items, keyOf, make, change) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const child = before.get(key) ?? make(item);
    child.dataset.key = key;
    before.delete(key);
    change(child, item);
    return child;
  });
  for (const gone of before.values()) gone.remove();
  wanted.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

export function clock(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], { hour12: false });
}
