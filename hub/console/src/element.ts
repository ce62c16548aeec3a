type Child = Node | string | undefined | false;

/** Builds an element; text is always text, so nothing from a cluster can become markup. */
export function element(tag: string, attributes: Record<string, string>, ...children: Child[]): HTMLElement {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child): child is Node | string => Boolean(child)));
  return node;
}

/** Makes these the parent's children in this order and touches only what differs: a selection or a scroll position elsewhere stays. */
export function keepChildren(parent: Element, wanted: readonly Node[]): void {
  const keep = new Set(wanted);
  for (const child of Array.from(parent.childNodes)) if (!keep.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** Builds the node of a key again only when what it is made of has changed. Forgets keys that a round did not ask for. */
export class KeptNodes {
  #last = new Map<string, { made: string; node: HTMLElement }>();
  #now = new Map<string, { made: string; node: HTMLElement }>();

  take<T extends object | string>(key: string, of: T, make: (of: T) => HTMLElement): HTMLElement {
    const made = JSON.stringify(of);
    const last = this.#last.get(key);
    const kept = last?.made === made ? last : { made, node: make(of) };
    this.#now.set(key, kept);
    return kept.node;
  }

  endRound(): void {
    this.#last = this.#now;
    this.#now = new Map();
  }
}

export function part(id: string): HTMLElement {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no #${id}`);
  return node;
}
