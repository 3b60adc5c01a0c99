import { EBADF } from './call-error.js'
import type { Descriptor, FixedCall } from './descriptor.js'
import { wordOf } from './struct-view.js'
import * as uapi from './uapi.js'

const MIRROR = wordOf(uapi.Unmap, 'mirror')
const FIRST = wordOf(uapi.Unmap, 'first')
const PAGES = wordOf(uapi.Unmap, 'pages')
const UNMAPPED = wordOf(uapi.Unmap, 'unmapped')

/** UNMAP: it never waits, so all mirrors of a device have one argument, which is kept. */
export class FastUnmap {
  readonly #descriptor: Descriptor
  #call: FixedCall | undefined

  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor
  }

  /** How many pages were unmapped, or -errno. */
  run(mirror: number, first: number, pages: number): number {
    if (!this.#descriptor.isOpen) return -EBADF
    this.#call ??= this.#descriptor.fixed(uapi.IOC_UNMAP, uapi.Unmap)
    const { words } = this.#call
    words[MIRROR] = mirror
    words[FIRST] = first
    words[PAGES] = pages
    const result = this.#call.run()
    return result < 0 ? result : words[UNMAPPED]!
  }
}
