import type { RawFile } from '../raw/raw-address-space.js'
import type { AddressSpace } from './address-space.js'
import { checkInteger, checkPages } from './check.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** A file in memory that processes map (`memfd_create(2)`). */
export class MemoryFile extends Owned {
  readonly [RAW]: RawFile

  /** @internal */
  constructor(space: AddressSpace, raw: RawFile, name: string) {
    super(space.context, space, 'file', name)
    this[RAW] = raw
  }

  /** Cuts or grows it to `pages` pages (0 and more). Raises CLEAR over what goes. `ftruncate(2)` */
  truncate(pages: number): Promise<void> {
    return this.#run('file.truncate', () => this[RAW].truncate(checkInteger('pages', pages, 0)))
  }

  /** Frees pages, which read as zero afterwards. Raises CLEAR. `fallocate(2)` PUNCH_HOLE */
  punchHole(page: number, pages: number): Promise<void> {
    return this.#run('file.punchHole', () =>
      this[RAW].punchHole(checkInteger('page', page, 0), checkPages('pages', pages)),
    )
  }

  protected doClose(): Promise<void> {
    return this[RAW].close()
  }

  #run(op: string, run: () => Promise<void>): Promise<void> {
    return this.context.wait(op, undefined, () => {
      this.checkOpen(op)
      return run()
    })
  }
}
