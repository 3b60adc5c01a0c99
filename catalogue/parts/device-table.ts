import type { FaultedPages, Mutex, PageFrame, VirtualRange } from '@hmm-sdk/hmm-api'
import type { Scene } from './scene.js'

/** What a driver keeps about a page that it read. */
export interface PageRead {
  readonly frame: PageFrame
  readonly writable: boolean
}

/** What the commit of a range fault says, to be used later: the root of many of these bugs. */
export function copyPages(pages: FaultedPages): (PageRead | undefined)[] {
  return Array.from({ length: pages.range.pages }, (_, index) =>
    pages.valid(index) ? { frame: pages.frame(index), writable: pages.writable(index) } : undefined,
  )
}

/**
 * The page table of a device, from pages of the process to frames, and the device that uses it. An
 * access to something that the process does not have there any more throws: what hardware would do
 * is corrupt memory.
 */
export class DeviceTable {
  readonly #scene: Scene
  readonly #bus: Mutex
  readonly #entries = new Map<number, PageRead>()
  /** Whether the device uses an entry for an access, or faults. */
  usable = (entry: PageRead, access: 'read' | 'write'): boolean =>
    access === 'read' || entry.writable

  constructor(scene: Scene) {
    this.#scene = scene
    this.#bus = scene.device.sync.mutex('bus')
  }

  /** Writes the entries of `range`. */
  install(range: VirtualRange, pages: FaultedPages | readonly (PageRead | undefined)[]): void {
    const read = 'notifier' in pages ? copyPages(pages) : pages
    read.forEach((page, index) => {
      if (page !== undefined) this.#entries.set(range.startPage + index, page)
    })
  }

  /** Clears the entries of `range`. */
  clear(range: VirtualRange): void {
    for (const page of range.chunks(1)) this.#entries.delete(page.startPage)
  }

  /** Whether there is an entry for the page, of that right. */
  has(page: VirtualRange, access: 'read' | 'write' = 'read'): boolean {
    const entry = this.#entries.get(page.startPage)
    return entry !== undefined && (access === 'read' || entry.writable)
  }

  /** The device accesses a page; false if it finds no entry, which is a device fault. */
  async access(page: VirtualRange, access: 'read' | 'write'): Promise<boolean> {
    await this.#bus.lock()
    try {
      const entry = this.#entries.get(page.startPage)
      if (entry === undefined || !this.usable(entry, access)) return false
      checkFrame(this.#scene, page, entry.frame, access)
      return true
    } finally {
      this.#bus.unlock()
    }
  }
}

/** Throws if the process does not have `frame` at `page`, or may not access it that way. */
export function checkFrame(
  { control, space }: Pick<Scene, 'control' | 'space'>,
  page: VirtualRange,
  frame: PageFrame,
  access: 'read' | 'write',
): void {
  const [there] = control.pagesOf(space, page)
  const what = `${access} of page ${page.toString()} through frame ${frame}`
  if (there === undefined) throw new Error(`stale: ${what}, which the process has no page at`)
  if (there.frame !== Number(frame)) {
    throw new Error(`stale: ${what}, where the process has frame ${there.frame}`)
  }
  if (access === 'write' && !there.writable) {
    throw new Error(`stale: ${what}, which the process may only read`)
  }
}
