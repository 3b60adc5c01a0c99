import type { AddressSpace } from '../../objects/address-space.js'
import type { VirtualRange } from '../../address/virtual-range.js'
import type { Userfault, Userfaultfd, UserfaultfdOptions } from '../../objects/userfaultfd.js'
import { ConformanceFailure } from './failure.js'
import type { Scene } from './scene.js'

/** A userfaultfd of a case, which hears of one fault after the other. */
export class Server {
  readonly userfaultfd: Userfaultfd
  readonly #faults: AsyncGenerator<Userfault>

  private constructor(userfaultfd: Userfaultfd) {
    this.userfaultfd = userfaultfd
    this.#faults = userfaultfd.faults()
  }

  static async open(
    t: Scene,
    range: VirtualRange,
    options: UserfaultfdOptions,
    space: AddressSpace = t.space,
  ): Promise<Server> {
    return new Server(t.own(await space.userfaultfd(range, options)))
  }

  /** The next touch that waits. */
  async next(): Promise<Userfault> {
    const next = await this.#faults.next()
    if (next.done === true) throw new ConformanceFailure('the faults end')
    return next.value
  }

  /** Waits for the next touch, and says what and where in `range` it is. */
  async nextIn(range: VirtualRange): Promise<string> {
    const { kind, access, page } = await this.next()
    return `${kind} ${access} ${page.startPage - range.startPage}`
  }

  /** Fills each page that is touched with its number in `range` plus `first`, until closed. */
  async fill(t: Scene, range: VirtualRange, first: number): Promise<void> {
    for (
      let next = await this.#faults.next();
      next.done !== true;
      next = await this.#faults.next()
    ) {
      const { page } = next.value
      const byte = first + page.startPage - range.startPage
      await this.userfaultfd.copy(page, pageOf(t, byte))
    }
  }
}

/** The bytes of a page that begins with `byte`. */
export function pageOf(t: Scene, byte: number, pages = 1): Uint8Array {
  const bytes = new Uint8Array(pages * t.pageSize)
  for (let page = 0; page < pages; page++) bytes[page * t.pageSize] = byte + page
  return bytes
}
