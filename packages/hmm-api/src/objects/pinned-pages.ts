import type { VirtualRange } from '../address/virtual-range.js'
import type { RawPin } from '../raw/raw-address-space.js'
import type { AddressSpace } from './address-space.js'
import { Owned } from './owned.js'

/** Pages that are pinned until this is closed, or their process ends. `unpin_user_pages` */
export class PinnedPages extends Owned {
  readonly range: VirtualRange
  readonly #raw: RawPin

  /** @internal */
  constructor(space: AddressSpace, range: VirtualRange, raw: RawPin) {
    super(space.context, space, 'pinned-pages', range.toString())
    this.range = range
    this.#raw = raw
  }

  protected doClose(): Promise<void> {
    return this.#raw.close()
  }
}
