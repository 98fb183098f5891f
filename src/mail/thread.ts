import { type Sliced, sliceSort } from '../base/slices.ts';
import type { SortKeys } from './mime/part.ts';
import { sentDate } from './sort.ts';

export type ThreadAlgorithm = 'orderedsubject' | 'references' | 'refs';

export interface ThreadItem {
  readonly uid: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  readonly keys: SortKeys;
}

/** A message and its replies; `uid` null where only the replies are here. RFC 5256 4 */
export interface ThreadNode {
  readonly uid: number | null;
  readonly children: readonly ThreadNode[];
}

/** Messages worked on between two yields. */
const step = 512;

/** Threads of messages given in mailbox order, in slices. RFC 5256 3 */
export function thread(items: readonly ThreadItem[], algorithm: ThreadAlgorithm): Sliced<ThreadNode[]> {
  return algorithm === 'orderedsubject' ? orderedSubject(items) : references(items, algorithm === 'references');
}

/** By base subject, then sent date: the first is the root, all others its children. RFC 5256 3, ORDEREDSUBJECT */
function* orderedSubject(items: readonly ThreadItem[]): Sliced<ThreadNode[]> {
  const groups = new Map<string, ThreadItem[]>();
  let n = 0;
  for (const item of items) {
    if (++n % step === 0) yield;
    const group = groups.get(item.keys.subject);
    if (group === undefined) groups.set(item.keys.subject, [item]);
    else group.push(item);
  }
  const threads: ThreadItem[][] = [];
  for (const group of groups.values()) threads.push(group.length > 1 ? yield* sliceSort(group, byDate) : group);
  const nodes: ThreadNode[] = [];
  for (const [first, ...rest] of yield* sliceSort(threads, (a, b) => byDate(a[0]!, b[0]!))) {
    if (nodes.length % step === 0) yield;
    nodes.push({ uid: first!.uid, children: rest.map(({ uid }) => ({ uid, children: [] })) });
  }
  return nodes;
}

function byDate(a: ThreadItem, b: ThreadItem): number {
  return sentDate(a) - sentDate(b) || a.uid - b.uid;
}

interface Node extends ThreadNode {
  uid: number | null;
  item: ThreadItem | null;
  parent: Node | null;
  /** How many have this as parent, while links still change. */
  count: number;
  children: Node[];
  /** Sent date and UID by which siblings are ordered. */
  date: number;
  order: number;
}

/** Most have none: all these share one list, which stays empty. */
const none: Node[] = [];

const blank = (): Node => ({ uid: null, item: null, parent: null, count: 0, children: none, date: 0, order: 0 });

/** A list grows from one on: most that have children have one. */
function adopt(parent: Node, child: Node): void {
  if (parent.children === none) parent.children = [child];
  else parent.children.push(child);
}

/**
 * REFERENCES; numbers of steps as in RFC 5256 3. REFS leaves out step 5 and orders threads by their newest internal date
 * (draft-ietf-morg-inthread 3). No recursion: a thread may be as deep as the mailbox is long.
 */
function* references(items: readonly ThreadItem[], mergeSubjects: boolean): Sliced<ThreadNode[]> {
  const all = yield* linked(items);
  const roots: Node[] = [];
  for (let n = 0; n < all.length; n++) {
    const node = all[n]!;
    if (node.parent === null) roots.push(node);
    else adopt(node.parent, node);
  }
  yield;
  let top = yield* pruned(roots);
  const bottomUp = yield* postOrder(top);
  yield* settleAll(bottomUp);
  if (!mergeSubjects) return yield* byNewest(top, bottomUp);
  top = yield* sliceSort(top, bySiblingDate);
  top = yield* merged(top);
  yield* settleAll(yield* postOrder(top));
  return yield* sliceSort(top, bySiblingDate);
}

/** (1) Links by References and In-Reply-To. */
function* linked(items: readonly ThreadItem[]): Sliced<Node[]> {
  const nodes = new Map<string, Node>();
  const all: Node[] = [];
  const nodeOf = (id: string): Node => {
    let node = nodes.get(id);
    if (node === undefined) {
      node = blank();
      nodes.set(id, node);
      all.push(node);
    }
    return node;
  };
  let n = 0;
  for (const item of items) {
    if (++n % step === 0) yield;
    const { messageId, references: ids } = item.keys;
    let node: Node | null = messageId === null ? null : nodeOf(messageId);
    // A missing id and the second use of one get a node of their own.
    if (node === null || node.item !== null) {
      node = blank();
      all.push(node);
    }
    node.item = item;
    node.uid = item.uid;
    // (A)
    let parent: Node | null = null;
    for (const id of ids) {
      const next = nodeOf(id);
      if (parent !== null && next.parent === null && !reaches(parent, next)) link(parent, next);
      parent = next;
    }
    // (B)
    if (node.parent !== null && node.parent !== parent) {
      node.parent.count--;
      node.parent = null;
    }
    if (parent !== null && node.parent === null && !reaches(parent, node)) link(parent, node);
  }
  return all;
}

function link(parent: Node, child: Node): void {
  child.parent = parent;
  parent.count++;
}

/** Whether `ancestor` is `node` or above it; what has no children is above nothing. */
function reaches(node: Node, ancestor: Node): boolean {
  if (node === ancestor) return true;
  if (ancestor.count === 0) return false;
  for (let up = node.parent; up !== null; up = up.parent) if (up === ancestor) return true;
  return false;
}

/** (3) Takes out nodes without message; at the top one stays where it has several children. */
function* pruned(roots: Node[]): Sliced<Node[]> {
  let n = 0;
  for (const node of yield* postOrder(roots)) {
    if (++n % step === 0) yield;
    if (node.children.some((child) => child.item === null))
      node.children = node.children.flatMap((child) => (child.item === null ? child.children : [child]));
  }
  return roots.flatMap((root) => (root.item !== null || root.children.length > 1 ? [root] : root.children));
}

/** Every node after its children. */
function* postOrder(roots: readonly Node[]): Sliced<Node[]> {
  const order: Node[] = [];
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (order.push(node) % step === 0) yield;
    const { children } = node;
    for (let n = 0; n < children.length; n++) stack.push(children[n]!);
  }
  return order.reverse();
}

/** (4), (6) Orders a node's children, which are settled themselves; a dummy stands where its first child would. */
function settle(node: Node): void {
  if (node.children.length > 1) node.children.sort(bySiblingDate);
  const first = node.children[0];
  if (node.item !== null) {
    node.date = sentDate(node.item);
    node.order = node.item.uid;
  } else if (first !== undefined) {
    node.date = first.date;
    node.order = first.order;
  }
}

function* settleAll(nodes: readonly Node[]): Sliced<void> {
  let n = 0;
  for (const node of nodes) {
    settle(node);
    if (++n % step === 0) yield;
  }
}

function bySiblingDate(a: Node, b: Node): number {
  return a.date - b.date || a.order - b.order;
}

/** The message a thread takes its subject from. */
function speaker(root: Node): ThreadItem {
  return (root.item ?? root.children[0]!.item)!;
}

/** (5) Gathers threads of one base subject. */
function* merged(top: Node[]): Sliced<Node[]> {
  const table = new Map<string, Node>();
  const isReply = (root: Node): boolean => speaker(root).keys.isReplyOrForward;
  let n = 0;
  for (const root of top) {
    if (++n % step === 0) yield;
    const { subject } = speaker(root).keys;
    if (subject === '') continue;
    const held = table.get(subject);
    if (held === undefined || (held.item !== null && (root.item === null || (isReply(held) && !isReply(root))))) table.set(subject, root);
  }
  const gone = new Set<Node>();
  const dummies = new Map<Node, Node>();
  for (const root of top) {
    if (++n % step === 0) yield;
    const { subject } = speaker(root).keys;
    const held = subject === '' ? undefined : table.get(subject);
    if (held === undefined || held === root || dummies.has(root)) continue;
    if (held.item === null) {
      for (const child of root.item === null ? root.children : [root]) adopt(held, child);
      gone.add(root);
    } else if (root.item !== null && isReply(root) && !isReply(held)) {
      adopt(held, root);
      gone.add(root);
    } else {
      const dummy = blank();
      dummy.children = [held, root];
      dummies.set(held, dummy);
      gone.add(root);
      table.set(subject, dummy);
    }
  }
  // A dummy stands in its first member's place; that member may have been merged before it was reached.
  return top.flatMap((root) => {
    const dummy = dummies.get(root);
    return dummy !== undefined ? [dummy] : gone.has(root) ? [] : [root];
  });
}

/** Threads by the newest internal date in each. */
function* byNewest(top: Node[], bottomUp: readonly Node[]): Sliced<Node[]> {
  const newest = new Map<Node, number>();
  for (const node of bottomUp) {
    if (newest.size % step === 0) yield;
    let date = node.item?.internalDate ?? Number.NEGATIVE_INFINITY;
    for (const child of node.children) date = Math.max(date, newest.get(child)!);
    newest.set(node, date);
  }
  return yield* sliceSort(top, (a, b) => newest.get(a)! - newest.get(b)! || a.order - b.order);
}

/**
 *     thread-list    = "(" (thread-members / thread-nested) ")"
 *     thread-members = nz-number *(SP nz-number) [SP thread-nested]
 *     thread-nested  = 2*thread-list
 *
 * RFC 5256 5. @param number what stands for a UID: itself or its sequence number
 */
export function* formatThreads(threads: readonly ThreadNode[], number: (uid: number) => number): Sliced<string> {
  const pieces: string[] = [];
  let n = 0;
  const stack: (ThreadNode | ')')[] = [...threads].reverse();
  /** Whether the node that comes next continues a line of single children. */
  let inLine = false;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (++n % step === 0) yield;
    if (next === ')') {
      pieces.push(')');
      continue;
    }
    if (!inLine) {
      pieces.push('(');
      stack.push(')');
    }
    if (next.uid !== null) pieces.push(inLine ? ' ' : '', String(number(next.uid)));
    const { children } = next;
    inLine = children.length === 1;
    if (children.length > 1) {
      if (next.uid !== null) pieces.push(' ');
      for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
    } else if (inLine) stack.push(children[0]!);
  }
  return pieces.join('');
}
