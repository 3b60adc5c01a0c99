import type { UpdateWatch } from '../sim/scheduler.js'

/** Accesses of one page that are remembered, of each kind; of more, the oldest are forgotten. */
const MOST = 32

/** Bytes that somebody read or wrote, and when. */
interface Access {
  readonly who: object
  readonly name: string
  readonly time: number
  /** In the page. */
  readonly offset: number
  readonly bytes: Uint8Array
}

interface PageLog {
  writes: Access[]
  reads: Access[]
}

/**
 * Finds lost updates in pages of one thing, by their place in it: a process's private memory, or a
 * file.
 *
 * - A read that does not give what was last written there, though nobody discarded it.
 * - A write-back of a stale copy: somebody read, another wrote, and then the first writes what it
 *   had read over all that the other changed, as part of something larger.
 *
 * Only while schedules are explored, where accesses are steps with an order. Costs a copy of the
 * bytes that are moved.
 */
export class PageLogs {
  readonly #watch: UpdateWatch
  readonly #pages = new Map<number, PageLog>()
  #time = 0

  constructor(watch: UpdateWatch) {
    this.#watch = watch
  }

  has(page: number): boolean {
    return this.#pages.has(page)
  }

  /** `bytes` were read. */
  read(page: number, offset: number, bytes: Uint8Array): void {
    const log = this.#pages.get(page)
    if (log !== undefined && log.writes.length > 0) this.#checkRead(log, offset, bytes)
    // What is read before and after a race, everybody may know.
    if (!this.#watch.racing) return
    const access = this.#access(offset, bytes)
    remember(this.#logOf(page).reads, access, (old) => old.who === access.who)
  }

  /** `bytes` are about to be written. */
  written(page: number, offset: number, bytes: Uint8Array): void {
    const log = this.#logOf(page)
    const access = this.#access(offset, bytes)
    if (log.reads.length > 0 && log.writes.length > 0) this.#checkWriteBack(log, access)
    remember(log.writes, access, () => true)
  }

  /** What is in the pages was given up. */
  forget(first: number, pages: number): void {
    if (this.#pages.size === 0) return
    for (const page of this.#pages.keys()) {
      if (page >= first && page < first + pages) this.#pages.delete(page)
    }
  }

  /** The pages are somewhere else now (`mremap`). */
  move(from: number, to: number, pages: number): void {
    const moved = [...this.#pages].filter(([page]) => page >= from && page < from + pages)
    for (const [page] of moved) this.#pages.delete(page)
    for (const [page, log] of moved) this.#pages.set(page - from + to, log)
  }

  /** Each byte has to be what was last written there. */
  #checkRead({ writes }: PageLog, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      const last = lastOf(writes, offset + at)
      if (last === undefined || byteOf(last, offset + at) === bytes[at]) continue
      this.#watch.report(
        'lost-update',
        `what '${last.name}' wrote is gone: nobody wrote over it, and nobody discarded it`,
      )
      return
    }
  }

  #checkWriteBack({ writes, reads }: PageLog, access: Access): void {
    const own = reads.filter(({ who }) => who === access.who)
    if (own.length === 0) return
    for (const write of writes) {
      if (write.who === access.who || !undoes(writes, own, write, access)) continue
      this.#watch.report(
        'lost-update',
        `'${access.name}' writes back what it had read before '${write.name}' wrote there: that update is lost\n` +
          '  Write only what has changed, or read again what others may have written.',
      )
      return
    }
  }

  #access(offset: number, bytes: Uint8Array): Access {
    const who = this.#watch.who()
    return { who, name: who.name, time: ++this.#time, offset, bytes: bytes.slice() }
  }

  #logOf(page: number): PageLog {
    let log = this.#pages.get(page)
    if (log === undefined) this.#pages.set(page, (log = { writes: [], reads: [] }))
    return log
  }
}

/**
 * Whether `access` puts back, wherever `write` is the last one, what its author had read before
 * that, and does more than to write the same place once more.
 */
function undoes(
  writes: readonly Access[],
  own: readonly Access[],
  write: Access,
  access: Access,
): boolean {
  const from = Math.max(write.offset, access.offset)
  const to = Math.min(endOf(write), endOf(access))
  let changed = 0
  for (let at = from; at < to; at++) {
    if (lastOf(writes, at) !== write) continue
    const seen = lastOf(own, at)
    if (seen === undefined || seen.time > write.time) return false
    if (byteOf(seen, at) !== byteOf(access, at)) return false
    if (byteOf(seen, at) !== byteOf(write, at)) changed++
  }
  if (changed === 0) return false
  // A word that is set back to what it was is no copy of anything.
  return access.offset < write.offset || endOf(access) > endOf(write)
}

/** Adds `access`; those that it covers and that are `alike` tell nothing any more. */
function remember(list: Access[], access: Access, alike: (old: Access) => boolean): void {
  const end = endOf(access)
  for (let at = list.length - 1; at >= 0; at--) {
    const old = list[at]!
    if (old.offset >= access.offset && endOf(old) <= end && alike(old)) list.splice(at, 1)
  }
  list.push(access)
  if (list.length > MOST) list.shift()
}

/** The last access of the byte. */
function lastOf(list: readonly Access[], byte: number): Access | undefined {
  for (let at = list.length - 1; at >= 0; at--) {
    const access = list[at]!
    if (byte >= access.offset && byte < endOf(access)) return access
  }
  return undefined
}

function endOf({ offset, bytes }: Access): number {
  return offset + bytes.length
}

function byteOf({ offset, bytes }: Access, byte: number): number {
  return bytes[byte - offset]!
}
