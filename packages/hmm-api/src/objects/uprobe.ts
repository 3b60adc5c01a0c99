import type { RawPin } from '../raw/raw-address-space.js'
import type { MemoryFile } from './memory-file.js'
import { Owned } from './owned.js'

/** A breakpoint in a file, until this is closed or the process ends. `uprobe_unregister` */
export class Uprobe extends Owned {
  /** Byte of the file. */
  readonly offset: number
  readonly #raw: RawPin

  /** @internal */
  constructor(file: MemoryFile, offset: number, raw: RawPin) {
    super(file.context, file, 'uprobe', `${file.name}+${offset}`)
    this.offset = offset
    this.#raw = raw
  }

  protected doClose(): Promise<void> {
    return this.#raw.close()
  }
}
