// Small pieces of the page. Whatever comes from the daemon enters it through textContent alone.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

export function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) node.append(child);
  return node;
}

export function drawing(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Writing only what has changed keeps selections, focus and screen readers undisturbed.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, className) {
  if (node.getAttribute("class") !== className) node.setAttribute("class", className);
}

// Puts the nodes into the parent in this order and takes the others out, moving only what has to.
export function setChildren(parent, nodes) {
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

// The shapes differ as well as the colours: disc with a tick, octagon with a bar, dashed ring.
const SHAPES = {
  met: () => [
    drawing("circle", { cx: 12, cy: 12, r: 10, class: "fill" }),
    drawing("path", { d: "M7 12.5l3.5 3.5L17 9", class: "mark" }),
  ],
  breached: () => [
    drawing("path", { d: "M8 2h8l6 6v8l-6 6H8l-6-6V8z", class: "fill" }),
    drawing("path", { d: "M12 6.5v7M12 17.2v.3", class: "mark" }),
  ],
  pending: () => [
    drawing("circle", { cx: 12, cy: 12, r: 10, class: "fill" }),
    drawing("path", { d: "M12 6.5V12l3.5 2.5", class: "mark" }),
  ],
  closed: () => [
    drawing("circle", { cx: 12, cy: 12, r: 9.5, class: "ring" }),
    drawing("path", { d: "M9 9v6M15 9v6", class: "bar" }),
  ],
  blind: () => [
    drawing("circle", { cx: 12, cy: 12, r: 9.5, class: "ring" }),
    drawing("path", { d: "M5.5 18.5l13-13", class: "bar" }),
  ],
  insufficient: () => [
    drawing("circle", { cx: 12, cy: 12, r: 9.5, class: "ring" }),
    drawing("path", { d: "M8 12h8", class: "bar" }),
  ],
};

export function icon() {
  return drawing("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
}

export function setIcon(node, state) {
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  node.replaceChildren(...SHAPES[state]());
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
