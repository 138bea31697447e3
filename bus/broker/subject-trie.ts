/** A tree of subject patterns, token by token, with a value at each pattern: finds everything that takes a given subject. */

/** Made of nothing until something is put in: a client may own ten thousand patterns of many tokens each. */
class Node<T> {
  children: Map<string, Node<T>> | undefined;
  star: Node<T> | undefined;
  /** Values of patterns that end here. */
  here: Set<T> | undefined;
  /** Values of patterns that end in `>` here: they take one token more, or many. */
  rest: Set<T> | undefined;

  get isEmpty(): boolean {
    return (
      this.children === undefined &&
      this.star === undefined &&
      this.here === undefined &&
      this.rest === undefined
    );
  }
}

export class SubjectTrie<T> {
  readonly #root = new Node<T>();

  add(pattern: string, value: T): void {
    let node = this.#root;
    for (const token of pattern.split(".")) {
      if (token === ">") {
        node.rest ??= new Set();
        node.rest.add(value);
        return;
      }
      node = token === "*" ? starOf(node) : childOf(node, token);
    }
    node.here ??= new Set();
    node.here.add(value);
  }

  /** Takes the value out and prunes what has become empty, so that churn leaves nothing behind. */
  remove(pattern: string, value: T): void {
    removeFrom(this.#root, pattern.split("."), 0, value);
  }

  /** Appends the values of all patterns that take the subject to `found`. */
  collect(subject: string, found: T[]): void {
    collectFrom(this.#root, subject, 0, found);
  }

  /** True when some pattern takes the subject; stops at the first. */
  has(subject: string): boolean {
    return hasFrom(this.#root, subject, 0);
  }

  get isEmpty(): boolean {
    return this.#root.isEmpty;
  }
}

function childOf<T>(node: Node<T>, token: string): Node<T> {
  node.children ??= new Map();
  let child = node.children.get(token);
  if (child === undefined) {
    child = new Node<T>();
    node.children.set(token, child);
  }
  return child;
}

function starOf<T>(node: Node<T>): Node<T> {
  node.star ??= new Node<T>();
  return node.star;
}

function removeFrom<T>(node: Node<T>, tokens: readonly string[], index: number, value: T): void {
  const token = tokens[index];
  if (token === undefined) {
    node.here?.delete(value);
    if (node.here?.size === 0) node.here = undefined;
  } else if (token === ">") {
    node.rest?.delete(value);
    if (node.rest?.size === 0) node.rest = undefined;
  } else {
    const child = token === "*" ? node.star : node.children?.get(token);
    if (child === undefined) return;
    removeFrom(child, tokens, index + 1, value);
    if (child.isEmpty) dropChild(node, token);
  }
}

function dropChild<T>(node: Node<T>, token: string): void {
  if (token === "*") {
    node.star = undefined;
    return;
  }
  node.children?.delete(token);
  if (node.children?.size === 0) node.children = undefined;
}

function collectFrom<T>(node: Node<T>, subject: string, start: number, found: T[]): void {
  if (node.rest !== undefined) for (const value of node.rest) found.push(value);
  const dot = subject.indexOf(".", start);
  const isLast = dot === -1;
  const child = node.children?.get(isLast ? subject.slice(start) : subject.slice(start, dot));
  if (isLast) {
    if (child?.here !== undefined) for (const value of child.here) found.push(value);
    if (node.star?.here !== undefined) for (const value of node.star.here) found.push(value);
    return;
  }
  if (child !== undefined) collectFrom(child, subject, dot + 1, found);
  if (node.star !== undefined) collectFrom(node.star, subject, dot + 1, found);
}

function hasFrom<T>(node: Node<T>, subject: string, start: number): boolean {
  if (node.rest !== undefined) return true;
  const dot = subject.indexOf(".", start);
  const isLast = dot === -1;
  const child = node.children?.get(isLast ? subject.slice(start) : subject.slice(start, dot));
  if (isLast) return child?.here !== undefined || node.star?.here !== undefined;
  if (child !== undefined && hasFrom(child, subject, dot + 1)) return true;
  return node.star !== undefined && hasFrom(node.star, subject, dot + 1);
}
