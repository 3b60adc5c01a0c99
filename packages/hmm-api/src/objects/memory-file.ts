import type { RawFile } from '../raw/raw-address-space.js'
import type { AddressSpace } from './address-space.js'
import { checkInteger, checkPages, checkUint8Array } from './check.js'
import type { HugePageSize } from './huge-page-size.js'
import { bounded } from '../sync/bounded.js'
import type { Wait } from './context.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'
import { Uprobe } from './uprobe.js'

/** A file in memory that processes map (`memfd_create(2)`). */
export class MemoryFile extends Owned {
  readonly [RAW]: RawFile
  /** Size of its huge pages, undefined if it has ordinary ones. */
  readonly hugetlb: HugePageSize | undefined
  readonly #space: AddressSpace

  /** @internal */
  constructor(
    space: AddressSpace,
    raw: RawFile,
    options: { readonly name: string; readonly hugetlb: HugePageSize | undefined },
  ) {
    super(space.context, space, 'file', options.name)
    this[RAW] = raw
    this.#space = space
    this.hugetlb = options.hugetlb
  }

  /**
   * Cuts or grows it to `pages` pages (0 and more). Raises CLEAR over what goes. EINVAL for a part of
   * a huge page. `ftruncate(2)`
   */
  truncate(pages: number, wait?: Wait): Promise<void> {
    return this.#run('file.truncate', wait, () =>
      this[RAW].truncate(checkInteger('pages', pages, 0)),
    )
  }

  /**
   * Frees pages, which read as zero afterwards. Raises CLEAR. Of huge pages it frees the whole ones,
   * and zeroes the rest. `fallocate(2)` PUNCH_HOLE
   */
  punchHole(page: number, pages: number, wait?: Wait): Promise<void> {
    return this.#run('file.punchHole', wait, () =>
      this[RAW].punchHole(checkInteger('page', page, 0), checkPages('pages', pages)),
    )
  }

  /**
   * Reads bytes of the file as it is, without mapping it: a hole reads as zeros and stays one. EINVAL
   * beyond the end. `pread(2)`
   */
  read(offset: number, length: number, wait?: Wait): Promise<Uint8Array> {
    return this.#run('file.read', wait, () =>
      this[RAW].read(checkInteger('offset', offset, 0), checkInteger('length', length, 0)),
    )
  }

  /**
   * Writes bytes to the file, which every shared mapping sees at once, without an event: the pages stay
   * where they are. EINVAL beyond the end, and for huge pages of a pool, which are written through
   * mappings only. `pwrite(2)`
   */
  write(offset: number, bytes: Uint8Array, wait?: Wait): Promise<void> {
    return this.#run('file.write', wait, () => {
      checkUint8Array('bytes', bytes)
      return this[RAW].write(checkInteger('offset', offset, 0), bytes)
    })
  }

  /**
   * Writes back what was written; nothing for a file in ordinary memory. Of a file on a disk or in
   * persistent memory shared mappings become read-only until the next write: raises PROTECTION_PAGE. `fsync(2)`
   */
  sync(wait?: Wait): Promise<void> {
    return this.#run('file.sync', wait, async () => this[RAW].sync?.())
  }

  /**
   * Puts a breakpoint on the instruction at byte `offset`, as a tracer does: into each mapping of the file that is
   * private and not writable, in the process that made the file (a fork copies it). There the page becomes a copy of
   * the process's own: CLEAR where the file's was mapped. When this is closed the instruction is as before, and the file's
   * page mapped once more unless the copy was changed otherwise or is held by somebody: CLEAR in any case. Linux 6.12
   * makes a copy each time, and so raises CLEAR for a page that is the process's own, too.
   *
   * EINVAL beyond the end and for a byte where no instruction begins, EIO for huge pages of a pool and persistent
   * memory. Capability `space.uprobe`. `uprobe_register`, by way of `perf_event_open(2)`
   */
  uprobe(offset: number, wait?: Wait): Promise<Uprobe> {
    return this.#run(
      'file.uprobe',
      wait,
      async () => {
        this.#space.capabilities.require('space.uprobe')
        this.#space.checkAlive('file.uprobe')
        checkInteger('offset', offset, 0)
        return new Uprobe(this, offset, await this[RAW].uprobe!(offset))
      },
      (late) => late.close(),
    )
  }

  protected doClose(): Promise<void> {
    return this[RAW].close()
  }

  #run<T>(
    op: string,
    wait: Wait | undefined,
    run: () => Promise<T>,
    discard?: (late: T) => unknown,
  ): Promise<T> {
    const open = (): Promise<T> => {
      this.checkOpen(op)
      return run()
    }
    return bounded(this.context, op, undefined, wait, open, discard)
  }
}
