/** What can be kept in an {@link IntervalTree}: `[first, last]`, both inclusive, as the kernel's. */
export interface Interval {
  readonly first: number
  readonly last: number
}

class Node<T extends Interval> {
  left: Node<T> | undefined
  right: Node<T> | undefined
  /** Largest `last` in this subtree. */
  max: number

  constructor(
    readonly item: T,
    public order: number,
    readonly priority: number,
  ) {
    this.max = item.last
  }
}

/**
 * Intervals with O(log n) insertion, removal and O(log n + found) search: a treap ordered by
 * start, augmented with the largest end (the kernel's `interval_tree`). Equal starts keep the
 * order in which they came, unless told otherwise, so that every run visits in the same order.
 */
export class IntervalTree<T extends Interval> {
  #root: Node<T> | undefined
  readonly #nodes = new Map<T, Node<T>>()
  #order = 0
  #random = 0x2545_f491

  get size(): number {
    return this.#nodes.size
  }

  has(item: T): boolean {
    return this.#nodes.has(item)
  }

  insert(item: T): void {
    this.#insert(item, this.#order++)
  }

  /** Puts `item` behind `previous`, which starts where it does, before all that came later. */
  insertAfter(item: T, previous: T): void {
    const node = this.#nodes.get(previous)
    if (node === undefined || item.first !== previous.first) {
      throw new Error('the interval before it is not in the tree, or starts elsewhere')
    }
    this.#insert(item, this.#orderAfter(node) ?? (this.#renumber(), this.#orderAfter(node)!))
  }

  #insert(item: T, order: number): void {
    if (this.#nodes.has(item)) throw new Error('the interval is in the tree already')
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    const node = new Node(item, order, this.#random)
    this.#nodes.set(item, node)
    this.#root = insert(this.#root, node)
  }

  /** A number between that of `node` and those of all others behind it; undefined if there is none left. */
  #orderAfter(node: Node<T>): number | undefined {
    let next = this.#order
    for (const { item, order } of this.#nodes.values()) {
      if (item.first === node.item.first && order > node.order && order < next) next = order
    }
    const between = (node.order + next) / 2
    return between > node.order && between < next ? between : undefined
  }

  /** Whole numbers again: halves of halves end somewhere. */
  #renumber(): void {
    const nodes = [...this.#nodes.values()].sort((a, b) => a.order - b.order)
    for (const [order, node] of nodes.entries()) node.order = order
    this.#order = nodes.length
  }

  remove(item: T): void {
    const node = this.#nodes.get(item)
    if (node === undefined) throw new Error('the interval is not in the tree')
    this.#nodes.delete(item)
    this.#root = remove(this.#root, node)
  }

  /** Calls `visit` for each interval that has a point in `[first, last]`, in order of start. */
  forEachOverlap(first: number, last: number, visit: (item: T) => void): void {
    visitOverlaps(this.#root, first, last, visit)
  }

  overlaps(first: number, last: number): T[] {
    const found: T[] = []
    visitOverlaps(this.#root, first, last, (item) => found.push(item))
    return found
  }

  values(): IterableIterator<T> {
    return this.#nodes.keys()
  }
}

function before<T extends Interval>(a: Node<T>, b: Node<T>): boolean {
  return a.item.first !== b.item.first ? a.item.first < b.item.first : a.order < b.order
}

function update<T extends Interval>(node: Node<T>): Node<T> {
  let max = node.item.last
  if (node.left !== undefined && node.left.max > max) max = node.left.max
  if (node.right !== undefined && node.right.max > max) max = node.right.max
  node.max = max
  return node
}

function insert<T extends Interval>(root: Node<T> | undefined, node: Node<T>): Node<T> {
  if (root === undefined) return node
  if (node.priority > root.priority) {
    const [left, right] = split(root, node)
    node.left = left
    node.right = right
    return update(node)
  }
  if (before(node, root)) root.left = insert(root.left, node)
  else root.right = insert(root.right, node)
  return update(root)
}

/** Cuts the tree into what comes before `at` and what comes after. */
function split<T extends Interval>(
  root: Node<T> | undefined,
  at: Node<T>,
): [Node<T> | undefined, Node<T> | undefined] {
  if (root === undefined) return [undefined, undefined]
  if (before(root, at)) {
    const [left, right] = split(root.right, at)
    root.right = left
    return [update(root), right]
  }
  const [left, right] = split(root.left, at)
  root.left = right
  return [left, update(root)]
}

function remove<T extends Interval>(root: Node<T> | undefined, node: Node<T>): Node<T> | undefined {
  if (root === undefined) return undefined
  if (root === node) return merge(root.left, root.right)
  if (before(node, root)) root.left = remove(root.left, node)
  else root.right = remove(root.right, node)
  return update(root)
}

function merge<T extends Interval>(
  left: Node<T> | undefined,
  right: Node<T> | undefined,
): Node<T> | undefined {
  if (left === undefined) return right
  if (right === undefined) return left
  if (left.priority > right.priority) {
    left.right = merge(left.right, right)
    return update(left)
  }
  right.left = merge(left, right.left)
  return update(right)
}

function visitOverlaps<T extends Interval>(
  node: Node<T> | undefined,
  first: number,
  last: number,
  visit: (item: T) => void,
): void {
  if (node === undefined || node.max < first) return
  visitOverlaps(node.left, first, last, visit)
  if (node.item.first > last) return
  if (node.item.last >= first) visit(node.item)
  visitOverlaps(node.right, first, last, visit)
}
